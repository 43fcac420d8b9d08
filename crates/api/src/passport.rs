//! Passports, whose they are, and which visas projects take.

use crate::schema::{Moment, Of, Word};
use base::{ProjectId, Role, Timestamp, VisaMappingId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `passport present`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Passport {
    /// The passport, a signed token as its broker gave it.
    pub passport: String,
}

/// What came of one visa in one place.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// Which visa of the passport, from 1.
    pub visa: u64,
    /// The site's word for the issuer that it names, where that is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Its value, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whom it is about, where no account is linked to that: what an administrator links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// Where it gives a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Of<ProjectId>>")]
    pub project: Option<ProjectId>,
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Word<Role>>")]
    pub role: Option<Role>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
    /// The code of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it gives nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What a visa did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It gave a role.
    Given,
    /// What it gives is held already.
    Held,
    /// It is good, and gives nothing by itself.
    Good,
    /// It gives nothing.
    Refused,
}

/// `account link`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIdentity {
    /// The site's word for the issuer.
    pub issuer: String,
    /// What the issuer's tokens have as `sub`.
    pub subject: String,
}

/// A link of an account to a subject of an issuer, which is shown to nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdentityLink {
    /// The site's word for the issuer.
    pub issuer: String,
    /// When the link was made.
    #[schemars(with = "Moment")]
    pub since: Timestamp,
    /// Whether its subject signs in as the account; else visas about it count.
    #[serde(default)]
    pub signs_in: bool,
}

/// `account unlink`: how many links there were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unlinked {
    /// How many.
    pub links: u64,
}

/// `visa map`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMapping {
    /// The site's word for the issuer.
    pub issuer: String,
    /// The visas' value: the dataset, as the issuer names it.
    pub value: String,
    /// The role.
    #[schemars(with = "Word<Role>")]
    pub role: Role,
}

/// That a project takes certain visas for a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mapping {
    /// Its id.
    #[schemars(with = "Of<VisaMappingId>")]
    pub id: VisaMappingId,
    /// The site's word for the issuer.
    pub issuer: String,
    /// The visas' value.
    pub value: String,
    /// The role.
    #[schemars(with = "Word<Role>")]
    pub role: Role,
    /// The sign-in name of who made it.
    pub by: String,
    /// When it was made.
    #[schemars(with = "Moment")]
    pub since: Timestamp,
}

/// `visa unmap`: how many roles ended with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unmapped {
    /// How many.
    pub roles: u64,
}
