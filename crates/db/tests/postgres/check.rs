//! What a check finds.

use crate::{fresh, open};
use db::sea_orm::ConnectionTrait;
use std::os::unix::fs::FileExt;
use std::path::Path;
use testkit::Postgres;

#[tokio::test]
async fn nothing_is_found_where_nothing_is_wrong_and_what_is_wrong_is_named() {
    let (name, server) = fresh();
    let db = open(&server).await.unwrap();
    let tx = db.begin(1).await.unwrap();
    tx.execute_unprepared("INSERT INTO canary_cage (id) SELECT generate_series(1, 500)").await.unwrap();
    tx.execute_unprepared("INSERT INTO canary_bird (id, cage) VALUES (1, 7), (2, 8)").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(db.check().await.unwrap(), Vec::<String>::new());
    let admin = Postgres::shared();
    admin.ask(
        &name,
        "CREATE EXTENSION amcheck; GRANT EXECUTE ON FUNCTION bt_index_check(regclass, boolean) TO sequestra",
    );
    assert_eq!(db.check().await.unwrap(), Vec::<String>::new(), "with amcheck");
    let spoils = [
        ("SET session_replication_role = replica; DELETE FROM canary_cage WHERE id = 7", "canary_bird"),
        ("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'canary_bird_pkey'::regclass", "index"),
    ];
    for (sql, word) in spoils {
        admin.ask(&name, sql);
        let found = db.check().await.unwrap();
        assert!(found.iter().any(|text| text.contains(word)), "{found:?}");
    }
}

#[tokio::test]
async fn a_changed_bit_in_the_servers_files_is_found() {
    let server = Postgres::start();
    let name = server.database(Path::new("/"));
    let db = open(&server.settings(&name)).await.unwrap();
    let tx = db.begin(1).await.unwrap();
    tx.execute_unprepared(
        "INSERT INTO canary_cage (id, note) SELECT n, repeat('x', 100) FROM generate_series(1, 900) n",
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let file = server.data().join(server.ask(&name, "SELECT pg_relation_filepath('canary_cage')"));
    server.ask(&name, "CHECKPOINT");
    assert_eq!(db.check().await.unwrap(), Vec::<String>::new());
    // Not by a crash, after which the server repairs pages from its log.
    server.stop();
    let pages = std::fs::File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    pages.read_exact_at(&mut byte, 8192 + 5000).unwrap();
    pages.write_all_at(&[byte[0] ^ 4], 8192 + 5000).unwrap();
    server.run_again();
    let found = db.check().await.unwrap();
    assert!(
        found.iter().any(|text| text.contains("canary_cage") && text.contains("invalid page")),
        "{found:?}"
    );
}
