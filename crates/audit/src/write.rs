//! Gate and follow events.

use crate::walk::Walks;
use crate::{Error, Event, SearchTerms, What};
use base::Boxed;
use ledger::{Body, Committed, Entry, Ledger};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The way into the ledger. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    ledger: Ledger,
    refused: Arc<AtomicU64>,
    walks: Arc<Walks>,
}

impl Audit {
    /// Records into `ledger`.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger, refused: Arc::default(), walks: Arc::default() }
    }

    /// How a ledger of events is opened: with the terms by which a search finds them.
    pub fn options() -> ledger::Options {
        ledger::Options { terms: Arc::new(SearchTerms), ..ledger::Options::default() }
    }

    /// The ledger itself, for proofs and checkpoints.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Walks between two pages of a search.
    pub(crate) fn walks(&self) -> &Walks {
        &self.walks
    }

    /// Records a gate event: when this returns, the event is durable and the act may happen.
    pub fn gate<'a>(&'a self, event: &'a Event) -> Boxed<'a, Result<Committed, Error>> {
        Box::pin(async { self.ledger.append(entry(event)?).await.map_err(Error::NotRecorded) })
    }

    /// Records a follow event: it will be durable with one of the next flushes, is never dropped,
    /// and waits when the queue is full.
    pub async fn follow(&self, event: &Event) -> Result<(), Error> {
        self.ledger.follow(entry(event)?).await.map_err(Error::NotRecorded)?;
        Ok(())
    }

    /// Counts a refused token, of a sign-in or of a request. A flood of them becomes one event a
    /// minute, not a full disk.
    pub fn count_refused_session(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Records the refused tokens counted since the last call, if there were any.
    pub async fn flush_refused_sessions(&self, site: &crate::Actor) -> Result<(), Error> {
        match self.refused.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            count => self.follow(&Event::new(site.clone(), What::SessionsRefused { count })).await,
        }
    }

    /// Records the refused tokens once in `every`, while there are any, until the ledger fails.
    pub async fn count_refused_sessions(&self, site: &crate::Actor, every: Duration) -> Error {
        loop {
            tokio::time::sleep(every).await;
            if let Err(error) = self.flush_refused_sessions(site).await {
                return error;
            }
        }
    }
}

fn entry(event: &Event) -> Result<Entry, Error> {
    let body = Body::of(event).map_err(Error::NotRecorded)?;
    Entry::new(event.chains(), body).map_err(Error::NotRecorded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Actor;
    use base::{FixedClock, Id, SiteId, SystemEntropy, Timestamp};

    #[tokio::test]
    async fn a_flood_of_refused_tokens_becomes_one_event_a_round_and_none_without_any() {
        let folder = tempfile::tempdir().unwrap();
        let key = ledger::SigningKey::from_seed(&[3; 32]).unwrap();
        let clock = Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH));
        let audit = Audit::new(Ledger::create(&folder.path().join("l"), "test/site", key, clock).unwrap());
        let site = Actor::Site(SiteId::mint(&SystemEntropy));
        for _ in 0..10_000 {
            audit.count_refused_session();
        }
        let (all, own) = (audit.clone(), site.clone());
        let rounds =
            tokio::spawn(async move { all.count_refused_sessions(&own, Duration::from_millis(20)).await });
        let mut size = audit.ledger().watch();
        tokio::time::timeout(Duration::from_secs(10), size.wait_for(|size| *size == 1))
            .await
            .unwrap()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(audit.ledger().size(), 1);
        assert_eq!(audit.recorded(0).unwrap().event.what, What::SessionsRefused { count: 10_000 });
        audit.ledger().close().unwrap();
        audit.count_refused_session();
        assert!(matches!(rounds.await.unwrap(), Error::NotRecorded(ledger::Error::Closed)));
    }
}
