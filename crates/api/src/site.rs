//! The process itself.

use base::SiteId;
use serde::{Deserialize, Serialize};

/// `health`: asks nothing of the caller and tells nothing of the site's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The site.
    pub site: SiteId,
    /// The program's version.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// Whether it takes requests that need the ledger.
    pub recording: bool,
}

/// `site status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The site.
    pub site: SiteId,
    /// The ledger's name.
    pub ledger: String,
    /// Events in the ledger.
    pub events: u64,
    /// Whether the ledger can be written; if not, why.
    pub ledger_failure: Option<String>,
    /// SHA-256 of the policies in force.
    pub policy: base::Sha256,
    /// The program's version.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// Seconds since it was unsealed.
    pub up_seconds: u64,
    /// Minutes without a request after which it locks itself.
    pub idle_minutes: u64,
    /// The standing streams of events to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<Stream>,
    /// The replicas of the ledger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<Replica>,
    /// What this site cannot promise as it stands.
    pub limits: Vec<String>,
}

/// A replica of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// Its name in `site.toml`.
    pub name: String,
    /// How well its place keeps what it has, in a sentence.
    pub place: String,
    /// Events that it has, under a checkpoint.
    pub events: u64,
    /// Events that it lacks.
    pub waiting: u64,
    /// Seconds since it had everything; none if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind_seconds: Option<u64>,
    /// Why it takes nothing, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A standing stream of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its name in `site.toml`.
    pub name: String,
    /// Events that its sink has acknowledged.
    pub acknowledged: u64,
    /// Events that wait for it.
    pub waiting: u64,
    /// Whether the oldest of these waits longer than the stream's limit.
    pub lagging: bool,
    /// Why the sink takes nothing, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}
