//! Where copies lie. A file is put once; what is there already is given, never replaced.

use crate::Error;
use crate::error::Result;
use base::Clock;
use bucket::{Bucket, Version};
use ledger::copy::{self, CHECKPOINTS, Source};
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A place of copies. Calls block.
pub trait Place: Source + Send {
    /// Puts a file, durably and as locked as the place can. Gives the bytes that are there already, if the
    /// path is taken; they are locked too.
    fn put(&self, path: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>>;
    /// How well it keeps what it has, in one sentence for people.
    fn strength(&self) -> String;
}

/// A folder of files that are made once.
pub struct Directory {
    root: PathBuf,
    immutable: bool,
}

impl Directory {
    /// The folder `root`, which must be there: one that is made by itself would hide a disk that is not mounted.
    pub fn new(root: PathBuf, immutable: bool) -> Self {
        Self { root, immutable }
    }

    fn lock(&self, path: &std::path::Path) -> io::Result<()> {
        if !self.immutable {
            return Ok(());
        }
        let file = File::open(path)?;
        let flags = ioctl_getflags(&file)?;
        if !flags.contains(IFlags::IMMUTABLE) {
            ioctl_setflags(&file, flags | IFlags::IMMUTABLE)?;
        }
        match ioctl_getflags(&file)?.contains(IFlags::IMMUTABLE) {
            true => Ok(()),
            false => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Makes the folders of a path, each flushed with the one that holds it.
    fn make_folders(&self, path: &std::path::Path) -> io::Result<()> {
        let Some(folder) = path.parent() else { return Ok(()) };
        if folder.is_dir() || folder == self.root {
            return Ok(());
        }
        self.make_folders(folder)?;
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => base::durable::flush_folder_of(folder),
        }
    }

    fn make(&self, path: &str, bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let path = self.root.join(path);
        self.make_folders(&path)?;
        let there = match base::durable::create_once(&path, bytes) {
            Ok(()) => {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o400))?;
                None
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Some(fs::read(&path)?),
            Err(error) => return Err(error),
        };
        self.lock(&path)?;
        Ok(there)
    }
}

impl Source for Directory {
    fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        copy::Folder(self.root.clone()).get(path)
    }

    fn checkpoints(&self) -> io::Result<Vec<u64>> {
        if !self.root.is_dir() {
            return Err(io::ErrorKind::NotFound.into());
        }
        copy::Folder(self.root.clone()).checkpoints()
    }
}

impl Place for Directory {
    fn put(&self, path: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        self.make(path, bytes).map_err(Error::Away)
    }

    fn strength(&self) -> String {
        match self.immutable {
            true => "a folder; the kernel refuses to change or remove its files",
            false => "a folder; whoever may write it can change it, which the next comparison shows",
        }
        .to_owned()
    }
}

/// A folder in a bucket with object lock. The oldest version of a key is the file.
pub struct InBucket {
    bucket: Bucket,
    folder: String,
    retain: Duration,
    clock: Arc<dyn Clock>,
}

impl InBucket {
    /// The keys that begin with `folder` in `bucket`, each locked for `retain` from its copying on.
    pub fn new(bucket: Bucket, folder: String, retain: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { bucket, folder, retain, clock }
    }

    fn oldest(&self, key: &str) -> Result<Option<Version>> {
        Ok(self.bucket.versions_of(key)?.into_iter().next())
    }

    fn bytes(&self, version: &Version) -> Result<Vec<u8>> {
        Ok(self.bucket.get(&version.key, &version.id, version.size.saturating_add(1))?)
    }

    /// Locks a version unless it is; believes what it reads back.
    fn lock(&self, key: &str, version: &str) -> Result<()> {
        if self.bucket.held(key, version)?.until.is_some() {
            return Ok(());
        }
        let until = self.clock.now().checked_add(self.retain).unwrap_or(base::Timestamp::MAX);
        self.bucket.retain(key, version, until)?;
        match self.bucket.held(key, version)?.until {
            Some(held) if held >= until => Ok(()),
            _ => Err(bucket::Error::Unlockable("it does not lock a file as it was told to").into()),
        }
    }
}

impl Source for InBucket {
    fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let found = self.oldest(&format!("{}{path}", self.folder)).map_err(io::Error::other)?;
        found.map(|version| self.bytes(&version)).transpose().map_err(io::Error::other)
    }

    fn checkpoints(&self) -> io::Result<Vec<u64>> {
        let prefix = format!("{}{CHECKPOINTS}/", self.folder);
        let mut sizes = Vec::new();
        self.bucket.each_version(&prefix, &mut |version| {
            let name = version.key.strip_prefix(&prefix).filter(|_| !version.marker);
            sizes.extend(name.and_then(copy::size_of));
        })?;
        sizes.dedup();
        Ok(sizes)
    }
}

impl Place for InBucket {
    /// 1. The file is put. Crash here: it is there and not locked; the next round locks it.
    /// 2. It is locked, and the lock read back.
    fn put(&self, path: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        let key = format!("{}{path}", self.folder);
        if let Some(version) = self.oldest(&key)? {
            self.lock(&key, &version.id)?;
            return Ok(Some(self.bytes(&version)?));
        }
        let kept = self.bucket.put(&key, bytes)?;
        self.lock(&key, &kept.version)?;
        Ok(None)
    }

    fn strength(&self) -> String {
        "a bucket with object lock; the server refuses removal to everyone".to_owned()
    }
}
