//! The rooms of an open site, together.

use crate::body::blocking;
use crate::usable::Judge;
use crate::{Failure, Witnessed};
use access::facts::{ClassAnswer, LentAnswer, PlaceAnswer, SubjectAnswer, UseAnswer, Using};
use access::thing::Thing;
use access::verb::Verb;
use access::{Access, Action, Ask, Caller, Facts, Permit, Place};
use archive::Archive;
use audit::{Actor, Audit, Event, What};
use base::{Clock, DeletionId, Entropy, Id, ProjectId, SiteId, Timestamp};
use catalog::Catalog;
use db::{Db, Tx};
use intake::{Door, FastqCheck, Limits};
use keys::Keys;
use std::collections::BTreeSet;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The rooms of an open site. Made by the binary's wiring.
pub struct Parts {
    /// The site's id.
    pub id: SiteId,
    /// The program's version.
    pub version: &'static str,
    /// The metadata database.
    pub db: Db,
    /// The trail.
    pub audit: Audit,
    /// The door.
    pub access: Access,
    /// The keys.
    pub keys: Keys,
    /// Where the sealed secrets lie.
    pub safe: keys::Safe,
    /// The archive.
    pub archive: Archive,
    /// Backups.
    pub backup: backup::Backup,
    /// The catalog.
    pub catalog: Catalog,
    /// What people agreed to.
    pub subjects: subjects::Subjects,
    /// What projects let each other use.
    pub sharing: sharing::Sharing,
    /// Who subjects are.
    pub map: subjects::Map,
    /// Tools, references and runs.
    pub runs: runs::Runs,
    /// The program whose internal subcommand checks FASTQ files behind walls: our own.
    pub program: PathBuf,
    /// What the witnesses cosigned.
    pub witnessed: Arc<Mutex<Witnessed>>,
    /// The standing streams of events: their names, and how far they are.
    pub streams: Vec<(String, watch::Receiver<feed::Status>)>,
    /// Who hears of what happens.
    pub notify: feed::Notifications,
    /// The second channel.
    pub alarms: feed::Alarms,
    /// The room on the site's disks.
    pub room: crate::vigil::Room,
    /// The ledger's replicas, and how far they are.
    pub replicas: Replicas,
    /// References on their way in.
    pub uploads: crate::reference::Uploads,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The entropy.
    pub entropy: Arc<dyn Entropy>,
    /// Minutes without a request after which the site locks itself.
    pub idle_minutes: u64,
    /// How the site looks after its store.
    pub care: crate::Care,
    /// How it looks for identifiers in what it stores, and what it found.
    pub discovery: crate::discovery::Discovery,
    /// When the machine's clock was set right, as the settings say.
    pub clock_corrected: Option<Timestamp>,
}

/// The replicas of the ledger.
pub struct Replicas {
    /// How far each is.
    pub all: Vec<watch::Receiver<Replicated>>,
    /// Tells them that the site closes.
    pub closing: watch::Sender<bool>,
}

/// How far a replica of the ledger is.
#[derive(Debug, Clone)]
pub struct Replicated {
    /// Its name.
    pub name: String,
    /// How well its place keeps what it has.
    pub place: String,
    /// Events that it has, under a checkpoint.
    pub size: u64,
    /// Since when it lacks something; none if it had everything after the last round.
    pub behind_since: Option<Duration>,
    /// After how long the site's status names it.
    pub alarm: Duration,
    /// Why it takes nothing, if so.
    pub failure: Option<String>,
    /// Whether it holds something else than it should.
    pub differs: bool,
    /// Whether its signed checkpoint is of another ledger than this one.
    pub condemned: bool,
}

/// The words with which [`Parts::program`] is started as a FASTQ checker.
const CHECK: &[&str] = &["internal", "check-fastq"];

/// An open site. Cheap to clone.
#[derive(Clone)]
pub struct Site {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    opened: Duration,
    door: OnceLock<Door>,
    used: AtomicU64,
    busy: AtomicU64,
    stop: watch::Sender<bool>,
    traffic: crate::Traffic,
}

