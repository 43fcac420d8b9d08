//! Rotation: new keys for a scope or the root, by wrapping anew. No body is read or written.
//!
//! A rotation is a number of transactions, and may stop between any two of them:
//!
//! 1. The next generation is made. Crash here: two generations; new rows use the newer.
//! 2. Rows are wrapped anew in batches. Each row names the generation that wraps it. Crash here:
//!    some rows on each, all readable; asking again goes on with step 2.
//! 3. Every row is opened with the newest, in batches. A row that does not open stops it. Crash here: nothing
//!    changed; the next process opens every row again.
//! 4. One transaction counts by the index that nothing is on older generations, and destroys those.

use crate::safe::{Credential, Safe, Sealing};
use crate::scope::{field_binding, key_binding};
use crate::table::{backup, field, key, session};
use crate::wrap::WrappingKey;
use crate::{Binding, Error, Keys, Roots};
use access::Permit;
use access::thing::Site;
use access::verb::Manage;
use base::{Id as _, SubjectId};
use db::Tx;
use db::sea_orm::ActiveValue::{Set, Unchanged};
use db::sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::Serialize;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// The scope's word for the root keys.
pub const ROOT: &str = "root";

/// What a finished rotation proves: that every row of the scope opens with the newest key, and that
/// there is no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rotated {
    /// The scope, or `root`.
    pub scope: String,
    /// The generation in force.
    pub generation: i32,
    /// The generations that were destroyed.
    pub destroyed: Vec<i32>,
    /// Rows that were opened with the newest key.
    pub checked: u64,
}

/// How many rows are on which generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The scope, or `root`.
    pub scope: String,
    /// The generations there are; more than one while a rotation is unfinished.
    pub generations: Vec<i32>,
    /// Rows on the newest.
    pub newest: u64,
    /// Rows on older ones.
    pub older: u64,
}

/// How far the check of a rotation is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Check {
    generation: i32,
    /// The row that was opened last.
    after: (String, i32),
    rows: u64,
    over: bool,
}

impl Check {
    /// Goes on behind `last`, the last of `rows` of which `most` were asked for.
    fn go_on(&mut self, last: Option<(String, i32)>, rows: u64, most: u64) {
        self.after = last.unwrap_or_else(|| std::mem::take(&mut self.after));
        self.rows = self.rows.saturating_add(rows);
        self.over = rows < most.max(1);
    }
}

impl Keys {
    /// Every scope of keys, and the root.
    pub async fn standings(&self) -> Result<Vec<Standing>, Error> {
        let reader = self.inner.db.reader();
        let newest = self.roots().generation();
        let rows = key::Entity::find().order_by_asc(key::Column::Scope).order_by_asc(key::Column::Generation);
        let rows: Vec<(String, i32, i32)> = rows
            .select_only()
            .columns([key::Column::Scope, key::Column::Generation, key::Column::Root])
            .into_tuple()
            .all(reader)
            .await?;
        let older = rows.iter().filter(|row| row.2 < newest).count() as u64;
        let generations = self.roots().generations();
        let mut found =
            vec![Standing { scope: ROOT.into(), generations, newest: rows.len() as u64 - older, older }];
        for (scope, generation, _) in rows {
            match found.last_mut().filter(|last| last.scope == scope) {
                Some(last) => last.generations.push(generation),
                None => found.push(Standing { scope, generations: vec![generation], newest: 0, older: 0 }),
            }
        }
        for standing in found.iter_mut().skip(1) {
            let last = standing.generations.last().copied().unwrap_or_default();
            let all = session::Entity::find().filter(of_scope(&standing.scope)).count(reader).await?;
            let below = of_scope(&standing.scope).add(generation_of(&standing.scope).lt(last));
            standing.older = session::Entity::find().filter(below).count(reader).await?;
            standing.newest = all.saturating_sub(standing.older);
        }
        Ok(found)
    }

