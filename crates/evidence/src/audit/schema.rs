//! C-AUD-03: who, what, about what, why, decided how.

use crate::site::Who;
use crate::vault::take_in;
use crate::{Control, Play, Result};
use serde_json::Value;

pub const CONTROL: Control = Control {
    id: "C-AUD-03",
    statement: "Each record says who acted, for which request, on what, in which project, for which purpose, how it \
                was decided and by which policy, when, in which order, and what came of it",
    test: "have people act and be refused, then look for each field in every record of the project",
    references: &["53 AU-3", "53 AU-3(1)"],
    scenario,
};

/// What every decision in a project says.
const FIELDS: [&str; 11] = [
    "position", "time", "event", "actor", "request", "project", "purpose", "about", "action", "allowed",
    "policy",
];

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let (package, stored) = take_in(&site, &project, 83)?;
    let object = stored.first().map(|one| one.object.clone()).unwrap_or_default();
    site.release(&object)?;
    play.does("release an object, and ask for one without the right");
    let done =
        site.run(Who::Analyst, &["object", "get", &object, "--reason", "no right", "--to", "/dev/null"])?;
    play.expect("who may not is refused", !done.is_done(), done.told());
    site.run(Who::Manager, &["object", "list", &package.sample])?;
    let search = ["audit", "search", "--project", &project, "--proof"];
    let found = site.json(Who::Steward, &search)?;
    let mut leaves = leaves(&found);
    play.spoil("a field is taken from a record", || {
        let decision = leaves.iter_mut().find(|leaf| is_decision(leaf));
        if let Some(event) = decision.and_then(|leaf| leaf.get_mut("event")).and_then(Value::as_object_mut) {
            event.remove("purpose");
        }
        Ok(())
    })?;
    let complete = found.get("complete").and_then(Value::as_bool) == Some(true);
    play.expect("the search is complete by proof", complete, format!("{} records", leaves.len()));
    let decisions: Vec<&Value> = leaves.iter().filter(|leaf| is_decision(leaf)).collect();
    let lacking: Vec<String> = decisions.iter().filter_map(|leaf| lacks(leaf)).collect();
    let both = [true, false]
        .map(|allowed| decisions.iter().any(|leaf| of(leaf, "allowed") == Some(&allowed.into())));
    play.expect(
        "decisions that allowed and that denied are there",
        both == [true, true],
        format!("{} decisions", decisions.len()),
    );
    play.expect(
        "each says all of it",
        lacking.is_empty(),
        lacking.first().cloned().unwrap_or_else(|| FIELDS.join(", ")),
    );
    let outcomes = leaves.iter().filter(|leaf| of(leaf, "event") == Some(&"outcome".into())).count();
    play.expect("and what came of it", outcomes > 0, format!("{outcomes} outcomes"));
    let positions: Vec<u64> = leaves.iter().filter_map(|leaf| leaf.get("position")?.as_u64()).collect();
    let ordered = positions.windows(2).all(|pair| matches!(pair, [a, b] if a > b));
    play.expect(
        "positions give one order",
        ordered && positions.len() == leaves.len(),
        format!("{} positions", positions.len()),
    );
    Ok(())
}

/// The leaves as stored.
fn leaves(found: &Value) -> Vec<Value> {
    let events = found.get("events").and_then(Value::as_array).into_iter().flatten();
    events.filter_map(|event| serde_json::from_str(event.get("leaf")?.as_str()?).ok()).collect()
}

fn of<'a>(leaf: &'a Value, field: &str) -> Option<&'a Value> {
    leaf.get("event").and_then(|event| event.get(field)).or_else(|| leaf.get(field))
}

fn is_decision(leaf: &Value) -> bool {
    of(leaf, "event") == Some(&"decision".into())
        || leaf.get("event").and_then(|e| e.get("event")) == Some(&"decision".into())
}

fn lacks(leaf: &Value) -> Option<String> {
    let missing: Vec<&str> = FIELDS.iter().copied().filter(|field| of(leaf, field).is_none()).collect();
    (!missing.is_empty()).then(|| format!("a decision lacks {}", missing.join(", ")))
}
