//! What is said of what was verified: words for people, one JSON document for programs.

use crate::Error;
use crate::checkpoint::Checkpoint;
use crate::export::Exported;
use crate::proof::Proved;
use crate::receipt::Verified;
use crate::site::Site;
use crate::stream::Held;
use crate::text::clean;
use serde_json::{Value, json};

/// Something that holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// A receipt, under these keys.
    Receipt(Verified, Box<Site>),
    /// A checkpoint.
    Checkpoint(Checkpoint),
    /// An event of a ledger.
    Proof(Proved),
    /// Two checkpoints of one history.
    Consistency(Checkpoint, Checkpoint),
    /// Records of a receiver.
    Stream(Held),
    /// An export with proofs.
    Export(Exported),
}

impl Said {
    /// Lines for people.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Receipt(verified, site) => receipt(verified, site),
            Self::Checkpoint(found) => {
                let mut lines = vec!["verified: the checkpoint is the ledger's".to_owned()];
                lines.extend(checkpoint(found));
                lines
            }
            Self::Proof(proved) => proof(proved),
            Self::Consistency(old, new) => {
                let begins = format!(
                    "verified: the ledger of {} events begins with the {} events of the older checkpoint",
                    new.size, old.size
                );
                let mut lines = vec![begins];
                lines.extend(checkpoint(new));
                lines
            }
            Self::Stream(held) => stream(held),
            Self::Export(exported) => export(exported),
        }
    }

    /// The document.
    pub fn json(&self) -> Value {
        match self {
            Self::Receipt(verified, site) => json!({
                "verified": "receipt",
                "site": site.id,
                "ledger": site.ledger.name(),
                "position": verified.position,
                "time": verified.time,
                "ledger_size": verified.ledger_size,
                "statement": verified.statement,
            }),
            Self::Checkpoint(found) => json!({"verified": "checkpoint", "checkpoint": document(found)}),
            Self::Proof(proved) => json!({
                "verified": "proof",
                "position": proved.position,
                "event": proved.event,
                "checkpoint": document(&proved.checkpoint),
                "older": proved.older.as_ref().map(document),
            }),
            Self::Consistency(old, new) => {
                json!({"verified": "consistency", "older": document(old), "checkpoint": document(new)})
            }
            Self::Stream(held) => json!({
                "verified": "stream",
                "ledger": held.ledger,
                "records": held.records,
                "repeats": held.repeats,
                "first": held.first,
                "last": held.last,
                "every_position": held.every,
                "checked_fields": ["raw_data", "unmapped.position", "unmapped.before", "unmapped.leaf_hash", "metadata.log_name"],
                "checkpoint": held.checkpoint.as_ref().map(document),
            }),
            Self::Export(exported) => json!({
                "verified": "export",
                "events": exported.events,
                "positions": exported.positions,
                "search": exported.search,
                "said_complete": exported.said_complete,
                "why_not": exported.why_not,
                "checkpoint": document(&exported.checkpoint),
            }),
        }
    }
}

/// The document of a refusal.
pub fn refusal(error: &Error) -> Value {
    let (Error::Refused(reason) | Error::Misuse(reason)) = error;
    let kind = if matches!(error, Error::Refused(_)) { "refused" } else { "misuse" };
    json!({"verified": null, kind: reason})
}

fn document(found: &Checkpoint) -> Value {
    let witness = |(name, time): &(String, u64)| json!({"witness": name, "time": time});
    json!({
        "ledger": found.origin,
        "size": found.size,
        "root": found.root.to_string(),
        "cosigned": found.cosigned.iter().map(witness).collect::<Vec<_>>(),
        "unknown_signatures": found.unknown,
    })
}

fn checkpoint(found: &Checkpoint) -> Vec<String> {
    let mut lines = vec![
        format!("  ledger {}", clean(&found.origin)),
        format!("  {} events, root {}", found.size, found.root),
    ];
    for (name, time) in &found.cosigned {
        lines.push(format!("  cosigned by {} at {time} seconds since 1970", clean(name)));
    }
    if found.cosigned.is_empty() {
        lines.push("  no witness was asked for: another history may have been shown to others".to_owned());
    }
    if found.unknown > 0 {
        lines.push(format!("  {} signatures of keys that were not given: not looked at", found.unknown));
    }
    lines
}

