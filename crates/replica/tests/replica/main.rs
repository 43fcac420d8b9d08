//! Replicas in a folder and in a bucket of a real server: copied in order, compared, checked by themselves.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod bucket;

use base::{Clock, Fault, Kind, SystemClock};
use ledger::copy::{self, Source};
use ledger::log::Options;
use ledger::storage::Disk;
use ledger::{Body, Entry, Ledger, SigningKey};
use replica::place::Directory;
use replica::{Copier, Error, Place, Progress};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A ledger in a folder of its own.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) ledger: Ledger,
}

impl Site {
    pub(crate) fn new(seed: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(&folder.path().join("ledger"), seed, true);
        Self { folder, ledger }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    /// Appends `count` events and waits until they are published.
    pub(crate) fn grow(&self, count: u64) {
        let from = self.ledger.size();
        for number in from..from + count {
            let body = format!(
                "{{\"number\":{number},\"seed\":{}}}",
                self.folder.path().display().to_string().len()
            );
            let entry =
                Entry::new(vec!["chain".to_owned()], Body::parse(body.into_bytes()).unwrap()).unwrap();
            self.ledger.follow_blocking(entry).unwrap();
        }
        let all = from + count;
        let clock = SystemClock::default();
        while self.ledger.published().unwrap().is_none_or(|published| published.size < all) {
            assert!(clock.monotonic() < Duration::from_secs(20), "nothing is published");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn copier(&self, place: Box<dyn Place>) -> Copier {
        Copier::new(self.ledger.clone(), self.path(), place, self.folder.path().join("position"))
    }

    pub(crate) fn to(&self, folder: &Path) -> Copier {
        self.copier(Box::new(Directory::new(folder.to_owned(), false)))
    }
}

pub(crate) fn open(folder: &Path, seed: u8, new: bool) -> Ledger {
    let key = SigningKey::from_seed(&[seed; 32]).unwrap();
    let options = Options { publish_every: Duration::from_millis(10), ..Options::default() };
    let clock = Arc::new(SystemClock::default());
    match new {
        true => Ledger::create_with(folder, "site.example/one", key, clock, Arc::new(Disk), options).unwrap(),
        false => Ledger::open_with(folder, key, clock, Arc::new(Disk), options).unwrap(),
    }
}

/// Every round ends at what is published then.
fn caught_up(progress: Progress, site: &Site) {
    assert_eq!(progress, Progress { size: site.ledger.size(), published: site.ledger.size() });
}

fn sound(folder: &Path, site: &Site) {
    let report = copy::check(&copy::Folder(folder.to_owned()), site.ledger.verifier()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_eq!((report.size, report.checkpoint), (site.ledger.size(), Some(site.ledger.size())));
    assert_eq!(report.root, Some(site.ledger.root(site.ledger.size()).unwrap()));
}

fn change(path: &Path, by: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    by(&mut bytes);
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(path, bytes).unwrap();
}

fn files(folder: &Path, below: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder.join(below)).unwrap().map(Result::unwrap) {
        let path = below.join(entry.file_name());
        if entry.path().is_dir() {
            files(folder, &path, found)
        } else {
            found.push(path.display().to_string())
        }
    }
}

#[test]
fn what_is_published_is_copied_and_every_file_of_the_copy_is_checked_by_itself() {
    let site = Site::new(7);
    let place = tempfile::tempdir().unwrap();
    for count in [1, 300, 0, 900] {
        site.grow(count);
        // By another copier each time, as after a start.
        caught_up(site.to(place.path()).round().unwrap(), &site);
        sound(place.path(), &site);
    }
    // Any file changed or gone is found, and named.
    let mut all = Vec::new();
    files(place.path(), Path::new(""), &mut all);
    assert!(all.len() > 15, "{all:?}");
    let verifier = site.ledger.verifier();
    let check = || copy::check(&copy::Folder(place.path().to_owned()), verifier).unwrap().findings;
    for name in all {
        let path = place.path().join(&name);
        let whole = fs::read(&path).unwrap();
        change(&path, |bytes| bytes[whole.len() / 2] ^= 1);
        let found = check();
        assert!(found.iter().any(|finding| finding.file == name), "{name}: {found:?}");
        fs::remove_file(&path).unwrap();
        let newest = copy::checkpoint_path(site.ledger.size()) == name;
        let found = check();
        assert!(
            name.starts_with("checkpoints/") || found.iter().any(|finding| finding.file == name),
            "{name}: {found:?}"
        );
        assert!(
            !newest || found.is_empty(),
            "without its newest checkpoint it is a sound older copy: {found:?}"
        );
        fs::write(&path, whole).unwrap();
        assert!(check().is_empty(), "{name}");
    }
    // Under another key nothing of it holds.
    let other = Site::new(8);
    assert!(
        !copy::check(&copy::Folder(place.path().to_owned()), other.ledger.verifier()).unwrap().is_sound()
    );
}

#[test]
fn a_copied_leaf_that_was_changed_with_its_tile_is_found_by_the_signed_root() {
    let site = Site::new(7);
    let place = tempfile::tempdir().unwrap();
    site.grow(10);
    site.to(place.path()).round().unwrap();
    // The same leaf count, bundle re-packed from another ledger: whole, and not what was signed.
    let other = Site::new(7);
    other.grow(10);
    let name = "tile/entries/000.p/10.zst";
    let foreign = fs::read(other.path().join(name)).unwrap();
    change(&place.path().join(name), |bytes| *bytes = foreign);
    let report = copy::check(&copy::Folder(place.path().to_owned()), site.ledger.verifier()).unwrap();
    assert!(!report.is_sound() && report.checkpoint.is_none(), "{report:?}");
}

/// A place that fails at one call, and one at which a crash follows.
struct Failing {
    inner: Directory,
    left: Arc<Mutex<u64>>,
    puts: Arc<Mutex<Vec<String>>>,
}

impl Failing {
    fn call(&self) -> Result<(), Error> {
        let mut left = self.left.lock().unwrap();
        if *left == 0 {
            return Err(Error::Away(io::Error::other("made to fail")));
        }
        *left -= 1;
        Ok(())
    }
}

impl Source for Failing {
    fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.call().map_err(io::Error::other)?;
        self.inner.get(path)
    }

    fn checkpoints(&self) -> io::Result<Vec<u64>> {
        self.call().map_err(io::Error::other)?;
        self.inner.checkpoints()
    }
}

impl Place for Failing {
    fn put(&self, path: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.call()?;
        self.puts.lock().unwrap().push(path.to_owned());
        self.inner.put(path, bytes)
    }

    fn strength(&self) -> String {
        self.inner.strength()
    }
}

#[test]
fn an_outage_at_any_call_leaves_a_sound_copy_and_the_next_round_goes_on() {
    let site = Site::new(7);
    site.grow(700);
    let mut ended = false;
    for at in 0..200 {
        let place = tempfile::tempdir().unwrap();
        let (left, puts) = (Arc::new(Mutex::new(at)), Arc::new(Mutex::default()));
        let inner = Directory::new(place.path().to_owned(), false);
        let failing = Failing { inner, left: left.clone(), puts: Arc::clone(&puts) };
        let mut copier = site.copier(Box::new(failing));
        let first = copier.round();
        ended = first.is_ok();
        if let Err(error) = first {
            assert_eq!(error.kind(), Kind::Unavailable, "call {at}: {error}");
            assert!(error.word().is_none() && !error.condemns_the_ledger());
            let report = copy::check(&copy::Folder(place.path().to_owned()), site.ledger.verifier()).unwrap();
            let without_key = report.findings.iter().all(|finding| finding.file == "vkey");
            assert!(without_key, "call {at}: {:?}", report.findings);
        }
        *left.lock().unwrap() = u64::MAX;
        caught_up(copier.round().unwrap(), &site);
        sound(place.path(), &site);
        let order = puts.lock().unwrap();
        assert!(order.last().is_some_and(|last| last.starts_with("checkpoints/")) || ended, "{order:?}");
        fs::remove_file(site.folder.path().join("position")).unwrap();
        if ended {
            break;
        }
    }
    assert!(ended);
}

#[test]
fn a_ledger_that_was_put_back_or_rewritten_is_named_by_its_replica() {
    let site = Site::new(7);
    site.grow(20);
    site.ledger.close().unwrap();
    let kept = tempfile::tempdir().unwrap();
    copy_folder(&site.path(), kept.path());
    let Site { folder, ledger } = site;
    drop(ledger);
    let grown = Site { ledger: open(&folder.path().join("ledger"), 7, false), folder };
    grown.grow(30);
    let place = tempfile::tempdir().unwrap();
    caught_up(grown.to(place.path()).round().unwrap(), &grown);

    // Put back: the replica knows of more.
    let back = Site { ledger: open(kept.path(), 7, false), folder: tempfile::tempdir().unwrap() };
    let copier = |site: &Site| {
        let place = Box::new(Directory::new(place.path().to_owned(), false));
        Copier::new(site.ledger.clone(), kept.path().to_owned(), place, site.folder.path().join("position"))
    };
    let error = copier(&back).round().unwrap_err();
    assert!(matches!(error, Error::RolledBack { known: 50, held: 20 }), "{error}");
    assert!(error.condemns_the_ledger() && error.hint().is_some());
    // Grown again beyond it, with the same key: another history.
    for number in 0..40u64 {
        let entry = Entry::new(
            vec!["chain".to_owned()],
            Body::parse(format!("{{\"other\":{number}}}").into_bytes()).unwrap(),
        );
        back.ledger.follow_blocking(entry.unwrap()).unwrap();
    }
    back.ledger.checkpoint().unwrap();
    back.ledger.close().unwrap();
    assert!(matches!(copier(&back).compare().unwrap_err(), Error::Forked));
    // A signed checkpoint of another key condemns nothing.
    let other = Site::new(9);
    other.grow(5);
    let error = other.to(place.path()).round().unwrap_err();
    assert!(
        matches!(error, Error::Foreign) && error.word() == Some("foreign") && !error.condemns_the_ledger()
    );
    sound(place.path(), &grown);
}

fn copy_folder(from: &Path, to: &Path) {
    let mut all = Vec::new();
    files(from, Path::new(""), &mut all);
    for name in all {
        fs::create_dir_all(to.join(&name).parent().unwrap()).unwrap();
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

#[test]
fn a_changed_file_of_before_is_met_by_a_round_and_a_missing_one_is_told() {
    let site = Site::new(7);
    let place = tempfile::tempdir().unwrap();
    site.grow(3_000);
    let mut copier = site.to(place.path());
    caught_up(copier.round().unwrap(), &site);
    // The last full tile: the second round gets there.
    let name = "tile/0/010";
    let path = place.path().join(name);
    let whole = fs::read(&path).unwrap();
    change(&path, |bytes| bytes[0] ^= 1);
    let mut met = BTreeMap::new();
    for round in 0..3 {
        if let Err(error) = copier.round() {
            met.insert(error.to_string(), (round, error.word()));
        }
    }
    assert_eq!(met.len(), 1, "{met:?}");
    let (text, (_, word)) = met.pop_first().unwrap();
    assert!(text.contains(name) && word == Some("differs"), "{text}");
    fs::write(&path, whole).unwrap();
    // Emptied: it had taken more than it has. What is missing is copied again.
    let emptied = tempfile::tempdir().unwrap();
    let mut copier = site.to(emptied.path());
    let error = copier.round().unwrap_err();
    assert!(matches!(error, Error::Lost { took: 3_000, has: 0 }), "{error}");
    caught_up(copier.round().unwrap(), &site);
    sound(emptied.path(), &site);
    // A folder that is not there is away: it is not made, for a disk may not be mounted.
    let away = emptied.path().join("absent");
    let error = site.to(&away).round().unwrap_err();
    assert!(matches!(error, Error::Away(_)) && !away.exists(), "{error}");
}

#[test]
fn a_witness_may_sign_one_size_twice() {
    let site = Site::new(7);
    let place = tempfile::tempdir().unwrap();
    site.grow(3);
    let mut copier = site.to(place.path());
    for text in ["one signature\n", "another, later\n", "another, later\n"] {
        fs::write(site.path().join("witnessed"), text).unwrap();
        caught_up(copier.round().unwrap(), &site);
    }
    assert_eq!(fs::read_dir(place.path().join("cosigned")).unwrap().count(), 2);
}

#[test]
fn the_kernel_keeps_what_was_copied_where_it_can() {
    let site = Site::new(7);
    site.grow(300);
    let place = testkit::lockable_folder(try_flag);
    let mut copier = site.copier(Box::new(Directory::new(place.path().to_owned(), true)));
    caught_up(copier.round().unwrap(), &site);
    let mut all = Vec::new();
    files(place.path(), Path::new(""), &mut all);
    for name in &all {
        let path = place.path().join(name);
        assert!(fs::remove_file(&path).is_err() && fs::write(&path, b"other").is_err(), "{name}");
    }
    site.grow(300);
    caught_up(copier.round().unwrap(), &site);
    sound(place.path(), &site);
    all.clear();
    files(place.path(), Path::new(""), &mut all);
    for name in &all {
        set_flag(&place.path().join(name), false).unwrap();
    }
}

fn try_flag(folder: &Path) -> io::Result<()> {
    let path = folder.join("try");
    fs::write(&path, b"")?;
    let tried = set_flag(&path, true);
    let _ = set_flag(&path, false);
    fs::remove_file(&path)?;
    tried
}

fn set_flag(path: &Path, on: bool) -> io::Result<()> {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    let file = fs::File::open(path)?;
    let mut flags = ioctl_getflags(&file)?;
    flags.set(IFlags::IMMUTABLE, on);
    Ok(ioctl_setflags(&file, flags)?)
}
