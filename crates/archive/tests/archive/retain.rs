//! Floors, locks, holds, versions, deletion, withdrawal.

use crate::{Site, bodies};
use access::thing::{Object, Project};
use access::verb::{Manage, Read as ReadVerb, Write as WriteVerb};
use access::{Action, Ask, Permit};
use archive::store::{Flag, Local, Lock, Name, Store};
use archive::{Error, Spec};
use base::{Class, Clock, Fault, FixedClock, Kind, ObjectId, Role, Timestamp};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn noon() -> Arc<FixedClock> {
    Arc::new(FixedClock::at("2031-05-14T12:00:00Z".parse().unwrap()))
}

async fn steward(site: &Site, action: Action, id: &ObjectId) -> Permit<Manage, Object> {
    let ask = Ask::<Object>::new(action, [id.clone()]).because(Some("the board asked".to_owned().into()));
    site.spine.access.decide(site.members.with(Role::DataSteward), ask).await.unwrap()
}

async fn delete(site: &Site, id: &ObjectId) -> Result<(), Error> {
    site.spine.archive.delete(&steward(site, Action::DeleteObject, id).await, id).await
}

#[tokio::test]
async fn nothing_goes_before_its_floor_and_everything_may_after() {
    let clock = noon();
    let site = Site::at(clock.clone(), None).await;
    let id = site.seen().put(b"content").await.unwrap();
    let viewer = site.spine.view(&site.members).await;
    let record = site.spine.archive.describe(&viewer, std::slice::from_ref(&id)).await.unwrap().remove(0);
    assert_eq!(record.kept_until.unwrap().to_string(), "2031-08-12T12:00:00Z");
    assert_eq!(site.spine.archive.lock_settled().await.unwrap(), 1);
    assert_eq!(site.spine.archive.lock_settled().await.unwrap(), 0);
    for wait in [Duration::ZERO, 89 * DAY, DAY - Duration::from_secs(1)] {
        clock.advance(wait);
        let refused = delete(&site, &id).await.unwrap_err();
        assert!(matches!(refused, Error::Floor { .. }), "{refused}");
        assert_eq!(site.seen().read(&id).await.unwrap(), b"content");
    }
    clock.advance(Duration::from_secs(1));
    delete(&site, &id).await.unwrap();
    assert!(matches!(site.seen().read(&id).await, Err(Error::Deleted(_))));
    assert!(matches!(delete(&site, &id).await, Err(Error::Deleted(_))));
    assert!(bodies(site.spine.folder.path()).is_empty());
    let viewer = site.spine.view(&site.members).await;
    let tombstone = site.spine.archive.describe(&viewer, std::slice::from_ref(&id)).await.unwrap().remove(0);
    assert!(tombstone.deleted_at.is_some());
    assert!(site.events(&id).contains(&"object-deleted".to_owned()));
}

#[tokio::test]
async fn a_hold_keeps_what_the_floor_no_longer_does() {
    let clock = noon();
    let site = Site::at(clock.clone(), None).await;
    let id = site.seen().put(b"content").await.unwrap();
    let archive = &site.spine.archive;
    let lift = steward(&site, Action::LiftHold, &id).await;
    assert!(matches!(archive.lift(&lift, &id).await, Err(Error::NotHeld(_))));
    archive.hold(&steward(&site, Action::SetHold, &id).await, &id).await.unwrap();
    clock.advance(100 * DAY);
    assert!(matches!(delete(&site, &id).await, Err(Error::Held(_))));
    archive.lift(&steward(&site, Action::LiftHold, &id).await, &id).await.unwrap();
    delete(&site, &id).await.unwrap();
    let events = site.events(&id);
    assert_eq!(events.iter().filter(|kind| *kind == "hold-changed").count(), 2, "{events:?}");
}

