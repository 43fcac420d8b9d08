//! An open database, and how a file is opened.

use crate::columns;
use crate::exit::{self, Held};
use crate::hold::Hold;
use crate::{Error, Migration, migrate};
use base::Boxed;
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, Statement};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, RwLock};
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
/// INVARIANT (one-connection): all statements to a file share one connection. SQLite before 3.51.3 can
/// lose a commit when two connections reset the write-ahead log at once; with one this cannot happen.
///
/// INVARIANT (one-at-a-time): at most one transaction is open, in a file because of its one connection,
/// on a server because of the turn that each waits for. So no two of them can contradict each other.
#[derive(Clone)]
pub struct Db {
    pub(crate) connection: DatabaseConnection,
    /// The watermark as last committed, so that asking for it costs nothing.
    pub(crate) carried_out: Arc<AtomicI64>,
    pub(crate) kept: Kept,
    pub(crate) columns: Arc<RwLock<columns::Held>>,
}

/// Where the tables are.
#[derive(Clone)]
pub(crate) enum Kept {
    File { _held: Arc<Held> },
    Server(Arc<Hold>),
}

impl Db {
    /// Opens or creates the file at `path` and brings its tables up to date.
    pub fn open<'a>(
        path: &'a Path,
        key: &'a DbKey,
        migrations: &'a [&'a [Migration]],
    ) -> Boxed<'a, Result<Self, Error>> {
        Box::pin(Self::open_file(path, key, migrations))
    }

    async fn open_file(path: &Path, key: &DbKey, migrations: &[&[Migration]]) -> Result<Self, Error> {
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
        let kept = Kept::File { _held: Arc::new(Held::new()) };
        Self::over(connection, Arc::new(AtomicI64::new(-1)), kept).prepared(migrations).await
    }

    pub(crate) fn over(connection: DatabaseConnection, carried_out: Arc<AtomicI64>, kept: Kept) -> Self {
        Self { connection, carried_out, kept, columns: Arc::default() }
    }

    /// The tables brought up to date, and the watermark read.
    pub(crate) async fn prepared(self, migrations: &[&[Migration]]) -> Result<Self, Error> {
        migrate::run(&self.connection, migrations).await?;
        self.read_watermark().await?;
        Ok(self)
    }

    /// The connection, for reads. Writes go through [`Db::begin`](crate::transaction).
    pub fn reader(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Whether the database is still this process's, asked of the database: who decides by what stands in it, and writes
    /// nothing, asks this first. Of a file it always is.
    pub fn held(&self) -> Boxed<'_, Result<(), Error>> {
        Box::pin(async {
            match &self.kept {
                Kept::File { .. } => Ok(()),
                Kept::Server(hold) => hold.confirm(&self.connection).await,
            }
        })
    }

    /// Why the database is this process's no more, once that is so: another process has it, or it went back in time.
    pub fn lost(&self) -> Option<Error> {
        match &self.kept {
            Kept::File { .. } => None,
            Kept::Server(hold) => hold.lost(),
        }
    }

    /// Where the tables are, for people.
    pub fn place(&self) -> &str {
        match &self.kept {
            Kept::File { .. } => "an encrypted file in the site's folder",
            Kept::Server(hold) => hold.place(),
        }
    }

    /// What the database cannot promise there.
    pub fn limits(&self) -> Vec<&'static str> {
        let Kept::Server(hold) = &self.kept else { return Vec::new() };
        let mut limits = vec![
            "the metadata is on a server that does not encrypt it: whoever administers that server sees ids, \
             roles and sign-in names, and can change rows; labels are sealed",
        ];
        if hold.is_uncleared() {
            limits.push(
                "`VACUUM` did not run to its end since something was deleted: it may lie in the server's pages still",
            );
        }
        limits
    }

    /// Clears what was deleted, as far as the database can. Not within a transaction.
    ///
    /// In a file nothing of it is left: pages are overwritten when rows are deleted, and the log is
    /// written back and emptied. On a server the rows' room is given free, if it takes long behind the request's back
    /// ([`Db::limits`] says so until then), and the server's own log and its backups may hold them for longer.
    pub async fn forget_deleted(&self) -> Result<(), Error> {
        match &self.kept {
            Kept::File { .. } => {
                self.connection.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
            }
            Kept::Server(hold) => hold.clear().await,
        }
        Ok(())
    }

    /// Closes the database, and lets it go. Later statements fail.
    pub async fn close(&self) -> Result<(), Error> {
        self.connection.clone().close().await?;
        if let Kept::Server(hold) = &self.kept {
            hold.release().await;
        }
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

    #[tokio::test]
    async fn a_changed_page_is_damage_and_no_defect() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metadata.db");
        let steps: &[Migration] =
            &[Migration { step: "page-1", sql: &["CREATE TABLE page_value (id TEXT PRIMARY KEY)"] }];
        let db = Db::open(&path, &DbKey::new([7; 32]), &[steps]).await.unwrap();
        let tx = db.begin(0).await.unwrap();
        for number in 0..2_000 {
            tx.execute_unprepared(&format!("INSERT INTO page_value VALUES ('{number:0>64}')")).await.unwrap();
        }
        tx.commit().await.unwrap();
        db.close().await.unwrap();
        // The last page is one of the table or of its index.
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.len() - 3_000;
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let db = Db::open(&path, &DbKey::new([7; 32]), &[steps]).await.unwrap();
        for sql in ["SELECT id FROM page_value ORDER BY id", "SELECT rowid, id FROM page_value NOT INDEXED"] {
            let all = Statement::from_string(DatabaseBackend::Sqlite, sql);
            let Err(error) = db.reader().query_all_raw(all).await else { continue };
            let error = Error::from(error);
            assert!(matches!(error, Error::Damaged(_)), "{error}");
            assert_eq!(error.to_string().matches("malformed").count(), 1, "{error}");
            assert_eq!(base::Fault::kind(&error), base::Kind::Integrity);
            return;
        }
        panic!("the changed page was read as if it were whole");
    }
}
