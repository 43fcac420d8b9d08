//! Consents of a site that was restored: a copy that lacks the newest statement of somebody lets nothing of theirs be used.

use crate::Error;
use crate::approval::end;
use crate::consent::{WITHDRAWN, bare_row, kept};
use crate::table::{approval, statement};
use base::{Id, ProjectId, SubjectId, Timestamp};
use db::Tx;
use db::sea_orm::{ColumnTrait, Condition, EntityTrait};
use std::collections::BTreeMap;

/// Stores a withdrawal in the place of each statement that is on record and not in the copy, whichever it was: what a lost
/// consent allowed is not on record, so it is recorded again. Gives how many those were.
///
/// Without a permit: there is nobody yet who could be asked, and it only takes away.
pub async fn withdraw_again(
    tx: &Tx,
    newest: &BTreeMap<(ProjectId, SubjectId), (u64, Timestamp)>,
) -> Result<u64, Error> {
    let mut lost = 0;
    for ((project, subject), (position, at)) in newest {
        let key: i64 = kept((*position).try_into())?;
        if statement::Entity::find_by_id(key).one(&**tx).await?.is_some() {
            continue;
        }
        let row = bare_row(*position, (project, subject), WITHDRAWN, *at)?;
        statement::Entity::insert(row).exec_without_returning(&**tx).await?;
        lost += 1;
    }
    Ok(lost)
}

/// Ends the approvals of each project that were recorded before the position at which they were taken back.
///
/// Without a permit, as above.
pub async fn revoke_again(tx: &Tx, revoked: &BTreeMap<ProjectId, (u64, Timestamp)>) -> Result<u64, Error> {
    let mut ended = 0;
    for (project, (position, _)) in revoked {
        let before: i64 = kept((*position).try_into())?;
        let which = Condition::all()
            .add(approval::Column::Project.eq(project.as_str()))
            .add(approval::Column::Position.lt(before))
            .add(approval::Column::ValidUntil.gt(0));
        ended += end(tx, which).await?;
    }
    Ok(ended)
}
