//! The loop from the ledger to a sink.

use crate::agreed::{Agreements, Ground};
use crate::mark::Mark;
use crate::sink::{Record, Sink};
use crate::{Error, Settings, ocsf};
use audit::{Actor, Audit, Event, Hit, What};
use base::{Clock, Fault, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Most events of a batch.
const BATCH: u64 = 500;
/// How long after a failure the sink is asked again: at first, and at most.
const AGAIN: Duration = Duration::from_millis(200);
const AT_MOST: Duration = Duration::from_secs(30);

/// Syslog's severity of an event.
const INFORMATIONAL: u32 = 6;

/// How far a stream is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The first position that its sink has not acknowledged.
    pub next: u64,
    /// Why the sink does not take records, if so.
    pub failure: Option<String>,
    /// Whether the oldest waiting event waits longer than the limit.
    pub lagging: bool,
    /// Whether the agreement that it names was not live at its last batch: nothing is sent.
    pub closed: bool,
}

/// A standing stream. It reads the ledger as anybody does and holds up nobody.
pub struct Stream {
    settings: Settings,
    source: ocsf::Source,
    site: Actor,
    audit: Audit,
    clock: Arc<dyn Clock>,
    sink: Sink,
    mark: Mark,
    ground: Ground,
    status: watch::Sender<Status>,
}

impl Stream {
    /// A stream that goes on where its sink acknowledged last. `folder` keeps that position.
    pub fn open(
        settings: Settings,
        folder: &Path,
        audit: Audit,
        site: Actor,
        version: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let sink = Sink::open(&settings, &site.to_string())?;
        let mark = Mark::load(folder, &settings.name, audit.ledger())?;
        let ledger = audit.ledger().verifier().name().to_owned();
        let status = watch::Sender::new(Status { next: mark.next, ..Status::default() });
        let source = ocsf::Source { ledger, version: version.to_owned() };
        let ground = Ground { id: settings.agreement.clone(), known: None };
        Ok(Self { settings, source, site, audit, clock, sink, mark, ground, status })
    }

    /// The same, with who knows how its agreement stands. Without them a stream that names one is closed.
    pub fn under(mut self, agreements: Arc<dyn Agreements>) -> Self {
        self.ground.known = Some(agreements);
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// How far it is, as it changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Streams until the ledger is gone. Failures of the sink are noted and tried again.
    pub async fn run(mut self) {
        let mut grown = self.audit.ledger().watch();
        let mut again = AGAIN;
        loop {
            let size = *grown.borrow_and_update();
            if self.mark.next >= size {
                if grown.changed().await.is_err() {
                    return;
                }
                continue;
            }
            match self.round(size).await {
                Ok(()) => {
                    again = AGAIN;
                    self.judge(None).await;
                    self.note(None).await;
                }
                Err(error) => {
                    self.judge(Some(&error)).await;
                    self.note(Some(format!("{} ({})", base::fault::chain(&error), error.code()))).await;
                    tokio::time::sleep(again).await;
                    again = again.saturating_mul(2).min(AT_MOST);
                }
            }
        }
    }

    /// 1. Read the next events.
    /// 2. Ask whether the agreement holds, and hand them over. Crash here: they come again.
    /// 3. Keep the position. From here on they do not.
    async fn round(&mut self, size: u64) -> Result<(), Error> {
        let start = self.mark.next;
        let end = size.min(start.saturating_add(BATCH));
        let (audit, source) = (self.audit.clone(), self.source.clone());
        let read = tokio::task::spawn_blocking(move || records(&audit, &source, start, end));
        let (batch, last) = read.await.map_err(Error::sink)??;
        self.ground.open().await?;
        self.sink.deliver(&batch).await?;
        self.mark.advance(end, last)
    }

    /// Records once that the stream closed for want of its agreement, and once that it is open again. A sink that
    /// fails says nothing of the agreement: it was live before the sink was asked.
    async fn judge(&mut self, failure: Option<&Error>) {
        let why = match failure {
            Some(Error::Closed { why, .. }) => Some(*why),
            None | Some(Error::Sink(_)) => None,
            Some(_) => return,
        };
        let before = self.status.borrow().closed;
        self.status.send_if_modified(|status| std::mem::replace(&mut status.closed, why.is_some()) != before);
        let stream = self.settings.name.clone();
        let what = match (before, why) {
            (false, Some(why)) => What::StreamClosed { stream, why: why.to_owned() },
            (true, None) => What::StreamOpened { stream },
            _ => return,
        };
        let about = self.settings.agreement.iter().map(ToString::to_string);
        // As below.
        let _ = self.audit.follow(&Event::new(self.site.clone(), what).about(about)).await;
    }

    /// Says how far it is, and records once when it begins to lag and once when it has caught up.
    async fn note(&mut self, failure: Option<String>) {
        let before = self.status.borrow().lagging;
        let next = self.mark.next;
        let lagging = self.lags(before);
        let closed = self.status.borrow().closed;
        self.status.send_replace(Status { next, failure, lagging, closed });
        if lagging == before {
            return;
        }
        let stream = self.settings.name.clone();
        let what = match lagging {
            true => What::StreamLags { stream, next },
            false => What::StreamCaughtUp { stream, next },
        };
        // A ledger that takes no events ends the process; there is nobody left to tell.
        let _ = self.audit.follow(&Event::new(self.site.clone(), what)).await;
    }

    /// A stream that lags has caught up once nothing waits longer than the limit.
    fn lags(&self, before: bool) -> bool {
        match self.audit.recorded(self.mark.next) {
            Ok(oldest) => {
                let waited = self.clock.now().as_second().saturating_sub(oldest.time.as_second());
                waited > i64::from(self.settings.lag_seconds)
            }
            // Nothing waits, or what waits cannot be read.
            Err(_) => before && self.mark.next < self.audit.ledger().size(),
        }
    }
}

/// The records of the events from `start` to `end`, and the hash of the last leaf.
fn records(
    audit: &Audit,
    source: &ocsf::Source,
    start: u64,
    end: u64,
) -> Result<(Vec<Record>, Sha256), Error> {
    let read = audit.ledger().range(start..end).map_err(audit::Error::Unreadable)?;
    let mut out = Vec::with_capacity(read.len());
    let mut last = Sha256([0; 32]);
    for record in read {
        let (position, hash) = (record.position, record.hash.0);
        let hit = Hit::parse(position, record.leaf)?;
        let before = position.checked_sub(1);
        last = Sha256(hash);
        out.push(Record {
            number: position,
            kind: hit.recorded.event.what.kind(),
            severity: INFORMATIONAL,
            time: hit.recorded.time.to_string(),
            data: data(position, before, &last),
            body: ocsf::record(source, &hit, hash, before),
        });
    }
    Ok((out, last))
}

/// Syslog's structured data. 32473 is the number that IANA keeps for examples: the product has none.
fn data(position: u64, before: Option<u64>, leaf: &Sha256) -> String {
    let before = before.map_or_else(|| "none".to_owned(), |before| before.to_string());
    format!("[sequestra@32473 position=\"{position}\" before=\"{before}\" leaf=\"{leaf}\"]")
}
