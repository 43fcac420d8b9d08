//! Writes, and the watermark they leave.

use crate::hold::{Hold, Turn};
use crate::open::Kept;
use crate::{Db, Error};
use base::Boxed;
use sea_orm::{ConnectionTrait, DatabaseTransaction, IsolationLevel, Statement, TransactionTrait};
use std::ops::Deref;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;

/// How often a transaction is begun when the connection breaks before it did anything.
const TRIES: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(200);

/// A transaction that carries out the decision recorded at one ledger position.
///
/// Dropping it undoes it. Read through it, not through [`Db::reader`], while it is open: in a file there
/// is one connection, and it holds it; on a server the reader does not see what it did.
pub struct Tx {
    inner: DatabaseTransaction,
    /// None where nobody decided.
    position: Option<i64>,
    db: Db,
    turn: Option<OwnedMutexGuard<Turn>>,
}

/// A state of the ledger: how many events, and the root over them, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Events.
    pub size: u64,
    /// The root of the tree over them.
    pub root: String,
}

/// A transaction in which somebody looks, and writes what stands or falls with it, before anything is decided.
///
/// INVARIANT (recorded-is-done): what is on record as done was not refused afterwards. Who looks for the last time
/// where nobody else writes, and records then, leaves no record of what was not done, but for a crash in between.
pub struct Look(Tx);

impl Look {
    /// The same transaction, once its decision is recorded at ledger `position`. Only then can it be committed.
    pub fn decided(self, position: u64) -> Tx {
        Tx { position: Some(i64::try_from(position).unwrap_or(i64::MAX)), ..self.0 }
    }
}

impl Deref for Look {
    type Target = DatabaseTransaction;
    fn deref(&self) -> &DatabaseTransaction {
        &self.0
    }
}

impl Db {
    /// Begins a transaction whose decision is yet to be recorded.
    pub async fn look(&self) -> Result<Look, Error> {
        Ok(Look(self.transaction(None).await?))
    }

    /// Begins a transaction that carries out the decision recorded at ledger `position`.
    pub async fn begin(&self, position: u64) -> Result<Tx, Error> {
        self.transaction(Some(i64::try_from(position).unwrap_or(i64::MAX))).await
    }

    /// Begins a transaction that nobody decided: the few writes that show and change nothing protected.
    /// It leaves the watermark alone.
    pub async fn begin_without_decision(&self) -> Result<Tx, Error> {
        self.transaction(None).await
    }

    fn transaction(&self, position: Option<i64>) -> Boxed<'_, Result<Tx, Error>> {
        Box::pin(self.begun(position))
    }

    async fn begun(&self, position: Option<i64>) -> Result<Tx, Error> {
        let Kept::Server(hold) = &self.kept else {
            let inner = self.reader().begin().await?;
            return Ok(Tx { inner, position, db: self.clone(), turn: None });
        };
        let mut turn = hold.turn().await?;
        for _ in 1..TRIES {
            match self.entered(hold, &mut turn).await {
                // Nothing was done yet, so that it can be begun anew.
                Err(error) if error.is_lost() => tokio::time::sleep(BETWEEN).await,
                Err(error) => return Err(error),
                Ok(inner) => return Ok(Tx { inner, position, db: self.clone(), turn: Some(turn) }),
            }
        }
        let inner = self.entered(hold, &mut turn).await?;
        Ok(Tx { inner, position, db: self.clone(), turn: Some(turn) })
    }

    async fn entered(&self, hold: &Hold, turn: &mut Turn) -> Result<DatabaseTransaction, Error> {
        let level = Some(IsolationLevel::RepeatableRead);
        let inner = self.reader().begin_with_config(level, None).await?;
        hold.enter(&inner, turn).await?;
        Ok(inner)
    }

    /// The highest ledger position that a committed transaction carried out.
    pub fn watermark(&self) -> Option<u64> {
        u64::try_from(self.carried_out.load(Ordering::Acquire)).ok()
    }

    /// The ledger as it was when the database was last opened for work, if it ever was.
    pub async fn opening(&self) -> Result<Option<Opening>, Error> {
        let backend = self.reader().get_database_backend();
        let statement = Statement::from_string(backend, "SELECT size, root FROM db_opening");
        let Some(row) = self.reader().query_one_raw(statement).await? else { return Ok(None) };
        let size = row.try_get_by_index::<i64>(0)?;
        Ok(Some(Opening { size: u64::try_from(size).unwrap_or(u64::MAX), root: row.try_get_by_index(1)? }))
    }

    /// Stores that the database is opened for work, which the event at `opening.size - 1` says: before anything else is
    /// done with it, so that a ledger without that event is known for an older one, or another.
    pub async fn open_for_work(&self, opening: &Opening) -> Result<(), Error> {
        let tx = self.begin(opening.size.saturating_sub(1)).await?;
        let size = i64::try_from(opening.size).unwrap_or(i64::MAX);
        let sql = "INSERT INTO db_opening (one, size, root) VALUES (1, $1, $2) \
                   ON CONFLICT (one) DO UPDATE SET size = excluded.size, root = excluded.root";
        let values = [size.into(), opening.root.as_str().into()];
        tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
        tx.commit().await
    }

    /// Reads the watermark from the tables, once, when they are opened.
    pub(crate) async fn read_watermark(&self) -> Result<(), Error> {
        let backend = self.reader().get_database_backend();
        let statement = Statement::from_string(backend, "SELECT position FROM db_watermark");
        let row = self.reader().query_one_raw(statement).await?;
        let position = row.map(|r| r.try_get_by_index::<i64>(0)).transpose()?;
        self.carried_out.store(position.unwrap_or(-1), Ordering::Release);
        Ok(())
    }
}

