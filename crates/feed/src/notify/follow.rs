//! The loop from the ledger to a destination.

use crate::Error;
use crate::mark::Mark;
use crate::notify::Destination;
use crate::notify::mail::Digest;
use crate::notify::notice::Notice;
use crate::notify::smtp::Failed;
use crate::notify::way::Way;
use audit::{Audit, Hit};
use base::{Clock, Fault, Sha256, Timestamp};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Sleep;

/// Most events that are read at once.
const BATCH: u64 = 500;
/// How long after a failure the receiver is asked again: at first, and at most.
const AGAIN: Duration = Duration::from_secs(1);
const AT_MOST: Duration = Duration::from_secs(300);

/// How far a destination is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Events that wait to be told.
    pub waiting: u64,
    /// When the oldest of them was recorded.
    pub since: Option<Timestamp>,
    /// Why the receiver did not take the last message, if so.
    pub failure: Option<String>,
    /// Events that it refused for good, ever.
    pub lost: u64,
    /// When it took a message last, since the site opened.
    pub taken: Option<Timestamp>,
}

/// What follows the ledger for one destination. It reads the ledger as anybody does and holds up nobody.
pub struct Follower {
    destination: Arc<Destination>,
    way: Arc<Way>,
    audit: Audit,
    clock: Arc<dyn Clock>,
    mark: Mark,
    /// The first position that was not looked at, and the hash of the leaf before it.
    seen: (u64, Option<Sha256>),
    digest: Digest,
    /// When what waits goes out.
    due: Option<Pin<Box<Sleep>>>,
    /// How long the receiver is waited for, and the ledger where it cannot be read.
    again: Backoff,
    unread: Backoff,
    status: watch::Sender<Status>,
}

impl Follower {
    pub(crate) fn open(
        destination: Destination,
        way: Arc<Way>,
        folder: &Path,
        audit: Audit,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let mark = Mark::load_or_begin(folder, &destination.name, audit.ledger())?;
        let status = watch::Sender::new(Status { lost: mark.lost, ..Status::default() });
        let (seen, digest) = ((mark.next, None), Digest::default());
        let destination = Arc::new(destination);
        let (again, unread) = (Backoff::default(), Backoff::default());
        Ok(Self { destination, way, audit, clock, mark, seen, digest, due: None, again, unread, status })
    }

    /// How far it is, as it changes.
    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Follows until the ledger is gone.
    pub async fn run(mut self) {
        let (mut grown, mut stuck) = (self.audit.ledger().watch(), false);
        loop {
            let size = *grown.borrow_and_update();
            if let Err(error) = self.look(size).await {
                let why = format!("{} ({})", base::fault::chain(&error), error.code());
                // What was gathered before the place that cannot be read does not wait for it.
                if self.due.as_ref().is_some_and(|due| due.is_elapsed()) {
                    self.hand_over().await;
                }
                self.status.send_modify(|status| status.failure = Some(why));
                tokio::time::sleep(self.unread.next()).await;
                stuck = true;
                continue;
            }
            if std::mem::take(&mut stuck) {
                self.unread = Backoff::default();
                self.status.send_modify(|status| status.failure = None);
            }
            let changed = match &mut self.due {
                Some(due) if due.is_elapsed() => {
                    self.hand_over().await;
                    continue;
                }
                Some(due) => tokio::select! {
                    changed = grown.changed() => changed,
                    () = due => Ok(()),
                },
                None => grown.changed().await,
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Looks at what was recorded.
    async fn look(&mut self, size: u64) -> Result<(), Error> {
        while self.seen.0 < size {
            let (start, end) = (self.seen.0, size.min(self.seen.0.saturating_add(BATCH)));
            let (audit, destination) = (self.audit.clone(), Arc::clone(&self.destination));
            let read = tokio::task::spawn_blocking(move || notices(&audit, &destination, start, end));
            let (notices, last) = read.await.map_err(Error::sink)??;
            self.seen = (end, last);
            for notice in notices {
                let within = Duration::from_secs(u64::from(self.destination.within_seconds));
                self.due.get_or_insert_with(|| Box::pin(tokio::time::sleep(within)));
                let time = notice.time;
                self.digest.add(notice);
                let waiting = self.digest.events();
                self.status.send_modify(|status| {
                    status.since.get_or_insert(time);
                    status.waiting = waiting;
                });
            }
            // What holds nothing to tell need not be looked at again after a start.
            if self.digest.is_empty() && self.seen.0.saturating_sub(self.mark.next) >= BATCH {
                self.keep()?;
            }
        }
        Ok(())
    }

    /// 1. Hand the message over. Crash here: it comes again.
    /// 2. Keep the position. From here on it does not.
    async fn hand_over(&mut self) {
        let lost = self.mark.lost;
        let failure = match self.way.deliver(&self.digest).await {
            Ok(()) => None,
            Err(failed @ Failed::Refused(_)) => {
                // Nobody takes it, however often it is offered: what comes after it is not held up.
                self.mark.lost = self.mark.lost.saturating_add(self.digest.events());
                Some(failed.why())
            }
            Err(failed) => return self.later(failed.why()),
        };
        if let Err(error) = self.keep() {
            self.mark.lost = lost;
            return self.later(format!("{} ({})", base::fault::chain(&error), error.code()));
        }
        let (now, lost) = (self.clock.now(), self.mark.lost);
        self.status.send_modify(|status| {
            let taken = if failure.is_none() { Some(now) } else { status.taken };
            *status = Status { waiting: 0, since: None, failure, lost, taken };
        });
        (self.digest, self.due, self.again) = (Digest::default(), None, Backoff::default());
    }

    fn keep(&mut self) -> Result<(), Error> {
        match self.seen {
            (next, Some(last)) => self.mark.advance(next, last),
            _ => Ok(()),
        }
    }

    fn later(&mut self, why: String) {
        self.due = Some(Box::pin(tokio::time::sleep(self.again.next())));
        self.status.send_modify(|status| status.failure = Some(why));
    }
}

/// How long is waited after a failure: the next time, twice as long.
struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(AGAIN)
    }
}

impl Backoff {
    fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = self.0.saturating_mul(2).min(AT_MOST);
        wait
    }
}

/// What is told of the events from `start` to `end`, and the hash of the last leaf.
fn notices(
    audit: &Audit,
    destination: &Destination,
    start: u64,
    end: u64,
) -> Result<(Vec<Notice>, Option<Sha256>), Error> {
    let read = audit.ledger().range(start..end).map_err(audit::Error::Unreadable)?;
    let (mut out, mut last) = (Vec::new(), None);
    for record in read {
        last = Some(Sha256(record.hash.0));
        let hit = Hit::parse(record.position, record.leaf)?;
        out.extend(Notice::of(audit, &hit.recorded, destination)?);
    }
    Ok((out, last))
}