    /// Step 1: the scope's next generation, unless an older one is still there. [`Keys::settle`]
    /// follows the commit.
    pub async fn begin_rotation(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        id: &str,
    ) -> Result<(), Error> {
        permit.live()?;
        let scope = self.load_scope(&**tx, id).await?;
        if scope.is_rotating() {
            return Ok(());
        }
        let (generation, old) = scope.current()?;
        if field::Entity::find_by_id(id).one(&**tx).await?.is_none() {
            // Made before fields had keys of their own. What the ledger holds under this key cannot be
            // sealed again, so the key goes on as the scope's field key, and wraps nothing else.
            self.insert_field(tx, id, (generation, old), &scope.field).await?;
        }
        let next = WrappingKey::mint(&*self.inner.entropy);
        self.insert_generation(tx, id, generation.saturating_add(1), &next).await
    }

    /// Step 2: wraps at most `most` rows anew, and gives how many are left.
    pub async fn rewrap(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        id: &str,
        most: u64,
    ) -> Result<u64, Error> {
        permit.live()?;
        let scope = self.load_scope(&**tx, id).await?;
        let newest = scope.current()?.0;
        let below = of_scope(id).add(generation_of(id).lt(newest));
        let rows = session::Entity::find().filter(below.clone()).limit(most).all(&**tx).await?;
        if !rows.is_empty() {
            self.forget_check(id);
        }
        for row in rows {
            let binding = Binding::of(&row)?;
            let key = self.unwrap_row(&**tx, &binding, &row).await?;
            let key = key.ok_or_else(|| Error::NoKey(row.object.clone()))?;
            let outer = self.scope(&**tx, binding.outer()).await?;
            let inner = match &binding.subject {
                Some(subject) => Some(self.scope(&**tx, subject.as_str()).await?),
                None => None,
            };
            let wrapped = self.wrap_session(&binding, &outer, inner.as_deref(), &key)?;
            let change = session::ActiveModel {
                object: Unchanged(row.object),
                version: Unchanged(row.version),
                wrapped: Set(wrapped.bytes),
                outer_generation: Set(wrapped.outer),
                inner_generation: Set(wrapped.inner),
                ..Default::default()
            };
            session::Entity::update(change).exec(&**tx).await?;
        }
        Ok(session::Entity::find().filter(below).count(&**tx).await?)
    }

    /// Step 3: opens at most `most` further rows of the scope, none of which may be on an older generation, and gives
    /// whether all were opened.
    ///
    /// # Errors
    /// [`Error::RowsLeft`] as long as a row is on an older generation; what a row says that does not open.
    pub async fn check_rotation(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        id: &str,
        most: u64,
    ) -> Result<bool, Error> {
        permit.live()?;
        let generation = self.load_scope(&**tx, id).await?.current()?.0;
        self.none_below(tx, id, generation).await?;
        let mut check = self.check_of(id, generation);
        if check.over {
            return Ok(true);
        }
        let (object, version) = &check.after;
        let later = Condition::any()
            .add(session::Column::Object.gt(object))
            .add(session::Column::Version.gt(*version));
        // The first two say where the index is entered, and that it gives the order; `later` leaves out what of the
        // last object was opened.
        let rows = session::Entity::find()
            .filter(of_scope(id).add(generation_of(id).eq(generation)))
            .filter(session::Column::Object.gte(object))
            .filter(later)
            .order_by_asc(session::Column::Object)
            .order_by_asc(session::Column::Version)
            .limit(most.max(1))
            .all(&**tx)
            .await?;
        for row in &rows {
            if self.unwrap_row(&**tx, &Binding::of(row)?, row).await?.is_none() {
                return Err(Error::RowsLeft(1));
            }
        }
        check.go_on(rows.last().map(|row| (row.object.clone(), row.version)), rows.len() as u64, most);
        let over = check.over;
        self.note_check(id, check);
        Ok(over)
    }

