//! The whole file, page by page.

use crate::{Db, Error};
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};

impl Db {
    /// Reads every page of the file and gives what is wrong, in the library's words with the page's
    /// number: each page carries a code that authenticates it. Nothing is wrong: nothing is given.
    ///
    /// What stands in the write-ahead log alone is moved into the file first. A page that lies in
    /// the cache is read from the disk all the same. Statements wait until it is done.
    pub async fn check(&self) -> Result<Vec<String>, Error> {
        let ask = |sql: &str| Statement::from_string(DatabaseBackend::Sqlite, sql);
        self.reader().execute_raw(ask("PRAGMA wal_checkpoint(TRUNCATE)")).await?;
        let rows = self.reader().query_all_raw(ask("PRAGMA cipher_integrity_check")).await?;
        rows.iter().map(|row| Ok(row.try_get_by_index::<String>(0)?)).collect()
    }
}
