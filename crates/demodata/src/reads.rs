//! Paired reads from both copies of the genome.
//!
//! 150 bases from each end of fragments of 350 ± 50. Fragments start evenly along each copy, with
//! a random start inside each step, so that no seed leaves a variant uncovered. One fragment in a
//! hundred is shorter than a read, which then runs into the adapter; one in twenty was amplified
//! and is read twice. Qualities take the four values that current sequencers report, worse along
//! the read and worse in the second read, and a base is wrong as often as its quality says.

use crate::gene::reverse_complement;
use crate::genome::Genome;
use crate::plant::Planted;
use crate::rng::Rng;

/// The bases of a read.
pub const READ: usize = 150;
/// In a thousand fragments: how many are read twice.
const DUPLICATED: usize = 50;
/// In a thousand fragments: how many are shorter than a read.
const SHORT: usize = 10;
/// What stands after a short fragment: the standard adapters, as both kits' makers publish them.
const ADAPTERS: [&[u8]; 2] = [
    b"AGATCGGAAGAGCACACGTCTGAACTCCAGTCACGATCCTAGATCTCGTATGCCGTCTTCTGCTTG",
    b"AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGTCATTGCAGGTGTAGATCTCGGTGGTCGCCGTATCATT",
];
/// The sample's index sequences, as they stand in read names.
const INDEX: &str = "GATCCTAG+CTGCAATG";
/// An invented instrument, run and flow cell.
const RUN: &str = "SQSIM01:1:HDEMOSYN0";

/// The FASTQ text of one lane.
pub struct Lane {
    /// First and second reads.
    pub mates: [Vec<u8>; 2],
    /// How many pairs.
    pub pairs: u64,
}

/// Reads `coverage` times each base, in `lanes` parts.
pub fn sequence(genome: &Genome, planted: &[Planted], seed: u64, coverage: u32, lanes: u32) -> Vec<Lane> {
    let mut rng = Rng::stream(seed, "reads");
    let copies = copies(genome, planted);
    let mut fragments = fragments(&copies, &mut rng, usize::try_from(coverage).unwrap_or(0));
    rng.shuffle(&mut fragments);
    let lanes = usize::try_from(lanes).unwrap_or(1).max(1);
    let each = fragments.len().div_ceil(lanes).max(1);
    let mut sequencer = Sequencer { rng, qualities: [qualities(0), qualities(1)] };
    fragments.chunks(each).enumerate().map(|(lane, part)| sequencer.lane(lane + 1, part, &copies)).collect()
}

/// Both copies of each contig, with their variants in.
fn copies(genome: &Genome, planted: &[Planted]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for (place, contig) in genome.contigs.iter().enumerate() {
        for copy in 0..2 {
            let mut bases = Vec::with_capacity(contig.bases.len() + 64);
            let mut read = 0;
            for p in planted.iter().filter(|p| p.change.contig == place && p.copies.on(copy)) {
                bases.extend_from_slice(contig.bases.get(read..p.change.position).unwrap_or_default());
                bases.extend_from_slice(&p.change.alternate);
                read = p.change.position + p.change.reference.len();
            }
            bases.extend_from_slice(contig.bases.get(read..).unwrap_or_default());
            out.push(bases);
        }
    }
    out
}

#[derive(Clone, Copy)]
struct Fragment {
    copy: usize,
    start: usize,
    length: usize,
    turned: bool,
}

fn fragments(copies: &[Vec<u8>], rng: &mut Rng, coverage: usize) -> Vec<Fragment> {
    let mut out = Vec::new();
    for (copy, bases) in copies.iter().enumerate() {
        // Half of the coverage for each copy, and the duplicates are part of it.
        let count = bases.len() * coverage * 1000 / (2 * 2 * READ * (1000 + DUPLICATED));
        for i in 0..count {
            let length = if rng.chance(SHORT) { rng.between(80, READ - 10) } else { usual_length(rng) };
            let room = bases.len().saturating_sub(length);
            let (low, high) = (room * i / count, room * (i + 1) / count);
            let start = low + rng.below(high - low + 1);
            let fragment = Fragment { copy, start, length, turned: rng.chance(500) };
            out.push(fragment);
            if rng.chance(DUPLICATED) {
                out.push(fragment);
            }
        }
    }
    out
}

