//! Rotation: new keys for a scope or the root, by wrapping anew. No body is read or written.
//!
//! A rotation is a number of transactions, and may stop between any two of them:
//!
//! 1. The next generation is made. Crash here: two generations; new rows use the newer.
//! 2. Rows are wrapped anew in batches. Each row names the generation that wraps it. Crash here:
//!    some rows on each, all readable; asking again goes on with step 2.
//! 3. One transaction counts what is left on older generations, opens every row of the scope with
//!    the newest, and destroys the older ones. A row that does not open stops it.

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

/// The scope's word for the root keys.
pub const ROOT: &str = "root";
/// Rows that one check holds in memory.
const PAGE: u64 = 10_000;

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

    /// Step 3: proves that no row is left on an older generation, and destroys those.
    /// [`Keys::settle`] follows the commit.
    pub async fn finish_rotation(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        id: &str,
    ) -> Result<Rotated, Error> {
        permit.live()?;
        let scope = self.load_scope(&**tx, id).await?;
        let (generation, newest) = scope.current()?;
        let below = of_scope(id).add(generation_of(id).lt(generation));
        let left = session::Entity::find().filter(below).count(&**tx).await?;
        if left > 0 {
            return Err(Error::RowsLeft(left));
        }
        let bytes = newest.wrap(scope.field.expose().as_slice(), &field_binding(id), &*self.inner.entropy)?;
        let change = field::ActiveModel {
            scope: Unchanged(id.to_owned()),
            generation: Set(generation),
            wrapped: Set(bytes),
        };
        change.update(&**tx).await?;
        let checked = self.check_rows(tx, id, generation).await?;
        let destroyed = scope.older();
        key::Entity::delete_many()
            .filter(key::Column::Scope.eq(id))
            .filter(key::Column::Generation.lt(generation))
            .exec(&**tx)
            .await?;
        Ok(Rotated { scope: id.to_owned(), generation, destroyed, checked })
    }

    /// Takes over what the database now holds of a scope. After a commit.
    pub async fn settle(&self, id: &str) -> Result<(), Error> {
        self.load_scope(self.inner.db.reader(), id).await?;
        Ok(self.inner.db.forget_deleted().await?)
    }

    /// Opens every row of a scope, and gives how many there are.
    async fn check_rows(&self, tx: &Tx, id: &str, generation: i32) -> Result<u64, Error> {
        let (mut after, mut checked) = ((String::new(), 0), 0);
        loop {
            let later = Condition::any().add(session::Column::Object.gt(&after.0)).add(
                Condition::all()
                    .add(session::Column::Object.eq(&after.0))
                    .add(session::Column::Version.gt(after.1)),
            );
            let rows = session::Entity::find()
                .filter(of_scope(id).add(later))
                .order_by_asc(session::Column::Object)
                .order_by_asc(session::Column::Version)
                .limit(PAGE)
                .all(&**tx)
                .await?;
            let Some(last) = rows.last() else { return Ok(checked) };
            after = (last.object.clone(), last.version);
            for row in &rows {
                let own = if is_subject(id) { row.inner_generation } else { row.outer_generation };
                if own != generation || self.unwrap_row(&**tx, &Binding::of(row)?, row).await?.is_none() {
                    return Err(Error::RowsLeft(1));
                }
                checked += 1;
            }
        }
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
        for row in below.clone().limit(most).all(&**tx).await? {
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

    /// Step 3 for the root, first half: opens every row with the newest root.
    pub async fn check_root(&self, permit: &Permit<Manage, Site>, tx: &Tx) -> Result<Rotated, Error> {
        permit.live()?;
        let roots = self.roots();
        let (generation, by) = roots.current()?;
        let rows = key::Entity::find().all(&**tx).await?;
        for row in &rows {
            if row.root != generation {
                return Err(Error::RowsLeft(1));
            }
            by.unwrap(&row.wrapped, &key_binding(&row.scope, row.generation))?;
        }
        let backups = backup::Entity::find().all(&**tx).await?;
        for row in backups.iter().filter(|row| !row.wrapped.is_empty()) {
            by.unwrap(&row.wrapped, &crate::backup::binding(row.epoch))?;
        }
        let destroyed = roots.generations().into_iter().filter(|own| *own < generation).collect();
        Ok(Rotated { scope: ROOT.into(), generation, destroyed, checked: rows.len() as u64 })
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
        *self.inner.roots.write().unwrap_or_else(PoisonError::into_inner) = secrets.roots;
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
