//! The process itself.

use crate::schema::{Hex, Of};
use base::SiteId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `health`: asks nothing of the caller and tells nothing of the site's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// The site.
    #[schemars(with = "Of<base::SiteId>")]
    pub site: SiteId,
    /// The program's version.
    pub version: String,
    /// The process, said on its own machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Whether it takes requests that need the ledger.
    pub recording: bool,
}

/// `ready`: the site takes work. When it does not, the answer is a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    /// Always true.
    pub ready: bool,
}

/// `site status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The site.
    #[schemars(with = "Of<base::SiteId>")]
    pub site: SiteId,
    /// The ledger's name.
    pub ledger: String,
    /// Events in the ledger.
    pub events: u64,
    /// Whether the ledger can be written; if not, why.
    pub ledger_failure: Option<String>,
    /// SHA-256 of the policies in force.
    #[schemars(with = "Hex<64>")]
    pub policy: base::Sha256,
    /// The program's version.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// Seconds since it was unsealed.
    pub up_seconds: u64,
    /// Minutes without a request after which it locks itself.
    pub idle_minutes: u64,
    /// Where the metadata is.
    #[serde(default)]
    pub database: String,
    /// The standing streams of events to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<Stream>,
    /// The replicas of the ledger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<Replica>,
    /// The ledger's witnesses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<Witness>,
    /// Every place where it takes requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listens: Vec<String>,
    /// The door to other machines, if it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<Door>,
    /// What this site cannot promise as it stands.
    pub limits: Vec<String>,
}

/// The door to other machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Door {
    /// Where it listens, as `https://address:port`.
    pub address: String,
    /// SHA-256 of its key, `sha256:…`: what clients know it by.
    pub pin: String,
    /// When its certificate ends.
    pub until: String,
    /// Whether clients need a certificate.
    pub mutual: bool,
    /// Connections that it holds.
    pub connections: u64,
}

/// A witness of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Witness {
    /// Its name.
    pub name: String,
    /// Events that it cosigned since the site was opened.
    pub events: u64,
    /// Seconds since it had cosigned everything; none if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind_seconds: Option<u64>,
}

/// A replica of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stream {
    /// Its name in `site.toml`.
    pub name: String,
    /// Events that its sink has acknowledged.
    pub acknowledged: u64,
    /// Events that wait for it.
    pub waiting: u64,
    /// Whether the oldest of these waits longer than the stream's limit.
    pub lagging: bool,
    /// Whether nothing is sent because the agreement that it names does not hold.
    #[serde(default)]
    pub closed: bool,
    /// Why the sink takes nothing, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}
