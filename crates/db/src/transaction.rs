//! Writes, and the watermark they leave.

use crate::{Db, Error};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement, TransactionTrait};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A transaction that carries out the decision recorded at one ledger position.
///
/// Dropping it undoes it. Read through it, not through [`Db::reader`], while it is open: there is
/// one connection, and it holds it.
pub struct Tx {
    inner: DatabaseTransaction,
    position: i64,
    carried_out: Arc<AtomicI64>,
}

impl Db {
    /// Begins a transaction that carries out the decision recorded at ledger `position`.
    pub async fn begin(&self, position: u64) -> Result<Tx, Error> {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        Ok(Tx { inner: self.reader().begin().await?, position, carried_out: self.carried_out.clone() })
    }

    /// The highest ledger position that a committed transaction carried out.
    pub fn watermark(&self) -> Option<u64> {
        u64::try_from(self.carried_out.load(Ordering::Acquire)).ok()
    }

    /// Reads the watermark from the file, once, when it is opened.
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
    pub async fn commit(self) -> Result<(), Error> {
        let sql = format!("UPDATE db_watermark SET position = {p} WHERE position < {p}", p = self.position);
        self.inner.execute_unprepared(&sql).await?;
        self.inner.commit().await?;
        self.carried_out.fetch_max(self.position, Ordering::AcqRel);
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
    }
}
