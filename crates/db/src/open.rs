//! The database file and its settings.

use crate::exit::{self, Held};
use crate::{Error, Migration, migrate};
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, Statement};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;
use zeroize::Zeroizing;

/// The key of a database file: 32 bytes, used as it is (no derivation by the database).
pub struct DbKey(Zeroizing<[u8; 32]>);

impl DbKey {
    /// Takes the bytes of a key.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    fn pragma(&self) -> Zeroizing<String> {
        use std::fmt::Write;
        let mut text = Zeroizing::new(String::with_capacity(69));
        text.push_str("\"x'");
        for byte in self.0.iter() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.push_str("'\"");
        text
    }
}

/// An open metadata database. Cheap to clone.
///
/// INVARIANT (one-connection): all statements share one connection. SQLite before 3.51.3 can lose
/// a commit when two connections reset the write-ahead log at once; with one this cannot happen.
#[derive(Clone)]
pub struct Db {
    connection: DatabaseConnection,
    /// The watermark as last committed, so that asking for it costs nothing.
    pub(crate) carried_out: Arc<AtomicI64>,
    _held: Arc<Held>,
}

impl Db {
    /// Opens or creates the file at `path` and brings its tables up to date.
    pub async fn open(path: &Path, key: &DbKey, migrations: &[&[Migration]]) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .thread_name(|_| exit::THREAD.to_owned())
            .pragma("key", key.pragma().as_str().to_owned())
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("temp_store", "MEMORY")
            .pragma("secure_delete", "ON")
            .foreign_keys(true);
        let connected = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(Duration::from_secs(20))
            .connect_with(options)
            .await;
        exit::watch();
        let pool = connected.map_err(|e| Error::Open(sea_orm::DbErr::Custom(e.to_string())))?;
        let connection = pool.into();
        check_library(&connection).await?;
        let db = Self { connection, carried_out: Arc::new(AtomicI64::new(-1)), _held: Arc::new(Held::new()) };
        migrate::run(&db.connection, migrations).await?;
        db.read_watermark().await?;
        Ok(db)
    }

    /// The connection, for reads. Writes go through [`Db::begin`](crate::transaction).
    pub fn reader(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Writes the log back and empties it, so that what was deleted is in no file of the database any
    /// more: the pages themselves are cleared when rows are deleted. Not within a transaction.
    pub async fn forget_deleted(&self) -> Result<(), Error> {
        self.connection.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        Ok(())
    }

    /// Closes the file. Later statements fail.
    pub async fn close(&self) -> Result<(), Error> {
        self.connection.clone().close().await?;
        Ok(())
    }
}

/// A build without encryption would silently store plain files, so it is asked for its version.
async fn check_library(connection: &DatabaseConnection) -> Result<(), Error> {
    let statement = Statement::from_string(DatabaseBackend::Sqlite, "PRAGMA cipher_version");
    let row = connection.query_one_raw(statement).await.map_err(Error::Open)?;
    let version = row.and_then(|r| r.try_get_by_index::<String>(0).ok()).unwrap_or_default();
    if version.starts_with("4.") { Ok(()) } else { Err(Error::Library(format!("`{version}`"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wrong_key_opens_nothing_and_the_file_shows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metadata.db");
        let steps: &[Migration] =
            &[Migration { step: "canary-1", sql: &["CREATE TABLE canary_value (id TEXT PRIMARY KEY)"] }];
        let db = Db::open(&path, &DbKey::new([7; 32]), &[steps]).await.unwrap();
        let tx = db.begin(0).await.unwrap();
        tx.execute_unprepared("INSERT INTO canary_value VALUES ('CANARY-IN-THE-MINE')").await.unwrap();
        tx.commit().await.unwrap();
        db.close().await.unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!bytes.windows(6).any(|w| w == b"CANARY"));
        }
        assert!(matches!(Db::open(&path, &DbKey::new([8; 32]), &[steps]).await, Err(Error::Open(_))));
        Db::open(&path, &DbKey::new([7; 32]), &[steps]).await.unwrap();
    }
}
