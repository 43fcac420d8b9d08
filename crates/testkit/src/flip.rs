//! One changed bit in a stored file of a small site: is it found, and is the file named?
//!
//! What looks for it is what a site has: the full check of the ledger's folder, the check of every
//! page of the database, reading every object to its end under a permit, and the scrub. A body, its tree
//! and its lock are named by their object.

use crate::Spine;
use crate::crash::{actor, campaign::copy_folder, fast_folder};
use access::thing::{Object, Project};
use access::verb::{Read as ReadVerb, View};
use access::{Action, Ask, Permit};
use anyhow::{Context, Result, ensure};
use db::sea_orm::ConnectionTrait;
use db::{Db, DbKey};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Objects of the small site; one has two segments.
const OBJECTS: u64 = 4;
/// Files that carry nothing: the ledger's lock, and what the test itself must know.
const EMPTY: [&str; 3] = ["ledger/lock", "known.txt", "person.json"];

/// The mark of the site in its store.
const MARK: &str = "objects/site.mark";

/// A small site, closed.
pub struct Small {
    room: TempDir,
    /// The object that a file of the store belongs to.
    owners: BTreeMap<PathBuf, String>,
}

impl Small {
    /// Makes it: a project, objects, everything published.
    pub async fn new() -> Result<Self> {
        let room = tempfile::tempdir_in(fast_folder())?;
        let folder = room.path().join("whole");
        std::fs::create_dir(&folder)?;
        actor::Actor::Objects.prepare(&folder).await?;
        let (spine, project, caller) = actor::reopen(&folder).await?;
        let mut owners = BTreeMap::new();
        for n in 0..OBJECTS {
            let id = std::cell::RefCell::new(String::new());
            let tell = |made: &base::ObjectId, _| {
                *id.borrow_mut() = made.to_string();
                Ok(())
            };
            actor::put(&spine, &project, &caller, n, tell).await?;
            settle(&spine).await?;
            // Of the files that are there, those that were not there before are this object's.
            let files = below(&folder, Path::new("objects"))?;
            for file in files.into_iter().filter(|file| file != Path::new(MARK)) {
                owners.entry(file).or_insert_with(|| id.borrow().clone());
            }
        }
        spine.close().await;
        let small = Self { room, owners };
        let copy = small.room.path().join("changed");
        copy_folder(&folder, &copy)?;
        let found = small.find(&copy).await?;
        ensure!(found.is_empty(), "damage is found where there is none: {found:?}");
        std::fs::remove_dir_all(&copy)?;
        Ok(small)
    }

    /// Every file that carries something, with its length.
    pub fn files(&self) -> Result<Vec<(PathBuf, usize)>> {
        let whole = self.room.path().join("whole");
        let mut files = Vec::new();
        for file in below(&whole, Path::new(""))? {
            let length = usize::try_from(std::fs::metadata(whole.join(&file))?.len())?;
            if length > 0 && !EMPTY.iter().any(|name| file == Path::new(name)) {
                files.push((file, length));
            }
        }
        Ok(files)
    }

    /// Changes one bit at each of `places` of `file` in turn, and gives the places at which the file is
    /// not named.
    pub async fn try_at(&self, file: &Path, places: &[usize]) -> Result<Vec<String>> {
        let name = self.owners.get(file).cloned().unwrap_or_else(|| file.display().to_string());
        let mut missed = Vec::new();
        for at in places {
            let folder = self.room.path().join("changed");
            copy_folder(&self.room.path().join("whole"), &folder)?;
            let path = folder.join(file);
            let mut bytes = std::fs::read(&path)?;
            *bytes.get_mut(*at).context("beyond the file")? ^= 1 << (at % 8);
            std::fs::remove_file(&path)?;
            std::fs::write(&path, bytes)?;
            let found = self.find(&folder).await?;
            if !found.contains(&name) {
                missed.push(format!("byte {at} bit {}: {found:?}", at % 8));
            }
            std::fs::remove_dir_all(&folder)?;
        }
        Ok(missed)
    }

    /// The names of what is damaged in `folder`.
    async fn find(&self, folder: &Path) -> Result<Vec<String>> {
        let verifier = ledger::SigningKey::from_seed(&crate::spine::LEDGER)?.verifier("test.example/site")?;
        let report = ledger::check::folder(&folder.join("ledger"), &verifier)?;
        let mut found: Vec<String> =
            report.findings.iter().map(|finding| format!("ledger/{}", finding.file)).collect();
        if report.unfinished {
            // A bit at the start of a sector of unwritten space looks like a write that was cut short there. The
            // check says so, and nothing but the last segment can hold one.
            found.extend(
                below(folder, Path::new("ledger/segments"))?.pop().map(|last| last.display().to_string()),
            );
        }
        if !database_is_whole(&folder.join("metadata.db")).await {
            found.push("metadata.db".to_owned());
        }
        if found.is_empty() {
            found.extend(damaged_objects(folder).await?);
        }
        Ok(found)
    }
}

async fn database_is_whole(path: &Path) -> bool {
    let Ok(db) = Db::open(path, &DbKey::new(crate::spine::DATABASE), crate::spine::TABLES).await else {
        return false;
    };
    let whole = db.check().await.is_ok_and(|findings| findings.is_empty());
    db.close().await.is_ok() && whole
}

/// The objects that cannot be read to their end.
async fn damaged_objects(folder: &Path) -> Result<Vec<String>> {
    let (spine, project, caller): (Spine, _, _) = actor::reopen(folder).await?;
    let mut ids = Vec::new();
    for position in 0..spine.audit.ledger().size() {
        if let audit::What::ObjectSealed(manifest) = spine.audit.recorded(position)?.event.what {
            ids.push(manifest.object.clone());
        }
    }
    let view: Permit<View, Project> =
        spine.access.decide(&caller, Ask::new(Action::ViewSamples, [project])).await?;
    let mut damaged = Vec::new();
    if spine.archive.standing().away {
        damaged.push(MARK.to_owned());
    }
    for object in spine.archive.describe(&view, &ids).await? {
        let ask = Ask::new(Action::ViewVariants, [object.id.clone()]);
        let permit: Permit<ReadVerb, Object> = spine.access.decide(&caller, ask).await?;
        let read = match spine.archive.open_object(&permit, &object.id).await {
            Ok(mut opened) => opened.read_to_end(&mut Vec::new()).is_ok(),
            Err(_) => false,
        };
        if !read {
            damaged.push(object.id.to_string());
        }
    }
    // Where the store locks a body, no reader looks.
    let by = audit::Actor::Site(spine.site.clone());
    let pace = archive::Pace { every: Duration::ZERO, per_second: 0, step: Duration::from_secs(3_600) };
    let step = spine.archive.scrub(&pace, &by, None).await?;
    damaged.extend(step.found.into_iter().map(|found| found.object.to_string()));
    spine.close().await;
    Ok(damaged)
}

/// Has the store lock everything, as an open site does. The door of this small one refuses nothing.
async fn settle(spine: &Spine) -> Result<()> {
    spine.db.reader().execute_unprepared("UPDATE archive_object SET arriving = 0").await?;
    let locked = spine.archive.lock_settled().await?;
    ensure!(locked == 1, "the new object is not locked");
    Ok(())
}

/// The files below `folder` and `part` of it, named from `folder`.
fn below(folder: &Path, part: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.join(part))? {
        let entry = entry?;
        let name = part.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files.extend(below(folder, &name)?);
        } else {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}
