//! The side of the site: what to ask a witness, what its answer means, and the newest cosigned
//! checkpoint, kept beside the ledger.

use crate::request::{Request, number};
use crate::{Error, Result, WitnessKey};
use ledger::read::Comparison;
use ledger::{Ledger, verify};
use std::fs;
use std::path::Path;

/// The file of the newest cosigned checkpoint, below the ledger's folder.
pub const KEPT: &str = "witnessed";

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The witness cosigned.
    Cosigned {
        /// The checkpoint with the cosignature.
        note: String,
        /// Its size.
        size: u64,
        /// The witness's time, in seconds since 1970.
        time: u64,
    },
    /// The witness knows another size than thought: ask again.
    Again,
    /// The witness cosigned a larger ledger than there is: this one was rolled back.
    RolledBack {
        /// The size that the witness knows.
        known: u64,
    },
    /// The witness cosigned another history.
    Forked,
    /// No answer that means anything: the status.
    Failed(u16),
}

/// Who asks one witness about one ledger.
#[derive(Debug, Clone)]
pub struct Asker {
    key: WitnessKey,
    known: u64,
}

impl Asker {
    /// Asks the witness of `key`, which is thought to know the first `known` events.
    pub fn new(key: WitnessKey, known: u64) -> Self {
        Self { key, known }
    }

    /// A request about the ledger as it is now.
    pub fn request(&self, ledger: &Ledger) -> Result<Request> {
        let checkpoint = ledger.checkpoint()?;
        let size = verify::checkpoint(&checkpoint, ledger.verifier())?.size;
        let old = self.known.min(size);
        Ok(Request { old, proof: ledger.consistency(old, size)?, checkpoint })
    }

    /// What the answer to `request` means.
    ///
    /// A refusal is not signed: whoever stands between site and witness can invent one. It stops
    /// and alarms, and never lets anything pass.
    pub fn answered(&mut self, ledger: &Ledger, request: &Request, status: u16, body: &[u8]) -> Verdict {
        let text = String::from_utf8_lossy(body);
        match status {
            200 => self.cosigned(ledger, request, &text).unwrap_or(Verdict::Failed(status)),
            409 => match text.strip_suffix('\n').and_then(number) {
                Some(known) if known > ledger.size() => Verdict::RolledBack { known },
                Some(known) if known == request.old => Verdict::Forked,
                Some(known) => {
                    self.known = known;
                    Verdict::Again
                }
                None => Verdict::Failed(status),
            },
            422 => Verdict::Forked,
            _ => Verdict::Failed(status),
        }
    }

    /// Only lines of the witness's own key are taken over.
    fn cosigned(&mut self, ledger: &Ledger, request: &Request, text: &str) -> Option<Verdict> {
        let size = verify::checkpoint(&request.checkpoint, ledger.verifier()).ok()?.size;
        let found = text.lines().map(|line| format!("{}{line}\n", request.checkpoint));
        let (note, time) =
            found.filter_map(|note| self.key.cosigned(&note).map(|time| (note, time))).next()?;
        self.known = size;
        Some(Verdict::Cosigned { note, size, time })
    }
}

/// Keeps the newest cosigned checkpoint in the ledger's folder.
pub fn keep(folder: &Path, note: &str) -> Result<()> {
    let path = folder.join(KEPT);
    base::durable::replace(&path, note.as_bytes()).map_err(Error::io(&path))
}

/// The checkpoint that was kept; none if there is none.
pub fn kept(folder: &Path) -> Result<Option<String>> {
    let path = folder.join(KEPT);
    match fs::read_to_string(&path) {
        Ok(note) => Ok(Some(note)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(&path)(error)),
    }
}

/// Compares a ledger with the checkpoint that was kept, and gives the size that it is known up to.
/// A ledger that does not begin with it is refused.
pub fn compare_with_kept(ledger: &Ledger, note: &str) -> Result<u64> {
    match ledger.compare(note)? {
        Comparison::Consistent => Ok(verify::checkpoint(note, ledger.verifier())?.size),
        Comparison::Diverged => Err(Error::Forked),
        Comparison::Ahead => Err(Error::RolledBack),
    }
}
