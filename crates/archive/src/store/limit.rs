//! Reading at a bounded rate and for as long as the process lives, so that a scrub leaves the disk to those who wait,
//! and holds up nobody's end.

use base::Clock;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A source that gives at most so many bytes a second, counted from its making, and nothing once the process ends.
pub struct Limited<R> {
    inner: R,
    per_second: u64,
    clock: Arc<dyn Clock>,
    began: Duration,
    given: u64,
    ending: Arc<AtomicBool>,
}

impl<R> Limited<R> {
    /// Limits `inner` to `per_second` bytes a second; 0 stands for no limit. It fails from when `ending` is set.
    pub fn new(inner: R, per_second: u64, clock: Arc<dyn Clock>, ending: Arc<AtomicBool>) -> Self {
        let began = clock.monotonic();
        Self { inner, per_second, clock, began, given: 0, ending }
    }

    /// How far ahead of the rate the bytes given are.
    fn ahead(&self) -> Duration {
        if self.per_second == 0 {
            return Duration::ZERO;
        }
        let due = Duration::from_secs_f64(self.given as f64 / self.per_second as f64);
        due.saturating_sub(self.clock.monotonic().saturating_sub(self.began))
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.ending.load(Ordering::Relaxed) {
            return Err(io::Error::other("the process ends"));
        }
        let ahead = self.ahead();
        if ahead > Duration::from_millis(5) {
            std::thread::sleep(ahead);
        }
        let taken = self.inner.read(out)?;
        self.given = self.given.saturating_add(taken as u64);
        Ok(taken)
    }
}

impl<R: Seek> Seek for Limited<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_as_long_as_the_rate_says() {
        let clock: Arc<dyn Clock> = Arc::new(base::SystemClock::default());
        let source = io::Cursor::new(vec![0u8; 100_000]);
        let mut limited = Limited::new(source, 1_000_000, clock.clone(), Arc::default());
        let began = clock.monotonic();
        let mut buffer = [0; 1_000];
        while limited.read(&mut buffer).unwrap() > 0 {}
        let took = clock.monotonic().saturating_sub(began);
        assert!(took >= Duration::from_millis(90), "{took:?}");
    }
}