    /// Step 4: proves by the index that every row is on the newest generation, and destroys the older ones. What came
    /// in since the check was opened as it was wrapped. [`Keys::settle`] follows the commit.
    ///
    /// # Errors
    /// [`Error::RowsLeft`] as long as a row is on another generation, [`Error::NotChecked`] unless this process opened
    /// every row first.
    pub async fn finish_rotation(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        id: &str,
    ) -> Result<Rotated, Error> {
        permit.live()?;
        let scope = self.load_scope(&**tx, id).await?;
        let (generation, newest) = scope.current()?;
        let rows = session::Entity::find().filter(of_scope(id)).count(&**tx).await?;
        let on_newest = of_scope(id).add(generation_of(id).eq(generation));
        let checked = session::Entity::find().filter(on_newest).count(&**tx).await?;
        if checked != rows {
            return Err(Error::RowsLeft(rows.saturating_sub(checked)));
        }
        if !self.check_of(id, generation).over {
            return Err(Error::NotChecked);
        }
        let (field, text) = (scope.field.expose(), field_binding(id));
        let bytes = newest.wrap(field.as_slice(), &text, &*self.inner.entropy)?;
        // It is opened before what wrapped it until now is destroyed, as every other row was.
        if newest.unwrap(&bytes, &text)?.as_slice() != field.as_slice() {
            return Err(Error::Wrap);
        }
        let change = field::ActiveModel {
            scope: Unchanged(id.to_owned()),
            generation: Set(generation),
            wrapped: Set(bytes),
        };
        change.update(&**tx).await?;
        let destroyed = scope.older();
        key::Entity::delete_many()
            .filter(key::Column::Scope.eq(id))
            .filter(key::Column::Generation.lt(generation))
            .exec(&**tx)
            .await?;
        Ok(Rotated { scope: id.to_owned(), generation, destroyed, checked })
    }

    /// Counts in the index that no row of a scope is on an older generation.
    async fn none_below(&self, tx: &Tx, id: &str, generation: i32) -> Result<(), Error> {
        let below = of_scope(id).add(generation_of(id).lt(generation));
        match session::Entity::find().filter(below).count(&**tx).await? {
            0 => Ok(()),
            left => Err(Error::RowsLeft(left)),
        }
    }

    /// How far the check of a scope is; at its beginning when it was of another generation.
    fn check_of(&self, id: &str, generation: i32) -> Check {
        let checks = self.inner.checks.lock().unwrap_or_else(PoisonError::into_inner);
        let known = checks.get(id).filter(|check| check.generation == generation).cloned();
        known.unwrap_or_else(|| Check { generation, ..Check::default() })
    }

