//! What a witness remembers of each ledger: one file a ledger, replaced whole.
//!
//! ```text
//! sequestra-witness-log/v1
//! <the ledger's verifier key>
//!
//! <the newest checkpoint that was cosigned, with its signatures; nothing before the first>
//! ```

use crate::{Error, Result};
use ledger::{Hash, VerifierKey, verify};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

const HEAD: &str = "sequestra-witness-log/v1";

/// A ledger as a witness knows it.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    key: VerifierKey,
    newest: Option<(u64, Hash)>,
    /// The checkpoint of that, with its signatures; empty before the first.
    note: String,
    /// A write failed: what the disk holds is not known.
    failed: bool,
}

impl Memory {
    /// Begins to know the ledger of `key`: nothing was cosigned yet.
    pub(crate) fn create(folder: &Path, key: &VerifierKey) -> Result<()> {
        let path = folder.join(file_name(key.name()));
        base::durable::create_once(&path, text(key, "").as_bytes()).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::Known(key.name().to_owned()),
            _ => Error::io(&path)(error),
        })
    }

    /// Everything that is known in `folder`. What cannot be read is an error, never nothing.
    pub(crate) fn load_all(folder: &Path) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
            let path = entry.map_err(Error::io(folder))?.path();
            // A draft that a crash left means nothing.
            if path.extension().is_some_and(|extension| extension == "new") {
                continue;
            }
            let bytes = fs::read(&path).map_err(Error::io(&path))?;
            all.push(Self::parse(path.clone(), &bytes).ok_or(Error::Damaged(path))?);
        }
        Ok(all)
    }

    fn parse(path: PathBuf, bytes: &[u8]) -> Option<Self> {
        let content = std::str::from_utf8(bytes).ok()?;
        let (key, note) = content.strip_prefix(HEAD)?.strip_prefix('\n')?.split_once("\n\n")?;
        let key: VerifierKey = key.parse().ok()?;
        (path.file_name()?.to_str()? == file_name(key.name())).then_some(())?;
        let newest = match note {
            "" => None,
            note => {
                let checkpoint = verify::checkpoint(note, &key).ok()?;
                Some((checkpoint.size, checkpoint.root))
            }
        };
        let note = note.to_owned();
        Some(Self { path, key, newest, note, failed: false })
    }

    /// The ledger's key.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The size and root that were cosigned last.
    pub fn newest(&self) -> Option<(u64, Hash)> {
        self.newest
    }

    /// The newest checkpoint that was cosigned, with its signatures; none before the first.
    pub fn note(&self) -> Option<&str> {
        Some(self.note.as_str()).filter(|note| !note.is_empty())
    }

    /// Whether a write failed since the start.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Remembers a checkpoint that is about to be answered for. When this returns, it is on stable
    /// storage; when it fails, nothing may be answered for this ledger any more.
    pub(crate) fn remember(&mut self, size: u64, root: Hash, note: &str) -> Result<()> {
        match base::durable::replace(&self.path, text(&self.key, note).as_bytes()) {
            Ok(()) => {
                self.newest = Some((size, root));
                note.clone_into(&mut self.note);
                Ok(())
            }
            Err(error) => {
                self.failed = true;
                Err(Error::io(&self.path)(error))
            }
        }
    }
}

fn text(key: &VerifierKey, note: &str) -> String {
    format!("{HEAD}\n{key}\n\n{note}")
}

/// A ledger's name may hold slashes and be long; the name of its file, and of it in an address, is neither.
pub(crate) fn file_name(origin: &str) -> String {
    hex::encode(Sha256::digest(origin))
}
