//! The ranking rule: a sum of points from four factors, each with its reason.
//!
//! The rule is plain on purpose: no weight is learnt, every point has a sentence, and the same
//! row gets the same score on every machine. Its tables are in `docs/spec/variant-lake.md`;
//! changing one changes [`RULE`].

use crate::consequence::Impact;
use crate::significance::Class;
use crate::{Row, Zygosity};

/// The rule's name and version.
pub const RULE: &str = "sequestra-rank/1";

/// What a reason is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Factor {
    /// What the variant does to the product of a gene.
    Consequence,
    /// What is known of it clinically.
    Significance,
    /// How rare it is in the population source.
    Rarity,
    /// How sure the call is.
    Confidence,
}

/// One part of a score.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reason {
    /// What it is about.
    pub factor: Factor,
    /// The value that decided, as stored: a term, a frequency, a depth.
    pub value: String,
    /// What it adds; below zero it takes away.
    pub points: i32,
    /// The reason in words.
    pub words: String,
}

/// A score and the reasons that add up to it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rank {
    /// The rule that made it.
    pub rule: String,
    /// The sum of all points; higher ranks earlier.
    pub score: i32,
    /// All reasons, in the order of the factors; their points add up to `score`.
    pub reasons: Vec<Reason>,
}

/// Ranks a row by the rule.
pub fn rank(row: &Row) -> Rank {
    let mut reasons = vec![consequence(row), significance(row), rarity(row)];
    reasons.extend(confidence(row));
    let score = reasons.iter().map(|reason| reason.points).sum();
    Rank { rule: RULE.to_owned(), score, reasons }
}

fn reason(factor: Factor, value: impl ToString, points: i32, words: impl Into<String>) -> Reason {
    Reason { factor, value: value.to_string(), points, words: words.into() }
}

fn consequence(row: &Row) -> Reason {
    let Some(top) = row.top() else {
        return reason(Factor::Consequence, "none", 0, "no consequence on a known transcript");
    };
    let term = top.severity.term();
    let points = match (term.impact, term.ontology) {
        (Impact::High, "stop_lost" | "start_lost") => 36,
        (Impact::High, _) => 40,
        (Impact::Moderate, "missense_variant") => 20,
        (Impact::Moderate, _) => 22,
        (Impact::Low, word) if word.starts_with("splice_") => 10,
        (Impact::Low, _) => 4,
        (Impact::Modifier, "5_prime_UTR_variant" | "3_prime_UTR_variant") => 3,
        (Impact::Modifier, "intergenic_variant" | "sequence_variant") => 0,
        (Impact::Modifier, _) => 1,
    };
    let place = match (&top.gene, &top.transcript) {
        (Some(gene), Some(transcript)) => format!(" in {gene} ({transcript})"),
        (Some(name), None) | (None, Some(name)) => format!(" in {name}"),
        (None, None) => String::new(),
    };
    let impact = term.impact.as_str();
    let words = format!("{}{place}: {impact} impact", term.ontology.replace('_', " "));
    if top.behind_stop {
        let words = format!("{words}, behind a stop gained upstream, so half the points");
        return reason(Factor::Consequence, &top.terms, points / 2, words);
    }
    reason(Factor::Consequence, &top.terms, points, words)
}

fn significance(row: &Row) -> Reason {
    let Some(class) = row.significance_class else {
        let words = match (row.significance_source, &row.significance) {
            (false, _) => "no significance source was given",
            (true, None) => "the significance source does not have it",
            (true, Some(_)) => "the significance source has it without a classification",
        };
        return reason(Factor::Significance, "none", 0, words);
    };
    let (points, words) = match class {
        Class::Pathogenic => (50, "classified pathogenic"),
        Class::LikelyPathogenic => (40, "classified likely pathogenic"),
        Class::Risk => (10, "classified a risk allele"),
        Class::Conflicting => (10, "classifications conflict"),
        Class::Uncertain => (5, "classified of uncertain significance"),
        Class::Other => (0, "known, without a classification of disease risk"),
        Class::LikelyBenign => (-30, "classified likely benign"),
        Class::Benign => (-40, "classified benign"),
    };
    let value = row.significance.clone().unwrap_or_else(|| class.as_str().to_owned());
    reason(Factor::Significance, value, points, words)
}

fn rarity(row: &Row) -> Reason {
    match row.allele_frequency {
        None if !row.frequency_source => {
            reason(Factor::Rarity, "unknown", 0, "no frequency source was given, so rarity is not known")
        }
        None => reason(Factor::Rarity, "absent", 15, "absent from the frequency source"),
        Some(frequency) => {
            let (points, words) = match frequency {
                f if f < 0.0001 => (15, "very rare: below 0.01 % of alleles"),
                f if f < 0.001 => (12, "rare: below 0.1 % of alleles"),
                f if f < 0.01 => (8, "uncommon: below 1 % of alleles"),
                f if f < 0.05 => (0, "seen in 1 to 5 % of alleles"),
                _ => (-20, "common: 5 % of alleles or more"),
            };
            reason(Factor::Rarity, frequency, points, words)
        }
    }
}

fn confidence(row: &Row) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut add = |value: String, points, words: &str| {
        reasons.push(reason(Factor::Confidence, value, points, words));
    };
    if let Some(filter) = row.filter.as_deref().filter(|_| !row.passing()) {
        add(filter.to_owned(), -25, "failed the caller's filters");
    }
    match row.quality {
        Some(q) if q >= 30.0 => add(format!("quality {q}"), 3, "the site's quality is 30 or more"),
        Some(q) if q < 20.0 => add(format!("quality {q}"), -5, "the site's quality is below 20"),
        _ => {}
    }
    match row.genotype_quality {
        Some(q) if q >= 30 => add(format!("genotype quality {q}"), 3, "the genotype's quality is 30 or more"),
        Some(q) if q < 20 => add(format!("genotype quality {q}"), -5, "the genotype's quality is below 20"),
        _ => {}
    }
    match row.depth {
        Some(n) if n >= 20 => add(format!("depth {n}"), 2, "20 reads or more"),
        Some(n) if n < 8 => add(format!("depth {n}"), -5, "fewer than 8 reads"),
        _ => {}
    }
    if let Some(fraction) = row.allele_fraction {
        let fits = match row.zygosity {
            Zygosity::Heterozygous => (0.25..=0.75).contains(&fraction),
            Zygosity::Homozygous | Zygosity::Hemizygous => fraction >= 0.85,
            Zygosity::Partial => return reasons,
        };
        let value = format!("allele fraction {fraction:.2}");
        if fits {
            add(value, 2, "the share of reads fits the genotype");
        } else {
            add(value, -5, "the share of reads does not fit the genotype");
        }
    }
    reasons
}
