//! What people agreed to, and whether data may be used.

use crate::schema::{Hex, Moment, Of};
use base::{ConsentId, Sha256, SubjectId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `consent record`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConsent {
    /// The form that was signed, with its version.
    pub form: String,
    /// What it allows: data-use terms, as for projects.
    pub terms: Vec<String>,
    /// SHA-256 of the signed document.
    #[schemars(with = "Hex<64>")]
    pub document: Sha256,
    /// From when it holds; from now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub from: Option<Timestamp>,
    /// Until when; without end when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
}

/// `consent withdraw`, `use revoke`.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaidWhy {
    /// Why, in the person's own words. Recorded sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `consent review`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// The ledger position of the newest statement that was looked at.
    pub newest: u64,
    /// What was found, in the person's own words. Recorded sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Consent {
    /// Its id.
    #[schemars(with = "Of<ConsentId>")]
    pub id: ConsentId,
    /// The form that was signed, with its version.
    pub form: String,
    /// What it allows.
    pub terms: Vec<String>,
    /// SHA-256 of the signed document.
    #[schemars(with = "Hex<64>")]
    pub document: Sha256,
    /// From when it holds.
    #[schemars(with = "Moment")]
    pub from: Timestamp,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
}

/// `consent list`: a subject, and how it stands.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Consented {
    /// The subject.
    #[schemars(with = "Of<SubjectId>")]
    pub subject: SubjectId,
    /// The laboratory's own word for it.
    pub label: String,
    /// `none`, `given`, `not-yet`, `ended`, `under-review` or `withdrawn`.
    pub standing: String,
    /// Whether the data may be used now for what the project states.
    pub usable: bool,
    /// Why not, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why_not: Vec<String>,
    /// The newest consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

impl std::fmt::Debug for Consented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.subject, self.standing)
    }
}

/// What was said about a subject's data, as it stands on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsentStatement {
    /// Ledger position of its event.
    pub position: u64,
    /// When it was recorded.
    #[schemars(with = "Moment")]
    pub at: Timestamp,
    /// `given`, `withdrawn` or `reviewed`.
    pub said: String,
    /// The consent that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

/// `use approve`: what is left to a person is approved.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApproval {
    /// The reasons that are approved: all that `use show` has as open.
    pub reasons: Vec<String>,
    /// Why, in the person's own words. Recorded sealed.
    pub reason: String,
    /// Until when.
    #[schemars(with = "Moment")]
    pub until: Timestamp,
}

/// `use show`: whether a project's data may be used for what it states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UseShown {
    /// `approve`, `deny` or `needs-person`.
    pub answer: String,
    /// Why it is not approved, each in words.
    pub reasons: Vec<UseReason>,
    /// How many people there are, by how their consent stands; to data stewards alone, as the next.
    pub people: std::collections::BTreeMap<String, u64>,
    /// Of how many the data may be used now.
    pub usable: u64,
    /// The approvals that hold now, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<UseApproval>,
}

/// What a data steward approved of a use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UseApproval {
    /// Ledger position of its event, which says who approved it and when.
    pub position: u64,
    /// Until when it holds.
    #[schemars(with = "Moment")]
    pub until: Timestamp,
    /// How many reasons it covers.
    pub reasons: u64,
}

/// Why a use is not approved by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UseReason {
    /// In words.
    pub why: String,
    /// Whether it forbids the use; otherwise it leaves it to a person.
    pub forbids: bool,
    /// Whether a data steward approved it.
    pub approved: bool,
    /// Whether the project's terms say so.
    pub project: bool,
    /// Of how many people the consent says so; to data stewards alone.
    pub people: u64,
}
