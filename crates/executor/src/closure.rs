//! A tool with everything it loads, named by one digest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use base::Blake3;
use serde::{Deserialize, Serialize};

use crate::elf::{self, Program};
use crate::error::{Error, Result};
use crate::loading;

/// The files that a set of programs consists of, as they lie inside a job.
///
/// The digest is BLAKE3 over the canonical listing: the line `sequestra-closure-v1`, then for each
/// entry in order of its path `file MODE LENGTH BLAKE3 PATH` or `link PATH` and `  to TARGET`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// The digest of the listing.
    pub digest: Blake3,
    /// The files and links, in order of their paths.
    pub entries: Vec<Entry>,
    /// Where each file was found on this machine; known only to the process that collected it.
    #[serde(skip)]
    pub(crate) origins: BTreeMap<String, PathBuf>,
}

/// One file or link of a closure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Absolute path inside the job, on a merged `/usr` (`/usr/bin/bwa`, `/usr/lib/…/libz.so.1`).
    pub path: String,
    /// What is there.
    #[serde(flatten)]
    pub item: Item,
}

/// What stands at a path of a closure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Item {
    /// A regular file.
    File {
        /// 0o555 for programs and libraries that may be executed, 0o444 otherwise.
        mode: u32,
        /// Bytes.
        length: u64,
        /// The digest of its bytes.
        blake3: Blake3,
    },
    /// A symbolic link to another path of the job.
    Link {
        /// Its target.
        target: String,
    },
}

/// Paths that the job's own mounts cover, so that nothing of a closure may lie there.
const COVERED: &[&str] = &["/proc", "/dev", "/sys", "/tmp", "/in", "/work", "/out", "/run"];

/// A listing beyond this is a mistake (a whole disk named as an extra folder).
const MOST_ENTRIES: usize = 200_000;

impl Closure {
    /// Collects `programs` (the name under which the job calls each, and where it is here), what
    /// they load, and `extra_files`: files or whole folders that they open at run time.
    ///
    /// INVARIANT (nothing runs): what is offered is only read; not even its loader is started.
    ///
    /// Each program is reachable as `/usr/bin/NAME`. Errors: a program that is neither ELF nor a
    /// `#!` script, a library that the loader does not find, a path that cannot be in a job.
    pub fn collect(programs: &[(&str, PathBuf)], extra_files: &[PathBuf]) -> Result<Self> {
        let mut gathering = Gathering::default();
        for (name, path) in programs {
            gathering.program(name, path, 0)?;
        }
        for path in extra_files {
            gathering.extra(path)?;
        }
        gathering.finish()
    }

    /// The listing as JSON, to be kept with the registration.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a listing and insists that it is the one registered under `expected`.
    pub fn from_json(json: &str, expected: Blake3) -> Result<Self> {
        let closure: Self = serde_json::from_str(json)
            .map_err(|e| Error::Closure { path: "listing".to_owned(), why: e.to_string() })?;
        closure.check_listing(expected)?;
        Ok(closure)
    }

    /// Whether the listing has the digest `expected` and only paths that a job may have.
    pub fn check_listing(&self, expected: Blake3) -> Result<()> {
        let found = digest_of(&self.entries);
        if found != expected || self.digest != expected {
            return Err(Error::ListingChanged { expected, found });
        }
        check_paths(&self.entries)
    }

    /// Bytes of all files together.
    pub fn length(&self) -> u64 {
        let lengths =
            self.entries.iter().map(|e| if let Item::File { length, .. } = e.item { length } else { 0 });
        lengths.sum()
    }

    /// Whether a job made of this closure can call `name`.
    pub fn offers(&self, name: &str) -> bool {
        let path = format!("/usr/bin/{name}");
        self.entries.iter().any(|e| e.path == path)
    }
}

/// BLAKE3 of the canonical listing.
fn digest_of(entries: &[Entry]) -> Blake3 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"sequestra-closure-v1\n");
    for entry in entries {
        let line = match &entry.item {
            Item::File { mode, length, blake3 } => {
                format!("file {mode:o} {length} {blake3} {}\n", entry.path)
            }
            Item::Link { target } => format!("link {}\n  to {target}\n", entry.path),
        };
        hasher.update(line.as_bytes());
    }
    Blake3(hasher.finalize().into())
}

/// INVARIANT (no way out of the root): paths are absolute and plain, sorted and unique, and no entry
/// lies below another, so that copying a closure never follows a link that it brought itself.
pub(crate) fn check_paths(entries: &[Entry]) -> Result<()> {
    let mut before: Option<&str> = None;
    let all: BTreeSet<&str> = entries.iter().map(|e| e.path.as_str()).collect();
    for Entry { path, item } in entries {
        if before.is_some_and(|b| b >= path.as_str()) {
            return Err(refuse(path, "the listing is not sorted"));
        }
        before = Some(path);
        if !plain(path) || covered(Path::new(path)) {
            return Err(refuse(path, "a job cannot have a file there"));
        }
        if matches!(item, Item::Link { target } if target.contains(char::is_control)) {
            return Err(refuse(path, "its target has control characters"));
        }
        let mut above = Path::new(path).parent();
        while let Some(folder) = above {
            if folder.to_str().is_some_and(|f| all.contains(f)) {
                return Err(refuse(path, "it lies below another entry"));
            }
            above = folder.parent();
        }
    }
    Ok(())
}

