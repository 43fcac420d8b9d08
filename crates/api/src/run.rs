//! Tools, references, runs.

use crate::schema::{Hex, Of};
use base::{Blake3, ObjectId, ProjectId, ReferenceId, RunId, SampleId, ToolId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `tool add`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTool {
    /// The tool's name: one that the product knows (`bwa`, `samtools`, …), or any other with
    /// `programs`.
    pub name: String,
    /// Program name → absolute path on the site's machine. Empty for a known tool: its programs
    /// are then looked for in the usual places.
    #[serde(default)]
    pub programs: BTreeMap<String, String>,
}

/// A registered tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Its id.
    #[schemars(with = "Of<base::ToolId>")]
    pub id: ToolId,
    /// Its name.
    pub name: String,
    /// What it says of its version.
    pub version: String,
    /// Digest of its whole closure.
    #[schemars(with = "Hex<64>")]
    pub closure: Blake3,
    /// Its programs.
    pub programs: Vec<String>,
    /// When it was registered.
    pub created_at: String,
}

/// `reference begin`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReference {
    /// Display label.
    pub label: String,
}

/// A reference on its way in: its files follow as bodies of `reference file`, in the roles
/// `reference.fa`, `genes.gff3`, `frequencies.vcf.gz`, `significance.vcf.gz`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ReferenceUpload {
    /// Names the upload in this process; it ends with it.
    pub upload: String,
}

/// A registered reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reference {
    /// Its id.
    #[schemars(with = "Of<base::ReferenceId>")]
    pub id: ReferenceId,
    /// Display label.
    pub label: String,
    /// When it was registered.
    pub created_at: String,
    /// Role → object.
    #[schemars(with = "BTreeMap<String, Of<base::ObjectId>>")]
    pub files: BTreeMap<String, ObjectId>,
}

/// `run start`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRun {
    /// The workflow: `germline`.
    pub workflow: String,
    /// The reference.
    #[schemars(with = "Of<base::ReferenceId>")]
    pub reference: ReferenceId,
    /// Parameters of the workflow that differ from their defaults.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// The project to run in, where another one lends the sample to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Of<ProjectId>>")]
    pub workspace: Option<ProjectId>,
}

/// `run show`, of somebody who has seen the run already.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "RunSince")]
pub struct Since {
    /// The [`Run::mark`] that was seen: the answer comes when the run is beyond it, or after half a
    /// minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A run, also while it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its id.
    #[schemars(with = "Of<base::RunId>")]
    pub id: RunId,
    /// Its project.
    #[schemars(with = "Of<base::ProjectId>")]
    pub project: ProjectId,
    /// The sample.
    #[schemars(with = "Of<base::SampleId>")]
    pub sample: SampleId,
    /// The reference.
    #[schemars(with = "Of<base::ReferenceId>")]
    pub reference: ReferenceId,
    /// The workflow's name.
    pub workflow: String,
    /// BLAKE3 of the workflow's source.
    #[schemars(with = "Hex<64>")]
    pub workflow_digest: Blake3,
    /// `queued`, `running`, `done`, `failed`, `cancelled`, `stopped` or `interrupted`.
    pub state: String,
    /// How far it is, as a word to ask after: it changes with the state and with each task.
    #[serde(default)]
    pub mark: String,
    /// What it is doing, in a few words: `decrypting reads`, `align-0`, `loading variants`, …
    pub step: String,
    /// When it started.
    pub started_at: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Its tasks in the order in which they started.
    pub tasks: Vec<Task>,
    /// What it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// The exit code of the sealed job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The end of its log, redacted.
    pub log: Vec<String>,
    /// What it made.
    pub results: Vec<RunResult>,
}

impl Run {
    /// Whether it has ended, well or not.
    pub fn ended(&self) -> bool {
        !matches!(self.state.as_str(), "queued" | "running")
    }
}

/// A task of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// Its name in the workflow.
    pub name: String,
    /// `running`, `done`, `failed` or `cancelled`.
    pub state: String,
    /// Wall seconds so far.
    pub seconds: f64,
}

/// What a run used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resources {
    /// Wall seconds of the sealed job.
    pub wall_seconds: f64,
    /// CPU seconds of the sealed job.
    pub cpu_seconds: f64,
    /// Peak memory, bytes.
    pub peak_bytes: u64,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RunFailure")]
pub struct Failure {
    /// A stable code.
    pub code: String,
    /// In words.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A result of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunResult {
    /// What it is.
    pub kind: String,
    /// The object.
    #[schemars(with = "Of<base::ObjectId>")]
    pub object: ObjectId,
}
