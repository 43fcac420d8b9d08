//! The archive of a site: its store, and the rooms that it stands on.

use crate::Error;
use crate::standing::Known;
use crate::store::{Incoming, Name, NotOwn, Part, Source, Store};
use crate::table::{SOUND, object};
use audit::Audit;
use base::{Clock, Entropy, ObjectId, SiteId};
use db::Db;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{EntityTrait, QueryFilter, QuerySelect};
use keys::Keys;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Bodies on record that are looked for in a place without a mark: some may be lost.
const ASKED: u64 = 100;

/// The archive of a site. Cheap to clone.
#[derive(Clone)]
pub struct Archive {
    pub(crate) db: Db,
    pub(crate) keys: Keys,
    pub(crate) audit: Audit,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) site: SiteId,
    pub(crate) suspects: Arc<Mutex<BTreeMap<Suspect, &'static str>>>,
    pub(crate) known: Arc<Known>,
}

/// A version of an object whose bytes a reader refused, until that is recorded; beside it, the closed word
/// for what was found.
pub(crate) type Suspect = (ObjectId, u32);

/// What an archive is made of.
pub struct ArchiveParts {
    /// Where bodies lie.
    pub store: Arc<dyn Store>,
    /// The metadata database.
    pub db: Db,
    /// The keys.
    pub keys: Keys,
    /// The trail.
    pub audit: Audit,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The entropy.
    pub entropy: Arc<dyn Entropy>,
    /// The site, which acts when it finds damage by itself.
    pub site: SiteId,
}

impl Archive {
    /// The archive made of these.
    pub fn new(parts: ArchiveParts) -> Self {
        let ArchiveParts { store, db, keys, audit, clock, entropy, site } = parts;
        Self { db, keys, audit, clock, entropy, store, site, suspects: Arc::default(), known: Arc::default() }
    }

    /// Where bodies lie.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Begins a new body under a new name.
    pub(crate) fn create_body(&self) -> io::Result<(Name, Box<dyn Incoming>)> {
        let name = Name::mint(&*self.entropy);
        self.known.sweep.begin(&name);
        let body = self.create_part(&name, Part::Body)?;
        Ok((name, body))
    }

    /// A place that is not the site's own takes nothing, and the status says so.
    fn create_part(&self, name: &Name, part: Part) -> io::Result<Box<dyn Incoming>> {
        let made = self.store.create(name, part);
        match &made {
            Ok(_) => self.known.set_away(false),
            Err(error) if is_not_own(error) => self.known.set_away(true),
            Err(_) => {}
        }
        made
    }

    /// Makes sure that the store's place is the site's own, before the first draft of an opening. A place without a
    /// mark is marked when the site has no bodies on record, or when it holds some of those: it is new, or of a
    /// time before marks. Any other is not touched: what should be there is away, nothing is put until it is
    /// back, and the status says so. Gives whether the place is the site's own.
    pub async fn claim(&self) -> Result<bool, Error> {
        let recorded: Vec<String> = object::Entity::find()
            .select_only()
            .column(object::Column::Body)
            .filter(Expr::cust(SOUND))
            .limit(ASKED)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let archive = self.clone();
        blocking(move || {
            let store = &archive.store;
            if store.is_own()? {
                return Ok(true);
            }
            let names = || recorded.iter().filter_map(|name| Name::parse(name));
            let known = recorded.is_empty() || names().any(|name| store.open(&name, Part::Body).is_ok());
            let claimed = if known { store.claim() } else { Err(NotOwn.into()) };
            match claimed {
                Err(error) if is_not_own(&error) => {
                    archive.known.set_away(true);
                    Ok(false)
                }
                Err(error) => Err(error.into()),
                Ok(()) => Ok(true),
            }
        })
        .await
    }

    pub(crate) fn write_tree(&self, name: &Name, bytes: &[u8]) -> io::Result<()> {
        let mut tree = self.create_part(name, Part::Tree)?;
        tree.write_all(bytes)?;
        tree.keep()
    }

    pub(crate) fn open_body(&self, name: &Name) -> io::Result<Box<dyn Source>> {
        self.store.open(name, Part::Body)
    }

    pub(crate) fn read_tree(&self, name: &Name) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.store.open(name, Part::Tree)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Removes a body that never became an object. Its absence is no error.
    pub(crate) fn discard(&self, name: &Name) {
        // Litter is harmless: sealed, unnamed, and put aside after the next start.
        let _ = self.store.remove(name);
    }

    pub(crate) fn suspects(&self) -> std::sync::MutexGuard<'_, BTreeMap<Suspect, &'static str>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_not_own(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<NotOwn>())
}

/// Runs blocking work on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Ended)?
}
