//! Holds, locks, deletion and the sweep while something else happens, and while something is broken.

use crate::Site;
use access::thing::{Object, Project};
use access::verb::{Manage, View};
use access::{Action, Ask, Permit};
use archive::store::{Incoming, Lock, Name, Part, Source, Store};
use archive::{Error, Keeps};
use base::{FixedClock, ObjectId, Role, Timestamp};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;

const DAY: Duration = Duration::from_secs(24 * 3600);
const HELD: Lock = Lock { until: None, hold: true };

fn noon() -> Arc<FixedClock> {
    Arc::new(FixedClock::at("2031-05-14T12:00:00Z".parse().unwrap()))
}

async fn steward(site: &Site, action: Action, id: &ObjectId) -> Permit<Manage, Object> {
    let ask = Ask::<Object>::new(action, [id.clone()]).because(Some("the board asked".to_owned().into()));
    site.spine.access.decide(site.members.with(Role::DataSteward), ask).await.unwrap()
}

async fn sql(db: &db::Db, sql: &str) {
    use db::sea_orm::ConnectionTrait;
    db.reader().execute_unprepared(sql).await.unwrap();
}

/// An object and the name of its body.
async fn put(site: &Site, content: &[u8]) -> (ObjectId, Name) {
    let store = site.spine.archive.store();
    let before = store.names().unwrap();
    let id = site.seen().put(content).await.unwrap();
    let name = store.names().unwrap().into_iter().find(|name| !before.contains(name)).unwrap();
    (id, name)
}

fn tree(site: &Site, name: &Name) -> PathBuf {
    let shard = site.spine.folder.path().join("objects").join(&name.as_str()[..2]);
    shard.join(name.as_str()).with_extension("tree")
}

