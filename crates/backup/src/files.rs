//! Files that are whole or absent.

use crate::Error;
use base::Blake3;
use rustix::fs::{Mode, OFlags};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Most bytes of a file that is read whole and whose length nobody has stated.
const SMALL: u64 = 256 << 20;

/// A folder that somebody named: made if it is absent, and as it is called without links.
pub(crate) fn named(path: &Path) -> Result<PathBuf, Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io(path))?;
    path.canonicalize().map_err(Error::io(path))
}

/// A folder that only its owner enters, with those above it. A link is none: it would lead what is written
/// there elsewhere.
pub(crate) fn folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io(path))?;
    let found = fs::symlink_metadata(path).map_err(Error::io(path))?;
    if found.is_dir() { Ok(()) } else { Err(Error::Odd(path.to_owned())) }
}

/// Opens a regular file, and nothing else. Whoever can write the folder of a backup could put a link there, a
/// pipe that is waited for, or a device that never ends.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => return Err(Error::Odd(path.to_owned())),
        Err(error) => return Err(Error::Io { path: path.to_owned(), source: error.into() }),
    };
    let found = file.metadata().map_err(Error::io(path))?;
    if found.is_file() { Ok(file) } else { Err(Error::Odd(path.to_owned())) }
}

/// Copies a file's bytes under a new name: written beside it, flushed, renamed, the folder flushed. What is
/// there is replaced. Gives length and BLAKE3.
pub(crate) fn copy(from: &mut dyn Read, to: &Path) -> Result<(u64, Blake3), Error> {
    let mut draft = Draft::create(to)?;
    let found = draft.fill(from)?;
    draft.keep()?;
    Ok(found)
}

/// The same for bytes whose length and BLAKE3 are known: others get no name. Gives whether it was those.
pub(crate) fn copy_of(from: &mut dyn Read, to: &Path, known: (u64, Blake3)) -> Result<bool, Error> {
    let mut draft = Draft::create(to)?;
    let found = draft.fill(&mut from.take(known.0.saturating_add(1)))?;
    if found == known {
        draft.keep()?;
    } else {
        clear(&draft.draft)?;
    }
    Ok(found == known)
}

/// A file that gets its name when it is whole.
pub(crate) struct Draft {
    pub file: File,
    path: PathBuf,
    draft: PathBuf,
}

impl Draft {
    pub fn create(path: &Path) -> Result<Self, Error> {
        if let Some(parent) = path.parent() {
            folder(parent)?;
        }
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let draft = PathBuf::from(name);
        // A new file: what stands there may be a link to somebody's file.
        clear(&draft)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
        Ok(Self { file: file.map_err(Error::io(&draft))?, path: path.to_owned(), draft })
    }

    fn fill(&mut self, from: &mut dyn Read) -> Result<(u64, Blake3), Error> {
        let mut hash = blake3::Hasher::new();
        let mut length = 0u64;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = from.read(&mut buffer).map_err(Error::io(&self.path))?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            hash.update(bytes);
            self.file.write_all(bytes).map_err(Error::io(&self.draft))?;
            length = length.saturating_add(count as u64);
        }
        Ok((length, Blake3(*hash.finalize().as_bytes())))
    }

    /// Flushes it and gives it its name.
    pub fn keep(self) -> Result<(), Error> {
        self.file.sync_all().map_err(Error::io(&self.draft))?;
        fs::rename(&self.draft, &self.path).map_err(Error::io(&self.path))?;
        base::durable::flush_folder_of(&self.path).map_err(Error::io(&self.path))
    }
}

/// Writes bytes as a whole file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    copy(&mut &*bytes, path).map(|_| ())
}

/// Reads a file that is small.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    read_at_most(path, SMALL)
}

/// Reads a file that has at most so many bytes.
pub(crate) fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(Error::io(path))?;
    if bytes.len() as u64 > most {
        return Err(Error::damaged(&path.display().to_string(), "it is longer than it can be"));
    }
    Ok(bytes)
}

/// Whether a file has this length and BLAKE3. No more than that is read.
pub(crate) fn is(path: &Path, known: (u64, Blake3)) -> Result<bool, Error> {
    let file = open(path)?;
    if file.metadata().map_err(Error::io(path))?.len() != known.0 {
        return Ok(false);
    }
    let mut hash = blake3::Hasher::new();
    let length = io::copy(&mut file.take(known.0.saturating_add(1)), &mut hash).map_err(Error::io(path))?;
    Ok((length, Blake3(*hash.finalize().as_bytes())) == known)
}

/// Length and BLAKE3 of a file that this program has just written.
pub(crate) fn digest(path: &Path) -> Result<(u64, Blake3), Error> {
    let mut hash = blake3::Hasher::new();
    let mut file = open(path)?;
    let length = io::copy(&mut file, &mut hash).map_err(Error::io(path))?;
    Ok((length, Blake3(*hash.finalize().as_bytes())))
}

/// Removes a file or a folder with all that is in it; absence is no error.
pub(crate) fn clear(path: &Path) -> Result<(), Error> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(Error::io(path))
}

/// The files below a folder, as paths relative to it, sorted. An absent folder has none.
pub(crate) fn below(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(at) = folders.pop() {
        let path = root.join(&at);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::Io { path, source: error }),
        };
        for entry in entries {
            let entry = entry.map_err(Error::io(&path))?;
            let name = at.join(entry.file_name());
            match entry.file_type().map_err(Error::io(&path))?.is_dir() {
                true => folders.push(name),
                false => found.push(name),
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a folder is absent or empty, but for the draft of its first file, which a crash may have left.
pub fn has_at_most(folder: &Path, draft: &str) -> bool {
    fs::read_dir(folder)
        .map_or(true, |mut entries| entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == draft)))
}
