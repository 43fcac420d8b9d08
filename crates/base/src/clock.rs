//! Time as a parameter.

use std::sync::Mutex;
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

    fn lock(&self) -> std::sync::MutexGuard<'_, (Timestamp, Duration)> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
