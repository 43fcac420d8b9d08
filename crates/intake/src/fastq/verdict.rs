//! What is known of a FASTQ file that passed.

use base::Blake3;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::gzip::Wrapping;

/// Reads whose names share one entry of [`Verdict::name_blocks`].
pub const BLOCK_READS: u64 = 4096;

/// What a whole and well-formed FASTQ file holds. It carries counts and digests, never names or bases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Records.
    pub reads: u64,
    /// Bases of all records.
    pub bases: u64,
    /// Length of the shortest read; 0 without reads.
    pub min_length: u64,
    /// Length of the longest read.
    pub max_length: u64,
    /// Mean Phred score over all bases, offset 33; 0 without bases.
    pub mean_quality: f64,
    /// How the file is wrapped.
    pub wrapping: Wrapping,
    /// gzip members or BGZF blocks.
    pub members: u64,
    /// Bytes before inflation.
    pub packed_bytes: u64,
    /// Bytes after inflation.
    pub plain_bytes: u64,
    /// BLAKE3 over the normalised read names in order, each followed by a line feed.
    pub name_digest: Blake3,
    /// The first 8 bytes of a BLAKE3 digest for each 4,096 names, to locate a difference.
    pub name_blocks: BlockDigests,
    /// Which read of a pair the names say this is.
    pub mate: Mate,
    /// BLAKE3 over the inflated text, where the limits asked for it.
    pub plain_digest: Option<Blake3>,
    /// What passed but deserves a word.
    pub warnings: Vec<Warning>,
}

/// Which read of a pair the names of a file claim to be, by `/1` or by a comment such as `1:N:0:ACGT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mate {
    /// No name says.
    Unsaid,
    /// All that say, say first.
    First,
    /// All that say, say second.
    Second,
    /// Both are claimed.
    Mixed,
}

impl Mate {
    pub(crate) fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unsaid, m) | (m, Self::Unsaid) => m,
            (a, b) if a == b => a,
            _ => Self::Mixed,
        }
    }
}

/// Something that is no reason to refuse a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Warning {
    /// There is no read in it.
    NoReads,
    /// Lines end in carriage return and line feed; the carriage returns were not taken for data.
    DosLineEnds,
    /// The text is not compressed, so nothing in the file itself shows that it is whole.
    Plain,
    /// There are more kinds of name lines in it than are screened for identifiers.
    ManyNames,
}

/// One short digest for each block of [`BLOCK_READS`] names; written as one hexadecimal text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockDigests(pub Vec<u64>);

impl BlockDigests {
    /// The first block (from 0) in which two files differ, if any.
    pub fn first_difference(&self, other: &Self) -> Option<u64> {
        let shared = self.0.iter().zip(&other.0).position(|(a, b)| a != b);
        let lengths = (self.0.len() != other.0.len()).then(|| self.0.len().min(other.0.len()));
        shared.or(lengths).map(|at| at as u64)
    }
}

impl Serialize for BlockDigests {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(self.0.len() * 16);
        for block in &self.0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "{block:016x}");
        }
        s.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for BlockDigests {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let bad = || serde::de::Error::custom("block digests are 16 hexadecimal characters each");
        let text = String::deserialize(d)?;
        if text.len() % 16 != 0 || !text.is_ascii() {
            return Err(bad());
        }
        let mut blocks = Vec::with_capacity(text.len() / 16);
        for chunk in text.as_bytes().chunks(16) {
            let chunk = std::str::from_utf8(chunk).map_err(|_| bad())?;
            blocks.push(u64::from_str_radix(chunk, 16).map_err(|_| bad())?);
        }
        Ok(Self(blocks))
    }
}
