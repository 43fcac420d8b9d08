//! Making a backup, a step at a time.
//!
//! Each step is a decision of its own, and what takes longer than a permit lasts needs none: whatever a step has
//! to ask for, it asks for first. So a site of any size gets to the end.

use crate::begin::{Memory, Stage};
use crate::place::Identity;
use crate::set::{Absent, HEAD, Head};
use crate::{Error, Place, Recovery, begin, files, mirror, place};
use access::Permit;
use access::thing::Site;
use access::verb::Manage;
use archive::Archive;
use archive::restored::{self, Kept};
use audit::{Actor, Audit, Event, What};
use base::{Blake3, Clock, Entropy, Fault, Kind, SiteId, Timestamp};
use db::Db;
use keys::Keys;
use keys::backup::Epoch;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// How long a step works, or as long as the last part of it takes: a permit lasts longer.
const STEP: Duration = Duration::from_secs(5);
const DAY: u64 = 24 * 3600;

/// What backups are made of and with. Cheap to clone.
#[derive(Clone)]
pub struct Backup {
    parts: Arc<Parts>,
    /// One step at a time: two would write the same files.
    busy: Arc<Mutex<()>>,
}

/// A step's turn. Taken before the decision: while it is waited for, a permit would end.
pub struct Turn {
    _alone: OwnedMutexGuard<()>,
}

/// A live site's rooms, and its folder.
pub struct Parts {
    /// The site.
    pub site: SiteId,
    /// Its folder.
    pub folder: PathBuf,
    /// Its database.
    pub db: Db,
    /// Its identity map.
    pub map: Db,
    /// Its trail.
    pub audit: Audit,
    /// Its keys.
    pub keys: Keys,
    /// Its archive.
    pub archive: Archive,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The entropy.
    pub entropy: Arc<dyn Entropy>,
    /// The program's version.
    pub program: &'static str,
}

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The folder of the backup.
    pub to: PathBuf,
    /// The folder of recovery files.
    pub recovery: PathBuf,
    /// Days that a new epoch lasts.
    pub days: u32,
    /// Where the step before stopped; 0 for the first.
    pub from: u64,
    /// Which folders the client means by the two paths, if it said so.
    pub meant: [Option<Identity>; 2],
}

/// How far a set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The set.
    pub set: u32,
    /// Where the next step goes on.
    pub next: u64,
    /// Versions in the set.
    pub objects: u64,
    /// Versions that this step copied.
    pub copied: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Versions that are damaged in the site and were found so by this step.
    pub damaged: Vec<Absent>,
    /// The recovery file, and when it is to be destroyed.
    pub recovery: (PathBuf, Timestamp),
    /// Days that the set's epoch lasts.
    pub days: u32,
    /// Versions that are absent, once the set is whole.
    pub done: Option<Vec<Absent>>,
}

impl Deref for Backup {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Backup {
    /// Takes the rooms, and clears what a crash left: copies of the database hold keys that were shredded since.
    pub fn new(parts: Parts) -> Result<Self, Error> {
        let backup = Self { parts: Arc::new(parts), busy: Arc::default() };
        backup.clear_room()?;
        Ok(backup)
    }

    /// Waits until no other step is under way.
    pub async fn turn(&self) -> Turn {
        Turn { _alone: self.busy.clone().lock_owned().await }
    }

    /// One step of a backup. Asked again until it is done; what was interrupted goes on.
    pub async fn create(
        &self,
        permit: &Permit<Manage, Site>,
        wanted: &Wanted,
        _turn: &Turn,
    ) -> Result<Progress, Error> {
        permit.live()?;
        let (place, number) = self.place(wanted).await?;
        let epoch = self.epoch(permit, wanted.days).await?;
        let recovery = self.recovery(permit, &epoch, &wanted.recovery).await?;
        let mut progress = Progress {
            set: number,
            next: 0,
            objects: 0,
            copied: 0,
            bytes: 0,
            damaged: Vec::new(),
            recovery: (recovery, epoch.expires),
            days: days_of(&epoch),
            done: None,
        };
        let ends = self.clock.monotonic().saturating_add(STEP);
        loop {
            match self.stage(&place, number, &epoch).await? {
                Stage::None => self.begin(permit, &place, number, &epoch).await?,
                Stage::Copied(head) => progress.objects = self.list(permit, &place, *head).await?,
                Stage::Listed(head, memory) => {
                    progress.objects = head.objects;
                    progress.next = wanted.from.min(memory.next);
                    self.go_on(permit, &place, (*head, memory), ends, &mut progress).await?;
                    return Ok(progress);
                }
            }
            if self.clock.monotonic() >= ends {
                return Ok(progress);
            }
        }
    }