/// Mean 350, standard deviation 50: the sum of twelve even draws is close to a normal one.
fn usual_length(rng: &mut Rng) -> usize {
    let sum: usize = (0..12).map(|_| rng.below(51)).sum();
    50 + sum
}

/// A quality value, its letter, and how often in 2³² a base of it is wrong: 10^(−Q/10).
#[derive(Clone, Copy)]
struct Quality {
    letter: u8,
    wrong: u64,
}

const BEST: Quality = Quality { letter: b'F', wrong: 856_961 };
const FAIR: Quality = Quality { letter: b':', wrong: 13_581_879 };
const POOR: Quality = Quality { letter: b',', wrong: 341_161_291 };
/// No call at all: the base is `N`.
const NO_CALL: Quality = Quality { letter: b'#', wrong: 0 };

/// For each cycle, up to which of 2¹⁶ draws the quality is fair, poor or none; else it is best.
type Qualities = [[u64; 3]; READ];

fn qualities(mate: usize) -> Qualities {
    let mut table = [[0; 3]; READ];
    for (cycle, row) in (0_u64..).zip(&mut table) {
        // In 2¹⁶; quadratic in the cycle, half as much again in the second read.
        let rise = cycle * cycle * if mate == 0 { 2 } else { 3 } / 2;
        let none = 20;
        let poor = none + 250 + rise / 16;
        let fair = poor + 1_200 + rise / 3;
        *row = [fair, poor, none];
    }
    table
}

struct Sequencer {
    rng: Rng,
    qualities: [Qualities; 2],
}

impl Sequencer {
    fn lane(&mut self, number: usize, fragments: &[Fragment], copies: &[Vec<u8>]) -> Lane {
        let mut lane = Lane { mates: [Vec::new(), Vec::new()], pairs: 0 };
        let tiles = fragments.len().div_ceil(16).max(1);
        for (i, fragment) in fragments.iter().enumerate() {
            let tile = 1101 + i / tiles;
            let (x, y) = (1_000 + self.rng.below(31_000), 1_000 + (i % tiles) * 36_000 / tiles);
            let bases = copies
                .get(fragment.copy)
                .and_then(|c| c.get(fragment.start..fragment.start + fragment.length))
                .unwrap_or_default();
            let other = reverse_complement(bases);
            let ends = if fragment.turned { [&other[..], bases] } else { [bases, &other[..]] };
            for (mate, (text, insert)) in lane.mates.iter_mut().zip(ends).enumerate() {
                let name = format!("@{RUN}:{number}:{tile}:{x}:{y} {}:N:0:{INDEX}\n", mate + 1);
                text.extend_from_slice(name.as_bytes());
                self.read(mate, insert, text);
            }
            lane.pairs += 1;
        }
        lane
    }

    fn read(&mut self, mate: usize, insert: &[u8], text: &mut Vec<u8>) {
        let adapter = ADAPTERS.get(mate).copied().unwrap_or_default();
        // Past the adapter there is nothing, which two-colour sequencers read as G.
        let template = insert.iter().chain(adapter).copied().chain(std::iter::repeat(b'G'));
        let mut letters = [0_u8; READ];
        let table = self.qualities.get(mate).into_iter().flatten();
        for ((base, letter), row) in template.zip(&mut letters).zip(table) {
            let draw = self.rng.next();
            let quality = match draw & 0xffff {
                d if d < row[2] => NO_CALL,
                d if d < row[1] => POOR,
                d if d < row[0] => FAIR,
                _ => BEST,
            };
            *letter = quality.letter;
            text.push(match quality.letter {
                b'#' => b'N',
                _ if draw >> 32 < quality.wrong => another(base, (draw >> 16) & 0xffff),
                _ => base,
            });
        }
        text.extend_from_slice(b"\n+\n");
        text.extend_from_slice(&letters);
        text.push(b'\n');
    }
}

