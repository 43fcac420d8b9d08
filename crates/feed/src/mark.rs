//! The position that a sink acknowledged, kept through crashes.

use crate::Error;
use base::Sha256;
use ledger::Ledger;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The kept position of one stream.
#[derive(Debug)]
pub(crate) struct Mark {
    path: PathBuf,
    /// The first position that is not acknowledged.
    pub next: u64,
    /// Events that the receiver refused for good.
    pub lost: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    next: u64,
    /// The hash of the leaf before it: another ledger is not taken for this one.
    leaf: Option<Sha256>,
    #[serde(default, skip_serializing_if = "is_none")]
    lost: u64,
}

const fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Mark {
    /// Reads the mark of the stream `name`; none yet begins at the ledger's first event.
    pub fn load(folder: &Path, name: &str, ledger: &Ledger) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(Error::Mark)?;
        let path = folder.join(format!("{name}.json"));
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path, next: 0, lost: 0 });
            }
            Err(error) => return Err(Error::Mark(error)),
        };
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|e| Error::Mark(e.into()))?;
        if let Some(last) = kept.next.checked_sub(1) {
            let there = ledger.read(last).map_err(|_| Error::Diverged(last))?;
            if kept.leaf != Some(Sha256(there.hash.0)) {
                return Err(Error::Diverged(last));
            }
        }
        Ok(Self { path, next: kept.next, lost: kept.lost })
    }

    /// As [`Mark::load`], but none yet begins with what is recorded from now on.
    pub fn load_or_begin(folder: &Path, name: &str, ledger: &Ledger) -> Result<Self, Error> {
        let mut mark = Self::load(folder, name, ledger)?;
        if mark.path.exists() {
            return Ok(mark);
        }
        let size = ledger.size();
        let Some(last) = size.checked_sub(1) else { return Ok(mark) };
        let there = ledger.read(last).map_err(|_| Error::Diverged(last))?;
        mark.advance(size, Sha256(there.hash.0))?;
        Ok(mark)
    }

    /// Everything before `next` is acknowledged; `leaf` is the hash of the last of it.
    pub fn advance(&mut self, next: u64, leaf: Sha256) -> Result<(), Error> {
        let kept = Kept { next, leaf: Some(leaf), lost: self.lost };
        let text = serde_json::to_vec(&kept).map_err(|e| Error::Mark(e.into()))?;
        base::durable::replace(&self.path, &text).map_err(Error::Mark)?;
        self.next = next;
        Ok(())
    }
}