fn proof(proved: &Proved) -> Vec<String> {
    let mut lines = vec![format!("verified: the event is in the ledger at position {}", proved.position)];
    lines.extend(checkpoint(&proved.checkpoint));
    match &proved.older {
        Some(older) => {
            lines.push(format!("  nothing before the older checkpoint of {} events changed", older.size));
        }
        None => lines.push("  the file holds no older checkpoint to compare with".to_owned()),
    }
    lines.push("the event says".to_owned());
    lines.push(format!("  {}", clean(&String::from_utf8_lossy(&proved.leaf))));
    lines
}

fn stream(held: &Held) -> Vec<String> {
    let Held { records, repeats, first, last, .. } = held;
    let mut lines = vec![
        format!("verified: no record is missing between {first} and {last}"),
        format!("  {records} records that say they are of ledger {}, {repeats} repeats", clean(&held.ledger)),
    ];
    lines.push(
        "  of each record the event itself (`raw_data`), its place and its ledger were checked; its other fields retell \
         the event, and what they say was not compared"
            .to_owned(),
    );
    if !held.every {
        lines.push("  not every position: the stream is one of chosen events".to_owned());
    }
    match &held.checkpoint {
        Some(found) => {
            lines.push("verified: they are the ledger's, event by event, up to this checkpoint".to_owned());
            lines.extend(checkpoint(found));
        }
        None => lines.push(
            "  not compared with a checkpoint: that the ledger holds them is not shown (`--checkpoint`)"
                .to_owned(),
        ),
    }
    lines
}

fn export(exported: &Exported) -> Vec<String> {
    let mut lines = vec![format!("verified: {} events, each in the ledger", exported.events)];
    lines.extend(checkpoint(&exported.checkpoint));
    match (exported.positions, &exported.search) {
        (Some((first, end)), _) => lines.push(format!("  every event from {first} on, before {end}")),
        (None, Some(search)) => {
            let word = if exported.said_complete { "says" } else { "does not say" };
            lines.push(format!(
                "  chosen by {}; the site {word} that none is missing",
                clean(&search.to_string())
            ));
            if exported.incident {
                lines.push(
                    "  its incident has as many acts and bytes as follow, and names whom and what they name"
                        .to_owned(),
                );
            }
            lines.extend(exported.why_not.iter().map(|why| format!("  its reason: {}", clean(why))));
        }
        (None, None) => {}
    }
    lines
}

fn receipt(verified: &Verified, site: &Site) -> Vec<String> {
    let said = |pointer: &str| match verified.statement.pointer(pointer) {
        Some(Value::String(text)) => clean(text),
        Some(other) => clean(&other.to_string()),
        None => "-".to_owned(),
    };
    let mut lines = vec![
        "verified: the receipt holds".to_owned(),
        format!("  signed by the receipt key of site {}", site.id),
        format!(
            "  recorded at position {} of ledger {} on {}, proved against {} events",
            verified.position,
            clean(site.ledger.name()),
            clean(&verified.time),
            verified.ledger_size
        ),
        "it says".to_owned(),
        format!("  {}: {}", said("/predicate/what"), said("/predicate/id")),
        format!(
            "  by {}, from {} to {}, allowed by the decision at position {}",
            said("/predicate/actor"),
            said("/predicate/started"),
            said("/predicate/finished"),
            said("/predicate/ledger/position")
        ),
    ];
    for (word, pointer) in [
        ("project", "/predicate/project"),
        ("about", "/predicate/about"),
        ("workflow", "/predicate/workflow"),
        ("tools", "/predicate/tools"),
        ("reference", "/predicate/reference"),
        ("parameters", "/predicate/parameters"),
        ("quality", "/predicate/quality"),
        ("inputs", "/predicate/inputs"),
        ("outputs", "/subject"),
    ] {
        if verified.statement.pointer(pointer).is_some() {
            lines.push(format!("  {word}: {}", said(pointer)));
        }
    }
    lines
}