impl Site {
    /// Takes the rooms.
    pub fn new(parts: Parts) -> Self {
        let opened = parts.clock.monotonic();
        let used = AtomicU64::new(opened.as_secs());
        Self {
            inner: Arc::new(Inner {
                parts,
                opened,
                door: OnceLock::new(),
                used,
                busy: AtomicU64::new(0),
                stop: watch::Sender::new(false),
                traffic: crate::Traffic::default(),
            }),
        }
    }

    /// Asks the door about one thing.
    pub async fn permit<V: Verb, T: Thing>(
        &self,
        caller: &Caller,
        action: Action,
        thing: &T::Id,
    ) -> Result<Permit<V, T>, access::Error> {
        self.access.decide(caller, Ask::new(action, [thing.clone()])).await
    }

    /// Begins a transaction that carries out what `permit` stands on.
    pub async fn begin<V: Verb, T: Thing>(&self, permit: &Permit<V, T>) -> Result<Tx, db::Error> {
        self.db.begin(permit.decision()).await
    }

    /// The controlled door. It is made at first use: a machine that cannot hold a sealed job can
    /// still show what a site has.
    pub async fn door(&self) -> Result<Door, Failure> {
        if let Some(door) = self.inner.door.get() {
            return Ok(door.clone());
        }
        let (runs, program) = (self.runs.clone(), self.program.clone());
        let check = blocking(move || {
            let executor = runs.executor()?;
            Ok::<_, Failure>(FastqCheck::new(&executor, &program, CHECK, &Limits::default())?)
        })
        .await??;
        let (db, catalog, archive) = (self.db.clone(), self.catalog.clone(), self.archive.clone());
        let door = Door::new(db, catalog, archive, self.keys.clone(), self.map.clone(), check);
        Ok(self.inner.door.get_or_init(|| door).clone())
    }

    /// What the witnesses cosigned, as of now.
    pub fn witnessed(&self) -> Witnessed {
        self.witnessed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The site as one who acts: start, stop, closing.
    pub fn actor(&self) -> Actor {
        Actor::Site(self.id.clone())
    }

    /// Seconds since the site was opened.
    pub fn up_seconds(&self) -> u64 {
        self.clock.monotonic().saturating_sub(self.inner.opened).as_secs()
    }

    /// Notes that a request came; until the guard drops, the site is not idle.
    pub fn in_use(&self) -> InUse {
        self.inner.busy.fetch_add(1, Ordering::Relaxed);
        InUse { site: self.clone() }
    }

    /// Whether nothing happened for the configured time and no run is under way. Zero minutes
    /// stand for never.
    pub fn is_idle(&self) -> bool {
        if self.idle_minutes == 0 || self.runs.is_busy() {
            return false;
        }
        let quiet = self.clock.monotonic().as_secs().saturating_sub(self.inner.used.load(Ordering::Relaxed));
        self.inner.busy.load(Ordering::Relaxed) == 0 && quiet >= self.idle_minutes.saturating_mul(60)
    }

    /// Whether no request and no run is under way at this moment.
    pub fn is_quiet(&self) -> bool {
        self.inner.busy.load(Ordering::Relaxed) == 0 && !self.runs.is_busy()
    }

    /// Asks the process to stop.
    pub fn stop(&self) {
        self.inner.stop.send_replace(true);
        self.archive.end_reading();
    }

    /// What the process knows of its own requests.
    pub fn traffic(&self) -> &crate::Traffic {
        &self.inner.traffic
    }

    /// Whether somebody asked the process to stop.
    pub fn is_stopping(&self) -> bool {
        *self.inner.stop.borrow()
    }

    /// Records that the site stops by itself, and why in one word, and asks the process to stop.
    pub async fn end(&self, cause: &str) {
        let what = What::SiteStopped { cause: cause.to_owned() };
        // A ledger that takes no events is why the process ends, then; the second channel says so.
        let _ = self.audit.gate(&Event::new(self.actor(), what)).await;
        self.stop();
    }

    /// Waits until someone asked the process to stop.
    pub async fn stopped(&self) {
        // The sender lives as long as the site, so the wait ends only by the flag.
        let _ = self.inner.stop.subscribe().wait_for(|stop| *stop).await;
    }
}

impl Deref for Site {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.inner.parts
    }
}

