//! What a crash left, put in order while a site is open.
//!
//! The names of a store fall into 256 *shards* by their first byte. A pass looks through one shard a step, so that a
//! step takes a bounded time whatever the store holds. It begins with a shard by chance: sites that are never open
//! for a whole pass come to every shard all the same.

use crate::archive::blocking;
use crate::store::{Locked, Name};
use crate::table::{DELETED, object};
use crate::{Archive, Error};
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long bodies without record stay aside before they are removed.
const ASIDE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Shards of a store.
pub const SHARDS: u16 = 256;

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Bodies without record that were put aside.
    pub aside: usize,
    /// Bodies of deleted objects that a crash had kept from removal.
    pub removed: usize,
    /// Bodies that had been aside for long enough and are gone.
    pub cleared: usize,
    /// Bodies without record, or of deleted objects, that something locks. They lie where they lay.
    pub strays: usize,
}

/// How far the sweep of this opening is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sweep {
    /// Shards that were looked through, of [`SHARDS`].
    pub shards: u16,
    /// What was done there.
    pub swept: Swept,
    /// Whether the last step failed. It is tried again.
    pub failing: bool,
}

impl Sweep {
    /// Whether every shard was looked through.
    pub fn is_over(&self) -> bool {
        self.shards >= SHARDS
    }
}

/// The sweep of this opening, and the names that it must not touch.
#[derive(Default)]
pub(crate) struct Sweeping(Mutex<State>);

#[derive(Default)]
struct State {
    /// The shard with which it began, once it has.
    first: Option<u8>,
    sweep: Sweep,
    /// Names of bodies begun by this process. They have no record before their transaction is committed, and none
    /// of them is what an earlier process left. Forgotten when the sweep is over.
    begun: BTreeSet<[u8; 20]>,
}

impl Sweeping {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the sweep from a name, before anything lies under it.
    pub fn begin(&self, name: &Name) {
        let mut state = self.state();
        if !state.sweep.is_over() {
            state.begun.insert(name.bytes());
        }
    }

    pub fn told(&self) -> Sweep {
        self.state().sweep
    }

    /// The shard of the next step; none when it is over.
    fn next(&self, chance: u8) -> Option<u8> {
        let mut state = self.state();
        let done = u8::try_from(state.sweep.shards).ok()?;
        Some(state.first.get_or_insert(chance).wrapping_add(done))
    }

    fn is_begun(&self, name: &Name) -> bool {
        self.state().begun.contains(&name.bytes())
    }

    fn done(&self, step: &Swept) -> Sweep {
        let mut state = self.state();
        let Sweep { shards, swept, failing } = &mut state.sweep;
        *shards = shards.saturating_add(1);
        *failing = false;
        swept.aside = swept.aside.saturating_add(step.aside);
        swept.removed = swept.removed.saturating_add(step.removed);
        swept.cleared = swept.cleared.saturating_add(step.cleared);
        swept.strays = swept.strays.saturating_add(step.strays);
        if state.sweep.is_over() {
            state.begun.clear();
        }
        state.sweep
    }

    fn failed(&self) {
        self.state().sweep.failing = true;
    }
}

/// What is on record in one shard, in the order of names.
#[derive(Default)]
struct Recorded {
    bodies: Vec<[u8; 20]>,
    deleted: Vec<[u8; 20]>,
}

impl Archive {
    /// Puts bodies aside that have no record, removes those of deleted objects, and clears what has been
    /// aside for thirty days: all shards, once for each opening.
    ///
    /// # Errors
    /// The store's or the database's; the next call goes on with the shard at which it failed.
    pub async fn sweep(&self) -> Result<Swept, Error> {
        loop {
            let sweep = self.sweep_step().await?;
            if sweep.is_over() {
                return Ok(sweep.swept);
            }
        }
    }

    /// One shard of the sweep. May be called while the site is open.
    ///
    /// A body without record is what a crash leaves of a draft. It is put aside and not removed at once:
    /// when a database is older than it should be, the bodies of its missing records are still there.
    /// What is locked is left where it is and counted.
    ///
    /// 1. The shard's names are listed. 2. The records of the shard are read, after the list: a body that became
    ///    an object in between has its record there. 3. Each name without record that this process did not
    ///    begin is put aside. Crash anywhere: each name is where it was or aside, and the next opening begins anew.
    pub async fn sweep_step(&self) -> Result<Sweep, Error> {
        let [chance] = base::entropy::bytes(&*self.entropy);
        let Some(shard) = self.known.sweep.next(chance) else { return Ok(self.known.sweep.told()) };
        match self.sweep_shard(shard).await {
            Ok(swept) => Ok(self.known.sweep.done(&swept)),
            Err(error) => {
                self.known.sweep.failed();
                Err(error)
            }
        }
    }

    async fn sweep_shard(&self, shard: u8) -> Result<Swept, Error> {
        let store = self.store.clone();
        let names = blocking(move || Ok(store.names_in(Some(shard))?)).await?;
        let recorded = if names.is_empty() { Recorded::default() } else { self.recorded_in(shard).await? };
        let archive = self.clone();
        blocking(move || archive.put_in_order(shard, &names, &recorded)).await
    }

    /// Blocks.
    fn put_in_order(&self, shard: u8, names: &[Name], recorded: &Recorded) -> Result<Swept, Error> {
        let (store, mut swept) = (&self.store, Swept::default());
        for name in names {
            let bytes = name.bytes();
            if recorded.deleted.binary_search(&bytes).is_ok() {
                let done = unless_locked(store.remove(name))?;
                *(if done { &mut swept.removed } else { &mut swept.strays }) += 1;
            } else if recorded.bodies.binary_search(&bytes).is_err() && !self.known.sweep.is_begun(name) {
                let done = unless_locked(store.set_aside(name))?;
                *(if done { &mut swept.aside } else { &mut swept.strays }) += 1;
            }
        }
        let before = self.clock.now().checked_sub(ASIDE).unwrap_or(base::Timestamp::MIN);
        swept.cleared = store.clear_aside(before, Some(shard))?;
        Ok(swept)
    }

    /// What is on record in a shard. Both questions are answered by an index alone.
    async fn recorded_in(&self, shard: u8) -> Result<Recorded, Error> {
        let first = format!("{shard:02x}");
        // Behind every hexadecimal digit.
        let behind = format!("{first}g");
        let of_shard = || {
            object::Entity::find()
                .select_only()
                .column(object::Column::Body)
                .filter(object::Column::Body.gte(first.as_str()))
                .filter(object::Column::Body.lt(behind.as_str()))
                .order_by_asc(object::Column::Body)
        };
        let bodies: Vec<String> = of_shard().into_tuple().all(self.db.reader()).await?;
        let deleted: Vec<String> =
            of_shard().filter(Expr::cust(DELETED)).into_tuple().all(self.db.reader()).await?;
        let bytes =
            |names: Vec<String>| names.iter().filter_map(|name| Some(Name::parse(name)?.bytes())).collect();
        Ok(Recorded { bodies: bytes(bodies), deleted: bytes(deleted) })
    }
}

/// Whether it was done; an error that is no lock stays one. A lock without a lock file is the kernel's, and a
/// lock file that cannot be read locks.
fn unless_locked(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if Locked::of(&error).is_some() => Ok(false),
        Err(error) => match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidData => Ok(false),
            _ => Err(error),
        },
    }
}
