//! All rows of one database into another of the other kind, in one moment's state.

use crate::open::Kept;
use crate::{Db, Error};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseBackend, DatabaseTransaction, IsolationLevel, QueryResult,
    Statement, TransactionTrait, Value,
};

/// Rows that are held in memory at once.
const PAGE: usize = 500;
/// Values of one statement, which SQLite takes at most 32,766 of.
const VALUES: usize = 30_000;
/// What each database keeps for itself.
const OWN: &[&str] = &["db_step", "db_hold", "db_watermark", "db_opening"];

/// What a transfer moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    /// Rows.
    pub rows: u64,
    /// The sum of the rows' hashes: equal rows give equal sums, in whatever order.
    pub sum: [u64; 4],
}

struct Table {
    name: String,
    columns: Vec<(String, Type)>,
}

#[derive(Debug, Clone, Copy)]
enum Type {
    Text,
    Bytes,
    Int,
    Long,
    Flag,
}

impl Db {
    /// Puts every row of this database, as of one moment, into `to`, whose tables are there and empty, and reads
    /// back what was put there. The tables in `without` stay empty. One of the two is a file.
    ///
    /// Crash here: `to` is as empty as before, or whole.
    pub async fn transfer_to(&self, to: &Self, without: &[&str]) -> Result<Moved, Error> {
        let tables = match (&self.kept, &to.kept) {
            (Kept::File { .. }, Kept::Server(_)) => self.tables().await?,
            (Kept::Server(_), Kept::File { .. }) => to.tables().await?,
            _ => return Err(Error::Setting("one of the two databases has to be a file".to_owned())),
        };
        let (level, mode) = (Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly));
        // Of a file every transaction is one moment's, and it knows no such words.
        let from = match self.kept {
            Kept::File { .. } => self.reader().begin().await?,
            Kept::Server(_) => self.reader().begin_with_config(level, mode).await?,
        };
        let position = watermark(&from).await?;
        let into = match u64::try_from(position) {
            Ok(position) => to.begin(position).await?,
            Err(_) => to.begin_without_decision().await?,
        };
        let mut moved = Moved::default();
        for table in tables.iter().filter(|table| !without.contains(&table.name.as_str())) {
            let count = format!("SELECT COUNT(*) FROM {}", table.name);
            let there = one(&into, &count).await?;
            if there != 0 {
                return Err(Error::Unfit(format!("the table {} is not empty", table.name)));
            }
            let mut rows = Rows::of(&from, table).await?;
            while let Some(page) = rows.next().await? {
                page.iter().for_each(|row| moved.add(&table.name, row));
                insert(&into, table, page).await?;
            }
        }
        let mut back = Moved::default();
        for table in tables.iter().filter(|table| !without.contains(&table.name.as_str())) {
            let mut rows = Rows::of(&into, table).await?;
            while let Some(page) = rows.next().await? {
                page.iter().for_each(|row| back.add(&table.name, row));
            }
        }
        if back != moved {
            return Err(Error::Unfit("what was put into the database reads otherwise".to_owned()));
        }
        into.commit().await?;
        from.rollback().await?;
        Ok(moved)
    }

    /// Removes every table of the site from a server's database, if this process still holds it. What was in them has to
    /// be elsewhere. Tables of other owners stay.
    pub async fn drop_all(&self) -> Result<(), Error> {
        self.held().await?;
        let sql = "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables \
                   WHERE schemaname = 'public' AND tableowner = current_user";
        let ask = Statement::from_string(DatabaseBackend::Postgres, sql);
        let row = self.reader().query_one_raw(ask).await?;
        let names: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
        if let Some(names) = names {
            self.reader().execute_unprepared(&["DROP TABLE", &names, "CASCADE"].join(" ")).await?;
        }
        Ok(())
    }

    /// The tables of a file in the order in which they were made, so that what is named comes first.
    async fn tables(&self) -> Result<Vec<Table>, Error> {
        let sql =
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid";
        let ask = |sql: String| Statement::from_string(DatabaseBackend::Sqlite, sql);
        let mut tables = Vec::new();
        for row in self.reader().query_all_raw(ask(sql.to_owned())).await? {
            let name: String = row.try_get_by_index(0)?;
            if OWN.contains(&name.as_str()) {
                continue;
            }
            let about = format!("SELECT name, type FROM pragma_table_info('{name}')");
            let rows = self.reader().query_all_raw(ask(about)).await?;
            let columns = rows.iter().map(|row| Ok((row.try_get_by_index(0)?, Type::of(row)?)));
            tables.push(Table { columns: columns.collect::<Result<_, Error>>()?, name });
        }
        Ok(tables)
    }
}

