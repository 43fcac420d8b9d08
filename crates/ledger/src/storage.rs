//! The system calls of the writer. A site uses [`Disk`]; tests make each call fail in turn.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// What the writer asks of a file system. The provided methods are the real calls.
///
/// Contract: after `flush` of a file returned without error, what was written to it survives a loss
/// of power; after an error of any call the caller never calls again for the same purpose.
pub trait Storage: Send + Sync + 'static {
    /// Makes a new file, mode 0600; fails if it exists.
    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
    }
    /// Writes some of `bytes` at `offset`; returns how many.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }
    /// Flushes the content of `file` (fdatasync).
    fn flush(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
    /// Flushes everything on the file system that holds `folder` (syncfs).
    fn flush_all(&self, folder: &File) -> io::Result<()> {
        rustix::fs::syncfs(folder).map_err(io::Error::from)
    }
    /// Flushes the names in `folder`.
    fn flush_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
    /// Renames `from` to `to`, replacing it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
    /// Makes `folder` and its parents.
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }
}

/// The file system itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Storage for Disk {}

/// Writes all of `bytes` at `offset`.
pub(crate) fn write_all_at(
    storage: &dyn Storage,
    file: &File,
    mut bytes: &[u8],
    mut offset: u64,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = storage.write_at(file, bytes, offset)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(written..).ok_or(io::ErrorKind::InvalidData)?;
        offset += written as u64;
    }
    Ok(())
}

/// A fresh file at `path` with `bytes`, written and not yet flushed. Litter of an earlier crash at
/// the same place goes first.
pub(crate) fn stage(storage: &dyn Storage, path: &Path, bytes: &[u8]) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = storage.create(path)?;
    write_all_at(storage, &file, bytes, 0)?;
    Ok(file)
}
