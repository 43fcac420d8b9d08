//! Token buckets: so many a second, ten times as many at once, in memory that does not grow.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Seconds' worth of tokens that a full bucket holds.
const SECONDS: u32 = 10;
/// Most buckets that are kept apart.
const MOST: usize = 65_536;
/// How far apart full buckets are looked for when there is no room for another.
const SWEEP: Duration = Duration::from_secs(1);

/// A bucket for each `K`.
///
/// A bucket is kept as the moment at which it will be full again (the generic cell rate algorithm): a token
/// taken moves that by the time in which one comes back.
pub struct Buckets<K> {
    each: Duration,
    depth: Duration,
    most: usize,
    state: Mutex<State<K>>,
}

struct State<K> {
    full_at: HashMap<K, Duration>,
    /// The bucket of all for whom there was no room.
    others: Duration,
    swept: Duration,
}

impl<K: Hash + Eq> Buckets<K> {
    /// Buckets that get `per_second` tokens a second.
    pub fn new(per_second: u32) -> Self {
        Self::with_room(per_second, MOST)
    }

    fn with_room(per_second: u32, most: usize) -> Self {
        let each = Duration::from_secs(1).checked_div(per_second).unwrap_or(Duration::from_secs(1));
        let state = State { full_at: HashMap::new(), others: Duration::ZERO, swept: Duration::ZERO };
        let depth = each.saturating_mul(per_second.saturating_mul(SECONDS));
        Self { each, depth, most, state: Mutex::new(state) }
    }

    /// Takes a token at the moment `now`; else says how long until there is one.
    pub fn take(&self, key: K, now: Duration) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        if state.full_at.len() >= self.most && now.saturating_sub(state.swept) >= SWEEP {
            state.full_at.retain(|_, full_at| *full_at > now);
            state.swept = now;
        }
        let room = state.full_at.len() < self.most;
        let full_at = match state.full_at.get_mut(&key) {
            Some(full_at) => full_at,
            None if room => state.full_at.entry(key).or_insert(now),
            None => &mut state.others,
        };
        let after = (*full_at).max(now).saturating_add(self.each);
        let lacking = after.saturating_sub(now).saturating_sub(self.depth);
        if lacking.is_zero() {
            *full_at = after;
            return Ok(());
        }
        Err(lacking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_bucket_gives_what_it_holds_and_then_what_comes() {
        let buckets = Buckets::new(5);
        let given = (0..100).filter(|_| buckets.take("a", at(0)).is_ok()).count();
        assert_eq!(given, 50);
        assert_eq!(buckets.take("a", at(0)), Err(at(200)));
        assert_eq!(buckets.take("a", at(150)), Err(at(50)));
        assert_eq!(buckets.take("a", at(200)), Ok(()));
        assert_eq!(buckets.take("a", at(200)), Err(at(200)));
        // Another's is its own, and one that rested is full and no fuller.
        assert_eq!(buckets.take("b", at(200)), Ok(()));
        let given = (0..100).filter(|_| buckets.take("a", at(3_600_000)).is_ok()).count();
        assert_eq!(given, 50);
    }

    #[test]
    fn a_flood_of_new_ones_shares_a_bucket_and_takes_no_memory() {
        let buckets = Buckets::with_room(1, 8);
        let given = (0..10_000u32).filter(|n| buckets.take(*n, at(0)).is_ok()).count();
        // One each for those there is room for, and the shared bucket's ten.
        assert_eq!(given, 8 + 10);
        assert_eq!(buckets.state.lock().unwrap().full_at.len(), 8);
        // Known ones go on as before, and full buckets make room.
        assert_eq!(buckets.take(3, at(0)), Ok(()));
        assert_eq!(buckets.take(9_000, at(1_500)), Ok(()));
        assert_eq!(buckets.state.lock().unwrap().full_at.len(), 2);
    }
}
