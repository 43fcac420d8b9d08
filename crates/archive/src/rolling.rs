//! The site's own scrub: everything once within a time, also while somebody always uses the site.

use crate::{Archive, Error, Pace};
use audit::Actor;
use std::time::Duration;

/// How long the scrub pauses between steps, unless more has to be read.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a step reads while nobody waits.
const LONG: Duration = Duration::from_secs(2);
/// How long a step reads while somebody uses the site.
const BRIEF: Duration = Duration::from_millis(100);
/// A busy site rests so many times as long as a step took, unless more has to be read.
const RESTS: u32 = 20;

/// The site's own scrub. It takes what was last found right longer ago than three quarters of the time, so that a
/// quarter is left in which even a site whose objects all came at once is read.
#[derive(Debug, Clone)]
pub struct Rolling {
    within: Duration,
    per_second: u64,
    /// A busy site rests until then, by the clock that only goes forward.
    rests_until: Duration,
}

impl Rolling {
    /// Reads everything once `within` this time, at most `per_second` bytes a second; 0 stands for no limit.
    pub const fn new(within: Duration, per_second: u64) -> Self {
        Self { within, per_second, rests_until: Duration::ZERO }
    }

    /// What was last found right longer ago than this is read.
    fn due_after(&self) -> Duration {
        self.within.saturating_sub(self.within / 4)
    }

    /// Longer ago than this, something is late: the time and a twentieth of it.
    #[must_use]
    pub fn late_after(within: Duration) -> Duration {
        within.saturating_add(within / 20)
    }

    /// Takes a step unless it rests, and gives how long to wait before the next.
    ///
    /// # Errors
    /// The store's; what could not be read stays due.
    pub async fn turn(&mut self, archive: &Archive, quiet: bool, by: &Actor) -> Result<Duration, Error> {
        let began = archive.clock.monotonic();
        if !quiet && began < self.rests_until {
            return Ok(self.rests_until.saturating_sub(began).min(PAUSE));
        }
        let step = if quiet { LONG } else { BRIEF };
        let pace = Pace { every: self.due_after(), per_second: self.per_second, step };
        let read = archive.scrub_uncounted(&pace, by).await?;
        let ended = archive.clock.monotonic();
        let rest = match read.objects {
            0 => PAUSE,
            _ => self.rest(read.bytes, ended.saturating_sub(began), archive.stored_bytes().await?),
        };
        self.rests_until = ended.saturating_add(rest);
        Ok(rest.min(PAUSE))
    }

    /// How long a busy site rests after a step that took `took` for `read` of the `stored` bytes: at most as long
    /// as lets all of them be read within the quarter that is left when they are due.
    fn rest(&self, read: u64, took: Duration, stored: u64) -> Duration {
        let share = read as f64 / stored.max(read).max(1) as f64;
        let owed = (self.within / 4).mul_f64(share.clamp(0.0, 1.0)).saturating_sub(took);
        owed.min(took.saturating_mul(RESTS).max(PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_site_rests_as_long_as_lets_everything_be_read_in_time() {
        let day = Duration::from_secs(24 * 3600);
        let rolling = Rolling::new(30 * day, 0);
        // What is small rests as long as it may; nothing else has to be read.
        assert_eq!(rolling.rest(1 << 30, Duration::from_millis(100), 2 << 30), PAUSE);
        assert_eq!(rolling.rest(1 << 30, Duration::from_secs(20), 2 << 30), Duration::from_secs(400));
        // However large the site and slow its store: steps and rests of everything end within the quarter.
        for (stored, step, took) in [
            (1_u64 << 50, 5_u64 << 20, Duration::from_millis(100)),
            (1 << 40, 5 << 20, Duration::from_millis(300)),
            (1 << 40, 100 << 30, Duration::from_secs(2_000)),
            (1 << 20, 1 << 10, Duration::from_millis(1)),
            (0, 0, Duration::ZERO),
        ] {
            let rest = rolling.rest(step, took, stored);
            let turn = took.max(rest.saturating_add(took));
            let steps = stored.div_ceil(step.max(1));
            let whole = turn.as_secs_f64() * steps as f64;
            let possible = took.as_secs_f64() * steps as f64;
            let most = (30 * day / 4).as_secs_f64().max(possible);
            assert!(whole <= most * 1.001, "{stored} {step}: {whole} s of {most}");
        }
    }
}
