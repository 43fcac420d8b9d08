//! Data that somebody sees by way of exception: a break-glass, a support session.

use crate::people::Account;
use crate::schema::{Moment, Of};
use base::{BreakGlassId, ProjectId, SupportId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `break-glass open`, `support ask`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewException {
    /// Why, in words. They are kept sealed.
    pub reason: String,
}

/// A break-glass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BreakGlass {
    /// Its id.
    #[schemars(with = "Of<BreakGlassId>")]
    pub id: BreakGlassId,
    /// The project.
    #[schemars(with = "Of<ProjectId>")]
    pub project: ProjectId,
    /// Who broke the glass.
    pub account: Account,
    /// When.
    #[schemars(with = "Moment")]
    pub opened: Timestamp,
    /// When it ends by itself.
    #[schemars(with = "Moment")]
    pub until: Timestamp,
    /// When its holder ended it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub closed: Option<Timestamp>,
    /// How it stands: `open`, `to-review`, `overdue`, `reviewed`.
    pub state: String,
    /// Why, for its holder and for data stewards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What somebody else found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// What somebody found of a break-glass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// Who.
    pub by: Account,
    /// When.
    #[schemars(with = "Moment")]
    pub at: Timestamp,
    /// Whether it was justified.
    pub justified: bool,
}

/// `break-glass review`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewBreakGlassReview")]
pub struct NewReview {
    /// Whether it was justified.
    pub justified: bool,
    /// Why, in words. They are kept sealed.
    pub reason: String,
}

/// `support approve`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewSupportApproval")]
pub struct NewApproval {
    /// Until when; for as long as the site allows, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
}

/// A support session, from when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Support {
    /// Its id.
    #[schemars(with = "Of<SupportId>")]
    pub id: SupportId,
    /// The project.
    #[schemars(with = "Of<ProjectId>")]
    pub project: ProjectId,
    /// Who asked.
    pub account: Account,
    /// When.
    #[schemars(with = "Moment")]
    pub asked: Timestamp,
    /// How it stands: `asked`, `open`, `ended`, `unanswered`.
    pub state: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who let them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Account>,
    /// From when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub from: Option<Timestamp>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
    /// When somebody ended it, or took the request back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub ended: Option<Timestamp>,
}

/// `support show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SupportShown {
    /// The session.
    pub session: Support,
    /// What was decided for who holds it, in the project and while it was open.
    pub decisions: Vec<Decided>,
    /// Whether none is missing, by the record's own proof.
    pub complete: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// A decision that was made under a support session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decided {
    /// Its position in the ledger.
    pub position: u64,
    /// When.
    #[schemars(with = "Moment")]
    pub at: Timestamp,
    /// The policy's action.
    pub action: String,
    /// Whether it was allowed.
    pub allowed: bool,
    /// Ids of what it was about.
    pub things: Vec<String>,
}
