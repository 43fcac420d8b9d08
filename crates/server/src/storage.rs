//! What the site does with its store by itself: it puts in order what a crash left, has new objects locked, scrubs,
//! records damage that readers met, and says in its status how the store is.

use crate::{Failure, Site};
use archive::{Rolling, Standing};
use base::Timestamp;
use std::time::Duration;

/// How often the site looks after its store.
const LOOK: Duration = Duration::from_secs(5);
/// How long it sweeps at once.
const OWN_STEP: Duration = Duration::from_secs(2);
/// How long it sweeps at once while somebody uses the site.
const BRIEF: Duration = Duration::from_millis(100);
const DAY: u64 = 24 * 3600;

/// How the site looks after its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Care {
    /// Days within which everything is read once.
    pub scrub_days: u64,
    /// Mebibytes a second that the site's own scrub reads at most.
    pub scrub_mib_per_second: u64,
}

impl Default for Care {
    fn default() -> Self {
        Self { scrub_days: 30, scrub_mib_per_second: 50 }
    }
}

impl Care {
    /// Says so when something was not found right for longer than it should be: of one version it is told, whatever
    /// the others are.
    pub(crate) fn late(&self, now: Timestamp, oldest: Option<Timestamp>) -> Option<String> {
        let latest = now.checked_sub(Rolling::late_after(self.every())).ok()?;
        let late = self.scrub_days > 0 && oldest.is_some_and(|oldest| oldest < latest);
        late.then(|| format!("the scrub is behind: not everything was read within {} days", self.scrub_days))
    }

    /// What was last found right longer ago than this is due.
    pub(crate) fn every(&self) -> Duration {
        Duration::from_secs(self.scrub_days.saturating_mul(DAY))
    }
}

/// What the site says about its store in its status.
pub(crate) async fn limits(site: &Site) -> Result<Vec<String>, Failure> {
    let (quarantined, oldest) = site.archive.health().await?;
    let mut limits = Vec::new();
    if quarantined > 0 {
        limits.push(format!(
            "DAMAGE: {quarantined} versions of objects are in quarantine and given to nobody; \
             `archive stat` names them, a backup has them"
        ));
    }
    limits.extend(standing(&site.archive.standing()));
    if let Some(ahead) = site.archive.ahead().await?.filter(|ahead| ahead.as_secs() >= DAY) {
        limits.push(format!(
            "the newest object was sealed {} days ahead of this machine's clock: one of the two clocks is wrong, and \
             floors of new objects count from there, for a year at most",
            ahead.as_secs() / DAY
        ));
    }
    limits.extend(site.care.late(site.clock.now(), oldest));
    Ok(limits)
}

/// What the site has met of its store.
fn standing(standing: &Standing) -> Vec<String> {
    let Standing { away, strays, unlocked, differing, unread, sweep } = *standing;
    let mut limits = Vec::new();
    if away {
        limits.push(
            "the store is not there: its place holds no body at all, or is not marked as this site's"
                .to_owned(),
        );
    }
    if unlocked > 0 {
        limits.push(format!(
            "the store has not locked {unlocked} versions of objects for longer than a minute; \
             `archive stat` says in which projects"
        ));
    }
    if unread > 0 {
        limits.push(format!(
            "{unread} versions of objects could not be read from the store: the scrub goes on without them and tries \
             them again"
        ));
    }
    if let Some(locks) = locks(differing) {
        limits.push(locks);
    }
    if sweep.failing {
        limits.push(
            "the store cannot be looked through for what a crash left; it is tried again by itself"
                .to_owned(),
        );
    }
    if strays > 0 {
        limits.push(format!(
            "{strays} bodies without a record, or of deleted objects, are locked: they are left where they are"
        ));
    }
    limits
}

/// Says so when locks are not what the records say.
pub(crate) fn locks(differing: u64) -> Option<String> {
    (differing > 0)
        .then(|| format!("the store locks {differing} versions of objects otherwise than their records say"))
}

/// Looks after the store until the site stops: sweeps it for what a crash left, records damage that readers met, has the
/// store lock what is new, destroys the keys of backups whose day has come, and scrubs: for longer while nobody waits,
/// and a little at any time. An error is left for the next look: none of these is
/// anybody's request, and what is behind shows in the status.
pub async fn care(site: Site) {
    // A large object takes the scrub long, and nothing else waits for it.
    tokio::join!(look_after(&site), scrub(&site), crate::discovery::keep_looking(&site));
}

/// Scrubs until the site stops, unless the settings say that it does not.
async fn scrub(site: &Site) {
    if site.care.scrub_days == 0 {
        return;
    }
    let per_second = site.care.scrub_mib_per_second.saturating_mul(1 << 20);
    let mut rolling = Rolling::new(site.care.every(), per_second);
    let mut pause = LOOK;
    loop {
        tokio::select! {
            () = site.stopped() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = rolling.turn(&site.archive, site.is_quiet(), &site.actor()).await.unwrap_or(LOOK);
    }
}

async fn look_after(site: &Site) {
    loop {
        sweep(site).await;
        tokio::select! {
            () = site.stopped() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let _ = site.archive.settle_suspects().await;
        let _ = site.archive.lock_settled().await;
        let _ = site.backup.end_epochs().await;
    }
}

/// Goes on with the sweep of this opening: for longer while nobody waits, and for at least a step.
async fn sweep(site: &Site) {
    let began = site.clock.monotonic();
    while let Ok(sweep) = site.archive.sweep_step().await {
        let most = if site.is_quiet() { OWN_STEP } else { BRIEF };
        if sweep.is_over() || site.clock.monotonic().saturating_sub(began) >= most {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_that_was_not_read_in_time_is_told_soon_after() {
        let care = Care::default();
        let read: Timestamp = "2031-05-01T00:00:00Z".parse().unwrap();
        let after = |days: u64| read.checked_add(Duration::from_secs(days * DAY)).unwrap();
        assert_eq!(care.late(after(31), Some(read)), None);
        assert!(care.late(after(32), Some(read)).is_some_and(|why| why.contains("30 days")));
        assert_eq!(care.late(after(32), None), None);
        assert_eq!(Care { scrub_days: 0, ..care }.late(after(900), Some(read)), None, "it was told not to");
    }
}
