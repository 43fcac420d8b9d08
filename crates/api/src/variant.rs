//! Questions to the lake.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `variant query`. An empty list keeps everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "VariantQuery")]
pub struct Query {
    /// `chr20:10,000-20,000`, `chr20:500` or `chr20`.
    pub regions: Vec<String>,
    /// Gene symbols.
    pub genes: Vec<String>,
    /// Consequence terms, or an impact: `high`, `moderate`, `low`, `modifier`.
    pub consequences: Vec<String>,
    /// `het`, `hom`, …
    pub genotypes: Vec<String>,
    /// Clinical significance, such as `pathogenic`.
    pub significance: Vec<String>,
    /// Least variant quality.
    pub min_quality: Option<f32>,
    /// Least depth.
    pub min_depth: Option<u32>,
    /// Greatest population frequency, from 0 to 1; variants without one are kept.
    pub max_frequency: Option<f64>,
    /// Only variants that passed their caller's filters.
    pub passing: bool,
    /// Order by position instead of by rank.
    pub by_position: bool,
    /// Rows to give; 50 when absent, 1,000 at most.
    pub limit: Option<usize>,
    /// Rows to skip.
    pub offset: usize,
    /// The project whose results are asked for, where another one lends the sample to it.
    #[schemars(with = "Option<crate::schema::Of<base::ProjectId>>")]
    pub workspace: Option<base::ProjectId>,
}

/// `report show`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "ReportOf")]
pub struct Whose {
    /// The project whose report is asked for, where another one lends the sample to it.
    #[schemars(with = "Option<crate::schema::Of<base::ProjectId>>")]
    pub workspace: Option<base::ProjectId>,
}

/// The answer.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Variants")]
pub struct Answer {
    /// Variants that match.
    pub total: u64,
    /// The ranking rule's version.
    pub rule: String,
    /// The rows asked for.
    pub rows: Vec<Variant>,
    /// Matches by impact, zygosity, significance and contig.
    pub counts: BTreeMap<String, BTreeMap<String, u64>>,
    /// What a reader of the answer has to know.
    pub notes: Vec<String>,
}

/// A variant in one sample.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Variant {
    /// Its rank among the matches, from 1, when ordered by rank.
    pub rank: Option<u64>,
    /// Its score.
    pub score: i32,
    /// Why it stands where it stands.
    pub reasons: Vec<Reason>,
    /// Contig.
    pub contig: String,
    /// Position of the first base, from 1.
    pub position: u64,
    /// Reference allele.
    pub reference: String,
    /// Alternate allele.
    pub alternate: String,
    /// Genotype as called.
    pub genotype: String,
    /// `heterozygous`, `homozygous`, …
    pub zygosity: String,
    /// Gene.
    pub gene: Option<String>,
    /// Transcript.
    pub transcript: Option<String>,
    /// The most severe consequence.
    pub consequence: Option<String>,
    /// Its impact.
    pub impact: Option<String>,
    /// Amino-acid change.
    pub amino_acid_change: Option<String>,
    /// Variant quality, Phred.
    pub quality: Option<f32>,
    /// Filter.
    pub filter: Option<String>,
    /// Depth.
    pub depth: Option<u32>,
    /// Population frequency.
    pub frequency: Option<f64>,
    /// Clinical significance.
    pub significance: Option<String>,
    /// Conditions.
    pub conditions: Vec<String>,
}

/// Why a variant stands where it stands.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// `consequence`, `significance`, `rarity`, `quality`, …
    pub factor: String,
    /// Its value here.
    pub value: String,
    /// Points for it.
    pub points: i32,
    /// In words.
    pub words: String,
}
