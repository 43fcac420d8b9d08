//! Every changed bit is found, by readers and by the scrub; what is found is recorded and given to nobody.

use crate::{Site, bodies, overwrite};
use access::thing;
use access::verb::{Manage, View};
use access::{Action, Permit};
use archive::{Error, Pace};
use audit::Actor;
use base::{FixedClock, SystemClock};
use std::sync::Arc;
use std::time::Duration;

const EVERYTHING: Pace = Pace { every: Duration::ZERO, per_second: 0, step: Duration::from_secs(3_600) };

#[tokio::test]
async fn any_changed_bit_of_body_or_tree_is_found() {
    let site = Site::at(Arc::new(SystemClock::default()), None).await;
    let by = Actor::Site(site.spine.site.clone());
    let id = site.seen().put(b"short").await.unwrap();
    for path in bodies(site.spine.folder.path()) {
        let whole = std::fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            overwrite(&path, &changed);
            let step = site.spine.archive.scrub(&EVERYTHING, &by, None).await.unwrap();
            assert_eq!((step.objects, step.damaged), (1, 1), "{} bit {bit}", path.display());
            let found = &step.found[0];
            assert!(found.object == id && found.project.is_some() && found.damage.is_some(), "{found:?}");
            let read = site.with(site.spine.archive.store().clone()).read(&id).await;
            assert!(matches!(read, Err(Error::Quarantined(_))), "{} bit {bit}", path.display());
            use db::sea_orm::ConnectionTrait;
            let db = site.spine.db.reader();
            db.execute_unprepared("UPDATE archive_object SET quarantined = NULL").await.unwrap();
            // Without the scrub, the reader meets it.
            let read = site.with(site.spine.archive.store().clone()).read(&id).await;
            assert!(matches!(read, Err(Error::Damaged { .. })), "{} bit {bit}: {read:?}", path.display());
        }
        overwrite(&path, &whole);
    }
    let step = site.spine.archive.scrub(&EVERYTHING, &by, None).await.unwrap();
    assert_eq!((step.objects, step.damaged), (1, 0));
    assert_eq!(site.seen().read(&id).await.unwrap(), b"short");
}

#[tokio::test]
async fn what_a_reader_met_is_recorded_and_counted() {
    let site = Site::at(Arc::new(SystemClock::default()), None).await;
    let (id, other) = (site.seen().put(b"content").await.unwrap(), site.seen().put(b"other").await.unwrap());
    let archive = &site.spine.archive;
    assert_eq!(archive.health().await.unwrap().0, 0);
    let viewer = site.spine.view(&site.members).await;
    let record = archive.describe(&viewer, std::slice::from_ref(&id)).await.unwrap().remove(0);
    let body = bodies(site.spine.folder.path())
        .into_iter()
        .find(|p| p.extension().is_none() && std::fs::metadata(p).unwrap().len() == record.cipher_length)
        .unwrap();
    std::fs::remove_file(&body).unwrap();
    assert!(matches!(site.seen().read(&id).await, Err(Error::Lost(_))));
    assert_eq!(archive.health().await.unwrap().0, 1, "counted before it is recorded");
    assert_eq!(archive.settle_suspects().await.unwrap(), 1);
    assert_eq!(archive.settle_suspects().await.unwrap(), 0);
    assert_eq!(site.events(&id).iter().filter(|kind| *kind == "object-damaged").count(), 1);
    assert_eq!(archive.health().await.unwrap().0, 1);
    let again = site.with(archive.store().clone());
    assert!(
        matches!(again.read(&id).await, Err(Error::Quarantined(_))),
        "also for a process that starts now"
    );
    assert_eq!(site.seen().read(&other).await.unwrap(), b"other");
    let admin: Permit<View, thing::Site> =
        site.spine.permit(&site.spine.admin, Action::ViewStorage, &site.spine.site).await;
    let stat = archive.stat(&admin).await.unwrap().remove(0);
    assert_eq!((stat.objects, stat.versions, stat.quarantined), (2, 2, 1));
    let check: Permit<Manage, thing::Site> =
        site.spine.permit(&site.spine.admin, Action::CheckStorage, &site.spine.site).await;
    let listed = archive.quarantine_list(&admin).await.unwrap();
    assert_eq!(
        listed.iter().map(|one| (&one.object, one.damage.as_deref())).collect::<Vec<_>>(),
        [(&id, Some("missing"))]
    );
    // Asked again with the moment of the first question, a scrub ends, and a moment of before has nothing due.
    let now = site.spine.clock.now();
    let step = archive.scrub_for(&check, now, &EVERYTHING).await.unwrap();
    assert_eq!((step.objects, step.due, step.due_bytes), (1, 0, 0));
    assert_eq!(archive.scrub_for(&check, now, &EVERYTHING).await.unwrap(), archive::Step::default());
    let found = archive.check(&check, &[id, other]).await.unwrap();
    assert_eq!(found.iter().map(|c| c.damage.as_deref()).collect::<Vec<_>>(), [Some("missing"), None]);
}

