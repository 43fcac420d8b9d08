//! The store of bodies: what keeps objects in it, what it holds, and whether it is whole.

use crate::schema::Of;
use base::{ObjectId, ProjectId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `object hold`, `object lift`, `object delete`: why, in the person's own words.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Because {
    /// The reason; recorded sealed.
    pub reason: String,
}

/// `archive stat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Storage {
    /// How well the store locks what it keeps.
    pub store: String,
    /// Days within which the site reads everything once by itself; 0 when it does not.
    pub scrub_days: u64,
    /// What it holds, by project; the site's own first.
    pub projects: Vec<Stored>,
    /// What is in quarantine.
    pub quarantine: Vec<Checked>,
    /// Bodies without a record, or of deleted objects, that something locks, as the site met them since it opened.
    #[serde(default)]
    pub strays: u64,
    /// How far the store was looked through since the site opened for what a crash left.
    #[serde(default)]
    pub swept: Swept,
}

/// How far the store was looked through for what a crash left.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Swept {
    /// Parts that were looked through.
    pub parts: u64,
    /// Of so many.
    pub of: u64,
    /// Bodies without a record that were put aside there.
    pub aside: u64,
    /// Bodies of deleted objects that were removed there.
    pub removed: u64,
    /// Whether the last step failed. It is tried again.
    pub failing: bool,
}

/// What the store holds of one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stored {
    /// The project; none for the site's own.
    pub project: Option<String>,
    /// Objects that are not deleted.
    pub objects: u64,
    /// Their versions.
    pub versions: u64,
    /// Bytes stored.
    pub bytes: u64,
    /// Versions in quarantine.
    pub quarantined: u64,
    /// Versions under a legal hold.
    pub held: u64,
    /// Versions that the store has not locked yet.
    pub unlocked: u64,
    /// When the version that was found right longest ago was found so.
    pub oldest_check: Option<String>,
}

/// `archive check`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The objects, at most 100.
    #[schemars(with = "Vec<Of<base::ObjectId>>")]
    pub objects: Vec<ObjectId>,
}

/// How one version was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// The object.
    #[schemars(with = "Of<base::ObjectId>")]
    pub object: ObjectId,
    /// Its project; none for the site's own.
    #[schemars(with = "Option<Of<base::ProjectId>>")]
    pub project: Option<ProjectId>,
    /// The version.
    pub version: u32,
    /// Bytes stored.
    pub bytes: u64,
    /// `bytes`, `length`, `tree`, `missing` or `record`; none when all is right.
    pub damage: Option<String>,
}

/// `archive scrub`: one step of it. Asked again until nothing is due.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scrub {
    /// Reads what was last found right before this moment. When absent, what is due by the site's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Reads everything, whenever it was found right: the moment is that of the first step.
    #[serde(default)]
    pub all: bool,
}

/// What a step of a scrub did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scrubbed {
    /// The moment to go on with.
    pub before: String,
    /// Versions read.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them in which damage was found.
    pub damaged: Vec<Checked>,
    /// Versions that the store could not read: nothing is known of their bytes, and they stay due.
    #[serde(default)]
    pub unread: Vec<Checked>,
    /// Versions that are still due.
    pub due: u64,
    /// Their bytes.
    pub due_bytes: u64,
    /// Versions in quarantine, whoever found their damage and when.
    pub quarantined: u64,
}
