//! What the head of an export says of an incident, compared with the events that follow.

use crate::text::clean;
use crate::{Result, refused};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Prefixes of what somebody's data are.
const THINGS: &[&str] = &["sub_", "smp_", "rds_", "run_", "obj_"];

/// What the lines say so far.
#[derive(Debug, Default)]
pub struct Seen {
    acts: u64,
    refused: u64,
    /// Things, keys and accounts of allowed decisions.
    touched: BTreeSet<String>,
    keys: BTreeSet<String>,
    accounts: BTreeSet<String>,
    /// Things that belong together.
    links: Vec<Vec<String>>,
    /// Of all lines.
    named: BTreeSet<String>,
    /// Bytes that left, by account and request; of decisions without a request, by themselves.
    left: BTreeMap<(String, String), u64>,
}

impl Seen {
    /// Takes an event in.
    pub fn take(&mut self, event: &Value) {
        let about = event.get("about").and_then(Value::as_array).into_iter().flatten();
        let ids: Vec<String> = about.filter_map(Value::as_str).map(str::to_owned).collect();
        self.named.extend(ids.iter().cloned());
        let word = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match word("event").as_str() {
            "decision" if event.get("allowed").and_then(Value::as_bool) == Some(true) => {
                self.acts = self.acts.saturating_add(1);
                self.accounts.insert(word("actor"));
                self.keys.extend(ids.iter().filter(|id| id.starts_with("rcp_")).cloned());
                self.touched.extend(ids.into_iter().filter(|id| is_thing(id)));
            }
            "decision" => self.refused = self.refused.saturating_add(1),
            "linked" => self.links.push(ids),
            "outcome" => {
                let decision = event.get("decision").and_then(Value::as_u64).unwrap_or_default();
                let request = Some(word("request")).filter(|request| !request.is_empty());
                let bytes = event.get("bytes").and_then(Value::as_u64).unwrap_or_default();
                let of = (word("actor"), request.unwrap_or_else(|| decision.to_string()));
                let most = self.left.entry(of).or_default();
                *most = bytes.max(*most);
            }
            _ => {}
        }
    }

    /// Compares. Of a question about a thing, what else its decisions touched is another matter.
    pub fn compare(&self, incident: &Value, about: Option<&str>) -> Result<()> {
        let count = |name: &str| incident.get(name).and_then(Value::as_u64);
        if count("acts") != Some(self.acts) || count("refused") != Some(self.refused) {
            return refused("it tells of another number of acts than follow");
        }
        if count("released") != Some(self.left.values().sum()) {
            return refused("it tells of another number of bytes that left than follow");
        }
        let told = |list: &str, key: &str| -> BTreeSet<String> {
            let all = incident.get(list).and_then(Value::as_array).into_iter().flatten();
            all.map(|one| one.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()).collect()
        };
        if told("accounts", "actor") != self.accounts || told("keys", "id") != self.keys {
            return refused("it names other accounts or keys than follow");
        }
        let data: BTreeSet<String> = told("people", "id").union(&told("things", "id")).cloned().collect();
        if let Some(invented) = data.iter().find(|id| !self.named.contains(*id)) {
            return refused(format!("it names {}, of which no event tells", clean(invented)));
        }
        let touched = match about {
            Some(thing) if is_thing(thing) => &data,
            _ => &self.touched,
        };
        let with_them = self.links.iter().filter(|link| link.iter().any(|id| touched.contains(id)));
        let people = with_them.flatten().filter(|id| id.starts_with("sub_"));
        match touched.iter().chain(people).find(|id| !data.contains(*id)) {
            Some(left_out) => refused(format!("it leaves out {}, which an event tells of", clean(left_out))),
            None => Ok(()),
        }
    }
}

fn is_thing(id: &str) -> bool {
    THINGS.iter().any(|kind| id.starts_with(kind))
}
