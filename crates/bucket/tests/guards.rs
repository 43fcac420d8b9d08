//! Each guard of this room, on a real server: what the server answers is changed on its way, and the guard is seen
//! to refuse it. The same request without the change passes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

use base::{Clock, Fault, SystemClock, Timestamp};
use bucket::{Bucket, Credentials, Error, Kept, Settings};
use std::io::Write;
use std::sync::Arc;
use testkit::{Proxy, Rgw, Trouble};

struct World {
    _rgw: Rgw,
    proxy: Proxy,
    /// By way of the proxy.
    bucket: Bucket,
    /// Not by way of it.
    direct: Bucket,
}

impl World {
    fn new() -> Self {
        let rgw = Rgw::start();
        let owner = rgw.person("owner");
        rgw.bucket(&owner, "guarded", true);
        let proxy = Proxy::start(&rgw.endpoint());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let open = |endpoint: &str| {
            let usual = Settings::new(endpoint, "guarded");
            let settings = Settings { timeout_seconds: 2, tries: 2, part_mib: 5, ..usual };
            Bucket::new(&settings, Credentials::read(&owner.file).unwrap(), clock.clone()).unwrap()
        };
        let (bucket, direct) = (open(&proxy.endpoint()), open(&rgw.endpoint()));
        Self { _rgw: rgw, proxy, bucket, direct }
    }

    /// What `act` gives while requests that begin with `method` and hold `word` meet `trouble`.
    fn under<T>(
        &self,
        trouble: Trouble,
        (method, word): (&'static str, &'static str),
        act: impl FnOnce() -> T,
    ) -> T {
        self.proxy.plan(move |_, line| match line.starts_with(method) && line.contains(word) {
            true => trouble,
            false => Trouble::None,
        });
        let done = act();
        self.proxy.plan(|_, _| Trouble::None);
        done
    }

    fn put(&self, key: &str) -> Kept {
        self.bucket.put(key, b"bytes").unwrap()
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(found: Result<T, Error>, word: &str) {
    match found {
        Err(error @ Error::Answer(_)) => {
            assert!(error.to_string().contains(word) && error.hint().is_some(), "{error}")
        }
        other => panic!("{other:?} instead of {word:?}"),
    }
}

/// One server for all.
#[test]
fn an_answer_that_was_changed_on_its_way_is_refused() {
    let world = World::new();
    world.bucket.probe("probe").unwrap();
    checksums(&world);
    versions(&world);
    create_once(&world);
    locks(&world);
    world.bucket.probe("probe").unwrap();
}

fn checksums(world: &World) {
    // The store compares what arrived with the MD5 that came with it.
    let put = |key: &str| world.bucket.put(key, b"bytes");
    let said = world.under(Trouble::ChangedOnTheWayIn, ("PUT", "/in"), || put("in"));
    assert!(matches!(&said, Err(Error::Refused { status: 400, .. })), "{said:?}");
    assert!(world.direct.versions("in").unwrap().is_empty(), "nothing is kept");
    // We compare the tag of what the store says it has with what was sent, in one piece and in parts.
    refused(world.under(Trouble::Header("etag"), ("PUT", "/tag"), || put("tag")), "other bytes");
    let parts = || {
        let mut upload = world.bucket.upload("parts".to_owned());
        let sent = upload.write_all(&vec![7; 11 << 20]);
        sent.map_err(|error| *error.into_inner().unwrap().downcast::<Error>().unwrap())
    };
    parts().unwrap();
    refused(world.under(Trouble::Header("etag"), ("PUT", "partNumber"), parts), "other bytes");
    // The list says how long it is.
    let shorter = Trouble::Rewritten("<Size>5<", "<Size>4<");
    refused(world.under(shorter, ("GET", "versions"), || put("size")), "another length");
}

fn versions(world: &World) {
    let kept = world.put("version");
    let (id, of_it) = (kept.version.as_str(), "/version");
    let get = || world.bucket.get("version", id, 6);
    let range = || world.bucket.get_range("version", id, 1, 2);
    let held = || world.bucket.held("version", id);
    assert_eq!((get().unwrap().as_slice(), range().unwrap().as_slice()), (&b"bytes"[..], &b"yt"[..]));
    held().unwrap();
    let other = Trouble::Header("x-amz-version-id");
    refused(world.under(other, ("GET", of_it), get), "another version");
    refused(world.under(other, ("GET", of_it), range), "another version");
    refused(world.under(other, ("HEAD", of_it), held), "another version");
    refused(world.under(Trouble::Header("content-range"), ("GET", of_it), range), "another range");
    let list = || world.bucket.versions("version");
    assert_eq!(list().unwrap().len(), 1);
    refused(world.under(Trouble::Rewritten("<Key>v", "<Key>w"), ("GET", "versions"), list), "other keys");
    let no_list = Trouble::Rewritten("ListVersionsResult", "ListBucketsResults");
    refused(world.under(no_list, ("GET", "versions"), list), "no list");
}

fn create_once(world: &World) {
    let first = world.put("once");
    assert!(matches!(world.bucket.put("once", b"other"), Err(Error::Taken)));
    let there = world.direct.versions_of("once").unwrap();
    let ids: Vec<&str> = there.iter().map(|found| found.id.as_str()).collect();
    assert_eq!(ids, [first.version.as_str()], "the one that came later is gone");
    // A list that hides what is there proves nothing.
    let hidden = Trouble::Rewritten("<Version>", "<Hidden_>");
    let said = world.under(hidden, ("GET", "versions"), || world.bucket.put("hidden", b"bytes"));
    assert!(said.is_err(), "{said:?}");
}

fn locks(world: &World) {
    let kept = world.put("lock");
    let (bucket, id) = (&world.bucket, kept.version.as_str());
    let held = || bucket.held("lock", id);
    let until = Timestamp::from_second(Timestamp::now().as_second() + 3_600).unwrap();
    // A yes that locks nothing: what is in force is read back.
    let yes = Trouble::Status(200);
    world.under(yes, ("PUT", "retention"), || bucket.retain("lock", id, until)).unwrap();
    assert_eq!(held().unwrap().until, None);
    world.under(yes, ("PUT", "legal-hold"), || bucket.hold("lock", id, true)).unwrap();
    assert!(!held().unwrap().hold);
    // A bucket that does not hold, or does not say that it does, is not used.
    for (trouble, of) in [
        (yes, ("PUT", "legal-hold")),
        (Trouble::Rewritten(": ON", ": NO"), ("HEAD", "/probe")),
        (Trouble::Status(204), ("DELETE", "/probe")),
        (Trouble::Rewritten("Enabled", "Suspend"), ("GET", "versioning")),
        (Trouble::Rewritten("Enabled", "Removed"), ("GET", "object-lock")),
    ] {
        let told = world.under(trouble, of, || bucket.probe("probe")).unwrap_err();
        assert_eq!(told.code(), "BUCKET-007", "{trouble:?}: {told}");
        assert!(told.hint().is_some());
    }
    // A lock that an administrator of the store may end is none, and one without an end is no answer.
    bucket.retain("lock", id, until).unwrap();
    assert_eq!(held().unwrap().until, Some(until));
    let weaker = Trouble::Rewritten("COMPLIANCE", "GOVERNANCE");
    assert_eq!(world.under(weaker, ("HEAD", "/lock"), held).unwrap().until, None);
    let unnamed = Trouble::Rewritten("retain-until-date", "retain-until-dat_");
    refused(world.under(unnamed, ("HEAD", "/lock"), held), "without an end");
}
