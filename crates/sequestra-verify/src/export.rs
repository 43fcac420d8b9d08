//! The file of `audit export --form proof`: a head with a checkpoint, then one event a line with its proof.

use crate::checkpoint::{self, Checkpoint, Trust};
use crate::incident::Seen;
use crate::merkle::{self, Hash};
use crate::{Error, Result, refused, text};
use serde::Deserialize;
use serde_json::Value;
use std::io::BufRead;

const FORMAT: &str = "sequestra-audit-export/v1";
/// Most bytes of an event's line.
const LONGEST: u64 = 1 << 20;
/// Most bytes of the head, which names each person and thing of an incident.
const HEAD: u64 = 1 << 28;

/// An export that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// Events.
    pub events: u64,
    /// The first position and the one after the last, where every event between is there.
    pub positions: Option<(u64, u64)>,
    /// The conditions that the events answer, as the site says.
    pub search: Option<Value>,
    /// Whether its head tells of an incident, in the site's words.
    pub incident: bool,
    /// Whether the site says that nothing that answers is missing.
    pub said_complete: bool,
    /// Why it does not say so, in the site's words.
    pub why_not: Option<String>,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    export: String,
    ledger: String,
    checkpoint: String,
    events: u64,
    #[serde(default)]
    positions: Option<[u64; 2]>,
    #[serde(default)]
    search: Option<Value>,
    #[serde(default)]
    suspected: Option<Value>,
    #[serde(default)]
    incident: Option<Value>,
    complete: bool,
    #[serde(default)]
    broken: bool,
    #[serde(default)]
    why_not: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    position: u64,
    leaf: String,
    proof: Vec<String>,
}

/// Checks every line against the checkpoint of the first, and that the file is whole.
pub fn verify(mut file: impl BufRead, trust: &Trust) -> Result<Exported> {
    let head: Head = match next(&mut file, HEAD)? {
        Some(line) => {
            parse(&line).ok_or_else(|| Error::Refused("it is not an export with proofs".to_owned()))?
        }
        None => return refused("it is empty"),
    };
    if head.export != FORMAT {
        return refused("it is an export of another format");
    }
    let checkpoint = checkpoint::verify(head.checkpoint.as_bytes(), trust)?;
    if head.ledger != checkpoint.origin {
        return refused("it says that it is of another ledger than its checkpoint");
    }
    if head.broken {
        return refused("the site says that a chain has a gap");
    }
    if head.complete && head.why_not.is_some() {
        return refused("it says that it is complete, and why it is not");
    }
    let mut seen = Seen::default();
    let (mut events, mut after) = (0u64, head.positions.map(|[first, _]| first));
    while let Some(line) = next(&mut file, LONGEST)? {
        let place = format!("the event of line {}", events.saturating_add(2));
        let Some(line) = parse::<Line>(&line) else { return refused(format!("{place} is not one")) };
        let in_order = match (head.positions, after) {
            (Some(_), Some(wanted)) => line.position == wanted,
            (_, Some(lowest)) => line.position >= lowest,
            (_, None) => true,
        };
        if !in_order {
            return refused(format!(
                "{place}: position {} is out of order, or one before it is missing",
                line.position
            ));
        }
        let event = one(&line, &checkpoint);
        let event = event.map_err(|error| Error::Refused(format!("{place}: {}", reason(&error))))?;
        if head.incident.is_some() {
            seen.take(&event);
        }
        after = Some(line.position.saturating_add(1));
        events = events.saturating_add(1);
    }
    if events != head.events || head.positions.is_some_and(|[_, end]| after != Some(end)) {
        return refused("it does not hold as many events as it says: it is cut");
    }
    if let Some(incident) = &head.incident {
        let about = head.suspected.as_ref().and_then(|asked| asked.get("about")?.as_str());
        seen.compare(incident, about)?;
    }
    Ok(Exported {
        events,
        positions: head.positions.map(|[first, end]| (first, end)),
        search: head.search.or(head.suspected),
        incident: head.incident.is_some(),
        said_complete: head.complete,
        why_not: head.why_not,
        checkpoint,
    })
}

/// The event of a line that the checkpoint holds.
fn one(line: &Line, checkpoint: &Checkpoint) -> Result<Value> {
    let hashes: Option<Vec<Hash>> =
        line.proof.iter().map(|hash| Some(Hash(text::base64_of(hash)?))).collect();
    let hashes = hashes.ok_or_else(|| Error::Refused("its proof is not one".to_owned()))?;
    let leaf = merkle::leaf(line.leaf.as_bytes());
    merkle::inclusion(leaf, line.position, checkpoint.size, checkpoint.root, &hashes)?;
    let inner: Value = serde_json::from_str(&line.leaf).unwrap_or_default();
    match inner.get("position").and_then(Value::as_u64) {
        Some(position) if position == line.position => Ok(inner.get("event").cloned().unwrap_or_default()),
        _ => refused("the event says that it is at another position"),
    }
}

fn reason(error: &Error) -> &str {
    let (Error::Refused(why) | Error::Misuse(why)) = error;
    why
}

/// A document without white space between its parts: a file has one text.
fn parse<T: serde::de::DeserializeOwned>(line: &[u8]) -> Option<T> {
    let (mut inside, mut escaped) = (false, false);
    for byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b' ' | b'\t' | b'\r' | b'\n' if !inside => return None,
            _ => {}
        }
    }
    serde_json::from_slice(line).ok()
}

fn next(file: &mut impl BufRead, most: u64) -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    match std::io::Read::take(file, most).read_until(b'\n', &mut line) {
        Err(error) => Err(Error::Misuse(format!("it cannot be read: {error}"))),
        Ok(0) => Ok(None),
        Ok(_) if line.pop() == Some(b'\n') => Ok(Some(line)),
        Ok(_) => refused("its last line is cut, or a line is longer than any event"),
    }
}
