//! What somebody else says, for as long as it counts.

use base::Clock;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long what was fetched is used. What is taken back there is good for this long here.
pub const FRESH: Duration = Duration::from_secs(300);
/// How long nobody asks again after a failure.
pub(crate) const PAUSE: Duration = Duration::from_secs(10);

/// What came of the last time that somebody asked, and when that was.
type Last<T, E> = Option<(Duration, Result<Arc<T>, E>)>;

/// An answer that is used while it is fresh, and asked for anew then.
pub struct Fresh<T, E> {
    last: Mutex<Last<T, E>>,
}

impl<T, E> Default for Fresh<T, E> {
    fn default() -> Self {
        Self { last: Mutex::new(None) }
    }
}

impl<T, E: Clone> Fresh<T, E> {
    /// Why the last time that somebody asked came to nothing, if so. Nobody waits for who asks at this moment.
    pub(crate) fn failure(&self) -> Option<E> {
        let last = self.last.try_lock().ok()?;
        last.as_ref().and_then(|(_, known)| known.as_ref().err().cloned())
    }

    /// The answer of now; `ask` is asked where what is known is old, and may block.
    ///
    /// INVARIANT (failure-closes): what was fetched longer ago than [`FRESH`] is never used, also where newer is out of
    /// reach.
    ///
    /// # Errors
    /// What `ask` failed with, now or a moment ago.
    pub fn get(&self, clock: &dyn Clock, ask: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        // One asks, the others wait for what comes of it.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock.monotonic();
        if let Some((at, known)) = &*last {
            let good_for = if known.is_ok() { FRESH } else { PAUSE };
            if now.saturating_sub(*at) < good_for {
                return known.clone();
            }
        }
        let said = ask().map(Arc::new);
        // A failure counts from its end: who waited for it does not ask again at once.
        let at = if said.is_ok() { now } else { clock.monotonic() };
        *last = Some((at, said.clone()));
        said
    }
}
