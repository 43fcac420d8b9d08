//! One process at a time: who holds a database on a server.
//!
//! Two things together. A lock of the server's, held by one connection that does nothing else, tells
//! a second process at once that there is a first. And a number in a table says who may commit: each
//! process that takes the lock counts it up, and a transaction looks for its own number before it does
//! anything. A process whose connection broke without its knowledge may believe that it holds the
//! database, and its next transaction is refused all the same.

use crate::copy::Copies;
use crate::postgres::{Reach, away};
use crate::{Db, Error};
use base::Fault;
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, Statement};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Turns, OwnedMutexGuard};
use tokio::task::AbortHandle;

/// The lock's number, the same for every site: it is the database's own.
const LOCK: i64 = i64::from_be_bytes(*b"sequestr");
/// How long a start waits for a process that is ending.
const ENDING: Duration = Duration::from_secs(3);
const SHORT: Duration = Duration::from_millis(100);
/// How often the holder looks whether it still is.
const BEAT: Duration = Duration::from_secs(2);
/// How many looks after a failed clearing the next begins, and how many at most as that goes on.
const AGAIN: u32 = 5;
const RAREST: u32 = 300;
const ANSWER: Duration = Duration::from_secs(10);
/// How long a transaction waits for those before it.
const QUEUE: Duration = Duration::from_secs(20);
/// How long a lost commit is asked for, and how long at a time.
const DOUBT: Duration = Duration::from_secs(30);
const ASKED: &str = "SET LOCAL lock_timeout = '2s'";
/// How long a request waits for the room of what it deleted.
const CLEARED: Duration = Duration::from_secs(5);

const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS db_hold (one INTEGER PRIMARY KEY CHECK (one = 1), owner TEXT NOT NULL, \
     holder BIGINT NOT NULL, turn BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS db_watermark (one INTEGER PRIMARY KEY CHECK (one = 1), position BIGINT NOT NULL)",
    "INSERT INTO db_watermark (one, position) VALUES (1, -1) ON CONFLICT DO NOTHING",
];

/// What the tables say of holder, last turn and watermark.
const NOW: &str = "SELECT h.holder, h.turn, w.position FROM db_hold h, db_watermark w";

/// Takes the lock; waits a little for a process that is ending.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<(), Error> {
    let tries = ENDING.as_millis() / SHORT.as_millis();
    for _ in 0..tries {
        if try_lock(connection).await? {
            return Ok(());
        }
        tokio::time::sleep(SHORT).await;
    }
    let sql = "SELECT coalesce(host(a.client_addr), 'this machine') || ', since ' || \
               to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC' \
               FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
               WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
               AND l.classid::bigint = $1 >> 32 AND l.objid::bigint = $1 & 4294967295 \
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let who = sqlx::query_scalar::<_, String>(sql).bind(LOCK).fetch_optional(connection).await.ok().flatten();
    Err(Error::Held(who.unwrap_or_else(|| "the server does not say who".to_owned())))
}

async fn try_lock(connection: &mut PgConnection) -> Result<bool, Error> {
    let asked = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK);
    asked.fetch_one(connection).await.map_err(away)
}

/// Writes this process down as the holder, under the lock. Gives its number.
pub(crate) async fn claim(connection: &mut PgConnection, owner: &str) -> Result<i64, Error> {
    let there = sqlx::query_scalar("SELECT to_regclass('db_hold') IS NOT NULL");
    if !there.fetch_one(&mut *connection).await.map_err(away)? {
        let others = sqlx::query_scalar::<_, i64>(
            "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
        );
        if others.fetch_one(&mut *connection).await.map_err(away)? > 0 {
            return Err(Error::Unfit("the database already holds tables that are no site's".to_owned()));
        }
    }
    let mut tx = connection.begin().await.map_err(away)?;
    for sql in TABLES {
        sqlx::query(*sql).execute(&mut *tx).await.map_err(away)?;
    }
    let sql = "INSERT INTO db_hold (one, owner, holder, turn) VALUES (1, $1, 1, 0) \
               ON CONFLICT (one) DO UPDATE SET holder = db_hold.holder + 1 RETURNING owner, holder";
    let row = sqlx::query(sql).bind(owner).fetch_one(&mut *tx).await.map_err(away)?;
    if row.try_get::<&str, _>(0).map_err(away)? != owner {
        return Err(Error::Foreign);
    }
    let holder = row.try_get(1).map_err(away)?;
    tx.commit().await.map_err(away)?;
    Ok(holder)
}

