//! Copies what is published, compares, and keeps its position.

use crate::error::Result;
use crate::{Error, Place};
use ledger::copy::{self, Published, checkpoint_path};
use ledger::read::Comparison;
use ledger::{Ledger, verify};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::PathBuf;

/// The file of the newest cosigned checkpoint, below the ledger's folder.
const COSIGNED: &str = "witnessed";
/// Events whose files a round compares with the ledger's, wherever it is: eight bundles and their tiles.
const PATROL: u64 = 8 * 256;

/// How far a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Events under its newest checkpoint.
    pub size: u64,
    /// Events that the ledger has published.
    pub published: u64,
}

/// Copies one ledger to one place.
pub struct Copier {
    ledger: Ledger,
    folder: PathBuf,
    place: Box<dyn Place>,
    /// The file of the kept position.
    position: PathBuf,
    /// Events under the replica's newest checkpoint, once it was compared.
    known: Option<u64>,
    /// Where the next comparison of old files begins.
    patrol: u64,
}

impl Copier {
    /// Copies `ledger`, whose files lie in `folder`, to `place`, and keeps its position in the file `position`.
    pub fn new(ledger: Ledger, folder: PathBuf, place: Box<dyn Place>, position: PathBuf) -> Self {
        Self { ledger, folder, place, position, known: None, patrol: 0 }
    }

    /// How well the place keeps what it has.
    pub fn strength(&self) -> String {
        self.place.strength()
    }

    /// Compares the replica with the ledger, before the first copy.
    ///
    /// # Errors
    /// [`Error::RolledBack`] and [`Error::Forked`] by the replica's newest checkpoint, which the ledger's key
    /// signed; [`Error::Foreign`] for another ledger's; [`Error::Lost`] when it has less than it took, and then
    /// it is compared all the same: the next call goes on from what it has.
    pub fn compare(&mut self) -> Result<u64> {
        if let Some(known) = self.known {
            return Ok(known);
        }
        let newest = self.place.checkpoints().map_err(Error::Away)?.into_iter().max();
        let own = format!("{}\n", self.ledger.verifier());
        match self.place.get("vkey").map_err(Error::Away)? {
            Some(key) if key != own.as_bytes() => return Err(Error::Foreign),
            None if newest.is_some() => return Err(Error::Differs("vkey".to_owned())),
            _ => {}
        }
        let has = newest.unwrap_or(0);
        if let Some(size) = newest {
            self.judge(size)?;
        }
        let took = self.took()?;
        self.known = Some(has);
        if took > has {
            self.keep(has)?;
            return Err(Error::Lost { took, has });
        }
        Ok(has)
    }

    fn judge(&self, size: u64) -> Result<()> {
        let path = checkpoint_path(size);
        let note = self.place.get(&path).map_err(Error::Away)?.unwrap_or_default();
        let differs = || Error::Differs(path.clone());
        let note = String::from_utf8(note).map_err(|_| differs())?;
        let signed = verify::checkpoint(&note, self.ledger.verifier()).map_err(|_| differs())?;
        if signed.size != size {
            return Err(differs());
        }
        match self.ledger.compare(&note)? {
            Comparison::Consistent => Ok(()),
            Comparison::Diverged => Err(Error::Forked),
            Comparison::Ahead => Err(Error::RolledBack { known: size, held: self.ledger.size() }),
        }
    }

    /// One round: what is published and not there yet, then a look at some of what is there.
    ///
    /// 1. Full bundles and tiles, in the ledger's order. Crash here: some are there, under no checkpoint; the
    ///    next round finds them and compares.
    /// 2. The partial ones of the published size.
    /// 3. The checkpoint. From here on the replica has these events.
    /// 4. The position is kept. Crash before: the replica has more than the position says, which is no error.
    pub fn round(&mut self) -> Result<Progress> {
        let known = self.compare()?;
        let Some(published) = self.ledger.published()? else { return Ok(Progress::default()) };
        let Published { size, note, partial } = published;
        if size > known || known == 0 {
            self.put("vkey", format!("{}\n", self.ledger.verifier()).as_bytes())?;
            for path in copy::full(known, size) {
                self.put(&path, &self.ledger.published_file(&path)?)?;
            }
            for (path, bytes) in &partial {
                self.put(path, bytes)?;
            }
            self.put(&checkpoint_path(size), note.as_bytes())?;
            self.known = Some(size);
            self.keep(size)?;
        }
        self.copy_cosigned()?;
        self.look_around(size)?;
        Ok(Progress { size, published: size })
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        match self.place.put(path, bytes)? {
            None => Ok(()),
            Some(there) if there == bytes || copy::same_bundle(&there, bytes) => Ok(()),
            Some(_) => Err(Error::Differs(path.to_owned())),
        }
    }

    /// The newest cosigned checkpoint, under a name by its content: a witness may sign one size twice.
    fn copy_cosigned(&self) -> Result<()> {
        let note = match fs::read(self.folder.join(COSIGNED)) {
            Ok(note) => note,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::Position(error)),
        };
        let digest = hex::encode(Sha256::digest(&note));
        let path = format!("cosigned/{}", digest.get(..32).unwrap_or(&digest));
        self.put(&path, &note)
    }

    /// Compares some full files of before with the ledger's, going round.
    fn look_around(&mut self, size: u64) -> Result<()> {
        let to = size.min(self.patrol.saturating_add(PATROL));
        for path in copy::full(self.patrol, to) {
            let there = self.place.get(&path).map_err(Error::Away)?.unwrap_or_default();
            let own = self.ledger.published_file(&path)?;
            if there != own && !copy::same_bundle(&there, &own) {
                return Err(Error::Differs(path));
            }
        }
        self.patrol = if to == size { 0 } else { to };
        Ok(())
    }

    fn took(&self) -> Result<u64> {
        match fs::read_to_string(&self.position) {
            Ok(text) => {
                let damaged = || io::Error::new(io::ErrorKind::InvalidData, "not a position");
                text.trim_end().parse().map_err(|_| Error::Position(damaged()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(Error::Position(error)),
        }
    }

    fn keep(&self, size: u64) -> Result<()> {
        base::durable::replace(&self.position, format!("{size}\n").as_bytes()).map_err(Error::Position)
    }
}
