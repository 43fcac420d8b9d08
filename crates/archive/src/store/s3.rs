//! A bucket with object lock: `SITE/objects/NAME`, `NAME.tree` beside it, `NAME.aside-DAY` when put aside.
//!
//! The oldest version of a key is the part; later ones and delete markers change nothing for readers. So a
//! part is created once also where a server lets everyone put a version on top. What forbids a removal is
//! kept by the server, version by version, and read back from there.

use super::{Incoming, Lock, Locked, Name, Part, Source, Store};
use base::{Clock, Entropy, SiteId, Timestamp};
use bucket::{Bucket, Error, Held, Reader, Upload, Version};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

/// Between a name and the day on which it was put aside.
const ASIDE: &str = ".aside-";
const TREE: &str = ".tree";

/// A folder of bodies in a bucket.
pub struct S3 {
    bucket: Bucket,
    folder: String,
    clock: Arc<dyn Clock>,
}

/// What lies under a name.
#[derive(Default)]
struct Found {
    body: Option<Version>,
    tree: Option<Version>,
    aside: Option<Version>,
    /// Everything, the oldest of each key last.
    all: Vec<Version>,
}

impl S3 {
    /// The bodies of `site` in `bucket`, which is tried first, and cleared of uploads that a crash cut off:
    /// one process at a time holds a site.
    ///
    /// # Errors
    /// [`Error::Unlockable`] for a bucket that does not lock what it keeps.
    pub fn open(
        bucket: Bucket,
        site: &SiteId,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Self, Error> {
        bucket.probe(&format!("{site}/probe/{}", Name::mint(entropy).as_str()))?;
        let folder = format!("{site}/objects/");
        bucket.abort_uploads(&folder)?;
        Ok(Self { bucket, folder, clock })
    }

    fn key(&self, name: &Name, part: Part) -> String {
        let ending = match part {
            Part::Body => "",
            Part::Tree => TREE,
        };
        format!("{}{}{ending}", self.folder, name.as_str())
    }

    /// What the keys of a shard begin with, or all keys.
    fn prefix(&self, shard: Option<u8>) -> String {
        shard.map_or_else(|| self.folder.clone(), |shard| format!("{}{shard:02x}", self.folder))
    }

    fn find(&self, name: &Name) -> Result<Found, Error> {
        let (body, tree) = (self.key(name, Part::Body), self.key(name, Part::Tree));
        let mut found = Found { all: self.bucket.versions(&body)?, ..Found::default() };
        // The newest comes first, so that the oldest stays.
        for version in found.all.iter().filter(|version| !version.marker) {
            if version.key == body {
                found.body = Some(version.clone());
            } else if version.key == tree {
                found.tree = Some(version.clone());
            } else if self.day_of(&version.key).is_some() {
                found.aside = Some(version.clone());
            }
        }
        // A mark hides nothing that is locked: whoever may write here could hide everything.
        if found.aside.is_some() && self.holds(&found)? != Lock::default() {
            found.aside = None;
        }
        Ok(found)
    }

    /// The name in a key, and the day on which the key puts it aside.
    fn day_of<'a>(&self, key: &'a str) -> Option<(Name, &'a str)> {
        let (name, day) = key.strip_prefix(&self.folder)?.split_once(ASIDE)?;
        Some((Name::parse(name)?, day))
    }

    fn name_of(&self, key: &str) -> Option<Name> {
        let name = key.strip_prefix(&self.folder)?;
        Name::parse(name.strip_suffix(TREE).unwrap_or(name))
    }

    /// What holds any part: as long as that lasts, the name cannot be removed.
    fn holds(&self, found: &Found) -> Result<Lock, Error> {
        let mut lock = Lock::default();
        for version in [&found.body, &found.tree].into_iter().flatten() {
            let held = self.bucket.held(&version.key, &version.id)?;
            lock = Lock { until: lock.until.max(held.until), hold: lock.hold || held.hold };
        }
        Ok(lock)
    }

    fn lock_part(&self, version: &Version, asked: &Lock) -> Result<Lock, Error> {
        let Held { until, hold } = self.bucket.held(&version.key, &version.id)?;
        let held = Lock { until, hold };
        let wanted = held.moved_to(asked);
        if let Some(until) = wanted.until.filter(|until| held.until.is_none_or(|now| now < *until)) {
            self.bucket.retain(&version.key, &version.id, until)?;
        }
        if wanted.hold != held.hold {
            self.bucket.hold(&version.key, &version.id, wanted.hold)?;
        }
        let Held { until, hold } = self.bucket.held(&version.key, &version.id)?;
        Ok(Lock { until, hold })
    }

