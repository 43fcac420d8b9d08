//! The proof of one event as one file: C2SP tlog-proof, with the event itself as extra data, and
//! on request what ties an older checkpoint to the newer one. See `docs/spec/witness.md`.

use crate::read::Comparison;
use crate::{Error, Hash, Ledger, Result, verify};
use base64::prelude::{BASE64_STANDARD, Engine};
use std::fmt::Write as _;

const HEAD: &str = "c2sp.org/tlog-proof@v1";

impl Ledger {
    /// The proof that the event at `position` is in the tree of a checkpoint, as one text. With
    /// `older`, a checkpoint kept elsewhere, also that nothing before it changed.
    ///
    /// The checkpoint is `cosigned`, one of this ledger with signatures of witnesses, where it
    /// reaches far enough; else a fresh one.
    pub fn prove(&self, position: u64, older: Option<&str>, cosigned: Option<&str>) -> Result<String> {
        let record = self.read(position)?;
        let mut extra = record.leaf;
        let known = match older {
            Some(older) => self.own_past(older)?,
            None => 0,
        };
        let (checkpoint, size) = self.reaching(position.saturating_add(1).max(known), cosigned)?;
        if let Some(older) = older {
            extra.extend_from_slice(b"\nconsistency\n");
            extra.extend_from_slice(lines(&self.consistency(known, size)?).as_bytes());
            extra.push(b'\n');
            extra.extend_from_slice(older.as_bytes());
        }
        let extra = BASE64_STANDARD.encode(extra);
        let proof = lines(&self.inclusion(position, size)?);
        Ok(format!("{HEAD}\nextra {extra}\nindex {position}\n{proof}\n{checkpoint}"))
    }

    /// The size of a checkpoint that this ledger begins with. One that it does not is refused: no
    /// proof could tie it.
    fn own_past(&self, older: &str) -> Result<u64> {
        match self.compare(older)? {
            Comparison::Consistent => Ok(verify::checkpoint(older, self.verifier())?.size),
            Comparison::Diverged => Err(Error::BadCheckpoint("it is of another history")),
            Comparison::Ahead => Err(Error::BadCheckpoint("it knows of more events than the ledger holds")),
        }
    }

    /// A checkpoint of at least `least` events, with its size: `cosigned`, one of this ledger with signatures
    /// of witnesses, where it reaches far enough; else a fresh one.
    pub fn reaching(&self, least: u64, cosigned: Option<&str>) -> Result<(String, u64)> {
        if let Some(text) = cosigned {
            let found = verify::checkpoint(text, self.verifier())?;
            if found.size >= least && self.compare(text)? == Comparison::Consistent {
                return Ok((text.to_owned(), found.size));
            }
        }
        let fresh = self.checkpoint()?;
        let size = verify::checkpoint(&fresh, self.verifier())?.size;
        Ok((fresh, size))
    }
}

fn lines(hashes: &[Hash]) -> String {
    hashes.iter().fold(String::new(), |mut out, hash| {
        let _ = writeln!(out, "{hash}");
        out
    })
}
