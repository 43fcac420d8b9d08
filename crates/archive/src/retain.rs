//! How long objects stay: floors, locks, legal holds, and deletion after all of them.
//!
//! | class | floor, days |
//! |---|---|
//! | `90-days` | 90 |
//! | `2-years` | 732 |
//! | `10-years` | 3,660 |
//! | `30-years` | 10,980 |
//! | `permanent` | none ends it; the store is locked for 36,600 days |

use crate::archive::blocking;
use crate::object::Object;
use crate::store::{Lock, Locked};
use crate::table::object;
use crate::{Archive, Error};
use access::Permit;
use access::thing::{self, Project};
use access::verb::{Manage, Write};
use audit::{Event, What};
use base::{Id, ObjectId, Retention, Timestamp};
use db::Tx;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::time::Duration;

/// Days for which a store is locked when the class has no end: the farthest that is asked of any backend.
const FARTHEST: u32 = 36_600;
const DAY: u64 = 24 * 3600;
/// Objects locked in one step.
const AT_ONCE: u64 = 100;

/// From when on and until when an object is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Floor {
    pub class: Option<Retention>,
    pub sealed_at: Timestamp,
    pub until: Option<Timestamp>,
}

impl Floor {
    pub fn of(class: Option<Retention>, sealed_at: Timestamp) -> Self {
        let later = |days: u32| {
            let seconds = Duration::from_secs(u64::from(days).saturating_mul(DAY));
            sealed_at.checked_add(seconds).unwrap_or(Timestamp::MAX)
        };
        let until = class.map(|class| later(class.days().unwrap_or(FARTHEST)));
        Self { class, sealed_at, until }
    }
}

impl Archive {
    /// Ends the arrival of objects whose package is in: from the commit of `tx` on they cannot be withdrawn,
    /// and the store locks them.
    pub async fn settle(
        &self,
        permit: &Permit<Write, Project>,
        tx: &Tx,
        ids: &[ObjectId],
    ) -> Result<(), Error> {
        let project = permit.in_project()?;
        for some in ids.chunks(AT_ONCE as usize) {
            object::Entity::update_many()
                .col_expr(object::Column::Arriving, Expr::value(0))
                .filter(object::Column::Project.eq(project.as_str()))
                .filter(object::Column::Id.is_in(some.iter().map(ToString::to_string)))
                .exec(&**tx)
                .await?;
        }
        Ok(())
    }

    /// Has the store lock objects that are on record and that it has not been told of, at most a hundred at
    /// once. Gives how many it locked. Doing it again is harmless, and needs no decision: it takes rights
    /// away and gives none.
    ///
    /// # Errors
    /// [`Error::NotLocked`] when what the store says afterwards is less than it was asked for.
    pub async fn lock_settled(&self) -> Result<usize, Error> {
        let rows = object::Entity::find()
            .filter(object::Column::Locked.eq(0))
            .filter(object::Column::Arriving.eq(0))
            .filter(object::Column::KeptUntil.is_not_null())
            .filter(object::Column::DeletedAt.is_null())
            .filter(object::Column::Quarantined.is_null())
            .order_by_asc(object::Column::Position)
            .limit(AT_ONCE)
            .all(self.db.reader())
            .await?;
        let count = rows.len();
        for row in rows {
            let object = crate::object::from_row(row)?;
            self.lock_one(&object, Lock { until: object.kept_until, hold: object.held }).await?;
            self.mark(&object, object::Column::Locked, 1).await?;
        }
        Ok(count)
    }

    async fn lock_one(&self, object: &Object, wanted: Lock) -> Result<(), Error> {
        let (store, name, id) = (self.store.clone(), object.body.clone(), object.id.clone());
        blocking(move || {
            let held = store.lock(&name, &wanted)?;
            if held.until < wanted.until || held.hold != wanted.hold {
                return Err(Error::NotLocked(id));
            }
            Ok(())
        })
        .await
    }

    /// Puts every version of an object under a legal hold: nothing deletes it until the hold is lifted,
    /// whatever its floor.
    ///
    /// 1. The hold is recorded, durably. 2. The store holds. Crash here or before: the store may hold what
    ///    the record does not; setting or lifting it again puts both right. 3. The record says so.
    pub async fn hold(&self, permit: &Permit<Manage, thing::Object>, id: &ObjectId) -> Result<(), Error> {
        self.change_hold(permit, id, true).await
    }

    /// Lifts a legal hold. The floor stays.
    ///
    /// # Errors
    /// [`Error::NotHeld`] when there is none.
    pub async fn lift(&self, permit: &Permit<Manage, thing::Object>, id: &ObjectId) -> Result<(), Error> {
        self.change_hold(permit, id, false).await
    }

