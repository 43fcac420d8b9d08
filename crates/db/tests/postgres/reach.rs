//! How a server is reached, and which server is good enough.

use crate::{cages, fresh, open, refusal};
use db::{Db, Error, Migration, Server};
use std::path::Path;
use testkit::Postgres;

#[tokio::test]
async fn by_password_by_certificate_and_by_socket_it_is_the_same_database() {
    let (name, server) = fresh();
    let db = open(&server).await.unwrap();
    let tx = db.begin(7).await.unwrap();
    db::sea_orm::ConnectionTrait::execute_unprepared(&*tx, "INSERT INTO canary_cage VALUES (1, 'é', NULL)")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    db.close().await.unwrap();
    for server in [Postgres::shared().by_certificate(&name), Postgres::shared().by_socket(&name)] {
        let db = Db::connect(&server, "sit_one", &[crate::STEPS]).await.unwrap();
        assert_eq!((db.watermark(), cages(&db).await), (Some(7), 1));
        db.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_cannot_prove_itself_gets_no_password() {
    let (name, server) = fresh();
    let other = server.ca.as_ref().unwrap().with_file_name("client.crt");
    let error = refusal(&Server { ca: Some(other), ..server.clone() }).await;
    assert!(matches!(error, Error::Away(_)), "{error:?}");
    // The certificate is for 127.0.0.1 and localhost.
    let elsewhere = server.url.replace("127.0.0.1", "127.0.0.2");
    let error = refusal(&Server { url: elsewhere, ..server.clone() }).await;
    assert!(matches!(error, Error::Away(_)), "{error:?}");
    let error = refusal(&Server { password_file: None, ..server.clone() }).await;
    assert!(matches!(error, Error::Away(_)), "{error:?}");
    let missing = Server { ca: Some("/no/such/file".into()), ..server.clone() };
    assert!(matches!(refusal(&missing).await, Error::File { .. }));
    let nowhere = server.url.replace(&name, "nowhere");
    assert!(matches!(refusal(&Server { url: nowhere, ..server.clone() }).await, Error::Away(_)));
    open(&server).await.unwrap();
}

#[tokio::test]
async fn an_older_protocol_than_tls_1_3_is_refused() {
    let server = Postgres::start();
    let settings = server.settings(&server.database(Path::new("/")));
    open(&settings).await.unwrap().close().await.unwrap();
    for version in ["TLSv1.2", "TLSv1.3"] {
        server.ask("postgres", "ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.2'");
        server.ask("postgres", &format!("ALTER SYSTEM SET ssl_max_protocol_version = '{version}'"));
        server.crash();
        server.run_again();
        let opened = open(&settings).await;
        match version {
            "TLSv1.3" => opened.unwrap().close().await.unwrap(),
            _ => assert!(matches!(opened.err(), Some(Error::Unfit(why)) if why.contains("TLS"))),
        }
    }
    server.ask("postgres", "ALTER SYSTEM SET fsync = off");
    server.crash();
    server.run_again();
    assert!(matches!(refusal(&settings).await, Error::Unfit(why) if why.contains("fsync")));
}

#[tokio::test]
async fn a_database_that_orders_by_language_or_is_not_empty_is_refused() {
    let server = Postgres::shared();
    let kinds = [
        ("icu", "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' TEMPLATE template0", "language"),
        ("ascii", "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0", "UTF8"),
    ];
    for (name, how, why) in kinds {
        server.ask("postgres", &format!("CREATE DATABASE {name} OWNER sequestra {how}"));
        let error = refusal(&server.settings(name)).await;
        assert!(matches!(&error, Error::Unfit(said) if said.contains(why)), "{error:?}");
    }
    let (name, settings) = fresh();
    server.ask(&name, "CREATE TABLE wages (a int)");
    assert!(matches!(refusal(&settings).await, Error::Unfit(why) if why.contains("tables")));
}

#[tokio::test]
async fn a_database_that_everybody_may_use_is_refused() {
    let (name, settings) = fresh();
    let server = Postgres::shared();
    for (right, on) in [("CONNECT", format!("DATABASE {name}")), ("CREATE", "SCHEMA public".to_owned())] {
        server.ask(&name, &format!("GRANT {right} ON {on} TO PUBLIC"));
        let error = refusal(&settings).await;
        assert!(matches!(&error, Error::Unfit(said) if said.contains("everybody")), "{right}: {error:?}");
        server.ask(&name, &format!("REVOKE {right} ON {on} FROM PUBLIC"));
    }
    let db = open(&settings).await.unwrap();
    // What a connection finds that is made later counts as well.
    server.ask(&name, &format!("GRANT CONNECT ON DATABASE {name} TO PUBLIC"));
    let others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    server.ask(&name, &format!("SELECT pg_terminate_backend(pid) {others}"));
    let error = db::sea_orm::TransactionTrait::begin(db.reader()).await.unwrap_err();
    assert!(matches!(Error::from(error), Error::Away(_)));
    // Why, the next connection by itself says, as a doctor makes it.
    let said = db::probe(&settings).await;
    assert!(matches!(&said, Err(Error::Unfit(why)) if why.contains("everybody")), "{said:?}");
}

#[tokio::test]
async fn a_database_has_one_site_and_no_newer_program() {
    let (_, server) = fresh();
    open(&server).await.unwrap().close().await.unwrap();
    let other = Db::connect(&server, "sit_two", &[crate::STEPS]).await;
    assert!(matches!(other.err(), Some(Error::Foreign)));
    let newer: &[Migration] =
        &[Migration { step: "canary-2", sql: &["ALTER TABLE canary_cage ADD COLUMN more TEXT"] }];
    let db = Db::connect(&server, "sit_one", &[crate::STEPS, newer]).await.unwrap();
    db.close().await.unwrap();
    assert!(matches!(refusal(&server).await, Error::Newer(step) if step == "canary-2"));
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing() {
    let (name, server) = fresh();
    let half: &[Migration] =
        &[Migration { step: "canary-2", sql: &["CREATE TABLE canary_half (a INTEGER)", "CREATE NONSENSE"] }];
    let failed = Db::connect(&server, "sit_one", &[crate::STEPS, half]).await;
    assert!(matches!(failed.err(), Some(Error::Migrate { step: "canary-2", .. })));
    assert_eq!(Postgres::shared().ask(&name, "SELECT to_regclass('canary_half') IS NULL"), "t");
    open(&server).await.unwrap();
}
