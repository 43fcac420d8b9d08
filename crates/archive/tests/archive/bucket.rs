//! The suite on a bucket of a real server, and what a bucket alone can do wrong.

use crate::Site;
use crate::conformance::{DAY, faults, keep_both, noise, read, suite};
use archive::Error;
use archive::store::{Lock, Locked, Name, Part, S3, Store};
use base::{Clock, Fault as _, FixedClock, Id, Kind, SiteId, SystemClock, SystemEntropy, Timestamp};
use bucket::{Bucket, Credentials, Settings};
use rusty_s3::Method;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::rgw::Person;
use testkit::{Proxy, Rgw, Trouble};

const LOCKED: &str = "genomes";

struct World {
    rgw: Rgw,
    proxy: Proxy,
    owner: Person,
    site: SiteId,
}

impl World {
    fn settings(&self) -> Settings {
        Settings {
            timeout_seconds: 2,
            tries: 3,
            patience_seconds: 0,
            part_mib: 5,
            ..Settings::new(&self.proxy.endpoint(), LOCKED)
        }
    }

    fn bucket(&self, settings: &Settings) -> Bucket {
        self.try_bucket(settings, &self.owner, Arc::new(SystemClock::default()))
    }

    fn try_bucket(&self, settings: &Settings, who: &Person, clock: Arc<dyn Clock>) -> Bucket {
        Bucket::new(settings, Credentials::read(&who.file).unwrap(), clock).unwrap()
    }

    fn open(&self, settings: &Settings) -> Result<S3, bucket::Error> {
        let clock = Arc::new(SystemClock::default());
        S3::open(self.bucket(settings), &self.site, clock, &SystemEntropy)
    }

    fn store(&self) -> Arc<dyn Store> {
        self.proxy.plan(|_, _| Trouble::None);
        Arc::new(self.open(&self.settings()).unwrap())
    }

    fn key(&self, name: &Name) -> String {
        format!("{}/objects/{}", self.site, name.as_str())
    }
}

/// One server for all: it takes seconds to start, and each part below has names of its own.
#[tokio::test]
async fn a_bucket() {
    let rgw = Rgw::start();
    let proxy = Proxy::start(&rgw.endpoint());
    let owner = rgw.person("owner");
    rgw.bucket(&owner, LOCKED, true);
    let world = World { rgw, proxy, owner, site: SiteId::mint(&SystemEntropy) };
    suite(&*world.store(), Timestamp::now());
    faults(world.store(), &[0, 70_000]).await;
    what_is_put_on_top_changes_nothing(&world);
    nobody_removes_what_is_locked(&world);
    a_mark_does_not_hide_what_is_locked(&world);
    large_bodies_come_in_parts(&world);
    a_connection_that_is_cut_costs_a_part_and_no_more(&world);
    trouble_on_the_way(&world);
    damage_on_the_way_is_damage(&world).await;
    buckets_that_do_not_lock_are_refused(&world);
    credentials_clocks_and_certificates(&world);
    names_alone_stand_in_the_bucket(&world);
}