/// While it lives, the site is not idle.
pub struct InUse {
    site: Site,
}

impl Drop for InUse {
    fn drop(&mut self) {
        let inner = &self.site.inner;
        inner.used.store(inner.parts.clock.monotonic().as_secs(), Ordering::Relaxed);
        inner.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where things belong, asked of the rooms that hold them.
pub struct Places {
    /// The site's id.
    pub site: SiteId,
    /// Projects, samples, readsets, packages, references.
    pub catalog: Catalog,
    /// Objects.
    pub archive: Archive,
    /// Runs.
    pub runs: runs::Runs,
    /// What people agreed to.
    pub subjects: subjects::Subjects,
    /// What projects let each other use.
    pub sharing: sharing::Sharing,
    /// Terms and consents end.
    pub clock: Arc<dyn Clock>,
}

impl Facts for Places {
    fn place<'a>(&'a self, id: &'a str) -> PlaceAnswer<'a> {
        Box::pin(async move {
            if id == self.site.as_str() {
                return Ok(Some(Place::of_site()));
            }
            let project = if let Ok(object) = id.parse() {
                match self.archive.project_of(&object).await? {
                    None => return Ok(None),
                    Some(None) => return Ok(Some(Place::of_site())),
                    Some(project) => project,
                }
            } else if let Ok(run) = id.parse() {
                self.runs.place(&run).await?
            } else if id.parse::<DeletionId>().is_ok() {
                self.runs.receipts().project_of(id).await?
            } else {
                return Ok(self.catalog.place(id).await?);
            };
            match project {
                Some(project) => Ok(self.catalog.place_in(&project).await?),
                None => Ok(None),
            }
        })
    }

    fn subject<'a>(&'a self, id: &'a str) -> SubjectAnswer<'a> {
        Box::pin(async move {
            Ok(match id.parse() {
                Ok(object) => self.archive.subject_of(&object).await?,
                Err(_) => self.catalog.subject_of(id).await?,
            })
        })
    }

    fn usable<'a>(&'a self, using: Using<'a>) -> UseAnswer<'a> {
        Box::pin(async move {
            let Some(stated) = self.catalog.stated(using.project).await? else {
                return Err("the project is not there".into());
            };
            let approved = self.subjects.approved(using.project).await?;
            let judge = Judge { stated: &stated, approved: &approved, now: self.clock.now() };
            let mut refusals = judge.of_project();
            let (mut own, mut lent) = (BTreeSet::new(), BTreeSet::new());
            for thing in using.things {
                let Some(subject) = self.subject(thing).await? else { continue };
                if own.contains(&subject) {
                    continue;
                }
                if self.catalog.has_subject(using.project, &subject).await? {
                    let standing = self.subjects.standing(using.project, &subject).await?;
                    refusals.extend(judge.of_person(&standing));
                    own.insert(subject);
                } else {
                    // INVARIANT (lent-by-its-home): of somebody who is not this project's, their own project is asked.
                    let sample = self.catalog.sample_of(thing).await?;
                    if lent.insert((subject.clone(), sample.clone())) {
                        refusals.extend(self.of_lent(&using, &judge, (&subject, sample)).await?);
                    }
                }
            }
            Ok(refusals)
        })
    }

    fn is_lent<'a>(&'a self, workspace: &'a ProjectId, id: &'a str) -> LentAnswer<'a> {
        Box::pin(async move {
            match self.catalog.sample_of(id).await? {
                Some(sample) => Ok(self.sharing.was_lent(workspace, &sample).await?),
                None => Ok(false),
            }
        })
    }

    fn strictest(&self) -> ClassAnswer<'_> {
        Box::pin(async move { Ok(self.catalog.strictest_class().await?) })
    }
}
