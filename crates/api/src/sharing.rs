//! Datasets, applications to use them, and agreements.

use crate::people::Account;
use crate::project::Readset;
use crate::schema::{Hex, Moment, Of};
use base::{
    AgreementId, ApplicationId, DatasetId, ObjectId, ProjectId, SampleId, Sha256, SubjectId, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `dataset publish`, `dataset check`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDataset {
    /// Its display name, 1 to 80 characters; who may apply reads it.
    pub name: String,
    /// What is in it; all samples of the project when empty.
    #[serde(default)]
    #[schemars(with = "Vec<Of<SampleId>>")]
    pub samples: Vec<SampleId>,
    /// What it may be used for: data-use terms; those of the project when empty.
    #[serde(default)]
    pub terms: Vec<String>,
    /// The purposes that it is offered for: `care`, `research`, `quality`, `methods`, `teaching`, and `commercial` beside them.
    pub purposes: Vec<String>,
    /// How much of a genome it shows: `panel`, `exome`, `genome`.
    pub granularity: String,
    /// The laws that it is under: `HIPAA`, `GDPR`, `GINA`, `28-CFR-202`; or `none` alone.
    pub frameworks: Vec<String>,
    /// The contract that an application needs: `DUA`, `BAA`; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// Only say what would keep it from being published.
    #[serde(default)]
    pub check: bool,
}

/// What the checkpoint found, and the dataset when it was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DatasetChecked")]
pub struct Checked {
    /// What keeps it from being published.
    pub findings: Vec<Finding>,
    /// The dataset; absent when it was only checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Dataset>,
}

/// Something that keeps a dataset from being published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DatasetFinding")]
pub struct Finding {
    /// `consent`, `terms`, `purpose`, `granularity`, `frameworks`, `agreement`, `digest`, `identifiers`.
    pub what: String,
    /// The id of the thing that it is about.
    pub about: String,
    /// Why, in words; no label is in it.
    pub why: String,
}

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dataset {
    /// Its id.
    #[schemars(with = "Of<DatasetId>")]
    pub id: DatasetId,
    /// The project whose samples it lists: its home.
    #[schemars(with = "Of<ProjectId>")]
    pub project: ProjectId,
    /// Its display name.
    pub name: String,
    /// Data-use terms.
    pub terms: Vec<String>,
    /// The purposes that it is offered for.
    pub purposes: Vec<String>,
    /// How much of a genome it shows.
    pub granularity: String,
    /// The laws that it is under.
    pub frameworks: Vec<String>,
    /// The contract that an application needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// The home's class.
    pub class: String,
    /// Where it must stay.
    pub region: String,
    /// How many samples it has.
    pub samples: u64,
    /// Of how many persons.
    pub persons: u64,
    /// When it was published.
    #[schemars(with = "Moment")]
    pub published: Timestamp,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub closed: Option<Timestamp>,
}

/// `dataset verify`: what was compared of one sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DatasetVerified")]
pub struct Verified {
    /// Files whose bytes are what their generator said.
    pub matching: u64,
    /// Those that are not, or cannot be read.
    #[schemars(with = "Vec<Of<ObjectId>>")]
    pub differing: Vec<ObjectId>,
    /// Bytes that were read.
    pub bytes: u64,
}

/// A sample that another project lends. Its label stays at home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LentSample {
    /// Its id.
    #[schemars(with = "Of<SampleId>")]
    pub id: SampleId,
    /// The subject it comes from.
    #[schemars(with = "Of<SubjectId>")]
    pub subject: SubjectId,
    /// By which dataset.
    #[schemars(with = "Of<DatasetId>")]
    pub dataset: DatasetId,
    /// Sex, if stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sex: Option<String>,
    /// Status, if stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Specimen type, if stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specimen_type: Option<String>,
    /// Its readsets.
    pub readsets: Vec<Readset>,
}

/// `application make`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApplication {
    /// What it asks for.
    #[schemars(with = "Of<DatasetId>")]
    pub dataset: DatasetId,
    /// Whom they belong to, such as `ror:05a28rw58`.
    pub party: String,
    /// Sign-in names of who uses it.
    pub people: Vec<String>,
    /// Until when, 366 days away at most.
    #[schemars(with = "Moment")]
    pub until: Timestamp,
    /// Why, in words. They are kept sealed.
    pub reason: String,
}

