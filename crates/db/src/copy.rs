//! A snapshot of the whole file, for a backup.

use crate::open::Kept;
use crate::{Db, DbKey, Error, Migration};
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, Statement};
use sqlx::sqlite::{SqliteJournalMode, SqlitePoolOptions};
use std::path::Path;

/// What the snapshots of a server's database are made with.
pub(crate) struct Copies {
    pub key: DbKey,
    pub migrations: &'static [&'static [Migration]],
}

impl Db {
    /// Writes a snapshot to `path`, which must not exist: one moment's tables without free pages and without
    /// the log, encrypted under the same key. The tables in `without` are empty in it. Statements wait
    /// until it is written. A failure may leave a file; the caller removes it.
    ///
    /// Of a server it is one moment's rows, put into a file with the same tables under the key that
    /// [`Db::attach_copies`] gave. Nothing waits then.
    pub async fn copy_to(&self, path: &Path, without: &[&str]) -> Result<(), Error> {
        if let Kept::Server(hold) = &self.kept {
            return self.copy_rows(hold.copies()?, path, without).await;
        }
        let place = sea_orm::Value::from(place(path)?);
        let sql = "VACUUM INTO ?";
        let write = Statement::from_sql_and_values(DatabaseBackend::Sqlite, sql, [place]);
        self.reader().execute_raw(write).await?;
        let copy = self.beside(path).await?;
        let mut done = Ok(());
        for table in without {
            // Which tables these are, the rooms that have them say.
            let words = ["DELETE FROM", table].join(" ");
            done = done.and(copy.execute_unprepared(&words).await.map(|_| ()));
        }
        copy.close().await?;
        Ok(done?)
    }

    /// Reads every page of a snapshot and gives what is wrong, as [`Db::check`] does. Statements of this
    /// database do not wait meanwhile.
    pub async fn check_copy(&self, path: &Path) -> Result<Vec<String>, Error> {
        if let Kept::Server(hold) = &self.kept {
            let copies = hold.copies()?;
            let copy = Self::open(path, &copies.key, copies.migrations).await?;
            let found = copy.check().await;
            copy.close().await?;
            return found;
        }
        let copy = self.beside(path).await?;
        let found = read_all(&copy).await;
        copy.close().await?;
        found
    }

    /// Another file under this one's key, on a connection of its own. Nobody else has it open, so one
    /// connection a file is true of it too.
    async fn beside(&self, path: &Path) -> Result<DatabaseConnection, Error> {
        let options = self.reader().get_sqlite_connection_pool().connect_options();
        let options = (*options).clone().filename(path).create_if_missing(false);
        let options = options.journal_mode(SqliteJournalMode::Delete);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
        Ok(pool.map_err(|error| Error::Open(sea_orm::DbErr::Custom(error.to_string())))?.into())
    }

    /// Says under which key the snapshots of a server's database are encrypted, and which steps make their
    /// tables. Once; of a file, which has both, it changes nothing.
    pub fn attach_copies(&self, key: DbKey, migrations: &'static [&'static [Migration]]) {
        if let Kept::Server(hold) = &self.kept {
            hold.attach_copies(Copies { key, migrations });
        }
    }

    async fn copy_rows(&self, copies: &Copies, path: &Path, without: &[&str]) -> Result<(), Error> {
        let refuse = |e: std::io::Error| Error::File { path: path.to_owned(), why: e.to_string() };
        // An empty file is a database without tables; one that is there is nobody's to write over.
        std::fs::File::create_new(path).map_err(refuse)?;
        let copy = Self::open(path, &copies.key, copies.migrations).await?;
        let moved = self.transfer_to(&copy, without).await;
        // Closing writes the log back into the file.
        copy.close().await?;
        moved.map(drop)
    }
}

async fn read_all(copy: &DatabaseConnection) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for pragma in ["PRAGMA cipher_integrity_check", "PRAGMA quick_check"] {
        let rows = copy.query_all_raw(Statement::from_string(DatabaseBackend::Sqlite, pragma)).await?;
        let lines: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get_by_index(0)).collect();
        found.extend(lines?.into_iter().filter(|line| line != "ok"));
    }
    Ok(found)
}

fn place(path: &Path) -> Result<String, Error> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Error::Open(sea_orm::DbErr::Custom("the path is not UTF-8".to_owned())))
}

#[cfg(test)]
mod tests {
    use crate::{Db, DbKey, Migration};
    use sea_orm::ConnectionTrait;

    const STEPS: &[Migration] = &[Migration {
        step: "canary-1",
        sql: &["CREATE TABLE canary_value (id TEXT)", "CREATE TABLE canary_other (id TEXT)"],
    }];

    #[tokio::test]
    async fn a_snapshot_is_encrypted_whole_and_without_what_it_must_not_hold() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("m.db"), &DbKey::new([7; 32]), &[STEPS]).await.unwrap();
        let tx = db.begin(5).await.unwrap();
        tx.execute_unprepared("INSERT INTO canary_value VALUES ('CANARY')").await.unwrap();
        tx.execute_unprepared("INSERT INTO canary_other VALUES ('CANARY')").await.unwrap();
        tx.commit().await.unwrap();
        let path = folder.path().join("copy.db");
        db.copy_to(&path, &["canary_other"]).await.unwrap();
        assert!(db.copy_to(&path, &[]).await.is_err(), "nothing is written over");
        assert!(db.check_copy(&path).await.unwrap().is_empty());
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.starts_with(b"SQLite") && !bytes.windows(6).any(|w| w == b"CANARY"));
        assert!(Db::open(&path, &DbKey::new([8; 32]), &[STEPS]).await.is_err());
        let count = async |db: &Db, table: &str| {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            let ask = sea_orm::Statement::from_string(sea_orm::DatabaseBackend::Sqlite, sql);
            let row = db.reader().query_one_raw(ask).await.unwrap().unwrap();
            row.try_get_by_index::<i64>(0).unwrap()
        };
        let copy = Db::open(&path, &DbKey::new([7; 32]), &[STEPS]).await.unwrap();
        assert_eq!(copy.watermark(), Some(5));
        assert_eq!((count(&copy, "canary_value").await, count(&copy, "canary_other").await), (1, 0));
        copy.close().await.unwrap();
        assert_eq!(count(&db, "canary_other").await, 1, "the file itself is as it was");
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        let found = db.check_copy(&path).await;
        assert!(!found.is_ok_and(|found| found.is_empty()), "one changed bit");
        db.begin(6).await.unwrap().commit().await.unwrap();
    }
}
