//! Making a backup, a step at a time.

use crate::set::{self, Absent, Database, HEAD, Head, OBJECTS, Stated, TOOLS};
use crate::{Error, Place, Recovery, files, mirror, place, sealed};
use access::Permit;
use access::thing::Site;
use access::verb::Manage;
use archive::Archive;
use archive::restored::{self, Kept};
use audit::{Actor, Audit, Event, What};
use base::{Blake3, Clock, Entropy, Fault, Kind, ObjectId, SiteId, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use db::Db;
use keys::Keys;
use keys::backup::Epoch;
use seal::SessionKey;
use std::fs::{self, File};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a step copies, or as long as its last body takes.
const STEP: Duration = Duration::from_secs(5);
const DAY: u64 = 24 * 3600;
/// How often a set is begun again because the site's secrets were sealed anew meanwhile.
const TRIES: u32 = 3;
/// What unseals the site, in its folder and in a set.
const SEALED: (&str, &str) = ("keys/site.sealed", "site.sealed");
/// The head while the set is being made.
const DRAFT: &str = "draft.json";

/// What backups are made of and with. Cheap to clone.
#[derive(Clone)]
pub struct Backup {
    parts: Arc<Parts>,
    /// One step at a time: two would write the same files.
    pub(crate) busy: Arc<Mutex<()>>,
}

/// A live site's rooms, and its folder.
pub struct Parts {
    /// The site.
    pub site: SiteId,
    /// Its folder.
    pub folder: PathBuf,
    /// Its database.
    pub db: Db,
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
    /// Takes the rooms.
    pub fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts), busy: Arc::default() }
    }

    /// One step of a backup. Asked again until it is done; what was interrupted goes on.
    pub async fn create(&self, permit: &Permit<Manage, Site>, wanted: &Wanted) -> Result<Progress, Error> {
        permit.live()?;
        let _alone = self.busy.lock().await;
        place::apart(&wanted.to, &self.folder, "lies in the site, or the site in it")?;
        place::apart(&wanted.recovery, &self.folder, "lies in the site, or the site in it")?;
        place::apart(&wanted.recovery, &wanted.to, "lies in the backup that it opens, or the backup in it")?;
        let place = Place::of(&wanted.to, &self.site)?;
        let number = place.sets()?.last().map_or(1, |last| last.saturating_add(1));
        let draft = place.draft(number);
        let (head, from, recovery) = self.head(permit, &place, number, wanted).await?;
        let mut progress = Progress {
            set: number,
            next: from,
            objects: head.objects,
            copied: 0,
            bytes: 0,
            damaged: Vec::new(),
            recovery: (recovery, head.expires),
            done: None,
        };
        let list = list(&draft)?;
        self.copy_bodies(permit, &place, &list, &mut progress).await?;
        if progress.next >= head.objects {
            progress.done = Some(self.finish(permit, &place, head, &list).await?);
        }
        Ok(progress)
    }

    /// The set's head, where to go on, and the recovery file.
    ///
    /// INVARIANT (one-sealing): the set's sealed file was in force before the database was copied, and still is
    /// when the recovery file is written. Otherwise a root that is replaced in between wraps keys in the copy, or
    /// the epoch's, and is not in the file.
    async fn head(
        &self,
        permit: &Permit<Manage, Site>,
        place: &Place,
        number: u32,
        wanted: &Wanted,
    ) -> Result<(Head, u64, PathBuf), Error> {
        let (draft, sealed) = (place.draft(number), self.folder.join(SEALED.0));
        for _ in 0..TRIES {
            let (head, from) = match self.begun(&draft)? {
                Some(head) => (head, wanted.from),
                None => (self.begin(permit, place, number, wanted.days).await?, 0),
            };
            let recovery = self.recovery(permit, &head, &wanted.recovery).await?;
            if files::read(&draft.join(SEALED.1))? == files::read(&sealed)? {
                return Ok((head, from, recovery));
            }
            files::clear(&draft.join(DRAFT))?;
        }
        Err(Error::Io { path: sealed, source: std::io::ErrorKind::Interrupted.into() })
    }

    /// The head of a set that was begun and still opens for a while.
    fn begun(&self, draft: &Path) -> Result<Option<Head>, Error> {
        let path = draft.join(DRAFT);
        if !path.exists() {
            return Ok(None);
        }
        let head: Option<Head> = serde_json::from_slice(&files::read(&path)?).ok();
        Ok(head.filter(|head| head.site == self.site && head.expires > self.clock.now()))
    }

    async fn recovery(
        &self,
        permit: &Permit<Manage, Site>,
        head: &Head,
        folder: &Path,
    ) -> Result<PathBuf, Error> {
        let wrapped = self.keys.wrapped_backup_key(permit, head.epoch).await?;
        let epoch = Epoch { number: head.epoch, begun: head.made, expires: head.expires };
        Recovery::new(&self.site, &epoch, wrapped).keep(folder)
    }

    /// 1. The epoch. Crash here: one without a set.
    /// 2. The sealed file, then the set's sealed database and its other small files, then the head's draft, without which all of it is
    ///    cleared by the next begin.
    async fn begin(
        &self,
        permit: &Permit<Manage, Site>,
        place: &Place,
        number: u32,
        days: u32,
    ) -> Result<Head, Error> {
        let epoch = self.epoch(permit, days).await?;
        let draft = place.draft(number);
        files::clear(&draft)?;
        files::folder(&draft)?;
        files::write(&draft.join(SEALED.1), &files::read(&self.folder.join(SEALED.0))?)?;
        let made = self.clock.now();
        // Before the copy: what has its outcome below this was carried out, and is in it.
        let since = self.audit.ledger().size();
        let key = SessionKey::mint(&*self.entropy);
        let database = self.seal_database(&draft, &key).await?;
        let by = self.keys.backup_key(permit, epoch.number, made).await?;
        let wrapped = by.wrap(key.expose(), &set::binding(&self.site, number), &*self.entropy)?;
        let kept = self.archive.kept(permit).await?;
        let lines: String = kept.iter().map(set::line).collect();
        files::write(&draft.join(OBJECTS), lines.as_bytes())?;
        files::write(&draft.join(TOOLS), self.copy_tools(place)?.as_bytes())?;
        for name in ["site.toml", "site.pub"] {
            files::write(&draft.join(name), &files::read(&self.folder.join(name))?)?;
        }
        let head = Head {
            format: set::FORMAT.to_owned(),
            site: self.site.clone(),
            set: number,
            made,
            program: self.program.to_owned(),
            epoch: epoch.number,
            expires: epoch.expires,
            key: STANDARD.encode(wrapped),
            since,
            database,
            objects: kept.len() as u64,
            bytes: kept.iter().map(|one| one.length).sum(),
            files: stated(&draft)?,
            absent: Vec::new(),
        };
        files::write(&draft.join(DRAFT), &json(&head))?;
        Ok(head)
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

    async fn seal_database(&self, draft: &Path, key: &SessionKey) -> Result<Database, Error> {
        let own = self.folder.join("backup");
        files::folder(&own)?;
        let copy = own.join("copy.db");
        files::clear(&copy)?;
        self.db.copy_to(&copy, keys::restored::NOT_IN_A_BACKUP).await?;
        let (entropy, draft, from) = (self.entropy.clone(), draft.to_owned(), copy.clone());
        let key = SessionKey::from_bytes(*key.expose());
        let sealed = blocking(move || sealed::write(&from, &draft, &key, &*entropy)).await;
        files::clear(&copy)?;
        sealed
    }

    /// Copies tools that the backup does not have. Gives their list.
    fn copy_tools(&self, place: &Place) -> Result<String, Error> {
        let mut list = String::new();
        for name in files::below(&self.folder.join("tools"))? {
            let Some(digest) = name.file_name().and_then(|name| name.to_str()) else { continue };
            let Ok(named) = digest.parse::<Blake3>() else { continue };
            let (from, to) = (self.folder.join("tools").join(&name), place.tool(digest));
            if !to.exists() {
                let (_, found) = files::copy(&mut File::open(&from).map_err(Error::io(&from))?, &to)?;
                if found != named {
                    files::clear(&to)?;
                    return Err(Error::damaged(
                        &place::tool_path(digest).display().to_string(),
                        "the site's own tool is not what its name says",
                    ));
                }
            }
            let length = fs::metadata(&to).map_err(Error::io(&to))?.len();
            list.push_str(&format!("{digest} {length}\n"));
        }
        Ok(list)
    }

    /// Copies bodies that the backup does not have, for a step's time. One that is damaged in the site goes
    /// into quarantine there.
    async fn copy_bodies(
        &self,
        permit: &Permit<Manage, Site>,
        place: &Place,
        list: &[Kept],
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let ends = self.clock.monotonic().saturating_add(STEP);
        let to = Arc::new(place.store(self.clock.clone())?);
        let start = usize::try_from(progress.next).unwrap_or(usize::MAX);
        for kept in list.iter().skip(start) {
            let (from, to, one) = (self.archive.store().clone(), to.clone(), kept.clone());
            let copied = blocking(move || {
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
                Err(error) if error.kind() == Kind::Integrity => {
                    // What was deleted meanwhile is not damaged: the check finds nothing to read.
                    let found = self.archive.check(permit, std::slice::from_ref(&kept.object)).await;
                    if found.is_ok_and(|found| found.iter().any(|one| one.damage.is_some())) {
                        progress.damaged.push(absent(kept));
                    }
                }
                Err(error) => return Err(error),
            }
            progress.next += 1;
            if self.clock.monotonic() >= ends {
                break;
            }
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
        list: &[Kept],
    ) -> Result<Vec<Absent>, Error> {
        let store = place.store(self.clock.clone())?;
        let mut now: Option<Vec<Kept>> = None;
        for kept in list {
            if restored::is_there(&store, kept)? {
                continue;
            }
            let now = match &mut now {
                Some(now) => now,
                none => none.insert(self.archive.kept(permit).await?),
            };
            head.absent.push(Absent { damaged: now.contains(kept), ..absent(kept) });
        }
        let (draft, bytes) = (place.draft(head.set), json(&head));
        files::write(&draft.join(HEAD), &bytes)?;
        let what = What::BackupMade {
            set: head.set,
            digest: Blake3(*blake3::hash(&bytes).as_bytes()),
            objects: head.objects,
            bytes: head.bytes,
            absent: head.absent.iter().filter(|one| one.damaged).count() as u64,
            epoch: head.epoch.unsigned_abs(),
            expires: head.expires,
        };
        let event = Event::new(permit.actor().clone(), what)
            .during(Some(permit.caller().request().clone()))
            .about([self.site.to_string()]);
        self.audit.gate(&event).await?;
        files::clear(&draft.join(DRAFT))?;
        let named = place.set(head.set);
        fs::rename(&draft, &named).map_err(Error::io(&named))?;
        base::durable::flush_folder_of(&named).map_err(Error::io(&named))?;
        let (ledger, from, to) = (self.audit.ledger().clone(), self.folder.join("ledger"), place.ledger());
        blocking(move || mirror::update(&ledger, &from, &to)).await?;
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
}

fn absent(kept: &Kept) -> Absent {
    let object: ObjectId = kept.object.clone();
    Absent { object, version: kept.version, damaged: true }
}

fn list(draft: &Path) -> Result<Vec<Kept>, Error> {
    let text = String::from_utf8(files::read(&draft.join(OBJECTS))?).unwrap_or_default();
    let lines: Option<Vec<Kept>> = text.lines().map(set::parse).collect();
    lines.ok_or_else(|| Error::damaged(OBJECTS, "a line is not of its form"))
}

/// Every file of a set but its head.
fn stated(draft: &Path) -> Result<Vec<Stated>, Error> {
    let mut found = Vec::new();
    for path in files::below(draft)? {
        let (length, digest) = files::digest(&draft.join(&path))?;
        found.push(Stated { name: path.display().to_string(), length, digest });
    }
    Ok(found)
}

fn json(head: &Head) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(head).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Runs blocking work on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let ended = |_| Error::Io { path: PathBuf::new(), source: std::io::ErrorKind::Interrupted.into() };
    tokio::task::spawn_blocking(work).await.map_err(ended)?
}
