//! What a change does to a transcript, found by making the change and translating again.
//!
//! This is deliberately a second opinion: it knows nothing of the annotator whose answers are
//! compared with it. Names are those that `bcftools csq` prints; distances are the Sequence
//! Ontology's (two bases of a splice site, three exonic and eight intronic of a splice region).

use crate::gene::{Gene, Strand, messenger, translate};
use std::ops::Range;

/// A change of the reference, normalised as VCF wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The contig's place in the genome.
    pub contig: usize,
    /// The first base of `reference`, counted from 0.
    pub position: usize,
    /// The bases replaced; more than one for a deletion.
    pub reference: Vec<u8>,
    /// The bases put in; more than one for an insertion.
    pub alternate: Vec<u8>,
}

impl Change {
    /// The bases that the change touches: itself, what is deleted, or both neighbours of what is
    /// inserted.
    pub fn touched(&self) -> Range<usize> {
        match (self.reference.len(), self.alternate.len()) {
            (1, 1) => self.position..self.position + 1,
            (1, _) => self.position..self.position + 2,
            (deleted, _) => self.position + 1..self.position + deleted,
        }
    }
}

/// A consequence for a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// A residue becomes the end.
    StopGained,
    /// The frame is lost.
    Frameshift,
    /// One of the first two bases of an intron.
    SpliceDonor,
    /// One of the last two bases of an intron.
    SpliceAcceptor,
    /// The start codon is none any more.
    StartLost,
    /// The end becomes a residue.
    StopLost,
    /// Whole residues are put in.
    InframeInsertion,
    /// Whole residues are taken out.
    InframeDeletion,
    /// Another residue.
    Missense,
    /// A base from the third to the eighth of an intron, from either end.
    SpliceRegion,
    /// Another codon for the same residue.
    Synonymous,
    /// Before the start codon.
    FivePrimeUtr,
    /// After the stop codon.
    ThreePrimeUtr,
    /// Elsewhere in an intron.
    Intron,
    /// Several of these at once, or none of them: never planted.
    Mixed,
}

impl Effect {
    /// The name that `bcftools csq` gives.
    pub const fn term(self) -> &'static str {
        match self {
            Self::StopGained => "stop_gained",
            Self::Frameshift => "frameshift",
            Self::SpliceDonor => "splice_donor",
            Self::SpliceAcceptor => "splice_acceptor",
            Self::StartLost => "start_lost",
            Self::StopLost => "stop_lost",
            Self::InframeInsertion => "inframe_insertion",
            Self::InframeDeletion => "inframe_deletion",
            Self::Missense => "missense",
            Self::SpliceRegion => "splice_region",
            Self::Synonymous => "synonymous",
            Self::FivePrimeUtr => "5_prime_utr",
            Self::ThreePrimeUtr => "3_prime_utr",
            Self::Intron => "intron",
            Self::Mixed => "mixed",
        }
    }
}

