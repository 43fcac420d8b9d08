//! One FASTQ file, checked while it streams past: whole, well formed, within its caps.
//!
//! [`Checker`] is fed compressed bytes in pieces of any size and holds one line at most. What it knows at
//! the end is a [`Verdict`]; the first fault ends the check as a [`FastqFault`] with record and line.

mod records;
mod verdict;

use screen::Finding;
use serde::{Deserialize, Serialize};

use crate::{
    gzip::{Unwrapper, WrapFault},
    limits::Limits,
};
pub use records::RecordFault;
use records::Records;
pub use verdict::{BLOCK_READS, BlockDigests, Mate, Verdict, Warning};

/// Why a FASTQ file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "kebab-case")]
pub enum FastqFault {
    /// Its wrapping is cut, damaged or too large.
    #[error(transparent)]
    Wrap(#[from] WrapFault),
    /// A record is malformed.
    #[error("record {record}, line {line}: {what}")]
    Record {
        /// The record, counted from 1.
        record: u64,
        /// The line of the inflated text, counted from 1.
        line: u64,
        /// What is wrong with it.
        what: RecordFault,
    },
    /// A name line holds what looks like direct identifiers.
    #[error("record {record}: its name line holds what looks like direct identifiers")]
    Identifier {
        /// The record, counted from 1.
        record: u64,
        /// What, by place and kind.
        findings: Vec<Finding>,
    },
}

/// Findings of one fault that are taken from a process that is not trusted.
const MOST_FINDINGS: usize = 16;

impl FastqFault {
    /// Whether it can be repeated as it is: its findings are few, and hold no part of a value.
    pub(crate) fn is_plain(&self) -> bool {
        match self {
            Self::Wrap(_) | Self::Record { .. } => true,
            Self::Identifier { findings, .. } => {
                (1..=MOST_FINDINGS).contains(&findings.len()) && findings.iter().all(Finding::is_plain)
            }
        }
    }
}

/// Checks one FASTQ file.
pub struct Checker {
    unwrapper: Unwrapper,
    records: Records,
    failed: Option<FastqFault>,
}

impl Checker {
    /// A checker for one file.
    pub fn new(limits: Limits) -> Self {
        Self { unwrapper: Unwrapper::new(&limits), records: Records::new(&limits), failed: None }
    }

    /// Takes the next bytes of the file, as they are on disk.
    ///
    /// # Errors
    /// The first fault found; every later call repeats it.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), FastqFault> {
        if let Some(fault) = &self.failed {
            return Err(fault.clone());
        }
        let records = &mut self.records;
        let result = self.unwrapper.feed(bytes, &mut |text: &[u8]| records.feed(text));
        if let Err(fault) = &result {
            self.failed = Some(fault.clone());
        }
        result
    }

    /// Says what the file was, now that all of it has been fed.
    ///
    /// # Errors
    /// The fault of an earlier call, or one that only the end can show: a cut stream, a missing BGZF end,
    /// an incomplete record.
    pub fn finish(mut self) -> Result<Verdict, FastqFault> {
        if let Some(fault) = self.failed {
            return Err(fault);
        }
        let records = &mut self.records;
        let wrapped = self.unwrapper.finish(&mut |text: &[u8]| records.feed(text))?;
        self.records.finish(wrapped)
    }
}

#[cfg(test)]
mod tests;
