//! Consequence terms in order of severity, and the BCSQ field of `bcftools csq`.
//!
//! The order and the impact of terms are Ensembl's ("Calculated variant consequences", Ensembl
//! Variation documentation), over Sequence Ontology terms. `bcftools csq` writes short forms of
//! the same terms (Danecek & McCarthy 2017, doi:10.1093/bioinformatics/btx100); rows keep the
//! tool's word, filters take both.

use std::cmp::Ordering;

/// How much a consequence is expected to change the product, in Ensembl's four classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Impact {
    /// Outside what is translated, or without known effect.
    Modifier,
    /// Unlikely to change the product's behaviour.
    Low,
    /// Changes the product without disrupting it.
    Moderate,
    /// Disrupts the product, often to loss of function.
    High,
}

impl Impact {
    /// Every class, weakest first.
    pub const ALL: &[Self] = &[Self::Modifier, Self::Low, Self::Moderate, Self::High];

    /// The word as stored and as written in filters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Modifier => "modifier",
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
        }
    }
}

/// A place in the order of severity: 1 is the severest term. A greater `Severity` is a severer
/// one, so `severity >= minimum` reads as it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Severity(u8);

impl Severity {
    /// What a term that the order does not know gets: the last place.
    pub const UNKNOWN: Self = Self(TERMS.len() as u8);

    /// The place, from 1.
    pub const fn place(self) -> u8 {
        self.0
    }

    /// From a stored place; what is no place becomes the last one.
    pub fn from_place(place: i32) -> Self {
        match u8::try_from(place) {
            Ok(place) if (1..=Self::UNKNOWN.0).contains(&place) => Self(place),
            _ => Self::UNKNOWN,
        }
    }

    /// The term at this place.
    pub fn term(self) -> &'static Term {
        TERMS.get(usize::from(self.0).saturating_sub(1)).unwrap_or(&LAST)
    }

    /// The severity of a term in the tool's or the ontology's words; nothing when unknown.
    pub fn of_word(word: &str) -> Option<Self> {
        let is = |term: &Term| {
            term.ontology == word
                || term.ontology.strip_suffix("_variant") == Some(word)
                || term.short.contains(&word)
        };
        let place = TERMS.iter().position(is)?;
        u8::try_from(place + 1).ok().map(Self)
    }

    /// The severest of words joined by `&`.
    pub fn of_words(words: &str) -> Self {
        words
            .trim_start_matches('*')
            .split('&')
            .map(|word| Self::of_word(word).unwrap_or(Self::UNKNOWN))
            .max()
            .unwrap_or(Self::UNKNOWN)
    }
}

impl PartialOrd for Severity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Severity {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.cmp(&self.0)
    }
}

/// One term of the order.
#[derive(Debug)]
pub struct Term {
    /// The Sequence Ontology term.
    pub ontology: &'static str,
    /// Words that tools write for it besides the term without `_variant`.
    pub short: &'static [&'static str],
    /// Ensembl's impact class.
    pub impact: Impact,
}

