//! The explicit steps from an empty database to today's tables.

use crate::Error;
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, Statement, TransactionTrait};
use std::collections::BTreeSet;

/// One step of a room: statements that run once, together.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The room's name and a number: `keys-1`. Never reused, never edited after a release.
    pub step: &'static str,
    /// Statements in order. `{bytes}` stands for the database's type for byte strings.
    pub sql: &'static [&'static str],
}

const OWN: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS db_step (step TEXT PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS db_watermark (one INTEGER PRIMARY KEY CHECK (one = 1), position BIGINT NOT NULL)",
    "INSERT INTO db_watermark (one, position) VALUES (1, -1) ON CONFLICT DO NOTHING",
    "CREATE TABLE IF NOT EXISTS db_opening (one INTEGER PRIMARY KEY CHECK (one = 1), size BIGINT NOT NULL, root TEXT NOT NULL)",
];

/// Runs the steps that have not run yet, each in a transaction of its own. On a server, under the lock of
/// the process that holds the database.
pub(crate) async fn run(connection: &DatabaseConnection, rooms: &[&[Migration]]) -> Result<(), Error> {
    for sql in OWN {
        connection.execute_unprepared(sql).await.map_err(|e| unopened(connection, e))?;
    }
    let backend = connection.get_database_backend();
    let rows = connection.query_all_raw(Statement::from_string(backend, "SELECT step FROM db_step")).await?;
    let done =
        rows.iter().map(|row| row.try_get_by_index::<String>(0)).collect::<Result<BTreeSet<_>, _>>()?;
    let known: BTreeSet<&str> = rooms.iter().flat_map(|room| room.iter()).map(|m| m.step).collect();
    if let Some(unknown) = done.iter().find(|step| !known.contains(step.as_str())) {
        return Err(Error::Newer(unknown.clone()));
    }
    for migration in rooms.iter().flat_map(|room| room.iter()).filter(|m| !done.contains(m.step)) {
        let failed = |source| Error::Migrate { step: migration.step, source };
        let tx = connection.begin().await.map_err(failed)?;
        for sql in migration.sql {
            tx.execute_unprepared(&sql.replace("{bytes}", bytes_type(backend))).await.map_err(failed)?;
        }
        tx.execute_unprepared(&format!("INSERT INTO db_step (step) VALUES ('{}')", migration.step))
            .await
            .map_err(failed)?;
        tx.commit().await.map_err(failed)?;
    }
    Ok(())
}

/// A file that takes no statement is damaged, or the key is wrong; a server has its own words.
fn unopened(connection: &DatabaseConnection, error: DbErr) -> Error {
    match connection.get_database_backend() {
        DatabaseBackend::Postgres => error.into(),
        _ => Error::Open(error),
    }
}

fn bytes_type(backend: DatabaseBackend) -> &'static str {
    match backend {
        DatabaseBackend::Postgres => "BYTEA",
        _ => "BLOB",
    }
}