impl Tx {
    /// Stores the watermark and commits: from here on the writes survive a crash.
    ///
    /// On a server, an answer that does not come is asked for: [`Error::Away`] then means that nothing
    /// took effect, and [`Error::Undecided`] that nobody can say.
    pub fn commit(self) -> Boxed<'static, Result<(), Error>> {
        Box::pin(self.committed())
    }

    async fn committed(self) -> Result<(), Error> {
        let Self { inner, position, db, turn } = self;
        if let Some(position) = position {
            let sql = format!("UPDATE db_watermark SET position = {position} WHERE position < {position}");
            inner.execute_unprepared(&sql).await?;
        }
        match (&db.kept, turn) {
            (Kept::Server(hold), Some(mut turn)) => {
                inner.execute_unprepared(Hold::COUNT).await?;
                match inner.commit().await.map_err(Error::from) {
                    Ok(()) => turn.done(),
                    Err(error) if error.is_lost() => {
                        hold.decide(&db, &mut turn, position.unwrap_or(-1)).await?
                    }
                    Err(error) => return Err(error),
                }
            }
            _ => inner.commit().await?,
        }
        if let Some(position) = position {
            db.carried_out.fetch_max(position, Ordering::AcqRel);
        }
        Ok(())
    }
}

impl Deref for Tx {
    type Target = DatabaseTransaction;
    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

#[cfg(test)]
mod tests {
    use crate::transaction::Opening;
    use crate::{Db, DbKey};
    use sea_orm::ConnectionTrait;

    #[tokio::test]
    async fn the_watermark_follows_commits_only() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("m.db"), &DbKey::new([1; 32]), &[]).await.unwrap();
        assert_eq!(db.watermark(), None);
        drop(db.begin(9).await.unwrap());
        assert_eq!(db.watermark(), None);
        let tx = db.begin(4).await.unwrap();
        tx.execute_unprepared("CREATE TABLE t (x INTEGER)").await.unwrap();
        tx.commit().await.unwrap();
        db.begin(2).await.unwrap().commit().await.unwrap();
        assert_eq!(db.watermark(), Some(4));
        db.begin_without_decision().await.unwrap().commit().await.unwrap();
        assert_eq!(db.watermark(), Some(4));
        let look = db.look().await.unwrap();
        look.execute_unprepared("INSERT INTO t VALUES (1)").await.unwrap();
        look.decided(5).commit().await.unwrap();
        drop(db.look().await.unwrap().decided(8));
        assert_eq!(db.watermark(), Some(5));
        assert_eq!(db.opening().await.unwrap(), None);
        for (size, root) in [(6, "0a"), (9, "0b")] {
            let opening = Opening { size, root: root.into() };
            db.open_for_work(&opening).await.unwrap();
            assert_eq!((db.opening().await.unwrap(), db.watermark()), (Some(opening), Some(size - 1)));
        }
    }
}
