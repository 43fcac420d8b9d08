//! The newest event of each chain, as far as memory holds it.

use crate::Result;
use std::collections::HashMap;

/// Heads beyond this many are let go once the index has them.
const KEPT: usize = 262_144;

#[derive(Debug, Clone, Copy)]
struct Head {
    newest: u64,
    /// The newest event before the batch that `newest` is in: what readers see while that batch is
    /// being flushed.
    before: Option<u64>,
}

/// INVARIANT (heads above the index): every chain with an event that the index does not hold yet
/// is here. A chain that is not here has its newest event in the index, or is new.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    chains: HashMap<Box<str>, Head>,
    /// The first position of the batch being committed.
    batch: u64,
}

impl Heads {
    /// A batch that starts at `first` comes next.
    pub(crate) fn begin(&mut self, first: u64) {
        self.batch = first;
    }

    /// Puts `position` on `chain`; returns the position before it. `older` finds the newest event
    /// of a chain that is not in memory.
    pub(crate) fn advance(
        &mut self,
        chain: &str,
        position: u64,
        older: impl FnOnce() -> Result<Option<u64>>,
    ) -> Result<Option<u64>> {
        if let Some(head) = self.chains.get_mut(chain) {
            let previous = head.newest;
            if previous < self.batch {
                head.before = Some(previous);
            }
            head.newest = position;
            return Ok(Some(previous));
        }
        let before = older()?;
        self.chains.insert(chain.into(), Head { newest: position, before });
        Ok(before)
    }

    /// At start: `position` is on `chain`.
    pub(crate) fn note(&mut self, chain: &str, position: u64) {
        match self.chains.get_mut(chain) {
            Some(head) => head.newest = head.newest.max(position),
            None => drop(self.chains.insert(chain.into(), Head { newest: position, before: None })),
        }
    }

    /// The newest event of `chain` below `durable`. The outer `None`: memory does not know.
    pub(crate) fn newest(&self, chain: &str, durable: u64) -> Option<Option<u64>> {
        let head = self.chains.get(chain)?;
        Some(if head.newest < durable { Some(head.newest) } else { head.before })
    }

    /// The index holds everything before `indexed`: lets go of what it can answer for, if memory
    /// holds much.
    pub(crate) fn indexed(&mut self, indexed: u64) {
        if self.chains.len() > KEPT {
            self.chains.retain(|_, head| head.newest >= indexed);
            self.chains.shrink_to(KEPT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_see_the_head_of_before_while_a_batch_is_on_its_way() {
        let mut heads = Heads::default();
        assert_eq!(heads.advance("a", 0, || Ok(None)).unwrap(), None);
        assert_eq!(heads.newest("a", 0), Some(None));
        assert_eq!(heads.newest("a", 1), Some(Some(0)));
        heads.begin(1);
        assert_eq!(heads.advance("a", 1, || panic!("known")).unwrap(), Some(0));
        assert_eq!(heads.advance("a", 2, || panic!("known")).unwrap(), Some(1));
        assert_eq!((heads.newest("a", 1), heads.newest("a", 3)), (Some(Some(0)), Some(Some(2))));
        assert_eq!(heads.advance("b", 3, || Ok(Some(0))).unwrap(), Some(0));
        assert_eq!((heads.newest("b", 1), heads.newest("c", 9)), (Some(Some(0)), None));
    }
}
