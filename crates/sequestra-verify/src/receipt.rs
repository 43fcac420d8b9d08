//! Receipts: a DSSE envelope around an in-toto statement, and the event that recorded it with its
//! proof of inclusion. See `docs/spec/receipt.md`.

use crate::checkpoint::{self, Trust};
use crate::merkle::{self, Hash};
use crate::site::Site;
use crate::{Error, Result, refused, text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://sequestra.dev/receipt/v1";
const EVENT: &str = "receipt-issued";

/// A receipt that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// What it says: the in-toto statement.
    pub statement: Value,
    /// Where the ledger recorded it.
    pub position: u64,
    /// When, as the ledger's own clock had it.
    pub time: String,
    /// The size of the ledger that it was proved against.
    pub ledger_size: u64,
}

/// The file, its members in the order of its one form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
    ledger: Inclusion,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: String,
    sig: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inclusion {
    leaf: String,
    position: u64,
    checkpoint: String,
    proof: Vec<String>,
}

/// Checks a receipt with its bytes and the site's public keys alone.
pub fn verify(bytes: &[u8], site: &Site) -> Result<Verified> {
    let file = parse(bytes)?;
    let payload = text::base64(&file.payload).filter(|_| file.payload_type == PAYLOAD_TYPE);
    let Some(payload) = payload else { return refused("its payload is not an in-toto statement") };
    signed(&file, &payload, site)?;
    let statement = statement(&payload, site)?;
    let decision = statement.pointer("/predicate/ledger/position").and_then(Value::as_u64);
    let inclusion = &file.ledger;
    let trust = Trust::new(site.ledger.clone(), Vec::new(), None)?;
    let checkpoint = checkpoint::verify(inclusion.checkpoint.as_bytes(), &trust)?;
    if checkpoint.unknown > 0 || inclusion.checkpoint.matches("\n\u{2014} ").count() != 1 {
        return refused("its checkpoint has other than one signature");
    }
    let hash = |line: &String| text::base64_of(line).map(Hash);
    let Some(proof) = inclusion.proof.iter().map(hash).collect::<Option<Vec<_>>>() else {
        return refused("its proof is malformed");
    };
    let leaf = merkle::leaf(inclusion.leaf.as_bytes());
    merkle::inclusion(leaf, inclusion.position, checkpoint.size, checkpoint.root, &proof)?;
    let time = bound(inclusion, &payload, decision)?;
    Ok(Verified { statement, position: inclusion.position, time, ledger_size: checkpoint.size })
}

/// The file has one form: parsed and written again, it is the same bytes.
fn parse(bytes: &[u8]) -> Result<File> {
    let file: File = match serde_json::from_slice(bytes) {
        Ok(file) => file,
        Err(_) => return refused("it is not a receipt"),
    };
    let mut again = serde_json::to_vec(&file).unwrap_or_default();
    again.push(b'\n');
    if again == bytes { Ok(file) } else { refused("it is not in a receipt's one form") }
}

/// The receipt key signed the statement, in DSSE's encoding.
fn signed(file: &File, payload: &[u8], site: &Site) -> Result<()> {
    let [signature] = file.signatures.as_slice() else {
        return refused("it has other than one signature");
    };
    let mut message = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    let bytes = text::base64(&signature.sig).unwrap_or_default();
    let named = hex(&Sha256::digest(site.receipts.public())).get(..16) == Some(&signature.keyid);
    if named && site.receipts.verifies(&message, &bytes) {
        Ok(())
    } else {
        refused("it is not signed by the site's receipt key")
    }
}

/// The statement is a receipt's, of this site and this ledger.
fn statement(payload: &[u8], site: &Site) -> Result<Value> {
    let statement: Value = serde_json::from_slice(payload)
        .map_err(|_| Error::Refused("its statement is not JSON".to_owned()))?;
    let text = |pointer: &str| statement.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let known = only(statement.as_object(), &["_type", "subject", "predicateType", "predicate"])
        && only(statement.pointer("/predicate").and_then(Value::as_object), PREDICATE);
    if text("/_type") != STATEMENT_TYPE || text("/predicateType") != PREDICATE_TYPE || !known {
        return refused("its statement is of another type");
    }
    if text("/predicate/site") != site.id || text("/predicate/ledger/origin") != site.ledger.name() {
        return refused("it is of another site");
    }
    Ok(statement)
}

/// What a receipt of version 1 can say.
const PREDICATE: &[&str] = &[
    "what",
    "id",
    "site",
    "project",
    "about",
    "inputs",
    "workflow",
    "tools",
    "reference",
    "parameters",
    "actor",
    "on_behalf_of",
    "started",
    "finished",
    "quality",
    "ledger",
];

fn only(object: Option<&Map<String, Value>>, known: &[&str]) -> bool {
    object.is_some_and(|object| object.keys().all(|key| known.contains(&key.as_str())))
}

/// The event of the leaf names this statement, its own position, and comes after the decision.
/// Gives the time of the record.
fn bound(inclusion: &Inclusion, payload: &[u8], decision: Option<u64>) -> Result<String> {
    let leaf: Value = serde_json::from_str(&inclusion.leaf).unwrap_or_default();
    let text = |pointer: &str| leaf.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let holds = text("/event/event") == EVENT
        && text("/event/payload") == hex(&Sha256::digest(payload))
        && leaf.get("position").and_then(Value::as_u64) == Some(inclusion.position)
        && decision.is_some_and(|decision| decision < inclusion.position);
    match (holds, text("/time")) {
        (true, time) if !time.is_empty() => Ok(time.to_owned()),
        _ => refused("the ledger's event is not about this receipt"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
