//! One variant in one sample, and the lake's words for it.

use crate::consequence::{Consequence, Severity};
use crate::significance::Class;
use base::SampleId;
use std::cmp::Ordering;

/// How many of the sample's called alleles carry the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Zygosity {
    /// Some of the called alleles, the others being called too.
    Heterozygous,
    /// Each of two or more called alleles.
    Homozygous,
    /// The single allele of a haploid call.
    Hemizygous,
    /// At least one allele, while another was not called.
    Partial,
}

impl Zygosity {
    /// Every value.
    pub const ALL: &[Self] = &[Self::Heterozygous, Self::Homozygous, Self::Hemizygous, Self::Partial];

    /// The word as stored and as written in filters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Heterozygous => "heterozygous",
            Self::Homozygous => "homozygous",
            Self::Hemizygous => "hemizygous",
            Self::Partial => "partial",
        }
    }

    /// The class of a call for allele `allele` (from 1), or nothing when no allele is it.
    pub fn of(alleles: &[Option<usize>], allele: usize) -> Option<Self> {
        let carried = alleles.iter().filter(|called| **called == Some(allele)).count();
        let missing = alleles.iter().any(Option::is_none);
        match (carried, alleles.len(), missing) {
            (0, _, _) => None,
            (_, _, true) => Some(Self::Partial),
            (1, 1, _) => Some(Self::Hemizygous),
            (carried, all, _) if carried == all => Some(Self::Homozygous),
            _ => Some(Self::Heterozygous),
        }
    }
}

/// One variant in one sample. Missing values are absent, never a stand-in number.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Row {
    /// The sample.
    pub sample: SampleId,
    /// The contig, as the reference names it.
    pub contig: String,
    /// The first base of `reference`, counted from 1.
    pub position: u64,
    /// The reference allele.
    pub reference: String,
    /// The alternate allele that this row is about.
    pub alternate: String,
    /// Identifiers of the site in the variant file, joined by `;`.
    pub id: Option<String>,
    /// The caller's quality of the site, on the Phred scale.
    pub quality: Option<f32>,
    /// `PASS`, or the failed filters joined by `;`; absent when no filter was applied.
    pub filter: Option<String>,
    /// The genotype as the caller wrote it: `0/1`, `1|1`, `1`.
    pub genotype: String,
    /// The class of the genotype.
    pub zygosity: Zygosity,
    /// Reads over the site in this sample.
    pub depth: Option<u32>,
    /// Reads that carry the reference allele.
    pub reference_depth: Option<u32>,
    /// Reads that carry this alternate allele.
    pub alternate_depth: Option<u32>,
    /// `alternate_depth` over the reads of all alleles, 0 to 1.
    pub allele_fraction: Option<f32>,
    /// Confidence in the genotype, on the Phred scale.
    pub genotype_quality: Option<u32>,
    /// Consequences, most severe first; empty when the file has none for this variant.
    pub consequences: Vec<Consequence>,
    /// The alternate allele's frequency in the population source, 0 to 1; absent when the source
    /// does not have the allele or none was given.
    pub allele_frequency: Option<f64>,
    /// The clinical significance in the source's own words.
    pub significance: Option<String>,
    /// The class that the words fall into.
    pub significance_class: Option<Class>,
    /// Condition identifiers in the source (`MedGen:…`, `OMIM:…`), in its order.
    pub conditions: Vec<String>,
    /// The source's review status of the significance.
    pub review_status: Option<String>,
    /// Whether a frequency source was given when the row was loaded.
    pub frequency_source: bool,
    /// Whether a significance source was given when the row was loaded.
    pub significance_source: bool,
}

impl Row {
    /// The severest consequence, if any.
    pub fn top(&self) -> Option<&Consequence> {
        self.consequences.first()
    }

    /// The severity of the severest consequence.
    pub fn severity(&self) -> Option<Severity> {
        self.top().map(|top| top.severity)
    }

    /// The last base of the reference allele, counted from 1.
    pub fn end(&self) -> u64 {
        self.position.saturating_add((self.reference.len() as u64).saturating_sub(1))
    }

    /// Whether the caller's filters were passed or none was applied.
    pub fn passing(&self) -> bool {
        self.filter.as_deref().is_none_or(|filter| filter == "PASS")
    }

    /// The order in which rows are shown: contig as people count (`chr2` before `chr10`),
    /// position, alleles, sample.
    pub fn place(&self, other: &Self) -> Ordering {
        natural(&self.contig, &other.contig)
            .then_with(|| self.position.cmp(&other.position))
            .then_with(|| self.reference.cmp(&other.reference))
            .then_with(|| self.alternate.cmp(&other.alternate))
            .then_with(|| self.sample.cmp(&other.sample))
    }
}

/// Compares texts with runs of digits as numbers. Equal only for equal texts.
fn natural(a: &str, b: &str) -> Ordering {
    let key = |text: &str| -> Vec<(bool, u128, char)> {
        let mut parts: Vec<(bool, u128, char)> = Vec::new();
        for c in text.chars() {
            match (c.to_digit(10), parts.last_mut()) {
                (Some(digit), Some((true, number, _))) => {
                    *number = number.saturating_mul(10).saturating_add(u128::from(digit));
                }
                (Some(digit), _) => parts.push((true, u128::from(digit), '0')),
                (None, _) => parts.push((false, 0, c)),
            }
        }
        parts
    };
    // A digit run sorts before letters, so `chr9` < `chrX`.
    let order = |(digits, number, c): &(bool, u128, char)| (!*digits, *number, *c);
    key(a).iter().map(order).cmp(key(b).iter().map(order)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zygosity_follows_the_called_alleles() {
        let check = |alleles: &[Option<usize>], allele, expected| {
            assert_eq!(Zygosity::of(alleles, allele), expected, "{alleles:?} {allele}");
        };
        check(&[Some(0), Some(1)], 1, Some(Zygosity::Heterozygous));
        check(&[Some(1), Some(1)], 1, Some(Zygosity::Homozygous));
        check(&[Some(1), Some(2)], 2, Some(Zygosity::Heterozygous));
        check(&[Some(1)], 1, Some(Zygosity::Hemizygous));
        check(&[None, Some(1)], 1, Some(Zygosity::Partial));
        check(&[Some(0), Some(0)], 1, None);
        check(&[], 1, None);
    }

    #[test]
    fn contigs_sort_as_people_count() {
        let mut names = ["chrX", "chr10", "chr2", "chr1", "chrM", "2"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["2", "chr1", "chr2", "chr10", "chrM", "chrX"]);
    }
}