fn plain(path: &str) -> bool {
    let below = path.strip_prefix('/').unwrap_or("..");
    !path.contains(char::is_control)
        && !["bin", "sbin", "lib", "lib64"].iter().any(|link| Path::new(below).starts_with(link))
        && below.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

fn covered(path: &Path) -> bool {
    COVERED.iter().any(|mount| path.starts_with(mount))
}

fn refuse(path: impl AsRef<Path>, why: impl Into<String>) -> Error {
    Error::Closure { path: path.as_ref().display().to_string(), why: why.into() }
}

/// The path without `.` and `..`, on a merged `/usr` (`/lib/x` is `/usr/lib/x`).
fn place(path: &Path) -> Result<String> {
    let mut parts: Vec<&str> = vec![];
    for part in path.components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir => {
                parts.pop();
            }
            Component::Normal(name) => {
                parts.push(name.to_str().ok_or_else(|| refuse(path, "it is not UTF-8"))?)
            }
            Component::Prefix(_) => return Err(refuse(path, "it is not a path")),
        }
    }
    if !path.is_absolute() || parts.is_empty() {
        return Err(refuse(path, "it is not an absolute path"));
    }
    if matches!(parts.first(), Some(&("bin" | "sbin" | "lib" | "lib64"))) {
        parts.insert(0, "usr");
    }
    Ok(format!("/{}", parts.join("/")))
}

#[derive(Default)]
struct Gathering {
    items: BTreeMap<String, Item>,
    origins: BTreeMap<String, PathBuf>,
    /// The loader of the first program: it resolves libraries that are named as extra files.
    loader: Option<PathBuf>,
}

impl Gathering {
    fn program(&mut self, name: &str, path: &Path, depth: u8) -> Result<()> {
        if name.is_empty() || name.contains('/') || name.starts_with('.') || name.contains(char::is_control) {
            return Err(refuse(name, "a program's name is one plain word"));
        }
        let real = match fs::canonicalize(path) {
            // Named by a person: no failure of the machine.
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(refuse(path, "it is not there")),
            found => found.map_err(Error::io("find", path))?,
        };
        let called = format!("/usr/bin/{name}");
        let mut home = place(&real)?;
        if covered(Path::new(&home)) {
            home.clone_from(&called);
        }
        self.file(&home, &real, true)?;
        self.needs(&real, depth)?;
        if home != called { self.link(&called, &home) } else { Ok(()) }
    }

    /// Adds what `real` needs to start: its loader and libraries, or its interpreter.
    fn needs(&mut self, real: &Path, depth: u8) -> Result<()> {
        match elf::inspect(real)? {
            Program::Elf { loader: None } => Ok(()),
            Program::Elf { loader: Some(loader) } => {
                loading::check_loader(real, &loader)?;
                self.file(&place(&loader)?, &loader, true)?;
                self.loader.get_or_insert_with(|| loader.clone());
                self.libraries(&loader, real)
            }
            Program::Script { interpreter, argument } => {
                if depth >= 4 {
                    return Err(refuse(real, "its interpreters call one another"));
                }
                self.file(&place(&interpreter)?, &interpreter, true)?;
                let real_interpreter =
                    fs::canonicalize(&interpreter).map_err(Error::io("find", &interpreter))?;
                self.needs(&real_interpreter, depth + 1)?;
                if interpreter.file_name().is_some_and(|n| n == "env") {
                    let word =
                        argument.as_deref().and_then(|a| a.split_whitespace().find(|w| !w.starts_with('-')));
                    let word = word.ok_or_else(|| refuse(real, "`env` is not told what to start"))?;
                    self.program(word, &on_path(word)?, depth + 1)?;
                }
                Ok(())
            }
        }
    }

    fn libraries(&mut self, loader: &Path, real: &Path) -> Result<()> {
        let mut found = loading::libraries(loader, real)?;
        found.extend(elf::loaded_later(&found));
        for library in found {
            let home = place(&library.path)?;
            let standard = in_standard_folder(&home);
            if !covered(Path::new(&home)) {
                self.file(&home, &library.path, true)?;
            }
            // The job has no loader cache: what lies elsewhere is also offered where every loader looks.
            let alias = format!("/usr/lib/{}", library.name);
            if !standard && !library.name.contains('/') {
                if covered(Path::new(&home)) {
                    self.file(&alias, &library.path, true)?;
                } else {
                    self.link(&alias, &home)?;
                }
            }
        }
        Ok(())
    }

