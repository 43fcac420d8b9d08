//! A database from before passkeys, opened by this program.

use access::{Access, Error, Proof};
use audit::Audit;
use base::{Clock, FixedClock, Id, RequestId, SystemEntropy, Timestamp, UserId};
use db::sea_orm::ConnectionTrait;
use db::sea_orm::sea_query::{Expr, Query};
use db::{Db, Migration};
use std::path::Path;
use std::sync::Arc;

const NOW: i64 = 1_900_000_000;

/// The steps of the release before.
fn earlier() -> &'static [Migration] {
    let all = access::MIGRATIONS;
    &all[..all.iter().position(|one| one.step == "access-5").unwrap()]
}

async fn open(folder: &Path, steps: &[Migration]) -> Db {
    testkit::postgres::database(folder, [5; 32], &[steps]).await.unwrap()
}

/// An account with a session and a one-time token, as the release before wrote them.
async fn fill(db: &Db, user: &UserId, session: &str, once: &str) {
    let digest = |text: &str| Expr::value(blake3::hash(text.as_bytes()).as_bytes().to_vec());
    let tx = db.begin_without_decision().await.unwrap();
    let text = |text: &str| Expr::value(text.to_owned());
    let rows = [
        Query::insert()
            .into_table("access_account")
            .columns(["id", "name", "created_at", "closed"])
            .values_panic([
                text(user.as_str()),
                text("before"),
                text("2030-01-01T00:00:00Z"),
                Expr::value(false),
            ])
            .to_owned(),
        Query::insert()
            .into_table("access_session")
            .columns(["digest", "account", "created_at", "used_at", "proof", "source"])
            .values_panic([
                digest(session),
                text(user.as_str()),
                Expr::value(NOW),
                Expr::value(NOW),
                text("one-time-token"),
                text("socket"),
            ])
            .to_owned(),
        Query::insert()
            .into_table("access_token")
            .columns(["digest", "account", "expires_at"])
            .values_panic([digest(once), text(user.as_str()), Expr::value(NOW + 3600)])
            .to_owned(),
    ];
    for row in &rows {
        tx.execute(row).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_was_there_before_passkeys_is_there_and_proves_no_more_than_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let (session, once) = (format!("ses_{}", "7".repeat(64)), format!("once_{}", "8".repeat(64)));
    let user = UserId::mint(&SystemEntropy);
    let db = open(folder.path(), earlier()).await;
    fill(&db, &user, &session, &once).await;
    db.close().await.unwrap();
    drop(db);

    let db = open(folder.path(), access::MIGRATIONS).await;
    let clock = Arc::new(FixedClock::at(Timestamp::from_second(NOW + 60).unwrap()));
    let key = ledger::SigningKey::from_seed(&[3; 32]).unwrap();
    let log =
        ledger::Ledger::create(&folder.path().join("l"), "test/site", key, clock.clone() as Arc<dyn Clock>);
    let policies = policy::Policies::shipped().unwrap();
    let access = Access::new(db.clone(), Audit::new(log.unwrap()), policies, clock, Arc::new(SystemEntropy));
    access.use_passkeys(access::Passkeys::at("https://site.example").unwrap());
    let caller = access.authenticate(&session).await.unwrap();
    assert_eq!(caller.user(), Some(&user));
    let signed = caller.signed().unwrap();
    assert_eq!((signed.proof, signed.confirmed), (Proof::OneTimeToken, false));
    assert!(matches!(access.begin_enrolment(&caller).await, Err(Error::FirstPasskey)));
    // Its one-time token is good, and begins a session in which a passkey is enrolled.
    let once = access.one_time_token(&once).unwrap();
    let token = access.redeem(&once, &RequestId::mint(&SystemEntropy)).await.unwrap();
    let fresh = access.authenticate(token.expose()).await.unwrap();
    access.begin_enrolment(&fresh).await.unwrap();
    db.close().await.unwrap();
    drop((access, db));

    // And the release before does not open what this one wrote.
    let refused = testkit::postgres::database(folder.path(), [5; 32], &[earlier()]).await;
    assert_eq!(base::Fault::code(&refused.err().unwrap()), "DB-004");
}

/// Links were all for visas before people could sign in by one.
#[tokio::test]
async fn a_link_of_before_signs_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let all = access::MIGRATIONS;
    let before = &all[..all.iter().position(|one| one.step == "access-9").unwrap()];
    let db = open(folder.path(), before).await;
    let user = UserId::mint(&SystemEntropy);
    fill(&db, &user, "session", "once").await;
    let text = |text: &str| Expr::value(text.to_owned());
    let row = Query::insert()
        .into_table("access_identity")
        .columns(["name", "issuer", "account", "since"])
        .values_panic([
            Expr::value(vec![1u8; 32]),
            text("https://visas.example/"),
            text(user.as_str()),
            Expr::value(NOW),
        ])
        .to_owned();
    let tx = db.begin_without_decision().await.unwrap();
    tx.execute(&row).await.unwrap();
    tx.commit().await.unwrap();
    db.close().await.unwrap();
    drop(db);

    let db = open(folder.path(), all).await;
    let asked = Query::select().column("signs_in").from("access_identity").to_owned();
    let row = db.reader().query_one(&asked).await.unwrap().unwrap();
    assert!(!row.try_get_by_index::<bool>(0).unwrap());
}
