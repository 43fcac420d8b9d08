//! What projects take of the machine.

use crate::schema::Moment;
use base::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `usage show`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// When it was asked; what is stored is as of then.
    #[schemars(with = "Moment")]
    pub at: Timestamp,
    /// By project, in the order of ids.
    pub projects: Vec<UsedBy>,
}

/// What one project takes. It has no name here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsedBy {
    /// The project's id.
    pub project: String,
    /// Its runs in the time that was asked for, by state.
    pub runs: BTreeMap<String, u64>,
    /// Processor seconds of those that have ended.
    pub cpu_seconds: f64,
    /// Seconds from start to end, one run after the other.
    pub wall_seconds: f64,
    /// The most memory that one run held, bytes.
    pub peak_bytes: u64,
    /// Objects that are stored now.
    pub objects: u64,
    /// Bytes that are stored now.
    pub stored_bytes: u64,
}
