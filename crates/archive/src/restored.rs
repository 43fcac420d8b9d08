//! What a backup lists, and what must not come back with one.
//!
//! The second half takes no permit: in a site that is being restored there is nobody yet who could be asked.
//! It takes away and gives nothing.

use crate::count::recount;
use crate::store::{Name, Part, Store};
use crate::table::object;
use crate::{Archive, Error};
use access::Permit;
use access::thing::Site;
use access::verb::Manage;
use base::{Blake3, Id, ObjectId, ProjectId, Timestamp};
use db::Tx;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use seal::{Tree, verified};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

/// A stored version, as a backup lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Under which name its body lies.
    pub name: Name,
    /// The object.
    pub object: ObjectId,
    /// The version.
    pub version: u32,
    /// Its project; none for the site's own.
    pub project: Option<ProjectId>,
    /// Length as stored, bytes.
    pub length: u64,
    /// Root of its tree.
    pub root: Blake3,
}

impl Archive {
    /// Every version that is not deleted, in the order of sealing. Names, lengths and roots: no key, no
    /// content.
    pub async fn kept(&self, permit: &Permit<Manage, Site>) -> Result<Vec<Kept>, Error> {
        permit.live()?;
        let rows = object::Entity::find()
            .filter(object::Column::DeletedAt.is_null())
            .order_by_asc(object::Column::Position)
            .all(self.db.reader())
            .await?;
        let kept = rows.into_iter().map(|row| {
            let object = crate::object::from_row(row)?;
            let (length, root) = (object.cipher_length, object.root);
            let (version, project) = (object.version, object.project);
            Ok(Kept { name: object.body, object: object.id, version, project, length, root })
        });
        kept.collect()
    }
}

/// Copies a body and its tree from one store to another, checked block by block on the way. Blocks.
///
/// 1. The body is kept, durably. Crash here: a body without tree; copying again removes it first.
/// 2. The tree is kept beside it. From here on the copy counts.
pub fn copy(from: &dyn Store, to: &dyn Store, kept: &Kept) -> Result<(), Error> {
    to.remove(&kept.name)?;
    let (tree, mut body) = verified_body(from, kept)?;
    let mut incoming = io::BufWriter::with_capacity(1 << 20, to.create(&kept.name, Part::Body)?);
    io::copy(&mut body, &mut incoming)?;
    incoming.into_inner().map_err(io::IntoInnerError::into_error)?.keep()?;
    let mut incoming = to.create(&kept.name, Part::Tree)?;
    incoming.write_all(&tree)?;
    Ok(incoming.keep()?)
}

/// Reads a body through, against its tree and that against its root. Blocks.
pub fn check(store: &dyn Store, kept: &Kept) -> Result<(), Error> {
    io::copy(&mut verified_body(store, kept)?.1, &mut io::sink())?;
    Ok(())
}

/// Whether a store has both parts of a name, as far as names and lengths tell. Blocks.
pub fn is_there(store: &dyn Store, kept: &Kept) -> Result<bool, Error> {
    let length = |part| match store.open(&kept.name, part) {
        Ok(mut source) => source.seek(io::SeekFrom::End(0)).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    Ok(length(Part::Tree)? == Some(tree_length(kept)) && length(Part::Body)? == Some(kept.length))
}

fn tree_length(kept: &Kept) -> u64 {
    kept.length.div_ceil(65_564).saturating_mul(32).saturating_add(16)
}

type Checked = verified::Reader<Box<dyn crate::store::Source>>;

fn verified_body(store: &dyn Store, kept: &Kept) -> Result<(Vec<u8>, Checked), Error> {
    let lost = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::Lost(kept.object.clone()),
        _ => Error::from(error),
    };
    let damaged = |source| Error::Damaged { object: kept.object.clone(), source };
    let mut bytes = Vec::new();
    // No more than a tree of its length has: the store may be a folder that others write.
    store.open(&kept.name, Part::Tree).map_err(lost)?.take(tree_length(kept) + 1).read_to_end(&mut bytes)?;
    let tree = Tree::from_bytes(&bytes, &kept.root).map_err(damaged)?;
    let body = store.open(&kept.name, Part::Body).map_err(lost)?;
    Ok((bytes, verified::Reader::new(body, tree).map_err(damaged)?))
}

/// What happened to objects after a backup, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Since {
    /// Deleted, and when.
    pub deleted: BTreeMap<ObjectId, Timestamp>,
    /// Withdrawn before anything showed them.
    pub withdrawn: BTreeSet<ObjectId>,
    /// Held or not, by the last change.
    pub holds: BTreeMap<ObjectId, bool>,
}

/// Applies deletions, withdrawals and holds to restored records, and has every lock set anew. Wrapped keys
/// are the keys room's to forget. Gives how many deletions and holds the records did not have.
pub async fn apply_again(tx: &Tx, since: &Since) -> Result<(u64, u64), Error> {
    let (mut deleted, mut held) = (0, 0);
    for (id, at) in &since.deleted {
        let gone = object::Entity::update_many()
            .col_expr(object::Column::DeletedAt, Expr::value(Some(at.to_string())))
            .filter(object::Column::Id.eq(id.as_str()))
            .filter(object::Column::DeletedAt.is_null())
            .exec(&**tx)
            .await?;
        deleted += u64::from(gone.rows_affected > 0);
    }
    for id in &since.withdrawn {
        // As withdrawing itself: what is settled or held is not taken back.
        object::Entity::delete_many()
            .filter(object::Column::Id.eq(id.as_str()))
            .filter(object::Column::Arriving.eq(1))
            .filter(object::Column::Held.eq(0))
            .exec(&**tx)
            .await?;
    }
    for (id, hold) in &since.holds {
        let changed = object::Entity::update_many()
            .col_expr(object::Column::Held, Expr::value(i32::from(*hold)))
            .filter(object::Column::Id.eq(id.as_str()))
            .filter(object::Column::Held.ne(i32::from(*hold)))
            .exec(&**tx)
            .await?;
        held += u64::from(changed.rows_affected > 0);
    }
    object::Entity::update_many().col_expr(object::Column::Locked, Expr::value(0)).exec(&**tx).await?;
    recount(tx).await?;
    Ok((deleted, held))
}

/// Those of these objects that no record stands for any more, or a tombstone alone.
pub async fn without_record(tx: &Tx, ids: &[ObjectId]) -> Result<Vec<ObjectId>, Error> {
    let mut gone = Vec::new();
    for id in ids {
        let alive = object::Entity::find()
            .filter(object::Column::Id.eq(id.as_str()))
            .filter(object::Column::DeletedAt.is_null())
            .one(&**tx)
            .await?;
        if alive.is_none() {
            gone.push(id.clone());
        }
    }
    Ok(gone)
}

/// How many of these versions the records know nothing of.
pub async fn unknown(tx: &Tx, sealed: &BTreeSet<(ObjectId, u32)>) -> Result<u64, Error> {
    let rows: Vec<(String, i32)> = object::Entity::find()
        .select_only()
        .columns([object::Column::Id, object::Column::Version])
        .into_tuple()
        .all(&**tx)
        .await?;
    let known: BTreeSet<(String, u32)> =
        rows.into_iter().map(|(id, version)| (id, version.unsigned_abs())).collect();
    let lost = sealed.iter().filter(|(id, version)| !known.contains(&(id.to_string(), *version)));
    Ok(u64::try_from(lost.count()).unwrap_or(u64::MAX))
}