    /// The folder of the backup, and the number of the set that is next.
    async fn place(&self, wanted: &Wanted) -> Result<(Place, u32), Error> {
        let (to, recovery, own) = (wanted.to.clone(), wanted.recovery.clone(), self.folder.clone());
        let (site, ledger, meant) = (self.site.clone(), self.audit.ledger().clone(), wanted.meant);
        let found = blocking(move || {
            for (path, meant) in [&to, &recovery].into_iter().zip(meant) {
                place::is_meant(path, meant)?;
            }
            place::apart(&to, &own, "lies in the site, or the site in it")?;
            place::apart(&recovery, &own, "lies in the site, or the site in it")?;
            place::apart(&recovery, &to, "lies in the backup that it opens, or the backup in it")?;
            let place = Place::of(&to, &site)?;
            // Asked before the work of hours: the set's record could not be mirrored there.
            mirror::goes_on(&ledger, &place.ledger())?;
            let number = place.sets()?.last().map_or(1, |last| last.saturating_add(1));
            Ok((place, number))
        });
        found.await
    }

    async fn recovery(
        &self,
        permit: &Permit<Manage, Site>,
        epoch: &Epoch,
        folder: &Path,
    ) -> Result<PathBuf, Error> {
        let wrapped = self.keys.wrapped_backup_key(permit, epoch.number).await?;
        let (recovery, folder) = (Recovery::new(&self.site, epoch, wrapped), folder.to_owned());
        blocking(move || recovery.keep(&folder)).await
    }

    /// The epoch in force: a new one when a third of the newest is over.
    async fn epoch(&self, permit: &Permit<Manage, Site>, days: u32) -> Result<Epoch, Error> {
        let now = self.clock.now();
        if let Some(newest) = self.keys.backup_epochs().await?.pop() {
            let third = newest.expires.duration_since(newest.begun).checked_div(3).unwrap_or_default();
            if newest.begun.checked_add(third).is_ok_and(|until| now < until) {
                return Ok(newest);
            }
        }
        let expires = now.checked_add(Duration::from_secs(u64::from(days.max(1)) * DAY));
        let tx = self.db.begin(permit.decision()).await?;
        let expires = expires.unwrap_or(Timestamp::MAX);
        let epoch = self.keys.begin_backup_epoch(permit, &tx, now, expires).await?;
        tx.commit().await?;
        Ok(epoch)
    }

    /// A step of a set that was listed: copies, asks about what it could not copy, and ends the set if that was
    /// all and the permit has lasted.
    async fn go_on(
        &self,
        permit: &Permit<Manage, Site>,
        place: &Place,
        (head, mut memory): (Head, Memory),
        ends: Duration,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        if progress.next == 0 {
            memory.lacking.clear();
        }
        let (draft, listed) = (place.draft(head.set), head.clone());
        let list = blocking(move || begin::list_of(&draft, &listed)).await?;
        // What the step before found, when its permit had ended.
        self.look_at_lacking(permit, &mut memory, progress).await?;
        self.copy_bodies(place, &list, &mut memory, ends, progress).await?;
        self.look_at_lacking(permit, &mut memory, progress).await?;
        let asked = memory.lacking.iter().all(|one| one.damaged.is_some());
        self.remember(&memory).await?;
        if progress.next >= head.objects && asked && permit.live().is_ok() {
            progress.done = Some(self.finish(permit, place, head, &memory).await?);
        }
        Ok(())
    }

    /// Copies bodies that the backup does not have, for a step's time.
    async fn copy_bodies(
        &self,
        place: &Place,
        list: &[Kept],
        memory: &mut Memory,
        ends: Duration,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let to = Arc::new(place.store(self.clock.clone())?);
        let start = usize::try_from(progress.next).unwrap_or(usize::MAX);
        for kept in list.iter().skip(start) {
            let (from, to, one) = (self.archive.store().clone(), to.clone(), kept.clone());
            let place = place.clone();
            let copied = blocking(move || {
                place.is_plain(&one.name)?;
                let there = restored::is_there(&*to, &one)?;
                if !there {
                    restored::copy(&*from, &*to, &one)?;
                }
                Ok(!there)
            });
            match copied.await {
                Ok(copied) => {
                    progress.copied += u64::from(copied);
                    progress.bytes += if copied { kept.length } else { 0 };
                }
                // Of the backup, and no damage of the site's.
                Err(error @ Error::Odd(_)) => return Err(error),
                Err(error) if error.kind() == Kind::Integrity => memory.lacks(kept),
                Err(error) => return Err(error),
            }
            progress.next += 1;
            memory.next = progress.next;
            if self.clock.monotonic() >= ends {
                break;
            }
        }
        Ok(())
    }