#[tokio::test]
async fn only_a_data_steward_holds_lifts_and_deletes_and_says_why() {
    let site = Site::at(noon(), None).await;
    let id = site.seen().put(b"content").await.unwrap();
    for action in [Action::SetHold, Action::LiftHold, Action::DeleteObject] {
        for role in Role::ALL.iter().filter(|role| !role.is_site_wide()) {
            for reason in [None, Some("because")] {
                let ask = Ask::<Object>::new(action, [id.clone()])
                    .because(reason.map(|reason| reason.to_owned().into()));
                let asked = site.spine.access.decide::<Manage, Object>(site.members.with(*role), ask).await;
                let may = *role == Role::DataSteward && reason.is_some();
                assert_eq!(asked.is_ok(), may, "{action} as {role}, {reason:?}");
            }
        }
        let ask = Ask::<Object>::new(action, [id.clone()]).because(Some("because".to_owned().into()));
        assert!(site.spine.access.decide::<Manage, Object>(&site.spine.admin, ask).await.is_err());
    }
}

/// A clock that can be set back, as an administrator can set a machine's.
struct Settable(Mutex<Timestamp>, FixedClock);

impl Clock for Settable {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
    fn monotonic(&self) -> Duration {
        self.1.monotonic()
    }
}

#[tokio::test]
async fn a_clock_set_back_shortens_nothing() {
    let now: Timestamp = "2031-05-14T12:00:00Z".parse().unwrap();
    let clock = Arc::new(Settable(Mutex::new(now), FixedClock::at(now)));
    let site = Site::at(clock.clone(), None).await;
    let first = site.seen().put(b"first").await.unwrap();
    *clock.0.lock().unwrap() = now - Duration::from_secs(1_800);
    let second = site.seen().put(b"second").await.unwrap();
    let viewer = site.spine.view(&site.members).await;
    for record in site.spine.archive.describe(&viewer, &[first.clone(), second]).await.unwrap() {
        assert_eq!(record.kept_until.unwrap().to_string(), "2031-08-12T12:00:00Z");
        assert!(matches!(delete(&site, &record.id).await, Err(Error::Floor { .. })));
    }
    site.spine.archive.lock_settled().await.unwrap();
    // A record that somebody shortened does not open the store's own lock.
    *clock.0.lock().unwrap() = now + DAY;
    sql(&site, "UPDATE archive_object SET kept_until = '2031-05-14T12:00:00Z'").await;
    assert!(matches!(delete(&site, &first).await, Err(Error::Floor { .. })));
    // And the scrub says that the record is not what was committed to.
    let by = audit::Actor::Site(site.spine.site.clone());
    let pace = archive::Pace { every: Duration::ZERO, per_second: 0, step: DAY };
    assert_eq!(site.spine.archive.scrub(&pace, &by, None).await.unwrap().damaged, 2);
}

#[tokio::test]
async fn a_clock_from_before_the_site_seals_nothing() {
    let now: Timestamp = "2031-05-14T12:00:00Z".parse().unwrap();
    let clock = Arc::new(Settable(Mutex::new(now), FixedClock::at(now)));
    let site = Site::at(clock.clone(), None).await;
    // As after a battery that ran out.
    for wrong in ["1970-01-01T00:00:00Z", "2031-05-14T10:59:59Z"] {
        *clock.0.lock().unwrap() = wrong.parse().unwrap();
        let refused = site.seen().put(b"content").await.unwrap_err();
        assert_eq!((refused.code(), refused.kind()), ("ARCHIVE-021", Kind::Unavailable), "{wrong}");
        assert!(refused.hint().is_some());
    }
    *clock.0.lock().unwrap() = now;
    site.seen().put(b"content").await.unwrap();
    assert_eq!(site.spine.archive.store().names().unwrap().len(), 1);
}

/// One object sealed under a clock that was decades ahead.
#[tokio::test]
async fn a_clock_that_was_ahead_once_lengthens_later_floors_by_a_year_at_most() {
    let now: Timestamp = "2031-05-14T12:00:00Z".parse().unwrap();
    let site = Site::at(noon(), None).await;
    let wrong = site.seen().put(b"sealed too late").await.unwrap();
    // Nobody's session outlives so great a leap; the record of one that did.
    sql(
        &site,
        "UPDATE archive_object SET created_at = '2099-01-01T00:00:00Z', kept_until = '2099-04-01T00:00:00Z'",
    )
    .await;
    assert!(site.spine.archive.ahead().await.unwrap().unwrap() > 20_000 * DAY, "it is told");
    let mut ids = vec![wrong];
    for _ in 0..3 {
        ids.push(site.seen().put(b"content").await.unwrap());
    }
    let viewer = site.spine.view(&site.members).await;
    let records = site.spine.archive.describe(&viewer, &ids).await.unwrap();
    let until: Vec<String> = records.iter().map(|record| record.kept_until.unwrap().to_string()).collect();
    // 90 days, and a year of 366: the same for each, so that the year does not add up.
    let bounded = (now + (366 + 90) * DAY).to_string();
    assert_eq!(until, ["2099-04-01T00:00:00Z", &bounded, &bounded, &bounded]);
}

