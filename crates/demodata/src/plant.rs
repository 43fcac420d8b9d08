//! The variants of the case: which kinds, where, and who has called them what before.

use crate::effect::{self, Change, Effect};
use crate::error::{Error, Result};
use crate::gene::Gene;
use crate::genome::Genome;
use crate::recipe::{RECIPE, Shape, Want};
use crate::rng::Rng;
use std::ops::Range;

/// Planted variants keep this far from one another, so that no read pair's alignment and no
/// haplotype-aware annotation joins two of them by accident.
pub const SPACING: usize = 250;
/// How often all variants are placed before the genome is given up.
const ROUNDS: usize = 16;
/// How often alleles are drawn for a position before the next one is tried.
const DRAWS: usize = 12;
/// Variants stay this far from the ends of a contig, where coverage falls off.
pub const EDGE: usize = 1_000;

/// Which of the two copies carry a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// The first: `1|0`.
    First,
    /// The second: `0|1`.
    Second,
    /// Both: `1|1`.
    Both,
}

impl Copies {
    /// Whether copy 0 or 1 carries the variant.
    pub fn on(self, copy: usize) -> bool {
        self == Self::Both || (self == Self::First) == (copy == 0)
    }

    /// The genotype as VCF writes it.
    pub const fn genotype(self) -> &'static str {
        match self {
            Self::First => "1|0",
            Self::Second => "0|1",
            Self::Both => "1|1",
        }
    }
}

/// A variant of the case.
#[derive(Debug, Clone)]
pub struct Planted {
    /// The change.
    pub change: Change,
    /// The gene and what the change does to it; `None` between genes.
    pub hits: Option<(usize, Effect)>,
    /// Who carries it.
    pub copies: Copies,
    /// Population frequency in parts per million; `None` if it was never seen.
    pub frequency: Option<u32>,
    /// Clinical significance and condition, as ClinVar writes them.
    pub significance: Option<(&'static str, &'static str)>,
    /// The one that explains the disease.
    pub causal: bool,
}

impl Planted {
    /// Whether it replaces one base by another.
    pub fn is_single(&self) -> bool {
        self.change.reference.len() == 1 && self.change.alternate.len() == 1
    }
}

/// Finds a site for every variant of the recipe, in order of position.
///
/// # Errors
/// [`Error::NoSite`] if the genome has no site left for one of them.
pub fn plant(genome: &Genome, seed: u64) -> Result<Vec<Planted>> {
    // One that went first can take the last room of a later one; then all are placed anew.
    let mut outcome = round(genome, seed, 0);
    for again in 1..ROUNDS {
        if outcome.is_ok() {
            break;
        }
        outcome = round(genome, seed, again);
    }
    let mut planted = outcome?;
    planted.sort_by_key(|p| (p.change.contig, p.change.position));
    Ok(planted)
}

fn round(genome: &Genome, seed: u64, round: usize) -> Result<Vec<Planted>> {
    let mut rng = Rng::stream(seed, &format!("variants {round}"));
    let mut planter = Planter { genome, rng: &mut rng, planted: Vec::new() };
    for want in RECIPE {
        let found = planter.find(want).ok_or(Error::NoSite { intent: want.name(), seed })?;
        planter.planted.push(found);
    }
    Ok(planter.planted)
}

struct Planter<'a> {
    genome: &'a Genome,
    rng: &'a mut Rng,
    planted: Vec<Planted>,
}

