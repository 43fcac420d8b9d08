//! An invented genome: random sequence with genes put into it.

use crate::gene::{Gene, Strand, residue, reverse_complement};
use crate::rng::Rng;
use std::ops::Range;

/// A sequence with its name.
pub struct Contig {
    /// The name, as in the FASTA file.
    pub name: &'static str,
    /// The bases, upper case.
    pub bases: Vec<u8>,
}

/// Contigs and the genes on them.
pub struct Genome {
    /// In the order of the FASTA file.
    pub contigs: Vec<Contig>,
    /// By contig and position.
    pub genes: Vec<Gene>,
}

/// Names, lengths and the number of genes; together 300,000 bases.
const CONTIGS: [(&str, usize, usize); 3] = [("syn1", 115_000, 3), ("syn2", 105_000, 3), ("syn3", 80_000, 2)];
/// Symbols that stand for no gene of any species.
const SYMBOLS: [&str; 8] = ["BRALQ1", "CEVTO2", "DYNQA", "FOLZ3", "GRUMV1", "HAXIP", "JOVEL2", "KYRTN"];
/// No base stands more often in a row: longer runs are where callers and sequencers err.
const LONGEST_RUN: usize = 5;
/// How far genes stay from one another's room and from the ends of a contig.
const MARGIN: usize = 3_000;

impl Genome {
    /// The genome of `seed`.
    pub fn invent(seed: u64) -> Self {
        let mut rng = Rng::stream(seed, "genome");
        let mut genome = Self { contigs: Vec::new(), genes: Vec::new() };
        let mut symbols = SYMBOLS.iter().enumerate();
        for (place, (name, length, count)) in CONTIGS.into_iter().enumerate() {
            let mut bases = background(&mut rng, length);
            let room = length / count;
            for (slot, (number, symbol)) in symbols.by_ref().take(count).enumerate() {
                let draft = Draft::invent(&mut rng, number % 2 == 1);
                let free = room.saturating_sub(draft.bases.len() + 2 * MARGIN);
                let start = slot * room + MARGIN + rng.below(free);
                let strand = if number % 2 == 0 { Strand::Forward } else { Strand::Reverse };
                genome.genes.push(draft.place(&mut bases, start, strand, (place, number + 1, symbol)));
            }
            genome.contigs.push(Contig { name, bases });
        }
        genome
    }

    /// The bases of a contig.
    pub fn bases(&self, contig: usize) -> &[u8] {
        self.contigs.get(contig).map_or(&[], |c| &c.bases)
    }
}

fn background(rng: &mut Rng, length: usize) -> Vec<u8> {
    let mut bases = Vec::with_capacity(length);
    while bases.len() < length {
        let gc = rng.between(36, 47);
        for _ in 0..500.min(length - bases.len()) {
            push(&mut bases, rng, gc);
        }
    }
    bases
}

fn push(bases: &mut Vec<u8>, rng: &mut Rng, gc: usize) {
    loop {
        let base = rng.base(gc);
        if run_after(bases, base) <= LONGEST_RUN {
            bases.push(base);
            return;
        }
    }
}

/// How many times `base` would stand in a row at the end.
fn run_after(bases: &[u8], base: u8) -> usize {
    1 + bases.iter().rev().take_while(|b| **b == base).count()
}

/// A gene in its own direction, before it has a place.
struct Draft {
    bases: Vec<u8>,
    exons: Vec<Range<usize>>,
    cds: Range<usize>,
}

impl Draft {
    /// Five to eight coding exons; with `leader`, an untranslated one before them.
    fn invent(rng: &mut Rng, leader: bool) -> Self {
        let count = rng.between(5, 8);
        let mut lengths: Vec<usize> = (0..count).map(|_| rng.between(120, 230)).collect();
        let total: usize = lengths.iter().sum();
        if let Some(last) = lengths.last_mut() {
            *last += (3 - total % 3) % 3;
        }
        let frame = reading_frame(rng, lengths.iter().sum());
        let mut draft = Self { bases: Vec::new(), exons: Vec::new(), cds: 0..0 };
        if leader {
            draft.random(rng, 90, 160, 55);
            draft.exons.push(0..draft.bases.len());
            draft.intron(rng);
        }
        let mut read = 0;
        for (i, length) in lengths.iter().enumerate() {
            let start = draft.bases.len();
            if i == 0 {
                draft.random(rng, 130, 260, 55);
                draft.bases.extend_from_slice(b"GCCACC");
                draft.cds.start = draft.bases.len();
            } else {
                draft.intron(rng);
            }
            let start = if i == 0 { start } else { draft.bases.len() };
            draft.bases.extend_from_slice(frame.get(read..read + length).unwrap_or_default());
            read += length;
            if i + 1 == count {
                draft.cds.end = draft.bases.len();
                draft.random(rng, 350, 700, 42);
            }
            draft.exons.push(start..draft.bases.len());
        }
        draft
    }

