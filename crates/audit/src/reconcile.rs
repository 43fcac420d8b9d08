//! What start-up compares between ledger and database.

use crate::{Actor, Audit, Error, Event, Outcome, What};
use base::Timestamp;
use std::collections::BTreeMap;

impl Audit {
    /// Compares the ledger with what the database and the sealed file say of themselves, closes
    /// decisions that a crash left open as unknown, and records that the site is open.
    ///
    /// 1. A watermark at or beyond the ledger's end: the ledger was rolled back. Refuse.
    /// 2. An outcome that says the database stood at its decision or above, or a closing that names a watermark, while
    ///    the watermark is below: the database was rolled back. Refuse.
    /// 3. A sealed file of an earlier sealing than the ledger knows: it was rolled back. Refuse. A restore
    ///    on record begins a branch of sealings: a file of any other branch is refused too.
    /// 4. Decisions since the last start without an outcome: record `unknown` for each.
    /// 5. Record the opening, with watermark and sealing, as the anchor for the next start. Gives its position.
    ///
    /// All rolled back together is not noticed here; a witness or a checkpoint kept elsewhere is
    /// needed for that.
    pub async fn reconcile(&self, site: &Actor, program: &str, found: Found) -> Result<u64, Error> {
        let latest = self.latest(site)?;
        let watermark = found.watermark;
        let size = self.ledger().size();
        if let Some(position) = watermark.filter(|w| *w >= size) {
            return Err(Error::LedgerRolledBack(position));
        }
        let since = self.last_opening(site)?;
        let mut sealing = since.sealing;
        let mut open = BTreeMap::new();
        for position in since.start..size {
            let recorded = self.recorded(position)?;
            match recorded.event.what {
                What::Decision { allowed: true, .. } => {
                    open.insert(position, (recorded.event.project, recorded.event.about));
                }
                What::Outcome { decision, stored, .. } => {
                    open.remove(&decision);
                    if stored && watermark.is_none_or(|w| w < decision) {
                        return Err(Error::DatabaseRolledBack(decision));
                    }
                }
                What::SiteClosed { watermark: closed } => {
                    if let Some(closed) = closed.filter(|closed| watermark.is_none_or(|w| w < *closed)) {
                        return Err(Error::DatabaseRolledBack(closed));
                    }
                }
                What::KeysSealed { sealing: next } => sealing = sealing.max(Some(next)),
                What::SiteRestored { sealing: back, .. } => sealing = Some(back),
                _ => {}
            }
        }
        if let (Some(known), Some(own)) = (sealing, found.sealing) {
            if branch(own) != branch(known) {
                return Err(Error::KeysOfAnotherBranch);
            }
            if own < known {
                return Err(Error::KeysRolledBack { own: count(own), known: count(known) });
            }
        }
        if let Some(anchor) = since.watermark.filter(|anchor| watermark.is_none_or(|w| w < *anchor)) {
            return Err(Error::DatabaseRolledBack(anchor));
        }
        for (decision, (project, about)) in open {
            let what = What::Outcome {
                decision,
                result: Outcome::Unknown,
                stored: false,
                code: None,
                bytes: None,
                unwraps: None,
            };
            self.follow(&Event::new(site.clone(), what).in_project(project).about(about)).await?;
        }
        let (program, sealing) = (program.to_owned(), found.sealing.max(sealing));
        let what = What::SiteOpened { program, watermark, sealing, latest };
        Ok(self.gate(&Event::new(site.clone(), what)).await?.position)
    }

    /// The newest time on record: of the last event, of the last opening, and what that knew. Events between
    /// are not looked at: a clock that went forward and back while the site was open was corrected.
    pub fn latest(&self, site: &Actor) -> Result<Option<Timestamp>, Error> {
        let last = match self.ledger().size().checked_sub(1) {
            Some(last) => Some(self.recorded(last)?.time),
            None => None,
        };
        let since = self.last_opening(site)?;
        Ok(last.max(since.time).max(since.latest))
    }

    fn last_opening(&self, site: &Actor) -> Result<Opening, Error> {
        let chain = site.to_string();
        let mut next = self.ledger().head(&chain).map_err(Error::Unreadable)?;
        while let Some(position) = next {
            let recorded = self.recorded(position)?;
            if let What::SiteOpened { watermark, sealing, latest, .. } = recorded.event.what {
                let time = Some(recorded.time);
                return Ok(Opening { start: position, watermark, sealing, time, latest });
            }
            next = recorded.before(&chain)?;
        }
        Ok(Opening::default())
    }
}

