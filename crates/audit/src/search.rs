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

impl Recorded {
    /// The position before this one on `chain`, which this event stands on; none at its beginning.
    pub(crate) fn before(&self, chain: &str) -> Result<Option<u64>, Error> {
        let broken =
            |why: &str| Error::Unknown { position: self.position, source: serde::de::Error::custom(why) };
        match self.previous.get(chain) {
            None => Err(broken("it does not say what stands before it on a chain it is on")),
            Some(Some(before)) if *before >= self.position => {
                Err(broken("it names a later event as the one before it"))
            }
            Some(before) => Ok(*before),
        }
    }
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
    /// Each chain is walked from its newest event to the one that says it has no predecessor, so
    /// nothing on it can be missing: an event that does not say what came before it on the chain,
    /// or names a later one, ends the walk with [`Error::Unknown`].
    pub fn history(&self, id: &str) -> Result<History, Error> {
        let size = self.ledger().size();
        let mut chains = BTreeSet::from([id.to_owned()]);
        let mut waiting = vec![id.to_owned()];
        let mut events = BTreeMap::new();
        while let Some(chain) = waiting.pop() {
            let mut next = self.ledger().head(&chain).map_err(Error::Unreadable)?;
            while let Some(position) = next {
                let recorded = self.recorded(position)?;
                next = recorded.before(&chain)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Actor;
    use base::{Id, SiteId, SystemEntropy};

    fn at(position: u64, previous: &[(&str, Option<u64>)]) -> Recorded {
        let site = Actor::Site(SiteId::mint(&SystemEntropy));
        Recorded {
            position,
            time: Timestamp::UNIX_EPOCH,
            previous: previous.iter().map(|(chain, before)| ((*chain).to_owned(), *before)).collect(),
            event: Event::new(site, What::SiteClosed {}),
        }
    }

    #[test]
    fn a_walk_ends_at_a_beginning_and_never_at_a_gap() {
        assert_eq!(at(5, &[("smp_a", Some(3))]).before("smp_a").unwrap(), Some(3));
        assert_eq!(at(5, &[("smp_a", None)]).before("smp_a").unwrap(), None);
        for broken in [at(5, &[("smp_b", None)]), at(5, &[("smp_a", Some(5))]), at(5, &[("smp_a", Some(9))])]
        {
            assert!(matches!(broken.before("smp_a"), Err(Error::Unknown { position: 5, .. })));
        }
    }

    #[test]
    fn links_lead_from_people_to_data_and_never_back() {
        for (from, to) in [("sub_1", "smp_1"), ("smp_1", "rds_1"), ("rds_1", "obj_1"), ("run_1", "obj_1")] {
            assert!(follows(from, to) && !follows(to, from), "{from} {to}");
        }
        assert!(!follows("obj_1", "obj_2") && !follows("smp_1", "prj_1") && !follows("smp_1", "usr_1"));
    }
}
