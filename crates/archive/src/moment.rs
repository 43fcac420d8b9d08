//! From which moment a floor counts, when clocks were wrong. Why it is so: `docs/decisions/0023-floors-and-wrong-clocks.md`.

use crate::table::object;
use crate::{Archive, Error};
use base::Timestamp;
use db::Tx;
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QuerySelect};
use std::time::Duration;

/// How far ahead of the clock the newest record is believed.
const BELIEVED: Duration = Duration::from_secs(366 * 24 * 3600);
/// How far behind the beginning of its ledger a site's clock may be: what two clocks of one network differ by.
const SLACK: Duration = Duration::from_secs(3600);

impl Archive {
    /// The moment of sealing of what is admitted now.
    ///
    /// # Errors
    /// [`Error::Clock`] when the clock is before the site: such a clock says nothing, and a floor that counts from
    /// it would be over before it began.
    pub(crate) async fn sealing_moment(&self, tx: &Tx) -> Result<Timestamp, Error> {
        let (now, made) = (self.clock.now(), self.made()?);
        if now.checked_add(SLACK).unwrap_or(Timestamp::MAX) < made {
            return Err(Error::Clock { now, made });
        }
        // INVARIANT (floors only grow): a clock that was set back, by a year at most, does not make a floor earlier.
        // INVARIANT (floors are bounded): a clock that was ahead once lengthens those of later objects by a year at most.
        let believed = now.checked_add(BELIEVED).unwrap_or(Timestamp::MAX);
        Ok(self.newest(&**tx).await?.map_or(now, |newest| newest.min(believed).max(now)))
    }

    /// By how much the newest object on record is ahead of the clock. One of the two was wrong.
    pub async fn ahead(&self) -> Result<Option<Duration>, Error> {
        let (now, newest) = (self.clock.now(), self.newest(self.db.reader()).await?);
        let ahead =
            newest.map(|newest| newest.duration_since(now)).and_then(|by| Duration::try_from(by).ok());
        Ok(ahead.filter(|by| !by.is_zero()))
    }

    async fn newest(&self, database: &impl ConnectionTrait) -> Result<Option<Timestamp>, Error> {
        let newest: Option<Option<String>> = object::Entity::find()
            .select_only()
            .column_as(object::Column::CreatedAt.max(), "newest")
            .into_tuple()
            .one(database)
            .await?;
        Ok(newest.flatten().and_then(|text| text.parse().ok()))
    }

    /// When the site's ledger began.
    fn made(&self) -> Result<Timestamp, Error> {
        match self.known.made.get() {
            Some(made) => Ok(*made),
            None => {
                let made = self.audit.recorded(0)?.time;
                Ok(*self.known.made.get_or_init(|| made))
            }
        }
    }
}
