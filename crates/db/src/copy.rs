//! A snapshot of the whole file, for a backup.

use crate::{Db, Error};
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use std::path::Path;

impl Db {
    /// Writes a snapshot to `path`, which must not exist: one moment's tables without free pages and without
    /// the log, encrypted under the same key. The tables in `without` are empty in it. Statements wait
    /// until it is done. A failure may leave a file; the caller removes it.
    pub async fn copy_to(&self, path: &Path, without: &[&str]) -> Result<(), Error> {
        let place = place(path)?;
        self.run("VACUUM INTO ?", [place.clone()]).await?;
        self.attached(place, async || {
            let connection = self.reader();
            connection.execute_unprepared("PRAGMA copy.secure_delete = ON").await?;
            for table in without {
                // Which tables these are, the rooms that have them say.
                let words = ["DELETE FROM", &format!("copy.{table}")];
                connection.execute_unprepared(&words.join(" ")).await?;
            }
            Ok(())
        })
        .await
    }

    /// Reads every page of a snapshot and gives what is wrong, as [`Db::check`] does.
    pub async fn check_copy(&self, path: &Path) -> Result<Vec<String>, Error> {
        self.attached(place(path)?, async || {
            let mut found = Vec::new();
            for pragma in ["PRAGMA copy.cipher_integrity_check", "PRAGMA copy.quick_check"] {
                let ask = Statement::from_string(DatabaseBackend::Sqlite, pragma);
                let rows = self.reader().query_all_raw(ask).await?;
                let lines: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get_by_index(0)).collect();
                found.extend(lines?.into_iter().filter(|line| line != "ok"));
            }
            Ok(found)
        })
        .await
    }

    /// Acts while the file lies beside this one as `copy`, under this one's key.
    async fn attached<T>(
        &self,
        place: String,
        act: impl AsyncFnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.run("ATTACH DATABASE ? AS copy", [place]).await?;
        let done = act().await;
        self.reader().execute_unprepared("DETACH DATABASE copy").await?;
        done
    }

    async fn run(&self, sql: &str, values: [String; 1]) -> Result<(), Error> {
        let values = values.map(sea_orm::Value::from);
        let statement = Statement::from_sql_and_values(DatabaseBackend::Sqlite, sql, values);
        self.reader().execute_raw(statement).await?;
        Ok(())
    }
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
