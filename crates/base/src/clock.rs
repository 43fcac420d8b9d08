//! Time as a parameter.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use jiff::Timestamp;

/// Wall-clock and monotonic time. Leases use the monotonic one, so setting the wall clock back
/// never extends them.
pub trait Clock: Send + Sync {
    /// The wall clock, for records that people read.
    fn now(&self) -> Timestamp;
    /// Time since an arbitrary start that never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A wall clock that never goes back: for what ends at a moment, such as a session. When the machine's clock
/// is set back, this one goes on from the newest time that it showed, at the pace of the monotonic one; what had
/// ended stays ended, and nothing lasts longer.
pub struct ForwardClock {
    inner: Arc<dyn Clock>,
    /// The newest time shown, and when that was.
    newest: Mutex<(Timestamp, Duration)>,
}

impl ForwardClock {
    /// A clock that follows `inner` wherever that goes forward.
    pub fn new(inner: Arc<dyn Clock>) -> Self {
        let newest = Mutex::new((inner.now(), inner.monotonic()));
        Self { inner, newest }
    }

    /// Tells of a time that was seen before, by an earlier process: it is not earlier than that now.
    pub fn raise(&self, seen: Timestamp) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if seen > newest.0 {
            *newest = (seen, self.inner.monotonic());
        }
    }
}

impl Clock for ForwardClock {
    fn now(&self) -> Timestamp {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let monotonic = self.inner.monotonic();
        let since = monotonic.saturating_sub(newest.1);
        let due = newest.0.checked_add(since).unwrap_or(newest.0);
        *newest = (due.max(self.inner.now()), monotonic);
        newest.0
    }
    fn monotonic(&self) -> Duration {
        self.inner.monotonic()
    }
}

/// A clock that stands still until told to move. For tests and deterministic makers.
#[derive(Debug)]
pub struct FixedClock {
    state: Mutex<(Timestamp, Duration)>,
}

impl FixedClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self { state: Mutex::new((now, Duration::ZERO)) }
    }

    /// Moves both times forward.
    pub fn advance(&self, by: Duration) {
        let mut state = self.lock();
        state.1 = state.1.saturating_add(by);
        if let Ok(later) = state.0.checked_add(by) {
            state.0 = later;
        }
    }

    /// Sets the wall clock, as an administrator or a time server does; the monotonic one goes on.
    pub fn set(&self, now: Timestamp) {
        self.lock().0 = now;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Timestamp, Duration)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.lock().0
    }
    fn monotonic(&self) -> Duration {
        self.lock().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forward_clock_follows_forward_and_never_back() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let machine = Arc::new(FixedClock::at(at(1_000)));
        let clock = ForwardClock::new(machine.clone());
        machine.advance(Duration::from_secs(5));
        assert_eq!(clock.now(), at(1_005));
        machine.set(at(10));
        assert_eq!(clock.now(), at(1_005), "set back");
        machine.advance(Duration::from_secs(7));
        assert_eq!(clock.now(), at(1_012), "and goes on at its pace");
        machine.set(at(5_000));
        assert_eq!(clock.now(), at(5_000), "set forward");
        machine.set(at(1_013));
        assert_eq!(clock.now(), at(5_000), "and back to the right time");
        clock.raise(at(4_000));
        clock.raise(at(9_000));
        assert_eq!(clock.now(), at(9_000), "what was seen before");
        machine.advance(Duration::from_secs(1));
        assert_eq!((clock.now(), clock.monotonic()), (at(9_001), Duration::from_secs(13)));
    }
}
