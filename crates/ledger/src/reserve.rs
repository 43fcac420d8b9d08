//! Room that is set aside on the ledger's disk, so that the end can be recorded when the disk is full.

use crate::storage::{Disk, Storage};
use crate::{Error, Result};
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The file below the ledger's folder.
const NAME: &str = "reserve";

/// A disk with a reserve. When a call finds no room, the reserve is given up once and the call is made
/// again: what it was to write was not written, so nothing is repeated. A flush is never repeated.
pub struct Reserved {
    disk: Disk,
    path: PathBuf,
    used: Arc<AtomicBool>,
    giving: Mutex<()>,
}

/// Tells whether the reserve was given up: then it is time to record the end and stop.
#[derive(Debug, Clone)]
pub struct Reserve {
    used: Arc<AtomicBool>,
}

impl Reserve {
    /// Whether it was given up since the ledger was opened.
    pub fn is_used(&self) -> bool {
        self.used.load(Ordering::Acquire)
    }
}

impl Reserved {
    /// Makes or completes the reserve of the ledger in `folder`.
    ///
    /// 1. Allocate the file's blocks and flush. Crash here: a shorter reserve, which the next start completes.
    ///
    /// Without room for it the ledger is not opened: its end could not be recorded.
    pub fn open(folder: &Path, bytes: u64) -> Result<Self> {
        let path = folder.join(NAME);
        match make(&path, bytes) {
            Ok(()) => Ok(Self { disk: Disk, path, used: Arc::default(), giving: Mutex::default() }),
            Err(error) if is_full(&error) => {
                // What was taken so far is given back.
                let _ = fs::remove_file(&path);
                Err(Error::NoRoom { bytes })
            }
            Err(error) => Err(Error::io(&path)(error)),
        }
    }

    /// What tells whether it was given up.
    pub fn watch(&self) -> Reserve {
        Reserve { used: Arc::clone(&self.used) }
    }

    /// Makes a call, and once more with the reserve's room if there was none.
    fn with_room<T>(&self, call: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let used = self.used.load(Ordering::Acquire);
        match call() {
            // Another thread may have given it up since: its room is this one's, too.
            Err(error) if is_full(&error) && !used && self.give_up() => call(),
            done => done,
        }
    }

    /// Whether the reserve's room is free now.
    fn give_up(&self) -> bool {
        let _one = self.giving.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = match fs::remove_file(&self.path) {
            // Some file systems free blocks only when the removal is on disk.
            Ok(()) => base::durable::flush_folder_of(&self.path).is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        self.used.store(true, Ordering::Release);
        gone
    }
}

impl Storage for Reserved {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.with_room(|| self.disk.create(path))
    }
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.with_room(|| self.disk.write_at(file, bytes, offset))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.with_room(|| self.disk.rename(from, to))
    }
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.with_room(|| self.disk.make_folder(folder))
    }
}

fn make(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let there = file.metadata()?.len();
    if there >= bytes {
        return Ok(());
    }
    match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => {}
        // Where blocks cannot be reserved, they are written.
        Err(rustix::io::Errno::OPNOTSUPP) => {
            let zeros = vec![0; 64 << 10];
            let mut left = bytes.saturating_sub(there);
            while left > 0 {
                let length = usize::try_from(left).unwrap_or(zeros.len()).min(zeros.len());
                file.write_all(zeros.get(..length).unwrap_or(&zeros))?;
                left = left.saturating_sub(length as u64);
            }
        }
        Err(error) => return Err(error.into()),
    }
    file.sync_all()?;
    base::durable::flush_folder_of(path)
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn the_reserve_is_given_up_once_and_only_for_want_of_room() {
        let folder = tempfile::tempdir().unwrap();
        let reserved = Reserved::open(folder.path(), 1 << 20).unwrap();
        let (path, watch) = (folder.path().join(NAME), reserved.watch());
        assert_eq!(path.metadata().unwrap().len(), 1 << 20);
        // Another failure does not touch it.
        let other = reserved.with_room(|| Err::<(), _>(io::ErrorKind::PermissionDenied.into()));
        assert!(other.is_err() && path.exists() && !watch.is_used());
        // Full, then not: the second call counts.
        let calls = AtomicUsize::new(0);
        let full_once = || match calls.fetch_add(1, Ordering::Relaxed) {
            0 => Err(io::Error::from(io::ErrorKind::StorageFull)),
            _ => Ok(7),
        };
        assert_eq!(reserved.with_room(full_once).unwrap(), 7);
        assert!(!path.exists() && watch.is_used());
        // There is none left: the failure is the caller's.
        let calls = AtomicUsize::new(0);
        let full = || {
            calls.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(io::Error::from(io::ErrorKind::StorageFull))
        };
        assert!(reserved.with_room(full).is_err());
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        // The next opening sets it aside again.
        assert!(!Reserved::open(folder.path(), 1 << 20).unwrap().watch().is_used());
        assert!(path.exists());
    }
}