    /// Has the archive look at what could not be copied, while the permit lasts: what is damaged goes into
    /// quarantine there; what was deleted meanwhile is not damaged.
    async fn look_at_lacking(
        &self,
        permit: &Permit<Manage, Site>,
        memory: &mut Memory,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        for one in memory.lacking.iter_mut().filter(|one| one.damaged.is_none()) {
            if permit.live().is_err() {
                break;
            }
            let found = match self.archive.check(permit, std::slice::from_ref(&one.object)).await {
                Ok(found) => found,
                Err(archive::Error::NotFound) => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            if found.iter().any(|found| found.damage.is_some()) {
                progress.damaged.push(one.absent());
            }
            one.damaged = Some(!found.is_empty());
        }
        Ok(())
    }

    /// 1. The head. 2. The set is on record, durably. Crash here or before: the next step does it again, with
    ///    the same head. 3. The set has its name. 4. The ledger is mirrored, with the record in it.
    async fn finish(
        &self,
        permit: &Permit<Manage, Site>,
        place: &Place,
        mut head: Head,
        memory: &Memory,
    ) -> Result<Vec<Absent>, Error> {
        head.absent = memory.lacking.iter().map(begin::Lacking::absent).collect();
        let (draft, bytes) = (place.draft(head.set), begin::json(&head));
        let what = What::BackupMade {
            set: head.set,
            digest: Blake3(*blake3::hash(&bytes).as_bytes()),
            objects: head.objects,
            bytes: head.bytes,
            absent: head.absent.iter().filter(|one| one.damaged).count() as u64,
            epoch: head.epoch.unsigned_abs(),
            expires: head.expires,
        };
        let at = draft.join(HEAD);
        blocking(move || files::write(&at, &bytes)).await?;
        permit.live()?;
        let event = Event::new(permit.actor().clone(), what)
            .during(Some(permit.caller().request().clone()))
            .about([self.site.to_string()]);
        self.audit.gate(&event).await?;
        let (named, memory) = (place.set(head.set), self.memory());
        let (ledger, from, to) = (self.audit.ledger().clone(), self.folder.join("ledger"), place.ledger());
        let ended = move || {
            files::clear(&draft.join(begin::DRAFT))?;
            fs::rename(&draft, &named).map_err(Error::io(&named))?;
            base::durable::flush_folder_of(&named).map_err(Error::io(&named))?;
            files::clear(&memory)?;
            mirror::update(&ledger, &from, &to)
        };
        blocking(ended).await?;
        head.absent.retain(|one| one.damaged);
        Ok(head.absent)
    }

    /// Destroys the keys of epochs that have ended, on record. For the site itself, which does so while it is
    /// open. Gives how many.
    pub async fn end_epochs(&self) -> Result<usize, Error> {
        let ended = self.keys.ended_epochs(self.clock.now()).await?;
        if !ended.is_empty() {
            let epochs = ended.iter().map(|number| number.unsigned_abs()).collect();
            let site = Actor::Site(self.site.clone());
            let event = Event::new(site, What::BackupKeysDestroyed { epochs });
            let position = self.audit.gate(&event).await?.position;
            let tx = self.db.begin(position).await?;
            self.keys.end_epochs(&tx, &ended).await?;
            tx.commit().await?;
            self.db.forget_deleted().await?;
        }
        Ok(ended.len())
    }

    /// A folder of the site for copies on their way, empty.
    pub(crate) fn room(&self) -> Result<PathBuf, Error> {
        self.clear_room()?;
        let room = self.folder.join("backup").join("room");
        files::folder(&room)?;
        Ok(room)
    }

    /// Clears all that lies in the site for backups but the memory of a set.
    pub(crate) fn clear_room(&self) -> Result<(), Error> {
        let own = self.folder.join("backup");
        let memory = self.memory();
        for entry in fs::read_dir(&own).into_iter().flatten() {
            let path = entry.map_err(Error::io(&own))?.path();
            if path != memory {
                files::clear(&path)?;
            }
        }
        Ok(())
    }
}

fn days_of(epoch: &Epoch) -> u32 {
    let seconds = u64::try_from(epoch.expires.duration_since(epoch.begun).as_secs()).unwrap_or(0);
    u32::try_from(seconds / DAY).unwrap_or(u32::MAX)
}

/// Runs blocking work on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let ended = |_| Error::Io { path: PathBuf::new(), source: std::io::ErrorKind::Interrupted.into() };
    tokio::task::spawn_blocking(work).await.map_err(ended)?
}
