//! A replica in a bucket of a real server.

use crate::{Site, caught_up};
use base::{Clock, Fault, SystemClock};
use bucket::{Bucket, Credentials, Settings};
use ledger::copy;
use replica::place::InBucket;
use replica::{Copier, Error};
use rusty_s3::Method;
use std::sync::Arc;
use std::time::Duration;
use testkit::rgw::Person;
use testkit::{Proxy, Rgw, Trouble};

const FOLDER: &str = "sit_x/ledger/";

fn place(endpoint: &str, owner: &Person) -> InBucket {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let settings = Settings { timeout_seconds: 2, tries: 2, ..Settings::new(endpoint, "ledgers") };
    let bucket = Bucket::new(&settings, Credentials::read(&owner.file).unwrap(), clock.clone()).unwrap();
    InBucket::new(bucket, FOLDER.to_owned(), Duration::from_secs(3 * 24 * 3_600), clock)
}

/// One server for all.
#[test]
fn a_bucket_takes_everything_once_and_gives_nothing_up() {
    let rgw = Rgw::start();
    let owner = rgw.person("owner");
    rgw.bucket(&owner, "ledgers", true);
    let proxy = Proxy::start(&rgw.endpoint());
    let site = Site::new(7);
    site.grow(300);
    let copier = || -> Copier { site.copier(Box::new(place(&proxy.endpoint(), &owner))) };
    caught_up(copier().round().unwrap(), &site);

    // Each request once lost, or its answer: the next round goes on, and the copy is sound.
    site.grow(5);
    proxy.plan(|_, _| Trouble::None);
    caught_up(copier().round().unwrap(), &site);
    let requests = proxy.requests();
    for trouble in [Trouble::Lost, Trouble::AnswerLost] {
        for at in (0..requests).step_by(5) {
            site.grow(1);
            proxy.plan(
                move |number, _| if number == at || number == at + 1 { trouble } else { Trouble::None },
            );
            let mut copier = copier();
            if let Err(error) = copier.round() {
                assert!(
                    error.word().is_none() && !error.condemns_the_ledger(),
                    "{trouble:?} at {at}: {error}"
                );
                proxy.plan(|_, _| Trouble::None);
                caught_up(copier.round().unwrap(), &site);
            }
        }
    }
    proxy.plan(|_, _| Trouble::None);
    let direct = place(&rgw.endpoint(), &owner);
    let report = copy::check(&direct, site.ledger.verifier()).unwrap();
    assert!(report.is_sound() && report.size == site.ledger.size(), "{:?}", report.findings);

    // The owner of the bucket changes what lies on top of a file, hides it, and tries to remove it.
    let key = format!("{FOLDER}tile/0/000");
    let ask = |method, query: &[(&str, &str)], body: &[u8]| {
        rgw.ask(
            &owner,
            method,
            "ledgers",
            &key,
            query,
            &[("x-amz-bypass-governance-retention", "true")],
            body,
        )
    };
    let listed =
        rgw.ask(&owner, Method::Get, "ledgers", "", &[("prefix", &key), ("versions", "")], &[], b"").1;
    let version = listed.split("<VersionId>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert_eq!(ask(Method::Put, &[], b"other").0, 200);
    assert_eq!(ask(Method::Delete, &[], b"").0, 204);
    assert_eq!(ask(Method::Delete, &[("versionId", &version)], b"").0, 403);
    let report = copy::check(&direct, site.ledger.verifier()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    caught_up(copier().round().unwrap(), &site);

    guards(&site, &proxy, || place(&proxy.endpoint(), &owner));

    // A store that is away is away, and nothing else.
    proxy.plan(|_, _| Trouble::Status(503));
    let error = copier().round().unwrap_err();
    assert!(error.word().is_none(), "{error}");
    let chain = base::fault::chain(&error);
    assert!(
        matches!(error, Error::Away(_) | Error::Bucket(_)) && chain.contains("does not answer"),
        "{chain}"
    );
    // So is one that refuses: with its word.
    let stranger = rgw.stranger("stranger", "KEYNONE", "secret-of-none");
    let error = site.copier(Box::new(place(&rgw.endpoint(), &stranger))).round().unwrap_err();
    let chain = base::fault::chain(&error);
    assert!(chain.contains("InvalidAccessKeyId") && !chain.contains("secret-of-none"), "{chain}");
    assert!(error.hint().is_some());
}

/// What the store answers is changed on its way: each guard of a round is seen to refuse it, and the round after it
/// is well.
fn guards(site: &Site, proxy: &Proxy, place: impl Fn() -> InBucket) {
    let round = |method: &'static str, word: String, trouble: Trouble| {
        site.grow(1);
        proxy.plan(move |_, line| match line.starts_with(method) && line.contains(&word) {
            true => trouble,
            false => Trouble::None,
        });
        let found = site.copier(Box::new(place())).round();
        proxy.plan(|_, _| Trouble::None);
        caught_up(site.copier(Box::new(place())).round().unwrap(), site);
        found.unwrap_err()
    };
    // Locks are read back: a yes that locks nothing, and a lock that an administrator of the store may end.
    for (method, word, trouble) in [
        ("PUT", "retention", Trouble::Status(200)),
        ("HEAD", "checkpoints", Trouble::Rewritten("COMPLIANCE", "GOVERNANCE")),
    ] {
        let error = round(method, word.to_owned(), trouble);
        assert_eq!(error.code(), "BUCKET-007", "{method}: {error}");
    }
    // Another version than the one that was asked for.
    let error = round("GET", "vkey".to_owned(), Trouble::Header("x-amz-version-id"));
    assert!(base::fault::chain(&error).contains("another version"), "{error}");
    // A changed tile, which the walk over old files meets.
    let error = round("GET", "tile/0/000".to_owned(), Trouble::Changed);
    assert!(matches!(&error, Error::Differs(path) if path.contains("tile/0/000")), "{error}");
    // A changed checkpoint, and one that is hidden behind an older one: rolled back.
    let newest = || format!("{:020}", site.ledger.size());
    let error = round("GET", format!("checkpoints/{}", newest()), Trouble::Changed);
    assert_eq!(error.word(), Some("differs"), "{error}");
    let hidden = Trouble::Rewritten(Box::leak(newest().into_boxed_str()), "00000000000000000300");
    let error = round("GET", "versions".to_owned(), hidden);
    assert!(matches!(error, Error::Lost { .. }), "{error}");
}
