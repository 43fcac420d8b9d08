//! Which files of reads were compared with what their generator said of them.

use crate::table::verified;
use crate::{Error, Sharing, moment};
use access::Permit;
use access::thing::Object;
use access::verb::Read;
use base::{ObjectId, Timestamp};
use db::sea_orm::sea_query::OnConflict;
use db::sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use std::collections::BTreeMap;

/// Ids of one question to the database.
const AT_ONCE: usize = 500;

impl Sharing {
    /// Keeps whether an object that the permit covers is what its generator said.
    pub async fn keep_verified(
        &self,
        permit: &Permit<Read, Object>,
        object: &ObjectId,
        matches: bool,
    ) -> Result<(), Error> {
        permit.covers(object)?;
        let row = verified::ActiveModel {
            object: Set(object.to_string()),
            at: Set(self.clock.now().as_second()),
            matches: Set(i32::from(matches)),
        };
        let again = OnConflict::column(verified::Column::Object)
            .update_columns([verified::Column::At, verified::Column::Matches])
            .to_owned();
        let tx = self.db.begin(permit.decision()).await?;
        verified::Entity::insert(row).on_conflict(again).exec_without_returning(&*tx).await?;
        Ok(tx.commit().await?)
    }

    /// When each of these was compared last, and whether it matched. It tells nothing of what is in them.
    pub async fn verified(
        &self,
        objects: &[ObjectId],
    ) -> Result<BTreeMap<ObjectId, (Timestamp, bool)>, Error> {
        let mut found = BTreeMap::new();
        for some in objects.chunks(AT_ONCE) {
            let which = verified::Column::Object.is_in(some.iter().map(ToString::to_string));
            for row in verified::Entity::find().filter(which).all(self.db.reader()).await? {
                let id = crate::kept(row.object.parse())?;
                found.insert(id, (moment(row.at)?, row.matches == 1));
            }
        }
        Ok(found)
    }
}
