//! A directory: `ab/abcdef…` and `abcdef….tree` beside it, `abcdef….lock` when something forbids removal; `site.mark`
//! says whose it is.
//!
//! Files are created once, mode 0400, and flushed with their folder before they count. What forbids a
//! removal stands in the lock file and is asked before every removal; where the file system and the
//! process's rights allow, the immutable flag makes the kernel refuse as well, whoever asks.

use super::{Incoming, Lock, Locked, Name, NotOwn, Part, Source, Store};
use base::{Clock, SiteId, Timestamp};
use rustix::fs::{IFlags, Mode, OFlags, ioctl_getflags, ioctl_setflags};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that says whose folder it is.
const MARK: &str = "site.mark";
/// The folder of what was put aside, one folder a day below it.
const ASIDE: &str = "aside";

/// Whether the kernel is asked to refuse removals too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// No: the store alone refuses.
    Off,
    /// Yes: locked parts get the immutable flag. Who removes the folder of a site has to lift it first.
    On,
}

/// A directory of bodies.
pub struct Local {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    flag: Flag,
    /// Whose mark the folder has to bear, before anything is put there.
    owner: Option<SiteId>,
}

impl Local {
    /// The directory `folder`, which is made if it is absent. With [`Flag::On`] it is an error when the
    /// file system or the process's rights do not allow the flag: a promise that cannot be kept is not made.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>, flag: Flag) -> io::Result<Self> {
        make_folder(folder)?;
        if flag == Flag::On {
            Self::try_flag(folder)?;
        }
        Ok(Self { folder: folder.to_owned(), clock, flag, owner: None })
    }

    /// The same as a store of `site`: nothing is put where its mark is missing. A folder under a mount that is gone
    /// would take bodies that nobody finds when the mount is back.
    #[must_use]
    pub fn of(self, site: &SiteId) -> Self {
        Self { owner: Some(site.clone()), ..self }
    }

    /// Which folder is there now, when it bears the mark that it has to bear.
    fn own_place(&self) -> io::Result<Option<(u64, u64)>> {
        let absent = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Ok(None),
            _ => Err(error),
        };
        if let Some(owner) = &self.owner {
            match fs::read(self.folder.join(MARK)) {
                Ok(mark) if mark == marked(owner) => {}
                Ok(_) => return Ok(None),
                Err(error) => return absent(error),
            }
        }
        match fs::metadata(&self.folder) {
            Ok(found) => Ok(Some((found.dev(), found.ino()))),
            Err(error) => absent(error),
        }
    }

    /// Tries the immutable flag on a file of its own in `folder`.
    ///
    /// # Errors
    /// What the kernel said; without `CAP_LINUX_IMMUTABLE`, a permission error.
    pub fn try_flag(folder: &Path) -> io::Result<()> {
        let path = folder.join(".flag");
        // A leftover of a crash between setting and lifting.
        if let Ok(file) = File::open(&path) {
            set_flag(&file, false)?;
            fs::remove_file(&path)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&path)?;
        let tried = set_flag(&file, true).and_then(|()| {
            let refused = fs::remove_file(&path).is_err();
            set_flag(&file, false)?;
            if refused { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
        });
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => tried,
        }
    }

    fn path(&self, name: &Name, part: Part) -> PathBuf {
        let body = self.shard(name).join(name.as_str());
        match part {
            Part::Body => body,
            Part::Tree => body.with_extension("tree"),
        }
    }

    fn lock_path(&self, name: &Name) -> PathBuf {
        self.shard(name).join(name.as_str()).with_extension("lock")
    }

    fn shard(&self, name: &Name) -> PathBuf {
        self.folder.join(name.as_str().get(..2).unwrap_or("00"))
    }

    /// The folders of shards that are there.
    fn shards(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for shard in fs::read_dir(&self.folder)? {
            let shard = shard?;
            if shard.file_name().len() == 2 && shard.file_type()?.is_dir() {
                found.push(shard.path());
            }
        }
        Ok(found)
    }

    fn flag_parts(&self, name: &Name, on: bool) -> io::Result<()> {
        for part in Part::ALL {
            match File::open(self.path(name, part)) {
                Ok(file) if on => set_flag(&file, true)?,
                Ok(file) if has_flag(&file) => set_flag(&file, false)?,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound && !on => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Store for Local {
    /// The folder's mark is looked at before and after: a mount that goes or comes in between is noticed.
    fn create(&self, name: &Name, part: Part) -> io::Result<Box<dyn Incoming>> {
        let place = self.own_place()?.ok_or(NotOwn)?;
        let (path, shard) = (self.path(name, part), self.shard(name));
        if !shard.exists() {
            make_folder(&shard)?;
            base::durable::flush_folder_of(&shard)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&path)?;
        let made = Writing { file, path: Some(path) };
        let same = made.file.metadata()?.dev() == place.0 && self.own_place()? == Some(place);
        if same { Ok(Box::new(made)) } else { Err(NotOwn.into()) }
    }

    fn open(&self, name: &Name, part: Part) -> io::Result<Box<dyn Source>> {
        // Not what a link names, and not a pipe, which would be waited for: some folders of bodies are backups,
        // which others may write.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::open(self.path(name, part), flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a body is no regular file"));
        }
        Ok(Box::new(file))
    }

    /// 1. The lock file is replaced, durably. Crash here: the store refuses already, the kernel not yet;
    ///    locking again sets the flag.
    /// 2. The flag is set on both parts, when it is in use.
    fn lock(&self, name: &Name, lock: &Lock) -> io::Result<Lock> {
        for part in Part::ALL {
            File::open(self.path(name, part))?;
        }
        let held = self.locked(name)?;
        let wanted = held.moved_to(lock);
        if wanted != held {
            base::durable::replace(&self.lock_path(name), written(&wanted).as_bytes())?;
        }
        if self.flag == Flag::On && wanted != Lock::default() {
            self.flag_parts(name, true)?;
        }
        self.locked(name)
    }

    fn locked(&self, name: &Name) -> io::Result<Lock> {
        match fs::read_to_string(self.lock_path(name)) {
            Ok(text) => read(&text)
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a lock file is unreadable")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Lock::default()),
            Err(error) => Err(error),
        }
    }

    /// The immutable flag, where it is in use.
    fn is_marked(&self, name: &Name) -> io::Result<bool> {
        if self.flag == Flag::Off {
            return Ok(true);
        }
        for part in Part::ALL {
            if !has_flag(&File::open(self.path(name, part))?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// 1. The lock is asked. 2. The flags go, then the body, the tree, and at last the lock file: a crash
    ///    in between leaves what the next removal ends.
    fn remove(&self, name: &Name) -> io::Result<()> {
        let lock = self.locked(name)?;
        if lock.forbids(self.clock.now()) {
            return Err(Locked::refuse(lock));
        }
        self.flag_parts(name, false)?;
        let mut removed = false;
        for path in [self.path(name, Part::Body), self.path(name, Part::Tree), self.lock_path(name)] {
            match fs::remove_file(path) {
                Ok(()) => removed = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if removed { File::open(self.shard(name))?.sync_all() } else { Ok(()) }
    }

    fn names_in(&self, shard: Option<u8>) -> io::Result<Vec<Name>> {
        let folders = match shard {
            Some(shard) => vec![self.folder.join(format!("{shard:02x}"))],
            None => self.shards()?,
        };
        let mut names = BTreeSet::new();
        for folder in folders {
            let files = match fs::read_dir(&folder) {
                Ok(files) => files,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for file in files {
                let path = file?.path();
                names.extend(path.file_stem().and_then(|stem| stem.to_str()).and_then(Name::parse));
            }
        }
        Ok(names.into_iter().collect())
    }

    fn is_there(&self) -> io::Result<bool> {
        let shards = match self.shards() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            shards => shards?,
        };
        for shard in shards {
            if fs::read_dir(shard)?.next().is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_own(&self) -> io::Result<bool> {
        Ok(self.own_place()?.is_some())
    }

    /// 1. The mark is made, whole, or fails where one is. Crash here: it is there or not, and the next opening looks
    ///    again.
    fn claim(&self) -> io::Result<()> {
        let Some(owner) = &self.owner else { return Ok(()) };
        make_folder(&self.folder)?;
        match base::durable::create_once(&self.folder.join(MARK), &marked(owner)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !self.is_own()? => {
                Err(NotOwn.into())
            }
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn set_aside(&self, name: &Name) -> io::Result<()> {
        let lock = self.locked(name)?;
        if lock != Lock::default() {
            return Err(Locked::refuse(lock));
        }
        let day = self.folder.join(ASIDE).join(self.clock.now().strftime("%Y-%m-%d").to_string());
        make_folder(&day)?;
        for part in Part::ALL {
            let from = self.path(name, part);
            let Some(file) = from.file_name() else { continue };
            match fs::rename(&from, day.join(file)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        File::open(&day)?.sync_all()?;
        File::open(self.shard(name))?.sync_all()
    }

    fn clear_aside(&self, moment: Timestamp, shard: Option<u8>) -> io::Result<usize> {
        let before = moment.strftime("%Y-%m-%d").to_string();
        let days = match fs::read_dir(self.folder.join(ASIDE)) {
            Ok(days) => days,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut cleared = BTreeSet::new();
        for day in days {
            let day = day?;
            if day.file_name().to_str().is_none_or(|day| day >= before.as_str()) {
                continue;
            }
            for file in fs::read_dir(day.path())? {
                let path = file?.path();
                let stem = path.file_stem().map(ToOwned::to_owned);
                let name = stem.as_ref().and_then(|stem| stem.to_str()).and_then(Name::parse);
                // What is no name belongs to no shard, and goes with the first.
                if name.is_none_or(|name| name.is_in(shard)) {
                    fs::remove_file(&path)?;
                    cleared.insert(stem);
                }
            }
            match fs::remove_dir(day.path()) {
                // Other shards have something there yet.
                Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => return Err(error),
                _ => {}
            }
        }
        Ok(cleared.len())
    }

    fn strength(&self) -> String {
        match self.flag {
            Flag::On => "a directory; the store and, by the immutable flag, the kernel refuse removal",
            Flag::Off => {
                "a directory; the store refuses removal, the kernel does not: who may write the folder can remove files"
            }
        }
        .to_owned()
    }
}

struct Writing {
    file: File,
    /// Where it lies, until it is kept.
    path: Option<PathBuf>,
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Incoming for Writing {
    fn keep(mut self: Box<Self>) -> io::Result<()> {
        self.file.sync_all()?;
        if let Some(path) = &self.path {
            base::durable::flush_folder_of(path)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Litter is harmless: sealed, without record, and put aside after the next start.
            let _ = fs::remove_file(path);
        }
    }
}

/// What the mark of a site is.
fn marked(site: &SiteId) -> Vec<u8> {
    format!("{site}\n").into_bytes()
}

/// `until <moment or ->` and `hold <yes or no>`, a line each.
fn written(lock: &Lock) -> String {
    let until = lock.until.map_or_else(|| "-".to_owned(), |until| until.to_string());
    format!("until {until}\nhold {}\n", if lock.hold { "yes" } else { "no" })
}

fn read(text: &str) -> Option<Lock> {
    let (until, hold) = text.strip_suffix('\n')?.split_once('\n')?;
    let until = match until.strip_prefix("until ")? {
        "-" => None,
        moment => Some(moment.parse().ok()?),
    };
    let hold = match hold.strip_prefix("hold ")? {
        "yes" => true,
        "no" => false,
        _ => return None,
    };
    let lock = Lock { until, hold };
    // Only as it is written: other letters would say the same, and a changed bit would go unseen.
    (written(&lock) == text).then_some(lock)
}

fn has_flag(file: &File) -> bool {
    ioctl_getflags(file).is_ok_and(|flags| flags.contains(IFlags::IMMUTABLE))
}

fn set_flag(file: &File, on: bool) -> io::Result<()> {
    let mut flags = ioctl_getflags(file)?;
    flags.set(IFlags::IMMUTABLE, on);
    ioctl_setflags(file, flags)?;
    if has_flag(file) == on { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_reads_back_and_an_unreadable_one_is_none() {
        let moment = "2031-05-14T00:00:00Z".parse().unwrap();
        for lock in
            [Lock::default(), Lock { until: Some(moment), hold: false }, Lock { until: None, hold: true }]
        {
            assert_eq!(read(&written(&lock)), Some(lock));
        }
        for text in ["", "until -\n", "until -\nhold maybe\n", "until soon\nhold no\n", "until -\nhold no"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_lock_with_any_bit_changed_says_something_else() {
        let lock = Lock { until: Some("2031-05-14T12:00:00.123Z".parse().unwrap()), hold: true };
        let text = written(&lock);
        for bit in 0..text.len() * 8 {
            let mut changed = text.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            let said = String::from_utf8(changed).ok().and_then(|text| read(&text));
            assert_ne!(said, Some(lock), "bit {bit}");
        }
    }
}
