//! A passkey in software, with everything that can be wrong about one.

use crate::{Error, Result};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base::{Entropy, entropy};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

/// A passkey for one account, for scenarios and tests. What it says of itself is its fields', right unless one of these changes them.
pub struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    user: Option<Value>,
    /// The origin that its browser names.
    pub origin: String,
    /// The name that it thinks it is asked by.
    pub relying_party: String,
    /// Whether it verified its user.
    pub verified: bool,
    /// How often it was used, as it says.
    pub counter: u32,
    /// The kind of ceremony that its browser names.
    pub kind: Option<&'static str>,
    /// A challenge of its own, instead of the one it was given.
    pub challenge: Option<String>,
    /// A change of its signature.
    pub spoil: bool,
}

impl Authenticator {
    /// A new one, in a browser that shows pages at `origin`, such as `https://genomes.example.org:8443`.
    pub fn at(origin: &str, random: &dyn Entropy) -> Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
        let key = key.map_err(|_| Error::unplayable("no key could be made"))?;
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        let name = host.split_once(':').map_or(host, |(name, _)| name);
        Ok(Self {
            key,
            id: entropy::bytes::<16>(random).to_vec(),
            user: None,
            origin: origin.to_owned(),
            relying_party: name.to_owned(),
            verified: true,
            counter: 0,
            kind: None,
            challenge: None,
            spoil: false,
        })
    }

    /// Answers the options of an enrolment.
    pub fn enrol(&mut self, options: &Value) -> Value {
        self.user = options.pointer("/publicKey/user/id").cloned();
        let client = self.client("webauthn.create", options);
        let mut data = self.data(0x40);
        data.extend([0u8; 16]);
        // 16 bytes of id, after their length.
        data.extend([0, 16]);
        data.extend(&self.id);
        data.extend(self.cose_key());
        // {"fmt": "none", "attStmt": {}, "authData": h'…'}
        let mut object = vec![0xa3, 0x63];
        object.extend(b"fmt\x64none\x67attStmt\xa0\x68authData\x58");
        // Never longer than 255 bytes: all of its parts are of one length.
        object.extend(u8::try_from(data.len()));
        object.extend(&data);
        json!({
            "id": BASE64.encode(&self.id), "rawId": BASE64.encode(&self.id), "type": "public-key",
            "response": {
                "attestationObject": BASE64.encode(object), "clientDataJSON": BASE64.encode(client),
            },
            "clientExtensionResults": {},
        })
    }

    /// Answers the options of a sign-in or a confirmation.
    pub fn answer(&mut self, options: &Value) -> Result<Value> {
        let client = self.client("webauthn.get", options);
        self.counter += 1;
        let data = self.data(0);
        let mut signed = data.clone();
        signed.extend(digest(&SHA256, &client).as_ref());
        let signature = self.key.sign(&SystemRandom::new(), &signed);
        let mut signature =
            signature.map_err(|_| Error::unplayable("no signature could be made"))?.as_ref().to_vec();
        if let Some(last) = signature.last_mut().filter(|_| self.spoil) {
            *last ^= 1;
        }
        Ok(json!({
            "id": BASE64.encode(&self.id), "rawId": BASE64.encode(&self.id), "type": "public-key",
            "response": {
                "authenticatorData": BASE64.encode(data), "clientDataJSON": BASE64.encode(client),
                "signature": BASE64.encode(signature), "userHandle": self.user,
            },
            "clientExtensionResults": {},
        }))
    }

    fn client(&self, kind: &str, options: &Value) -> Vec<u8> {
        let asked = options.pointer("/publicKey/challenge").cloned();
        let challenge = self.challenge.clone().map(Value::String).or(asked);
        let kind = self.kind.unwrap_or(kind);
        let said = json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false});
        said.to_string().into_bytes()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, self.relying_party.as_bytes()).as_ref().to_vec();
        data.push(0x01 | if self.verified { 0x04 } else { 0 } | flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// ES256 on P-256: {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
    fn cose_key(&self) -> Vec<u8> {
        // An uncompressed point: 0x04, x, y.
        let (_, point) = self.key.public_key().as_ref().split_at(1);
        let (x, y) = point.split_at(32);
        let mut key = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        key.extend(x);
        key.extend([0x22, 0x58, 0x20]);
        key.extend(y);
        key
    }
}
