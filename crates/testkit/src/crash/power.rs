//! A disk as its calls left it: what was flushed survives, what was not may or may not.
//!
//! The rules are those that POSIX gives and no file system is kinder than: content is safe once
//! the file was flushed, a name once its folder was, and everything once the whole file system
//! was. A name that was not flushed is lost together with all that was done to the folder after
//! it; of content that was not, each sector of 512 bytes stands for itself.

use super::Dice;
use super::trace::Call;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

const SECTOR: usize = 512;

/// What lies under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug, Clone, Default)]
struct Content {
    live: Vec<u8>,
    safe: Vec<u8>,
    pending: Vec<Change>,
}

/// A change of names, undone or done as one.
#[derive(Debug, Clone)]
struct Naming {
    folder: PathBuf,
    remove: Option<PathBuf>,
    put: Option<(PathBuf, Node)>,
}

/// What of the unflushed a loss of power leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing of it.
    Nothing,
    /// All of it, as when only the process ends.
    All,
    /// Some sectors and names, by a seed.
    Some(u64),
}

/// A folder on a disk.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
    files: Vec<Content>,
    live: BTreeMap<PathBuf, Node>,
    safe: BTreeMap<PathBuf, Node>,
    pending: Vec<Naming>,
    offsets: HashMap<i64, usize>,
}

impl Disk {
    /// The disk on which everything below `folder` is safe as it lies there now. In the calls, the
    /// folder is named `root`.
    pub fn of(folder: &Path, root: &Path) -> Result<Self> {
        let (files, live) = (Vec::new(), BTreeMap::new());
        let (pending, offsets) = (Vec::new(), HashMap::new());
        let mut disk = Self { root: root.to_owned(), files, live, safe: BTreeMap::new(), pending, offsets };
        disk.load(folder, root)?;
        disk.safe = disk.live.clone();
        Ok(disk)
    }