/// That this process holds the database, and its transactions' turns.
pub(crate) struct Hold {
    turns: Arc<Turns<Turn>>,
    copies: OnceLock<Copies>,
    place: String,
    reach: Reach,
    mine: Arc<Mine>,
    heart: AbortHandle,
}

/// What the holder knows of itself.
struct Mine {
    holder: i64,
    carried_out: Arc<AtomicI64>,
    /// Why nothing is committed any more, once that is so.
    lost: OnceLock<Lost>,
    /// Kept here so that letting go can wait for it.
    own: Mutex<Option<PgConnection>>,
    /// How often room was to be given free, and up to which of these that was done.
    clearings: AtomicU64,
    cleared: AtomicU64,
    /// One at a time: a second would skip the tables that the first is in.
    clearing: Turns<()>,
}

#[derive(Debug, Clone, Copy)]
enum Lost {
    Taken,
    WentBack,
}

/// The number of the last commit. Whoever has it may begin a transaction.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// The last one that is known to have taken effect; none before the first.
    known: Option<i64>,
    /// The position of one after it, of which that is not known.
    doubtful: Option<i64>,
}

impl Hold {
    /// Keeps `own`, which has the lock, and looks after it until this is dropped.
    pub(crate) fn keep(
        own: PgConnection,
        reach: Reach,
        (holder, place): (i64, String),
        carried_out: Arc<AtomicI64>,
    ) -> Self {
        let mine = Arc::new(Mine {
            holder,
            carried_out,
            lost: OnceLock::new(),
            own: Mutex::new(Some(own)),
            clearings: AtomicU64::new(0),
            cleared: AtomicU64::new(0),
            clearing: Turns::default(),
        });
        let heart = tokio::spawn(beat(mine.clone(), reach.clone())).abort_handle();
        Self { turns: Arc::default(), copies: OnceLock::new(), place, reach, mine, heart }
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn attach_copies(&self, copies: Copies) {
        let _ = self.copies.set(copies);
    }

    pub(crate) fn copies(&self) -> Result<&Copies, Error> {
        self.copies.get().ok_or(Error::NoColumns)
    }

    /// Waits for this process's turn.
    pub(crate) async fn turn(&self) -> Result<OwnedMutexGuard<Turn>, Error> {
        self.mine.still()?;
        let waited = tokio::time::timeout(QUEUE, self.turns.clone().lock_owned()).await;
        waited.map_err(|_| Error::Slow(sea_orm::DbErr::Custom("other changes are still under way".into())))
    }

    /// The database's lock for changes: no other process can change anything either until `tx` ends.
    /// Then, whether the database is as this process left it.
    pub(crate) async fn enter(&self, tx: &DatabaseTransaction, turn: &mut Turn) -> Result<(), Error> {
        // Before any other statement: the transaction sees what is committed when the lock is there.
        tx.execute_unprepared("LOCK TABLE db_hold IN EXCLUSIVE MODE").await?;
        let found = tx.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, NOW)).await?;
        let found = found.ok_or_else(|| self.mine.lose(Lost::WentBack))?;
        let at = |at: usize| found.try_get_by_index::<i64>(at);
        let floor = self.mine.floor();
        self.mine.compare(at(0)?, at(2)?, floor)?;
        turn.follow(at(1)?, &self.mine)
    }

    /// Whether this process still holds the database, asked of the tables.
    pub(crate) async fn confirm(&self, reader: &DatabaseConnection) -> Result<(), Error> {
        self.mine.still()?;
        let floor = self.mine.floor();
        let found = reader.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, NOW)).await?;
        let found = found.ok_or_else(|| self.mine.lose(Lost::WentBack))?;
        let at = |at: usize| found.try_get_by_index::<i64>(at);
        self.mine.compare(at(0)?, at(2)?, floor)
    }

    /// Why the database is this process's no more, if so.
    pub(crate) fn lost(&self) -> Option<Error> {
        self.mine.still().err()
    }

    /// What a commit of the turn writes down.
    pub(crate) const COUNT: &str = "UPDATE db_hold SET turn = turn + 1";

    /// Whether a commit whose answer was lost took effect: asked until the server can say.
    pub(crate) async fn decide(&self, db: &Db, turn: &mut Turn, position: i64) -> Result<(), Error> {
        let before = turn.known;
        turn.doubtful = Some(position);
        let asked = async {
            loop {
                match self.look(db, turn).await {
                    Ok(()) if turn.known != before => return Ok(()),
                    Ok(()) => {
                        return Err(Error::Away(sea_orm::DbErr::Custom("the commit was not reached".into())));
                    }
                    // The server is away, or it is at work for the lost connection still.
                    Err(error) if error.retry() => tokio::time::sleep(SHORT).await,
                    Err(error) => return Err(error),
                }
            }
        };
        tokio::time::timeout(DOUBT, asked).await.unwrap_or(Err(Error::Undecided))
    }

    async fn look(&self, db: &Db, turn: &mut Turn) -> Result<(), Error> {
        use sea_orm::TransactionTrait;
        // The lock waits for what the server may still be doing for the lost connection.
        let tx = db.reader().begin().await?;
        tx.execute_unprepared(ASKED).await?;
        self.enter(&tx, turn).await?;
        Ok(tx.rollback().await?)
    }

    /// Gives free the room of rows that were deleted: on a connection of its own and for as long as it takes, which
    /// nobody waits for beyond a moment. What was committed does not fail because of it.
    pub(crate) async fn clear(&self) {
        let (mine, reach) = (self.mine.clone(), self.reach.clone());
        mine.clearings.fetch_add(1, Ordering::AcqRel);
        let clearing = tokio::spawn(async move {
            let _alone = mine.clearing.lock().await;
            mine.clear(&reach).await;
        });
        let _ = tokio::time::timeout(CLEARED, clearing).await;
    }

    /// Whether what was deleted may lie in the database's pages still.
    pub(crate) fn is_uncleared(&self) -> bool {
        self.mine.is_uncleared()
    }

    /// Lets the database go.
    pub(crate) async fn release(&self) {
        self.heart.abort();
        let own = self.mine.own.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(own) = own {
            // The server lets go of what a connection held when it ends, in whatever way.
            let _ = tokio::time::timeout(SHORT * 10, own.close()).await;
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.heart.abort();
    }
}

