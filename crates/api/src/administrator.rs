//! Administrators of projects, and how two people name one where there is none.

use crate::people::{Account, Standing};
use crate::schema::{Moment, Of, Word};
use base::{ApprovalId, Class, ProjectId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `administrator list`: a project, and who administers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Administered {
    /// The project.
    #[schemars(with = "Of<ProjectId>")]
    pub project: ProjectId,
    /// Display name.
    pub name: String,
    /// Class.
    #[schemars(with = "Word<Class>")]
    pub class: Class,
    /// Who administers it now.
    pub administrators: Vec<Account>,
    /// When the last of their roles ends; absent when nobody administers it, or one has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
    /// How it is with that; `ended` when nobody administers it.
    pub standing: Standing,
    /// Who is proposed, where nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<Naming>,
}

/// `administrator propose`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAdministrator {
    /// The project.
    #[schemars(with = "Of<ProjectId>")]
    pub project: ProjectId,
    /// The sign-in name of who should administer it.
    pub account: String,
}

/// A proposal of an administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Naming {
    /// Its id.
    #[schemars(with = "Of<ApprovalId>")]
    pub id: ApprovalId,
    /// The project.
    #[schemars(with = "Of<ProjectId>")]
    pub project: ProjectId,
    /// Who should administer it.
    pub account: Account,
    /// Who proposed it.
    pub by: Account,
    /// When. It is good for seven days.
    #[schemars(with = "Moment")]
    pub at: Timestamp,
    /// Who last acted on the account of who should administer it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// The last act on an account by somebody who keeps accounts: perhaps they made the one-time token with which its passkey was
/// enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Kept {
    /// Who.
    pub by: Account,
    /// When.
    #[schemars(with = "Moment")]
    pub at: Timestamp,
}