    fn random(&mut self, rng: &mut Rng, low: usize, high: usize, gc: usize) {
        for _ in 0..rng.between(low, high) {
            push(&mut self.bases, rng, gc);
        }
    }

    /// `GT` to `AG`, with the usual bases around both.
    fn intron(&mut self, rng: &mut Rng) {
        self.bases.extend_from_slice(if rng.chance(600) { b"GTAAGT" } else { b"GTGAGT" });
        self.random(rng, 350, 1500, 40);
        for _ in 0..12 {
            let base = if self.bases.ends_with(b"TTT") || (!self.bases.ends_with(b"CCC") && rng.chance(450)) {
                b'C'
            } else {
                b'T'
            };
            self.bases.push(base);
        }
        self.bases.extend_from_slice(b"ACAG");
    }

    fn place(
        self,
        contig: &mut [u8],
        start: usize,
        strand: Strand,
        name: (usize, usize, &'static str),
    ) -> Gene {
        let length = self.bases.len();
        let turn = |r: &Range<usize>| match strand {
            Strand::Forward => start + r.start..start + r.end,
            Strand::Reverse => start + length - r.end..start + length - r.start,
        };
        let mut exons: Vec<Range<usize>> = self.exons.iter().map(turn).collect();
        exons.sort_by_key(|e| e.start);
        let cds = turn(&self.cds);
        let bases = if strand == Strand::Forward { self.bases } else { reverse_complement(&self.bases) };
        for (to, from) in contig.iter_mut().skip(start).zip(bases) {
            *to = from;
        }
        let (contig, number, symbol) = name;
        Gene { symbol, number, contig, strand, exons, cds }
    }
}

/// A start codon, sense codons and a stop codon, `length` bases in all.
fn reading_frame(rng: &mut Rng, length: usize) -> Vec<u8> {
    let mut frame = b"ATG".to_vec();
    while frame.len() + 3 < length {
        let mark = frame.len();
        for _ in 0..3 {
            push(&mut frame, rng, 52);
        }
        if frame.get(mark..).is_none_or(|codon| residue(codon) == b'*') {
            frame.truncate(mark);
        }
    }
    frame.extend_from_slice(match rng.below(3) {
        0 => b"TAA",
        1 => b"TAG",
        _ => b"TGA",
    });
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gene::{messenger, translate};

    #[test]
    fn every_gene_reads_from_start_to_stop() {
        for seed in 0..20 {
            let genome = Genome::invent(seed);
            assert_eq!(genome.genes.len(), SYMBOLS.len());
            for gene in &genome.genes {
                let contig = genome.bases(gene.contig);
                let frame = messenger(contig, &gene.coding(), gene.strand);
                let protein = translate(&frame);
                assert_eq!(protein.stop, Some(frame.len()), "{} on {seed}", gene.symbol);
                assert_eq!(protein.residues.first(), Some(&b'M'));
                for intron in gene.introns() {
                    let bases = messenger(contig, &[intron], gene.strand);
                    assert!(bases.starts_with(b"GT") && bases.ends_with(b"AG"), "{} on {seed}", gene.symbol);
                }
            }
        }
    }

    #[test]
    fn genes_keep_apart_on_both_strands_and_sequence_is_plain() {
        let genome = Genome::invent(7);
        for pair in genome.genes.windows(2) {
            let apart =
                pair[0].contig != pair[1].contig || pair[0].span().end + MARGIN <= pair[1].span().start;
            assert!(apart, "{} and {}", pair[0].symbol, pair[1].symbol);
            assert_ne!(pair[0].strand, pair[1].strand);
        }
        for contig in &genome.contigs {
            let strong = contig.bases.iter().filter(|b| b"GC".contains(b)).count() * 100 / contig.bases.len();
            assert!((38..=48).contains(&strong), "{} has {strong} % G and C", contig.name);
        }
    }
}
