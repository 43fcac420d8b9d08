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
use crate::count::{Change, Counted, count as add};
use crate::locks::says;
use crate::object::Object;
use crate::store::Lock;
use crate::table::{UNLOCKED, object};
use crate::{Archive, Error};
use access::Permit;
use access::thing::{self, Project};
use access::verb::{Manage, Verb, Write};
use audit::{Event, What};
use base::{Id, ObjectId, Retention, SubjectId, Timestamp};
use db::Tx;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Days for which a store is locked when the class has no end: the farthest that is asked of any backend.
const FARTHEST: u32 = 36_600;
const DAY: u64 = 24 * 3600;
/// Objects locked in one step.
const AT_ONCE: u64 = 100;

/// What forbids an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// A legal hold.
    Hold,
    /// A floor, or that none is on record.
    Floor,
}

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

    /// Has the store lock versions that are on record and that it has not been told of, at most a hundred at
    /// once; the next call goes on. Gives how many it locked. Doing it again is harmless, and needs no
    /// decision: it takes rights away and gives none. What is in quarantine or under a hold is locked too.
    ///
    /// # Errors
    /// The first of those met: [`Error::NotLocked`] when what the store says afterwards is less than it was
    /// asked for. All others are locked nevertheless.
    pub async fn lock_settled(&self) -> Result<usize, Error> {
        let settled = Condition::any().add(object::Column::Arriving.eq(0)).add(object::Column::Held.ne(0));
        let rows = object::Entity::find()
            .filter(Expr::cust(UNLOCKED))
            .filter(settled)
            .filter(object::Column::Position.gt(self.known.locked_to.load(Ordering::Relaxed)))
            .order_by_asc(object::Column::Position)
            .limit(AT_ONCE)
            .all(self.db.reader())
            .await?;
        let further = rows.last().filter(|_| rows.len() as u64 == AT_ONCE).map(|row| row.position);
        self.known.locked_to.store(further.unwrap_or(-1), Ordering::Relaxed);
        let (mut locked, mut failed) = (0, None);
        for row in rows {
            let done = match crate::object::from_row(row) {
                Ok(object) => self.lock_now(&object).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => locked += 1,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(locked), Err)
    }

    /// Locks one version by what its record says at this moment, not when it was listed.
    async fn lock_now(&self, listed: &Object) -> Result<(), Error> {
        let _alone = self.known.alone.lock().await;
        let versions = self.all_versions(&listed.id).await?;
        let Some(object) = versions.iter().find(|object| object.version == listed.version) else {
            return Ok(());
        };
        if object.deleted_at.is_some() {
            return Ok(());
        }
        self.keep(object).await
    }

    /// Has the store keep a version for as long as its record says, and marks it. Never for less: a hold that
    /// the store has and the record has not is lifted by command alone.
    async fn keep(&self, object: &Object) -> Result<(), Error> {
        let (store, name, id) = (self.store.clone(), object.body.clone(), object.id.clone());
        let (until, held) = (object.kept_until, object.held);
        let kept = blocking(move || {
            let wanted = Lock { until, hold: held || store.locked(&name)?.hold };
            let kept = store.lock(&name, &wanted)?;
            let weaker = kept.until < wanted.until || (wanted.hold && !kept.hold);
            if weaker { Err(Error::NotLocked(id)) } else { Ok(kept) }
        })
        .await;
        let version = (object.id.clone(), object.version);
        self.known.note(version.clone(), kept.is_ok(), self.clock.monotonic());
        self.known.note_lock(version, !says(object, &kept?));
        self.mark(object, object::Column::Locked, 1).await
    }

    /// Puts every version of an object under a legal hold: nothing deletes it until the hold is lifted,
    /// whatever its floor.
    ///
    /// 1. The decision's event is recorded, durably. Crash here: there is no hold, and nobody was told so.
    /// 2. The records say so. From here on nothing deletes, withdraws or shreds it.
    /// 3. The store holds. Crash here or before: [`Archive::lock_settled`] tells it again.
    ///
    /// # Errors
    /// [`Error::HeldOnRecord`] when the store could not be told: the hold stands, and the store is told again.
    pub async fn hold(&self, permit: &Permit<Manage, thing::Object>, id: &ObjectId) -> Result<(), Error> {
        permit.covers(id)?;
        let _alone = self.known.alone.lock().await;
        self.present(id).await?;
        self.record(permit, id, What::HoldChanged { held: true }).await?;
        self.write_hold(permit, id, true).await?;
        let mut failed = None;
        for object in self.present(id).await? {
            if let Err(error) = self.keep(&object).await {
                failed = failed.or(Some(Box::new(error)));
            }
        }
        failed.map_or(Ok(()), |source| Err(Error::HeldOnRecord { object: id.clone(), source }))
    }

    /// Lifts a legal hold. The floor stays.
    ///
    /// 1. The lifting is recorded, durably. 2. The store lifts. Crash here or before: the records still hold,
    ///    and [`Archive::lock_settled`] has the store hold again. 3. The records say so.
    ///
    /// # Errors
    /// [`Error::NotHeld`] when there is none.
    pub async fn lift(&self, permit: &Permit<Manage, thing::Object>, id: &ObjectId) -> Result<(), Error> {
        permit.covers(id)?;
        let _alone = self.known.alone.lock().await;
        let versions = self.present(id).await?;
        if !versions.iter().any(|object| object.held) {
            return Err(Error::NotHeld(id.clone()));
        }
        self.record(permit, id, What::HoldChanged { held: false }).await?;
        for object in &versions {
            self.mark(object, object::Column::Locked, 0).await?;
            self.lift_one(object).await?;
        }
        self.write_hold(permit, id, false).await
    }

    async fn lift_one(&self, object: &Object) -> Result<(), Error> {
        let (store, name, id) = (self.store.clone(), object.body.clone(), object.id.clone());
        let until = object.kept_until;
        blocking(move || match store.lock(&name, &Lock { until, hold: false }) {
            Ok(lock) if lock.hold || lock.until < until => Err(Error::NotLocked(id)),
            Ok(_) => Ok(()),
            // Damaged evidence: what is not there is not held there.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        })
        .await
    }

    /// The record of a hold, and that the store is to be told.
    async fn write_hold(
        &self,
        permit: &Permit<Manage, thing::Object>,
        id: &ObjectId,
        held: bool,
    ) -> Result<(), Error> {
        let tx = self.db.begin(permit.decision()).await?;
        let written = object::Entity::update_many()
            .col_expr(object::Column::Held, Expr::value(i32::from(held)))
            .col_expr(object::Column::Locked, Expr::value(0))
            .filter(object::Column::Id.eq(id.as_str()))
            .filter(object::Column::DeletedAt.is_null())
            .exec(&*tx)
            .await?;
        if written.rows_affected == 0 {
            // Withdrawn in between.
            return Err(Error::NotFound);
        }
        Ok(tx.commit().await?)
    }

    /// Deletes an object, all versions, after its floor. Its record stays as a tombstone.
    ///
    /// 1. The deletion is recorded, durably. Crash here: the object is still there.
    /// 2. The wrapped keys go and the record becomes a tombstone, in one transaction. From here on nothing
    ///    opens the bodies. Crash here: they are removed after the next start.
    /// 3. The bodies are removed.
    ///
    /// # Errors
    /// [`Error::Floor`], [`Error::Kept`] and [`Error::Held`] as long as anything keeps it; what the store
    /// itself refuses.
    pub async fn delete(&self, permit: &Permit<Manage, thing::Object>, id: &ObjectId) -> Result<(), Error> {
        permit.covers(id)?;
        let _alone = self.known.alone.lock().await;
        let versions = self.present(id).await?;
        // A clock that was set back keeps everything: an object cannot be older than its sealing.
        let now = self.clock.now();
        for object in &versions {
            self.may_go(object, now).await?;
        }
        let count = u32::try_from(versions.len()).map_err(|_| Error::Record)?;
        self.record(permit, id, What::ObjectDeleted { versions: count }).await?;
        let tx = self.db.begin(permit.decision()).await?;
        // Asked again where nothing can come in between.
        if self.held_in(&tx, std::slice::from_ref(id)).await? {
            return Err(Error::Held(id.clone()));
        }
        let gone = object::Entity::update_many()
            .col_expr(object::Column::DeletedAt, Expr::value(Some(now.to_string())))
            .filter(object::Column::Id.eq(id.as_str()))
            .filter(object::Column::DeletedAt.is_null())
            .exec(&*tx)
            .await?;
        if gone.rows_affected != u64::from(count) {
            return Err(Error::Moved(id.clone()));
        }
        let counted = |object: &Object| Counted {
            version: i64::from(object.version),
            bytes: i64::try_from(object.cipher_length).unwrap_or(i64::MAX),
        };
        let project = versions.first().and_then(|object| object.project.as_ref()).map(Id::as_str);
        add(&tx, project, versions.iter().map(counted), Change::Go).await?;
        self.keys.forget_session(permit, &tx, id).await?;
        tx.commit().await?;
        for object in &versions {
            self.known.note((id.clone(), object.version), true, self.clock.monotonic());
            self.known.note_lock((id.clone(), object.version), false);
            self.known.note_read(&(id.clone(), object.version));
        }
        let store = self.store.clone();
        blocking(move || Ok(versions.iter().try_for_each(|object| store.remove(&object.body))?)).await
    }

    /// Those of `objects` that nobody can open any more: they were deleted, or their keys were shredded.
    pub async fn unreadable(&self, objects: &BTreeSet<ObjectId>) -> Result<BTreeSet<ObjectId>, Error> {
        Ok(self.keys.objects_without_key(self.db.reader(), objects).await?)
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
        match self.locked(object).await? {
            Lock { hold: true, .. } => Err(Error::Held(object.id.clone())),
            lock if lock.forbids(now) => Err(floor(lock.until.unwrap_or(Timestamp::MAX))),
            _ => Ok(()),
        }
    }

    async fn locked(&self, object: &Object) -> Result<Lock, Error> {
        let (store, name) = (self.store.clone(), object.body.clone());
        blocking(move || Ok(store.locked(&name)?)).await
    }

    /// What forbids that the keys of some objects of the permit's project are destroyed: every version is
    /// asked, of its record and then, as this host's clock may be wrong, of the store.
    ///
    /// # Errors
    /// [`Error::NotFound`] when one of them has no record there.
    pub async fn keeps<V: Verb>(
        &self,
        permit: &Permit<V, Project>,
        ids: &[ObjectId],
        people: &BTreeSet<SubjectId>,
    ) -> Result<Option<Keeps>, Error> {
        let project = permit.in_project()?;
        let theirs = |object: &Object| object.subject.as_ref().is_some_and(|one| people.contains(one));
        let own = |object: &Object| object.project.as_ref() == Some(project) || theirs(object);
        let mut versions = Vec::new();
        for id in ids {
            let found = self.all_versions(id).await?;
            if found.is_empty() || !found.iter().all(own) {
                return Err(Error::NotFound);
            }
            versions.extend(found);
        }
        if versions.iter().any(|object| object.held) {
            return Ok(Some(Keeps::Hold));
        }
        let now = self.clock.now();
        versions.retain(|object| object.deleted_at.is_none());
        if versions.iter().any(|object| object.kept_until.is_none_or(|until| now < until)) {
            return Ok(Some(Keeps::Floor));
        }
        for object in &versions {
            match self.locked(object).await? {
                Lock { hold: true, .. } => return Ok(Some(Keeps::Hold)),
                lock if lock.forbids(now) => return Ok(Some(Keeps::Floor)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Whether any of `ids` is under a hold, as `tx` sees it: no hold is set before it ends.
    pub async fn held_in(&self, tx: &Tx, ids: &[ObjectId]) -> Result<bool, Error> {
        for some in ids.chunks(AT_ONCE as usize) {
            let held = object::Entity::find()
                .filter(object::Column::Id.is_in(some.iter().map(ToString::to_string)))
                .filter(object::Column::Held.ne(0))
                .count(&**tx)
                .await?;
            if held > 0 {
                return Ok(true);
            }
        }
        Ok(false)
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
        let tx = self.db.begin_without_decision().await?;
        object::Entity::update_many()
            .col_expr(column, Expr::value(value))
            .filter(object::Column::Id.eq(object.id.as_str()))
            .filter(object::Column::Version.eq(object.version))
            .exec(&*tx)
            .await?;
        Ok(tx.commit().await?)
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