impl Type {
    fn of(row: &QueryResult) -> Result<Self, Error> {
        let word: String = row.try_get_by_index(1)?;
        match word.as_str() {
            "TEXT" => Ok(Self::Text),
            "BLOB" => Ok(Self::Bytes),
            "INTEGER" => Ok(Self::Int),
            "BIGINT" => Ok(Self::Long),
            "BOOLEAN" => Ok(Self::Flag),
            _ => Err(Error::Unfit(format!("there is a column of type {word}, which no step makes"))),
        }
    }

    fn read(self, row: &QueryResult, at: usize) -> Result<Value, Error> {
        Ok(match self {
            Self::Text => row.try_get_by_index::<Option<String>>(at)?.into(),
            Self::Bytes => row.try_get_by_index::<Option<Vec<u8>>>(at)?.into(),
            Self::Int => row.try_get_by_index::<Option<i32>>(at)?.into(),
            Self::Long => row.try_get_by_index::<Option<i64>>(at)?.into(),
            Self::Flag => row.try_get_by_index::<Option<bool>>(at)?.into(),
        })
    }
}

impl Moved {
    fn add(&mut self, table: &str, row: &[Value]) {
        self.rows += 1;
        let mut hash = blake3::Hasher::new();
        for part in std::iter::once(table.to_owned()).chain(row.iter().map(|value| format!("{value:?}"))) {
            hash.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let hash = *hash.finalize().as_bytes();
        for (sum, bytes) in self.sum.iter_mut().zip(hash.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*bytes));
        }
    }
}

/// The rows of a table, some at a time.
struct Rows<'a> {
    by: &'a DatabaseTransaction,
    table: &'a Table,
    /// In a file: the last row's number.
    after: i64,
}

impl<'a> Rows<'a> {
    async fn of(by: &'a DatabaseTransaction, table: &'a Table) -> Result<Self, Error> {
        if by.get_database_backend() == DatabaseBackend::Postgres {
            let sql = format!(
                "DECLARE {0}_rows NO SCROLL CURSOR FOR SELECT {1} FROM {0}",
                table.name,
                table.names()
            );
            by.execute_unprepared(&sql).await?;
        }
        Ok(Self { by, table, after: i64::MIN })
    }

    async fn next(&mut self) -> Result<Option<Vec<Vec<Value>>>, Error> {
        let backend = self.by.get_database_backend();
        let sql = match backend {
            DatabaseBackend::Postgres => format!("FETCH {PAGE} FROM {}_rows", self.table.name),
            _ => format!(
                "SELECT {}, rowid FROM {} WHERE rowid > {} ORDER BY rowid LIMIT {PAGE}",
                self.table.names(),
                self.table.name,
                self.after
            ),
        };
        let rows = self.by.query_all_raw(Statement::from_string(backend, sql)).await?;
        let Some(last) = rows.last() else {
            if backend == DatabaseBackend::Postgres {
                self.by.execute_unprepared(&format!("CLOSE {}_rows", self.table.name)).await?;
            }
            return Ok(None);
        };
        if backend != DatabaseBackend::Postgres {
            self.after = last.try_get_by_index(self.table.columns.len())?;
        }
        rows.iter().map(|row| self.table.read(row)).collect::<Result<_, _>>().map(Some)
    }
}

impl Table {
    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn read(&self, row: &QueryResult) -> Result<Vec<Value>, Error> {
        self.columns.iter().enumerate().map(|(at, (_, kind))| kind.read(row, at)).collect()
    }
}

async fn insert(into: &DatabaseTransaction, table: &Table, rows: Vec<Vec<Value>>) -> Result<(), Error> {
    let backend = into.get_database_backend();
    let width = table.columns.len().max(1);
    for some in rows.chunks((VALUES / width).max(1)) {
        let mut number = 0;
        let mut places = Vec::with_capacity(some.len());
        for _ in some {
            let mut row = Vec::with_capacity(width);
            for _ in 0..width {
                number += 1;
                row.push(if backend == DatabaseBackend::Postgres {
                    format!("${number}")
                } else {
                    "?".to_owned()
                });
            }
            places.push(format!("({})", row.join(", ")));
        }
        let sql = format!("INSERT INTO {} ({}) VALUES {}", table.name, table.names(), places.join(", "));
        let values = some.iter().flatten().cloned();
        into.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    }
    Ok(())
}

async fn watermark(by: &DatabaseTransaction) -> Result<i64, Error> {
    one(by, "SELECT position FROM db_watermark").await
}

async fn one(by: &DatabaseTransaction, sql: &str) -> Result<i64, Error> {
    let row = by.query_one_raw(Statement::from_string(by.get_database_backend(), sql)).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(-1))
}
