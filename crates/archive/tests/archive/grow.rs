//! What lets an archive grow: counts that are kept with the records, and a sweep in steps while the site is open.

use crate::Site;
use crate::faulty::{Fault, Faulty};
use access::thing::{Object, Project, Site as SiteThing};
use access::verb::{Manage, View, Write as WriteVerb};
use access::{Action, Ask, Permit};
use archive::store::{Name, Part};
use archive::sweep::SHARDS;
use archive::{Pace, Sealed, Spec, Stat};
use base::{Clock, FixedClock, ObjectId, Role, SystemClock};
use db::sea_orm::{ConnectionTrait, Statement};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn stat(site: &Site) -> Vec<Stat> {
    let permit: Permit<View, SiteThing> =
        site.spine.permit(&site.spine.admin, Action::ViewStorage, &site.spine.site).await;
    site.spine.archive.stat(&permit).await.unwrap()
}

/// The same counted record by record.
async fn counted(site: &Site) -> Vec<(Option<String>, [i64; 6], Option<String>)> {
    let sum = |condition: &str| format!("SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    let sql = format!(
        "SELECT project, {}, COUNT(*), CAST(SUM(cipher_length) AS BIGINT), {}, {}, {}, \
         MIN(CASE WHEN quarantined IS NULL THEN scrubbed_at END) \
         FROM archive_object WHERE deleted_at IS NULL GROUP BY project ORDER BY COALESCE(project, '')",
        sum("version = 1"),
        sum("quarantined IS NOT NULL"),
        sum("held <> 0"),
        sum("locked = 0 AND kept_until IS NOT NULL"),
    );
    let db = site.spine.db.reader();
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    let number = |row: &db::sea_orm::QueryResult, at| row.try_get_by_index::<i64>(at).unwrap();
    rows.iter()
        .map(|row| {
            let numbers = [1, 2, 3, 4, 5, 6].map(|at| number(row, at));
            (row.try_get_by_index(0).unwrap(), numbers, row.try_get_by_index(7).unwrap())
        })
        .collect()
}

async fn agree(site: &Site, when: &str) {
    let told: Vec<_> = stat(site)
        .await
        .into_iter()
        .map(|of| {
            let numbers = [of.objects, of.versions, of.bytes, of.quarantined, of.held, of.unlocked];
            (of.project, numbers.map(|n| i64::try_from(n).unwrap()), of.oldest_check)
        })
        .collect();
    assert_eq!(told, counted(site).await, "{when}");
}

async fn writer(site: &Site) -> Permit<WriteVerb, Project> {
    site.spine.permit(site.members.with(Role::Analyst), Action::Ingest, &site.members.project).await
}

fn sealed(site: &Site, permit: &Permit<WriteVerb, Project>) -> Sealed {
    let spec = Spec { kind: "alignment", subject: None, links: vec![] };
    let mut draft = site.spine.archive.draft(permit, spec).unwrap();
    draft.write_all(b"a draft").unwrap();
    draft.seal().unwrap()
}

async fn steward(site: &Site, action: Action, id: &ObjectId) -> Permit<Manage, Object> {
    let ask = Ask::<Object>::new(action, [id.clone()]).because(Some("the board asked".to_owned().into()));
    site.spine.access.decide(site.members.with(Role::DataSteward), ask).await.unwrap()
}

#[tokio::test]
async fn counts_are_those_of_the_records_after_every_act() {
    let clock = Arc::new(FixedClock::at("2031-05-14T12:00:00Z".parse().unwrap()));
    let site = Site::at(clock.clone(), None).await;
    let archive = &site.spine.archive;
    agree(&site, "nothing").await;
    let id = site.seen().put(b"content").await.unwrap();
    let other = site.seen().put(b"more content").await.unwrap();
    agree(&site, "two objects").await;

    // What is not committed is not counted.
    let permit = writer(&site).await;
    let mut drafts = [sealed(&site, &permit)];
    let tx = site.spine.db.begin(permit.decision()).await.unwrap();
    archive.admit(&permit, &tx, &mut drafts).await.unwrap();
    drop(tx);
    agree(&site, "a transaction that was dropped").await;

    let viewer = site.spine.view(&site.members).await;
    let record = archive.describe(&viewer, std::slice::from_ref(&id)).await.unwrap().remove(0);
    let spec = Spec { kind: "alignment", subject: None, links: vec![] };
    let mut draft = archive.draft_version(&permit, &record, spec).unwrap();
    draft.write_all(b"another version").unwrap();
    let mut drafts = [draft.seal().unwrap()];
    let tx = site.spine.db.begin(permit.decision()).await.unwrap();
    archive.admit(&permit, &tx, &mut drafts).await.unwrap();
    tx.commit().await.unwrap();
    agree(&site, "a second version").await;
    assert_eq!((stat(&site).await[0].objects, stat(&site).await[0].versions), (2, 3));

    archive.lock_settled().await.unwrap();
    agree(&site, "locked").await;
    archive.hold(&steward(&site, Action::SetHold, &other).await, &other).await.unwrap();
    agree(&site, "held").await;
    clock.advance(100 * DAY);
    let pace = Pace { every: Duration::ZERO, per_second: 0, step: Duration::ZERO };
    archive.scrub(&pace, &audit::Actor::Site(site.spine.site.clone()), None).await.unwrap();
    agree(&site, "checked").await;

    let arrived = site.seen().put_kind("fastq", b"@r").await.unwrap();
    agree(&site, "arrived").await;
    let permit = writer(&site).await;
    let tx = site.spine.db.begin(permit.decision()).await.unwrap();
    let withdrawn = archive.withdraw(&permit, &tx, std::slice::from_ref(&arrived)).await.unwrap();
    tx.commit().await.unwrap();
    withdrawn.discard().await;
    agree(&site, "withdrawn").await;
    archive.delete(&steward(&site, Action::DeleteObject, &id).await, &id).await.unwrap();
    agree(&site, "deleted").await;
    assert_eq!((stat(&site).await[0].objects, stat(&site).await[0].versions), (1, 1));
}

