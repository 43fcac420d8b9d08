//! The beginning of a set: the database, the lists, and what the site remembers of them.
//!
//! INVARIANT (remembered): who can write the backup's folder can write a draft. A draft counts when the site has
//! its digest, in its own folder; the lists count when the draft states them. The ledger vouches for what comes
//! of it.
//!
//! INVARIANT (one-sealing): the set's sealed file was in force before the database was copied, and still is
//! after the recovery file was written, at each step. Otherwise a root that is replaced in between wraps keys in
//! the copy, or the epoch's, and is not in the file.

use crate::create::{Backup, blocking};
use crate::set::{self, Absent, Database, Head, OBJECTS, Stated, TOOLS};
use crate::{Error, Place, files, place, sealed};
use access::Permit;
use access::thing::Site;
use access::verb::Manage;
use archive::restored::Kept;
use base::{Blake3, ObjectId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use db::Db;
use keys::backup::Epoch;
use seal::SessionKey;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// What unseals the site, in its folder and in a set.
const SEALED: (&str, &str) = ("keys/site.sealed", "site.sealed");
/// The head while only the database is in the set.
const BEGUN: &str = "begun.json";
/// The head while bodies are copied.
pub(crate) const DRAFT: &str = "draft.json";

/// How far a set is.
pub(crate) enum Stage {
    /// It is to be begun.
    None,
    /// Its database is there.
    Copied(Box<Head>),
    /// So are the lists.
    Listed(Box<Head>, Memory),
}

/// What the site remembers of the set that is being made.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memory {
    /// BLAKE3 of the draft of its head.
    pub draft: Blake3,
    /// Bodies that were seen to.
    pub next: u64,
    /// Versions that could not be copied.
    pub lacking: Vec<Lacking>,
}

/// A version that could not be copied.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lacking {
    pub object: ObjectId,
    pub version: u32,
    /// Whether the archive still has it; nothing when it was not asked yet.
    pub damaged: Option<bool>,
}

impl Lacking {
    pub fn absent(&self) -> Absent {
        let damaged = self.damaged.unwrap_or(true);
        Absent { object: self.object.clone(), version: self.version, damaged }
    }
}

impl Memory {
    fn of(draft: &[u8]) -> Self {
        Self { draft: digest(draft), next: 0, lacking: Vec::new() }
    }

    pub fn lacks(&mut self, kept: &Kept) {
        let known = |one: &&Lacking| one.object == kept.object && one.version == kept.version;
        if self.lacking.iter().find(known).is_none() {
            let (object, version) = (kept.object.clone(), kept.version);
            self.lacking.push(Lacking { object, version, damaged: None });
        }
    }
}

impl Backup {
    /// Where the site keeps what it remembers.
    pub(crate) fn memory(&self) -> PathBuf {
        self.folder.join("backup").join("draft.json")
    }

    pub(crate) async fn remember(&self, memory: &Memory) -> Result<(), Error> {
        let (path, bytes) = (self.memory(), json(memory));
        blocking(move || files::write(&path, &bytes)).await
    }

    /// How far this set is, if it is of this epoch and the site's secrets were not sealed anew. Of an
    /// epoch that is no longer in force it would open for less than what is promised.
    pub(crate) async fn stage(&self, place: &Place, set: u32, epoch: &Epoch) -> Result<Stage, Error> {
        let (memory, sealed, draft) = (self.memory(), self.folder.join(SEALED.0), place.draft(set));
        let (site, epoch) = (self.site.clone(), epoch.number);
        let found = blocking(move || {
            let (Some(memory), Some(own)) = (read_if_there(&memory)?, read_if_there(&draft.join(SEALED.1))?)
            else {
                return Ok(Stage::None);
            };
            let Ok(memory) = serde_json::from_slice::<Memory>(&memory) else { return Ok(Stage::None) };
            if own != files::read(&sealed)? {
                return Ok(Stage::None);
            }
            for (name, listed) in [(DRAFT, true), (BEGUN, false)] {
                let bytes = read_if_there(&draft.join(name))?.filter(|bytes| digest(bytes) == memory.draft);
                let head: Option<Head> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
                match head
                    .filter(|head| (&head.site, head.set, head.epoch) == (&site, set, epoch))
                    .map(Box::new)
                {
                    Some(head) if listed => return Ok(Stage::Listed(head, memory)),
                    Some(head) => return Ok(Stage::Copied(head)),
                    None => {}
                }
            }
            Ok(Stage::None)
        });
        found.await
    }

    /// 1. The set's key under the epoch's: while the permit lasts.
    /// 2. The sealed file, then the sealed database, then the head so far and the memory of it, without which all of it is
    ///    cleared by the next step.
    pub(crate) async fn begin(
        &self,
        permit: &Permit<Manage, Site>,
        place: &Place,
        number: u32,
        epoch: &Epoch,
    ) -> Result<(), Error> {
        let made = self.clock.now();
        let key = SessionKey::mint(&*self.entropy);
        let by = self.keys.backup_key(permit, epoch.number, made).await?;
        let wrapped = by.wrap(key.expose(), &set::binding(&self.site, number), &*self.entropy)?;
        let (draft, sealed) = (place.draft(number), self.folder.join(SEALED.0));
        let to = draft.clone();
        let cleared = move || {
            files::clear(&to)?;
            files::folder(&to)?;
            files::write(&to.join(SEALED.1), &files::read(&sealed)?)
        };
        blocking(cleared).await?;
        // Before the copy: what has its outcome below this was carried out, and is in it.
        let since = self.audit.ledger().size();
        // The map after the database: it is as new or newer, and a site takes no older one.
        let database = self.seal_database(&self.db, (&draft, set::DATABASE), &key).await?;
        let identities = Some(self.seal_database(&self.map, (&draft, set::MAP), &key).await?);
        let head = Head {
            format: set::FORMAT.to_owned(),
            site: self.site.clone(),
            set: number,
            made,
            program: self.program.to_owned(),
            epoch: epoch.number,
            expires: epoch.expires,
            key: STANDARD.encode(wrapped),
            since,
            database,
            identities,
            objects: 0,
            bytes: 0,
            files: Vec::new(),
            absent: Vec::new(),
        };
        self.keep(&draft, BEGUN, &head).await
    }

