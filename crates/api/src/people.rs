//! Sessions, accounts, members.

use crate::schema::{Moment, Of, Word};
use base::{ProjectId, Role, SessionId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `session create`: spends a one-time token.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redeem {
    /// The one-time token, `once_…`.
    pub token: String,
}

/// The new session.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// The session's token, `ses_…`.
    pub token: String,
    /// Whose it is.
    pub account: Account,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Its id.
    #[schemars(with = "Of<base::UserId>")]
    pub id: UserId,
    /// Its sign-in name.
    pub name: String,
    /// Whether nobody signs in to it any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// A session of an account. `session create` gives another shape: with the token, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpenSession {
    /// Its id.
    #[schemars(with = "Of<SessionId>")]
    pub id: SessionId,
    /// What proved who its owner is: `one-time-token`, …
    pub proof: String,
    /// Where its sign-in came from: `socket`, or an address.
    pub source: String,
    /// Whether the request that asks came with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub current: bool,
    /// When it began.
    #[schemars(with = "Moment")]
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    #[schemars(with = "Moment")]
    pub used_at: Timestamp,
    /// When it ends, unless it is used before.
    #[schemars(with = "Moment")]
    pub ends_at: Timestamp,
}

/// `account sign-out`: how many sessions were ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Revoked {
    /// How many.
    pub sessions: u64,
}

/// `whoami`: the caller and what they hold.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Me {
    /// The account.
    pub account: Account,
    /// The roles it holds now.
    pub roles: Vec<HeldRole>,
}

/// A role that someone holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldRole {
    /// The role.
    #[schemars(with = "Word<base::Role>")]
    pub role: Role,
    /// The project; none for a role on the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Of<base::ProjectId>>")]
    pub project: Option<ProjectId>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// `account create`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The sign-in name.
    pub name: String,
    /// Roles on the site.
    #[serde(default)]
    #[schemars(with = "Vec<Word<base::Role>>")]
    pub roles: Vec<Role>,
}

/// A new account or a new one-time token.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Invitation {
    /// The account.
    pub account: Account,
    /// The one-time token to hand to its owner. Shown once, kept nowhere.
    pub token: String,
}

/// `account grant`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// The role on the site.
    #[schemars(with = "Word<base::Role>")]
    pub role: Role,
}

/// `member add`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    /// The account's sign-in name.
    pub account: String,
    /// The role in the project.
    #[schemars(with = "Word<base::Role>")]
    pub role: Role,
}

/// A member of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// The account.
    pub account: Account,
    /// The role.
    #[schemars(with = "Word<base::Role>")]
    pub role: Role,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}
