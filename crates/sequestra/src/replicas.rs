//! The replicas of the site's ledger: compared at start, copied to while the site is open.

use crate::layout::{Layout, Settings};
use crate::store;
use anyhow::Result;
use audit::{Actor, Audit, Event, What};
use base::{Clock, Fault, SiteId};
use ledger::Ledger;
use replica::place::{Directory, InBucket};
use replica::{Copier, Error, Place, Progress};
use server::{Replicated, Site};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a start waits for the comparison with one replica.
const FIRST: Duration = Duration::from_secs(10);
/// How long the end of the process waits for the last round.
const LAST: Duration = Duration::from_secs(5);
/// How often the process looks whether a replica condemned the ledger.
const LOOK: Duration = Duration::from_millis(500);
const DAY: u64 = 24 * 3_600;

type Compared = (Copier, Result<u64, Error>);

/// Replicas that are not copied to yet.
pub struct Replicas(Vec<Replica>);

struct Replica {
    copier: Option<Copier>,
    /// A comparison that takes longer than the start waits for it.
    under_way: Option<JoinHandle<Compared>>,
    /// What the comparison at start met, until it is on record.
    met: Option<Error>,
    status: Replicated,
    every: Duration,
}

impl Replicas {
    /// Compares the ledger with each replica that `site.toml` names. One that is away, differs, or is another
    /// ledger's is no reason not to open: the site's status names it. A signed checkpoint that the ledger does not
    /// follow from is: a ledger that was put back must not grow.
    pub async fn at_start(
        layout: &Layout,
        settings: &Settings,
        ledger: &Ledger,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self> {
        replica::Settings::check_all(&settings.replica)?;
        let mut all = Vec::new();
        for one in &settings.replica {
            let place = place(one, &settings.site, clock)?;
            let position = layout.replicas().join(&one.name);
            let copier = Copier::new(ledger.clone(), layout.ledger(), place, position);
            let status = Replicated {
                name: one.name.clone(),
                place: copier.strength(),
                size: 0,
                behind_since: Some(clock.monotonic()),
                alarm: Duration::from_secs(one.alarm_seconds),
                failure: None,
                differs: false,
                condemned: false,
            };
            let every = Duration::from_secs(one.every_seconds);
            all.push(Replica { copier: Some(copier), under_way: None, met: None, status, every });
        }
        if !all.is_empty() {
            make_folder(layout)?;
        }
        for replica in &mut all {
            replica.compare().await?;
        }
        Ok(Self(all))
    }

    /// Lets them run, each by itself: none waits for another, and nothing waits for them.
    pub fn start(self, audit: &Audit, site: &SiteId, clock: &Arc<dyn Clock>) -> server::Replicas {
        let closing = watch::Sender::new(false);
        let start = |replica: Replica| {
            let (sender, receiver) = watch::channel(replica.status.clone());
            let by = (audit.clone(), Actor::Site(site.clone()), clock.clone());
            tokio::spawn(replica.run(sender, by, closing.subscribe()));
            receiver
        };
        server::Replicas { all: self.0.into_iter().map(start).collect(), closing }
    }
}

impl Replica {
    async fn compare(&mut self) -> Result<()> {
        let Some(mut copier) = self.copier.take() else { return Ok(()) };
        let mut under_way = tokio::task::spawn_blocking(move || {
            let known = copier.compare();
            (copier, known)
        });
        let compared = tokio::time::timeout(FIRST, &mut under_way).await;
        let Ok(compared) = compared else {
            self.status.failure = Some("it has not answered yet".to_owned());
            self.under_way = Some(under_way);
            return Ok(());
        };
        let (copier, known) = compared?;
        self.copier = Some(copier);
        match known {
            Ok(known) => self.status.size = known,
            Err(error) if error.condemns_the_ledger() => return Err(error.into()),
            Err(error) => {
                self.status.failure = Some(told_as(&error));
                self.met = Some(error);
            }
        }
        Ok(())
    }

    /// One round, where it may block.
    async fn round(&mut self) -> Result<Progress, Error> {
        if let Some(met) = self.met.take() {
            return Err(met);
        }
        let ended = || Error::Away(std::io::Error::other("the round before did not end"));
        if let Some(under_way) = self.under_way.take() {
            let (copier, known) = under_way.await.map_err(|_| ended())?;
            self.copier = Some(copier);
            known?;
        }
        let mut copier = self.copier.take().ok_or_else(ended)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = copier.round();
            (copier, done)
        });
        let (copier, done) = done.await.map_err(|_| ended())?;
        self.copier = Some(copier);
        done
    }

    async fn run(
        mut self,
        status: watch::Sender<Replicated>,
        (audit, site, clock): (Audit, Actor, Arc<dyn Clock>),
        mut closing: watch::Receiver<bool>,
    ) {
        let mut told = BTreeSet::new();
        loop {
            let began = clock.monotonic();
            match self.round().await {
                Ok(progress) => {
                    let whole = progress.size >= audit.ledger().size();
                    self.status.size = progress.size;
                    (self.status.failure, self.status.differs) = (None, false);
                    // What was published when the round began is there.
                    self.status.behind_since = (!whole).then_some(began);
                    told.clear();
                }
                Err(error) => {
                    self.status.failure = Some(told_as(&error));
                    self.status.differs = error.word().is_some();
                    self.status.condemned = error.condemns_the_ledger();
                    self.status.behind_since.get_or_insert(began);
                    if let Some(found) = error.word().filter(|found| told.insert(*found)) {
                        let what = What::ReplicaDiffers {
                            replica: self.status.name.clone(),
                            found: found.to_owned(),
                        };
                        // A ledger that cannot record has failed, and ends the process by itself.
                        let _ = audit.gate(&Event::new(site.clone(), what)).await;
                    }
                }
            }
            if status.send(self.status.clone()).is_err() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                changed = closing.changed() => if changed.is_err() { return },
            }
        }
    }
}

fn told_as(error: &Error) -> String {
    format!("{} ({})", base::fault::chain(error), error.code())
}

fn place(one: &replica::Settings, site: &SiteId, clock: &Arc<dyn Clock>) -> Result<Box<dyn Place>> {
    if let Some(folder) = &one.directory {
        return Ok(Box::new(Directory::new(folder.clone(), one.immutable)));
    }
    let unplaced = || Error::Settings { name: one.name.clone(), why: "it has no place".to_owned() };
    let s3 = one.s3.as_ref().ok_or_else(unplaced)?;
    let bucket = store::bucket(s3, clock.clone())?;
    let retain = Duration::from_secs(u64::from(one.retain_days).saturating_mul(DAY));
    Ok(Box::new(InBucket::new(bucket, format!("{site}/ledger/"), retain, clock.clone())))
}

fn make_folder(layout: &Layout) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(layout.replicas());
    made.map_err(Error::Position)
}

/// Waits until a replica that was away at start turns out to have a signed checkpoint that the ledger does not
/// follow from.
pub async fn condemned(site: &Site) {
    loop {
        tokio::time::sleep(LOOK).await;
        if site.replicas.all.iter().any(|replica| replica.borrow().condemned) {
            return;
        }
    }
}

/// Gives the replicas a moment for the last events, once the ledger is closed and published. One that is away gets
/// them after the next start.
pub async fn settle(site: &Site) {
    let size = site.audit.ledger().size();
    let _ = site.replicas.closing.send(true);
    let all = async {
        for status in &site.replicas.all {
            let mut status = status.clone();
            let _ = status.wait_for(|status| status.size >= size || status.failure.is_some()).await;
        }
    };
    let _ = tokio::time::timeout(LAST, all).await;
}