    /// Lists what the database names and writes the other small files. Gives the number of versions.
    ///
    /// Bodies that came after the copy of the database are in the list too, which is no harm; those that went
    /// are in the next backup's as little.
    pub(crate) async fn list(
        &self,
        permit: &Permit<Manage, Site>,
        place: &Place,
        mut head: Head,
    ) -> Result<u64, Error> {
        let kept = self.archive.kept(permit).await?;
        head.objects = kept.len() as u64;
        head.bytes = kept.iter().map(|one| one.length).sum();
        let (draft, place, own) = (place.draft(head.set), place.clone(), self.folder.clone());
        let to = draft.clone();
        let listed = move || {
            let lines: String = kept.iter().map(set::line).collect();
            files::write(&to.join(OBJECTS), lines.as_bytes())?;
            files::write(&to.join(TOOLS), copy_tools(&own, &place)?.as_bytes())?;
            for name in ["site.toml", "site.pub"] {
                files::write(&to.join(name), &files::read(&own.join(name))?)?;
            }
            stated(&to)
        };
        head.files = blocking(listed).await?;
        self.keep(&draft, DRAFT, &head).await?;
        let begun = draft.join(BEGUN);
        blocking(move || files::clear(&begun)).await?;
        Ok(head.objects)
    }

    /// The head so far, then the memory of it. Crash in between: it does not count.
    async fn keep(&self, draft: &Path, name: &str, head: &Head) -> Result<(), Error> {
        let (path, bytes) = (draft.join(name), json(head));
        let memory = Memory::of(&bytes);
        blocking(move || files::write(&path, &bytes)).await?;
        self.remember(&memory).await
    }

    async fn seal_database(
        &self,
        db: &Db,
        (draft, names): (&Path, [&'static str; 2]),
        key: &SessionKey,
    ) -> Result<Database, Error> {
        let copy = self.room()?.join("copy.db");
        let without = if names == set::DATABASE { keys::restored::NOT_IN_A_BACKUP } else { &[] };
        let sealed = match db.copy_to(&copy, without).await {
            Ok(()) => {
                let (entropy, draft) = (self.entropy.clone(), draft.to_owned());
                let key = SessionKey::from_bytes(*key.expose());
                blocking(move || sealed::write(&copy, (&draft, names), &key, &*entropy)).await
            }
            Err(error) => Err(error.into()),
        };
        // Under the database's own key, which does not end: nothing of it stays, however this went.
        self.clear_room()?;
        sealed
    }
}

/// Copies tools that the backup does not have. Gives their list.
fn copy_tools(own: &Path, place: &Place) -> Result<String, Error> {
    let mut list = String::new();
    for name in files::below(&own.join("tools"))? {
        let Some(digest) = name.file_name().and_then(|name| name.to_str()) else { continue };
        let Ok(digest) = digest.parse::<Blake3>() else { continue };
        let (mut from, to) = (files::open(&own.join("tools").join(&name))?, place.tool(&digest));
        let length = from.metadata().map_err(Error::io(&name))?.len();
        if fs::symlink_metadata(&to).is_err() && !files::copy_of(&mut from, &to, (length, digest))? {
            let name = place::tool_path(&digest).display().to_string();
            return Err(Error::damaged(&name, "the site's own tool is not what its name says"));
        }
        list.push_str(&format!("{digest} {length}\n"));
    }
    Ok(list)
}

/// The list of a set that is being made, as its head states it.
pub(crate) fn list_of(draft: &Path, head: &Head) -> Result<Vec<Kept>, Error> {
    let stated = head.files.iter().find(|stated| stated.name == OBJECTS);
    let (length, known) = stated.map_or((0, digest(&[])), |stated| (stated.length, stated.digest));
    let bytes = files::read_at_most(&draft.join(OBJECTS), length)?;
    if digest(&bytes) != known {
        return Err(Error::damaged(OBJECTS, "it was changed while the set was made"));
    }
    let text = String::from_utf8(bytes).unwrap_or_default();
    let lines: Option<Vec<Kept>> = text.lines().map(set::parse).collect();
    lines.ok_or_else(|| Error::damaged(OBJECTS, "a line is not of its form"))
}

/// Every file of a set but its head.
fn stated(draft: &Path) -> Result<Vec<Stated>, Error> {
    let mut found = Vec::new();
    for path in files::below(draft)?.into_iter().filter(|path| path != Path::new(BEGUN)) {
        let (length, digest) = files::digest(&draft.join(&path))?;
        found.push(Stated { name: path.display().to_string(), length, digest });
    }
    Ok(found)
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    if fs::symlink_metadata(path).is_err() { Ok(None) } else { files::read(path).map(Some) }
}

fn digest(bytes: &[u8]) -> Blake3 {
    Blake3(*blake3::hash(bytes).as_bytes())
}

pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