    /// Removes everything under a name, the parts themselves first: where the server refuses, it refuses
    /// before anything is gone.
    fn remove_all(&self, found: &Found) -> io::Result<()> {
        let parts = [&found.body, &found.tree].into_iter().flatten();
        let rest = found
            .all
            .iter()
            .filter(|version| Some(*version) != found.body.as_ref() && Some(*version) != found.tree.as_ref());
        for version in parts.chain(rest) {
            match self.bucket.remove(&version.key, &version.id) {
                Ok(()) => {}
                Err(error) if error.is_refusal() => {
                    let lock = self.holds(found)?;
                    let locked = lock != Lock::default();
                    return Err(if locked { Locked::refuse(lock) } else { error.into() });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn today(&self) -> String {
        self.clock.now().strftime("%Y-%m-%d").to_string()
    }
}

impl Store for S3 {
    fn create(&self, name: &Name, part: Part) -> io::Result<Box<dyn Incoming>> {
        let found = self.find(name)?;
        let there = match part {
            Part::Body => found.body,
            Part::Tree => found.tree,
        };
        match there {
            Some(_) => Err(Error::Taken.into()),
            None => Ok(Box::new(Writing(self.bucket.upload(self.key(name, part))))),
        }
    }

    fn open(&self, name: &Name, part: Part) -> io::Result<Box<dyn Source>> {
        let found = self.find(name)?;
        let version = match part {
            Part::Body => found.body,
            Part::Tree => found.tree,
        };
        let version = version.filter(|_| found.aside.is_none()).ok_or(Error::Absent)?;
        Ok(Box::new(Reader::new(self.bucket.clone(), version.key, version.id, version.size)))
    }

    /// 1. The body is locked, then the tree. Crash in between: the body stays, and locking again locks the tree.
    /// 2. Both are asked what holds them; the weaker of the two is what the name has.
    fn lock(&self, name: &Name, lock: &Lock) -> io::Result<Lock> {
        let found = self.find(name)?;
        let body = self.lock_part(&found.body.ok_or(Error::Absent)?, lock)?;
        let tree = self.lock_part(&found.tree.ok_or(Error::Absent)?, lock)?;
        Ok(Lock { until: body.until.min(tree.until), hold: body.hold && tree.hold })
    }

    fn locked(&self, name: &Name) -> io::Result<Lock> {
        Ok(self.holds(&self.find(name)?)?)
    }

    fn remove(&self, name: &Name) -> io::Result<()> {
        let found = self.find(name)?;
        let lock = self.holds(&found)?;
        if lock.forbids(self.clock.now()) {
            return Err(Locked::refuse(lock));
        }
        self.remove_all(&found)
    }

    fn names_in(&self, shard: Option<u8>) -> io::Result<Vec<Name>> {
        let mut names = BTreeMap::new();
        self.bucket.each_version(&self.prefix(shard), &mut |version| {
            if version.marker {
                return;
            }
            if let Some((name, _)) = self.day_of(&version.key) {
                names.insert(name, false);
            } else if let Some(name) = self.name_of(&version.key) {
                names.entry(name).or_insert(true);
            }
        })?;
        let mut present = Vec::with_capacity(names.len());
        for (name, there) in names {
            // A mark beside something locked is no mark; few names have one at all.
            if there || self.find(&name)?.aside.is_none() {
                present.push(name);
            }
        }
        Ok(present)
    }

    fn is_there(&self) -> io::Result<bool> {
        Ok(self.bucket.has_any(&self.folder)?)
    }

    fn set_aside(&self, name: &Name) -> io::Result<()> {
        let found = self.find(name)?;
        let lock = self.holds(&found)?;
        if lock != Lock::default() {
            return Err(Locked::refuse(lock));
        }
        if found.aside.is_none() && (found.body.is_some() || found.tree.is_some()) {
            let mark = format!("{}{ASIDE}{}", self.key(name, Part::Body), self.today());
            self.bucket.put(&mark, &[])?;
        }
        Ok(())
    }

    fn clear_aside(&self, moment: Timestamp, shard: Option<u8>) -> io::Result<usize> {
        let before = moment.strftime("%Y-%m-%d").to_string();
        let mut due = Vec::new();
        self.bucket.each_version(&self.prefix(shard), &mut |version| {
            if let Some((name, day)) = self.day_of(&version.key)
                && day < before.as_str()
            {
                due.push(name);
            }
        })?;
        due.dedup();
        let mut cleared = 0;
        for name in due {
            let found = self.find(&name)?;
            if found.aside.is_some() {
                self.remove_all(&found)?;
                cleared += 1;
            }
        }
        Ok(cleared)
    }

    fn strength(&self) -> String {
        "a bucket with object lock; the server refuses removal to everyone, by its own clock".to_owned()
    }
}

struct Writing(Upload);

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Incoming for Writing {
    fn keep(self: Box<Self>) -> io::Result<()> {
        self.0.finish().map(|_| ()).map_err(io::Error::from)
    }
}