#[tokio::test]
async fn a_rolling_scrub_covers_everything_and_goes_on_where_it_was() {
    let clock = Arc::new(FixedClock::at("2031-05-14T12:00:00Z".parse().unwrap()));
    let site = Site::at(clock.clone(), None).await;
    for content in [b"one", b"two", b"six"] {
        site.seen().put(content).await.unwrap();
        clock.advance(Duration::from_secs(60));
    }
    let by = Actor::Site(site.spine.site.clone());
    let day = Duration::from_secs(24 * 3_600);
    // A step so short that each reads one object.
    let pace = Pace { every: 30 * day, per_second: 0, step: Duration::ZERO };
    let archive = &site.spine.archive;
    assert_eq!(archive.scrub(&pace, &by, None).await.unwrap(), archive::Step::default(), "nothing is due");
    clock.advance(30 * day);
    let mut due = Vec::new();
    for _ in 0..4 {
        // A new handle each time: nothing but the records says where the scrub was.
        let step = site.with(archive.store().clone()).archive.scrub(&pace, &by, None).await.unwrap();
        due.push((step.objects, step.due));
    }
    assert_eq!(due, [(1, 2), (1, 1), (1, 0), (0, 0)]);
    let (_, oldest) = archive.health().await.unwrap();
    assert_eq!(oldest, Some(base::Clock::now(&*clock)));
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_no_damage() {
    use crate::faulty::{Fault, Faulty};
    let site = Site::at(Arc::new(SystemClock::default()), None).await;
    let id = site.seen().put(b"content").await.unwrap();
    let failing = Arc::new(Faulty::new(site.spine.archive.store().clone(), Fault::Fails(0)));
    let by = Actor::Site(site.spine.site.clone());
    assert!(site.with(failing).archive.scrub(&EVERYTHING, &by, None).await.is_err());
    assert_eq!(site.seen().read(&id).await.unwrap(), b"content");
}

#[tokio::test]
async fn a_store_that_is_away_is_no_damage() {
    let site = Site::at(Arc::new(SystemClock::default()), None).await;
    let id = site.seen().put(b"content").await.unwrap();
    site.seen().put(b"other").await.unwrap();
    let (archive, by) = (&site.spine.archive, Actor::Site(site.spine.site.clone()));
    let (here, away) = (site.spine.folder.path().join("objects"), site.spine.folder.path().join("away"));
    for empty in [false, true] {
        std::fs::rename(&here, &away).unwrap();
        if empty {
            std::fs::create_dir(&here).unwrap();
        }
        assert!(archive.scrub(&EVERYTHING, &by, None).await.is_err(), "nothing is there");
        assert!(site.seen().read(&id).await.is_err());
        let _ = std::fs::remove_dir(&here);
        std::fs::rename(&away, &here).unwrap();
        assert_eq!(archive.health().await.unwrap().0, 0);
        assert_eq!(site.seen().read(&id).await.unwrap(), b"content");
    }
}

#[tokio::test]
async fn a_check_that_finds_a_version_whole_ends_its_quarantine() {
    let site = Site::at(Arc::new(SystemClock::default()), None).await;
    let id = site.seen().put(b"content").await.unwrap();
    let (archive, by) = (&site.spine.archive, Actor::Site(site.spine.site.clone()));
    let path = bodies(site.spine.folder.path()).into_iter().find(|path| path.extension().is_none()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    overwrite(&path, b"others");
    assert_eq!(archive.scrub(&EVERYTHING, &by, None).await.unwrap().damaged, 1);
    let check: Permit<Manage, thing::Site> =
        site.spine.permit(&site.spine.admin, Action::CheckStorage, &site.spine.site).await;
    let ids = std::slice::from_ref(&id);
    assert_eq!(archive.check(&check, ids).await.unwrap()[0].damage.as_deref(), Some("length"));
    assert!(matches!(site.seen().read(&id).await, Err(Error::Quarantined(_))));
    overwrite(&path, &whole);
    assert_eq!(archive.check(&check, ids).await.unwrap()[0].damage, None);
    assert_eq!(site.seen().read(&id).await.unwrap(), b"content");
    assert_eq!(archive.health().await.unwrap().0, 0);
    let events = site.events(&id);
    let said: Vec<&String> = events.iter().filter(|kind| kind.starts_with("object-")).collect();
    assert_eq!(said, ["object-sealed", "object-damaged", "object-whole"], "{events:?}");
}