/// The branch of a sealing: 0, or what the newest restore drew.
const fn branch(sealing: u64) -> u64 {
    sealing >> 32
}

/// The number of a sealing in its branch.
const fn count(sealing: u64) -> u64 {
    sealing & u32::MAX as u64
}

/// What a start found beside the ledger.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found {
    /// The highest position that the database carried out, if any.
    pub watermark: Option<u64>,
    /// The number of the sealed file's sealing; none where there is no such file.
    pub sealing: Option<u64>,
}

impl Found {
    /// A database with this watermark, and no sealed file.
    pub fn watermark(watermark: Option<u64>) -> Self {
        Self { watermark, sealing: None }
    }
}

#[derive(Default)]
struct Opening {
    start: u64,
    watermark: Option<u64>,
    sealing: Option<u64>,
    time: Option<Timestamp>,
    latest: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{FixedClock, Id, SiteId, SystemEntropy};
    use ledger::{Ledger, SigningKey};
    use std::sync::Arc;

    struct Trail {
        folder: tempfile::TempDir,
        site: Actor,
    }

    impl Trail {
        fn new() -> Self {
            let made = Self {
                folder: tempfile::tempdir().unwrap(),
                site: Actor::Site(SiteId::mint(&SystemEntropy)),
            };
            Ledger::create(&made.path(), "test/site", key(), clock()).unwrap().close().unwrap();
            made
        }

        fn path(&self) -> std::path::PathBuf {
            self.folder.path().join("ledger")
        }

        fn open(&self) -> Audit {
            Audit::new(Ledger::open(&self.path(), key(), clock()).unwrap())
        }

        async fn record(&self, audit: &Audit, what: What) -> u64 {
            audit.gate(&Event::new(self.site.clone(), what)).await.unwrap().position
        }
    }

    fn key() -> SigningKey {
        SigningKey::from_seed(&[3; 32]).unwrap()
    }

