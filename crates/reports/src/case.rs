//! What a report is made of: plain values, filled by the caller.

use base::{Class, ProjectId, ReferenceId, RunId, SampleId, Sensitive, Timestamp};
use serde::{Deserialize, Serialize};

/// A case: one sample, one run of a workflow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Case {
    /// The sample.
    pub sample: SampleId,
    /// Its project.
    pub project: ProjectId,
    /// The project's class.
    pub class: Class,
    /// The run that made the results.
    pub run: RunId,
    /// The reference they are against.
    pub reference: ReferenceId,
    /// When the report was made.
    pub made: Timestamp,
    /// The label that the laboratory knows the sample by. Set it only for a reader with the right
    /// to view it. Never written out with the case.
    #[serde(skip)]
    pub label: Option<Sensitive<String>>,
    /// What the workflow's release is good for.
    pub release: Release,
    /// Figures about reads and coverage.
    pub quality: Quality,
    /// Counts over all variants of the sample.
    pub counts: Counts,
    /// The ranked variants shown, first rank first.
    pub variants: Vec<Variant>,
    /// The ranking rule's name and version.
    pub rule: String,
    /// Steps that were not done, and why.
    pub skipped: Vec<Skipped>,
    /// The receipt of the results.
    pub receipt: Receipt,
}

/// The state of the workflow's release.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Release {
    /// The release's id or the workflow's name and version.
    pub name: String,
    /// Its state.
    pub state: ReleaseState,
}

/// States of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseState {
    /// Not yet approved.
    Candidate,
    /// Approved for the project's class.
    Approved,
    /// No longer in use for new cases.
    Retired,
}

/// Figures about reads and coverage. What was not measured is absent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Quality {
    /// Reads given to the aligner.
    pub reads: Option<u64>,
    /// Reads that aligned.
    pub mapped: Option<u64>,
    /// Reads marked as duplicates.
    pub duplicates: Option<u64>,
    /// Bases of quality 30 or more, 0 to 1.
    pub q30: Option<f64>,
    /// Mean coverage of the reference or of the target.
    pub mean_coverage: Option<f64>,
    /// Share of bases covered by 20 reads or more, 0 to 1.
    pub at_least_20: Option<f64>,
    /// Bases by depth, from depth 0.
    pub depth_histogram: Vec<u64>,
    /// Read pairs by insert size: size in bases, pairs.
    pub insert_sizes: Vec<(u32, u64)>,
    /// Mean base quality by cycle, first read then second.
    pub quality_by_cycle: Vec<f64>,
}

/// Counts over all variants of the sample.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Counts {
    /// All variants.
    pub total: u64,
    /// Heterozygous ones.
    pub heterozygous: u64,
    /// Homozygous or hemizygous ones.
    pub homozygous: u64,
    /// Name and number for each impact class, strongest first.
    pub by_impact: Vec<(String, u64)>,
}

/// One ranked variant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Variant {
    /// The rank, from 1.
    pub rank: u32,
    /// The score that gave it.
    pub score: i32,
    /// Why: the parts of the score.
    pub reasons: Vec<Reason>,
    /// The contig.
    pub contig: String,
    /// The position, from 1.
    pub position: u64,
    /// The reference allele.
    pub reference: String,
    /// The alternate allele.
    pub alternate: String,
    /// The gene of the severest consequence.
    pub gene: Option<String>,
    /// Its transcript.
    pub transcript: Option<String>,
    /// Its terms, joined by `&`.
    pub consequence: Option<String>,
    /// Its impact: `high`, `moderate`, `low`, `modifier`.
    pub impact: Option<String>,
    /// The amino acids before and after.
    pub amino_acid_change: Option<String>,
    /// The genotype, such as `0/1`.
    pub genotype: String,
    /// Its class, such as `heterozygous`.
    pub zygosity: String,
    /// Reads over the site.
    pub depth: Option<u32>,
    /// The share of them with the variant, 0 to 1.
    pub allele_fraction: Option<f32>,
    /// The caller's quality.
    pub quality: Option<f32>,
    /// Failed filters, or `PASS`.
    pub filter: Option<String>,
    /// The frequency in the population.
    pub frequency: Frequency,
    /// The clinical significance in the source's words.
    pub significance: Option<String>,
    /// Condition identifiers.
    pub conditions: Vec<String>,
}

/// What is known of a variant's frequency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frequency {
    /// No source was given.
    NoSource,
    /// The source does not have it.
    Absent,
    /// The share of alleles in the source, 0 to 1.
    Known(f64),
}

/// One part of a score.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reason {
    /// `consequence`, `significance`, `rarity` or `confidence`.
    pub factor: String,
    /// The value that decided.
    pub value: String,
    /// What it adds; below zero it takes away.
    pub points: i32,
    /// The reason in words.
    pub words: String,
}

/// A step that was not done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Skipped {
    /// The step: `consequences`, `population frequencies`.
    pub what: String,
    /// Why, and what that means for the report.
    pub why: String,
}

/// The receipt of the results.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Receipt {
    /// The receipt's id: the object or run that it is about.
    pub id: String,
    /// The ledger that holds it.
    pub ledger: String,
    /// Its position there.
    pub position: u64,
    /// What went in.
    pub inputs: Vec<Material>,
    /// What came out.
    pub outputs: Vec<Material>,
    /// The workflow, with the digest of its source.
    pub workflow: Material,
    /// The tools, with the digests of their closures.
    pub tools: Vec<Material>,
}

/// A thing with a digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Material {
    /// What it is in the run: `reads`, `reference`, `aligner`.
    pub role: String,
    /// Its id, or its name and version.
    pub name: String,
    /// Its digest, with the algorithm before a colon.
    pub digest: String,
}
