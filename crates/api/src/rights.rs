//! What a change of rights would do, and why somebody can do something or cannot.

use crate::people::Account;
use crate::schema::{Hex, Of, Word};
use base::{ProjectId, Role, Sha256};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `account preview`, `member preview`: a change that is not made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposed {
    /// The account's sign-in name.
    pub account: String,
    /// The change.
    pub change: Change,
    /// The role; none for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Word<base::Role>>")]
    pub role: Option<Role>,
}

/// A change of what somebody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A role is given.
    Give,
    /// A role is taken, or all of them.
    Take,
}

/// A right that a change gives or takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RightChange {
    /// Whose.
    pub account: Account,
    /// Where; none for the site as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Of<base::ProjectId>>")]
    pub project: Option<ProjectId>,
    /// What: the policy's action.
    pub action: String,
    /// Whether it is given.
    pub gained: bool,
    /// From which networks: `local`, `inside`, `outside`.
    pub from: Vec<String>,
    /// For sessions with a second, phishing-resistant factor alone, or for those without; for all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<bool>,
    /// Whether it depends on more: the hour, the day of the week, the kind of the thing.
    #[serde(default)]
    pub sometimes: bool,
}

/// What a change gives and takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    /// Right by right.
    pub changes: Vec<RightChange>,
    /// What the policies in force ask about that was not tried.
    pub untold: Vec<String>,
    /// Whether everything was compared.
    pub whole: bool,
}

/// `access explain`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Why {
    /// The account's sign-in name.
    pub account: String,
    /// The policy's action.
    pub action: String,
    /// From where they would speak; `local` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

/// Why an account can do a thing, or cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explained {
    /// Whether it can, given a reason.
    pub allowed: bool,
    /// The policies that say so.
    pub reasons: Vec<String>,
    /// The roles that count, held now.
    #[schemars(with = "Vec<Word<base::Role>>")]
    pub roles: Vec<Role>,
    /// What is missing, or what it stands on.
    pub missing: Vec<String>,
    /// The digest of the set that decided.
    #[schemars(with = "Hex<64>")]
    pub policy: Sha256,
}
