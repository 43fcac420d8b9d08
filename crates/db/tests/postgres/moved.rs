//! Rows that move between a file and a server, and snapshots of a server.

use crate::{fresh, number};
use db::sea_orm::ConnectionTrait;
use db::{Db, DbKey, Error, Migration};

const KEY: [u8; 32] = [7; 32];
const ALL: &[&[Migration]] = &[&[Migration {
    step: "canary-1",
    sql: &[
        "CREATE TABLE canary_cage (id TEXT PRIMARY KEY, small INTEGER NOT NULL, large BIGINT, open BOOLEAN NOT NULL, \
         bytes {bytes})",
        "CREATE TABLE canary_bird (id TEXT PRIMARY KEY, cage TEXT NOT NULL REFERENCES canary_cage (id))",
    ],
}]];

/// More rows than one page, in which the second table names rows of the first.
async fn filled(folder: &std::path::Path) -> Db {
    let db = Db::open(&folder.join("m.db"), &DbKey::new(KEY), ALL).await.unwrap();
    let tx = db.begin(41).await.unwrap();
    for n in 0..1203_i64 {
        let large = if n % 3 == 0 { "NULL".to_owned() } else { (n << 40).to_string() };
        let bytes = if n % 5 == 0 { "NULL".to_owned() } else { format!("x'00ff{n:04x}'") };
        let row =
            format!("INSERT INTO canary_cage VALUES ('é {n}', {}, {large}, {}, {bytes})", -n, n % 2 == 0);
        tx.execute_unprepared(&row).await.unwrap();
    }
    tx.execute_unprepared("INSERT INTO canary_bird SELECT id, id FROM canary_cage").await.unwrap();
    tx.commit().await.unwrap();
    db
}

#[tokio::test]
async fn rows_move_to_a_server_and_back_and_are_the_same() {
    let (_, settings) = fresh();
    let folder = tempfile::tempdir().unwrap();
    let file = filled(folder.path()).await;
    let server = Db::connect(&settings, "sit_one", ALL).await.unwrap();
    let moved = file.transfer_to(&server, &[]).await.unwrap();
    assert_eq!((moved.rows, server.watermark()), (2406, Some(41)));
    assert_eq!(server.check().await.unwrap(), Vec::<String>::new());
    assert!(
        matches!(file.transfer_to(&server, &[]).await, Err(Error::Unfit(why)) if why.contains("not empty"))
    );
    let sum = "SELECT CAST(SUM(small + COALESCE(large, 0) / 7) AS BIGINT) FROM canary_cage WHERE open";
    assert_eq!(number(&server, sum).await, number(&file, sum).await);
    let back = Db::open(&folder.path().join("back.db"), &DbKey::new(KEY), ALL).await.unwrap();
    assert_eq!(server.transfer_to(&back, &[]).await.unwrap(), moved);
    assert_eq!((back.watermark(), number(&back, sum).await), (Some(41), number(&file, sum).await));
    assert!(file.transfer_to(&back, &[]).await.is_err(), "one of the two is a server");
    // Another value, another sum.
    let other = Db::open(&folder.path().join("other.db"), &DbKey::new(KEY), ALL).await.unwrap();
    let tx = server.begin(42).await.unwrap();
    tx.execute_unprepared("UPDATE canary_cage SET open = NOT open WHERE small = -7").await.unwrap();
    tx.commit().await.unwrap();
    let changed = server.transfer_to(&other, &[]).await.unwrap();
    assert!(changed.rows == moved.rows && changed.sum != moved.sum);
    server.drop_all().await.unwrap();
    assert!(server.begin(43).await.is_err());
}

#[tokio::test]
async fn a_snapshot_of_a_server_is_an_encrypted_file() {
    let (_, settings) = fresh();
    let folder = tempfile::tempdir().unwrap();
    let server = Db::connect(&settings, "sit_one", ALL).await.unwrap();
    filled(folder.path()).await.transfer_to(&server, &[]).await.unwrap();
    let path = folder.path().join("copy.db");
    assert!(server.copy_to(&path, &[]).await.is_err(), "under no key there is no snapshot");
    server.attach_copies(DbKey::new(KEY), ALL);
    server.copy_to(&path, &["canary_bird"]).await.unwrap();
    assert!(server.copy_to(&path, &[]).await.is_err(), "nothing is written over");
    assert_eq!(server.check_copy(&path).await.unwrap(), Vec::<String>::new());
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.starts_with(b"SQLite"));
    assert!(Db::open(&path, &DbKey::new([8; 32]), ALL).await.is_err());
    let copy = Db::open(&path, &DbKey::new(KEY), ALL).await.unwrap();
    let count = async |table: &str| number(&copy, &format!("SELECT COUNT(*) FROM {table}")).await;
    assert_eq!(
        (count("canary_cage").await, count("canary_bird").await, copy.watermark()),
        (1203, 0, Some(41))
    );
    copy.close().await.unwrap();
    let mut changed = std::fs::read(&path).unwrap();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    assert!(!server.check_copy(&path).await.is_ok_and(|found| found.is_empty()), "one changed bit");
}
