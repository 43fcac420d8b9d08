//! A witness: its folder, and what it answers.

use crate::cosignature::{Cosigner, WitnessKey};
use crate::memory::{Memory, file_name};
use crate::{Error, Request, Result};
use base::{Clock, Entropy};
use ledger::{SigningKey, VerifierKey, verify};
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tlog_tiles::EMPTY_HASH;
use zeroize::Zeroizing;

/// The media type of a size in an answer.
const SIZE: &str = "text/x.tlog.size";
const PLAIN: &str = "text/plain; charset=utf-8";

/// An answer: HTTP's status, the media type and the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 200, 400, 403, 404, 409, 422 or 500.
    pub status: u16,
    /// The media type.
    pub media_type: &'static str,
    /// The text.
    pub body: String,
}

/// An open witness.
pub struct Witness {
    cosigner: Cosigner,
    /// Each ledger has a lock of its own: comparing with what was cosigned and remembering the
    /// new checkpoint are one step.
    logs: BTreeMap<String, Mutex<Memory>>,
    clock: Arc<dyn Clock>,
    /// Keeps other processes out for as long as it is open.
    _lock: File,
}

impl Witness {
    /// Makes a witness that knows no ledger in `folder`, which is absent or empty, and gives its key.
    ///
    /// 1. Folders and the secret. Crash: no witness; make it again elsewhere.
    /// 2. The public key. From here on the folder is a witness.
    pub fn create(folder: &Path, name: &str, entropy: &dyn Entropy) -> Result<WitnessKey> {
        if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Error::Exists(folder.to_owned()));
        }
        let (key, seed) = SigningKey::mint(entropy)?;
        let public = Cosigner::new(name, key)?.public().clone();
        let logs = folder.join("logs");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&logs).map_err(Error::io(&logs))?;
        let secret = Zeroizing::new(hex::encode(seed.as_ref()));
        for (name, text) in [("key", secret.as_str()), ("vkey", &format!("{public}\n"))] {
            let path = folder.join(name);
            base::durable::create_once(&path, text.as_bytes()).map_err(Error::io(&path))?;
        }
        Ok(public)
    }

    /// Begins to witness the ledger of `key`. Takes effect when the witness is opened next.
    pub fn trust(folder: &Path, key: &VerifierKey) -> Result<()> {
        public_key(folder)?;
        Memory::create(&folder.join("logs"), key)
    }

    /// Opens the witness in `folder`: everything that it remembers is read and checked.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let public = public_key(folder)?;
        let lock = lock(folder)?;
        let path = folder.join("key");
        let secret = Zeroizing::new(fs::read(&path).map_err(Error::io(&path))?);
        let mut seed = Zeroizing::new([0; 32]);
        hex::decode_to_slice(&*secret, seed.as_mut()).map_err(|_| Error::Damaged(path.clone()))?;
        let cosigner = Cosigner::new(public.name(), SigningKey::from_seed(&seed)?)?;
        if *cosigner.public() != public {
            return Err(Error::Damaged(path));
        }
        let logs = Memory::load_all(&folder.join("logs"))?;
        let logs = logs.into_iter().map(|log| (log.key().name().to_owned(), Mutex::new(log))).collect();
        Ok(Self { cosigner, logs, clock, _lock: lock })
    }

    /// Its public key.
    pub fn public(&self) -> &WitnessKey {
        self.cosigner.public()
    }

    /// The names of the ledgers that it witnesses.
    pub fn ledgers(&self) -> impl Iterator<Item = &str> {
        self.logs.keys().map(String::as_str)
    }

    /// Answers `add-checkpoint`. In the order of the protocol:
    ///
    /// 1. Malformed: 400. A ledger that is not known: 404. Not signed by its key: 403.
    /// 2. The old size is above the checkpoint's: 400. It is not the one cosigned last, or the sizes are the
    ///    same and the roots are not: 409 with the size.
    /// 3. The proof does not hold: 422.
    /// 4. Remember, flush. Crash before: the old state, no answer. Crash after: the new state, no
    ///    answer; the asker learns it by a 409.
    /// 5. Answer with the cosignature.
    pub fn add(&self, body: &[u8]) -> Reply {
        let Some(request) = Request::parse(body) else { return plain(400, "the request is malformed") };
        let Some(log) = self.logs.get(request.origin()) else {
            return plain(404, "this witness does not know the ledger");
        };
        // INVARIANT (one-step): held from the comparison to the answer.
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.failed() {
            return plain(500, "the witness could not remember an earlier checkpoint and has stopped");
        }
        let Ok(new) = verify::checkpoint(&request.checkpoint, log.key()) else {
            return plain(403, "the checkpoint is not signed by the ledger's key");
        };
        if request.old > new.size {
            return plain(400, "the old size is above the checkpoint's");
        }
        let (size, root) = log.newest().map_or((0, None), |(size, root)| (size, Some(root)));
        if request.old != size || (size == new.size && root.is_some_and(|root| root != new.root)) {
            return Reply { status: 409, media_type: SIZE, body: format!("{size}\n") };
        }
        // Only one root is that of the empty tree; the proof from nothing says nothing about it.
        let empty = new.size == 0 && new.root != EMPTY_HASH;
        let old = (size, root.unwrap_or(EMPTY_HASH));
        if empty || verify::consistency(old, (new.size, new.root), &request.proof).is_err() {
            return plain(422, "the proof of consistency does not hold");
        }
        let time = u64::try_from(self.clock.now().as_second()).unwrap_or(0);
        let Some(line) = self.cosigner.line(&request.checkpoint, time) else {
            return plain(400, "the checkpoint is malformed");
        };
        match log.remember(new.size, new.root, &format!("{}{line}", request.checkpoint)) {
            Ok(()) => Reply { status: 200, media_type: PLAIN, body: line },
            Err(_) => plain(500, "the witness could not remember the checkpoint and has stopped"),
        }
    }
}

impl Witness {
    /// Answers `newest/NAME`, where the name is that of a ledger by its SHA-256: the newest checkpoint that was
    /// cosigned, with the ledger's signature and this witness's. It is what a refusal stands on: a site believes
    /// nothing less.
    pub fn newest(&self, name: &str) -> Reply {
        let known = self.logs.iter().find(|(ledger, _)| file_name(ledger) == name);
        let Some((_, log)) = known else { return plain(404, "this witness does not know the ledger") };
        let log = log.lock().unwrap_or_else(PoisonError::into_inner);
        match log.note() {
            Some(note) if !log.failed() => Reply { status: 200, media_type: PLAIN, body: note.to_owned() },
            Some(_) => plain(500, "the witness could not remember a checkpoint and has stopped"),
            None => plain(404, "this witness has cosigned nothing of the ledger"),
        }
    }
}

fn plain(status: u16, why: &str) -> Reply {
    Reply { status, media_type: PLAIN, body: format!("{why}\n") }
}

fn public_key(folder: &Path) -> Result<WitnessKey> {
    let path = folder.join("vkey");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::Missing(folder.to_owned()));
        }
        Err(error) => return Err(Error::io(&path)(error)),
    };
    text.strip_suffix('\n').and_then(|key| key.parse().ok()).ok_or(Error::Damaged(path))
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(Error::io(&path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Locked(folder.to_owned())),
        Err(errno) => Err(Error::io(&path)(errno.into())),
    }
}
