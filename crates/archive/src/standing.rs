//! How the store stands, as far as this process has met it: kept in memory, shown in the site's status.

use crate::Archive;
use crate::archive::Suspect;
use crate::sweep::{Sweep, Sweeping};
use base::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// After so long the site's own scrub tries again what could not be read.
const TRIED_AGAIN: Duration = Duration::from_secs(3_600);
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
    /// Set once the process ends: what reads long gives up.
    ending: Arc<AtomicBool>,
    away: AtomicBool,
    unlocked: Mutex<BTreeMap<Suspect, Duration>>,
    /// Versions whose lock is not what their record says.
    differing: Mutex<BTreeSet<Suspect>>,
    /// Versions that the store could not read when they were last tried.
    unread: Mutex<BTreeSet<Suspect>>,
    /// The last version that the site's own scrub went past, and when it did.
    own: Mutex<Option<(Duration, Place)>>,
    /// The same of a scrub on command, by the moment that it was asked for.
    asked: Mutex<Option<(String, Place)>>,
}

/// Where a version stands in the order of the scrub: when it was last found right, its object and its number.
pub(crate) type Place = (String, String, i32);

/// Whose scrub it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scrub {
    /// The site's own: what could not be read is tried again after a while.
    Own,
    /// One on command, for a moment: it tries each version once.
    For(String),
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
    /// Versions that the store could not read when they were last tried.
    pub unread: u64,
}

impl Known {
    pub fn due(&self) -> std::sync::MutexGuard<'_, Option<(String, u64, u64)>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What tells a long reader that the process ends.
    pub fn ending(&self) -> Arc<AtomicBool> {
        self.ending.clone()
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

    /// Where a scrub goes on: behind what it went past, unless that is to be tried again.
    pub fn passed(&self, whose: &Scrub, now: Duration) -> Option<Place> {
        match whose {
            Scrub::Own => {
                let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
                *own = own.take().filter(|(when, _)| now.saturating_sub(*when) < TRIED_AGAIN);
                own.as_ref().map(|(_, place)| place.clone())
            }
            Scrub::For(moment) => {
                let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
                asked.as_ref().filter(|(own, _)| own == moment).map(|(_, place)| place.clone())
            }
        }
    }

    /// Notes that a version could not be read, and that a scrub goes past it; none where its record does not name it.
    pub fn pass(&self, whose: &Scrub, version: Option<Suspect>, place: Place, now: Duration) {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner).extend(version);
        match whose {
            Scrub::Own => {
                *self.own.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, place));
            }
            Scrub::For(moment) => {
                *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((moment.clone(), place));
            }
        }
    }

    /// Notes that the store read a version, or that it is no more.
    pub fn note_read(&self, version: &Suspect) {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner).remove(version);
    }
}

impl Archive {
    /// Ends scrubs and checks that are under way with [`Error::Ending`], and lets none begin: the process ends.
    pub fn end_reading(&self) {
        self.known.ending.store(true, Ordering::Relaxed);
    }

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
            differing: number(&self.known.differing),
            unread: number(&self.known.unread),
        }
    }
}

fn number(versions: &Mutex<BTreeSet<Suspect>>) -> u64 {
    let versions = versions.lock().unwrap_or_else(PoisonError::into_inner);
    u64::try_from(versions.len()).unwrap_or(u64::MAX)
}
