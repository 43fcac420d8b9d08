//! The folder of a backup.

use crate::{Error, files};
use archive::store::{Flag, Local, Name};
use base::{Blake3, Clock, SiteId};
use serde::{Deserialize, Serialize};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The first word of `backup.toml`.
const FORMAT: &str = "sequestra-backup-1";

/// Its folders.
const FOLDERS: [&str; 6] = ["objects", "tools", "ledger", "ledger/segments", "ledger/tile", "sets"];

/// The folder of a backup.
#[derive(Debug, Clone)]
pub struct Place {
    root: PathBuf,
    site: SiteId,
}

/// What is at a path, or the nearest folder above it that is there, as the kernel knows it. Two processes with mounts
/// of their own can mean two folders by one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The number of its device.
    pub device: u64,
    /// The number of its inode on it.
    pub inode: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    format: String,
    site: SiteId,
}

impl Place {
    /// The backup in `root`.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let place = |why| Error::NoBackup { path: root.to_owned(), why };
        // Whoever named the folder may have named a link; none is followed below it.
        let root = &root.canonicalize().map_err(|_| place("is not there"))?;
        let path = root.join("backup.toml");
        if fs::symlink_metadata(&path).is_err() {
            return Err(place("is not a backup: it has no `backup.toml`"));
        }
        let text = String::from_utf8(files::read(&path)?).unwrap_or_default();
        let mark: Mark = toml::from_str(&text)
            .map_err(|_| Error::damaged("backup.toml", "it is not what `backup create` wrote"))?;
        if mark.format != FORMAT {
            return Err(place("is a backup of another form, by another version of the program"));
        }
        for folder in FOLDERS {
            let path = root.join(folder);
            // A link would lead what is written there elsewhere.
            if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_dir()) {
                return Err(Error::Odd(path));
            }
        }
        Ok(Self { root: root.to_owned(), site: mark.site })
    }

    /// The backup of `site` in `root`, which is made if it is absent or empty.
    pub fn of(root: &Path, site: &SiteId) -> Result<Self, Error> {
        let place = |why| Err(Error::Place { path: root.to_owned(), why });
        if !root.is_absolute() {
            return place("is not an absolute path");
        }
        if !root.join("backup.toml").exists() {
            if !files::has_at_most(root, "backup.toml.new") {
                return place("is not empty and no backup");
            }
            let root = files::named(root)?;
            let mark = Mark { format: FORMAT.to_owned(), site: site.clone() };
            let text = toml::to_string(&mark).unwrap_or_default();
            files::write(&root.join("backup.toml"), text.as_bytes())?;
        }
        let found = Self::open(root)?;
        if found.site != *site { place("is the backup of another site") } else { Ok(found) }
    }

    /// The site that it is a backup of.
    pub fn site(&self) -> &SiteId {
        &self.site
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The bodies.
    pub fn store(&self, clock: Arc<dyn Clock>) -> Result<Local, Error> {
        let folder = self.root.join("objects");
        Local::open(&folder, clock, Flag::Off).map_err(Error::io(&folder))
    }

    /// Refuses a body that lies in something else than plain files in a plain folder. The store follows a link on the
    /// way to a body, and whoever can write here could lead it elsewhere.
    pub(crate) fn is_plain(&self, name: &Name) -> Result<(), Error> {
        let shard = self.root.join("objects").join(name.as_str().get(..2).unwrap_or("00"));
        let body = shard.join(name.as_str());
        for (path, folder) in [(&shard, true), (&body, false), (&body.with_extension("tree"), false)] {
            let found = fs::symlink_metadata(path);
            if found.is_ok_and(|found| if folder { !found.is_dir() } else { !found.is_file() }) {
                return Err(Error::Odd(path.clone()));
            }
        }
        Ok(())
    }

    /// The mirror of the ledger.
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// A tool's file, by its digest.
    pub fn tool(&self, digest: &Blake3) -> PathBuf {
        self.root.join(tool_path(digest))
    }

    /// The folder of a set.
    pub fn set(&self, number: u32) -> PathBuf {
        self.root.join("sets").join(format!("{number:06}"))
    }

    /// The folder of a set that is being made.
    pub fn draft(&self, number: u32) -> PathBuf {
        self.root.join("sets").join(format!("{number:06}.new"))
    }

    /// The numbers of the sets, oldest first.
    pub fn sets(&self) -> Result<Vec<u32>, Error> {
        let path = self.root.join("sets");
        let mut found = Vec::new();
        for entry in fs::read_dir(&path).into_iter().flatten() {
            let name = entry.map_err(Error::io(&path))?.file_name();
            found.extend(
                name.to_str().filter(|name| name.len() == 6).and_then(|name| name.parse::<u32>().ok()),
            );
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// Where a tool's file lies, in a site as in a backup.
pub(crate) fn tool_path(digest: &Blake3) -> PathBuf {
    let name = digest.to_string();
    Path::new("tools").join(name.get(..2).unwrap_or("00")).join(&name)
}

/// Where a body lies below the folder of a backup.
pub(crate) fn body_path(name: &Name) -> String {
    format!("objects/{}/{}", name.as_str().get(..2).unwrap_or("00"), name.as_str())
}

/// Refuses a path that leads this process to another folder than its client, who said which one is meant: what
/// is mounted there may be visible to one of them alone, and a backup beneath a mount is none.
pub(crate) fn is_meant(path: &Path, meant: Option<Identity>) -> Result<(), Error> {
    let there = path.ancestors().find_map(|at| at.metadata().ok());
    let found = there.map(|found| Identity { device: found.dev(), inode: found.ino() });
    if meant.is_none() || meant == found { Ok(()) } else { Err(Error::Elsewhere(path.to_owned())) }
}

/// Refuses folders that lie in each other: a backup in its site would hold itself, and a recovery file beside
/// what it opens would keep it open.
pub(crate) fn apart(one: &Path, other: &Path, why: &'static str) -> Result<(), Error> {
    let real = |path: &Path| {
        let there = path.ancestors().find_map(|at| Some((at, at.canonicalize().ok()?)));
        there.map_or_else(
            || path.to_owned(),
            |(at, real)| real.join(path.strip_prefix(at).unwrap_or_else(|_| Path::new(""))),
        )
    };
    let (first, second) = (real(one), real(other));
    if first.starts_with(&second) || second.starts_with(&first) {
        return Err(Error::Place { path: one.to_owned(), why });
    }
    Ok(())
}