impl Planter<'_> {
    /// Tries every position where the variant could be, in random order.
    fn find(&mut self, want: &Want) -> Option<Planted> {
        let gene = want.gene.and_then(|place| Some((place, self.genome.genes.get(place)?)));
        let contig = gene.map_or_else(|| self.rng.below(self.genome.contigs.len()), |(_, g)| g.contig);
        let mut positions = self.positions(want, gene, contig);
        self.rng.shuffle(&mut positions);
        for position in positions {
            if !self.is_free(contig, position, want.shape) {
                continue;
            }
            for _ in 0..DRAWS {
                let Some(change) = self.draw(want.shape, contig, position) else { continue };
                let effect = gene.and_then(|(_, g)| effect::of(self.genome.bases(contig), g, &change));
                if effect == want.effect {
                    return Some(self.finish(want, change));
                }
            }
        }
        None
    }

    fn positions(&self, want: &Want, gene: Option<(usize, &Gene)>, contig: usize) -> Vec<usize> {
        let Some((place, gene)) = gene else { return self.between_genes(contig) };
        match want.effect {
            Some(effect) if shifts(effect) => {
                let all = gene.coding_positions();
                let n = all.len();
                all.get(n * 60 / 100..n * 88 / 100).unwrap_or_default().to_vec()
            }
            Some(Effect::StartLost) => gene.coding_positions().into_iter().take(3).collect(),
            Some(Effect::StopLost) => gene.coding_positions().into_iter().rev().take(3).collect(),
            Some(Effect::Missense | Effect::Synonymous) => self.before_shift(place, gene),
            Some(Effect::FivePrimeUtr) => gene.untranslated().0.into_iter().flatten().collect(),
            Some(Effect::ThreePrimeUtr) => gene.untranslated().1.into_iter().flatten().collect(),
            _ => gene.introns().into_iter().flatten().collect(),
        }
    }

    /// The coding positions before a variant that moves or ends the protein's numbering: an
    /// annotator that reads whole haplotypes would describe those after it twice, or as parts of it.
    fn before_shift(&self, place: usize, gene: &Gene) -> Vec<usize> {
        let mut all = gene.coding_positions();
        for planted in self.planted.iter().filter(|p| p.hits.is_some_and(|(g, e)| g == place && shifts(e))) {
            if let Some(end) = all.iter().position(|p| *p == planted.change.position) {
                all.truncate(end);
            }
        }
        all
    }

    fn between_genes(&self, contig: usize) -> Vec<usize> {
        let genes: Vec<Range<usize>> =
            self.genome.genes.iter().filter(|g| g.contig == contig).map(Gene::span).collect();
        let far = |p: &usize| genes.iter().all(|g| *p + EDGE < g.start || *p > g.end + EDGE);
        (EDGE..self.genome.bases(contig).len().saturating_sub(EDGE)).filter(far).collect()
    }

    fn is_free(&self, contig: usize, position: usize, shape: Shape) -> bool {
        let near = |p: &&Planted| p.change.contig == contig && p.change.position.abs_diff(position) < SPACING;
        let reach = if shape == Shape::Single { 3 } else { 20 };
        self.planted.iter().find(near).is_none() && is_plain(self.genome.bases(contig), position, reach)
    }

    /// A change of this shape at this position; `None` if it would not be normalised or could be
    /// written at another position too.
    fn draw(&mut self, shape: Shape, contig: usize, position: usize) -> Option<Change> {
        let bases = self.genome.bases(contig);
        let anchor = *bases.get(position)?;
        let (reference, alternate) = match shape {
            Shape::Single => (vec![anchor], vec![substitute(self.rng, anchor)]),
            Shape::Deletion(length) => {
                let taken = bases.get(position + 1..=position + length)?;
                let after = bases.get(position + length + 1)?;
                if taken.last() == Some(&anchor) || taken.first() == Some(after) {
                    return None;
                }
                (bases.get(position..=position + length)?.to_vec(), vec![anchor])
            }
            Shape::Insertion(length) => {
                let after = bases.get(position + 1)?;
                let put: Vec<u8> = (0..length).map(|_| self.rng.base(50)).collect();
                if put.last() == Some(&anchor) || put.first() == Some(after) {
                    return None;
                }
                (vec![anchor], [vec![anchor], put].concat())
            }
        };
        Some(Change { contig, position, reference, alternate })
    }

    fn finish(&mut self, want: &Want, change: Change) -> Planted {
        let rng = &mut *self.rng;
        let both = want.both.unwrap_or_else(|| rng.chance(350));
        let copies = match (both, rng.chance(500)) {
            (true, _) => Copies::Both,
            (false, true) => Copies::First,
            (false, false) => Copies::Second,
        };
        let (low, high) = want.frequency;
        let frequency = u32::try_from(rng.between(low, high)).ok().filter(|f| *f > 0);
        Planted {
            change,
            hits: want.gene.zip(want.effect),
            copies,
            frequency,
            significance: want.significance,
            causal: want.causal,
        }
    }
}