/// `application renew`, `application report`, `application end`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationChange {
    /// `renew`, `report` or `end`.
    pub change: String,
    /// Of a renewal: until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
    /// Why; of a report, what became of it. The words are kept sealed.
    pub reason: String,
}

/// `application approve`, `application deny`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationAnswer {
    /// Yes or no.
    pub approve: bool,
    /// Of a yes: until when, 366 days away at most; until when it is asked for, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
    /// Of a yes: what terms leave to a person, as it was shown.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Why, in words. They are kept sealed.
    pub reason: String,
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Application {
    /// Its id.
    #[schemars(with = "Of<ApplicationId>")]
    pub id: ApplicationId,
    /// What it asks for.
    #[schemars(with = "Of<DatasetId>")]
    pub dataset: DatasetId,
    /// The project that answers.
    #[schemars(with = "Of<ProjectId>")]
    pub home: ProjectId,
    /// The project that it is used in.
    #[schemars(with = "Of<ProjectId>")]
    pub workspace: ProjectId,
    /// What that states of its use.
    #[serde(rename = "use")]
    pub use_: Vec<String>,
    /// Who asked.
    pub applicant: Account,
    /// Why, for data stewards of its home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whom they belong to.
    pub party: String,
    /// Who uses it.
    pub people: Vec<Listed>,
    /// How it stands: `asked`, `approved`, `renewal-asked`, `denied`, `ended`.
    pub state: String,
    /// Until when it is asked for.
    #[schemars(with = "Moment")]
    pub asked_until: Timestamp,
    /// Until when it was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
    /// When the next report is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub report_due: Option<Timestamp>,
    /// What was reported last, for data stewards of its home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// Whether it gives anything now to those whom it names, as far as terms and consents let them.
    pub gives: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
    /// What terms leave to a person, for data stewards of its home while it waits for an answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// `application import`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeopleList {
    /// The list, as CSV with the columns `login`, `status`, `phsid`, `expires`; the last two may be absent.
    pub list: String,
    /// Only rows of this study.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<String>,
    /// The digest of the difference that was looked at; absent to be shown it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Hex<64>>")]
    pub confirm: Option<Sha256>,
}

/// Somebody whom an application names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ApplicationPerson")]
pub struct Listed {
    /// Their sign-in name.
    pub name: String,
    /// Until when a list authorizes them, if it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub until: Option<Timestamp>,
}

/// What a list of people changes, or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeopleChanged {
    /// Who is named now and was not.
    pub added: Vec<Listed>,
    /// Who stays, until another day than before.
    pub changed: Vec<Listed>,
    /// Who was and is no more. Their accounts stay as they are.
    pub removed: Vec<String>,
    /// Names of the list that nobody with a role in the workspace has.
    pub unknown: Vec<String>,
    /// Who stands in the list more than once; the latest of their days counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<String>,
    /// What stands for this difference.
    #[schemars(with = "Hex<64>")]
    pub digest: Sha256,
    /// Whether it was applied.
    pub applied: bool,
}

/// `agreement add`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgreement {
    /// `DUA` or `BAA`.
    pub contract: String,
    /// With whom, such as `ror:05a28rw58`.
    pub party: String,
    /// About which dataset; about all of the project's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Of<DatasetId>>")]
    pub dataset: Option<DatasetId>,
    /// SHA-256 of the signed document.
    #[schemars(with = "Hex<64>")]
    pub document: Sha256,
    /// Until when it holds.
    #[schemars(with = "Moment")]
    pub until: Timestamp,
}

/// An agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Agreement {
    /// Its id.
    #[schemars(with = "Of<AgreementId>")]
    pub id: AgreementId,
    /// The project that has it.
    #[schemars(with = "Of<ProjectId>")]
    pub project: ProjectId,
    /// `DUA` or `BAA`.
    pub contract: String,
    /// With whom.
    pub party: String,
    /// About which dataset; about all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Of<DatasetId>>")]
    pub dataset: Option<DatasetId>,
    /// SHA-256 of the signed document.
    #[schemars(with = "Hex<64>")]
    pub document: Sha256,
    /// Until when it holds.
    #[schemars(with = "Moment")]
    pub until: Timestamp,
    /// When it was ended before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Moment>")]
    pub ended: Option<Timestamp>,
    /// Whether it holds now.
    pub holds: bool,
}
