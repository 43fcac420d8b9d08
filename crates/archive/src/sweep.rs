//! What a crash left, put in order when a site is opened.

use crate::archive::blocking;
use crate::store::Name;
use crate::table::object;
use crate::{Archive, Error};
use db::sea_orm::{EntityTrait, QuerySelect};
use std::collections::HashSet;
use std::time::Duration;

/// How long bodies without record stay aside before they are removed.
const ASIDE: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Bodies without record that were put aside.
    pub aside: usize,
    /// Bodies of deleted objects that a crash had kept from removal.
    pub removed: usize,
    /// Bodies that had been aside for long enough and are gone.
    pub cleared: usize,
}

impl Archive {
    /// Puts bodies aside that have no record, removes those of deleted objects, and clears what has been
    /// aside for thirty days. Part of opening a site, before the first draft is made.
    ///
    /// A body without record is what a crash leaves of a draft. It is put aside and not removed at once:
    /// when a database is older than it should be, the bodies of its missing records are still there.
    pub async fn sweep(&self) -> Result<Swept, Error> {
        let rows: Vec<(String, Option<String>)> = object::Entity::find()
            .select_only()
            .columns([object::Column::Body, object::Column::DeletedAt])
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let gone: HashSet<Name> = rows
            .iter()
            .filter(|(_, deleted)| deleted.is_some())
            .filter_map(|(body, _)| Name::parse(body))
            .collect();
        let known: HashSet<Name> = rows.iter().filter_map(|(body, _)| Name::parse(body)).collect();
        let (store, now) = (self.store.clone(), self.clock.now());
        blocking(move || {
            let mut swept = Swept::default();
            for name in store.names()? {
                if gone.contains(&name) {
                    store.remove(&name)?;
                    swept.removed += 1;
                } else if !known.contains(&name) {
                    store.set_aside(&name)?;
                    swept.aside += 1;
                }
            }
            let before = now.checked_sub(ASIDE).unwrap_or(base::Timestamp::MIN);
            swept.cleared = store.clear_aside(before)?;
            Ok(swept)
        })
        .await
    }
}
