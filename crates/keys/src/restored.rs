//! A restored site: what its backup is opened with, and what must not come back with it.
//!
//! None of this takes a permit: there is nobody yet who could be asked. The key of an epoch comes out for
//! whoever unsealed the roots and holds the recovery file; the rest destroys, and gives nothing.

use crate::backup::binding;
use crate::rotate::of_scope;
use crate::shred::with_keys;
use crate::table::{backup, field, key, session, shredded};
use crate::wrap::WrappingKey;
use crate::{Error, Roots};
use base::{Boxed, Id, ObjectId, ProjectId, SubjectId, Timestamp};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use std::collections::BTreeSet;

/// The table that a backup must not hold: keys of other epochs would outlive their day in it.
pub const NOT_IN_A_BACKUP: &[&str] = &["keys_backup"];

/// The key of an epoch from its recovery file.
///
/// # Errors
/// [`Error::NoKey`] when the root of that generation is not there, [`Error::Unwrap`] when it is another.
pub fn epoch_key(roots: &Roots, root: i32, number: i32, wrapped: &[u8]) -> Result<WrappingKey, Error> {
    WrappingKey::from_slice(&roots.at(root)?.unwrap(wrapped, &binding(number))?)
}

/// The subjects of a project, as the room that has them says.
pub type PeopleOf =
    dyn for<'a> Fn(&'a Tx, &'a ProjectId) -> Boxed<'a, Result<BTreeSet<SubjectId>, db::Error>> + Send + Sync;

/// Destroys the keys of scopes that were shredded after the backup, and those of a project's own subjects, with
/// every session key under them. `position` is that of the shredding. Gives how many scopes had keys.
///
/// INVARIANT (own-alone): a project that was lent something of somebody takes nobody's key but its own people's with it.
pub async fn bury_scopes(tx: &Tx, scopes: &[(String, u64)], people: &PeopleOf) -> Result<u64, Error> {
    let mut buried = 0;
    for (named, position) in scopes {
        buried += u64::from(bury(tx, named, *position).await?);
        let Ok(project) = named.parse::<ProjectId>() else { continue };
        for subject in with_keys(&**tx, people(tx, &project).await?).await? {
            buried += u64::from(bury(tx, subject.as_str(), *position).await?);
        }
    }
    Ok(buried)
}

async fn bury(tx: &Tx, scope: &str, position: u64) -> Result<bool, Error> {
    session::Entity::delete_many().filter(of_scope(scope)).exec(&**tx).await?;
    let newest = key::Entity::find()
        .filter(key::Column::Scope.eq(scope))
        .order_by_desc(key::Column::Generation)
        .one(&**tx)
        .await?;
    key::Entity::delete_many().filter(key::Column::Scope.eq(scope)).exec(&**tx).await?;
    field::Entity::delete_by_id(scope).exec(&**tx).await?;
    if shredded::Entity::find_by_id(scope).one(&**tx).await?.is_none() {
        let row = shredded::ActiveModel {
            scope: Set(scope.to_owned()),
            generations: Set(newest.as_ref().map_or(0, |row| row.generation)),
            position: Set(i64::try_from(position).map_err(|_| Error::Wrap)?),
            certificate: Set(None),
        };
        shredded::Entity::insert(row).exec_without_returning(&**tx).await?;
    }
    Ok(newest.is_some())
}

/// Forgets the session keys of objects that were deleted or withdrawn after the backup.
pub async fn bury_objects(tx: &Tx, objects: &[ObjectId]) -> Result<(), Error> {
    for object in objects {
        session::Entity::delete_many()
            .filter(session::Column::Object.eq(object.as_str()))
            .exec(&**tx)
            .await?;
    }
    Ok(())
}

/// An epoch that backups on record were made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its number.
    pub number: i32,
    /// When it had begun.
    pub begun: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// Notes the epochs that were there, without their keys, which recovery files may still hold: no number is used
/// again, and an erasure is not complete before the last of them has ended.
pub async fn note_epochs(tx: &Tx, epochs: &[Known]) -> Result<(), Error> {
    backup::Entity::delete_many().exec(&**tx).await?;
    for epoch in epochs {
        let row = backup::ActiveModel {
            epoch: Set(epoch.number),
            begun: Set(epoch.begun.to_string()),
            expires: Set(epoch.expires.to_string()),
            root: Set(0),
            wrapped: Set(Vec::new()),
        };
        backup::Entity::insert(row).exec_without_returning(&**tx).await?;
    }
    Ok(())
}
