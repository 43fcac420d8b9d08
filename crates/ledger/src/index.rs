//! Where a term occurs: the chains of an event, and what a caller's [`Terms`] finds in its body.

use crate::leaf::Leaf;
use crate::{Error, Ledger, Result};
use std::ops::Range;

/// Events taken into memory at once while the log itself is looked through.
const STRIDE: u64 = 4096;

/// The words by which events can be found, beside their chains.
///
/// A pure function of the event's body: the index is thrown away and built again from the log at
/// any time, so the same body must always give the same terms.
pub trait Terms: Send + Sync + 'static {
    /// Calls `add` with each term of `event`, the caller's JSON object as it stands in the leaf.
    /// Repeats do not matter. An event that is not understood has no terms.
    fn terms(&self, event: &str, add: &mut dyn FnMut(&str));

    /// Raised whenever the function changes: an index built by another version is built again.
    fn version(&self) -> u32 {
        0
    }
}

/// No terms: events are found by their chains alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChainsAlone;

impl Terms for ChainsAlone {
    fn terms(&self, _: &str, _: &mut dyn FnMut(&str)) {}
}

impl Ledger {
    /// The positions in `within` whose events may be on the chain `term` or have it among their
    /// [`Terms`], ascending. None is missing; one too many is possible, so the caller looks at the
    /// event before it believes. What lies beyond the durable events is left out.
    pub fn postings(&self, term: &str, within: Range<u64>) -> Result<Vec<u64>> {
        let end = within.end.min(self.size());
        let mut found = Vec::new();
        let mut from = within.start;
        while from < end {
            let to = end.min(from.saturating_add(STRIDE));
            for record in self.range(from..to)? {
                let leaf = Leaf::parse(&record.leaf).ok_or(Error::BadProof)?;
                let mut named = leaf.previous.iter().any(|(chain, _)| *chain == term);
                self.shared().options.terms.terms(leaf.event, &mut |word| named |= word == term);
                if named {
                    found.push(record.position);
                }
            }
            from = to;
        }
        Ok(found)
    }
}
