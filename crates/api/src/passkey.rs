//! Passkeys, confirmations, and terminals that a passkey approves.

use crate::schema::{Moment, Of};
use base::{CredentialId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a browser is asked to do.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Challenge {
    /// The name that the answer must bring.
    pub ceremony: String,
    /// The options for `navigator.credentials`, byte strings in base64url.
    pub options: Value,
}

/// What an authenticator answered.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The challenge's name.
    pub ceremony: String,
    /// The credential as the browser gave it, byte strings in base64url.
    pub credential: Value,
}

/// `passkey add`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasskey {
    /// The challenge's name.
    pub ceremony: String,
    /// What its owner calls it.
    pub label: String,
    /// The credential as the browser gave it.
    pub credential: Value,
}

/// A passkey of the caller's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Passkey {
    /// Its id.
    #[schemars(with = "Of<CredentialId>")]
    pub id: CredentialId,
    /// What its owner calls it.
    pub label: String,
    /// When it was enrolled.
    #[schemars(with = "Moment")]
    pub created_at: Timestamp,
    /// When it was last used.
    #[schemars(with = "Moment")]
    pub used_at: Timestamp,
    /// Whether it is out of use because its counter went back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
}

/// A new passkey's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Enrolled {
    /// The id.
    #[schemars(with = "Of<CredentialId>")]
    pub id: CredentialId,
}

/// What a terminal that waits is told.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Terminal {
    /// Its secret, with which it comes back.
    pub secret: String,
    /// The code to type into the page.
    pub code: String,
    /// The page.
    pub page: String,
    /// Seconds for which it may wait.
    pub seconds: u64,
}

/// `terminal finish`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    /// The terminal's secret.
    pub secret: String,
    /// What the page showed when it was approved.
    pub answer: String,
}

/// What a terminal gets: a session, or none where one was confirmed.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Finished {
    /// The new session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<crate::people::Session>,
}

/// A code that somebody typed into the page.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Typed {
    /// The code.
    pub code: String,
}

/// `terminal approve`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The code.
    pub code: String,
    /// The challenge's name.
    pub ceremony: String,
    /// The credential as the browser gave it, byte strings in base64url.
    pub credential: Value,
}

/// What a page shows of a terminal that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asking {
    /// Where it asks from: `socket`, or an address.
    pub source: String,
    /// Since when.
    #[schemars(with = "Moment")]
    pub since: Timestamp,
    /// Whether it confirms a session that is there, and begins none.
    pub confirms: bool,
}

/// What the owner types into the terminal.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Approved {
    /// The answer.
    pub answer: String,
}
