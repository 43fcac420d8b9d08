//! Projects, packages, samples, objects.

use crate::schema::{Hex, Of, Word};
use base::{Blake3, Class, ObjectId, PackageId, ProjectId, ReadsetId, SampleId, SubjectId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `project create`. Every field is stated; none is guessed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// Display name.
    pub name: String,
    /// Class.
    #[schemars(with = "Word<base::Class>")]
    pub class: Class,
    /// `care`, `research`, `quality`, `methods` or `teaching`.
    pub purpose: String,
    /// What the data came under: DUO codes with their values.
    pub terms: Vec<String>,
    /// What else is true of the use, in the words of `docs/spec/data-use.md`.
    #[serde(default, rename = "use", skip_serializing_if = "Vec::is_empty")]
    pub use_: Vec<String>,
    /// How much of a genome the data shows: `panel`, `exome` or `genome`.
    pub granularity: String,
    /// The laws that the data is under: `HIPAA`, `GDPR`, `GINA`, `28-CFR-202`, or `none` alone.
    pub frameworks: Vec<String>,
    /// What becomes of incidental findings: `not-reported` or `reported`.
    pub incidental: String,
    /// Whose agreement the use stands on: `board` or `each`.
    pub basis: String,
    /// Country code, or `EU`.
    pub region: String,
    /// `90-days`, `2-years`, `10-years`, `30-years` or `permanent`.
    pub retention: String,
    /// Reference to the consent or decision.
    pub consent: String,
    /// Sign-in names of the first project administrators; the caller when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub administrators: Vec<String>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Project {
    /// Its id.
    #[schemars(with = "Of<base::ProjectId>")]
    pub id: ProjectId,
    /// Display name.
    pub name: String,
    /// Class.
    #[schemars(with = "Word<base::Class>")]
    pub class: Class,
    /// Purpose.
    pub purpose: String,
    /// What the data came under.
    pub terms: Vec<String>,
    /// What it is used for, in the words that terms ask about.
    #[serde(rename = "use")]
    pub use_: Vec<String>,
    /// What the terms say of that use: `approve`, `deny` or `needs-person`.
    #[serde(default)]
    pub answer: String,
    /// How much of a genome it shows; absent of a project from before that was asked, as the next two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granularity: Option<String>,
    /// The laws that it is under.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frameworks: Vec<String>,
    /// What becomes of incidental findings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incidental: Option<String>,
    /// Whose agreement the use stands on.
    pub basis: String,
    /// Where the data must stay.
    pub region: String,
    /// How long it is kept at least.
    pub retention: String,
    /// Reference to the consent.
    pub consent: String,
    /// When it was made.
    pub created_at: String,
}

/// `package begin`: sheet and manifest as they are.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPackage {
    /// The sheet's text.
    pub sheet: String,
    /// The manifest's text.
    pub manifest: String,
}

/// A package on its way through the door.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Package {
    /// Its id.
    #[schemars(with = "Of<base::PackageId>")]
    pub id: PackageId,
    /// Whether its readsets are visible already.
    pub committed: bool,
    /// Its files, in the order of the sheet: two a row.
    pub files: Vec<PackageFile>,
}

/// A file of a package.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct PackageFile {
    /// Its number in the package, from 0.
    pub number: u32,
    /// The sheet's row, from 1.
    pub row: usize,
    /// 1 or 2: which of the pair.
    pub mate: u8,
    /// The name that the sheet gives it.
    pub name: String,
    /// Whether it has arrived, whole and verified.
    pub sealed: bool,
}

impl std::fmt::Debug for PackageFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "file {} of row {}, sealed: {}", self.mate, self.row, self.sealed)
    }
}

/// `package file`: what arrived. The request's body is the file, with its length.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Received {
    /// The object it is sealed as.
    #[schemars(with = "Of<base::ObjectId>")]
    pub object: ObjectId,
    /// Bytes received.
    pub bytes: u64,
    /// Reads in it.
    pub reads: u64,
    /// Bases in it.
    pub bases: u64,
}

/// `package commit`: the readsets that are visible now.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Committed {
    /// The package.
    #[schemars(with = "Of<base::PackageId>")]
    pub id: PackageId,
    /// The samples with their readsets.
    pub samples: Vec<Sample>,
}

/// A sample.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// Its id.
    #[schemars(with = "Of<base::SampleId>")]
    pub id: SampleId,
    /// The subject it comes from.
    #[schemars(with = "Of<base::SubjectId>")]
    pub subject: SubjectId,
    /// Its project.
    #[schemars(with = "Of<base::ProjectId>")]
    pub project: ProjectId,
    /// The laboratory's own word for it.
    pub label: String,
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

impl std::fmt::Debug for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.id)
    }
}

/// The reads of one sample on one lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Readset {
    /// Its id.
    #[schemars(with = "Of<base::ReadsetId>")]
    pub id: ReadsetId,
    /// The lane.
    pub lane: String,
    /// First and second reads.
    #[schemars(with = "[Of<base::ObjectId>; 2]")]
    pub objects: [ObjectId; 2],
    /// Reads in both.
    pub reads: u64,
    /// Bases in both.
    pub bases: u64,
}

/// An object's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Object {
    /// Its id.
    #[schemars(with = "Of<base::ObjectId>")]
    pub id: ObjectId,
    /// Its version.
    pub version: u32,
    /// What it is: `fastq`, `alignment`, `variants`, `lake`, `report`, …
    pub kind: String,
    /// `crypt4gh` or `parquet`.
    pub form: String,
    /// Its subject, when there is exactly one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Of<base::SubjectId>>")]
    pub subject: Option<SubjectId>,
    /// Bytes in clear.
    pub plain_bytes: u64,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// Root of the integrity tree over the stored bytes.
    #[schemars(with = "Hex<64>")]
    pub root: Blake3,
    /// Ledger position of its manifest.
    pub position: u64,
    /// When it was sealed.
    pub created_at: String,
    /// Nothing deletes it before this moment; absent when it is kept without end, or that is not on record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<String>,
    /// Whether it is under a legal hold.
    #[serde(default)]
    pub held: bool,
    /// The word for the damage found in it: nobody is given it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<String>,
    /// When it was deleted. What is left is this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<String>,
}

/// `object get`. The answer's body is a Crypt4GH file for the recipient.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The recipient's Crypt4GH public key file, as text.
    pub recipient: String,
    /// Why, in the person's own words. Recorded sealed.
    pub reason: String,
}
