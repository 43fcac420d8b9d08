//! The history of a thing, walked backwards along its chain.

use crate::{Audit, Error, Event, What};
use base::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An event as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Its position.
    pub position: u64,
    /// When the committer wrote it.
    pub time: Timestamp,
    /// For each of its chains, the position of the chain's event before it.
    pub previous: BTreeMap<String, Option<u64>>,
    /// The event.
    pub event: Event,
}

/// Everything the ledger holds about a thing and the things linked to it.
#[derive(Debug, Clone, Serialize)]
pub struct History {
    /// The events by position.
    pub events: Vec<Recorded>,
    /// The ids whose chains were walked: the one asked for and those linked to it.
    pub chains: BTreeSet<String>,
    /// The ledger's size when the walk began: complete for every position below it.
    pub size: u64,
}

/// Prefixes of the things that a link leads to, from a sample or subject towards its data.
const FOLLOWED: &[&str] = &["rds_", "obj_", "run_", "smp_"];

impl Audit {
    /// The event at `position`.
    pub fn recorded(&self, position: u64) -> Result<Recorded, Error> {
        let record = self.ledger().read(position).map_err(Error::Unreadable)?;
        serde_json::from_slice(&record.leaf).map_err(|source| Error::Unknown { position, source })
    }

    /// Everything about `id`, and about the objects, readsets and runs linked to it.
    ///
    /// Each chain is walked from its newest event to the one without a predecessor, so nothing on
    /// it can be missing: a gap would break the walk with an error.
    pub fn history(&self, id: &str) -> Result<History, Error> {
        let size = self.ledger().size();
        let mut chains = BTreeSet::from([id.to_owned()]);
        let mut waiting = vec![id.to_owned()];
        let mut events = BTreeMap::new();
        while let Some(chain) = waiting.pop() {
            let mut next = self.ledger().head(&chain);
            while let Some(position) = next {
                let recorded = self.recorded(position)?;
                next = recorded.previous.get(&chain).copied().flatten();
                if matches!(recorded.event.what, What::Linked {}) && recorded.event.about.contains(&chain) {
                    let linked = recorded.event.about.iter().filter(|id| follows(&chain, id));
                    waiting.extend(linked.filter(|id| chains.insert((*id).clone())).cloned());
                }
                events.insert(position, recorded);
            }
        }
        Ok(History { events: events.into_values().collect(), chains, size })
    }
}

/// A walk goes from people towards data, never from an object several people share back to them.
fn follows(from: &str, to: &str) -> bool {
    let rank = |id: &str| match id.get(..4) {
        Some("sub_") => 0,
        Some("smp_") => 1,
        Some("rds_") => 2,
        Some("run_") => 3,
        Some("obj_") => 4,
        _ => 5,
    };
    FOLLOWED.iter().any(|prefix| to.starts_with(prefix)) && rank(to) > rank(from)
}
