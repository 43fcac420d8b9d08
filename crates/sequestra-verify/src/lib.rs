//! A second verifier, for auditors: checkpoints, proofs and receipts, offline.
//!
//! Promises:
//! * It uses no room of the product and no library that the product signs with, so that one fault
//!   cannot hide on both sides. What it knows is `docs/spec/`.
//! * Every function here takes bytes and keys and gives a finding or a refusal. Nothing reads a
//!   clock, a network or a site.
//! * A file of which one byte was changed is refused, provided that every key that signed it is
//!   given: signatures of unknown keys are ignored, as C2SP signed-note asks, and counted.
//!
//! In reading order:
//! * [`key`]: verifier keys, and the strict Ed25519 check
//! * [`note`]: signed notes
//! * [`checkpoint`]: checkpoints, cosignatures and the quorum
//! * [`merkle`]: hashes, inclusion, consistency (RFC 6962)
//! * [`proof`]: the file of `ledger prove` (C2SP tlog-proof)
//! * [`stream`]: what a receiver of the site's events holds; [`export`]: the file of `audit export`
//! * `incident`: what an export says of an incident, compared with its events
//! * [`site`]: `site.pub`; [`receipt`]: receipts
//! * [`command`]: the command line; [`said`]: what it says

pub mod checkpoint;
pub mod command;
pub mod export;
pub mod key;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod said;
pub mod site;
pub mod stream;

mod incident;
mod text;

use std::fmt;

/// Why something was not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// What was given does not hold.
    Refused(String),
    /// Nothing could be checked: the arguments, keys or files are not usable.
    Misuse(String),
}

/// A refusal with its reason.
pub(crate) fn refused<T>(why: impl Into<String>) -> Result<T> {
    Err(Error::Refused(why.into()))
}

/// This room's result.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Misuse(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}
