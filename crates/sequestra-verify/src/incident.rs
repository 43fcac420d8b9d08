//! What the head of an export says of an incident, compared with the events that follow.

use crate::{Result, refused};
use serde_json::Value;
use std::collections::BTreeSet;

/// Prefixes of what somebody's data are.
const THINGS: &[&str] = &["sub_", "smp_", "rds_", "run_", "obj_"];

/// What the lines say so far.
#[derive(Debug, Default)]
pub struct Seen {
    acts: u64,
    refused: u64,
    /// Of allowed decisions.
    touched: BTreeSet<String>,
    /// Of all lines.
    named: BTreeSet<String>,
}

impl Seen {
    /// Takes an event in.
    pub fn take(&mut self, event: &Value) {
        let about = event.get("about").and_then(Value::as_array).into_iter().flatten();
        let ids: Vec<&str> = about.filter_map(Value::as_str).collect();
        self.named.extend(ids.iter().map(|id| (*id).to_owned()));
        if event.get("event").and_then(Value::as_str) != Some("decision") {
            return;
        }
        if event.get("allowed").and_then(Value::as_bool) == Some(true) {
            self.acts = self.acts.saturating_add(1);
            let things = ids.iter().filter(|id| THINGS.iter().any(|kind| id.starts_with(kind)));
            self.touched.extend(things.map(|id| (*id).to_owned()));
        } else {
            self.refused = self.refused.saturating_add(1);
        }
    }

    /// Compares. Of a question about a thing, what else its decisions touched is another matter.
    pub fn compare(&self, incident: &Value, about_a_thing: bool) -> Result<()> {
        let count = |name: &str| incident.get(name).and_then(Value::as_u64);
        if count("acts") != Some(self.acts) || count("refused") != Some(self.refused) {
            return refused("it tells of another number of acts than follow");
        }
        let mut told = BTreeSet::new();
        for list in ["people", "things"] {
            let all = incident.get(list).and_then(Value::as_array);
            let Some(all) = all else { return refused(format!("its incident has no {list}")) };
            for one in all {
                let id = one.get("id").and_then(Value::as_str).unwrap_or_default();
                if !self.named.contains(id) {
                    return refused(format!("it names {}, of which no event tells", crate::text::clean(id)));
                }
                told.insert(id);
            }
        }
        match self.touched.iter().find(|id| !told.contains(id.as_str())) {
            Some(left_out) if !about_a_thing => {
                refused(format!("it leaves out {}, which an event tells of", crate::text::clean(left_out)))
            }
            _ => Ok(()),
        }
    }
}
