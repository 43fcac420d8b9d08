//! What is PostgreSQL's own: a real server, crashes, a lost answer, a second process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod check;
mod hold;
mod lost;
mod moved;
mod reach;

use db::sea_orm::{ConnectionTrait, Statement};
use db::{Db, Error, Migration, Server};
use std::path::Path;
use testkit::Postgres;

const STEPS: &[Migration] = &[Migration {
    step: "canary-1",
    sql: &[
        "CREATE TABLE canary_cage (id BIGINT PRIMARY KEY, note TEXT, bytes {bytes})",
        "CREATE TABLE canary_bird (id BIGINT PRIMARY KEY, cage BIGINT NOT NULL REFERENCES canary_cage (id))",
    ],
}];

/// A new database on the server that all tests share.
fn fresh() -> (String, Server) {
    let server = Postgres::shared();
    let name = server.database(Path::new("/"));
    let settings = server.settings(&name);
    (name, settings)
}

async fn open(server: &Server) -> Result<Db, Error> {
    Db::connect(server, "sit_one", &[STEPS]).await
}

/// What a failure says, for those that must fail.
async fn refusal(server: &Server) -> Error {
    match open(server).await {
        Ok(_) => panic!("it opens"),
        Err(error) => error,
    }
}

async fn number(db: &Db, sql: &str) -> i64 {
    let statement = Statement::from_string(db.reader().get_database_backend(), sql);
    db.reader().query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn cages(db: &Db) -> i64 {
    number(db, "SELECT count(*) FROM canary_cage").await
}
