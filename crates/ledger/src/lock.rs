//! The lock of a ledger's folder: one process at a time.

use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io;

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Takes the lock of a file; none if somebody else holds it.
    pub fn take(file: File) -> io::Result<Option<Self>> {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self(file))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// The lock is that of what was opened, which a child that was just forked has open as well until it starts its program.
/// Closing alone would leave it held for so long, and whoever opens the ledger then would be refused.
impl Drop for Lock {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_free_once_dropped_though_a_child_has_the_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let file = File::create(&path).unwrap();
        // As a fork leaves it: one opening, two descriptors.
        let inherited = file.try_clone().unwrap();
        let held = Lock::take(file).unwrap().unwrap();
        assert!(Lock::take(File::open(&path).unwrap()).unwrap().is_none());
        drop(held);
        assert!(Lock::take(File::open(&path).unwrap()).unwrap().is_some());
        drop(inherited);
    }
}