impl Turn {
    fn follow(&mut self, found: i64, mine: &Mine) -> Result<(), Error> {
        match self.known {
            Some(known) if found == known + 1 && self.doubtful.is_some() => {
                let position = self.doubtful.unwrap_or(-1);
                mine.carried_out.fetch_max(position, Ordering::AcqRel);
            }
            Some(known) if found < known => return Err(mine.lose(Lost::WentBack)),
            // Nobody else counts under this holder's number.
            Some(known) if found > known => return Err(mine.lose(Lost::Taken)),
            _ => {}
        }
        (self.known, self.doubtful) = (Some(found), None);
        Ok(())
    }

    /// A commit took effect.
    pub(crate) fn done(&mut self) {
        self.known = self.known.map(|known| known.saturating_add(1));
    }
}

impl Mine {
    fn is_uncleared(&self) -> bool {
        self.cleared.load(Ordering::Acquire) < self.clearings.load(Ordering::Acquire)
    }

    /// Whoever calls it has the turn.
    async fn clear(&self, reach: &Reach) {
        let asked = self.clearings.load(Ordering::Acquire);
        if self.cleared.load(Ordering::Acquire) < asked && vacuum(reach).await.is_ok() {
            self.cleared.store(asked, Ordering::Release);
        }
    }

    fn still(&self) -> Result<(), Error> {
        self.lost.get().map_or(Ok(()), |lost| Err((*lost).into()))
    }

