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
    /// The name of another account of the same person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
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
    /// When it ends.
    #[serde(default, skip_serializing_if = "Ends::is_usual")]
    pub ends: Ends,
}

/// When a role ends: with its time, or with the first of what it stands on that ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ends {
    /// Its own end; as the site sets it, when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
    /// The end of the training that it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub training_until: Option<Timestamp>,
    /// The end of the agreement that it stands on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub agreement_until: Option<Timestamp>,
    /// The end of the approval that it stands on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub approval_until: Option<Timestamp>,
}

impl Ends {
    /// Whether nothing was asked for.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// `account close`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Closed {
    /// The account.
    #[serde(flatten)]
    pub account: Account,
    /// The projects that nobody administers from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Of<base::ProjectId>>")]
    pub without_administrator: Vec<ProjectId>,
}

/// How it is with a role that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is held.
    Held,
    /// It is held, and ends within thirty days.
    EndsSoon,
    /// It has ended.
    Ended,
}

/// A role that was given, with its ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Given {
    /// The site's word for the issuer of the visa that it is held by, if no person gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The break-glass or support session that it is held under, if by way of exception.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// The role.
    #[schemars(with = "Word<base::Role>")]
    pub role: Role,
    /// How it is with it now.
    pub standing: Standing,
    /// Its first end, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
    /// What ends then: `time`, `training`, `agreement` or `approval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// All of its ends.
    #[serde(default, skip_serializing_if = "Ends::is_usual")]
    pub ends: Ends,
}

/// One of `account list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// Its id.
    #[schemars(with = "Of<base::UserId>")]
    pub id: UserId,
    /// Its sign-in name.
    pub name: String,
    /// Whether it is closed.
    pub closed: bool,
    /// The roles on the site that were given to it.
    pub roles: Vec<Given>,
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
    /// When it ends.
    #[serde(default, skip_serializing_if = "Ends::is_usual")]
    pub ends: Ends,
}

/// A member of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// The account.
    pub account: Account,
    /// The role, and when it ends.
    #[serde(flatten)]
    pub given: Given,
}
