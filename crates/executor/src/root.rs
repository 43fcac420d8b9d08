//! The file system of a job: its closures, a skeleton, and nothing else of this machine.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use base::Blake3;

use crate::closure::{self, Closure, Entry, Item};
use crate::error::{Error, Result};
use crate::{mounts, store};

/// A file system in memory, made of closures, for any number of jobs; removed when dropped.
///
/// INVARIANT (what was hashed is what runs): each byte was hashed on its way into memory and compared
/// with the listing, and nothing but this process writes there; a job sees it read-only.
#[derive(Debug)]
pub struct Root {
    folder: PathBuf,
    closures: Vec<Blake3>,
}

/// Where the bytes of closures come from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// The folder of stored tools.
    Store(&'a Path),
    /// The places where this process found them when it collected the closure.
    Here,
}

/// Folders that the job's mounts go to, and those that the links of a merged `/usr` point at.
const FOLDERS: &[&str] =
    &["usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "proc", "dev", "tmp", "in", "work", "out"];

const LINKS: &[(&str, &str)] =
    &[("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")];

const FILES: &[(&str, &str)] = &[
    (
        "etc/passwd",
        "job:x:1000:1000:job:/work:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    ),
    ("etc/group", "job:x:1000:\nnogroup:x:65534:\n"),
    ("etc/hosts", "127.0.0.1 localhost job\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
];

impl Root {
    /// Builds a root in the new folder `folder`, which must lie on a memory file system.
    pub(crate) fn build(folder: PathBuf, source: Source<'_>, closures: &[&Closure]) -> Result<Self> {
        fs::create_dir(&folder).map_err(Error::io("create", &folder))?;
        // From here on, dropping removes what was begun.
        let root = Self { folder, closures: closures.iter().map(|c| c.digest).collect() };
        if !mounts::in_memory(&root.folder)? {
            return Err(Error::Walls(format!("`{}` does not lie in memory", root.folder.display())));
        }
        root.skeleton()?;
        for (entry, closure) in merge(closures)? {
            root.put(entry, closure, source)?;
        }
        open_to_readers(&root.folder)?;
        Ok(root)
    }

    /// The folder, for the sandbox program.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The digests of the closures in it, in the order given.
    pub fn closures(&self) -> &[Blake3] {
        &self.closures
    }

    /// Whether the job can call the absolute path `program`.
    pub fn has(&self, program: &str) -> bool {
        let below = program.trim_start_matches('/');
        fs::symlink_metadata(self.folder.join(below)).is_ok()
    }

    fn skeleton(&self) -> Result<()> {
        for name in FOLDERS {
            self.make_folders(Path::new(name))?;
        }
        for (name, target) in LINKS {
            let path = self.folder.join(name);
            symlink(target, &path).map_err(Error::io("link", &path))?;
        }
        for (name, text) in FILES {
            let path = self.folder.join(name);
            let mut file = create(&path, 0o444)?;
            file.write_all(text.as_bytes()).map_err(Error::io("write", &path))?;
        }
        Ok(())
    }

    fn put(&self, entry: &Entry, closure: &Closure, source: Source<'_>) -> Result<()> {
        let below = Path::new(entry.path.trim_start_matches('/'));
        let path = self.folder.join(below);
        if let Some(above) = below.parent() {
            self.make_folders(above)?;
        }
        match &entry.item {
            Item::Link { target } => symlink(target, &path).map_err(Error::io("link", &path)),
            Item::File { mode, blake3, .. } => {
                let from = match source {
                    Source::Store(folder) => store::path_in(folder, *blake3),
                    Source::Here => closure.origins.get(&entry.path).cloned().ok_or_else(|| {
                        Error::Invalid("this closure was not collected by this process".to_owned())
                    })?,
                };
                let mode = if mode & 0o111 == 0 { 0o444 } else { 0o555 };
                copy_hashing(&entry.path, &from, &path, mode, *blake3)
            }
        }
    }

    /// Makes the folders of `below`, refusing to pass through a link.
    fn make_folders(&self, below: &Path) -> Result<()> {
        let mut path = self.folder.clone();
        for part in below.components() {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => return Err(Error::Clash { path: below.display().to_string() }),
                Err(_) => fs::create_dir(&path).map_err(Error::io("create", &path))?,
            }
        }
        Ok(())
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = mounts::remove_tree(&self.folder);
    }
}

/// All entries by path; the same path with other bytes is a clash.
fn merge<'a>(closures: &[&'a Closure]) -> Result<Vec<(&'a Entry, &'a Closure)>> {
    let mut all: BTreeMap<&str, (&Entry, &Closure)> = BTreeMap::new();
    for closure in closures {
        closure.check_listing(closure.digest)?;
        for entry in &closure.entries {
            match all.get(entry.path.as_str()) {
                Some((other, _)) if !same(&other.item, &entry.item) => {
                    return Err(Error::Clash { path: entry.path.clone() });
                }
                Some(_) => {}
                None => {
                    all.insert(&entry.path, (entry, closure));
                }
            }
        }
    }
    let entries: Vec<Entry> = all.values().map(|(entry, _)| (*entry).clone()).collect();
    closure::check_paths(&entries)?;
    Ok(all.into_values().collect())
}

fn same(a: &Item, b: &Item) -> bool {
    match (a, b) {
        (Item::File { blake3: a, .. }, Item::File { blake3: b, .. }) => a == b,
        (a, b) => a == b,
    }
}

/// INVARIANT (what was hashed is what runs): the bytes hashed are the bytes written, read once.
fn copy_hashing(named: &str, from: &Path, to: &Path, mode: u32, expected: Blake3) -> Result<()> {
    let mut input = match File::open(from) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::ToolChanged { path: named.to_owned(), expected, found: "absent".to_owned() });
        }
        opened => opened.map_err(Error::io("open", from))?,
    };
    let mut output = create(to, mode)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0u8; 256 << 10];
    loop {
        let count = input.read(&mut buffer).map_err(Error::io("read", from))?;
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        hasher.update(piece);
        output.write_all(piece).map_err(Error::io("write", to))?;
    }
    let found = Blake3(hasher.finalize().into());
    if found != expected {
        return Err(Error::ToolChanged { path: named.to_owned(), expected, found: found.to_string() });
    }
    Ok(())
}

fn create(path: &Path, mode: u32) -> Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let file = file.map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => Error::Clash { path: path.display().to_string() },
        _ => Error::io("create", path)(e),
    })?;
    file.set_permissions(Permissions::from_mode(mode)).map_err(Error::io("protect", path))?;
    Ok(file)
}

/// A strict mode mask must not hide the root from the job's own user.
fn open_to_readers(folder: &Path) -> Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(Error::io("protect", folder))?;
    for item in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let path = item.map_err(Error::io("list", folder))?.path();
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            open_to_readers(&path)?;
        }
    }
    Ok(())
}