/// What `change` does to `gene` on its `contig`; `None` if it lies outside.
pub fn of(contig: &[u8], gene: &Gene, change: &Change) -> Option<Effect> {
    let (span, touched) = (gene.span(), change.touched());
    if change.contig != gene.contig || touched.end <= span.start || touched.start >= span.end {
        return None;
    }
    let effect = near_splice_site(gene, &touched).unwrap_or_else(|| {
        if gene.introns().iter().any(|i| holds(i, &touched)) {
            Effect::Intron
        } else if holds(&gene.cds, &touched) {
            coding(contig, gene, change)
        } else {
            untranslated(gene, &touched)
        }
    });
    Some(effect)
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn near_splice_site(gene: &Gene, touched: &Range<usize>) -> Option<Effect> {
    let meets = |zone: Range<usize>| touched.start < zone.end && touched.end > zone.start;
    gene.introns().into_iter().find_map(|intron| {
        let (a, b) = (intron.start, intron.end);
        if !meets(a - 3..a + 8) && !meets(b - 8..b + 3) {
            return None;
        }
        // What is longer than a base, or also touches the exon, has more than one consequence.
        if touched.len() > 1 || !intron.contains(&touched.start) {
            return Some(Effect::Mixed);
        }
        Some(match touched.start {
            p if p < a + 2 => site(gene, true),
            p if p >= b - 2 => site(gene, false),
            _ => Effect::SpliceRegion,
        })
    })
}

/// The splice site at the left or right end of an intron.
fn site(gene: &Gene, left: bool) -> Effect {
    if left == (gene.strand == Strand::Forward) { Effect::SpliceDonor } else { Effect::SpliceAcceptor }
}

fn untranslated(gene: &Gene, touched: &Range<usize>) -> Effect {
    let (before, after) = gene.untranslated();
    if before.iter().any(|part| holds(part, touched)) {
        Effect::FivePrimeUtr
    } else if after.iter().any(|part| holds(part, touched)) {
        Effect::ThreePrimeUtr
    } else {
        Effect::Mixed
    }
}

/// The effect of a change inside one exon's coding part, away from its ends.
fn coding(contig: &[u8], gene: &Gene, change: &Change) -> Effect {
    let (before, after) = gene.untranslated();
    let lead: usize = before.iter().map(ExactSizeIterator::len).sum();
    let tail: usize = after.iter().map(ExactSizeIterator::len).sum();
    let old = messenger(contig, &gene.exons, gene.strand);
    let new = changed_messenger(contig, gene, change);
    let (Some(old), Some(new)) = (old.get(lead..), new.get(lead..)) else { return Effect::Mixed };
    let (was, is) = (translate(old), translate(new));
    let Some(stop) = is.stop else { return Effect::Mixed };
    let single = change.touched().len() == 1 && change.alternate.len() == 1;
    if !new.starts_with(b"ATG") {
        return if single { Effect::StartLost } else { Effect::Mixed };
    }
    if new.len() % 3 != old.len() % 3 {
        return if stop + tail < new.len() { Effect::Frameshift } else { Effect::Mixed };
    }
    let (a, b) = (&was.residues, &is.residues);
    let (taken, put) = (change.reference.len() - 1, change.alternate.len() - 1);
    if taken > put {
        return if removed(a, b, taken / 3) { Effect::InframeDeletion } else { Effect::Mixed };
    }
    if put > taken {
        return if removed(b, a, put / 3) { Effect::InframeInsertion } else { Effect::Mixed };
    }
    let differ = a.iter().zip(b).filter(|(x, y)| x != y).count();
    match (a.len().cmp(&b.len()), differ) {
        // A stop codon that became another one is retained, not synonymous.
        (std::cmp::Ordering::Equal, 0) if stop_codon(old, was.stop) == stop_codon(new, is.stop) => {
            Effect::Synonymous
        }
        (std::cmp::Ordering::Equal, 1) => Effect::Missense,
        (std::cmp::Ordering::Greater, 0) => Effect::StopGained,
        (std::cmp::Ordering::Less, 0) => Effect::StopLost,
        _ => Effect::Mixed,
    }
}

fn stop_codon(bases: &[u8], stop: Option<usize>) -> Option<&[u8]> {
    let end = stop?;
    bases.get(end.checked_sub(3)?..end)
}

/// Whether `short` is `long` without one run of `count` residues.
fn removed(long: &[u8], short: &[u8], count: usize) -> bool {
    let head = long.iter().zip(short).take_while(|(x, y)| x == y).count();
    let tail = long.iter().rev().zip(short.iter().rev()).take_while(|(x, y)| x == y).count();
    short.len() + count == long.len() && head + tail >= short.len()
}

/// The messenger with the change in it, which must lie inside one exon.
fn changed_messenger(contig: &[u8], gene: &Gene, change: &Change) -> Vec<u8> {
    let mut bases = Vec::new();
    for exon in &gene.exons {
        let part = contig.get(exon.clone()).unwrap_or_default();
        if !exon.contains(&change.position) {
            bases.extend_from_slice(part);
            continue;
        }
        let at = change.position - exon.start;
        bases.extend_from_slice(part.get(..at).unwrap_or_default());
        bases.extend_from_slice(&change.alternate);
        bases.extend_from_slice(part.get(at + change.reference.len()..).unwrap_or_default());
    }
    match gene.strand {
        Strand::Forward => bases,
        Strand::Reverse => crate::gene::reverse_complement(&bases),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty bases of intron between `GT` and `AG`, between two exons with a short reading frame.
    const LEFT: &str = "CCCCCATGAAATGGCTGCA";
    const INTRON: &str = "GTAAGTCCCCCCCCCCCCCCCCAG";
    const RIGHT: &str = "AGATCTTTTGAACAAAGTCTAGCCCTGACC";

    fn contig() -> Vec<u8> {
        [LEFT, INTRON, RIGHT].concat().into_bytes()
    }

    fn gene() -> Gene {
        let (a, b) = (LEFT.len(), LEFT.len() + INTRON.len());
        // M K W L Q D L L N K V stop: the frame runs over the intron.
        Gene {
            symbol: "T",
            number: 1,
            contig: 0,
            strand: Strand::Forward,
            exons: vec![0..a, b..b + RIGHT.len()],
            cds: 5..b + 22,
        }
    }

    fn effect(position: usize, reference: &str, alternate: &str) -> Option<Effect> {
        let (contig, gene) = (contig(), gene());
        let change = Change {
            contig: 0,
            position,
            reference: reference.as_bytes().to_vec(),
            alternate: alternate.as_bytes().to_vec(),
        };
        assert_eq!(&contig[position..position + reference.len()], reference.as_bytes());
        let forward = of(&contig, &gene, &change);
        assert_eq!(forward, mirrored(&contig, &gene, &change), "the other strand disagrees");
        forward
    }

    /// The same question asked of the reverse complement. Indels would have to be anchored on
    /// their other side, so only single bases are turned.
    fn mirrored(contig: &[u8], gene: &Gene, change: &Change) -> Option<Effect> {
        if change.reference.len() + change.alternate.len() > 2 {
            return of(contig, gene, change);
        }
        let n = contig.len();
        let turn = |r: &Range<usize>| n - r.end..n - r.start;
        let gene = Gene {
            strand: Strand::Reverse,
            exons: gene.exons.iter().rev().map(turn).collect(),
            cds: turn(&gene.cds),
            ..gene.clone()
        };
        let change = Change {
            contig: 0,
            position: n - 1 - change.position,
            reference: crate::gene::reverse_complement(&change.reference),
            alternate: crate::gene::reverse_complement(&change.alternate),
        };
        of(&crate::gene::reverse_complement(contig), &gene, &change)
    }

    #[test]
    fn single_bases() {
        let b = LEFT.len() + INTRON.len();
        let frame = translate(&messenger(&contig(), &gene().exons, Strand::Forward)[5..]);
        assert_eq!(frame.residues, b"MKWLQDLLNKV", "the fixture's frame");
        for (position, reference, alternate, want) in [
            (2, "C", "A", Effect::FivePrimeUtr),
            (5, "A", "C", Effect::StartLost),
            (10, "A", "G", Effect::Synonymous),
            (13, "G", "A", Effect::StopGained),
            (11, "T", "A", Effect::Missense),
            (18, "A", "C", Effect::Mixed),
            (LEFT.len(), "G", "A", Effect::SpliceDonor),
            (LEFT.len() + 1, "T", "C", Effect::SpliceDonor),
            (LEFT.len() + 4, "G", "A", Effect::SpliceRegion),
            (LEFT.len() + 8, "C", "A", Effect::Intron),
            (b - 1, "G", "A", Effect::SpliceAcceptor),
            (b - 2, "A", "C", Effect::SpliceAcceptor),
            (b - 3, "C", "A", Effect::SpliceRegion),
            (b, "A", "C", Effect::Mixed),
            (b + 19, "T", "C", Effect::StopLost),
            (b + 21, "G", "A", Effect::Mixed),
            (b + 24, "C", "A", Effect::ThreePrimeUtr),
        ] {
            assert_eq!(
                effect(position, reference, alternate),
                Some(want),
                "{position}{reference}>{alternate}"
            );
        }
    }

    #[test]
    fn insertions_and_deletions() {
        for (position, reference, alternate, want) in [
            (10, "ATGG", "A", Effect::InframeDeletion),
            (10, "A", "ATTT", Effect::InframeInsertion),
            (10, "AT", "A", Effect::Frameshift),
            // No stop in the new frame before the old one's place.
            (7, "G", "GA", Effect::Mixed),
            (13, "GCTG", "G", Effect::Mixed),
            // Two codons become a stop.
            (11, "TGGC", "T", Effect::InframeDeletion),
            (11, "T", "TAGT", Effect::Mixed),
            (1, "CC", "C", Effect::FivePrimeUtr),
        ] {
            assert_eq!(
                effect(position, reference, alternate),
                Some(want),
                "{position}{reference}>{alternate}"
            );
        }
    }
}