async fn sql(site: &Site, sql: &str) {
    use db::sea_orm::ConnectionTrait;
    site.spine.db.reader().execute_unprepared(sql).await.unwrap();
}

#[tokio::test]
async fn what_has_no_floor_on_record_is_kept() {
    let clock = noon();
    let site = Site::at(clock.clone(), None).await;
    let id = site.seen().put(b"of before").await.unwrap();
    sql(&site, "UPDATE archive_object SET kept_until = NULL, retention = NULL").await;
    clock.advance(100 * DAY);
    assert!(matches!(delete(&site, &id).await, Err(Error::Kept(_))));
    sql(&site, "UPDATE archive_object SET kept_until = '2031-05-14T12:00:00Z', retention = 'permanent'")
        .await;
    assert!(matches!(delete(&site, &id).await, Err(Error::Kept(_))));
}

#[tokio::test]
async fn a_store_that_does_not_lock_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let inner = Local::open(folder.path(), noon(), Flag::Off).unwrap();
    let site = Site::on(Arc::new(Careless(inner))).await;
    site.seen().put(b"content").await.unwrap();
    assert!(matches!(site.spine.archive.lock_settled().await, Err(Error::NotLocked(_))));
}

/// Says yes to every lock and keeps none.
struct Careless(Local);

impl Store for Careless {
    fn create(
        &self,
        name: &Name,
        part: archive::store::Part,
    ) -> std::io::Result<Box<dyn archive::store::Incoming>> {
        self.0.create(name, part)
    }
    fn open(
        &self,
        name: &Name,
        part: archive::store::Part,
    ) -> std::io::Result<Box<dyn archive::store::Source>> {
        self.0.open(name, part)
    }
    fn lock(&self, name: &Name, _: &Lock) -> std::io::Result<Lock> {
        self.0.locked(name)
    }
    fn locked(&self, name: &Name) -> std::io::Result<Lock> {
        self.0.locked(name)
    }
    fn remove(&self, name: &Name) -> std::io::Result<()> {
        self.0.remove(name)
    }
    fn names_in(&self, shard: Option<u8>) -> std::io::Result<Vec<Name>> {
        self.0.names_in(shard)
    }
    fn set_aside(&self, name: &Name) -> std::io::Result<()> {
        self.0.set_aside(name)
    }
    fn clear_aside(&self, moment: Timestamp, shard: Option<u8>) -> std::io::Result<usize> {
        self.0.clear_aside(moment, shard)
    }
    fn strength(&self) -> String {
        self.0.strength()
    }
}