#[tokio::test]
async fn what_is_due_is_counted_once_and_ends_at_nothing() {
    let clock = Arc::new(FixedClock::at("2031-05-14T12:00:00Z".parse().unwrap()));
    let site = Site::at(clock.clone(), None).await;
    for content in [b"one", b"two", b"six"] {
        site.seen().put(content).await.unwrap();
    }
    clock.advance(DAY);
    let before = clock.now();
    clock.advance(DAY);
    let permit: Permit<Manage, SiteThing> =
        site.spine.permit(&site.spine.admin, Action::CheckStorage, &site.spine.site).await;
    let pace = Pace { every: Duration::ZERO, per_second: 0, step: Duration::ZERO };
    let mut due = Vec::new();
    for _ in 0..4 {
        let step = site.spine.archive.scrub_for(&permit, before, &pace).await.unwrap();
        due.push((step.objects, step.due, step.due_bytes));
    }
    assert_eq!(due, [(1, 2, 62), (1, 1, 31), (1, 0, 0), (0, 0, 0)]);
}

/// A sweep that knew records alone would put away what is on its way in.
#[tokio::test]
async fn a_sweep_of_an_open_site_leaves_what_is_on_its_way_in() {
    let site = Site::at(Arc::new(SystemClock::default()), None).await;
    let (archive, store) = (&site.spine.archive, site.spine.archive.store().clone());
    let permit = writer(&site).await;
    let mut drafts = [sealed(&site, &permit)];
    let spec = Spec { kind: "alignment", subject: None, links: vec![] };
    let mut open = archive.draft(&permit, spec).unwrap();
    open.write_all(&vec![7; 3 << 20]).unwrap();
    let stray = Name::mint(&*site.spine.entropy);
    store.create(&stray, Part::Body).unwrap().keep().unwrap();
    assert_eq!(store.names().unwrap().len(), 3);

    assert_eq!(archive.sweep().await.unwrap().aside, 1, "what nobody begun here");
    assert!(!store.names().unwrap().contains(&stray));
    let tx = site.spine.db.begin(permit.decision()).await.unwrap();
    let ids = archive.admit(&permit, &tx, &mut drafts).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(site.seen().read(&ids[0]).await.unwrap(), b"a draft");
    // The next opening's sweep, which has not begun the other, takes it for what a crash left.
    let next = site.with(store.clone()).archive;
    assert_eq!(next.sweep().await.unwrap().aside, 1);
    drop(open);
    assert_eq!(site.seen().read(&ids[0]).await.unwrap(), b"a draft");
}

#[tokio::test]
async fn a_sweep_goes_shard_by_shard_and_says_how_far_it_is() {
    let site = Site::at(Arc::new(SystemClock::default()), None).await;
    let id = site.seen().put(b"content").await.unwrap();
    let store = site.spine.archive.store().clone();
    for _ in 0..20 {
        store.create(&Name::mint(&*site.spine.entropy), Part::Body).unwrap().keep().unwrap();
    }
    // Half of one opening, all of the next: a crash between two steps leaves nothing undone.
    let first = site.with(store.clone()).archive;
    for step in 1..=SHARDS / 2 {
        let sweep = first.sweep_step().await.unwrap();
        assert!(sweep.shards == step && !sweep.is_over());
    }
    let half = first.standing().sweep;
    assert_eq!(half.shards, SHARDS / 2);
    let next = site.with(store.clone()).archive;
    assert_eq!(half.swept.aside + next.sweep().await.unwrap().aside, 20);
    assert!(next.standing().sweep.is_over());
    assert_eq!(next.sweep_step().await.unwrap(), next.standing().sweep, "over is over");
    assert_eq!(store.names().unwrap().len(), 1);
    assert_eq!(site.seen().read(&id).await.unwrap(), b"content");
}

#[tokio::test]
async fn a_step_that_fails_is_told_and_tried_again() {
    let site = Site::at(Arc::new(SystemClock::default()), None).await;
    let store = site.spine.archive.store().clone();
    store.create(&Name::mint(&*site.spine.entropy), Part::Body).unwrap().keep().unwrap();
    for at in [0, 1, 2, 100] {
        let failing = Arc::new(Faulty::new(store.clone(), Fault::Fails(at)));
        let archive = site.with(failing).archive;
        assert!(archive.sweep().await.is_err());
        assert!(archive.standing().sweep.failing, "call {at}");
        archive.sweep().await.unwrap();
        assert!(archive.standing().sweep.is_over() && !archive.standing().sweep.failing);
    }
    assert!(store.names().unwrap().is_empty());
}
