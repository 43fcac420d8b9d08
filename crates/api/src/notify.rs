//! Who hears of what happens.

use crate::schema::{Moment, Of};
use base::{ProjectId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A destination of `notify list`. Where it leads is in the site's settings alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NotifyDestination")]
pub struct Destination {
    /// Its name.
    pub name: String,
    /// `mail` or `web`.
    pub by: String,
    /// The project, if it is told of one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Of<base::ProjectId>>")]
    pub project: Option<ProjectId>,
    /// What it is told of.
    pub what: Vec<String>,
    /// Events that wait to be told.
    pub waiting: u64,
    /// For how many seconds the oldest of them waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind_seconds: Option<u64>,
    /// When a message was taken last, since the site opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub taken: Option<Timestamp>,
    /// Why the last message was not taken, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Events that the receiver refused for good.
    pub lost: u64,
}

/// What a receiver said to a test message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NotifyTested")]
pub struct Tested {
    /// Whether it took it.
    pub taken: bool,
    /// What it answered, without addresses.
    pub answer: String,
}
