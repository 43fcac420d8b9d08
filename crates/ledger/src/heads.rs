//! The newest event of each chain, as far as memory holds it.

use crate::Result;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};

/// Heads beyond this many are let go once the index has them: as many as fit the map's memory for half a million.
const KEPT: usize = 458_752;
/// No position.
const NONE: u64 = u64::MAX;

#[derive(Debug, Clone, Copy)]
struct Head {
    newest: u64,
    /// The newest event before the batch that `newest` is in, or [`NONE`]: what readers see while that
    /// batch is being flushed.
    before: u64,
}

/// The name of a chain in one piece, without an allocation to follow: every event looks up each of its
/// chains, and where that memory lies is what the look-up costs. The last byte is the length. Four numbers,
/// as these are compared and hashed without a loop.
#[derive(Debug, Clone, Copy, Eq)]
struct Short([u64; 4]);

/// Not derived: that would be a call for so few bytes.
impl PartialEq for Short {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |differ, (one, two)| differ | (one ^ two)) == 0
    }
}

impl Short {
    #[inline]
    fn of(bytes: &[u8]) -> Option<Self> {
        let length = u8::try_from(bytes.len()).ok().filter(|length| *length < 32)?;
        // Most ids are of one length between 16 and 31: two loads, without a loop over bytes.
        let (low, high) = match (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
            (Some(first), Some(last)) => {
                let behind = u32::from(length) - 16;
                let rest = u128::from_le_bytes(*last).checked_shr(128 - 8 * behind).unwrap_or(0);
                (u128::from_le_bytes(*first), rest)
            }
            _ => (bytes.iter().rev().fold(0, |low, byte| low << 8 | u128::from(*byte)), 0),
        };
        let high = high | u128::from(length) << 120;
        let halves = |word: u128| (word as u64, (word >> 64) as u64);
        let ((a, b), (c, d)) = (halves(low), halves(high));
        Some(Self([a, b, c, d]))
    }
}

impl Hash for Short {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|word| state.write_u64(*word));
    }
}

/// INVARIANT (heads above the index): every chain with an event that the index does not hold yet
/// is here. A chain that is not here has its newest event in the index, or is new.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    short: HashMap<Short, Head, RandomState>,
    /// Chains of more than 31 bytes.
    long: HashMap<Box<[u8]>, Head, RandomState>,
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
        chain: &[u8],
        position: u64,
        older: impl FnOnce() -> Result<Option<u64>>,
    ) -> Result<Option<u64>> {
        let batch = self.batch;
        if let Some(head) = self.find_mut(chain) {
            let previous = head.newest;
            if previous < batch {
                head.before = previous;
            }
            head.newest = position;
            return Ok(Some(previous));
        }
        let before = older()?;
        self.insert(chain, Head { newest: position, before: before.unwrap_or(NONE) });
        Ok(before)
    }

    /// At start: `position` is on `chain`.
    pub(crate) fn note(&mut self, chain: &[u8], position: u64) {
        match self.find_mut(chain) {
            Some(head) => head.newest = head.newest.max(position),
            None => self.insert(chain, Head { newest: position, before: NONE }),
        }
    }

    /// The newest event of `chain` below `durable`. The outer `None`: memory does not know.
    pub(crate) fn newest(&self, chain: &str, durable: u64) -> Option<Option<u64>> {
        let head = match Short::of(chain.as_bytes()) {
            Some(short) => self.short.get(&short),
            None => self.long.get(chain.as_bytes()),
        }?;
        let shown = if head.newest < durable { head.newest } else { head.before };
        Some((shown != NONE).then_some(shown))
    }

    /// The index holds everything before `indexed`: lets go of what it can answer for, if memory
    /// holds much. What was used of late stays, as it is likely to be used again.
    pub(crate) fn indexed(&mut self, indexed: u64) {
        if self.short.len().saturating_add(self.long.len()) > KEPT {
            let mut newest: Vec<u64> =
                self.short.values().chain(self.long.values()).map(|head| head.newest).collect();
            let half = newest.len() / 2;
            let (_, middle, _) = newest.select_nth_unstable(half);
            let kept = indexed.min(*middle);
            self.short.retain(|_, head| head.newest >= kept);
            self.short.shrink_to(KEPT);
            self.long.retain(|_, head| head.newest >= kept);
            self.long.shrink_to(KEPT);
        }
    }

    fn find_mut(&mut self, chain: &[u8]) -> Option<&mut Head> {
        match Short::of(chain) {
            Some(short) => self.short.get_mut(&short),
            None => self.long.get_mut(chain),
        }
    }

    fn insert(&mut self, chain: &[u8], head: Head) {
        match Short::of(chain) {
            Some(short) => drop(self.short.insert(short, head)),
            None => drop(self.long.insert(chain.into(), head)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_see_the_head_of_before_while_a_batch_is_on_its_way() {
        let mut heads = Heads::default();
        assert_eq!(heads.advance(b"a", 0, || Ok(None)).unwrap(), None);
        assert_eq!(heads.newest("a", 0), Some(None));
        assert_eq!(heads.newest("a", 1), Some(Some(0)));
        heads.begin(1);
        assert_eq!(heads.advance(b"a", 1, || panic!("known")).unwrap(), Some(0));
        assert_eq!(heads.advance(b"a", 2, || panic!("known")).unwrap(), Some(1));
        assert_eq!((heads.newest("a", 1), heads.newest("a", 3)), (Some(Some(0)), Some(Some(2))));
        assert_eq!(heads.advance(b"b", 3, || Ok(Some(0))).unwrap(), Some(0));
        assert_eq!((heads.newest("b", 1), heads.newest("c", 9)), (Some(Some(0)), None));
    }

    #[test]
    fn what_the_index_has_goes_the_older_half_first() {
        let mut heads = Heads::default();
        let size = u64::try_from(KEPT).unwrap() + 1;
        (0..size).for_each(|n| heads.note(format!("obj_{n}").as_bytes(), n));
        heads.indexed(100);
        assert_eq!(heads.newest("obj_99", size), None, "the index has it");
        assert_eq!(heads.newest("obj_100", size), Some(Some(100)), "the index does not have it");
        (0..100).for_each(|n| heads.note(format!("obj_{n}").as_bytes(), n));
        heads.indexed(size);
        assert_eq!(heads.newest(&format!("obj_{}", size / 2 - 1), size), None);
        assert_eq!(heads.newest(&format!("obj_{}", size / 2), size), Some(Some(size / 2)));
        assert_eq!(heads.short.len() as u64, size - size / 2);
    }

    #[test]
    fn chains_of_every_length_are_told_apart() {
        let mut heads = Heads::default();
        let chains: Vec<String> = (1..=64).map(|length| "x".repeat(length)).collect();
        for (position, chain) in (0..).zip(&chains) {
            assert_eq!(heads.advance(chain.as_bytes(), position, || Ok(None)).unwrap(), None, "{chain}");
        }
        for (position, chain) in (0..).zip(&chains) {
            assert_eq!(heads.newest(chain, 100), Some(Some(position)), "{chain}");
            heads.note(chain.as_bytes(), position + 100);
            assert_eq!(heads.newest(chain, 1_000), Some(Some(position + 100)), "{chain}");
        }
        for other in ["", "x\0", "y", &"y".repeat(31), &"y".repeat(32), &"x".repeat(65)] {
            assert_eq!(heads.newest(other, 1_000), None, "{other:?}");
        }
        assert_eq!((heads.short.len(), heads.long.len()), (31, 33));
    }
}
