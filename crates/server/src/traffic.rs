//! What the process knows of its own requests: counts, the log, and the door, if it has one.

use crate::counts::{Counts, Now};
use crate::door::{Held, Shown};
use crate::log::Log;
use crate::{Site, door};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Shared by all requests. What the program adds, it adds once, before the first of them.
#[derive(Default)]
pub struct Traffic {
    /// What is counted.
    pub counts: Arc<Counts>,
    log: OnceLock<Log>,
    door: OnceLock<(Arc<Shown>, Held)>,
    /// Where metrics are told, as people read it.
    metrics: OnceLock<String>,
    /// How much a request may bring; as the settings say also where there is no door.
    limits: OnceLock<door::settings::Limits>,
}

impl Traffic {
    /// Has every request leave a line.
    pub fn log_to(&self, place: crate::log::Place) {
        let _ = self.log.set(Log::to(place, Arc::clone(&self.counts)));
    }

    /// Knows of a door.
    pub fn attach(&self, door: &door::Door) {
        let _ = self.limits.set(door.held().limits().clone());
        let _ = self.door.set((door.shown(), door.held()));
    }

    /// Knows where metrics are told.
    pub fn metrics_at(&self, place: &str) {
        let _ = self.metrics.set(place.to_owned());
    }

    /// The log, if there is one.
    pub(crate) fn log(&self) -> Option<&Log> {
        self.log.get()
    }

    /// What the door says of itself, if there is one.
    pub fn door(&self) -> Option<&Shown> {
        self.door.get().map(|(shown, _)| &**shown)
    }

    /// What the door holds, if there is one.
    pub fn held(&self) -> Option<&Held> {
        self.door.get().map(|(_, held)| held)
    }

    /// Where metrics are told, if they are.
    pub(crate) fn metrics(&self) -> Option<&str> {
        self.metrics.get().map(String::as_str)
    }

    /// How much a request may bring.
    pub(crate) fn limits(&self) -> &door::settings::Limits {
        self.limits.get_or_init(door::settings::Limits::default)
    }

    /// Waits until the log is written, `patience` at most.
    pub fn settle(&self, patience: Duration) {
        if let Some(log) = self.log.get() {
            log.settle(patience);
        }
    }
}

impl Site {
    /// Why the site takes no work now, in one word of three; none when it does. What it knows of the reason is
    /// for those who may see its status.
    pub fn unready(&self) -> Option<&'static str> {
        if self.audit.ledger().failure().is_some() {
            return Some("its ledger cannot record");
        }
        if self.is_stopping() {
            return Some("it stops");
        }
        self.access.read_only().map(|_| "it changes nothing for want of room")
    }

    /// The metrics as text.
    pub fn metrics(&self) -> String {
        let connections = self.traffic().held().map_or(0, |held| held.connections() as u64);
        let events = self.audit.ledger().size();
        self.traffic().counts.text(Now { ready: self.unready().is_none(), connections, events })
    }
}

/// An address as it stands in a URL.
pub(crate) fn https(address: SocketAddr) -> String {
    format!("https://{address}")
}
