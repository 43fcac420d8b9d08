//! Gate and follow events.

use crate::{Error, Event, What};
use ledger::{Body, Committed, Entry, Ledger};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The way into the ledger. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    ledger: Ledger,
    refused: Arc<AtomicU64>,
}

impl Audit {
    /// Records into `ledger`.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger, refused: Arc::default() }
    }

    /// The ledger itself, for proofs and checkpoints.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Records a gate event: when this returns, the event is durable and the act may happen.
    pub async fn gate(&self, event: &Event) -> Result<Committed, Error> {
        self.ledger.append(entry(event)?).await.map_err(Error::NotRecorded)
    }

    /// Records a follow event: it will be durable with one of the next flushes, is never dropped,
    /// and waits when the queue is full.
    pub async fn follow(&self, event: &Event) -> Result<(), Error> {
        self.ledger.follow(entry(event)?).await.map_err(Error::NotRecorded)?;
        Ok(())
    }

    /// Counts a refused sign-in. A flood of them becomes one event, not a full disk.
    pub fn count_refused_session(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Records the refused sign-ins counted since the last call, if there were any.
    pub async fn flush_refused_sessions(&self, site: &crate::Actor) -> Result<(), Error> {
        match self.refused.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            count => self.follow(&Event::new(site.clone(), What::SessionsRefused { count })).await,
        }
    }
}

fn entry(event: &Event) -> Result<Entry, Error> {
    let body = Body::of(event).map_err(Error::NotRecorded)?;
    Entry::new(event.chains(), body).map_err(Error::NotRecorded)
}
