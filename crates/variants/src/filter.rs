//! What to keep, written as people write it.

use crate::consequence::{Impact, Severity};
use crate::significance::Class;
use crate::{Error, Result, Row, Zygosity};
use std::str::FromStr;

/// What to keep. Conditions of different kinds all hold; of one kind, any. An empty filter keeps
/// everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Places, of which the variant's reference allele touches one.
    pub regions: Vec<Region>,
    /// Gene names, of which one stands in any of the variant's consequences; case does not count.
    pub genes: Vec<String>,
    /// Conditions on the consequences.
    pub consequences: Vec<ConsequenceFilter>,
    /// Genotype classes.
    pub genotypes: Vec<Zygosity>,
    /// The least quality of the site; one without quality is dropped.
    pub min_quality: Option<f32>,
    /// The least quality of the genotype; one without is dropped.
    pub min_genotype_quality: Option<u32>,
    /// The least depth; a call without depth is dropped.
    pub min_depth: Option<u32>,
    /// The greatest allele frequency. A variant without a frequency counts as absent from the
    /// population and is kept; the answer counts those.
    pub max_frequency: Option<f64>,
    /// Classes of clinical significance; a variant without one is dropped.
    pub significance: Vec<Class>,
    /// Only calls that passed the caller's filters or to which none was applied.
    pub passing_only: bool,
}

/// A place: a contig, or bases of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// The contig's name.
    pub contig: String,
    /// The first base, from 1.
    pub start: u64,
    /// The last base, inclusive.
    pub end: u64,
}

/// A condition on consequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsequenceFilter {
    /// The severest consequence has at least this impact.
    Impact(Impact),
    /// The severest consequence is at least this severe.
    AtLeast(Severity),
    /// Any consequence has this term, in the tool's or the ontology's words.
    Term(Severity),
}

impl Filter {
    /// Whether the row is kept.
    pub fn keeps(&self, row: &Row) -> bool {
        let any_or_empty = |empty: bool, any: bool| empty || any;
        any_or_empty(self.regions.is_empty(), self.regions.iter().any(|region| region.touches(row)))
            && any_or_empty(self.genes.is_empty(), self.genes.iter().any(|gene| has_gene(row, gene)))
            && any_or_empty(self.consequences.is_empty(), self.consequences.iter().any(|c| c.keeps(row)))
            && any_or_empty(self.genotypes.is_empty(), self.genotypes.contains(&row.zygosity))
            && any_or_empty(
                self.significance.is_empty(),
                row.significance_class.is_some_and(|class| self.significance.contains(&class)),
            )
            && self.min_quality.is_none_or(|least| row.quality.is_some_and(|q| q >= least))
            && self.min_genotype_quality.is_none_or(|least| row.genotype_quality.is_some_and(|q| q >= least))
            && self.min_depth.is_none_or(|least| row.depth.is_some_and(|depth| depth >= least))
            && self.max_frequency.is_none_or(|most| row.allele_frequency.is_none_or(|f| f <= most))
            && (!self.passing_only || row.passing())
    }
}

pub(crate) fn has_gene(row: &Row, gene: &str) -> bool {
    row.consequences.iter().filter_map(|c| c.gene.as_deref()).any(|name| name.eq_ignore_ascii_case(gene))
}

impl Region {
    /// Whether the row's reference allele touches the region.
    pub fn touches(&self, row: &Row) -> bool {
        row.contig == self.contig && row.position <= self.end && row.end() >= self.start
    }
}

impl ConsequenceFilter {
    fn keeps(&self, row: &Row) -> bool {
        match self {
            Self::Impact(least) => row.severity().is_some_and(|s| s.term().impact >= *least),
            Self::AtLeast(least) => row.severity().is_some_and(|s| s >= *least),
            Self::Term(term) => row
                .consequences
                .iter()
                .flat_map(|c| c.terms.split('&'))
                .any(|word| Severity::of_word(word) == Some(*term)),
        }
    }
}

impl FromStr for Region {
    type Err = Error;

    /// `chr20`, `chr20:10,000` or `chr20:10,000-20,000`, counted from 1, both ends included. A
    /// trailing `-` means to the contig's end.
    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why| Error::Region { text: text.to_owned(), why };
        let (contig, range) = match text.trim().rsplit_once(':') {
            Some((contig, range)) => (contig, Some(range)),
            None => (text.trim(), None),
        };
        if contig.is_empty() {
            return Err(refuse("the contig is missing"));
        }
        if contig.contains(char::is_whitespace) {
            return Err(refuse("a contig's name has no spaces"));
        }
        let number = |digits: &str| -> Result<u64> {
            let plain: String = digits.trim().chars().filter(|c| !matches!(c, ',' | '_')).collect();
            match plain.parse() {
                Ok(0) => Err(refuse("positions count from 1")),
                Ok(n) => Ok(n),
                Err(_) => Err(refuse("a position is not a whole number")),
            }
        };
        let (start, end) = match range.map(|range| (range, range.split_once('-'))) {
            None => (1, u64::MAX),
            Some((_, Some((start, "")))) => (number(start)?, u64::MAX),
            Some((_, Some((start, end)))) => (number(start)?, number(end)?),
            Some((range, None)) => (number(range)?, number(range)?),
        };
        if end < start {
            return Err(refuse("it ends before it starts"));
        }
        Ok(Self { contig: contig.to_owned(), start, end })
    }
}

impl FromStr for ConsequenceFilter {
    type Err = Error;