    fn load(&mut self, folder: &Path, name: &Path) -> Result<()> {
        self.live.insert(name.to_owned(), Node::Folder);
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), name.join(entry.file_name()));
            if path.is_dir() {
                self.load(&path, &name)?;
            } else {
                let bytes = fs::read(&path)?;
                let content = Content { live: bytes.clone(), safe: bytes, pending: Vec::new() };
                self.live.insert(name, Node::File(self.files.len()));
                self.files.push(content);
            }
        }
        Ok(())
    }

    /// Does what `call` did. Gives whether it concerned this disk.
    pub fn apply(&mut self, call: &Call) -> bool {
        if call.result < 0 {
            return false;
        }
        match call.name.as_str() {
            "open" | "openat" | "openat2" | "creat" => self.open(call),
            "lseek" => self.seek(call),
            "write" => self.write(call, None),
            "pwrite64" => self.write(call, call.number(3).and_then(|at| usize::try_from(at).ok())),
            "ftruncate" => self.resize(call, 1),
            "fallocate" => self.resize(call, 3),
            "fsync" | "fdatasync" => self.flush(call),
            "sync" | "syncfs" => self.flush_all(),
            "rename" | "link" => self.name(call, None, 0, None, 1),
            "renameat" | "renameat2" | "linkat" => self.name(call, Some(0), 1, Some(2), 3),
            "unlink" | "rmdir" => self.unlink(call.path(None, 0)),
            "unlinkat" => self.unlink(call.path(Some(0), 1)),
            "mkdir" => self.make_folder(call.path(None, 0)),
            "mkdirat" => self.make_folder(call.path(Some(0), 1)),
            _ => false,
        }
    }

    fn open(&mut self, call: &Call) -> bool {
        let Some(path) = call.opened.clone().filter(|path| path.starts_with(&self.root)) else {
            return false;
        };
        self.offsets.insert(call.result, 0);
        let flags = call.args.iter().find(|arg| arg.starts_with("O_")).cloned().unwrap_or_default();
        match self.live.get(&path) {
            None if flags.contains("O_CREAT") => {
                let node = Node::File(self.files.len());
                self.files.push(Content::default());
                self.put(path, node);
                true
            }
            Some(Node::File(at)) if flags.contains("O_TRUNC") => self.change(*at, Change::Length(0)),
            _ => false,
        }
    }

    fn seek(&mut self, call: &Call) -> bool {
        if let (Some(number), Ok(to)) = (call.descriptor_number(0), usize::try_from(call.result)) {
            self.offsets.insert(number, to);
        }
        false
    }

    fn file(&self, call: &Call) -> Option<usize> {
        match self.live.get(&call.descriptor(0)?)? {
            Node::File(at) => Some(*at),
            Node::Folder => None,
        }
    }

    fn write(&mut self, call: &Call, at: Option<usize>) -> bool {
        let (Some(file), Some(mut bytes)) = (self.file(call), call.bytes(1)) else { return false };
        bytes.truncate(usize::try_from(call.result).unwrap_or(0));
        let number = call.descriptor_number(0).unwrap_or(-1);
        let start = at.unwrap_or_else(|| self.offsets.get(&number).copied().unwrap_or(0));
        if at.is_none() {
            self.offsets.insert(number, start + bytes.len());
        }
        self.change(file, Change::Write(start, bytes))
    }

    fn resize(&mut self, call: &Call, length: usize) -> bool {
        let Some(file) = self.file(call) else { return false };
        let number = |at: usize| call.number(at).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let now = self.files.get(file).map_or(0, |content| content.live.len());
        let to = if length == 3 { now.max(number(2) + number(3)) } else { number(length) };
        self.change(file, Change::Length(to))
    }

    fn change(&mut self, file: usize, change: Change) -> bool {
        let Some(content) = self.files.get_mut(file) else { return false };
        apply(&mut content.live, &change);
        content.pending.push(change);
        true
    }

    fn flush(&mut self, call: &Call) -> bool {
        let Some(path) = call.descriptor(0) else { return false };
        match self.live.get(&path) {
            Some(Node::File(at)) => {
                let Some(content) = self.files.get_mut(*at) else { return false };
                content.safe = content.live.clone();
                content.pending.clear();
                true
            }
            Some(Node::Folder) => {
                let (now, later) =
                    std::mem::take(&mut self.pending).into_iter().partition(|n| n.folder == path);
                self.pending = later;
                let now: Vec<Naming> = now;
                now.iter().for_each(|naming| do_naming(&mut self.safe, naming));
                true
            }
            None => false,
        }
    }

    fn flush_all(&mut self) -> bool {
        self.safe = self.live.clone();
        self.pending.clear();
        for content in &mut self.files {
            content.safe = content.live.clone();
            content.pending.clear();
        }
        true
    }

    fn put(&mut self, path: PathBuf, node: Node) {
        let folder = path.parent().unwrap_or(&path).to_owned();
        self.do_and_remember(Naming { folder, remove: None, put: Some((path, node)) });
    }

    fn do_and_remember(&mut self, naming: Naming) {
        do_naming(&mut self.live, &naming);
        self.pending.push(naming);
    }

    fn name(
        &mut self,
        call: &Call,
        base: Option<usize>,
        from: usize,
        to_base: Option<usize>,
        to: usize,
    ) -> bool {
        let (Some(from), Some(to)) = (call.path(base, from), call.path(to_base, to)) else { return false };
        let Some(node) = self.live.get(&from).copied() else { return false };
        let moves = call.name.starts_with("rename");
        let folder = to.parent().unwrap_or(&to).to_owned();
        self.do_and_remember(Naming { folder, remove: moves.then_some(from), put: Some((to, node)) });
        true
    }

    fn unlink(&mut self, path: Option<PathBuf>) -> bool {
        let Some(path) = path.filter(|path| self.live.contains_key(path)) else { return false };
        let folder = path.parent().unwrap_or(&path).to_owned();
        self.do_and_remember(Naming { folder, remove: Some(path), put: None });
        true
    }

    fn make_folder(&mut self, path: Option<PathBuf>) -> bool {
        let Some(path) = path.filter(|path| path.starts_with(&self.root)) else { return false };
        self.put(path, Node::Folder);
        true
    }

    /// Writes into `target` what a loss of power now would leave of the disk.
    pub fn lose_power(&self, left: Left, target: &Path) -> Result<()> {
        let mut dice = Dice::new(if let Left::Some(seed) = left { seed } else { 0 });
        let mut names = self.safe.clone();
        // A journal keeps the order in a folder: what is lost is the end of it.
        let mut ended: HashMap<&Path, bool> = HashMap::new();
        for naming in &self.pending {
            let lost = ended.entry(&naming.folder).or_insert(false);
            *lost |= match left {
                Left::Nothing => true,
                Left::All => false,
                Left::Some(_) => dice.below(4) == 0,
            };
            if !*lost {
                do_naming(&mut names, naming);
            }
        }
        for (path, node) in &names {
            let whole = path.ancestors().skip(1).take_while(|up| up.starts_with(&self.root));
            if !whole.into_iter().all(|up| names.get(up) == Some(&Node::Folder)) {
                continue;
            }
            let place = target.join(path.strip_prefix(&self.root)?);
            match node {
                Node::Folder => fs::create_dir_all(&place)?,
                Node::File(at) => {
                    let content = self.files.get(*at).context("a file without content")?;
                    fs::write(&place, content.after(left, &mut dice))?;
                }
            }
        }
        Ok(())
    }
}

