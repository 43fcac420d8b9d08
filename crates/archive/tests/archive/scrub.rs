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
async fn what_cannot_be_read_holds_up_nothing_and_is_tried_again() {
    let clock = Arc::new(FixedClock::at("2031-05-14T12:00:00Z".parse().unwrap()));
    let site = Site::at(clock.clone(), None).await;
    let archive = &site.spine.archive;
    let first = site.seen().put(b"one").await.unwrap();
    // Where a body was is something that no read comes out of.
    let body = bodies(site.spine.folder.path()).into_iter().find(|path| path.extension().is_none()).unwrap();
    let aside = body.with_extension("aside");
    std::fs::rename(&body, &aside).unwrap();
    std::fs::create_dir(&body).unwrap();
    for content in [b"two", b"six"] {
        clock.advance(Duration::from_secs(60));
        site.seen().put(content).await.unwrap();
    }
    clock.advance(Duration::from_secs(60));
    let by = Actor::Site(site.spine.site.clone());
    let pace = Pace { every: Duration::from_secs(30), per_second: 0, step: Duration::ZERO };
    assert!(
        matches!(archive.scrub_uncounted(&pace, &by).await, Err(Error::Store(_))),
        "the first, and no other"
    );
    for _ in 0..2 {
        let step = archive.scrub_uncounted(&pace, &by).await.unwrap();
        assert_eq!((step.objects, step.damaged, step.unread.len()), (1, 0, 0), "the next one");
    }
    assert_eq!(archive.scrub_uncounted(&pace, &by).await.unwrap().objects, 0, "all others were read");
    assert_eq!(
        (archive.standing().unread, archive.health().await.unwrap().0),
        (1, 0),
        "it is told, and no damage"
    );

    // On command: in one step, named, and once for each command.
    let manage: Permit<Manage, thing::Site> =
        site.spine.permit(&site.spine.admin, Action::CheckStorage, &site.spine.site).await;
    let all = Pace { step: Duration::from_secs(3_600), ..pace };
    for _ in 0..2 {
        let now = base::Clock::now(&*clock);
        clock.advance(Duration::from_secs(1));
        let step = archive.scrub_for(&manage, now, &all).await.unwrap();
        let unread: Vec<_> = step.unread.iter().map(|one| &one.object).collect();
        assert_eq!((step.objects, unread, step.due), (2, vec![&first], 0));
        let again = archive.scrub_for(&manage, now, &all).await.unwrap();
        assert_eq!((again.objects, again.unread.len(), again.due), (0, 0, 0));
    }

    // After a while the site's own tries it again, and finds it whole once it can be read.
    std::fs::remove_dir(&body).unwrap();
    std::fs::rename(&aside, &body).unwrap();
    assert_eq!(archive.scrub_uncounted(&pace, &by).await.unwrap().objects, 0);
    clock.advance(Duration::from_secs(3_600));
    let step = archive.scrub_uncounted(&all, &by).await.unwrap();
    assert_eq!((step.objects, step.damaged, archive.standing().unread), (3, 0, 0));
}

#[tokio::test]
async fn a_record_that_somebody_changed_holds_up_no_other() {
    use db::sea_orm::ConnectionTrait;
    let site = Site::at(Arc::new(SystemClock::default()), None).await;
    let (archive, db) = (&site.spine.archive, site.spine.db.reader());
    let mut ids = Vec::new();
    for content in [b"one", b"two", b"six"] {
        ids.push(site.seen().put(content).await.unwrap());
    }
    let by = Actor::Site(site.spine.site.clone());
    let change = async |what: &str, id: &base::ObjectId| {
        db.execute_unprepared(&format!("UPDATE archive_object SET {what} WHERE id = '{id}'")).await.unwrap();
    };
    // A position that the ledger does not have, and another project: both are another record than the ledger's.
    change("position = 1000000", &ids[0]).await;
    change("form = 'unheard-of'", &ids[1]).await;
    let step = archive.scrub(&EVERYTHING, &by, None).await.unwrap();
    assert_eq!((step.objects, step.damaged), (2, 1), "the unreadable one is gone past: {step:?}");
    let unread: Vec<_> = step.unread.iter().map(|one| &one.object).collect();
    assert_eq!((unread, archive.standing().unread), (vec![&ids[1]], 1), "and told");
    assert_eq!(step.found[0].damage.as_deref(), Some("record"));
    change("form = 'crypt4gh'", &ids[1]).await;
    change("project = NULL", &ids[2]).await;
    let step = archive.scrub_for(&checks(&site).await, site.spine.clock.now(), &EVERYTHING).await.unwrap();
    let found: Vec<_> = step.found.iter().map(|one| &one.object).collect();
    assert_eq!((step.objects, found), (2, vec![&ids[2]]), "{step:?}");
}

