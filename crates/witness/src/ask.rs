//! The side of the site: what to ask a witness, what its answer means, and the newest cosigned
//! checkpoint, kept beside the ledger.

use crate::memory::file_name;
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
    /// The witness says that it knows another history, or more of this one. A refusal is not signed: whoever
    /// stands between the two can invent one. It counts with what the witness cosigned ([`Asker::shown`]) alone.
    Refused,
    /// What was shown for a refusal proves none.
    Unproven,
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
        self.request_for(ledger, ledger.checkpoint()?)
    }

    /// A request for a cosignature of this checkpoint of the ledger.
    pub fn request_for(&self, ledger: &Ledger, checkpoint: String) -> Result<Request> {
        let size = verify::checkpoint(&checkpoint, ledger.verifier())?.size;
        let old = self.known.min(size);
        Ok(Request { old, proof: ledger.consistency(old, size)?, checkpoint })
    }

    /// What the answer to `request` means.
    pub fn answered(&mut self, ledger: &Ledger, request: &Request, status: u16, body: &[u8]) -> Verdict {
        let text = String::from_utf8_lossy(body);
        match status {
            200 => self.cosigned(ledger, request, &text).unwrap_or(Verdict::Failed(status)),
            409 => match text.strip_suffix('\n').and_then(number) {
                Some(known) if known > ledger.size() || known == request.old => Verdict::Refused,
                Some(known) => {
                    self.known = known;
                    Verdict::Again
                }
                None => Verdict::Failed(status),
            },
            422 => Verdict::Refused,
            _ => Verdict::Failed(status),
        }
    }

    /// What the witness's newest checkpoint, as it was shown, proves.
    ///
    /// INVARIANT (no-forged-refusal): a site is closed by a checkpoint alone that its own ledger signed and that the
    /// witness cosigned, and that is not of what the site holds. Nobody between the two can make one.
    pub fn shown(&mut self, ledger: &Ledger, note: &[u8]) -> Verdict {
        let Ok(note) = std::str::from_utf8(note) else { return Verdict::Unproven };
        if self.key.cosigned(note).is_none() {
            return Verdict::Unproven;
        }
        let Ok(theirs) = verify::checkpoint(note, ledger.verifier()) else { return Verdict::Unproven };
        match ledger.compare(note) {
            Ok(Comparison::Ahead) => Verdict::RolledBack { known: theirs.size },
            Ok(Comparison::Diverged) => Verdict::Forked,
            Ok(Comparison::Consistent) => {
                self.known = theirs.size;
                Verdict::Again
            }
            Err(_) => Verdict::Unproven,
        }
    }

    /// The witness's key.
    pub fn key(&self) -> &WitnessKey {
        &self.key
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

/// Where a witness shows the newest checkpoint of a ledger that it cosigned: below its address.
pub fn newest_path(ledger: &Ledger) -> String {
    format!("/newest/{}", file_name(ledger.verifier().name()))
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
