//! The signature around a statement: DSSE, Ed25519.

use crate::{Error, Result, Statement};
use aws_lc_rs::digest::{SHA256, digest};
use base::Sha256;
use base64::prelude::{BASE64_STANDARD, Engine};
use ledger::{SigningKey, VerifierKey};
use serde::{Deserialize, Serialize};

/// The media type of an in-toto statement in an envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A DSSE envelope with one signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    #[serde(rename = "payloadType")]
    payload_type: String,
    /// Base64 of the statement's JSON.
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: String,
    sig: String,
}

/// Signs `statement`. An error if it names something by other than an id.
pub fn sign(statement: &Statement, key: &SigningKey) -> Result<Envelope> {
    statement.check()?;
    let payload =
        serde_json::to_vec(statement).map_err(|_| Error::Malformed("the statement has no JSON form"))?;
    let signature = key.sign(&pre_authentication(PAYLOAD_TYPE, &payload));
    Ok(Envelope {
        payload_type: PAYLOAD_TYPE.to_owned(),
        payload: BASE64_STANDARD.encode(&payload),
        signatures: vec![Signature { keyid: key_id(&key.public()?), sig: BASE64_STANDARD.encode(signature) }],
    })
}

impl Envelope {
    /// SHA-256 of the payload in clear: what the ledger's event names.
    pub fn payload_digest(&self) -> Result<Sha256> {
        Ok(sha256(&self.payload()?))
    }

    /// The statement, without a look at the signature: for showing what the site itself just
    /// signed. Whoever holds a receipt from elsewhere asks [`crate::verify`].
    pub fn statement(&self) -> Result<Statement> {
        serde_json::from_slice(&self.payload()?)
            .map_err(|_| Error::Malformed("the statement has another shape"))
    }

    /// Checks the signature and gives the statement with its digest.
    pub(crate) fn open(&self, key: &VerifierKey) -> Result<(Statement, Sha256)> {
        let [signature] = self.signatures.as_slice() else {
            return Err(Error::Malformed("it has other than one signature"));
        };
        if self.payload_type != PAYLOAD_TYPE {
            return Err(Error::Malformed("its payload is of another type"));
        }
        let payload = self.payload()?;
        let bytes = BASE64_STANDARD.decode(&signature.sig).map_err(|_| Error::BadSignature)?;
        let signed = pre_authentication(&self.payload_type, &payload);
        if signature.keyid != key_id(key.public()) || !key.verifies(&signed, &bytes) {
            return Err(Error::BadSignature);
        }
        let statement: Statement = serde_json::from_slice(&payload)
            .map_err(|_| Error::Malformed("the statement has another shape"))?;
        statement.check()?;
        Ok((statement, sha256(&payload)))
    }

    fn payload(&self) -> Result<Vec<u8>> {
        BASE64_STANDARD.decode(&self.payload).map_err(|_| Error::Malformed("its payload is not base64"))
    }
}

/// DSSE's pre-authentication encoding: what is signed.
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// The first 16 hexadecimal characters of the SHA-256 of the public key.
fn key_id(public: &[u8; 32]) -> String {
    sha256(public).to_string().chars().take(16).collect()
}

fn sha256(bytes: &[u8]) -> Sha256 {
    let mut out = [0u8; 32];
    out.iter_mut().zip(digest(&SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    Sha256(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_bytes_are_those_of_the_specification() {
        // The example of the DSSE protocol.
        let signed = pre_authentication("http://example.com/HelloWorld", b"hello world");
        assert_eq!(signed, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }
}
