//! Service accounts.

use crate::schema::{Moment, Of, Word};
use base::{Class, CredentialId, ProjectId, ServiceId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `service create`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewService {
    /// The sign-in name of who answers for it.
    pub owner: String,
    /// What it is for.
    pub purpose: String,
    /// Where it runs: `production`, `test`, …
    pub environment: String,
    /// The project it acts in.
    #[schemars(with = "Of<ProjectId>")]
    pub project: ProjectId,
    /// The policy's actions that it may ask for there.
    pub actions: Vec<String>,
    /// The strictest class that the project may have.
    #[schemars(with = "Word<Class>")]
    pub class: Class,
    /// Where it may come from: networks, or `socket`.
    pub networks: Vec<String>,
    /// For how many days, 90 at most.
    pub days: u32,
    /// Its machine's public key, as `service enrol` printed it.
    pub key: String,
}

/// `service rotate`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NextKey {
    /// The public key, as `service enrol` printed it.
    pub key: String,
    /// Whether the keys before end at once, and not a week later.
    #[serde(default)]
    pub now: bool,
}

/// `service allow`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// The public key, as `service enrol` printed it.
    pub key: String,
}

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// Its id.
    #[schemars(with = "Of<ServiceId>")]
    pub id: ServiceId,
    /// The sign-in name of who answers for it.
    pub owner: String,
    /// What it is for.
    pub purpose: String,
    /// Where it runs.
    pub environment: String,
    /// The project it acts in.
    #[schemars(with = "Of<ProjectId>")]
    pub project: ProjectId,
    /// The policy's actions that it may ask for there.
    pub actions: Vec<String>,
    /// The strictest class that the project may have.
    #[schemars(with = "Word<Class>")]
    pub class: Class,
    /// Where it may come from.
    pub networks: Vec<String>,
    /// When it ends.
    #[schemars(with = "Moment")]
    pub expires_at: Timestamp,
    /// When it was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub used_at: Option<Timestamp>,
    /// The ids of its keys that are good now, the newest last; an assertion names one.
    #[schemars(with = "Vec<Of<CredentialId>>")]
    pub keys: Vec<CredentialId>,
    /// Whether it was closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
    /// What is wrong with it: `ownerless`, `unused`, `overdue`, `ends-soon`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

/// `service token`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// The signed assertion, a JWT.
    pub assertion: String,
}

/// A token for requests.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct ServiceToken {
    /// The token, `svt_…`.
    pub token: String,
    /// Seconds for which it is good.
    pub seconds: u64,
}
