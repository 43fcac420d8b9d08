//! Walks along a thing's chain and the chains that links lead to, some events at a time.

use crate::{Audit, Error, What};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Walks that are kept between the pages of their searches.
const KEPT: usize = 8;
/// Positions that all of those hold together, at 16 bytes each or so, before the oldest is given up.
const POSITIONS: usize = 4_000_000;

/// Prefixes of the things that a link leads to, from a sample or subject towards its data.
const FOLLOWED: &[&str] = &["rds_", "obj_", "run_", "smp_"];

/// How far a walk is. Of an event it keeps the position alone.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// The ids whose chains it goes along.
    pub chains: BTreeSet<String>,
    /// Where it was.
    pub positions: BTreeSet<u64>,
    waiting: Vec<String>,
    /// The chain that it is on, and the position that comes next.
    at: Option<(String, u64)>,
}

impl Walk {
    pub fn new(thing: &str) -> Self {
        let chains = BTreeSet::from([thing.to_owned()]);
        Self { chains, waiting: vec![thing.to_owned()], ..Self::default() }
    }

    /// Whether each chain was walked to its beginning.
    pub fn is_over(&self) -> bool {
        self.at.is_none() && self.waiting.is_empty()
    }

    /// Reads at most `most` events, and gives how many.
    ///
    /// # Errors
    /// [`Error::Unknown`] at an event that does not say what came before it: such a walk does not go on.
    pub fn go_on(&mut self, audit: &Audit, most: usize) -> Result<usize, Error> {
        let mut read = 0;
        while read < most {
            let Some((chain, position)) = self.next(audit)? else { break };
            read += 1;
            let recorded = audit.recorded(position)?;
            let before = recorded.before(&chain)?;
            let event = &recorded.event;
            if matches!(event.what, What::Linked {}) && event.about.contains(&chain) {
                for id in event.about.iter().filter(|id| follows(&chain, id)) {
                    if self.chains.insert(id.clone()) {
                        self.waiting.push(id.clone());
                    }
                }
            }
            self.positions.insert(position);
            self.at = before.map(|before| (chain, before));
        }
        Ok(read)
    }

    /// Where the next event is: on this chain, or at the head of one that waits.
    fn next(&mut self, audit: &Audit) -> Result<Option<(String, u64)>, Error> {
        if let Some(at) = self.at.take() {
            return Ok(Some(at));
        }
        while let Some(chain) = self.waiting.pop() {
            if let Some(head) = audit.ledger().head(&chain).map_err(Error::Unreadable)? {
                return Ok(Some((chain, head)));
            }
        }
        Ok(None)
    }
}

/// Walks between two pages, by the thing asked about and the ledger's size at the first page; the one that was used
/// last comes last. One that was given up begins anew with the next page.
#[derive(Debug, Default)]
pub(crate) struct Walks(Mutex<Vec<((String, u64), Walk)>>);

impl Walks {
    /// Takes a walk out, or begins it.
    pub fn take(&self, thing: &str, size: u64) -> Walk {
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = walks.iter().position(|((of, then), _)| of == thing && *then == size);
        at.map_or_else(|| Walk::new(thing), |at| walks.remove(at).1)
    }

    /// Keeps a walk for the next page.
    pub fn keep(&self, thing: &str, size: u64, walk: Walk) {
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        walks.retain(|((of, then), _)| of != thing || *then != size);
        walks.push(((thing.to_owned(), size), walk));
        let held = |walks: &[(_, Walk)]| walks.iter().map(|(_, walk)| walk.positions.len()).sum::<usize>();
        while walks.len() > KEPT || (walks.len() > 1 && held(&walks) > POSITIONS) {
            walks.remove(0);
        }
    }
}

/// How far a thing is from the person whose it is.
pub(crate) fn rank(id: &str) -> u8 {
    match id.get(..4) {
        Some("sub_") => 0,
        Some("smp_") => 1,
        Some("rds_") => 2,
        Some("run_") => 3,
        Some("obj_") => 4,
        _ => 5,
    }
}

/// Whether links can lead from a thing to others.
pub(crate) fn leads_on(id: &str) -> bool {
    rank(id) < 4
}

/// A walk goes from people towards data, never from an object several people share back to them.
fn follows(from: &str, to: &str) -> bool {
    FOLLOWED.iter().any(|prefix| to.starts_with(prefix)) && rank(to) > rank(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_from_people_to_data_and_never_back() {
        for (from, to) in [("sub_1", "smp_1"), ("smp_1", "rds_1"), ("rds_1", "obj_1"), ("run_1", "obj_1")] {
            assert!(follows(from, to) && !follows(to, from) && leads_on(from), "{from} {to}");
        }
        assert!(!follows("obj_1", "obj_2") && !follows("smp_1", "prj_1") && !follows("smp_1", "usr_1"));
        assert!(!leads_on("obj_1") && !leads_on("prj_1") && !leads_on("usr_1"));
    }

    #[test]
    fn walks_are_kept_up_to_a_number_and_a_size_and_the_one_used_last_stays() {
        let walks = Walks::default();
        let of =
            |n: u64, size: u64| Walk { positions: (0..size).collect(), ..Walk::new(&format!("smp_{n}")) };
        for n in 0..KEPT as u64 + 2 {
            walks.keep(&format!("smp_{n}"), 9, of(n, 3));
        }
        let there = |n: u64| !walks.take(&format!("smp_{n}"), 9).positions.is_empty();
        assert_eq!([0, 1, 2, 9].map(there), [false, false, true, true]);
        assert!(!there(9), "it was taken out");
        walks.keep("smp_1", 8, of(1, 3));
        assert!(walks.take("smp_1", 9).positions.is_empty(), "of another size");
        walks.keep("smp_1", 8, of(1, POSITIONS as u64 + 1));
        assert_eq!(walks.0.lock().unwrap().len(), 1);
    }
}
