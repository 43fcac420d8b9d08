//! What every backend promises, run on each of them.

use crate::Site;
use crate::faulty::{Fault, Faulty};
use archive::Error;
use archive::store::{Flag, Local, Lock, Locked, Name, Part, Store};
use base::{Clock, Fault as _, FixedClock, Kind, SystemEntropy, Timestamp};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// Around the sizes at which backends change their ways: nothing, a byte, a block, several.
const LENGTHS: [usize; 6] = [0, 1, 4_096, 65_564, 65_565, 400_000];

pub(crate) fn noise(length: usize) -> Vec<u8> {
    (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn keep(store: &dyn Store, name: &Name, part: Part, bytes: &[u8]) {
    let mut incoming = store.create(name, part).unwrap();
    incoming.write_all(bytes).unwrap();
    incoming.keep().unwrap();
}

pub(crate) fn keep_both(store: &dyn Store, body: &[u8]) -> Name {
    let name = Name::mint(&SystemEntropy);
    keep(store, &name, Part::Body, body);
    keep(store, &name, Part::Tree, b"tree");
    name
}

pub(crate) fn read(store: &dyn Store, name: &Name, part: Part) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    store.open(name, part)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Every clause of the contract of [`Store`]. `now` is the moment that the backend goes by.
pub fn suite(store: &dyn Store, now: Timestamp) {
    created_once_and_read_from_anywhere(store);
    whole_or_absent(store);
    absent_is_not_failed(store);
    locked_is_locked(store, now);
    aside_is_not_gone(store);
}

fn created_once_and_read_from_anywhere(store: &dyn Store) {
    for length in LENGTHS {
        let body = noise(length);
        let name = keep_both(store, &body);
        assert_eq!(read(store, &name, Part::Body).unwrap(), body, "{length}");
        assert_eq!(read(store, &name, Part::Tree).unwrap(), b"tree");
        let again = store.create(&name, Part::Body).map(|_| ()).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists, "{length}");
        let mut source = store.open(&name, Part::Body).unwrap();
        assert_eq!(source.seek(SeekFrom::End(0)).unwrap(), length as u64);
        for start in [length / 2, 0, length.saturating_sub(1), length] {
            source.seek(SeekFrom::Start(start as u64)).unwrap();
            let mut rest = Vec::new();
            source.read_to_end(&mut rest).unwrap();
            assert!(rest == body[start..], "{length} from {start}");
        }
        assert!(store.names().unwrap().contains(&name));
        let shard = name.bytes()[0];
        assert!(store.names_in(Some(shard)).unwrap().contains(&name));
        assert!(!store.names_in(Some(shard.wrapping_add(1))).unwrap().contains(&name));
        store.remove(&name).unwrap();
        store.remove(&name).unwrap();
        assert!(!store.names().unwrap().contains(&name));
    }
}

fn whole_or_absent(store: &dyn Store) {
    let name = Name::mint(&SystemEntropy);
    let mut incoming = store.create(&name, Part::Body).unwrap();
    incoming.write_all(&noise(200_000)).unwrap();
    drop(incoming);
    assert_eq!(read(store, &name, Part::Body).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(!store.names().unwrap().contains(&name));
}

fn absent_is_not_failed(store: &dyn Store) {
    let name = Name::mint(&SystemEntropy);
    for part in Part::ALL {
        let absent = store.open(&name, part).map(|_| ()).unwrap_err();
        assert_eq!(absent.kind(), io::ErrorKind::NotFound);
    }
    assert!(store.lock(&name, &Lock { until: None, hold: true }).is_err());
    store.remove(&name).unwrap();
}

fn locked_is_locked(store: &dyn Store, now: Timestamp) {
    let name = keep_both(store, b"body");
    assert_eq!(store.locked(&name).unwrap(), Lock::default());
    let held = store.lock(&name, &Lock { until: None, hold: true }).unwrap();
    assert_eq!(held, Lock { until: None, hold: true });
    refused(store, &name);
    assert_eq!(store.lock(&name, &Lock::default()).unwrap(), Lock::default());
    // Whole seconds: no backend is asked for more.
    let until = Timestamp::from_second((now + DAY).as_second()).unwrap();
    let lock = Lock { until: Some(until), hold: false };
    assert_eq!(store.lock(&name, &lock).unwrap(), lock);
    refused(store, &name);
    for earlier in [None, Some(now), Some(until - DAY / 2)] {
        assert_eq!(store.lock(&name, &Lock { until: earlier, hold: false }).unwrap(), lock, "{earlier:?}");
    }
    let later = Lock { until: Some(until + DAY), hold: false };
    assert_eq!(store.lock(&name, &later).unwrap(), later);
    refused(store, &name);
    assert_eq!(store.locked(&name).unwrap(), later);
}

fn refused(store: &dyn Store, name: &Name) {
    let refused = store.remove(name).unwrap_err();
    assert!(Locked::of(&refused).is_some(), "{refused:?}");
    assert_eq!(read(store, name, Part::Body).unwrap(), b"body");
    assert_eq!(read(store, name, Part::Tree).unwrap(), b"tree");
}

fn aside_is_not_gone(store: &dyn Store) {
    let name = keep_both(store, b"stray");
    store.set_aside(&name).unwrap();
    assert!(!store.names().unwrap().contains(&name));
    assert_eq!(read(store, &name, Part::Body).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(store.clear_aside(Timestamp::UNIX_EPOCH, None).unwrap(), 0);
    let (shard, far) = (name.bytes()[0], Timestamp::from_second(253_000_000_000).unwrap());
    assert_eq!(store.clear_aside(far, Some(shard.wrapping_add(1))).unwrap(), 0, "of another shard");
    assert!(store.clear_aside(far, Some(shard)).unwrap() >= 1);
}

/// What an archive on the backend does when the backend fails: each call once, then reads that are short,
/// changed, cut or lost.
pub async fn faults(store: Arc<dyn Store>, lengths: &[usize]) {
    for length in lengths {
        let content = noise(*length);
        put_with_faults(&store, &content).await;
        reads_with_faults(&store, &content).await;
    }
}

async fn put_with_faults(store: &Arc<dyn Store>, content: &[u8]) {
    let mut failed = 0;
    let site = Site::on(store.clone()).await;
    let before = store.names().unwrap().len();
    for at in 0.. {
        let faulty = Arc::new(Faulty::new(store.clone(), Fault::Fails(at)));
        match site.with(faulty.clone()).put(content).await {
            Ok(id) => {
                assert!(faulty.calls() <= at, "a call failed and nothing was said");
                assert!(site.seen().read(&id).await.unwrap() == content);
                break;
            }
            Err(error) => {
                assert_eq!(error.kind(), Kind::Unavailable, "call {at}: {error}");
                assert_eq!(store.names().unwrap().len(), before, "call {at} left something");
                failed += 1;
            }
        }
        assert!(at < 100, "no end of calls");
    }
    assert!(failed >= 4, "create, write, keep, create, write, keep: {failed}");
}

async fn reads_with_faults(store: &Arc<dyn Store>, content: &[u8]) {
    let site = Site::on(store.clone()).await;
    let id = site.seen().put(content).await.unwrap();
    let body = content.len() + content.len().div_ceil(65_536) * 28;
    let dripping = site.with(Arc::new(Faulty::new(store.clone(), Fault::Drips)));
    assert!(dripping.read(&id).await.unwrap() == content, "one byte at a time");
    let mut wrong = vec![Fault::Loses];
    if body > 0 {
        let places = [0, 11, 12, body / 2, body - 1];
        wrong.extend(places.iter().map(|place| Fault::Changes(*place as u64)));
        wrong.push(Fault::CutsShort(1));
    }
    for fault in wrong {
        let faulty = site.with(Arc::new(Faulty::new(store.clone(), fault)));
        let error = faulty.read(&id).await.expect_err("damage");
        assert_eq!(error.kind(), Kind::Integrity, "{fault:?}: {error}");
        assert!(base::fault::chain(&error).contains(id.to_string().as_str()), "{fault:?}: {error}");
        // From then on nobody is given it.
        assert!(matches!(faulty.read(&id).await, Err(Error::Quarantined(_))), "{fault:?}");
    }
    for at in 0.. {
        let faulty = Arc::new(Faulty::new(store.clone(), Fault::Fails(at)));
        match site.with(faulty.clone()).read(&id).await {
            Ok(read) => {
                assert!(faulty.calls() <= at && read == content);
                break;
            }
            Err(error) => assert_eq!(error.kind(), Kind::Unavailable, "call {at}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_directory() {
    for flag in [Flag::Off, Flag::On] {
        let folder = match flag {
            Flag::Off => tempfile::tempdir().unwrap(),
            Flag::On => testkit::lockable_folder(Local::try_flag),
        };
        let clock = Arc::new(FixedClock::at("2031-05-14T09:00:00Z".parse().unwrap()));
        let store = Local::open(folder.path(), clock.clone(), flag).unwrap();
        suite(&store, clock.now());
        // After the moment everything can go, and so can the folder.
        clock.advance(3 * DAY);
        for name in store.names().unwrap() {
            store.remove(&name).unwrap();
        }
        assert!(store.names().unwrap().is_empty());
    }
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(base::SystemClock::default());
    let store: Arc<dyn Store> = Arc::new(Local::open(folder.path(), clock, Flag::Off).unwrap());
    faults(store, &[0, 70_000]).await;
}

#[test]
fn the_kernel_refuses_what_the_store_locked() {
    let folder = testkit::lockable_folder(Local::try_flag);
    let clock = Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH));
    let store = Local::open(folder.path(), clock.clone(), Flag::On).unwrap();
    let name = keep_both(&store, b"body");
    let path = folder.path().join(&name.as_str()[..2]).join(name.as_str());
    store.lock(&name, &Lock { until: Some(Timestamp::UNIX_EPOCH + DAY), hold: false }).unwrap();
    assert!(std::fs::remove_file(&path).is_err());
    assert!(std::fs::rename(&path, path.with_extension("moved")).is_err());
    assert!(std::fs::write(&path, b"other").is_err());
    clock.advance(2 * DAY);
    store.remove(&name).unwrap();
    assert!(!path.exists());
}
