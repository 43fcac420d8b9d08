//! One backup: its head, which the ledger vouches for, and its lists.

use crate::{Error, Place, files};
use archive::restored::Kept;
use archive::store::Name;
use base::{Blake3, ObjectId, SiteId, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;

/// The form of a head.
pub const FORMAT: &str = "sequestra-backup-set-1";
/// The head's file.
pub const HEAD: &str = "set.json";
/// The list of bodies.
pub const OBJECTS: &str = "objects.list";
/// The list of tools.
pub const TOOLS: &str = "tools.list";
/// The database, sealed, and its tree.
pub const DATABASE: [&str; 2] = ["metadata.sealed", "metadata.tree"];
/// The identity map, sealed, and its tree.
pub const MAP: [&str; 2] = ["identities.sealed", "identities.tree"];

/// The head of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// [`FORMAT`].
    pub format: String,
    /// The site.
    pub site: SiteId,
    /// The set's number, from 1.
    pub set: u32,
    /// When its database was copied.
    pub made: Timestamp,
    /// The version of the program that made it.
    pub program: String,
    /// The epoch whose key opens it.
    pub epoch: i32,
    /// When that epoch ends.
    pub expires: Timestamp,
    /// The set's key under the epoch's, base64.
    pub key: String,
    /// The size of the ledger just before the database was copied: what ended below it is in the copy.
    pub since: u64,
    /// The database.
    pub database: Database,
    /// The identity map; none in sets from before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identities: Option<Database>,
    /// Versions in the list.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Every other file of the set.
    pub files: Vec<Stated>,
    /// Versions that are not in the backup.
    pub absent: Vec<Absent>,
}

/// What is needed to open the sealed database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Length in clear, bytes.
    pub length: u64,
    /// Length as sealed, bytes.
    pub sealed: u64,
    /// The base nonce.
    pub nonce: [u8; 12],
    /// Root of its tree.
    pub root: Blake3,
    /// BLAKE3 of the content.
    pub digest: Blake3,
}

/// A file of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stated {
    /// Its name.
    pub name: String,
    /// Its length, bytes.
    pub length: u64,
    /// BLAKE3.
    pub digest: Blake3,
}

/// A version that is not in the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// The object.
    pub object: ObjectId,
    /// The version.
    pub version: u32,
    /// Whether its bytes were damaged; else it was deleted or withdrawn while the set was made.
    pub damaged: bool,
}

/// A tool's file. A digest and no word: a word could lead out of the folder of tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    /// BLAKE3 of the file, and its name.
    pub digest: Blake3,
    /// Its length, bytes.
    pub length: u64,
}

/// A set that was read: its head, and the head's digest.
#[derive(Debug, Clone)]
pub struct Set {
    /// The head.
    pub head: Head,
    /// BLAKE3 of the head's file: what the ledger has on record.
    pub digest: Blake3,
    folder: PathBuf,
}

impl Set {
    /// Reads the set of this number, the newest if there is none.
    pub fn read(place: &Place, number: Option<u32>) -> Result<Self, Error> {
        let sets = place.sets()?;
        let number = match number {
            Some(number) => sets.contains(&number).then_some(number),
            None => sets.last().copied(),
        };
        let number = number.ok_or(Error::NoSet)?;
        let folder = place.set(number);
        let bytes = files::read(&folder.join(HEAD))?;
        let head: Head = serde_json::from_slice(&bytes)
            .map_err(|_| Error::damaged(&file(number, HEAD), "it is no head of a set"))?;
        if head.format != FORMAT || head.set != number || head.site != *place.site() {
            return Err(Error::damaged(&file(number, HEAD), "it is the head of another set"));
        }
        Ok(Self { head, digest: Blake3(*blake3::hash(&bytes).as_bytes()), folder })
    }

    /// A file of the set.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Its name below the backup's folder.
    pub fn name(&self, name: &str) -> String {
        file(self.head.set, name)
    }

    /// Compares a file with the head.
    pub fn check(&self, name: &str) -> Result<(), Error> {
        let stated = self.head.files.iter().find(|stated| stated.name == name);
        let stated =
            stated.ok_or_else(|| Error::damaged(&self.name(HEAD), format!("it does not state `{name}`")))?;
        let path = self.path(name);
        if fs::symlink_metadata(&path).is_err() {
            return Err(Error::damaged(&self.name(name), "it is gone"));
        }
        if !files::is(&path, (stated.length, stated.digest))? {
            return Err(Error::damaged(&self.name(name), "its bytes are not those that the head states"));
        }
        Ok(())
    }

    /// The bodies, from a list that was checked.
    pub fn objects(&self) -> Result<Vec<Kept>, Error> {
        self.lines(OBJECTS, parse)
    }

    /// The tools, from a list that was checked.
    pub fn tools(&self) -> Result<Vec<Tool>, Error> {
        self.lines(TOOLS, |line| {
            let (digest, length) = line.split_once(' ')?;
            Some(Tool { digest: digest.parse().ok()?, length: length.parse().ok()? })
        })
    }

    /// Reads a small file that was checked.
    pub fn read_file(&self, name: &str) -> Result<Vec<u8>, Error> {
        self.check(name)?;
        let stated = self.head.files.iter().find(|stated| stated.name == name);
        files::read_at_most(&self.path(name), stated.map_or(0, |stated| stated.length))
    }

    fn lines<T>(&self, name: &str, line: impl FnMut(&str) -> Option<T>) -> Result<Vec<T>, Error> {
        let text = String::from_utf8(self.read_file(name)?).unwrap_or_default();
        let lines: Option<Vec<T>> = text.lines().map(line).collect();
        lines.ok_or_else(|| Error::damaged(&self.name(name), "a line is not of its form"))
    }

    /// Why a version is not in the backup, if it is not.
    pub fn lacks(&self, kept: &Kept) -> Option<&Absent> {
        self.head.absent.iter().find(|one| one.object == kept.object && one.version == kept.version)
    }
}

fn file(set: u32, name: &str) -> String {
    format!("sets/{set:06}/{name}")
}

/// A body's line.
pub(crate) fn line(kept: &Kept) -> String {
    let Kept { name, object, version, project, length, root } = kept;
    let project = project.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    format!("{} {object} {version} {project} {length} {root}\n", name.as_str())
}

pub(crate) fn parse(line: &str) -> Option<Kept> {
    let mut words = line.split(' ');
    let kept = Kept {
        name: Name::parse(words.next()?)?,
        object: words.next()?.parse().ok()?,
        version: words.next()?.parse().ok()?,
        project: match words.next()? {
            "-" => None,
            project => Some(project.parse().ok()?),
        },
        length: words.next()?.parse().ok()?,
        root: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(kept)
}

/// To what a set's key is bound.
pub(crate) fn binding(site: &SiteId, set: u32) -> String {
    format!("backup-set/{site}/{set}")
}
