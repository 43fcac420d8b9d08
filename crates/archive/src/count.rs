//! What a project's objects come to, kept in the transactions that change them: asking costs the same however many
//! there are.

use crate::Error;
use crate::table::{RECOUNT, count, object};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::{Expr, OnConflict};
use db::sea_orm::{ConnectionTrait, EntityTrait};

/// The key of the site's own.
pub(crate) const OWN: &str = "";

/// Whether versions come or go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// They are on record from now on.
    Come,
    /// They are withdrawn or deleted.
    Go,
}

/// Adds versions of one object to its project's counts, or takes them from there.
///
/// INVARIANT (counted with the record): every write that makes a version, removes one or turns it into a tombstone
/// calls this in its own transaction. A transaction that does not commit leaves both as they were.
pub(crate) async fn count(
    tx: &Tx,
    project: Option<&str>,
    versions: impl IntoIterator<Item = Counted>,
    change: Change,
) -> Result<(), Error> {
    let (mut objects, mut number, mut bytes) = (0i64, 0i64, 0i64);
    for version in versions {
        objects = objects.saturating_add(i64::from(version.version == 1));
        number = number.saturating_add(1);
        bytes = bytes.saturating_add(version.bytes);
    }
    let sign = if change == Change::Come { 1 } else { -1 };
    let row = count::ActiveModel {
        project: Set(project.unwrap_or(OWN).to_owned()),
        objects: Set(objects.saturating_mul(sign)),
        versions: Set(number.saturating_mul(sign)),
        bytes: Set(bytes.saturating_mul(sign)),
    };
    let added = OnConflict::column(count::Column::Project)
        .value(count::Column::Objects, Expr::cust("archive_count.objects + excluded.objects"))
        .value(count::Column::Versions, Expr::cust("archive_count.versions + excluded.versions"))
        .value(count::Column::Bytes, Expr::cust("archive_count.bytes + excluded.bytes"))
        .to_owned();
    count::Entity::insert(row).on_conflict(added).exec_without_returning(&**tx).await?;
    Ok(())
}

/// Counts anew, record by record: for a database whose records were changed in bulk.
pub(crate) async fn recount(tx: &Tx) -> Result<(), Error> {
    count::Entity::delete_many().exec(&**tx).await?;
    tx.execute_unprepared(RECOUNT).await?;
    Ok(())
}

/// What of a version is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub version: i64,
    pub bytes: i64,
}

impl From<&object::Model> for Counted {
    fn from(row: &object::Model) -> Self {
        Self { version: i64::from(row.version), bytes: row.cipher_length }
    }
}
