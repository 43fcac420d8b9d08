//! Uploads that outlive a permit.

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use access::facts::{PlaceAnswer, SubjectAnswer, UseAnswer};
use access::thing::Project;
use access::verb::{Manage, Write};
use access::{Access, Action, Ask, Facts, Permit};
use base::{Fault, FixedClock, Id, Kind, Role, SystemEntropy, Timestamp};
use catalog::Catalog;
use intake::{Error, Lease};

use crate::site::{Files, Site};

/// Projects by the catalog, for a door of decisions whose clock the test moves.
struct Places(Catalog);

impl Facts for Places {
    fn place<'a>(&'a self, id: &'a str) -> PlaceAnswer<'a> {
        Box::pin(async move { Ok(self.0.place(id).await?) })
    }

    fn subject<'a>(&'a self, _: &'a str) -> SubjectAnswer<'a> {
        Box::pin(async { Ok(None) })
    }

    fn usable<'a>(&'a self, _: access::Using<'a>) -> UseAnswer<'a> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn timed(site: &Site, clock: Arc<FixedClock>) -> Access {
    let spine = &site.spine;
    let policies = policy::Policies::shipped().unwrap();
    let access = Access::new(spine.db.clone(), spine.audit.clone(), policies, clock, Arc::new(SystemEntropy));
    access.attach(Arc::new(Places(spine.catalog.clone())), Arc::new(spine.keys.clone()));
    access
}

/// A body during which, after `at` bytes, `then` happens once; `given` counts what was read of it.
struct Midway<F> {
    bytes: Cursor<Vec<u8>>,
    at: u64,
    then: Option<F>,
    given: Arc<AtomicU64>,
}

impl<F> Midway<F> {
    fn new(bytes: &[u8], at: u64, then: F) -> Self {
        Self { bytes: Cursor::new(bytes.to_vec()), at, then: Some(then), given: Arc::default() }
    }
}

impl<F: FnOnce()> Read for Midway<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.bytes.position() >= self.at
            && let Some(then) = self.then.take()
        {
            then();
        }
        let count = self.bytes.read(buffer)?;
        self.given.store(self.bytes.position(), Ordering::SeqCst);
        Ok(count)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_upload_renews_its_permit_and_a_revoked_right_stops_it() {
    let site = Site::new().await;
    let files = Files::lanes(&[60_000]);
    let length = files.bytes[0].len() as u64;
    assert!(length > 4 << 20, "long enough to be asked after: {length}");
    let begun = site.begin(&files).await.unwrap();
    let clock = Arc::new(FixedClock::at(Timestamp::now()));
    let access = timed(&site, clock.clone());
    let analyst = site.members.with(Role::Analyst).clone();
    let permit: Permit<Write, Project> =
        access.decide(&analyst, Ask::new(Action::Ingest, [site.members.project.clone()])).await.unwrap();
    let first = permit.decision();

    let (later, lease) = (clock.clone(), Lease::new(access.clone(), permit));
    let then = move || later.advance(Duration::from_secs(61));
    let body = Midway::new(&files.bytes[0], length / 2, then);
    let id = &begun.package.id;
    let received = site.door.receive(lease, id, 0, Some(length), body).await.unwrap();
    assert_eq!(received.bytes, length);
    let renewed = site.spine.audit.history(site.members.project.as_str()).unwrap().events;
    let since = renewed.iter().filter(|r| {
        r.position > first
            && matches!(&r.event.what, audit::What::Decision { action, .. } if action == "ingest")
    });
    assert_eq!(since.count(), 1, "one renewal, on record");

    let permit: Permit<Write, Project> =
        access.decide(&analyst, Ask::new(Action::Ingest, [site.members.project.clone()])).await.unwrap();
    let manager = site.members.with(Role::ProjectAdministrator);
    let remove: Permit<Manage, Project> =
        site.spine.permit(manager, Action::AdministerProject, &site.members.project).await;
    let (spine_access, spine_db) = (site.access(), site.spine.db.clone());
    let user = analyst.user().unwrap().clone();
    let runtime = tokio::runtime::Handle::current();
    let then = move || {
        runtime.block_on(async {
            let tx = spine_db.begin(remove.decision()).await.unwrap();
            spine_access.remove_member(&remove, &tx, &user).await.unwrap();
            tx.commit().await.unwrap();
        });
        clock.advance(Duration::from_secs(61));
    };
    let length = files.bytes[1].len() as u64;
    let body = Midway::new(&files.bytes[1], length / 2, then);
    let given = body.given.clone();
    let lease = Lease::new(access, permit);
    let stopped = site.door.receive(lease, id, 1, Some(length), body).await.unwrap_err();
    assert!(matches!(stopped, Error::Access(_)), "{stopped}");
    assert!([Kind::Denied, Kind::NotFound].contains(&stopped.kind()));
    let given = given.load(Ordering::SeqCst);
    assert!(given < length / 2 + (2 << 20), "stopped within two MiB, not at the end: {given} of {length}");
    assert_eq!(site.stored(), 2, "the first file alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_is_received_by_one_request_at_a_time() {
    let site = Site::new().await;
    let files = Files::lanes(&[100]);
    let id = site.begin(&files).await.unwrap().package.id;
    let (started, wait) = std::sync::mpsc::channel();
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let then = move || {
        started.send(()).unwrap();
        gate.recv().unwrap();
    };
    let body = Midway::new(&files.bytes[0], 0, then);
    let (door, lease, package) = (site.door.clone(), site.lease().await, id.clone());
    let slow = tokio::spawn(async move { door.receive(lease, &package, 0, None, body).await });
    tokio::task::block_in_place(|| wait.recv().unwrap());
    assert_eq!(site.send(&id, 0, &files.bytes[0]).await.unwrap_err().code(), "INTAKE-012");
    let permit = site.permit().await;
    assert_eq!(site.door.commit(&permit, &id).await.unwrap_err().code(), "INTAKE-012");
    // Another file of the package is free, and giving the package up ends the slow one.
    assert!(site.send(&id, 1, &files.bytes[1]).await.is_ok());
    site.door.abandon(&permit, &id).await.unwrap();
    go.send(()).unwrap();
    assert_eq!(slow.await.unwrap().unwrap_err().kind(), Kind::NotFound);
    let rows = site.rows().await;
    site.assert_empty(&rows, "given up under way");
}
