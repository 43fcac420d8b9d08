//! Everything that is stored, read once.

use crate::open::Kept;
use crate::{Db, Error};
use sea_orm::{ConnectionTrait, DatabaseBackend, QueryResult, Statement, TransactionTrait};

/// Tables of the site; not those of the server.
const TABLES: &str = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY 1";
/// What the server itself no longer trusts.
const MARKED: &str = "SELECT 'index ' || indexrelid::regclass::text || ' is not valid' FROM pg_index \
     WHERE NOT (indisvalid AND indisready) UNION ALL \
     SELECT 'constraint ' || conname || ' was never checked' FROM pg_constraint WHERE NOT convalidated";
/// Keys to other tables, as queries that count what they fail for.
const REFERENCES: &str = "SELECT format('%s: %s', conrelid::regclass, conname), \
     format('SELECT count(*) FROM ONLY %s a WHERE a.%I IS NOT NULL AND NOT EXISTS \
     (SELECT 1 FROM %s b WHERE b.%I = a.%I)', conrelid::regclass, x.attname, confrelid::regclass, y.attname, \
     x.attname) FROM pg_constraint c \
     JOIN pg_attribute x ON x.attrelid = conrelid AND x.attnum = conkey[1] \
     JOIN pg_attribute y ON y.attrelid = confrelid AND y.attnum = confkey[1] \
     WHERE contype = 'f' AND cardinality(conkey) = 1";
/// B-trees compared with their tables, where the server has the means and lets us use them.
const AMCHECK: &str = "SELECT has_function_privilege(p.oid, 'EXECUTE') FROM pg_proc p \
     JOIN pg_extension e ON e.extname = 'amcheck' \
     WHERE p.oid = to_regprocedure('bt_index_check(regclass,boolean)')";
const INDEXES: &str = "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_am a ON a.oid = c.relam WHERE c.relkind = 'i' AND n.nspname = 'public' AND a.amname = 'btree'";

impl Db {
    /// Reads all that is stored and gives what is wrong, in the database's words. Nothing is wrong:
    /// nothing is given.
    ///
    /// Of a file, every page: each carries a code that authenticates it. What stands in the write-ahead
    /// log alone is moved into the file first, and a page that lies in the cache is read from the disk
    /// all the same. Statements wait until it is done.
    ///
    /// On a server, every row and every key to another table, and each index against its table, where
    /// the extension `amcheck` is there for this account. A page is checked by the server, with the
    /// checksums that it was set up with; without them, that is said. Nothing is authenticated: whoever
    /// administers the server can change rows, and this does not find it.
    pub async fn check(&self) -> Result<Vec<String>, Error> {
        match self.kept {
            Kept::File { .. } => self.check_file().await,
            Kept::Server(_) => self.check_server().await,
        }
    }

    async fn check_file(&self) -> Result<Vec<String>, Error> {
        let ask = |sql: &str| Statement::from_string(DatabaseBackend::Sqlite, sql);
        self.reader().execute_raw(ask("PRAGMA wal_checkpoint(TRUNCATE)")).await?;
        let rows = self.reader().query_all_raw(ask("PRAGMA cipher_integrity_check")).await?;
        rows.iter().map(text).collect()
    }

    async fn check_server(&self) -> Result<Vec<String>, Error> {
        let mut found = self.texts(MARKED).await?;
        if self.texts("SHOW data_checksums").await? != ["on"] {
            found.push("the server keeps no checksums of pages: a changed bit is not noticed".to_owned());
        }
        for table in self.texts(TABLES).await? {
            // As text, so that long values, which lie elsewhere, are read as well.
            let sql = format!("SELECT count(octet_length(t::text))::text FROM {table} t");
            if let Err(error) = self.scan(&sql).await? {
                found.push(format!("table {table}: {error}"));
            }
        }
        for row in self.rows(REFERENCES).await? {
            let (name, sql) = (text(&row)?, row.try_get_by_index::<String>(1)?);
            let missing =
                self.rows(&sql).await?.first().map(|row| row.try_get_by_index::<i64>(0)).transpose()?;
            if missing != Some(0) {
                found.push(format!("{name}: {} rows name what is not there", missing.unwrap_or_default()));
            }
        }
        let amcheck = self.rows(AMCHECK).await?;
        if amcheck.first().is_some_and(|row| row.try_get_by_index::<bool>(0).unwrap_or(false)) {
            for index in self.texts(INDEXES).await? {
                if let Err(error) =
                    self.scan(&format!("SELECT bt_index_check('{index}'::regclass, true)::text")).await?
                {
                    found.push(format!("index {index}: {error}"));
                }
            }
        }
        Ok(found)
    }

    /// Runs one statement that reads much. The inner failure is the server's word about its data.
    async fn scan(&self, sql: &str) -> Result<Result<(), String>, Error> {
        let tx = self.reader().begin().await?;
        for setting in [
            "SET LOCAL statement_timeout = 0",
            "SET LOCAL enable_indexscan = off",
            "SET LOCAL enable_indexonlyscan = off",
        ] {
            tx.execute_unprepared(setting).await?;
        }
        match tx.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, sql)).await {
            Ok(_) => Ok(Ok(())),
            Err(error) => match Error::from(error) {
                Error::Statement(error) => Ok(Err(error.to_string())),
                Error::Damaged(said) => Ok(Err(said)),
                other => Err(other),
            },
        }
    }

    async fn texts(&self, sql: &str) -> Result<Vec<String>, Error> {
        self.rows(sql).await?.iter().map(text).collect()
    }

    async fn rows(&self, sql: &str) -> Result<Vec<QueryResult>, Error> {
        Ok(self.reader().query_all_raw(Statement::from_string(DatabaseBackend::Postgres, sql)).await?)
    }
}

fn text(row: &QueryResult) -> Result<String, Error> {
    Ok(row.try_get_by_index::<String>(0)?)
}
