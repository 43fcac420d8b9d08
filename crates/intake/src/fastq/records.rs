//! The shape of FASTQ records, line by line.

use base::Blake3;
use serde::{Deserialize, Serialize};

use super::{
    FastqFault,
    verdict::{BLOCK_READS, BlockDigests, Mate, Verdict, Warning},
};
use crate::{
    gzip::{Wrapped, Wrapping},
    limits::Limits,
};

/// Longest read name: what BAM can hold.
const MAX_NAME: usize = 254;

/// What is wrong with a record. It never quotes a name; a single byte of sequence or quality is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum RecordFault {
    /// The name line does not start with `@`.
    #[error("the name line does not start with @")]
    NoAt,
    /// The name is empty.
    #[error("the read has no name")]
    NoName,
    /// The name is longer than BAM allows.
    #[error("the name is longer than 254 characters")]
    LongName,
    /// The name or its comment holds control characters or bytes beyond ASCII.
    #[error("the name line holds a byte that is not printable ASCII")]
    NameByte,
    /// The sequence holds a character that is no IUPAC nucleotide code.
    #[error("base `{}` is no nucleotide code", .byte.escape_ascii())]
    Base {
        /// The byte found.
        byte: u8,
    },
    /// The third line does not start with `+`.
    #[error("separator is not +")]
    NoPlus,
    /// The third line repeats a name, and it is another one.
    #[error("the separator repeats another name than the read's")]
    OtherName,
    /// Quality and sequence differ in length.
    #[error("quality has {quality} characters, the sequence {sequence}")]
    QualityLength {
        /// Characters of the quality line.
        quality: u64,
        /// Bases of the sequence line.
        sequence: u64,
    },
    /// A quality character outside `!` to `~`.
    #[error("quality byte 0x{byte:02x} lies outside ! to ~")]
    QualityByte {
        /// The byte found.
        byte: u8,
    },
    /// A line longer than the cap.
    #[error("the line is longer than {limit} bytes")]
    LongLine {
        /// The cap in bytes.
        limit: u64,
    },
    /// The text ends inside a record.
    #[error("the file ends inside the record")]
    Incomplete,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Name,
    Bases,
    Plus,
    Quality,
}

pub(super) struct Records {
    max_line: usize,
    max_header: usize,
    expect: Line,
    /// The start of a line whose end has not come yet.
    carry: Vec<u8>,
    header: Vec<u8>,
    length: usize,
    reads: u64,
    bases: u64,
    quality_sum: u64,
    min_length: u64,
    max_length: u64,
    line: u64,
    dos: bool,
    mate: Mate,
    /// Names since the last block border: hashing many at once lets BLAKE3 work in parallel lanes.
    names: Vec<u8>,
    block_reads: u64,
    name_hash: blake3::Hasher,
    blocks: Vec<u64>,
    text_hash: Option<blake3::Hasher>,
    screened: screen::ReadNames,
}

