//! The ledger and its histories.

use base::{Kind, Timestamp};
use serde::{Deserialize, Serialize};

/// `audit search`: everything about a thing and what is linked to it, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct History {
    /// The id asked for.
    pub about: String,
    /// The events.
    pub events: Vec<Entry>,
    /// The ids whose chains were walked.
    pub chains: Vec<String>,
    /// Complete for every position below this.
    pub size: u64,
    /// Whether the predecessor chains show that nothing is missing.
    pub complete: bool,
}

/// One event for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Its position in the ledger.
    pub position: u64,
    /// When.
    pub time: Timestamp,
    /// Who: an account's id, or the site's.
    pub actor: String,
    /// The account's sign-in name, where the caller may know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What, in one line.
    pub what: String,
    /// The ids it is about.
    pub about: Vec<String>,
    /// The stated purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The person's own words for why, where the caller may read them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The event as recorded.
    pub event: serde_json::Value,
}

/// `ledger verify`: a checkpoint kept elsewhere to compare with, if any.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// The checkpoint's text.
    pub against: Option<String>,
}

/// What a full verification found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Verification {
    /// Events.
    pub size: u64,
    /// Root over them, base64.
    pub root: String,
    /// Signed commit records that were checked.
    pub commits: u64,
    /// Tiles that were checked.
    pub tiles: u64,
    /// How the checkpoint kept elsewhere relates: `consistent`, `diverged` or `ahead`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// What is wrong, each with its place. Empty when all is well.
    pub findings: Vec<String>,
}

impl Verification {
    /// Whether all is well.
    pub fn sound(&self) -> bool {
        self.findings.is_empty() && self.against.as_deref().is_none_or(|a| a == "consistent")
    }

    /// The kind of failure when it is not.
    pub const KIND: Kind = Kind::Integrity;
}