/// The server ignores `If-None-Match` here: create-once is kept by the version that readers go by.
fn what_is_put_on_top_changes_nothing(world: &World) {
    let store = world.store();
    let name = keep_both(&*store, b"first");
    let key = world.key(&name);
    let ask = |method, query: &[(&str, &str)], headers: &[(&str, &str)], body: &[u8]| {
        world.rgw.ask(&world.owner, method, LOCKED, &key, query, headers, body)
    };
    let (status, _) = ask(Method::Put, &[], &[("if-none-match", "*")], b"second");
    assert_eq!(status, 200, "this server lets everyone put a version on top");
    assert_eq!(read(&*store, &name, Part::Body).unwrap(), b"first");
    assert_eq!(ask(Method::Delete, &[], &[], b"").0, 204, "and a mark that hides all of them");
    assert_eq!(read(&*store, &name, Part::Body).unwrap(), b"first");
    assert!(store.names().unwrap().contains(&name));
    // Two that write one name at once: the one whose version is older has it.
    let raced = Name::mint(&SystemEntropy);
    let (mut one, mut other) =
        (store.create(&raced, Part::Body).unwrap(), store.create(&raced, Part::Body).unwrap());
    one.write_all(b"one").unwrap();
    other.write_all(b"other").unwrap();
    other.keep().unwrap();
    assert_eq!(one.keep().unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(read(&*store, &raced, Part::Body).unwrap(), b"other");
    store.remove(&name).unwrap();
    store.remove(&raced).unwrap();
}

/// Every way to end a lock early that a bucket's owner has, with the owner's own credentials.
fn nobody_removes_what_is_locked(world: &World) {
    let store = world.store();
    let name = keep_both(&*store, b"body");
    let until = Timestamp::from_second((Timestamp::now() + DAY).as_second()).unwrap();
    let lock = Lock { until: Some(until), hold: false };
    assert_eq!(store.lock(&name, &lock).unwrap(), lock);
    let key = world.key(&name);
    let version = world.bucket(&world.settings()).versions_of(&key).unwrap()[0].id.clone();
    let bypass = [("x-amz-bypass-governance-retention", "true")];
    let id = ("versionId", version.as_str());
    let retention = |mode: &str, until: Timestamp| {
        format!("<Retention><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>")
    };
    let earlier = retention("COMPLIANCE", until - DAY / 2);
    let weaker = retention("GOVERNANCE", until);
    for (method, query, body) in [
        (Method::Delete, vec![id], String::new()),
        (Method::Put, vec![("retention", ""), id], earlier),
        (Method::Put, vec![("retention", ""), id], weaker),
        (Method::Put, vec![("retention", ""), id], "<Retention/>".to_owned()),
    ] {
        let (status, answer) =
            world.rgw.ask(&world.owner, method, LOCKED, &key, &query, &bypass, body.as_bytes());
        assert!(status >= 400, "{method:?} {query:?} {body}: {status} {answer}");
    }
    let (status, _) = world.rgw.ask(&world.owner, Method::Delete, LOCKED, "", &[], &[], b"");
    assert!(status >= 400, "the bucket itself");
    // A clock that is ahead makes the store ask, and the server refuse.
    let ahead = Arc::new(FixedClock::at(Timestamp::now()));
    let bucket = world.bucket(&world.settings());
    let fooled = S3::open(bucket, &world.site, ahead.clone(), &SystemEntropy).unwrap();
    ahead.advance(3 * DAY);
    let refused = fooled.remove(&name).unwrap_err();
    assert_eq!(Locked::of(&refused), Some(Locked(lock)), "{refused}");
    assert_eq!(store.locked(&name).unwrap(), lock);
    for part in [Part::Body, Part::Tree] {
        assert!(!read(&*store, &name, part).unwrap().is_empty());
    }
}

/// Who may write the bucket can put a mark beside anything.
fn a_mark_does_not_hide_what_is_locked(world: &World) {
    let store = world.store();
    let name = keep_both(&*store, b"body");
    let mark = format!("{}.aside-2000-01-01", world.key(&name));
    assert_eq!(world.rgw.ask(&world.owner, Method::Put, LOCKED, &mark, &[], &[], b"").0, 200);
    assert!(read(&*store, &name, Part::Body).is_err(), "not locked yet: put aside");
    let key = world.key(&name);
    let bucket = world.bucket(&world.settings());
    let version = bucket.versions_of(&key).unwrap()[0].id.clone();
    bucket.hold(&key, &version, true).unwrap();
    assert_eq!(read(&*store, &name, Part::Body).unwrap(), b"body");
    assert!(store.names().unwrap().contains(&name));
    store.clear_aside(Timestamp::now(), None).unwrap();
    assert_eq!(read(&*store, &name, Part::Body).unwrap(), b"body");
    bucket.hold(&key, &version, false).unwrap();
}

fn large_bodies_come_in_parts(world: &World) {
    let store = world.store();
    let body = noise(12 << 20);
    let name = keep_both(&*store, &body);
    let mut source = store.open(&name, Part::Body).unwrap();
    for at in [0usize, (5 << 20) - 1, 5 << 20, (12 << 20) - 1] {
        let mut some = [0; 1];
        source.seek(std::io::SeekFrom::Start(at as u64)).unwrap();
        source.read_exact(&mut some).unwrap();
        assert_eq!(some[0], body[at], "{at}");
    }
    assert!(read(&*store, &name, Part::Body).unwrap() == body);
    // Dropped: no part is left. Killed: the next start clears them.
    let uploads = || {
        world
            .rgw
            .ask(&world.owner, Method::Get, LOCKED, "", &[("uploads", "")], &[], b"")
            .1
            .matches("<Upload>")
            .count()
    };
    let begin = || {
        let mut incoming = store.create(&Name::mint(&SystemEntropy), Part::Body).unwrap();
        incoming.write_all(&body).unwrap();
        incoming
    };
    let dropped = begin();
    assert_eq!(uploads(), 1);
    drop(dropped);
    assert_eq!(uploads(), 0);
    std::mem::forget(begin());
    assert_eq!(uploads(), 1);
    world.store();
    assert_eq!(uploads(), 0);
    store.remove(&name).unwrap();
}

/// An outage that outlasts all tries of a request, in the middle of the second part of three: the upload waits, and
/// goes on with that part.
fn a_connection_that_is_cut_costs_a_part_and_no_more(world: &World) {
    let body = noise(12 << 20);
    let before = world.store().names().unwrap().len();
    let patient = Settings { patience_seconds: 4, tries: 1, ..world.settings() };
    world.proxy.plan(|_, _| Trouble::None);
    let store = world.open(&patient).unwrap();
    let puts = Arc::new(Mutex::new(Vec::<u32>::new()));
    let number_of = |line: &str| -> Option<u32> {
        let number = line.split("partNumber=").nth(1)?.split(['&', ' ']).next()?.parse();
        number.ok().filter(|_| line.starts_with("PUT"))
    };
    for (trouble, expected) in [
        // Three times cut, then sent.
        (Trouble::Cut, vec![1, 2, 2, 2, 2, 3]),
        // The store had it and nobody heard: it is asked, and the part is not sent again.
        (Trouble::AnswerLost, vec![1, 2, 3]),
    ] {
        puts.lock().unwrap().clear();
        let (seen, outage) = (puts.clone(), Arc::new(Mutex::new(3)));
        world.proxy.plan(move |_, line| {
            let Some(number) = number_of(line) else { return Trouble::None };
            seen.lock().unwrap().push(number);
            let mut left = outage.lock().unwrap();
            if number != 2 || *left == 0 {
                return Trouble::None;
            }
            *left -= 1;
            trouble
        });
        let name = keep_both(&store, &body);
        assert_eq!(*puts.lock().unwrap(), expected, "{trouble:?}");
        world.proxy.plan(|_, _| Trouble::None);
        assert!(read(&store, &name, Part::Body).unwrap() == body, "{trouble:?}");
        store.remove(&name).unwrap();
    }
    // Everything away for a while, whatever is asked.
    let outage = Arc::new(Mutex::new(None::<std::time::Instant>));
    let began = outage.clone();
    world.proxy.plan(move |_, line| {
        let mut began = began.lock().unwrap();
        if number_of(line) == Some(2) && began.is_none() {
            *began = Some(std::time::Instant::now());
        }
        match *began {
            Some(began) if began.elapsed() < Duration::from_secs(2) => Trouble::Lost,
            _ => Trouble::None,
        }
    });
    let name = keep_both(&store, &body);
    assert!(outage.lock().unwrap().is_some());
    assert!(read(&store, &name, Part::Body).unwrap() == body);
    store.remove(&name).unwrap();
    // Longer than patience: the upload fails, says so, and leaves nothing.
    let short = Settings { patience_seconds: 1, ..patient };
    let store = world.open(&short).unwrap();
    world.proxy.plan(move |_, line| if number_of(line) == Some(2) { Trouble::Cut } else { Trouble::None });
    let mut incoming = store.create(&Name::mint(&SystemEntropy), Part::Body).unwrap();
    let failed = Error::from(incoming.write_all(&body).unwrap_err());
    assert_eq!(failed.code(), "BUCKET-003", "{failed}");
    let spent = Error::from(incoming.write_all(&body).unwrap_err());
    assert_eq!(spent.code(), "BUCKET-011", "{spent}");
    drop(incoming);
    world.proxy.plan(|_, _| Trouble::None);
    let uploads = world.rgw.ask(&world.owner, Method::Get, LOCKED, "", &[("uploads", "")], &[], b"").1;
    assert!(!uploads.contains("<Upload>") && store.names().unwrap().len() == before, "{uploads}");
}

/// Each request of a put, once in each way: what was said to be kept is whole and there once, and an error left
/// nothing.
fn trouble_on_the_way(world: &World) {
    let store = world.store();
    let passing = [Trouble::Lost, Trouble::AnswerLost, Trouble::Status(503), Trouble::Status(500)];
    for body in [noise(1_000), noise(6 << 20)] {
        world.proxy.plan(|_, _| Trouble::None);
        keep_both(&*store, &body);
        let requests = world.proxy.requests();
        assert!(requests >= 6, "{requests}");
        for trouble in passing {
            for at in 0..requests {
                world.proxy.plan(move |number, _| if number == at { trouble } else { Trouble::None });
                let name = keep_both(&*store, &body);
                assert!(world.proxy.requests() > requests, "{trouble:?} at {at}: nothing was tried again");
                assert!(read(&*store, &name, Part::Body).unwrap() == body, "{trouble:?} at {at}");
                store.remove(&name).unwrap();
            }
        }
    }
    let name = keep_both(&*store, &noise(100_000));
    for trouble in [Trouble::Truncated(1), Trouble::Truncated(90_000), Trouble::Late(Duration::from_secs(3))]
    {
        world.proxy.plan(move |number, line| match line.starts_with("GET") && number == 1 {
            true => trouble,
            false => Trouble::None,
        });
        assert!(read(&*store, &name, Part::Body).unwrap() == noise(100_000), "{trouble:?}");
    }
    // Trouble that lasts ends after as many tries as were allowed, and says so.
    let before = store.names().unwrap().len();
    for trouble in [Trouble::Lost, Trouble::Status(503)] {
        world.proxy.plan(move |_, _| trouble);
        let failed = store.create(&Name::mint(&SystemEntropy), Part::Body).map(|_| ()).unwrap_err();
        assert_eq!(world.proxy.requests(), 3);
        let told = Error::from(failed);
        assert_eq!((told.code(), told.kind()), ("BUCKET-003", Kind::Unavailable));
        assert!(told.hint().is_some());
    }
    world.proxy.plan(|_, line| if line.starts_with("PUT") { Trouble::Status(403) } else { Trouble::None });
    let mut incoming = store.create(&Name::mint(&SystemEntropy), Part::Body).unwrap();
    incoming.write_all(b"x").unwrap();
    let refused = Error::from(incoming.keep().unwrap_err());
    assert_eq!(refused.code(), "BUCKET-004");
    world.proxy.plan(|_, _| Trouble::None);
    assert_eq!(store.names().unwrap().len(), before);
}

/// What the way changed and no checksum of it noticed is noticed by the tree.
async fn damage_on_the_way_is_damage(world: &World) {
    let site = Site::on(world.store()).await;
    let id = site.seen().put(&noise(70_000)).await.unwrap();
    world.proxy.plan(|_, line| match line.contains(".tree") || !line.contains("versionId") {
        true => Trouble::None,
        false => Trouble::Changed,
    });
    let error = site.seen().read(&id).await.unwrap_err();
    assert_eq!((error.code(), error.kind()), ("ARCHIVE-003", Kind::Integrity), "{error}");
    world.proxy.plan(|_, _| Trouble::None);
}

fn buckets_that_do_not_lock_are_refused(world: &World) {
    let open = |name: &str| {
        let settings = Settings { bucket: name.to_owned(), ..world.settings() };
        world.open(&settings).err().map(|error| (error.code(), error.to_string()))
    };
    let ask = |bucket: &str, query: &str, body: &str| {
        let (status, answer) =
            world.rgw.ask(&world.owner, Method::Put, bucket, "", &[(query, "")], &[], body.as_bytes());
        assert_eq!(status, 200, "{answer}");
    };
    world.rgw.bucket(&world.owner, "plain", false);
    assert_eq!(
        open("plain").unwrap(),
        ("BUCKET-007", "the bucket cannot be used: it does not keep versions".into())
    );
    ask("plain", "versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
    let without = ("BUCKET-007", "the bucket cannot be used: it was made without object lock".to_owned());
    assert_eq!(open("plain").unwrap(), without);
    world.rgw.bucket(&world.owner, "default", true);
    assert_eq!(open("default"), None);
    ask(
        "default",
        "object-lock",
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
         <Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>",
    );
    assert!(open("default").unwrap().1.contains("default retention"));
    let absent = open("absent").unwrap();
    assert_eq!(absent.0, "BUCKET-004", "{absent:?}");
    // A server that says yes to everything and locks nothing is found out.
    world
        .proxy
        .plan(|_, line| if line.contains("legal-hold") { Trouble::Status(200) } else { Trouble::None });
    assert_eq!(world.open(&world.settings()).err().map(|error| error.code()), Some("BUCKET-007"));
    world.proxy.plan(|_, _| Trouble::None);
    assert!(world.open(&world.settings()).is_ok());
}

fn credentials_clocks_and_certificates(world: &World) {
    let settings = world.settings();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let other = world.rgw.person("other");
    for (who, code) in [
        (world.rgw.stranger("owner", "KEYOWNER", "not-the-secret"), "SignatureDoesNotMatch"),
        (world.rgw.stranger("nobody", "KEYNOBODY", "secret-of-nobody"), "InvalidAccessKeyId"),
        (other, "AccessDenied"),
    ] {
        let refused = world.try_bucket(&settings, &who, clock.clone()).probe("probe").unwrap_err();
        assert_eq!(refused.code(), "BUCKET-004");
        assert!(refused.to_string().contains(code) && refused.hint().is_some(), "{refused}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
    for hours in [-1i64, 1] {
        let shifted = Timestamp::from_second(Timestamp::now().as_second() + hours * 3_600).unwrap();
        let clock = Arc::new(FixedClock::at(shifted));
        let skewed = world.try_bucket(&settings, &world.owner, clock).probe("probe").unwrap_err();
        assert!(matches!(skewed, bucket::Error::Skewed { seconds: 3_500..=3_700 }), "{hours} h: {skewed}");
    }
    let secure = Settings { ca: Some(world.rgw.ca()), ..Settings::new(&world.rgw.secure(), LOCKED) };
    world.bucket(&secure).probe("probe").unwrap();
    // Under the machine's own authorities the server is a stranger.
    let stranger = Settings { ca: None, tries: 1, ..secure };
    assert_eq!(world.bucket(&stranger).probe("probe").unwrap_err().code(), "BUCKET-003");
}

fn names_alone_stand_in_the_bucket(world: &World) {
    let keys = world.bucket(&world.settings()).versions("").unwrap();
    assert!(keys.len() > 10);
    for version in keys {
        let (site, rest) = version.key.split_once('/').unwrap();
        let name = rest.strip_prefix("objects/").expect("a key of the site's objects");
        let (name, ending) = name.split_at(Name::LENGTH);
        let known = ending.is_empty() || ending == ".tree" || ending.starts_with(".aside-");
        assert!(site == world.site.as_str() && Name::parse(name).is_some() && known, "{}", version.key);
    }
}