    /// `missense`, `stop_gained` (that term), `missense+` (that severe or severer), or an
    /// impact: `high`, `moderate`, `low`, `modifier` (that impact or a greater one).
    fn from_str(text: &str) -> Result<Self> {
        let word = text.trim();
        if let Some(impact) = Impact::ALL.iter().find(|impact| impact.as_str().eq_ignore_ascii_case(word)) {
            return Ok(Self::Impact(*impact));
        }
        let (term, or_severer) = match word.strip_suffix('+') {
            Some(term) => (term, true),
            None => (word, false),
        };
        let known = Severity::of_word(term).or_else(|| Severity::of_word(&term.to_ascii_lowercase()));
        match known {
            Some(severity) if or_severer => Ok(Self::AtLeast(severity)),
            Some(severity) => Ok(Self::Term(severity)),
            None => Err(Error::Word {
                text: text.to_owned(),
                what: "a consequence",
                known: "`high`, `moderate`, `low`, `modifier`, or a Sequence Ontology term such as \
                        `missense_variant`, with `+` for that or severer"
                    .to_owned(),
            }),
        }
    }
}

impl FromStr for Zygosity {
    type Err = Error;

    /// The word, or `het`, `hom`, `hemi`, or a genotype: `0/1`, `1/1`.
    fn from_str(text: &str) -> Result<Self> {
        match text.trim().to_ascii_lowercase().replace('|', "/").as_str() {
            "het" | "heterozygous" | "0/1" | "1/0" => Ok(Self::Heterozygous),
            "hom" | "hom-alt" | "homozygous" | "1/1" => Ok(Self::Homozygous),
            "hemi" | "hemizygous" | "1" => Ok(Self::Hemizygous),
            "partial" | "./1" | "1/." => Ok(Self::Partial),
            _ => Err(Error::Word {
                text: text.to_owned(),
                what: "a genotype class",
                known: "`het`, `hom`, `hemi`, `partial`, `0/1` or `1/1`".to_owned(),
            }),
        }
    }
}

/// A class of significance by its word: `pathogenic`, `likely-pathogenic`, `uncertain` …
///
/// # Errors
/// [`Error::Word`] for an unknown word.
pub fn significance(text: &str) -> Result<Class> {
    text.trim().parse().map_err(|()| Error::Word {
        text: text.to_owned(),
        what: "a clinical significance",
        known: Class::ALL
            .iter()
            .rev()
            .map(|class| format!("`{}`", class.as_str()))
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// A frequency as people write it: `0.01`, `1e-4` or `1%`.
///
/// # Errors
/// [`Error::Number`] for what is no number between 0 and 1.
pub fn frequency(text: &str) -> Result<f64> {
    let (digits, scale) = match text.trim().strip_suffix('%') {
        Some(digits) => (digits, 100.0),
        None => (text.trim(), 1.0),
    };
    match digits.trim().parse::<f64>().map(|x| x / scale) {
        Ok(frequency) if (0.0..=1.0).contains(&frequency) => Ok(frequency),
        _ => {
            Err(Error::Number { text: text.to_owned(), what: "a frequency between 0 and 1, or a percentage" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_parse_as_people_write_them() {
        let check = |text: &str, contig: &str, start, end| {
            let expected = Region { contig: contig.to_owned(), start, end };
            assert_eq!(text.parse::<Region>().unwrap(), expected, "{text}");
        };
        check("chr20", "chr20", 1, u64::MAX);
        check("chr20:10,000-20,000", "chr20", 10_000, 20_000);
        check("chr20:10000", "chr20", 10_000, 10_000);
        check("chr20:10_000-", "chr20", 10_000, u64::MAX);
        check("HLA:A:5-6", "HLA:A", 5, 6);
        check(" X:1-1 ", "X", 1, 1);
    }

    #[test]
    fn other_regions_are_refused_with_a_reason() {
        let check = |text: &str, why: &str| {
            let error = text.parse::<Region>().unwrap_err().to_string();
            assert!(error.contains(why) && error.contains(text), "{error}");
        };
        check("chr20:20-10", "ends before it starts");
        check("chr20:0-10", "count from 1");
        check("chr20:a-b", "not a whole number");
        check(":1-2", "contig is missing");
        check("", "contig is missing");
        check("chr20:-5", "not a whole number");
        check("chr20:1-99999999999999999999", "not a whole number");
        check("chr 20", "no spaces");
    }

    #[test]
    fn words_parse_in_both_vocabularies() {
        let check = |text: &str, expected: ConsequenceFilter| {
            assert_eq!(text.parse::<ConsequenceFilter>().unwrap(), expected, "{text}");
        };
        let missense = Severity::of_word("missense").unwrap();
        check("HIGH", ConsequenceFilter::Impact(Impact::High));
        check("missense", ConsequenceFilter::Term(missense));
        check("Missense_variant", ConsequenceFilter::Term(missense));
        check("missense+", ConsequenceFilter::AtLeast(missense));
        assert!("mis".parse::<ConsequenceFilter>().unwrap_err().to_string().contains("moderate"));
        assert_eq!("het".parse::<Zygosity>().unwrap(), Zygosity::Heterozygous);
        assert_eq!("1|1".parse::<Zygosity>().unwrap(), Zygosity::Homozygous);
        assert!("0/0".parse::<Zygosity>().is_err());
        assert_eq!(significance("likely_pathogenic").unwrap(), Class::LikelyPathogenic);
        assert!(significance("bad").unwrap_err().to_string().contains("`pathogenic`"));
        assert_eq!(frequency("1%").unwrap(), 0.01);
        assert_eq!(frequency("1e-4").unwrap(), 0.0001);
        assert!(frequency("2").is_err());
        assert!(frequency("nan").is_err());
    }
}
