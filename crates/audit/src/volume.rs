//! How many keys were unwrapped for whom, on which day: so that an unusual number shows.

use crate::question::UNWRAPS;
use crate::{Actor, Audit, Error, What};
use base::Timestamp;
use std::collections::BTreeMap;

/// Positions that the index is asked for at once.
const WINDOW: u64 = 1 << 18;
/// Outcomes that one answer reads.
const MOST: usize = 200_000;
/// A clock that was set back by this much at most hides nothing.
const SLACK: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// What one account had unwrapped on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The day, UTC, as `2031-05-14`.
    pub day: String,
    /// Whose decisions.
    pub actor: Actor,
    /// Keys that were unwrapped.
    pub unwraps: u64,
    /// Decisions for which any was.
    pub decisions: u64,
}

/// Volumes, the newest day first, and how far back they reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volumes {
    /// By day and account.
    pub each: Vec<Volume>,
    /// Whether all of the time asked for was read; a very busy site is read back to `MOST` outcomes.
    pub whole: bool,
}

impl Audit {
    /// What was unwrapped since `since`, by day and account, from the outcomes on record. The index finds
    /// them and each is read; nothing proves that none is missing, as a search along a chain does.
    pub fn volumes(&self, since: Timestamp) -> Result<Volumes, Error> {
        let far = since.checked_sub(SLACK).unwrap_or(Timestamp::MIN);
        let mut sums: BTreeMap<(String, String), Volume> = BTreeMap::new();
        let (mut end, mut read) = (self.ledger().size(), 0usize);
        while end > 0 {
            let start = end.saturating_sub(WINDOW);
            let found = self.ledger().postings(UNWRAPS, start..end).map_err(Error::Unreadable)?;
            for position in found.into_iter().rev() {
                let recorded = self.recorded(position)?;
                if recorded.time < far || read == MOST {
                    return Ok(Volumes::of(sums, recorded.time < far));
                }
                read += 1;
                let What::Outcome { unwraps: Some(unwraps), .. } = recorded.event.what else { continue };
                if recorded.time < since {
                    continue;
                }
                let day: String = recorded.time.to_string().chars().take(10).collect();
                let actor = recorded.event.actor;
                let sum = sums.entry((day.clone(), actor.to_string())).or_insert(Volume {
                    day,
                    actor,
                    unwraps: 0,
                    decisions: 0,
                });
                sum.unwraps = sum.unwraps.saturating_add(unwraps);
                sum.decisions += 1;
            }
            end = start;
        }
        Ok(Volumes::of(sums, true))
    }
}

impl Volumes {
    fn of(sums: BTreeMap<(String, String), Volume>, whole: bool) -> Self {
        Self { each: sums.into_values().rev().collect(), whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Outcome};
    use base::{FixedClock, Id, SystemEntropy, UserId};
    use ledger::storage::Disk;
    use ledger::{Ledger, SigningKey};
    use std::sync::Arc;

    #[tokio::test]
    async fn volumes_are_sums_by_day_and_account() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at("2031-05-14T23:00:00Z".parse().unwrap()));
        let key = SigningKey::from_seed(&[3; 32]).unwrap();
        let path = folder.path().join("l");
        let (disk, options) = (Arc::new(Disk), Audit::options());
        let ledger = Ledger::create_with(&path, "test/site", key, clock.clone(), disk, options).unwrap();
        let audit = Audit::new(ledger);
        let (one, two) = (UserId::mint(&SystemEntropy), UserId::mint(&SystemEntropy));
        for (who, unwraps) in [(&one, Some(3)), (&two, Some(1)), (&one, None), (&one, Some(4))] {
            let result = Outcome::Done;
            let what = What::Outcome { decision: 0, result, stored: false, code: None, bytes: None, unwraps };
            audit.gate(&Event::new(Actor::User(who.clone()), what)).await.unwrap();
            clock.advance(std::time::Duration::from_secs(1800));
        }
        let told = |since: &str| -> Vec<(String, bool, u64, u64)> {
            let volumes = audit.volumes(since.parse().unwrap()).unwrap();
            assert!(volumes.whole);
            let each = volumes.each.into_iter();
            each.map(|v| (v.day, v.actor == Actor::User(one.clone()), v.unwraps, v.decisions)).collect()
        };
        let late = ("2031-05-15".to_owned(), true, 4, 1);
        let mut all = told("2031-05-14T00:00:00Z");
        assert_eq!(all.remove(0), late);
        all.sort();
        assert_eq!(all, [("2031-05-14".into(), false, 1, 1), ("2031-05-14".into(), true, 3, 1)]);
        assert_eq!(told("2031-05-15T00:00:00Z"), [late]);
        assert_eq!(told("2031-05-16T00:00:00Z"), []);
    }
}