#[tokio::test]
async fn a_new_version_leaves_the_old_one_as_it_was() {
    let site = Site::at(noon(), None).await;
    let id = site.seen().put(b"first").await.unwrap();
    let (spine, members) = (&site.spine, &site.members);
    let viewer = spine.view(members).await;
    let first = spine.archive.describe(&viewer, std::slice::from_ref(&id)).await.unwrap().remove(0);
    let permit: Permit<WriteVerb, Project> =
        spine.permit(members.with(Role::Analyst), Action::Ingest, &members.project).await;
    let spec = Spec { kind: "alignment", subject: None, links: vec![] };
    let other = Spec { kind: "variants", ..spec.clone() };
    assert!(matches!(spine.archive.draft_version(&permit, &first, other), Err(Error::Version(_))));
    let mut drafts = Vec::new();
    for content in [b"second", b"rivals"] {
        let mut draft = spine.archive.draft_version(&permit, &first, spec.clone()).unwrap();
        draft.write_all(content).unwrap();
        drafts.push(draft.seal().unwrap());
    }
    let mut rival = [drafts.remove(1)];
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    spine.archive.admit(&permit, &tx, &mut drafts).await.unwrap();
    tx.commit().await.unwrap();
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    assert!(spine.archive.admit(&permit, &tx, &mut rival).await.is_err(), "one next version, not two");
    drop(tx);
    assert_eq!(site.seen().read(&id).await.unwrap(), b"second");
    let reader: Permit<ReadVerb, Object> =
        spine.permit(members.with(Role::Viewer), Action::ViewVariants, &id).await;
    let mut old = Vec::new();
    spine.archive.open_version(&reader, &id, 1).await.unwrap().read_to_end(&mut old).unwrap();
    assert_eq!(old, b"first");
    assert!(matches!(spine.archive.open_version(&reader, &id, 3).await, Err(Error::NotFound)));
    let versions = spine.archive.versions(&reader, &id).await.unwrap();
    assert_eq!(versions.iter().map(|v| v.version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(versions[0].root, first.root);
    let foreign = spine.project(Class::Research).await;
    let there: Permit<WriteVerb, Project> =
        spine.permit(foreign.with(Role::Analyst), Action::Ingest, &foreign.project).await;
    assert!(spine.archive.draft_version(&there, &first, spec).is_err());
}

#[tokio::test]
async fn a_withdrawal_is_on_record_and_takes_keys_and_bodies_along() {
    let site = Site::at(noon(), None).await;
    let (spine, members) = (&site.spine, &site.members);
    let arrived = site.seen().put_kind("fastq", b"@r").await.unwrap();
    let settled = site.seen().put_kind("fastq", b"@s").await.unwrap();
    let permit: Permit<WriteVerb, Project> =
        spine.permit(members.with(Role::Analyst), Action::Ingest, &members.project).await;
    assert_eq!(spine.archive.lock_settled().await.unwrap(), 0, "what may be refused is not locked");
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    spine.archive.settle(&permit, &tx, std::slice::from_ref(&settled)).await.unwrap();
    tx.commit().await.unwrap();
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    let both = [arrived.clone(), settled.clone()];
    let refused = spine.archive.withdraw(&permit, &tx, &both).await.err().unwrap();
    assert_eq!(refused.kind(), Kind::NotFound, "its package is in");
    drop(tx);
    assert_eq!(spine.archive.lock_settled().await.unwrap(), 1);
    assert_eq!(keys(&site).await, 2);
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    let withdrawn = spine.archive.withdraw(&permit, &tx, std::slice::from_ref(&arrived)).await.unwrap();
    assert!(site.events(&arrived).contains(&"objects-withdrawn".to_owned()), "recorded before it is done");
    tx.commit().await.unwrap();
    withdrawn.discard().await;
    assert_eq!(keys(&site).await, 1);
    assert_eq!(site.seen().read(&settled).await.unwrap(), b"@s");
    assert_eq!(spine.archive.store().names().unwrap().len(), 1);
}

async fn keys(site: &Site) -> usize {
    use db::sea_orm::{ConnectionTrait, Statement};
    let db = site.spine.db.reader();
    let statement = Statement::from_string(db.get_database_backend(), "SELECT object FROM keys_session");
    db.query_all_raw(statement).await.unwrap().len()
}

#[tokio::test]
async fn what_a_crash_left_is_put_aside_first() {
    let clock = noon();
    let site = Site::at(clock.clone(), None).await;
    let id = site.seen().put(b"content").await.unwrap();
    let store = site.spine.archive.store().clone();
    let stray = Name::mint(&*site.spine.entropy);
    let mut incoming = store.create(&stray, archive::store::Part::Body).unwrap();
    incoming.write_all(b"a draft").unwrap();
    incoming.keep().unwrap();
    // Each sweep is that of an opening: another handle.
    let sweep = async || site.with(store.clone()).archive.sweep().await.unwrap();
    let swept = sweep().await;
    assert_eq!((swept.aside, swept.removed, swept.cleared), (1, 0, 0));
    assert_eq!(sweep().await.aside, 0);
    assert_eq!(bodies(site.spine.folder.path()).len(), 3, "body, tree, and the day of what lies aside");
    clock.advance(32 * DAY);
    assert_eq!(sweep().await.cleared, 1);
    assert_eq!(site.seen().read(&id).await.unwrap(), b"content");
    // A deletion that was cut off between the record and the store is ended.
    sql(&site, "UPDATE archive_object SET deleted_at = '2031-05-14T12:00:00Z'").await;
    assert_eq!(sweep().await.removed, 1);
    assert!(store.names().unwrap().is_empty());
}