impl Records {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            max_line: limits.max_line_bytes,
            max_header: limits.max_header_bytes,
            expect: Line::Name,
            carry: Vec::new(),
            header: Vec::new(),
            length: 0,
            reads: 0,
            bases: 0,
            quality_sum: 0,
            min_length: u64::MAX,
            max_length: 0,
            line: 1,
            dos: false,
            mate: Mate::Unsaid,
            names: Vec::new(),
            block_reads: 0,
            name_hash: blake3::Hasher::new(),
            blocks: Vec::new(),
            text_hash: limits.plain_digest.then(blake3::Hasher::new),
            screened: screen::ReadNames::default(),
        }
    }

    pub(super) fn feed(&mut self, mut text: &[u8]) -> Result<(), FastqFault> {
        if let Some(hash) = &mut self.text_hash {
            hash.update(text);
        }
        while let Some(end) = memchr::memchr(b'\n', text) {
            let (head, tail) = text.split_at(end);
            text = tail.get(1..).unwrap_or_default();
            if self.carry.is_empty() {
                self.take(head)?;
            } else {
                self.hold(head)?;
                let whole = std::mem::take(&mut self.carry);
                self.take(&whole)?;
                self.carry = whole;
                self.carry.clear();
            }
            self.line += 1;
        }
        self.hold(text)
    }

    pub(super) fn finish(mut self, wrapped: Wrapped) -> Result<Verdict, FastqFault> {
        if !self.carry.is_empty() {
            // The last line may lack its line feed.
            let whole = std::mem::take(&mut self.carry);
            self.take(&whole)?;
        } else if self.expect == Line::Quality && self.length == 0 {
            // A read of no bases whose empty quality line has no line feed is still whole.
            self.take(&[])?;
        }
        if self.expect != Line::Name {
            return Err(self.fault(RecordFault::Incomplete));
        }
        self.close_block();
        let mut warnings = Vec::new();
        if self.reads == 0 {
            warnings.push(Warning::NoReads);
        }
        if self.dos {
            warnings.push(Warning::DosLineEnds);
        }
        if wrapped.wrapping == Wrapping::Plain {
            warnings.push(Warning::Plain);
        }
        if self.screened.beyond() {
            warnings.push(Warning::ManyNames);
        }
        let mean = if self.bases == 0 { 0.0 } else { self.quality_sum as f64 / self.bases as f64 - 33.0 };
        Ok(Verdict {
            reads: self.reads,
            bases: self.bases,
            min_length: if self.reads == 0 { 0 } else { self.min_length },
            max_length: self.max_length,
            mean_quality: mean,
            wrapping: wrapped.wrapping,
            members: wrapped.members,
            packed_bytes: wrapped.packed_bytes,
            plain_bytes: wrapped.plain_bytes,
            name_digest: Blake3(*self.name_hash.finalize().as_bytes()),
            name_blocks: BlockDigests(self.blocks),
            mate: self.mate,
            plain_digest: self.text_hash.map(|hash| Blake3(*hash.finalize().as_bytes())),
            warnings,
        })
    }

    /// Keeps the start of a line, within the cap for lines of its place.
    fn hold(&mut self, part: &[u8]) -> Result<(), FastqFault> {
        let limit = self.cap();
        // One more for a carriage return.
        if self.carry.len() + part.len() > limit + 1 {
            return Err(self.fault(RecordFault::LongLine { limit: limit as u64 }));
        }
        self.carry.extend_from_slice(part);
        Ok(())
    }

    fn cap(&self) -> usize {
        match self.expect {
            Line::Name | Line::Plus => self.max_header,
            Line::Bases | Line::Quality => self.max_line,
        }
    }

    fn take(&mut self, line: &[u8]) -> Result<(), FastqFault> {
        let line = match line.split_last() {
            Some((b'\r', rest)) => {
                self.dos = true;
                rest
            }
            _ => line,
        };
        if line.len() > self.cap() {
            return Err(self.fault(RecordFault::LongLine { limit: self.cap() as u64 }));
        }
        let checked = match self.expect {
            Line::Name => {
                self.name(line).map_err(|what| self.fault(what))?;
                return self.screen();
            }
            Line::Bases => self.sequence(line),
            Line::Plus => self.plus(line),
            Line::Quality => self.quality(line),
        };
        checked.map_err(|what| self.fault(what))
    }

    fn name(&mut self, line: &[u8]) -> Result<(), RecordFault> {
        let Some((b'@', header)) = line.split_first() else { return Err(RecordFault::NoAt) };
        // Without a branch for each byte, as below.
        let odd =
            header.iter().fold(0u8, |odd, b| odd | u8::from((b.wrapping_sub(0x20) > 0x5e) & (*b != b'\t')));
        if odd != 0 {
            return Err(RecordFault::NameByte);
        }
        self.header.clear();
        self.header.extend_from_slice(header);
        let end = memchr::memchr2(b' ', b'\t', header).unwrap_or(header.len());
        let (name, comment) = header.split_at(end);
        let (name, mate) = match name {
            [stem @ .., b'/', b'1'] => (stem, Mate::First),
            [stem @ .., b'/', b'2'] => (stem, Mate::Second),
            _ => (name, mate_of_comment(comment)),
        };
        if name.is_empty() {
            return Err(RecordFault::NoName);
        }
        if name.len() > MAX_NAME {
            return Err(RecordFault::LongName);
        }
        self.mate = self.mate.with(mate);
        self.names.extend_from_slice(name);
        self.names.push(b'\n');
        self.expect = Line::Bases;
        Ok(())
    }

    /// Refuses a name line that holds what looks like an identifier.
    fn screen(&mut self) -> Result<(), FastqFault> {
        let record = self.reads + 1;
        let findings = self.screened.take(record, &self.header);
        if findings.is_empty() { Ok(()) } else { Err(FastqFault::Identifier { record, findings }) }
    }

    fn sequence(&mut self, line: &[u8]) -> Result<(), RecordFault> {
        // The five common letters first, without a branch for each byte, so that the compiler can use
        // wide registers; the rarer codes only when that fails.
        let odd = line.iter().fold(0u8, |odd, b| {
            odd | u8::from(!((*b == b'A') | (*b == b'C') | (*b == b'G') | (*b == b'T') | (*b == b'N')))
        });
        if odd != 0
            && let Some(byte) = line.iter().find(|b| !is_nucleotide(**b))
        {
            return Err(RecordFault::Base { byte: *byte });
        }
        self.length = line.len();
        self.expect = Line::Plus;
        Ok(())
    }

    fn plus(&mut self, line: &[u8]) -> Result<(), RecordFault> {
        let Some((b'+', repeated)) = line.split_first() else { return Err(RecordFault::NoPlus) };
        if !repeated.is_empty() && repeated != self.header.as_slice() {
            return Err(RecordFault::OtherName);
        }
        self.expect = Line::Quality;
        Ok(())
    }

    fn quality(&mut self, line: &[u8]) -> Result<(), RecordFault> {
        if line.len() != self.length {
            return Err(RecordFault::QualityLength {
                quality: line.len() as u64,
                sequence: self.length as u64,
            });
        }
        let odd = line.iter().fold(0u8, |odd, b| odd | u8::from(b.wrapping_sub(33) > 126 - 33));
        if odd != 0
            && let Some(byte) = line.iter().find(|b| !(33..=126).contains(*b))
        {
            return Err(RecordFault::QualityByte { byte: *byte });
        }
        // Pieces short enough that a 16-bit sum cannot overflow: 256 × 126 < 65,536.
        for piece in line.chunks(256) {
            let sum = piece.iter().fold(0u16, |sum, b| sum.wrapping_add(u16::from(*b)));
            self.quality_sum += u64::from(sum);
        }
        let length = self.length as u64;
        self.reads += 1;
        self.bases += length;
        self.min_length = self.min_length.min(length);
        self.max_length = self.max_length.max(length);
        self.block_reads += 1;
        if self.block_reads == BLOCK_READS {
            self.close_block();
        }
        self.expect = Line::Name;
        Ok(())
    }

    fn close_block(&mut self) {
        if self.block_reads == 0 {
            return;
        }
        self.name_hash.update(&self.names);
        let digest = blake3::hash(&self.names);
        if let Some(first) = digest.as_bytes().first_chunk::<8>() {
            self.blocks.push(u64::from_be_bytes(*first));
        }
        self.names.clear();
        self.block_reads = 0;
    }

    fn fault(&self, what: RecordFault) -> FastqFault {
        FastqFault::Record { record: self.reads + 1, line: self.line, what }
    }
}

/// Reads the mate from an Illumina comment: `1:N:0:INDEX`.
fn mate_of_comment(comment: &[u8]) -> Mate {
    match comment {
        [_, b'1', b':', b'Y' | b'N', b':', ..] => Mate::First,
        [_, b'2', b':', b'Y' | b'N', b':', ..] => Mate::Second,
        _ => Mate::Unsaid,
    }
}

/// The IUPAC nucleotide codes, either case, and `.` which older instruments write for N.
fn is_nucleotide(byte: u8) -> bool {
    matches!(
        byte.to_ascii_uppercase(),
        b'A' | b'C'
            | b'G'
            | b'T'
            | b'U'
            | b'N'
            | b'R'
            | b'Y'
            | b'S'
            | b'W'
            | b'K'
            | b'M'
            | b'B'
            | b'D'
            | b'H'
            | b'V'
            | b'.'
    )
}
