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
