//! The file: one JSON document in one form, the envelope and its place in the ledger.

use crate::{Envelope, Error, Result};
use ledger::{Hash, Ledger, verify};
use serde::{Deserialize, Serialize};

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The signed statement.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The event that recorded it, with proof.
    #[serde(rename = "ledger")]
    pub inclusion: Inclusion,
}

/// An event with the proof that it is in the ledger of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inclusion {
    /// The event's leaf, as hashed.
    pub leaf: String,
    /// Its position.
    pub position: u64,
    /// The checkpoint: a signed note.
    pub checkpoint: String,
    /// The hashes from the leaf to the root, base64.
    pub proof: Vec<String>,
}

impl Inclusion {
    /// The event at `position` with a proof against the ledger as it is now.
    pub fn from_ledger(ledger: &Ledger, position: u64) -> Result<Self> {
        let record = ledger.read(position)?;
        let checkpoint = ledger.checkpoint()?;
        let size = verify::checkpoint(&checkpoint, ledger.verifier())?.size;
        let proof = ledger.inclusion(position, size)?.iter().map(Hash::to_string).collect();
        let leaf = String::from_utf8(record.leaf).map_err(|_| Error::Malformed("its event is not a text"))?;
        Ok(Self { leaf, position, checkpoint, proof })
    }

    pub(crate) fn hashes(&self) -> Result<Vec<Hash>> {
        let parse =
            |text: &String| Hash::parse_hash(text).map_err(|_| Error::Malformed("a hash is not base64"));
        self.proof.iter().map(parse).collect()
    }
}

/// As [`Receipt`], refusing what it does not know. A flattened part cannot.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    #[serde(rename = "payloadType")]
    payload_type: serde_json::Value,
    payload: serde_json::Value,
    signatures: serde_json::Value,
    ledger: Inclusion,
}

impl Receipt {
    /// The file's bytes: compact JSON and a line feed.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self).map_err(|_| Error::Malformed("it has no JSON form"))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Parses a file and accepts only the one form that [`Receipt::to_json`] gives.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let shape = |_| Error::Malformed("its document has another shape");
        let strict: Strict = serde_json::from_slice(bytes).map_err(shape)?;
        let envelope = serde_json::json!({
            "payloadType": strict.payload_type,
            "payload": strict.payload,
            "signatures": strict.signatures,
        });
        let receipt =
            Self { envelope: serde_json::from_value(envelope).map_err(shape)?, inclusion: strict.ledger };
        if receipt.to_json()? == bytes {
            Ok(receipt)
        } else {
            Err(Error::Malformed("its document is not in its one form"))
        }
    }
}