    async fn change_hold(
        &self,
        permit: &Permit<Manage, thing::Object>,
        id: &ObjectId,
        held: bool,
    ) -> Result<(), Error> {
        permit.covers(id)?;
        let versions = self.present(id).await?;
        if !held && !versions.iter().any(|object| object.held) {
            return Err(Error::NotHeld(id.clone()));
        }
        self.record(permit, id, What::HoldChanged { held }).await?;
        for object in &versions {
            self.lock_one(object, Lock { until: object.kept_until, hold: held }).await?;
        }
        let tx = self.db.begin(permit.decision()).await?;
        object::Entity::update_many()
            .col_expr(object::Column::Held, Expr::value(i32::from(held)))
            .filter(object::Column::Id.eq(id.as_str()))
            .exec(&*tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Deletes an object, all versions, after its floor. Its record stays as a tombstone.
    ///
    /// 1. The deletion is recorded, durably. Crash here: the object is still there.
    /// 2. The wrapped keys go and the record becomes a tombstone, in one transaction. From here on nothing
    ///    opens the bodies. Crash here: they are removed at the next start.
    /// 3. The bodies are removed.
    ///
    /// # Errors
    /// [`Error::Floor`], [`Error::Kept`] and [`Error::Held`] as long as anything keeps it; what the store
    /// itself refuses.
    pub async fn delete(&self, permit: &Permit<Manage, thing::Object>, id: &ObjectId) -> Result<(), Error> {
        permit.covers(id)?;
        let versions = self.present(id).await?;
        // A clock that was set back keeps everything: an object cannot be older than its sealing.
        let now = self.clock.now();
        for object in &versions {
            self.may_go(object, now).await?;
        }
        let count = u32::try_from(versions.len()).map_err(|_| Error::Record)?;
        self.record(permit, id, What::ObjectDeleted { versions: count }).await?;
        let tx = self.db.begin(permit.decision()).await?;
        object::Entity::update_many()
            .col_expr(object::Column::DeletedAt, Expr::value(Some(now.to_string())))
            .filter(object::Column::Id.eq(id.as_str()))
            .exec(&*tx)
            .await?;
        self.keys.forget_session(permit, &tx, id).await?;
        tx.commit().await?;
        let store = self.store.clone();
        blocking(move || Ok(versions.iter().try_for_each(|object| store.remove(&object.body))?)).await
    }

    /// Whether record and store let a version go.
    async fn may_go(&self, object: &Object, now: Timestamp) -> Result<(), Error> {
        if object.held {
            return Err(Error::Held(object.id.clone()));
        }
        if object.project.is_none() || object.retention == Some(Retention::Permanent) {
            return Err(Error::Kept(object.id.clone()));
        }
        let until = object.kept_until.ok_or_else(|| Error::Kept(object.id.clone()))?;
        let floor = |until| Error::Floor { object: object.id.clone(), until };
        if now < until {
            return Err(floor(until));
        }
        let (store, name) = (self.store.clone(), object.body.clone());
        let lock = blocking(move || Ok(store.locked(&name)?)).await?;
        match Locked(lock) {
            Locked(Lock { hold: true, .. }) => Err(Error::Held(object.id.clone())),
            Locked(lock) if lock.forbids(now) => Err(floor(lock.until.unwrap_or(Timestamp::MAX))),
            _ => Ok(()),
        }
    }

    /// The versions of an object that is there.
    async fn present(&self, id: &ObjectId) -> Result<Vec<Object>, Error> {
        let versions = self.all_versions(id).await?;
        match versions.last() {
            None => Err(Error::NotFound),
            Some(newest) if newest.deleted_at.is_some() => Err(Error::Deleted(id.clone())),
            Some(_) => Ok(versions),
        }
    }

    async fn record(
        &self,
        permit: &Permit<Manage, thing::Object>,
        id: &ObjectId,
        what: What,
    ) -> Result<(), Error> {
        let event = Event::new(permit.actor().clone(), what)
            .during(Some(permit.caller().request().clone()))
            .in_project(permit.project().cloned())
            .about([id.to_string()]);
        self.audit.gate(&event).await?;
        Ok(())
    }

    /// Sets a column of one version that says how the store stands. No decision stands behind it: none of
    /// these shows or changes protected data.
    pub(crate) async fn mark(
        &self,
        object: &Object,
        column: object::Column,
        value: impl Into<db::sea_orm::Value>,
    ) -> Result<(), Error> {
        object::Entity::update_many()
            .col_expr(column, Expr::value(value))
            .filter(object::Column::Id.eq(object.id.as_str()))
            .filter(object::Column::Version.eq(object.version))
            .exec(self.db.reader())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_are_those_of_the_table() {
        let sealed: Timestamp = "2031-05-14T12:00:00Z".parse().unwrap();
        for (class, until) in [
            (Retention::Days90, "2031-08-12T12:00:00Z"),
            (Retention::Years2, "2033-05-15T12:00:00Z"),
            (Retention::Years10, "2041-05-21T12:00:00Z"),
            (Retention::Years30, "2061-06-05T12:00:00Z"),
            (Retention::Permanent, "2131-07-29T12:00:00Z"),
        ] {
            assert_eq!(Floor::of(Some(class), sealed).until.unwrap().to_string(), until, "{class}");
        }
        assert_eq!(Floor::of(None, sealed).until, None);
        assert_eq!(Floor::of(Some(Retention::Days90), Timestamp::MAX).until, Some(Timestamp::MAX));
    }
}
