//! What a crash left, put in order when a site is opened.

use crate::archive::blocking;
use crate::store::{Locked, Name};
use crate::table::object;
use crate::{Archive, Error};
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::io;
use std::time::Duration;

/// How long bodies without record stay aside before they are removed.
const ASIDE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Records read at once.
const PAGE: u64 = 10_000;

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

impl Archive {
    /// Puts bodies aside that have no record, removes those of deleted objects, and clears what has been
    /// aside for thirty days. Part of opening a site, before the first draft is made.
    ///
    /// A body without record is what a crash leaves of a draft. It is put aside and not removed at once:
    /// when a database is older than it should be, the bodies of its missing records are still there.
    /// What is locked is left where it is and counted: a lock is no reason for a site not to open.
    pub async fn sweep(&self) -> Result<Swept, Error> {
        let known = self.known().await?;
        let (store, now) = (self.store.clone(), self.clock.now());
        let swept = blocking(move || {
            let mut swept = Swept::default();
            for name in store.names()? {
                let place = known.binary_search_by_key(&name.bytes(), |(bytes, _)| *bytes).ok();
                match place.and_then(|place| known.get(place)) {
                    Some((_, false)) => {}
                    Some((_, true)) => {
                        let done = unless_locked(store.remove(&name))?;
                        *(if done { &mut swept.removed } else { &mut swept.strays }) += 1;
                    }
                    None => {
                        let done = unless_locked(store.set_aside(&name))?;
                        *(if done { &mut swept.aside } else { &mut swept.strays }) += 1;
                    }
                }
            }
            let before = now.checked_sub(ASIDE).unwrap_or(base::Timestamp::MIN);
            swept.cleared = store.clear_aside(before)?;
            Ok(swept)
        })
        .await?;
        self.known.set_strays(swept.strays);
        Ok(swept)
    }

    /// The bodies that have a record, in the order of their names, and whether it is a tombstone. Read in pages
    /// and kept as bytes: a site may have millions.
    async fn known(&self) -> Result<Vec<([u8; 20], bool)>, Error> {
        let (mut known, mut last) = (Vec::new(), String::new());
        loop {
            let page: Vec<(String, Option<String>)> = object::Entity::find()
                .select_only()
                .columns([object::Column::Body, object::Column::DeletedAt])
                .filter(object::Column::Body.gt(last.as_str()))
                .order_by_asc(object::Column::Body)
                .limit(PAGE)
                .into_tuple()
                .all(self.db.reader())
                .await?;
            let Some((newest, _)) = page.last() else { return Ok(known) };
            last.clone_from(newest);
            let named =
                page.iter().filter_map(|(body, deleted)| Some((Name::parse(body)?, deleted.is_some())));
            known.extend(named.map(|(name, deleted)| (name.bytes(), deleted)));
        }
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
