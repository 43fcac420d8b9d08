//! Clinical significance terms, as ClinVar writes them, and the classes the product uses.
//!
//! Source: ClinVar, "Representation of classifications in ClinVar and other variation-related
//! resources at NCBI" (germline classifications; ACMG/AMP terms of Richards et al. 2015, with the
//! risk-allele and low-penetrance terms of ClinGen), and the `CLNSIG` values of its VCF files.

/// The class a significance falls into, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Benign.
    Benign,
    /// Likely benign.
    LikelyBenign,
    /// A statement that is no classification of disease risk, such as a drug response.
    Other,
    /// Uncertain significance.
    Uncertain,
    /// Submitters disagree.
    Conflicting,
    /// A risk allele of a complex disease.
    Risk,
    /// Likely pathogenic.
    LikelyPathogenic,
    /// Pathogenic.
    Pathogenic,
}

impl Class {
    /// Every class, weakest first.
    pub const ALL: &[Self] = &[
        Self::Benign,
        Self::LikelyBenign,
        Self::Other,
        Self::Uncertain,
        Self::Conflicting,
        Self::Risk,
        Self::LikelyPathogenic,
        Self::Pathogenic,
    ];

    /// The word as stored and as written in filters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Benign => "benign",
            Self::LikelyBenign => "likely-benign",
            Self::Other => "other",
            Self::Uncertain => "uncertain",
            Self::Conflicting => "conflicting",
            Self::Risk => "risk",
            Self::LikelyPathogenic => "likely-pathogenic",
            Self::Pathogenic => "pathogenic",
        }
    }

    /// The class of a source's words; nothing when they say that no classification was given.
    ///
    /// `Pathogenic/Likely_pathogenic` is pathogenic and `Benign/Likely_benign` is benign, as
    /// ClinVar's own aggregation means them. Words of both sides together are a conflict.
    pub fn of(words: &str) -> Option<Self> {
        let classes: Vec<Self> = words
            .split(['/', '|', ',', ';', '&'])
            .filter_map(|word| Self::of_word(&word.trim_matches(['_', ' ']).to_ascii_lowercase()))
            .collect();
        // A drug response beside a classification says nothing about the classification.
        let ranked = || classes.iter().filter(|class| **class != Self::Other);
        let (Some(strongest), Some(weakest)) = (ranked().max().copied(), ranked().min().copied()) else {
            return classes.first().copied();
        };
        if strongest >= Self::LikelyPathogenic && weakest <= Self::LikelyBenign {
            return Some(Self::Conflicting);
        }
        if strongest == Self::LikelyBenign { Some(weakest) } else { Some(strongest) }
    }

    fn of_word(word: &str) -> Option<Self> {
        let word = word.replace(' ', "_");
        Some(match word.as_str() {
            ""
            | "not_provided"
            | "no_classification_for_the_single_variant"
            | "no_classifications_from_unflagged_records"
            | "low_penetrance" => return None,
            "pathogenic" => Self::Pathogenic,
            "likely_pathogenic" => Self::LikelyPathogenic,
            "likely_benign" => Self::LikelyBenign,
            "benign" => Self::Benign,
            "uncertain_significance" | "uncertain_risk_allele" => Self::Uncertain,
            "risk_factor" | "established_risk_allele" | "likely_risk_allele" => Self::Risk,
            word if word.starts_with("conflicting_") => Self::Conflicting,
            _ => Self::Other,
        })
    }
}

impl std::str::FromStr for Class {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.replace(['_', ' '], "-").to_ascii_lowercase();
        Self::ALL.iter().copied().find(|class| class.as_str() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fall_into_their_classes() {
        let check = |words, expected| assert_eq!(Class::of(words), expected, "{words}");
        check("Pathogenic", Some(Class::Pathogenic));
        check("Pathogenic/Likely_pathogenic", Some(Class::Pathogenic));
        check("Likely_pathogenic,_low_penetrance", Some(Class::LikelyPathogenic));
        check("Pathogenic/Likely_pathogenic|risk_factor", Some(Class::Pathogenic));
        check("Benign/Likely_benign", Some(Class::Benign));
        check("Likely_benign", Some(Class::LikelyBenign));
        check("Uncertain_significance", Some(Class::Uncertain));
        check("Conflicting_interpretations_of_pathogenicity", Some(Class::Conflicting));
        check("Conflicting_classifications_of_pathogenicity|other", Some(Class::Conflicting));
        check("Pathogenic|Benign", Some(Class::Conflicting));
        check("drug_response", Some(Class::Other));
        check("Benign|drug_response", Some(Class::Benign));
        check("risk_factor", Some(Class::Risk));
        check("not_provided", None);
        check("", None);
    }

    #[test]
    fn filter_words_parse_back() {
        for class in Class::ALL {
            assert_eq!(class.as_str().parse::<Class>(), Ok(*class));
        }
        assert_eq!("Likely_pathogenic".parse::<Class>(), Ok(Class::LikelyPathogenic));
        assert!("bad".parse::<Class>().is_err());
    }
}
