//! What the site looks at by itself, so that somebody hears of it at once: room on its disks, streams, damage, policies.
//! What stands is sent by the second channel, which needs no ledger.

use crate::Site;
use audit::{Event, What};
use feed::alarm::Cause;
use ledger::reserve::Reserve;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);
/// How many looks apart the store is asked for damage.
const STORE: u32 = 5;
/// How many looks apart it is recorded how many decisions were checked: an hour.
const CHECKS: u32 = 3600;
/// How many looks apart roles are looked for that have ended.
const LAPSES: u32 = 15;
const MIB: u64 = 1 << 20;

/// The room that the site needs, and the room that is set aside for its end.
pub struct Room {
    /// A folder on each disk that the site records or keeps its metadata on.
    pub folders: Vec<PathBuf>,
    /// With less than this free on one of them the site changes nothing; 0 for never.
    pub least: u64,
    /// Tells whether the ledger's reserve was given up.
    pub reserve: Option<Reserve>,
    /// Whether there is too little now.
    pub low: AtomicBool,
}

impl Room {
    /// The least room free on any of the disks; none if one cannot be asked.
    fn free(&self) -> Option<u64> {
        let free = |folder: &PathBuf| {
            let disk = rustix::fs::statvfs(folder).ok()?;
            Some(disk.f_bavail.saturating_mul(disk.f_frsize))
        };
        self.folders.iter().map(free).try_fold(u64::MAX, |least, free| Some(least.min(free?)))
    }

    /// Whether it is too little. Some more than the least is needed to go back, so that the state does not
    /// change to and fro.
    fn is_low(&self, free: u64) -> bool {
        let least = match self.low.load(Ordering::Relaxed) {
            true => self.least.saturating_add(self.least / 4),
            false => self.least,
        };
        free < least
    }
}

/// Looks after what somebody has to hear of, until the site stops.
pub async fn vigil(site: Site) {
    let mut silent = BTreeSet::new();
    for look in 0u32.. {
        room(&site).await;
        streams(&site);
        witnesses(&site, &mut silent).await;
        replicas(&site);
        policies(&site, look).await;
        if look % LAPSES == 0 {
            let _ = site.access.record_lapses(&site.actor()).await;
            let _ = site.sharing.record_due(&site.actor()).await;
            crate::administrator::heed(&site).await;
            crate::break_glass::heed(&site).await;
        }
        if look % STORE == 0 {
            damage(&site).await;
        }
        if end_of_room(&site).await {
            return;
        }
        tokio::select! {
            () = site.stopped() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// With little room the site changes nothing until there is more: what is left is the ledger's, for reads.
pub async fn room(site: &Site) {
    let room = &site.room;
    // A disk that cannot be asked has none.
    let free = room.free().unwrap_or(0);
    let (low, least) = (room.is_low(free), room.least / MIB);
    let why = low.then(|| format!("{} MiB are free on the site's disk, and {least} are needed", free / MIB));
    site.access.set_read_only(why.clone());
    site.alarms.set(Cause::RoomLow, "", why);
    if room.low.swap(low, Ordering::Relaxed) != low {
        let what = if low { What::RoomLow { free } } else { What::RoomBack { free } };
        // A ledger that takes no events ends the process.
        let _ = site.audit.follow(&Event::new(site.actor(), what)).await;
    }
}

/// Without the reserve, the next full disk would end the ledger without a word: the site records that it stops,
/// with the room that the reserve has made, and stops.
async fn end_of_room(site: &Site) -> bool {
    if !site.room.reserve.as_ref().is_some_and(Reserve::is_used) {
        return false;
    }
    site.alarms.set(
        Cause::NoRoom,
        "",
        Some("the ledger's disk is full: the site records its end and stops".into()),
    );
    site.end("no-room").await;
    true
}

fn streams(site: &Site) {
    for (name, status) in &site.streams {
        let status = status.borrow().clone();
        let why = status.failure.unwrap_or_else(|| "its sink is slow".to_owned());
        site.alarms.set(Cause::StreamLags, name, status.lagging.then_some(why));
    }
}

/// Silence and return are recorded, each once, and heard of.
async fn witnesses(site: &Site, silent: &mut BTreeSet<String>) {
    let witnessed = site.witnessed();
    site.alarms.set(Cause::NoQuorum, "", witnessed.lacking());
    for one in &witnessed.each {
        let why = one.silent();
        let (witness, size) = (one.id.clone(), one.size);
        let what = match (why.is_some(), silent.contains(&one.id)) {
            (true, false) => What::WitnessSilent { witness, size },
            // Only with a cosignature of what there is.
            (false, true) if one.late.is_none() => What::WitnessReturned { witness, size },
            _ => continue,
        };
        match why.is_some() {
            true => silent.insert(one.id.clone()),
            false => silent.remove(&one.id),
        };
        site.alarms.set(Cause::WitnessSilent, &one.name, why);
        let _ = site.audit.follow(&Event::new(site.actor(), what)).await;
    }
}

/// One that differs is told at once, one that is away or slow after the time that its settings allow.
fn replicas(site: &Site) {
    for replica in &site.replicas.all {
        let known = replica.borrow().clone();
        let behind = crate::process::replica(site, &known).behind_seconds;
        let late = behind.is_some_and(|behind| behind >= known.alarm.as_secs());
        let why = known.failure.unwrap_or_else(|| "it is slow".to_owned());
        site.alarms.set(Cause::ReplicaBehind, &known.name, (known.differs || late).then_some(why));
    }
}

/// That the compiled form of the policies is checked is itself on record, and heard of if it was wrong.
async fn policies(site: &Site, look: u32) {
    site.alarms.set(Cause::PolicyDisagrees, "", site.access.distrust());
    // What does not fit, or was not approved, decides nothing: the set before does. A database that does not answer is
    // heard of by what watches that.
    let stored = match site.access.follow_policies().await {
        Err(access::Error::Db(_)) | Ok(()) => None,
        Err(other) => Some(format!("the site's own policies that are stored decide nothing: {other}")),
    };
    site.alarms.set(Cause::PolicyDisagrees, "stored", stored);
    if look % CHECKS == CHECKS - 1 {
        let _ = site.access.record_checks(&site.actor()).await;
    }
}

async fn damage(site: &Site) {
    let Ok((quarantined, oldest)) = site.archive.health().await else { return };
    let why = (quarantined > 0).then(|| format!("{quarantined} versions of objects are in quarantine"));
    site.alarms.set(Cause::ObjectsDamaged, "", why);
    let differing = site.archive.standing().differing;
    site.alarms.set(Cause::LocksDiffer, "", crate::storage::locks(differing));
    site.alarms.set(Cause::ScrubLate, "", site.care.late(site.clock.now(), oldest));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_least_is_needed_to_go_back() {
        let room = Room { folders: vec!["/".into()], least: 400, reserve: None, low: AtomicBool::new(false) };
        assert!(room.free().is_some());
        assert_eq!([399, 400, 450].map(|free| room.is_low(free)), [true, false, false]);
        room.low.store(true, Ordering::Relaxed);
        assert_eq!([399, 400, 499, 500].map(|free| room.is_low(free)), [true, true, true, false]);
        let gone = Room { folders: vec!["/".into(), "/no such folder".into()], ..room };
        assert_eq!(gone.free(), None);
    }
}
