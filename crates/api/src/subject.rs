//! A person's data: who saw it, and the report for them.

use crate::consent::{ConsentStatement, UseShown};
use crate::project::{Object, Sample};
use crate::schema::{Moment, Of};
use base::{ApplicationId, DatasetId, ObjectId, ProjectId, SampleId, SubjectId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `audit who-saw`: from when to when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Within {
    /// Not before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub since: Option<Timestamp>,
    /// Before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
}

/// What was done with a person's data, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accesses {
    /// The person.
    #[schemars(with = "Of<SubjectId>")]
    pub subject: SubjectId,
    /// Each access; what one request asked for again while it went on is one.
    pub accesses: Vec<DataAccess>,
    /// Things whose chains were walked: the person's samples, readsets, runs and objects.
    pub chains: usize,
    /// The ledger's size when the walk began.
    pub size: u64,
    /// Whether it is proven that nothing is missing below that size.
    pub complete: bool,
    /// Whether a chain is broken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken: bool,
    /// Why it is not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// One access, or an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DataAccess {
    /// When it began.
    #[schemars(with = "Moment")]
    pub from: Timestamp,
    /// The last time that it was decided anew, or it ended.
    #[schemars(with = "Moment")]
    pub to: Timestamp,
    /// The account.
    pub actor: String,
    /// Its sign-in name, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For whom a service account acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// Their sign-in name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of_name: Option<String>,
    /// The policies' word for the act.
    pub action: String,
    /// The same for people: `saw variants or the report`.
    pub did: String,
    /// The person's things that it was about.
    pub things: Vec<String>,
    /// The project's purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The break-glass or support session that was open for the account at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// Whether it was allowed.
    pub allowed: bool,
    /// What refused it, where it was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_by: Vec<String>,
    /// What they said for why; to members of the project alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Bytes that left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<u64>,
    /// `done`, `failed` or `unknown`; absent while it goes on, or where it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// The key that an object was released to, `rcp_`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_key: Option<String>,
    /// Ledger positions of its decisions: `audit export --form proof` gives them with proofs.
    pub positions: Vec<u64>,
}

/// `subject report`: what a project holds of a person, what was done with it, and who received it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SubjectReport {
    /// The person.
    #[schemars(with = "Of<SubjectId>")]
    pub subject: SubjectId,
    /// The project.
    #[schemars(with = "Of<ProjectId>")]
    pub project: ProjectId,
    /// What it is for.
    pub purpose: String,
    /// What its data came under.
    pub terms: Vec<String>,
    /// How long it is kept at least.
    pub retention: String,
    /// Entries that the identity map has of who they are, which those who may ask it are shown.
    #[serde(default)]
    pub identity: u64,
    /// What the person said.
    pub consents: Vec<ConsentStatement>,
    /// What terms say of the use now.
    #[serde(rename = "use")]
    pub use_: UseShown,
    /// Their samples.
    pub samples: Vec<Sample>,
    /// All that is stored of them.
    pub objects: Vec<Object>,
    /// What other projects made of it, which it was lent to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<MadeElsewhere>,
    /// Whom it is or was lent to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loans: Vec<LoanOut>,
    /// What was done with it.
    pub accesses: Accesses,
}

/// What another project made of a person. It is that project's: ids and dates alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MadeElsewhere {
    /// The object.
    #[schemars(with = "Of<ObjectId>")]
    pub object: ObjectId,
    /// The project that made it.
    #[schemars(with = "Of<ProjectId>")]
    pub project: ProjectId,
    /// The sample that it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Of<SampleId>>")]
    pub sample: Option<SampleId>,
    /// The applications that lent the sample there before.
    #[schemars(with = "Vec<Of<ApplicationId>>")]
    pub applications: Vec<ApplicationId>,
    /// Since when it is there.
    pub created_at: String,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<String>,
}

/// A loan of a person's samples to another project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoanOut {
    /// The application that was approved.
    #[schemars(with = "Of<ApplicationId>")]
    pub application: ApplicationId,
    /// What it lends.
    #[schemars(with = "Of<DatasetId>")]
    pub dataset: DatasetId,
    /// The project that it is lent to.
    #[schemars(with = "Of<ProjectId>")]
    pub project: ProjectId,
    /// Whom its people belong to, as they said.
    pub party: String,
    /// Which of the person's samples.
    #[schemars(with = "Vec<Of<SampleId>>")]
    pub samples: Vec<SampleId>,
    /// When it was approved first.
    #[schemars(with = "Option<Moment>")]
    pub since: Option<Timestamp>,
    /// Until when it was approved.
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
    /// Whether somebody whom it names may use any of the samples there now.
    pub usable: bool,
}

/// `project screen`: what looks like an identifier in the words that are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Discovered {
    /// How many words were looked at: labels, names, lines.
    pub looked: u64,
    /// What was found, by thing.
    pub findings: Vec<DiscoveredAt>,
    /// When the site looked by itself last, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_itself: Option<DiscoveredByItself>,
}

/// What the site found by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiscoveredByItself {
    /// When it looked.
    #[schemars(with = "Moment")]
    pub at: Timestamp,
    /// How many words looked like identifiers.
    pub found: u64,
}

/// A word that looks like an identifier. The word itself is not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiscoveredAt {
    /// The id of the thing whose word it is.
    pub about: String,
    /// Which of its words.
    pub what: String,
    /// What it looks like.
    pub looks_like: String,
    /// Its shape: letters as `x`, digits as `9`.
    pub shape: String,
    /// What to do about it.
    pub advice: String,
}