impl Content {
    fn after(&self, left: Left, dice: &mut Dice) -> Vec<u8> {
        match left {
            Left::Nothing => return self.safe.clone(),
            Left::All => return self.live.clone(),
            Left::Some(_) => {}
        }
        let mut bytes = self.safe.clone();
        for change in &self.pending {
            match change {
                Change::Length(_) if dice.below(2) == 0 => apply(&mut bytes, change),
                Change::Length(_) => {}
                Change::Write(start, written) => {
                    let mut at = *start;
                    for part in sectors(*start, written) {
                        if dice.below(2) == 0 {
                            apply(&mut bytes, &Change::Write(at, part.to_vec()));
                        }
                        at += part.len();
                    }
                }
            }
        }
        bytes
    }
}

/// `bytes` cut where sectors of the file begin.
fn sectors(start: usize, mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut at = start;
    while !bytes.is_empty() {
        let (part, rest) = bytes.split_at((SECTOR - at % SECTOR).min(bytes.len()));
        parts.push(part);
        at += part.len();
        bytes = rest;
    }
    parts
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => bytes.resize(*length, 0),
        Change::Write(start, written) => {
            let end = start + written.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            if let Some(place) = bytes.get_mut(*start..end) {
                place.copy_from_slice(written);
            }
        }
    }
}

fn do_naming(names: &mut BTreeMap<PathBuf, Node>, naming: &Naming) {
    if let Some(gone) = &naming.remove {
        names.remove(gone);
    }
    if let Some((path, node)) = &naming.put {
        names.insert(path.clone(), *node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::trace;

    /// The files that are left at the end of `text`, a trace in which paths are written plainly.
    fn left(text: &str, left: Left) -> Vec<(String, Vec<u8>)> {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = from.path().to_str().unwrap();
        let hex =
            |path: &str| format!("{root}/{path}").bytes().map(|b| format!("\\x{b:02x}")).collect::<String>();
        let mut text = text.to_owned();
        for name in ["a.new", "a"] {
            text = text.replace(&format!("[{name}]"), &hex(name));
        }
        text = text.replace("[]", &root.bytes().map(|b| format!("\\x{b:02x}")).collect::<String>());
        let mut disk = Disk::of(from.path(), from.path()).unwrap();
        for call in trace::parse(&text).unwrap() {
            disk.apply(&call);
        }
        disk.lose_power(left, to.path()).unwrap();
        let mut found: Vec<_> = fs::read_dir(to.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
            })
            .collect();
        found.sort();
        found
    }

    const WRITE: &str = "1 openat(AT_FDCWD, \"[a.new]\", O_WRONLY|O_CREAT, 0600) = 3<[a.new]>\n1 write(3<[a.new]>, \"\\x31\", 1) = 1\n";
    const FLUSH: &str = "1 fsync(3<[a.new]>) = 0\n";
    const RENAME: &str = "1 rename(\"[a.new]\", \"[a]\") = 0\n";
    const FOLDER: &str = "1 openat(AT_FDCWD, \"[]\", O_RDONLY|O_CLOEXEC) = 4<[]>\n1 fsync(4<[]>) = 0\n";

    #[test]
    fn only_what_was_flushed_is_sure_to_stay() {
        let whole = vec![("a".to_owned(), b"1".to_vec())];
        let check = |steps: &[&str], how, expected: &[(String, Vec<u8>)]| {
            assert_eq!(left(&steps.concat(), how), expected, "{steps:?}");
        };
        check(&[WRITE, FLUSH, RENAME, FOLDER], Left::Nothing, &whole);
        // The content was not flushed before the name: an empty file may stand there.
        check(&[WRITE, RENAME, FOLDER], Left::Nothing, &[("a".to_owned(), Vec::new())]);
        // The folder was not flushed.
        check(&[WRITE, FLUSH, RENAME], Left::Nothing, &[]);
        check(&[WRITE, RENAME], Left::All, &whole);
    }

    #[test]
    fn what_was_not_flushed_is_torn_at_sectors() {
        let bytes: Vec<u8> = (0..1200u32).map(|n| n as u8 | 1).collect();
        let content =
            Content { live: bytes.clone(), safe: Vec::new(), pending: vec![Change::Write(0, bytes.clone())] };
        let mut torn = 0;
        for seed in 0..40 {
            let after = content.after(Left::Some(seed), &mut Dice::new(seed));
            for (at, part) in after.chunks(SECTOR).enumerate() {
                let whole = bytes.get(at * SECTOR..at * SECTOR + part.len()).unwrap();
                assert!(part == whole || part.iter().all(|byte| *byte == 0));
            }
            torn += usize::from(after != bytes && !after.is_empty());
        }
        assert!(torn > 10);
    }
}
