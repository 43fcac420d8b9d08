//! One process and one transaction at a time, and a database that does not go back.

use crate::{cages, fresh, number, open, refusal};
use db::sea_orm::{ConnectionTrait, Statement};
use db::{Db, Error};
use std::time::{Duration, Instant};
use testkit::Postgres;

/// The connection that holds the lock, of whoever has it.
const HOLDER: &str = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test]
async fn a_second_process_is_refused_and_told_who_the_first_is() {
    let (name, server) = fresh();
    let first = open(&server).await.unwrap();
    let error = refusal(&server).await;
    assert!(matches!(&error, Error::Held(who) if who.contains("127.0.0.1")), "{error:?}");
    first.begin(1).await.unwrap().commit().await.unwrap();
    let holders = || Postgres::shared().ask(&name, &HOLDER.replace("pg_terminate_backend(pid)", "pid"));
    assert!(!holders().is_empty());
    first.close().await.unwrap();
    assert!(holders().is_empty(), "closing lets it go at once");
    open(&server).await.unwrap();
}

#[tokio::test]
async fn a_process_that_lost_the_lock_commits_nothing_more() {
    let (name, server) = fresh();
    let first = open(&server).await.unwrap();
    first.begin(1).await.unwrap().commit().await.unwrap();
    Postgres::shared().ask(&name, HOLDER);
    let second = open(&server).await.unwrap();
    // Before its own look tells it.
    assert!(matches!(first.begin(2).await.err(), Some(Error::Held(_))));
    second.begin(2).await.unwrap().commit().await.unwrap();
    assert!(matches!(first.begin(3).await.err(), Some(Error::Held(_))), "for good");
    assert_eq!(second.watermark(), Some(2));
}

#[tokio::test]
async fn a_lock_that_broke_is_taken_again() {
    let (name, server) = fresh();
    let db = open(&server).await.unwrap();
    Postgres::shared().ask(&name, HOLDER);
    db.begin(1).await.unwrap().commit().await.unwrap();
    let begun = Instant::now();
    while Postgres::shared().ask(&name, &HOLDER.replace("pg_terminate_backend(pid)", "pid")).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(matches!(refusal(&server).await, Error::Held(_)));
    db.begin(2).await.unwrap().commit().await.unwrap();
}

/// Reads, waits and writes: without the lock, two of them would read the same.
async fn add_one(db: Db, position: u64) {
    let tx = db.begin(position).await.unwrap();
    let sql = "SELECT coalesce(max(id), 0) FROM canary_cage";
    let row =
        tx.query_one_raw(Statement::from_string(tx.get_database_backend(), sql)).await.unwrap().unwrap();
    let next = row.try_get_by_index::<i64>(0).unwrap() + 1;
    tokio::time::sleep(Duration::from_millis(2)).await;
    tx.execute_unprepared(&format!("INSERT INTO canary_cage (id) VALUES ({next})")).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_take_turns_and_readers_do_not_wait() {
    let (_, server) = fresh();
    let db = open(&server).await.unwrap();
    let all: Vec<_> = (1..=40).map(|n| tokio::spawn(add_one(db.clone(), n))).collect();
    let open = db.begin(50).await.unwrap();
    open.execute_unprepared("INSERT INTO canary_cage (id) VALUES (-1)").await.unwrap();
    // Beside an open transaction a reader sees what was committed before it.
    let seen = cages(&db).await;
    assert_eq!(number(&db, "SELECT count(*) FROM canary_cage WHERE id = -1").await, 0);
    drop(open);
    for one in all {
        one.await.unwrap();
    }
    assert!(seen <= 40);
    assert_eq!((cages(&db).await, number(&db, "SELECT max(id) FROM canary_cage").await), (40, 40));
    assert_eq!(db.watermark(), Some(40));
}

#[tokio::test]
async fn a_database_that_went_back_takes_no_commits() {
    for spoil in [
        "UPDATE db_watermark SET position = 1",
        "UPDATE db_hold SET turn = 1",
        "UPDATE db_hold SET holder = 0",
    ] {
        let (name, server) = fresh();
        let db = open(&server).await.unwrap();
        for position in 1..=3 {
            db.begin(position).await.unwrap().commit().await.unwrap();
        }
        Postgres::shared().ask(&name, spoil);
        assert!(matches!(db.begin(4).await.err(), Some(Error::WentBack)), "{spoil}");
        assert!(matches!(db.begin(5).await.err(), Some(Error::WentBack)), "{spoil}, for good");
    }
}

#[tokio::test]
async fn the_look_of_the_holder_notices_it_too() {
    let (name, server) = fresh();
    let db = open(&server).await.unwrap();
    db.begin(3).await.unwrap().commit().await.unwrap();
    Postgres::shared().ask(&name, "UPDATE db_watermark SET position = 1");
    let begun = Instant::now();
    while db.lost().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it looks every other second");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Postgres::shared().ask(&name, "UPDATE db_watermark SET position = 3");
    assert!(matches!(db.begin(4).await.err(), Some(Error::WentBack)));
}

#[tokio::test]
async fn what_could_not_be_cleared_is_tried_again() {
    let (name, server) = fresh();
    let db = open(&server).await.unwrap();
    let let_in = |yes: bool| {
        Postgres::shared().ask("postgres", &format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {yes}"));
    };
    let is_uncleared = || db.limits().iter().any(|limit| limit.contains("`VACUUM` did not run to its end"));
    assert!(!is_uncleared());
    let_in(false);
    db.forget_deleted().await.unwrap();
    assert!(is_uncleared());
    let_in(true);
    let begun = Instant::now();
    while is_uncleared() {
        assert!(begun.elapsed() < Duration::from_secs(120), "nobody tries again");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