    fn extra(&mut self, path: &Path) -> Result<()> {
        let found = fs::symlink_metadata(path).map_err(Error::io("find", path))?;
        if found.is_dir() {
            let mut names: Vec<PathBuf> = vec![];
            for item in fs::read_dir(path).map_err(Error::io("list", path))? {
                names.push(item.map_err(Error::io("list", path))?.path());
            }
            names.sort();
            return names.iter().try_for_each(|below| self.extra(below));
        }
        let real = fs::canonicalize(path).map_err(Error::io("find", path))?;
        if real.is_dir() {
            return self.link(&place(path)?, &place(&real)?);
        }
        self.file(&place(path)?, &real, false)?;
        self.extra_libraries(&real)
    }

    fn extra_libraries(&mut self, real: &Path) -> Result<()> {
        let mut magic = [0u8; 4];
        let mut file = File::open(real).map_err(Error::io("read", real))?;
        let is_elf = file.read_exact(&mut magic).is_ok() && magic == *b"\x7fELF";
        match self.loader.clone() {
            Some(loader) if is_elf => self.libraries(&loader, real),
            _ => Ok(()),
        }
    }

    fn file(&mut self, home: &str, origin: &Path, executable: bool) -> Result<()> {
        let found = fs::metadata(origin).map_err(Error::io("read", origin))?;
        if !found.is_file() {
            return Err(refuse(origin, "it is not a regular file"));
        }
        if executable {
            elf::check_length(origin)?;
        }
        let executable = executable || found.permissions().mode() & 0o111 != 0;
        let mut hasher = blake3::Hasher::new();
        let file = File::open(origin).map_err(Error::io("read", origin))?;
        hasher.update_reader(file).map_err(Error::io("read", origin))?;
        let item = Item::File {
            mode: if executable { 0o555 } else { 0o444 },
            length: hasher.count(),
            blake3: Blake3(hasher.finalize().into()),
        };
        self.origins.insert(home.to_owned(), origin.to_owned());
        self.insert(home, item)
    }

    fn link(&mut self, home: &str, target: &str) -> Result<()> {
        self.insert(home, Item::Link { target: target.to_owned() })
    }

    fn insert(&mut self, home: &str, item: Item) -> Result<()> {
        if self.items.len() >= MOST_ENTRIES {
            return Err(refuse(home, "the closure has too many files"));
        }
        match (self.items.get(home), &item) {
            (Some(Item::File { blake3: old, .. }), Item::File { blake3: new, .. }) if old == new => {
                return Ok(());
            }
            (Some(old), new) if old == new => return Ok(()),
            (Some(_), _) => return Err(refuse(home, "two different files want this path")),
            (None, _) => {}
        }
        self.items.insert(home.to_owned(), item);
        Ok(())
    }

    fn finish(self) -> Result<Closure> {
        let entries: Vec<Entry> = self.items.into_iter().map(|(path, item)| Entry { path, item }).collect();
        check_paths(&entries)?;
        Ok(Closure { digest: digest_of(&entries), entries, origins: self.origins })
    }
}

fn in_standard_folder(home: &str) -> bool {
    let folder = Path::new(home).parent().unwrap_or(Path::new("/"));
    let name = folder.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let top = folder == Path::new("/usr/lib") || folder == Path::new("/usr/lib64");
    top || (folder.parent() == Some(Path::new("/usr/lib")) && name.contains("-linux-"))
}

fn on_path(word: &str) -> Result<PathBuf> {
    let folders = ["/usr/local/bin", "/usr/bin", "/bin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(word)).find(|path| path.is_file());
    found.ok_or_else(|| refuse(word, "no such program in the system's folders"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(path: &str, target: &str) -> Entry {
        Entry { path: path.to_owned(), item: Item::Link { target: target.to_owned() } }
    }

    #[test]
    fn paths_that_could_leave_the_root_are_refused() {
        let bad = [
            vec![link("/usr/../etc/x", "y")],
            vec![link("usr/bin/x", "y")],
            vec![link("/bin/x", "y")],
            vec![link("/proc/x", "y")],
            vec![link("/usr/a", "/etc"), link("/usr/a/passwd", "y")],
            vec![link("/usr/b", "y"), link("/usr/a", "y")],
            vec![link("/usr/a\nfile", "y")],
        ];
        for entries in bad {
            assert!(check_paths(&entries).is_err(), "{entries:?}");
        }
        check_paths(&[link("/usr/a", "y"), link("/usr/b/c", "y")]).unwrap();
    }

    #[test]
    fn a_changed_listing_is_refused() {
        let closure = Closure::collect(&[("true", "/bin/true".into())], &[]).unwrap();
        assert!(closure.offers("true") && closure.length() > 0);
        let json = closure.to_json();
        assert_eq!(Closure::from_json(&json, closure.digest).unwrap().entries, closure.entries);
        let forged = json.replace("365", "292");
        assert_ne!(forged, json);
        assert!(matches!(Closure::from_json(&forged, closure.digest), Err(Error::ListingChanged { .. })));
    }

    #[test]
    fn a_script_brings_its_interpreter() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("hello");
        fs::write(&script, "#!/usr/bin/env sh\necho hello\n").unwrap();
        let closure = Closure::collect(&[("hello", script)], &[]).unwrap();
        assert!(closure.offers("hello") && closure.offers("env") && closure.offers("sh"));
    }
}