/// A store that does something before it locks, or before it says what is locked; once.
struct Hooked {
    inner: Arc<dyn Store>,
    call: &'static str,
    act: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Hooked {
    fn new(site: &Site, call: &'static str, act: impl FnOnce() + Send + 'static) -> Arc<Self> {
        let inner = site.spine.archive.store().clone();
        Arc::new(Self { inner, call, act: Mutex::new(Some(Box::new(act))) })
    }

    fn called(&self, call: &str) {
        let act = if call == self.call { self.act.lock().unwrap().take() } else { None };
        if let Some(act) = act {
            act();
        }
    }
}

impl Store for Hooked {
    fn create(&self, name: &Name, part: Part) -> io::Result<Box<dyn Incoming>> {
        self.inner.create(name, part)
    }
    fn open(&self, name: &Name, part: Part) -> io::Result<Box<dyn Source>> {
        self.inner.open(name, part)
    }
    fn lock(&self, name: &Name, lock: &Lock) -> io::Result<Lock> {
        self.called("lock");
        self.inner.lock(name, lock)
    }
    fn locked(&self, name: &Name) -> io::Result<Lock> {
        self.called("locked");
        self.inner.locked(name)
    }
    fn remove(&self, name: &Name) -> io::Result<()> {
        self.inner.remove(name)
    }
    fn names_in(&self, shard: Option<u8>) -> io::Result<Vec<Name>> {
        self.inner.names_in(shard)
    }
    fn set_aside(&self, name: &Name) -> io::Result<()> {
        self.inner.set_aside(name)
    }
    fn clear_aside(&self, moment: Timestamp, shard: Option<u8>) -> io::Result<usize> {
        self.inner.clear_aside(moment, shard)
    }
    fn strength(&self) -> String {
        self.inner.strength()
    }
}

#[tokio::test]
async fn bodies_that_are_locked_and_have_no_record_are_left_and_counted() {
    let site = Site::at(noon(), None).await;
    let (_, kept) = put(&site, b"kept").await;
    let (_, stray) = put(&site, b"of a newer database").await;
    let (_, deleted) = put(&site, b"deleted, it is said").await;
    // As the next opening: what this one began is no stray.
    let store = site.spine.archive.store();
    let archive = site.with(store.clone()).archive;
    for name in [&kept, &stray, &deleted] {
        store.lock(name, &HELD).unwrap();
    }
    let of = |name: &Name| format!("WHERE body = '{}'", name.as_str());
    sql(&site.spine.db, &format!("DELETE FROM archive_object {}", of(&stray))).await;
    let tombstone = "UPDATE archive_object SET deleted_at = '2031-05-14T12:00:00Z'";
    sql(&site.spine.db, &format!("{tombstone} {}", of(&deleted))).await;
    let swept = archive.sweep().await.unwrap();
    assert_eq!((swept.aside, swept.removed), (0, 0));
    assert_eq!(store.names().unwrap().len(), 3);
    assert_eq!((swept.strays, archive.standing().strays), (2, 2));
}

#[tokio::test]
async fn one_version_that_cannot_be_locked_keeps_no_other_from_its_lock() {
    let clock = noon();
    let site = Site::at(clock.clone(), None).await;
    let (_, broken) = put(&site, b"broken").await;
    let (_, whole) = put(&site, b"whole").await;
    std::fs::remove_file(tree(&site, &broken)).unwrap();
    let archive = &site.spine.archive;
    assert!(archive.lock_settled().await.is_err(), "it is said");
    assert!(archive.store().locked(&whole).unwrap().until.is_some());
    assert_eq!(archive.standing().unlocked, 0, "not for long yet");
    clock.advance(Duration::from_secs(61));
    assert_eq!(archive.standing().unlocked, 1);
    std::fs::write(tree(&site, &broken), b"back").unwrap();
    assert_eq!(archive.lock_settled().await.unwrap(), 1);
    assert_eq!(archive.standing().unlocked, 0);
}

#[tokio::test]
async fn what_is_in_quarantine_is_locked_too() {
    let site = Site::at(noon(), None).await;
    let (_, name) = put(&site, b"content").await;
    sql(&site.spine.db, "UPDATE archive_object SET quarantined = 'bytes'").await;
    site.spine.archive.lock_settled().await.unwrap();
    assert!(site.spine.archive.store().locked(&name).unwrap().until.is_some());
}

#[tokio::test]
async fn locking_never_ends_a_hold() {
    let site = Site::at(noon(), None).await;
    let (_, cut_off) = put(&site, b"a crash between store and record").await;
    let (held, name) = put(&site, b"held meanwhile").await;
    site.spine.archive.store().lock(&cut_off, &HELD).unwrap();
    let permit = steward(&site, Action::SetHold, &held).await;
    let (done, ended) = std::sync::mpsc::channel();
    let (handle, slot) = (Handle::current(), Arc::new(Mutex::new(None::<archive::Archive>)));
    let holder = slot.clone();
    let hooked = Hooked::new(&site, "lock", move || {
        let archive = holder.lock().unwrap().clone().unwrap();
        handle.spawn(async move { done.send(archive.hold(&permit, &held).await.is_ok()) });
        std::thread::sleep(Duration::from_millis(300));
    });
    let seen = site.with(hooked);
    *slot.lock().unwrap() = Some(seen.archive.clone());
    seen.archive.lock_settled().await.unwrap();
    let held = tokio::task::spawn_blocking(move || ended.recv_timeout(Duration::from_secs(5)));
    assert!(held.await.unwrap().unwrap());
    for name in [&cut_off, &name] {
        let lock = site.spine.archive.store().locked(name).unwrap();
        assert!(lock.hold && lock.until.is_some(), "{lock:?}");
    }
}

#[tokio::test]
async fn a_hold_that_is_set_while_a_deletion_asks_keeps_keys_and_bodies() {
    let clock = noon();
    let site = Site::at(clock.clone(), None).await;
    let id = site.seen().put(b"content").await.unwrap();
    clock.advance(100 * DAY);
    let permit = steward(&site, Action::DeleteObject, &id).await;
    let (handle, db) = (Handle::current(), site.spine.db.clone());
    let hooked =
        Hooked::new(&site, "locked", move || handle.block_on(sql(&db, "UPDATE archive_object SET held = 1")));
    let refused = site.with(hooked).archive.delete(&permit, &id).await;
    assert!(matches!(refused, Err(Error::Held(_))), "{refused:?}");
    assert_eq!(site.seen().read(&id).await.unwrap(), b"content");
}

#[tokio::test]
async fn a_hold_stands_on_record_where_the_store_cannot_keep_it() {
    let clock = noon();
    let site = Site::at(clock.clone(), None).await;
    let (id, name) = put(&site, b"damaged evidence").await;
    let (archive, path) = (&site.spine.archive, tree(&site, &name));
    archive.lock_settled().await.unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let said = archive.hold(&steward(&site, Action::SetHold, &id).await, &id).await;
    assert!(said.is_err(), "the store's failure is said");
    clock.advance(100 * DAY);
    let refused = archive.delete(&steward(&site, Action::DeleteObject, &id).await, &id).await;
    assert!(matches!(refused, Err(Error::Held(_))), "{refused:?}");
    std::fs::write(&path, bytes).unwrap();
    archive.lock_settled().await.unwrap();
    assert!(archive.store().locked(&name).unwrap().hold, "the store is told as soon as it can");
}

#[tokio::test]
async fn what_a_version_keeps_forbids_to_shred_all_of_it() {
    let clock = noon();
    let site = Site::at(clock.clone(), None).await;
    let (id, name) = put(&site, b"content").await;
    let archive = &site.spine.archive;
    let (ids, nobody) = (std::slice::from_ref(&id), std::collections::BTreeSet::new());
    let viewer: Permit<View, Project> = site.spine.view(&site.members).await;
    assert_eq!(archive.keeps(&viewer, ids, &nobody).await.unwrap(), Some(Keeps::Floor));
    clock.advance(100 * DAY);
    // The permit is of a moment; the objects' floor is past.
    let viewer: Permit<View, Project> = site.spine.view(&site.members).await;
    assert_eq!(archive.keeps(&viewer, ids, &nobody).await.unwrap(), None);
    // The store goes by what it was told, whatever record and clock of this host say.
    let later = base::Clock::now(&*clock) + DAY;
    archive.store().lock(&name, &Lock { until: Some(later), hold: false }).unwrap();
    assert_eq!(archive.keeps(&viewer, ids, &nobody).await.unwrap(), Some(Keeps::Floor));
    archive.store().lock(&name, &HELD).unwrap();
    assert_eq!(archive.keeps(&viewer, ids, &nobody).await.unwrap(), Some(Keeps::Hold));
    sql(&site.spine.db, "UPDATE archive_object SET held = 1").await;
    let tx = site.spine.db.begin(viewer.decision()).await.unwrap();
    assert!(archive.held_in(&tx, ids).await.unwrap());
    drop(tx);
    let stranger = [base::Id::mint(&base::SystemEntropy)];
    assert!(matches!(archive.keeps(&viewer, &stranger, &nobody).await, Err(Error::NotFound)));
}
