//! Which variants a case has.
//!
//! One rare stop in both copies explains the disease. Everything else that breaks a protein is
//! common and known as benign, so that a ranking by consequence alone, or by frequency alone,
//! comes out wrong.

use crate::effect::Effect::{self, *};

/// What kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One base for another.
    Single,
    /// So many bases out.
    Deletion(usize),
    /// So many bases in.
    Insertion(usize),
}
use Shape::*;

/// A variant that the case must have.
pub struct Want {
    /// What it does; `None` between genes.
    pub effect: Option<Effect>,
    /// The kind of change.
    pub shape: Shape,
    /// The gene's place in the genome.
    pub gene: Option<usize>,
    /// Whether both copies carry it; `None` leaves it to chance.
    pub both: Option<bool>,
    /// Population frequency in parts per million, from and to; 0 for never seen.
    pub frequency: (usize, usize),
    /// Clinical significance and condition.
    pub significance: Option<(&'static str, &'static str)>,
    /// The one that explains the disease.
    pub causal: bool,
}

impl Want {
    /// What to call it in an error.
    pub fn name(&self) -> &'static str {
        self.effect.map_or("intergenic", Effect::term)
    }
}

const COMMON: (usize, usize) = (20_000, 600_000);
const UNSEEN: (usize, usize) = (0, 0);
/// The condition of the disease-causing variant.
pub const CONDITION: &str = "Demonstration_disorder_1";
const NONE: &str = "not_provided";

const fn want(effect: Effect, shape: Shape, gene: usize) -> Want {
    Want {
        effect: Some(effect),
        shape,
        gene: Some(gene),
        // Where both copies lack bases, a single misaligned read is all that a caller has, and
        // it calls what that read says.
        both: if matches!(shape, Deletion(_)) { Some(false) } else { None },
        frequency: COMMON,
        significance: None,
        causal: false,
    }
}

const fn between(shape: Shape) -> Want {
    Want { effect: None, gene: None, ..want(Intron, shape, 0) }
}

/// Breaks the protein, and yet many healthy people have it in one copy.
const fn harmless(effect: Effect, shape: Shape, gene: usize) -> Want {
    Want { both: Some(false), significance: Some(("Benign", NONE)), ..want(effect, shape, gene) }
}

const fn rare(
    gene: usize,
    significance: Option<(&'static str, &'static str)>,
    frequency: (usize, usize),
) -> Want {
    Want { both: Some(false), frequency, significance, ..want(Missense, Single, gene) }
}

const CAUSE: Want = Want {
    both: Some(true),
    frequency: (20, 20),
    significance: Some(("Pathogenic", CONDITION)),
    causal: true,
    ..want(StopGained, Single, 1)
};

/// The variants, the hardest to place first.
pub static RECIPE: &[Want] = &[
    CAUSE,
    harmless(Frameshift, Deletion(2), 2),
    harmless(Frameshift, Insertion(1), 3),
    harmless(StartLost, Single, 4),
    harmless(StopLost, Single, 6),
    want(FivePrimeUtr, Single, 1),
    want(FivePrimeUtr, Single, 3),
    want(FivePrimeUtr, Single, 7),
    harmless(SpliceDonor, Single, 0),
    harmless(SpliceDonor, Single, 5),
    harmless(SpliceAcceptor, Single, 4),
    harmless(SpliceAcceptor, Single, 7),
    harmless(InframeDeletion, Deletion(3), 5),
    want(InframeDeletion, Deletion(6), 0),
    want(InframeInsertion, Insertion(3), 6),
    // Other kinds in each gene: both strands get both.
    rare(1, Some(("Uncertain_significance", CONDITION)), (150, 150)),
    rare(3, None, UNSEEN),
    rare(6, Some(("Likely_benign", NONE)), (900, 2_000)),
    Want { significance: Some(("Benign", NONE)), ..want(Missense, Single, 0) },
    Want { significance: Some(("Benign/Likely_benign", NONE)), ..want(Missense, Single, 2) },
    want(Missense, Single, 4),
    want(Missense, Single, 5),
    want(Missense, Single, 7),
    want(Synonymous, Single, 0),
    want(Synonymous, Single, 1),
    want(Synonymous, Single, 2),
    want(Synonymous, Single, 3),
    want(Synonymous, Single, 4),
    want(Synonymous, Single, 5),
    want(Synonymous, Single, 6),
    want(Synonymous, Single, 7),
    want(SpliceRegion, Single, 0),
    want(SpliceRegion, Single, 3),
    want(ThreePrimeUtr, Single, 2),
    want(ThreePrimeUtr, Single, 5),
    want(ThreePrimeUtr, Deletion(2), 7),
    want(Intron, Single, 0),
    want(Intron, Single, 1),
    want(Intron, Single, 2),
    want(Intron, Single, 3),
    want(Intron, Single, 4),
    want(Intron, Single, 5),
    want(Intron, Single, 6),
    want(Intron, Single, 7),
    want(Intron, Deletion(4), 0),
    want(Intron, Insertion(2), 1),
    want(Intron, Deletion(1), 3),
    want(Intron, Insertion(4), 5),
    Want { frequency: UNSEEN, ..want(Intron, Single, 7) },
    between(Single),
    between(Single),
    between(Single),
    between(Single),
    between(Single),
    between(Single),
    between(Single),
    between(Single),
    between(Single),
    between(Single),
    Want { frequency: UNSEEN, ..between(Single) },
    Want { frequency: UNSEEN, ..between(Single) },
    between(Deletion(1)),
    between(Deletion(5)),
    between(Insertion(2)),
    between(Insertion(5)),
];