/// Whether residues after the variant have other numbers, or are not there.
const fn shifts(effect: Effect) -> bool {
    matches!(
        effect,
        Effect::StopGained | Effect::Frameshift | Effect::InframeDeletion | Effect::InframeInsertion
    )
}

/// A transition twice in three times, as in real genomes.
pub fn substitute(rng: &mut Rng, base: u8) -> u8 {
    let (transition, others) = match base {
        b'A' => (b'G', [b'C', b'T']),
        b'G' => (b'A', [b'C', b'T']),
        b'C' => (b'T', [b'A', b'G']),
        _ => (b'C', [b'A', b'G']),
    };
    match rng.below(6) {
        0..=3 => transition,
        4 => others[0],
        _ => others[1],
    }
}

/// Whether within `reach` bases no base stands four times in a row, and no pair or triple three
/// times: alignments there are ambiguous, and those of indels are so from further away.
fn is_plain(bases: &[u8], position: usize, reach: usize) -> bool {
    let window = bases.get(position.saturating_sub(reach)..=position + reach).unwrap_or_default();
    let repeats = |unit: usize, times: usize| {
        window.windows(unit * times).any(|w| w.iter().zip(w.iter().skip(unit)).all(|(a, b)| a == b))
    };
    !(window.is_empty() || repeats(1, 4) || repeats(2, 3) || repeats(3, 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_finds_every_site() {
        for seed in 0..150 {
            let genome = Genome::invent(seed);
            let planted = plant(&genome, seed).unwrap();
            assert_eq!(planted.len(), RECIPE.len());
            assert_eq!(planted.iter().filter(|p| p.causal).count(), 1);
            for pair in planted.windows(2) {
                let (a, b) = (&pair[0].change, &pair[1].change);
                assert!(
                    a.contig != b.contig || a.position + SPACING <= b.position,
                    "seed {seed}: {a:?} {b:?}"
                );
            }
        }
    }

    #[test]
    fn a_repeat_is_not_plain() {
        let plain = b"ACGTTGCAAGCTTAGCATCGGATCTAGGCTTACGATCCAGTTCAGCATGA";
        assert!(is_plain(plain, 20, 20));
        for (at, repeat) in [(15, "AAAA"), (15, "CTCTCT"), (20, "GCAGCAGCA")] {
            let mut bases = plain.to_vec();
            bases[at..at + repeat.len()].copy_from_slice(repeat.as_bytes());
            assert!(!is_plain(&bases, 20, 20), "{repeat}");
        }
    }

    #[test]
    fn indels_have_one_place_only() {
        let genome = Genome::invent(3);
        for planted in plant(&genome, 3).unwrap() {
            let change = planted.change;
            let bases = genome.bases(change.contig);
            let apply = |c: &Change| {
                let after = &bases[c.position + c.reference.len()..];
                [&bases[..c.position], &c.alternate, after].concat()
            };
            if change.reference.len() == change.alternate.len() {
                continue;
            }
            let whole = apply(&change);
            for shift in [-1_isize, 1] {
                let position = change.position.checked_add_signed(shift).unwrap();
                let anchor = bases[position];
                let moved = if change.reference.len() > 1 {
                    let reference = bases[position..position + change.reference.len()].to_vec();
                    Change { position, reference, alternate: vec![anchor], ..change.clone() }
                } else {
                    let put = [&change.alternate[1..], &change.alternate[1..]].concat();
                    let turn =
                        usize::from(shift == 1) + (change.alternate.len() - 2) * usize::from(shift == -1);
                    let alternate = [&[anchor][..], &put[turn..turn + change.alternate.len() - 1]].concat();
                    Change { position, reference: vec![anchor], alternate, ..change.clone() }
                };
                assert_ne!(apply(&moved), whole, "{change:?} can be moved by {shift}");
            }
        }
    }
}