async fn checks(site: &Site) -> Permit<Manage, thing::Site> {
    site.spine.permit(&site.spine.admin, Action::CheckStorage, &site.spine.site).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_process_waits_for_no_large_object() {
    let site = Site::at(Arc::new(SystemClock::default()), None).await;
    let archive = site.spine.archive.clone();
    let small = site.seen().put(b"small").await.unwrap();
    let large = site.seen().put(&vec![7; 1 << 20]).await.unwrap();
    let by = Actor::Site(site.spine.site.clone());
    let oldest = archive.health().await.unwrap().1;
    // Half a minute for the large one.
    let pace = Pace { per_second: 40_000, ..EVERYTHING };
    let reading = {
        let (archive, by) = (archive.clone(), by.clone());
        tokio::spawn(async move { archive.scrub(&pace, &by, None).await })
    };
    let begun = std::time::Instant::now();
    while archive.health().await.unwrap().1 == oldest {
        assert!(begun.elapsed() < Duration::from_secs(20), "the small one is read at once");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!reading.is_finished());
    archive.end_reading();
    let ended = tokio::time::timeout(Duration::from_secs(10), reading).await.expect("it ends").unwrap();
    let step = ended.unwrap();
    assert_eq!((step.objects, step.damaged, step.unread.len()), (1, 0, 0), "what was read counts");
    let next = archive.scrub(&pace, &by, None).await;
    assert!(matches!(next, Err(Error::Ending)), "nothing begins any more: {next:?}");
    assert_eq!(
        (archive.standing().unread, archive.health().await.unwrap().0),
        (0, 0),
        "and nothing is damaged"
    );
    let read = site.with(archive.store().clone());
    for id in [&small, &large] {
        read.read(id).await.unwrap();
    }
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
    let step = site.with(failing).archive.scrub(&EVERYTHING, &by, None).await.unwrap();
    assert_eq!((step.objects, step.damaged, step.unread.len(), step.due), (0, 0, 1, 1));
    assert_eq!(site.spine.archive.health().await.unwrap().0, 0);
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

#[tokio::test]
async fn a_site_that_is_always_busy_is_read_in_time_all_the_same() {
    let clock = Arc::new(FixedClock::at("2031-05-14T12:00:00Z".parse().unwrap()));
    let site = Site::at(clock.clone(), None).await;
    for content in [b"one", b"two", b"six"] {
        site.seen().put(content).await.unwrap();
    }
    let archive = &site.spine.archive;
    let by = Actor::Site(site.spine.site.clone());
    let (hour, within) = (Duration::from_secs(3_600), Duration::from_secs(24 * 3_600));
    let mut rolling = archive::Rolling::new(within, 0);
    let late = |now: base::Timestamp| now.checked_sub(archive::Rolling::late_after(within)).unwrap();
    for _ in 0..4 * 24 {
        clock.advance(hour);
        rolling.turn(archive, false, &by).await.unwrap();
        let now = base::Clock::now(&*clock);
        let oldest = archive.health().await.unwrap().1.unwrap();
        assert!(oldest > late(now) && oldest >= now.checked_sub(within).unwrap(), "{oldest} at {now}");
    }
    // After a step it rests, and reads when it was long enough: also what is due at once.
    clock.advance(within);
    let rest = rolling.turn(archive, false, &by).await.unwrap();
    assert!(rest > Duration::ZERO && rest <= Duration::from_secs(5), "{rest:?}");
}

/// What the store locks otherwise than the record says.
mod locks {
    use super::*;
    use archive::store::{Flag, Local};
    use std::path::PathBuf;

    struct Locked {
        site: Site,
        id: base::ObjectId,
        lock: PathBuf,
        by: Actor,
    }

    impl Locked {
        async fn new() -> Self {
            let site = Site::at(Arc::new(SystemClock::default()), None).await;
            let id = site.seen().put(b"content").await.unwrap();
            assert_eq!(site.spine.archive.lock_settled().await.unwrap(), 1);
            let files = bodies(site.spine.folder.path());
            let lock = files.into_iter().find(|p| p.extension().is_some_and(|e| e == "lock")).unwrap();
            let by = Actor::Site(site.spine.site.clone());
            Self { site, id, lock, by }
        }

        /// What a scrub says of its one object.
        async fn scrub(&self) -> Option<String> {
            let step = self.site.spine.archive.scrub(&EVERYTHING, &self.by, None).await.unwrap();
            assert_eq!(step.objects, 1);
            assert_eq!(step.damaged, step.found.len() as u64);
            step.found.first().and_then(|found| found.damage.clone())
        }

        fn differing(&self) -> u64 {
            self.site.spine.archive.standing().differing
        }
    }

    #[tokio::test]
    async fn any_changed_bit_of_a_lock_is_found_and_what_is_less_is_put_right() {
        let locked = Locked::new().await;
        assert_eq!(locked.scrub().await, None);
        let whole = std::fs::read_to_string(&locked.lock).unwrap();
        let year = whole.find('-').unwrap() - 1;
        let earlier = {
            let mut bytes = whole.clone().into_bytes();
            bytes[year - 1] = b'0';
            String::from_utf8(bytes).unwrap()
        };
        let archive = &locked.site.spine.archive;
        for changed in [Some(earlier), None] {
            match changed {
                Some(text) => overwrite(&locked.lock, text.as_bytes()),
                None => std::fs::remove_file(&locked.lock).unwrap(),
            }
            assert_eq!(locked.scrub().await.as_deref(), Some("lock"));
            assert_eq!(locked.differing(), 1, "it is counted for status and alarm");
            assert_eq!(locked.site.seen().read(&locked.id).await.unwrap(), b"content", "the bytes are whole");
            assert_eq!(archive.lock_settled().await.unwrap(), 1);
            assert_eq!(std::fs::read_to_string(&locked.lock).unwrap(), whole);
            assert_eq!((locked.differing(), locked.scrub().await), (0, None));
        }
        let events = locked.site.events(&locked.id);
        assert_eq!(events.iter().filter(|kind| *kind == "object-damaged").count(), 2, "{events:?}");
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            overwrite(&locked.lock, &changed);
            assert_eq!(locked.scrub().await.as_deref(), Some("lock"), "bit {bit}");
            // As the next lock has it, and the next scrub sees.
            overwrite(&locked.lock, whole.as_bytes());
            assert_eq!(archive.lock_settled().await.unwrap(), 1);
        }
    }

    #[tokio::test]
    async fn a_lock_that_is_none_is_found_and_one_that_cannot_be_read_holds_up_nothing() {
        let locked = Locked::new().await;
        let (archive, whole) = (&locked.site.spine.archive, std::fs::read(&locked.lock).unwrap());
        std::fs::remove_file(&locked.lock).unwrap();
        std::fs::create_dir(&locked.lock).unwrap();
        assert_eq!(locked.scrub().await.as_deref(), Some("lock"), "a folder locks nothing");
        std::fs::remove_dir(&locked.lock).unwrap();
        std::fs::write(&locked.lock, &whole).unwrap();
        assert_eq!(archive.lock_settled().await.unwrap(), 1);

        locked.site.seen().put(b"behind").await.unwrap();
        std::fs::remove_file(&locked.lock).unwrap();
        std::os::unix::fs::symlink(&locked.lock, &locked.lock).unwrap();
        let before = locked.site.spine.clock.now();
        let permit =
            locked.site.spine.permit(&locked.site.spine.admin, Action::CheckStorage, &locked.site.spine.site);
        let permit = permit.await;
        let step = archive.scrub_for(&permit, before, &EVERYTHING).await.unwrap();
        assert_eq!((step.objects, step.unread.len()), (1, 1), "what is behind it is read");
        std::fs::remove_file(&locked.lock).unwrap();
        std::fs::write(&locked.lock, &whole).unwrap();
        let again = archive.scrub_for(&permit, before, &EVERYTHING).await.unwrap();
        assert_eq!((again.objects, again.due), (0, 0), "that pass went by it");
        let later = locked.site.spine.clock.now();
        let next = archive.scrub_for(&permit, later, &EVERYTHING).await.unwrap();
        assert_eq!(next.objects, 2, "and it stayed due");
    }

    #[tokio::test]
    async fn a_later_moment_stays_and_is_told_until_the_lock_is_written_anew() {
        let locked = Locked::new().await;
        let whole = std::fs::read_to_string(&locked.lock).unwrap();
        overwrite(&locked.lock, whole.replacen("until 2", "until 3", 1).as_bytes());
        assert_eq!(locked.scrub().await.as_deref(), Some("lock"));
        assert_eq!(locked.site.spine.archive.lock_settled().await.unwrap(), 1);
        assert_eq!(locked.differing(), 1, "the store never moves a lock back");
        std::fs::remove_file(&locked.lock).unwrap();
        assert_eq!(locked.scrub().await.as_deref(), Some("lock"));
        assert_eq!(locked.site.spine.archive.lock_settled().await.unwrap(), 1);
        assert_eq!((locked.differing(), locked.scrub().await), (0, None));
        assert_eq!(std::fs::read_to_string(&locked.lock).unwrap(), whole);
    }

    #[tokio::test]
    async fn a_flag_that_is_gone_is_a_difference() {
        let folder = testkit::lockable_folder(Local::try_flag);
        let clock = Arc::new(SystemClock::default());
        let own = folder.path().join("objects");
        let flagged: Arc<dyn archive::store::Store> =
            Arc::new(Local::open(&own, clock.clone(), Flag::On).unwrap());
        let site = Site::on(flagged).await;
        site.seen().put(b"content").await.unwrap();
        let archive = &site.spine.archive;
        assert_eq!(archive.lock_settled().await.unwrap(), 1);
        let by = Actor::Site(site.spine.site.clone());
        let scrub = async || archive.scrub(&EVERYTHING, &by, None).await.unwrap().damaged;
        assert_eq!(scrub().await, 0);
        for kind in ["", "tree"] {
            let lifted = of_kind(&own, kind);
            chattr("-i", &lifted);
            assert_eq!((scrub().await, archive.standing().differing), (1, 1), "{}", lifted.display());
            assert_eq!(archive.lock_settled().await.unwrap(), 1);
            assert_eq!((scrub().await, archive.standing().differing), (0, 0));
        }
        for kind in ["", "tree"] {
            chattr("-i", &of_kind(&own, kind));
        }
    }

    fn of_kind(own: &std::path::Path, kind: &str) -> PathBuf {
        let shards = std::fs::read_dir(own).unwrap().map(|shard| shard.unwrap().path());
        let files = shards.filter(|shard| shard.is_dir()).flat_map(|shard| std::fs::read_dir(shard).unwrap());
        let of = |path: &PathBuf| path.extension().unwrap_or_default() == kind;
        files.map(|file| file.unwrap().path()).find(of).unwrap()
    }

    fn chattr(change: &str, path: &std::path::Path) {
        let done = std::process::Command::new("chattr").arg(change).arg(path).status();
        assert!(done.expect("install the package `e2fsprogs`").success(), "{}", path.display());
    }
}
