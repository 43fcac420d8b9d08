//! Databases of the release before: what was in them is read as it was meant, on both kinds of database.

use access::facts::{PlaceAnswer, SubjectAnswer, UseAnswer};
use access::thing::Site;
use access::verb::Manage;
use access::{Access, Action, Ask, Error, Facts, Permit, Place};
use audit::field::{FieldAnswer, SealedField, Whose, Words};
use audit::{Actor, Audit, Event, FieldSealer, What};
use base::{FixedClock, Id, RequestId, Role, Sensitive, SiteId, SystemEntropy};
use db::sea_orm::ConnectionTrait;
use std::sync::Arc;
use testkit::{DATABASE, LEDGER, TABLES};

/// A site without projects.
struct Bare;

impl Facts for Bare {
    fn place<'a>(&'a self, _: &'a str) -> PlaceAnswer<'a> {
        Box::pin(async { Ok(Some(Place::of_site())) })
    }

    fn subject<'a>(&'a self, _: &'a str) -> SubjectAnswer<'a> {
        Box::pin(async { Ok(None) })
    }

    fn usable<'a>(&'a self, _: access::Using<'a>) -> UseAnswer<'a> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl FieldSealer for Bare {
    fn seal<'a>(&'a self, _: &'a Whose, _: &'a Sensitive<String>) -> FieldAnswer<'a, Option<SealedField>> {
        Box::pin(async { Ok(None) })
    }

    fn open<'a>(&'a self, _: &'a Whose, _: &'a str) -> FieldAnswer<'a, Words> {
        Box::pin(async { Ok(Words::Said(Sensitive::new(String::new()))) })
    }
}

const KEEPER: &str = "usr_00000000000000000001";
const LEAVER: &str = "usr_00000000000000000002";

#[tokio::test]
async fn rows_from_before_roles_had_ends_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (own, rest) = TABLES.split_first().unwrap();
    let before: Vec<_> = [&own[..2]].into_iter().chain(rest.iter().copied()).collect();
    let old = testkit::postgres::database(folder.path(), DATABASE, &before).await.unwrap();
    let rows = format!(
        "INSERT INTO access_grant (id, account, role, project, created_at, expires_at) VALUES \
         ('grt_00000000000000000001', '{KEEPER}', 'platform-administrator', NULL, '2030-05-01T12:00:00Z', NULL), \
         ('grt_00000000000000000002', '{KEEPER}', 'viewer', 'prj_00000000000000000001', '2030-05-01T12:00:00Z', 1900000000), \
         ('grt_00000000000000000003', '{LEAVER}', 'auditor', NULL, '2030-05-01T12:00:00Z', NULL)"
    );
    let accounts = format!(
        "INSERT INTO access_account (id, name, created_at, closed) VALUES \
         ('{KEEPER}', 'keeper', '2030-05-01T12:00:00Z', FALSE), ('{LEAVER}', 'leaver', '2030-05-01T12:00:00Z', TRUE)"
    );
    for sql in [accounts, rows] {
        old.reader().execute_unprepared(&sql).await.unwrap();
    }
    old.close().await.unwrap();

    let db = testkit::postgres::database(folder.path(), DATABASE, TABLES).await.unwrap();
    let clock = Arc::new(FixedClock::at("2031-05-01T12:00:00Z".parse().unwrap()));
    let key = ledger::SigningKey::from_seed(&LEDGER).unwrap();
    let ledger =
        ledger::Ledger::create(&folder.path().join("ledger"), "test.example/site", key, clock.clone())
            .unwrap();
    let (audit, site) = (Audit::new(ledger), SiteId::mint(&SystemEntropy));
    let actor = Actor::Site(site.clone());
    audit.gate(&Event::new(actor.clone(), What::SiteCreated { program: "test".into() })).await.unwrap();
    let policies = policy::Policies::shipped().unwrap();
    let access = Access::new(db, audit.clone(), policies, clock, Arc::new(SystemEntropy));
    access.attach(Arc::new(Bare), Arc::new(Bare));
    access.follow_policies().await.unwrap();
    assert!(access.own_policies().await.unwrap().is_empty());

    // The viewer's year is over, and that is put on record once; the others have no end.
    assert_eq!(access.record_lapses(&actor).await.unwrap(), 1);
    assert_eq!(access.record_lapses(&actor).await.unwrap(), 0);
    let (_, token) = access.recover(&site, "recovered").await.unwrap();
    let session = access.redeem(&token, &RequestId::mint(&SystemEntropy)).await.unwrap();
    let caller = access.authenticate(session.expose()).await.unwrap();
    let leaver = LEAVER.parse().unwrap();
    let ask = Ask::<Site>::new(Action::ManageAccounts, [site]).target(&leaver);
    let permit: Permit<Manage, Site> = access.decide(&caller, ask).await.unwrap();
    let grants = access.grants_on_site(&permit).await.unwrap();
    let kept = grants.iter().find(|grant| grant.account.as_str() == KEEPER).unwrap();
    assert_eq!((kept.role, kept.ends.first(), kept.lapsed), (Role::PlatformAdministrator, None, false));

    // The release before closed an account and left it its roles; it does not get them back.
    assert!(matches!(access.close_account(&permit, &leaver).await, Err(Error::Closed)));
    access.reopen_account(&permit, &leaver).await.unwrap();
    let grants = access.grants_on_site(&permit).await.unwrap();
    assert!(grants.iter().all(|grant| grant.account != leaver));
}
