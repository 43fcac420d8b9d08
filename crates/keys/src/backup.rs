//! The short-lived keys of key-store backups.
//!
//! A backup of the key store would bring shredded keys back. So it is sealed under a key of its own,
//! which lives in this site's database alone, in no backup, and is destroyed on a day that is known
//! when it is made: the key of the backup's *epoch*. An erasure is complete when the last epoch that
//! began before it has ended.

use crate::table::backup;
use crate::wrap::WrappingKey;
use crate::{Error, Keys};
use access::Permit;
use access::thing::Site;
use access::verb::Manage;
use base::Timestamp;
use db::Tx;
use db::sea_orm::ActiveValue::{Set, Unchanged};
use db::sea_orm::{ActiveModelTrait, EntityTrait, QueryOrder};

/// An epoch of backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: i32,
    /// When it began.
    pub begun: Timestamp,
    /// When its key is destroyed.
    pub expires: Timestamp,
}

impl Keys {
    /// Begins an epoch: backups from `now` on are sealed under its key until the next one begins,
    /// and none of them opens after `expires`.
    pub async fn begin_backup_epoch(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<Epoch, Error> {
        permit.live()?;
        let last = backup::Entity::find().order_by_desc(backup::Column::Epoch).one(&**tx).await?;
        let number = last.map_or(1, |row| row.epoch.saturating_add(1));
        let (root, by) = self.roots().current()?;
        let key = WrappingKey::mint(&*self.inner.entropy);
        let wrapped = by.wrap(key.expose().as_slice(), &binding(number), &*self.inner.entropy)?;
        let row = backup::ActiveModel {
            epoch: Set(number),
            begun: Set(now.to_string()),
            expires: Set(expires.to_string()),
            root: Set(root),
            wrapped: Set(wrapped),
        };
        backup::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(Epoch { number, begun: now, expires })
    }

    /// The epochs whose keys are there, oldest first.
    pub async fn backup_epochs(&self) -> Result<Vec<Epoch>, Error> {
        let rows = backup::Entity::find().order_by_asc(backup::Column::Epoch);
        let rows = rows.all(self.inner.db.reader()).await?;
        rows.iter().filter(|row| !row.wrapped.is_empty()).map(epoch).collect()
    }

    /// The key of an epoch, to seal a backup or to open one. None after its end, also when its
    /// row was not destroyed yet.
    pub async fn backup_key(
        &self,
        permit: &Permit<Manage, Site>,
        number: i32,
        now: Timestamp,
    ) -> Result<WrappingKey, Error> {
        permit.live()?;
        let none = || Error::NoKey(format!("backup epoch {number}"));
        let row = backup::Entity::find_by_id(number).one(self.inner.db.reader()).await?.ok_or_else(none)?;
        if row.wrapped.is_empty() || epoch(&row)?.expires <= now {
            return Err(none());
        }
        let bytes = self.roots().at(row.root)?.unwrap(&row.wrapped, &binding(number))?;
        WrappingKey::from_slice(&bytes)
    }

    /// An epoch's key as it is wrapped, with the generation of the root that wraps it: what a recovery file
    /// holds.
    pub async fn wrapped_backup_key(
        &self,
        permit: &Permit<Manage, Site>,
        number: i32,
    ) -> Result<(i32, Vec<u8>), Error> {
        permit.live()?;
        let row = backup::Entity::find_by_id(number).one(self.inner.db.reader()).await?;
        let row = row.filter(|row| !row.wrapped.is_empty());
        row.map(|row| (row.root, row.wrapped)).ok_or_else(|| Error::NoKey(format!("backup epoch {number}")))
    }

    /// The numbers of epochs that have ended and whose keys are still there.
    pub async fn ended_epochs(&self, now: Timestamp) -> Result<Vec<i32>, Error> {
        Ok(self.backup_epochs().await?.into_iter().filter(|e| e.expires <= now).map(|e| e.number).collect())
    }

    /// Destroys the keys of these epochs for the site itself, whose record `tx` carries out. It takes away
    /// and gives nothing, so nobody is asked. `forget_deleted` of the database follows the commit.
    pub async fn end_epochs(&self, tx: &Tx, numbers: &[i32]) -> Result<(), Error> {
        for number in numbers {
            destroy(tx, *number).await?;
        }
        Ok(())
    }

    /// Destroys the keys of epochs that ended, and gives their numbers. `forget_deleted` of the
    /// database follows the commit.
    pub async fn destroy_ended_epochs(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        now: Timestamp,
    ) -> Result<Vec<i32>, Error> {
        permit.live()?;
        let mut ended = Vec::new();
        for row in backup::Entity::find().order_by_asc(backup::Column::Epoch).all(&**tx).await? {
            if !row.wrapped.is_empty() && epoch(&row)?.expires <= now {
                ended.push(row.epoch);
                destroy(tx, row.epoch).await?;
            }
        }
        Ok(ended)
    }
}

/// The row stays without its key, so that its number is never used again.
async fn destroy(tx: &Tx, number: i32) -> Result<(), Error> {
    let change =
        backup::ActiveModel { epoch: Unchanged(number), wrapped: Set(Vec::new()), ..Default::default() };
    change.update(&**tx).await?;
    Ok(())
}

fn epoch(row: &backup::Model) -> Result<Epoch, Error> {
    let time = |text: &str| text.parse::<Timestamp>().map_err(|_| Error::Unwrap);
    Ok(Epoch { number: row.epoch, begun: time(&row.begun)?, expires: time(&row.expires)? })
}

pub(crate) fn binding(number: i32) -> String {
    format!("backup/{number}")
}