    fn clock() -> Arc<FixedClock> {
        Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH))
    }

    fn decision() -> What {
        What::Decision {
            action: "lock-site".into(),
            allowed: true,
            policies: vec![],
            policy: base::Sha256([0; 32]),
            changes: true,
            sealed_reason: None,
            sealed_under: None,
        }
    }

    fn outcome(decision: u64, stored: bool) -> What {
        What::Outcome { decision, result: Outcome::Done, stored, code: None, bytes: None, unwraps: None }
    }

    #[tokio::test]
    async fn an_act_that_stores_nothing_does_not_look_like_a_rollback() {
        let trail = Trail::new();
        let audit = trail.open();
        audit.reconcile(&trail.site, "1", Found::watermark(None)).await.unwrap();
        let at = trail.record(&audit, decision()).await;
        trail.record(&audit, outcome(at, false)).await;
        audit.reconcile(&trail.site, "1", Found::watermark(None)).await.unwrap();
    }

    #[tokio::test]
    async fn either_side_rolled_back_is_named() {
        let trail = Trail::new();
        let audit = trail.open();
        audit.reconcile(&trail.site, "1", Found::watermark(None)).await.unwrap();
        let at = trail.record(&audit, decision()).await;
        trail.record(&audit, outcome(at, true)).await;
        let older = audit.reconcile(&trail.site, "1", Found::watermark(Some(at - 1))).await;
        assert!(matches!(older, Err(Error::DatabaseRolledBack(position)) if position == at));
        let size = audit.ledger().size();
        let newer = audit.reconcile(&trail.site, "1", Found::watermark(Some(size))).await;
        assert!(matches!(newer, Err(Error::LedgerRolledBack(position)) if position == size));
        audit.reconcile(&trail.site, "1", Found::watermark(Some(at))).await.unwrap();
        // A session later, with nothing in between: the opening itself is the anchor.
        let later = audit.reconcile(&trail.site, "1", Found::watermark(None)).await;
        assert!(matches!(later, Err(Error::DatabaseRolledBack(_))));
    }

    #[tokio::test]
    async fn what_nobody_decided_is_not_undone_by_an_older_database() {
        let trail = Trail::new();
        let audit = trail.open();
        audit.reconcile(&trail.site, "1", Found::watermark(None)).await.unwrap();
        let ended = trail.record(&audit, What::SessionEnded { cause: None }).await;
        trail.record(&audit, What::SiteClosed { watermark: Some(ended) }).await;
        let older = audit.reconcile(&trail.site, "1", Found::watermark(Some(ended - 1))).await;
        assert!(matches!(older, Err(Error::DatabaseRolledBack(position)) if position == ended));
        audit.reconcile(&trail.site, "1", Found::watermark(Some(ended))).await.unwrap();
    }

    #[tokio::test]
    async fn a_decision_without_an_outcome_is_closed_as_unknown_once() {
        let trail = Trail::new();
        let audit = trail.open();
        let at = trail.record(&audit, decision()).await;
        for _ in 0..2 {
            audit.reconcile(&trail.site, "1", Found::watermark(None)).await.unwrap();
        }
        let unknown = (0..audit.ledger().size())
            .filter(|p| {
                let what = audit.recorded(*p).unwrap().event.what;
                matches!(what, What::Outcome { decision, result: Outcome::Unknown, .. } if decision == at)
            })
            .count();
        assert_eq!(unknown, 1);
    }

    #[tokio::test]
    async fn an_older_sealed_file_is_named_and_a_newer_one_is_taken() {
        let trail = Trail::new();
        let audit = trail.open();
        let found = |sealing| Found { watermark: None, sealing };
        audit.reconcile(&trail.site, "1", found(Some(1))).await.unwrap();
        trail.record(&audit, What::KeysSealed { sealing: 2 }).await;
        let older = audit.reconcile(&trail.site, "1", found(Some(1))).await;
        assert!(matches!(older, Err(Error::KeysRolledBack { own: 1, known: 2 })));
        // Sealed, and the process was killed before that was on record.
        audit.reconcile(&trail.site, "1", found(Some(3))).await.unwrap();
        // Sessions later the opening itself is the anchor, also when nobody says which file there is.
        audit.reconcile(&trail.site, "1", found(None)).await.unwrap();
        for own in [0, 2] {
            let older = audit.reconcile(&trail.site, "1", found(Some(own))).await;
            assert!(matches!(older, Err(Error::KeysRolledBack { known: 3, .. })), "{own}");
        }
        audit.reconcile(&trail.site, "1", found(Some(3))).await.unwrap();
    }

    #[tokio::test]
    async fn a_time_once_on_record_is_known_however_often_the_clock_is_set_back() {
        let trail = Trail::new();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        for (now, known) in [(1_000, 0), (5_000, 1_000), (2_000, 5_000), (1_500, 5_000), (1_200, 5_000)] {
            let clock = Arc::new(FixedClock::at(at(now)));
            let audit = Audit::new(Ledger::open(&trail.path(), key(), clock).unwrap());
            let latest = audit.latest(&trail.site).unwrap();
            assert_eq!(latest, (known > 0).then(|| at(known)), "{now}");
            audit.reconcile(&trail.site, "1", Found::watermark(None)).await.unwrap();
            audit.ledger().close().unwrap();
        }
    }

    #[tokio::test]
    async fn after_a_restore_no_sealed_file_of_another_branch_is_taken() {
        let trail = Trail::new();
        let audit = trail.open();
        let found = |sealing| Found { watermark: None, sealing: Some(sealing) };
        audit.reconcile(&trail.site, "1", found(4)).await.unwrap();
        trail.record(&audit, What::KeysSealed { sealing: 5 }).await;
        let branch = |of: u64, count: u64| of << 32 | count;
        for (of, other) in [(9, 0), (3, 9)] {
            let back = What::SiteRestored {
                set: 1,
                digest: base::Blake3([4; 32]),
                made: Timestamp::UNIX_EPOCH,
                newer: true,
                shredded: 0,
                deleted: 0,
                rights: 0,
                sealing: branch(of, 3),
            };
            trail.record(&audit, back).await;
            let older = audit.reconcile(&trail.site, "1", found(branch(of, 2))).await;
            assert!(matches!(older, Err(Error::KeysRolledBack { own: 2, known: 3 })), "{older:?}");
            // What the lost site wrote, whatever its number.
            for count in [2, 3, 6, 5_000] {
                let foreign = audit.reconcile(&trail.site, "1", found(branch(other, count))).await;
                assert!(matches!(foreign, Err(Error::KeysOfAnotherBranch)), "{foreign:?}");
            }
            for own in [3, 3, 4] {
                audit.reconcile(&trail.site, "1", found(branch(of, own))).await.unwrap();
            }
            let foreign = audit.reconcile(&trail.site, "1", found(branch(other, 6))).await;
            assert!(matches!(foreign, Err(Error::KeysOfAnotherBranch)), "{foreign:?}");
        }
        let older = audit.reconcile(&trail.site, "1", found(branch(3, 3))).await;
        assert!(matches!(older, Err(Error::KeysRolledBack { own: 3, known: 4 })), "{older:?}");
    }
}