    fn lose(&self, lost: Lost) -> Error {
        (*self.lost.get_or_init(|| lost)).into()
    }

    /// The watermark that the tables show at least. It is read before they are: a commit in between is theirs to show
    /// and not ours to miss.
    fn floor(&self) -> i64 {
        self.carried_out.load(Ordering::Acquire)
    }

    fn compare(&self, holder: i64, position: i64, floor: i64) -> Result<(), Error> {
        if holder != self.holder {
            return Err(self.lose(if holder < self.holder { Lost::WentBack } else { Lost::Taken }));
        }
        if position < floor {
            return Err(self.lose(Lost::WentBack));
        }
        Ok(())
    }

    /// Whether the lock's connection is there and the tables say what they should.
    async fn look(&self, own: &mut PgConnection) -> Result<(), Error> {
        let floor = self.floor();
        let row = sqlx::query(NOW).fetch_one(own).await.map_err(away)?;
        self.compare(row.try_get(0).map_err(away)?, row.try_get(2).map_err(away)?, floor)
    }
}

impl From<Lost> for Error {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Taken => Self::Held("it took the database while this one could not reach it".to_owned()),
            Lost::WentBack => Self::WentBack,
        }
    }
}

/// Looks after the lock: a connection that is gone is made anew, and the lock taken again, as long as
/// nobody else was faster.
async fn beat(mine: Arc<Mine>, reach: Reach) {
    let (mut pause, mut left) = (AGAIN, AGAIN);
    loop {
        tokio::time::sleep(BEAT).await;
        (pause, left) = match (mine.is_uncleared(), left) {
            (false, _) => (AGAIN, AGAIN),
            (true, 0) => {
                clear_again(&mine, &reach);
                (RAREST.min(pause * 2), RAREST.min(pause * 2))
            }
            (true, left) => (pause, left - 1),
        };
        let own = mine.own.lock().unwrap_or_else(PoisonError::into_inner).take();
        let kept = match own {
            Some(own) => look(&mine, own).await,
            None => again(&mine, &reach).await,
        };
        *mine.own.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        if mine.lost.get().is_some() {
            return;
        }
    }
}

/// Tries once more what failed, unless it is still tried.
fn clear_again(mine: &Arc<Mine>, reach: &Reach) {
    let (mine, reach) = (mine.clone(), reach.clone());
    tokio::spawn(async move {
        if let Ok(_alone) = mine.clearing.try_lock() {
            mine.clear(&reach).await;
        }
    });
}

async fn vacuum(reach: &Reach) -> Result<(), Error> {
    let (mut own, _) = reach.connect().await?;
    sqlx::query("SET statement_timeout = 0").execute(&mut own).await.map_err(away)?;
    sqlx::query("VACUUM").execute(&mut own).await.map_err(away)?;
    own.close().await.map_err(away)
}

async fn look(mine: &Mine, mut own: PgConnection) -> Option<PgConnection> {
    match tokio::time::timeout(ANSWER, mine.look(&mut own)).await {
        Ok(Ok(())) => Some(own),
        _ => None,
    }
}

async fn again(mine: &Mine, reach: &Reach) -> Option<PgConnection> {
    let connected = tokio::time::timeout(ANSWER, reach.connect()).await;
    let (mut own, _) = connected.ok()?.ok()?;
    let locked = tokio::time::timeout(ANSWER, try_lock(&mut own)).await.ok()?.ok()?;
    // Also without the lock: whoever has it may have counted the holder up.
    let own = look(mine, own).await?;
    locked.then_some(own)
}