    fn note_check(&self, id: &str, check: Check) {
        self.inner.checks.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), check);
    }

    /// What was opened before a row was wrapped anew says nothing.
    fn forget_check(&self, id: &str) {
        self.inner.checks.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Takes over what the database now holds of a scope. After a commit.
    pub async fn settle(&self, id: &str) -> Result<(), Error> {
        self.inner.changes.fetch_add(1, Ordering::AcqRel);
        let rotating = self.load_scope(self.inner.db.reader(), id).await?.is_rotating();
        if !rotating {
            // What comes after is opened anew.
            self.forget_check(id);
        }
        Ok(self.inner.db.forget_deleted().await?)
    }

    /// Step 1 for the root: the sealed file gets the next root beside the one in force. It takes
    /// what unseals the site.
    pub fn begin_root(
        &self,
        permit: &Permit<Manage, Site>,
        safe: &Safe,
        credential: &Credential,
    ) -> Result<Sealing, Error> {
        self.reseal(permit, safe, credential, |roots| roots.grow(&*self.inner.entropy))
    }

    /// Step 2 for the root: wraps at most `most` keys of scopes and backups anew, and gives how many
    /// are left.
    pub async fn rewrap_root(&self, permit: &Permit<Manage, Site>, tx: &Tx, most: u64) -> Result<u64, Error> {
        permit.live()?;
        let roots = self.roots();
        let (newest, by) = roots.current()?;
        let below = key::Entity::find().filter(key::Column::Root.lt(newest));
        let rows = below.clone().limit(most).all(&**tx).await?;
        if !rows.is_empty() {
            self.forget_check(ROOT);
        }
        for row in rows {
            let text = key_binding(&row.scope, row.generation);
            let bytes = roots.at(row.root)?.unwrap(&row.wrapped, &text)?;
            let change = key::ActiveModel {
                scope: Unchanged(row.scope),
                generation: Unchanged(row.generation),
                root: Set(newest),
                wrapped: Set(by.wrap(&bytes, &text, &*self.inner.entropy)?),
            };
            change.update(&**tx).await?;
        }
        for row in backup::Entity::find().filter(backup::Column::Root.lt(newest)).all(&**tx).await? {
            if row.wrapped.is_empty() {
                continue;
            }
            let text = crate::backup::binding(row.epoch);
            let bytes = roots.at(row.root)?.unwrap(&row.wrapped, &text)?;
            let change = backup::ActiveModel {
                epoch: Unchanged(row.epoch),
                root: Set(newest),
                wrapped: Set(by.wrap(&bytes, &text, &*self.inner.entropy)?),
                ..Default::default()
            };
            change.update(&**tx).await?;
        }
        Ok(below.count(&**tx).await?)
    }

    /// Step 3 for the root, first half: opens at most `most` further rows with the newest root. The proof, once all
    /// were opened.
    pub async fn check_root(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        most: u64,
    ) -> Result<Option<Rotated>, Error> {
        permit.live()?;
        let roots = self.roots();
        let (generation, by) = roots.current()?;
        let left = key::Entity::find().filter(key::Column::Root.lt(generation)).count(&**tx).await?;
        if left > 0 {
            return Err(Error::RowsLeft(left));
        }
        let mut check = self.check_of(ROOT, generation);
        let later = Condition::any().add(key::Column::Scope.gt(&check.after.0)).add(
            Condition::all()
                .add(key::Column::Scope.eq(&check.after.0))
                .add(key::Column::Generation.gt(check.after.1)),
        );
        let rows = key::Entity::find()
            .filter(later)
            .order_by_asc(key::Column::Scope)
            .order_by_asc(key::Column::Generation)
            .limit(most.max(1))
            .all(&**tx)
            .await?;
        for row in &rows {
            by.unwrap(&row.wrapped, &key_binding(&row.scope, row.generation))?;
        }
        check.go_on(rows.last().map(|row| (row.scope.clone(), row.generation)), rows.len() as u64, most);
        let (over, checked) = (check.over, check.rows);
        if !over {
            self.note_check(ROOT, check);
            return Ok(None);
        }
        let backups = backup::Entity::find().all(&**tx).await?;
        for row in backups.iter().filter(|row| !row.wrapped.is_empty()) {
            by.unwrap(&row.wrapped, &crate::backup::binding(row.epoch))?;
        }
        self.forget_check(ROOT);
        let destroyed = roots.generations().into_iter().filter(|own| *own < generation).collect();
        Ok(Some(Rotated { scope: ROOT.into(), generation, destroyed, checked }))
    }

    /// Step 3 for the root, second half, after the commit of the first: the older root is destroyed.
    pub fn finish_root(
        &self,
        permit: &Permit<Manage, Site>,
        safe: &Safe,
        credential: &Credential,
    ) -> Result<Sealing, Error> {
        self.reseal(permit, safe, credential, Roots::settle)
    }

    /// Seals the secrets with other roots: first the file, then what is in memory.
    fn reseal(
        &self,
        permit: &Permit<Manage, Site>,
        safe: &Safe,
        credential: &Credential,
        change: impl FnOnce(&mut Roots),
    ) -> Result<Sealing, Error> {
        permit.live()?;
        let (file, mut secrets, provider) = safe.unseal(credential)?;
        if !secrets.roots.same_as(&self.roots()) {
            return Err(Error::SealedFile);
        }
        change(&mut secrets.roots);
        let sealing = safe.replace(file.site(), &secrets, &*provider, &*self.inner.entropy)?;
        let mut held = self.inner.roots.write().unwrap_or_else(PoisonError::into_inner);
        // INVARIANT (given-up): what was given up meanwhile stays so.
        held.current()?;
        *held = secrets.roots;
        Ok(sealing)
    }
}

fn is_subject(id: &str) -> bool {
    id.parse::<SubjectId>().is_ok()
}

/// The session rows that a scope's key wraps.
pub(crate) fn of_scope(id: &str) -> Condition {
    let one = match id {
        crate::scope::SITE => session::Column::Project.is_null(),
        _ if is_subject(id) => session::Column::Subject.eq(id),
        _ => session::Column::Project.eq(id),
    };
    Condition::all().add(one)
}

/// The column that names the generation of a scope's key.
fn generation_of(id: &str) -> session::Column {
    if is_subject(id) { session::Column::InnerGeneration } else { session::Column::OuterGeneration }
}
