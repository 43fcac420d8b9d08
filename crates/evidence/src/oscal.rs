//! Evidence as OSCAL assessment results, the form in which auditors' tools read it.
//!
//! The model is NIST's, version 1.1.2: one result with an observation and a finding for each control.

use crate::{Evidence, Verdict};
use base::{Entropy, Timestamp, entropy};
use serde_json::{Value, json};

/// The version of the model.
const VERSION: &str = "1.1.2";

/// One document over the evidence of several controls.
pub fn document(evidence: &[Evidence], now: Timestamp, random: &dyn Entropy) -> Value {
    let began = evidence.iter().map(|one| one.began).min().unwrap_or(now);
    let program =
        evidence.first().map(|one| format!("{}, SHA-256 {}", one.program.version, one.program.sha256));
    let ids: Vec<String> = evidence.iter().map(|_| uuid(random)).collect();
    let observations: Vec<Value> = evidence.iter().zip(&ids).map(|(one, id)| observation(one, id)).collect();
    let findings: Vec<Value> = evidence.iter().zip(&ids).map(|(one, id)| finding(one, id, random)).collect();
    let controls: Vec<Value> = evidence.iter().map(|one| json!({"control-id": token(one.control)})).collect();
    json!({"assessment-results": {
        "uuid": uuid(random),
        "metadata": {
            "title": "Controls of Sequestra, played on throw-away sites",
            "last-modified": now.to_string(),
            "version": now.to_string(),
            "oscal-version": VERSION,
        },
        "import-ap": {"href": "#", "remarks": "The plan is the program's own: `sequestra controls list`."},
        "results": [{
            "uuid": uuid(random),
            "title": "sequestra controls run",
            "description": format!("Program {}", program.unwrap_or_default()),
            "start": began.to_string(),
            "end": now.to_string(),
            "reviewed-controls": {"control-selections": [{"include-controls": controls}]},
            "observations": observations,
            "findings": findings,
        }],
    }})
}

fn observation(one: &Evidence, id: &str) -> Value {
    let steps: Vec<Value> = one
        .steps
        .iter()
        .map(|step| {
            let held = if step.held { "as expected" } else { "not as expected" };
            json!({"description": format!("{}: {}; seen: {} ({held})", step.did, step.expected, step.saw)})
        })
        .collect();
    let mut observed = json!({
        "uuid": id,
        "title": one.control,
        "description": one.test,
        "methods": ["TEST"],
        "types": ["control-objective"],
        "collected": one.began.to_string(),
    });
    // The model wants at least one where there is the list.
    if let (false, Some(observed)) = (steps.is_empty(), observed.as_object_mut()) {
        observed.insert("relevant-evidence".to_owned(), steps.into());
    }
    observed
}

fn finding(one: &Evidence, observation: &str, random: &dyn Entropy) -> Value {
    let state = if one.verdict == Verdict::Holds { "satisfied" } else { "not-satisfied" };
    let reason = match one.verdict {
        Verdict::Holds => "pass",
        Verdict::Broken => "fail",
        Verdict::CannotFail | Verdict::NotPlayed => "other",
    };
    json!({
        "uuid": uuid(random),
        "title": one.control,
        "description": one.statement,
        "target": {
            "type": "objective-id",
            "target-id": token(one.control),
            "status": {"state": state, "reason": reason},
        },
        "related-observations": [{"observation-uuid": observation}],
    })
}

/// An id as the model's tokens are written.
fn token(id: &str) -> String {
    id.to_ascii_lowercase()
}

/// A random UUID, version 4.
fn uuid(random: &dyn Entropy) -> String {
    let mut bytes = entropy::bytes::<16>(random);
    let [_, _, _, _, _, _, six, _, eight, ..] = &mut bytes;
    *six = (*six & 0x0f) | 0x40;
    *eight = (*eight & 0x3f) | 0x80;
    let text = hex::encode(bytes);
    let parts =
        [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| text.get(part).unwrap_or_default().to_owned());
    parts.join("-")
}