/// One of the three other bases.
fn another(base: u8, draw: u64) -> u8 {
    let place = usize::try_from((draw * 3) >> 16).unwrap_or(0);
    b"ACGT".iter().copied().filter(|b| *b != base).nth(place).unwrap_or(b'N')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plant::plant;

    fn lanes(coverage: u32, lanes: u32) -> Vec<Lane> {
        let genome = Genome::invent(5);
        sequence(&genome, &plant(&genome, 5).unwrap(), 5, coverage, lanes)
    }

    fn records(text: &[u8]) -> Vec<[&str; 4]> {
        let lines: Vec<&str> = std::str::from_utf8(text).unwrap().lines().collect();
        lines.chunks(4).map(|c| [c[0], c[1], c[2], c[3]]).collect()
    }

    #[test]
    fn coverage_and_shape_are_as_asked() {
        let made = lanes(10, 3);
        assert_eq!(made.len(), 3);
        let pairs: u64 = made.iter().map(|l| l.pairs).sum();
        let depth = pairs * 300 * 10 / 300_000;
        assert!((95..=105).contains(&depth), "ten times the coverage is {depth}");
        for lane in &made {
            let (first, second) = (records(&lane.mates[0]), records(&lane.mates[1]));
            assert_eq!(u64::try_from(first.len()).unwrap(), lane.pairs);
            for (a, b) in first.iter().zip(&second) {
                assert_eq!(a[0].split(' ').next(), b[0].split(' ').next());
                assert!([a, b].iter().all(|r| r[1].len() == READ && r[3].len() == READ && r[2] == "+"));
            }
        }
    }

    #[test]
    fn duplicates_and_adapters_are_there_in_their_share() {
        let made = lanes(10, 1);
        let pairs = usize::try_from(made[0].pairs).unwrap();
        let short = records(&made[0].mates[0]).iter().filter(|r| r[1].contains("AGATCGGAAGAGC")).count();
        assert!((pairs * 6 / 1000..pairs * 14 / 1000).contains(&short), "{short} of {pairs}");
    }

    /// Reads the first mates of an unchanged genome without duplicates back by their exact ends.
    #[test]
    fn a_base_is_wrong_as_often_as_its_quality_says() {
        let mut sequencer =
            Sequencer { rng: Rng::stream(1, "test"), qualities: [qualities(0), qualities(1)] };
        let insert: Vec<u8> = (0..READ).map(|_| sequencer.rng.base(50)).collect();
        let mut text = Vec::new();
        for i in 0..40_000 {
            text.extend_from_slice(b"@\n");
            sequencer.read(i % 2, &insert, &mut text);
        }
        for (letter, rate) in [('F', 0.000_2), (':', 0.003_16), (',', 0.079_4)] {
            let (mut all, mut wrong) = (0_u32, 0_u32);
            for record in records(&text) {
                for ((base, quality), truth) in record[1].bytes().zip(record[3].chars()).zip(&insert) {
                    all += u32::from(quality == letter);
                    wrong += u32::from(quality == letter && base != *truth);
                }
            }
            let found = f64::from(wrong) / f64::from(all);
            assert!((found / rate - 1.0).abs() < 0.12, "{letter}: {found} for {rate}");
        }
        let early = records(&text).iter().filter(|r| !r[3].starts_with('F')).count();
        let late = records(&text).iter().filter(|r| !r[3].ends_with('F')).count();
        assert!(late > 4 * early, "{early} at the start, {late} at the end");
    }
}