const fn term(ontology: &'static str, short: &'static [&'static str], impact: Impact) -> Term {
    Term { ontology, short, impact }
}

const LAST: Term = term("sequence_variant", &[], Impact::Modifier);

/// The order, severest first.
pub const TERMS: &[Term] = &[
    term("transcript_ablation", &[], Impact::High),
    term("splice_acceptor_variant", &[], Impact::High),
    term("splice_donor_variant", &[], Impact::High),
    term("stop_gained", &[], Impact::High),
    term("frameshift_variant", &[], Impact::High),
    term("stop_lost", &[], Impact::High),
    term("start_lost", &[], Impact::High),
    term("transcript_amplification", &[], Impact::High),
    term("feature_elongation", &[], Impact::High),
    term("feature_truncation", &[], Impact::High),
    term("inframe_insertion", &[], Impact::Moderate),
    term("inframe_deletion", &[], Impact::Moderate),
    term("missense_variant", &[], Impact::Moderate),
    term("protein_altering_variant", &["inframe_altering"], Impact::Moderate),
    term("splice_donor_5th_base_variant", &[], Impact::Low),
    term("splice_region_variant", &[], Impact::Low),
    term("splice_donor_region_variant", &[], Impact::Low),
    term("splice_polypyrimidine_tract_variant", &[], Impact::Low),
    term("incomplete_terminal_codon_variant", &[], Impact::Low),
    term("start_retained_variant", &[], Impact::Low),
    term("stop_retained_variant", &[], Impact::Low),
    term("synonymous_variant", &[], Impact::Low),
    term("coding_sequence_variant", &[], Impact::Modifier),
    term("mature_miRNA_variant", &[], Impact::Modifier),
    term("5_prime_UTR_variant", &["5_prime_utr"], Impact::Modifier),
    term("3_prime_UTR_variant", &["3_prime_utr"], Impact::Modifier),
    term("non_coding_transcript_exon_variant", &["non_coding"], Impact::Modifier),
    term("intron_variant", &[], Impact::Modifier),
    term("NMD_transcript_variant", &[], Impact::Modifier),
    term("non_coding_transcript_variant", &[], Impact::Modifier),
    term("coding_transcript_variant", &[], Impact::Modifier),
    term("upstream_gene_variant", &[], Impact::Modifier),
    term("downstream_gene_variant", &[], Impact::Modifier),
    term("TFBS_ablation", &[], Impact::Modifier),
    term("TFBS_amplification", &[], Impact::Modifier),
    term("TF_binding_site_variant", &[], Impact::Modifier),
    term("regulatory_region_ablation", &[], Impact::Modifier),
    term("regulatory_region_amplification", &[], Impact::Modifier),
    term("regulatory_region_variant", &[], Impact::Modifier),
    term("intergenic_variant", &[], Impact::Modifier),
    LAST,
];

/// What a variant does to one transcript.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Consequence {
    /// The tool's terms, joined by `&`.
    pub terms: String,
    /// The severest of them.
    pub severity: Severity,
    /// Whether the change lies behind a stop gained upstream in the same haplotype, so that its
    /// own effect does not show (`*` before the terms).
    pub behind_stop: bool,
    /// The gene's name.
    pub gene: Option<String>,
    /// The transcript's id.
    pub transcript: Option<String>,
    /// The transcript's biotype.
    pub biotype: Option<String>,
    /// `+` or `-`.
    pub strand: Option<String>,
    /// Amino acids before and after, as the tool writes them: `25A>25V`.
    pub amino_acid_change: Option<String>,
    /// The bases that together make the change: `53594A>AGC+53595ACT>A`.
    pub dna_change: Option<String>,
    /// Whether it was written at another variant of the same haplotype, to which `@pos` pointed.
    pub compound: bool,
}

/// One entry of the BCSQ field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A consequence.
    Here(Consequence),
    /// `@pos`: the consequence stands at that position of the same contig.
    At(u64),
}

impl Entry {
    /// Parses one entry: `[*]terms|gene|transcript|biotype[|strand|amino acids|bases]` or `@pos`.
    /// Nothing when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(position) = text.strip_prefix('@') {
            return position.parse().ok().map(Self::At);
        }
        let mut fields = text.split('|');
        let terms = fields.next()?;
        let behind_stop = terms.starts_with('*');
        let terms = terms.trim_start_matches('*');
        if terms.is_empty() || terms == "." {
            return None;
        }
        let mut next = || fields.next().filter(|field| !field.is_empty() && *field != ".").map(str::to_owned);
        Some(Self::Here(Consequence {
            terms: terms.to_owned(),
            severity: Severity::of_words(terms),
            behind_stop,
            gene: next(),
            transcript: next(),
            biotype: next(),
            strand: next(),
            amino_acid_change: next(),
            dna_change: next(),
            compound: false,
        }))
    }
}

impl Consequence {
    /// Whether the change at `position` of `reference` to `alternate` is one of those that make
    /// this consequence. One without `dna_change` does not tell.
    pub fn names(&self, position: u64, reference: &str, alternate: &str) -> Option<bool> {
        let change = self.dna_change.as_deref()?;
        let wanted = format!("{position}{reference}>{alternate}");
        Some(change.split('+').any(|part| part == wanted))
    }
}

