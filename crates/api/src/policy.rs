//! A site's policies: what is in force, and what is proposed.

use crate::people::Account;
use crate::rights::RightChange;
use crate::schema::{Hex, Moment, Of};
use base::{ApprovalId, Sha256, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// File name → text.
pub type Files = BTreeMap<String, String>;

/// `policy propose`: all of the site's own files, those too that stay as they are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPolicies {
    /// The files.
    pub files: Files,
}

/// A proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proposal {
    /// Its id.
    #[schemars(with = "Of<base::ApprovalId>")]
    pub id: ApprovalId,
    /// Who proposed it.
    pub by: Account,
    /// When.
    #[schemars(with = "Moment")]
    pub at: Timestamp,
    /// `open`, `in-force`, `replaced` or `withdrawn`.
    pub state: String,
    /// The digest of the set that it makes, shipped files included.
    #[schemars(with = "Hex<64>")]
    pub policy: Sha256,
    /// The digest of the set that it would replace.
    #[schemars(with = "Hex<64>")]
    pub replaces: Sha256,
}

/// A policy that has no compiled form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Interpreted {
    /// Its id.
    pub policy: String,
    /// What in it has none.
    pub why: String,
}

/// `policy list`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Policies {
    /// The digest of the set in force.
    #[schemars(with = "Hex<64>")]
    pub policy: Sha256,
    /// The files that the program ships.
    pub shipped: Vec<String>,
    /// The site's own files.
    pub own: Vec<String>,
    /// Policies that Cedar alone evaluates.
    pub interpreted: Vec<Interpreted>,
    /// The proposals, the newest first.
    pub proposals: Vec<Proposal>,
}

/// `policy show`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// The proposal.
    pub proposal: Proposal,
    /// The site's own files in force.
    pub before: Files,
    /// The proposed ones.
    pub after: Files,
    /// Policies of the proposal that Cedar alone would evaluate.
    pub interpreted: Vec<Interpreted>,
    /// Who would gain what, and who would lose what.
    pub changes: Vec<RightChange>,
    /// What the policies ask about that was not tried: for that, read the text.
    pub untold: Vec<String>,
    /// Whether everything was compared.
    pub whole: bool,
}
