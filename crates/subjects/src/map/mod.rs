//! The identity map: who subjects are, in a file of its own. Specification: `docs/spec/identity-map.md`.
//!
//! * `learn`: what a sheet says of people
//! * `correct`: what the map has wrong of somebody
//! * `ask`: who somebody is
//!
//! INVARIANT (map-first): the map commits before the metadata database does, which then says how far the map is. So a map
//! that lacks what was answered is known for it, and what the map has too much belongs to a subject without a key.

mod ask;
mod correct;
mod learn;

pub use ask::Known;
pub use correct::{Field, Wrong};
pub use learn::{BIRTH, Fact, LABEL, Learned, NAME, NUMBER, OTHER, Person, SAMPLE};

use crate::Error;
use crate::table::{OF_THE_MAP, identity, map};
use audit::Audit;
use base::{Entropy, ProjectId, Sensitive, SubjectId};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::OnConflict;
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use db::{Db, Tx};
use keys::{Keys, MapKeys};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

/// Ids that one statement names.
const AT_ONCE: usize = 500;

/// Values are filled up to a multiple of this, so that their lengths tell little.
const STEP: usize = 64;

/// The identity map of a site. Cheap to clone.
#[derive(Clone)]
pub struct Map {
    /// The metadata database.
    db: Db,
    /// The map's own.
    own: Db,
    keys: Keys,
    found_by: Arc<MapKeys>,
    audit: Audit,
    entropy: Arc<dyn Entropy>,
}

/// A value as it is sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    kind: String,
    column: String,
    value: String,
    /// Of a sample: what stands in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shown: Option<String>,
}

impl Kept {
    fn to_text(&self) -> Result<Sensitive<String>, Error> {
        let mut text = serde_json::to_string(self).map_err(|_| Error::Entry)?;
        let filled = (text.len() / STEP + 1) * STEP;
        text.extend(std::iter::repeat_n(' ', filled.saturating_sub(text.len())));
        Ok(Sensitive::new(text))
    }

    fn read(text: &Sensitive<String>) -> Result<Self, Error> {
        serde_json::from_str(text.reveal()).map_err(|_| Error::Entry)
    }
}

impl Map {
    /// Opens the map at `path`, and makes one where there never was any.
    ///
    /// # Errors
    /// A map that is not there, or older than `db` knows, is refused.
    pub async fn open(
        path: &Path,
        db: &Db,
        keys: &Keys,
        audit: &Audit,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        let known = map::Entity::find_by_id(1).one(db.reader()).await?.map(|row| row.position);
        if known.is_some() && fs::symlink_metadata(path).is_err() {
            return Err(Error::MapMissing);
        }
        let found_by = Arc::new(keys.open_map().await?);
        // The folder is closed to others; the file and its log are too, wherever they may be copied.
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .and_then(|file| file.set_permissions(PermissionsExt::from_mode(0o600)))
            .map_err(|_| Error::MapMissing)?;
        let own = Db::open(path, &found_by.file(), &[OF_THE_MAP]).await?;
        let found = own.watermark().and_then(|position| i64::try_from(position).ok()).unwrap_or(-1);
        if let Some(known) = known.filter(|known| found < *known) {
            own.close().await?;
            return Err(Error::MapOlder { found, known });
        }
        let (db, keys, audit) = (db.clone(), keys.clone(), audit.clone());
        let opened = Self { db, own, keys, found_by, audit, entropy: entropy.clone() };
        opened.forget_erased().await?;
        // A crash may have left the log what a correction replaced.
        opened.forget_replaced().await?;
        Ok(opened)
    }

    /// The map's own database, for copies and checks.
    pub fn file(&self) -> &Db {
        &self.own
    }

    /// Removes the rows of subjects that have no key, or whose project has none: they were erased, or never came to be. Gives how many
    /// subjects those were. It takes no permit: what goes cannot be read.
    pub async fn forget_erased(&self) -> Result<u64, Error> {
        // Keys of a sheet that is being split are there for everybody once its transaction ended: this waits for it.
        let turn = self.db.begin_without_decision().await?;
        let rows: Vec<(String, String)> = identity::Entity::find()
            .select_only()
            .columns([identity::Column::Subject, identity::Column::Project])
            .distinct()
            .into_tuple()
            .all(self.own.reader())
            .await?;
        let entry = |(subject, project): (String, String)| Ok((subject.parse()?, project.parse()?));
        let ids: BTreeSet<(SubjectId, ProjectId)> = rows
            .into_iter()
            .map(entry)
            .collect::<Result<_, base::ParseIdError>>()
            .map_err(|_| Error::Entry)?;
        let (subjects, projects) = ids.iter().cloned().unzip::<_, _, BTreeSet<_>, BTreeSet<_>>();
        let erased = self.keys.without_key(&*turn, &projects).await?;
        let mut gone = self.keys.without_key(&*turn, &subjects).await?;
        gone.extend(ids.into_iter().filter(|(_, of)| erased.contains(of)).map(|(subject, _)| subject));
        drop(turn);
        if gone.is_empty() {
            return Ok(0);
        }
        let tx = self.own.begin_without_decision().await?;
        remove(&tx, &gone).await?;
        tx.commit().await?;
        self.own.forget_deleted().await?;
        Ok(gone.len() as u64)
    }

    /// Closes the file. Later questions fail.
    pub async fn close(&self) -> Result<(), Error> {
        Ok(self.own.close().await?)
    }
}

async fn remove(tx: &Tx, subjects: &BTreeSet<SubjectId>) -> Result<(), Error> {
    let all: Vec<&SubjectId> = subjects.iter().collect();
    for some in all.chunks(AT_ONCE) {
        let theirs = identity::Column::Subject.is_in(some.iter().map(|id| base::Id::as_str(*id)));
        identity::Entity::delete_many().filter(theirs).exec(&**tx).await?;
    }
    Ok(())
}

/// Tells the metadata database how far the map is.
async fn reached(tx: &Tx, position: i64) -> Result<(), Error> {
    let row = map::ActiveModel { one: Set(1), position: Set(position) };
    let newer = OnConflict::column(map::Column::One).update_column(map::Column::Position).to_owned();
    map::Entity::insert(row).on_conflict(newer).exec_without_returning(&**tx).await?;
    Ok(())
}

/// The rows of a subject, in the order in which they came.
async fn rows_of(
    connection: &impl ConnectionTrait,
    subject: &SubjectId,
) -> Result<Vec<identity::Model>, Error> {
    use db::sea_orm::QueryOrder;
    let theirs = identity::Column::Subject.eq(base::Id::as_str(subject));
    let rows = identity::Entity::find().filter(theirs).order_by_asc(identity::Column::Number);
    Ok(rows.all(connection).await?)
}

/// A number as it is compared: without blanks around it, in upper case.
fn plain(number: &str) -> String {
    number.trim().to_uppercase()
}
