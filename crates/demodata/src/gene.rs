//! Gene models and the genetic code.

use std::ops::Range;

/// Which strand a gene is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strand {
    /// As the reference is written.
    Forward,
    /// The reverse complement of the reference.
    Reverse,
}

/// A protein-coding gene with one transcript. Positions count from 0 on the contig; ranges are
/// half open and ascending whatever the strand.
#[derive(Debug, Clone)]
pub struct Gene {
    /// An invented symbol.
    pub symbol: &'static str,
    /// The number in the invented accessions.
    pub number: usize,
    /// The contig's place in the genome.
    pub contig: usize,
    /// The strand.
    pub strand: Strand,
    /// The exons.
    pub exons: Vec<Range<usize>>,
    /// From the first to the last coding base, the stop codon included, introns between them too.
    pub cds: Range<usize>,
}

impl Gene {
    /// From the first to the last base of the transcript.
    pub fn span(&self) -> Range<usize> {
        let start = self.exons.first().map_or(0, |e| e.start);
        start..self.exons.last().map_or(start, |e| e.end)
    }

    /// The introns.
    pub fn introns(&self) -> Vec<Range<usize>> {
        self.exons.iter().zip(self.exons.iter().skip(1)).map(|(left, right)| left.end..right.start).collect()
    }

    /// The coding parts of the exons.
    pub fn coding(&self) -> Vec<Range<usize>> {
        self.clip(self.cds.clone())
    }

    /// The parts of the exons that lie in `within`.
    pub fn clip(&self, within: Range<usize>) -> Vec<Range<usize>> {
        self.exons
            .iter()
            .map(|e| e.start.max(within.start)..e.end.min(within.end))
            .filter(|part| part.start < part.end)
            .collect()
    }

    /// The coding positions in the order in which they are translated.
    pub fn coding_positions(&self) -> Vec<usize> {
        let mut positions: Vec<usize> = self.coding().into_iter().flatten().collect();
        if self.strand == Strand::Reverse {
            positions.reverse();
        }
        positions
    }

    /// The untranslated parts of the exons: those before the start codon, then those after the stop.
    pub fn untranslated(&self) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
        let span = self.span();
        let left = self.clip(span.start..self.cds.start);
        let right = self.clip(self.cds.end..span.end);
        match self.strand {
            Strand::Forward => (left, right),
            Strand::Reverse => (right, left),
        }
    }

    /// The transcript's accession.
    pub fn transcript(&self) -> String {
        format!("SEQT{:011}", self.number)
    }

    /// The gene's accession.
    pub fn accession(&self) -> String {
        format!("SEQG{:011}", self.number)
    }
}

/// The messenger of `exons` on `contig`, read from `strand`.
pub fn messenger(contig: &[u8], exons: &[Range<usize>], strand: Strand) -> Vec<u8> {
    let mut bases = Vec::new();
    for exon in exons {
        bases.extend_from_slice(contig.get(exon.clone()).unwrap_or_default());
    }
    match strand {
        Strand::Forward => bases,
        Strand::Reverse => reverse_complement(&bases),
    }
}

/// What a reading frame says.
#[derive(Debug, PartialEq, Eq)]
pub struct Protein {
    /// The residues up to the stop, in one-letter code.
    pub residues: Vec<u8>,
    /// How many bases were read, the stop codon included; `None` if there was no stop.
    pub stop: Option<usize>,
}

/// Translates from the first base to the first stop in frame.
pub fn translate(bases: &[u8]) -> Protein {
    let mut residues = Vec::new();
    for (i, codon) in bases.chunks_exact(3).enumerate() {
        match residue(codon) {
            b'*' => return Protein { residues, stop: Some(3 * i + 3) },
            letter => residues.push(letter),
        }
    }
    Protein { residues, stop: None }
}

/// The residue of a codon in the standard code, `*` for a stop, `X` for what is no codon.
pub fn residue(codon: &[u8]) -> u8 {
    const CODE: &[u8; 64] = b"FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG";
    let digit = |base: &u8| b"TCAG".iter().position(|b| b == base);
    let place = codon.iter().try_fold(0, |sum, base| Some(4 * sum + digit(base)?));
    place.and_then(|p| CODE.get(p)).copied().unwrap_or(b'X')
}

/// The other strand's base.
pub const fn complement(base: u8) -> u8 {
    match base {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        b'T' => b'A',
        other => other,
    }
}

/// The other strand, in its own direction.
pub fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    bases.iter().rev().map(|b| complement(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_standard_one() {
        for (codon, want) in
            [("ATG", 'M'), ("TGG", 'W'), ("TAA", '*'), ("TAG", '*'), ("TGA", '*'), ("AAA", 'K')]
        {
            assert_eq!(char::from(residue(codon.as_bytes())), want, "{codon}");
        }
        for (codon, want) in
            [("GCT", 'A'), ("CGA", 'R'), ("AGC", 'S'), ("ATA", 'I'), ("GGG", 'G'), ("NAA", 'X')]
        {
            assert_eq!(char::from(residue(codon.as_bytes())), want, "{codon}");
        }
        let stops = (0..64).filter(|i| {
            let base = |n: usize| b"ACGT"[n % 4];
            residue(&[base(i / 16), base(i / 4), base(*i)]) == b'*'
        });
        assert_eq!(stops.count(), 3);
    }

    #[test]
    fn a_frame_ends_at_its_stop() {
        assert_eq!(translate(b"ATGAAATAGCCC"), Protein { residues: b"MK".to_vec(), stop: Some(9) });
        assert_eq!(translate(b"ATGAAAC"), Protein { residues: b"MK".to_vec(), stop: None });
    }

    #[test]
    fn a_messenger_is_spliced_and_turned() {
        let contig = b"AACCGGTTAC";
        assert_eq!(messenger(contig, &[0..2, 4..6], Strand::Forward), b"AAGG");
        assert_eq!(messenger(contig, &[0..2, 4..6], Strand::Reverse), b"CCTT");
    }
}
