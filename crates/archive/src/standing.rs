//! How the store stands, as far as this process has met it: kept in memory, shown in the site's status.

use crate::Archive;
use crate::archive::Suspect;
use crate::sweep::{Sweep, Sweeping};
use base::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// What is not locked for longer than this is told.
const SOON: Duration = Duration::from_secs(60);

/// What this process knows of its store.
#[derive(Default)]
pub(crate) struct Known {
    /// Whoever sets, lifts or keeps a hold, or deletes, is alone. Never waited for with a transaction open:
    /// who has it opens one.
    pub alone: tokio::sync::Mutex<()>,
    /// After which ledger position the next step of locking begins.
    pub locked_to: AtomicI64,
    /// When the site's ledger began, once it was asked.
    pub made: OnceLock<Timestamp>,
    /// The sweep of this opening.
    pub sweep: Sweeping,
    /// What was due when it was last counted, by the moment that was asked for: versions and bytes.
    due: Mutex<Option<(String, u64, u64)>>,
    away: AtomicBool,
    unlocked: Mutex<BTreeMap<Suspect, Duration>>,
    /// Versions whose lock is not what their record says.
    differing: Mutex<BTreeSet<Suspect>>,
}

/// How a store stands: counts alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Whether it was found to hold nothing at all where it should hold bodies.
    pub away: bool,
    /// Bodies that the sweep would have put aside or removed, and that something locks.
    pub strays: u64,
    /// How far the sweep of this opening is.
    pub sweep: Sweep,
    /// Versions that it has not locked for longer than a minute.
    pub unlocked: u64,
    /// Versions whose lock was found to be another than their record says, and is not put right.
    pub differing: u64,
}

impl Known {
    pub fn due(&self) -> std::sync::MutexGuard<'_, Option<(String, u64, u64)>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// Notes whether the lock of a version differs from its record.
    pub fn note_lock(&self, version: Suspect, differs: bool) {
        let mut differing = self.differing.lock().unwrap_or_else(PoisonError::into_inner);
        if differs {
            differing.insert(version);
        } else {
            differing.remove(&version);
        }
    }

    /// Notes whether a version was locked, at `now` by the clock that only goes forward.
    pub fn note(&self, version: Suspect, locked: bool, now: Duration) {
        let mut unlocked = self.unlocked.lock().unwrap_or_else(PoisonError::into_inner);
        if locked {
            unlocked.remove(&version);
        } else {
            unlocked.entry(version).or_insert(now);
        }
    }

    fn differing(&self) -> u64 {
        let differing = self.differing.lock().unwrap_or_else(PoisonError::into_inner);
        u64::try_from(differing.len()).unwrap_or(u64::MAX)
    }
}

impl Archive {
    /// How the store stands.
    pub fn standing(&self) -> Standing {
        let now = self.clock.monotonic();
        let unlocked = self.known.unlocked.lock().unwrap_or_else(PoisonError::into_inner);
        let late = unlocked.values().filter(|since| now.saturating_sub(**since) >= SOON).count();
        let sweep = self.known.sweep.told();
        Standing {
            away: self.known.away.load(Ordering::Relaxed),
            strays: u64::try_from(sweep.swept.strays).unwrap_or(u64::MAX),
            sweep,
            unlocked: u64::try_from(late).unwrap_or(u64::MAX),
            differing: self.known.differing(),
        }
    }
}