/// Sorts severest first; of equals, those not behind a stop, then coding transcripts, then by
/// gene and transcript, so that the order never depends on the file's.
pub fn sort(consequences: &mut [Consequence]) {
    consequences.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.behind_stop.cmp(&b.behind_stop))
            .then_with(|| is_coding(b).cmp(&is_coding(a)))
            .then_with(|| a.gene.cmp(&b.gene))
            .then_with(|| a.transcript.cmp(&b.transcript))
            .then_with(|| a.terms.cmp(&b.terms))
    });
}

fn is_coding(consequence: &Consequence) -> bool {
    consequence.biotype.as_deref() == Some("protein_coding")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(text: &str) -> Consequence {
        match Entry::parse(text) {
            Some(Entry::Here(consequence)) => consequence,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_full_entry_parses() {
        let c = here("*missense&splice_region|XDH|ENST00000379416|protein_coding|-|215E>215V|53594A>T");
        assert_eq!(c.terms, "missense&splice_region");
        assert_eq!(c.severity, Severity::of_word("missense_variant").unwrap());
        assert!(c.behind_stop);
        assert_eq!(c.gene.as_deref(), Some("XDH"));
        assert_eq!(c.transcript.as_deref(), Some("ENST00000379416"));
        assert_eq!(c.strand.as_deref(), Some("-"));
        assert_eq!(c.amino_acid_change.as_deref(), Some("215E>215V"));
        assert_eq!(c.names(53594, "A", "T"), Some(true));
        assert_eq!(c.names(53594, "A", "G"), Some(false));
    }

    #[test]
    fn a_short_entry_a_reference_and_nonsense() {
        let c = here("splice_region|CD207|ENST00000410009|protein_coding");
        assert_eq!((c.strand.clone(), c.dna_change.clone()), (None, None));
        assert_eq!(c.names(1, "A", "T"), None);
        assert_eq!(here("intron||ENST1|").gene, None);
        assert_eq!(Entry::parse("@53595"), Some(Entry::At(53595)));
        assert_eq!(Entry::parse("@x"), None);
        assert_eq!(Entry::parse(""), None);
        assert_eq!(Entry::parse("."), None);
    }

    #[test]
    fn the_order_is_ensembls() {
        let severity = |word| Severity::of_word(word).unwrap();
        assert!(severity("stop_gained") > severity("frameshift"));
        assert!(severity("frameshift") > severity("start_lost"));
        assert!(severity("start_lost") > severity("inframe_deletion"));
        assert!(severity("inframe_deletion") > severity("missense"));
        assert!(severity("missense") > severity("splice_region"));
        assert!(severity("synonymous") > severity("intron"));
        assert_eq!(severity("missense"), severity("missense_variant"));
        assert_eq!(Severity::of_words("what&ever"), Severity::UNKNOWN);
        assert_eq!(Severity::of_words("synonymous&start_lost"), severity("start_lost"));
        assert_eq!(Severity::from_place(99), Severity::UNKNOWN);
        assert_eq!(Severity::UNKNOWN.term().ontology, "sequence_variant");
    }

    #[test]
    fn severest_comes_first_whatever_the_file_says() {
        let mut a = vec![
            here("intron|B|T3|protein_coding"),
            here("missense|B|T2|NMD|+|1A>1V|5A>T"),
            here("missense|B|T1|protein_coding|+|1A>1V|5A>T"),
            here("*stop_gained|A|T0|protein_coding|+|1A>1*|5A>T"),
        ];
        let mut b: Vec<_> = a.iter().rev().cloned().collect();
        sort(&mut a);
        sort(&mut b);
        assert_eq!(a, b);
        let order: Vec<_> = a.iter().map(|c| c.transcript.as_deref().unwrap()).collect();
        assert_eq!(order, ["T0", "T1", "T2", "T3"]);
    }
}
