//! The keys of one scope: the site, a project or a subject, by generation.

use crate::table::{field, key, shredded};
use crate::wrap::WrappingKey;
use crate::{Error, Keys};
use access::Permit;
use access::thing::{Site, Thing};
use access::verb::{Manage, Seals};
use base::{Boxed, Class, Id, ProjectId, SubjectId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// The scope of what belongs to no project: references and the like.
pub(crate) const SITE: &str = "site";

/// A scope's keys as they are held unwrapped.
pub(crate) struct Scope {
    /// Oldest first; several only while a rotation is under way. Never empty.
    generations: Vec<(i32, Arc<WrappingKey>)>,
    /// Seals readable audit fields. It outlives rotations, since what the ledger holds cannot be
    /// sealed again; shredding ends it.
    pub field: Arc<WrappingKey>,
}

impl Scope {
    pub fn current(&self) -> Result<(i32, &WrappingKey), Error> {
        self.generations.last().map(|(generation, key)| (*generation, &**key)).ok_or(Error::Wrap)
    }

    pub fn is_rotating(&self) -> bool {
        self.generations.len() > 1
    }

    /// The generations before the current one.
    pub fn older(&self) -> Vec<i32> {
        let all = self.generations.iter().map(|(generation, _)| *generation);
        all.take(self.generations.len().saturating_sub(1)).collect()
    }

    /// The key of a generation; none when it was destroyed after the row was read.
    pub fn at(&self, generation: i32) -> Option<&WrappingKey> {
        self.generations.iter().find(|(own, _)| *own == generation).map(|(_, key)| &**key)
    }
}

impl Keys {
    /// Makes the site's shared key. Part of making a site.
    pub async fn create_site_key(&self, tx: &Tx) -> Result<(), Error> {
        self.create_scope(tx, SITE).await
    }

    /// Makes the key of a project of `class`. Part of making a project. Controlled and clinical
    /// projects ask for custody that no single person can copy.
    pub async fn create_project_key(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        project: &ProjectId,
        class: Class,
    ) -> Result<(), Error> {
        permit.live()?;
        if class >= Class::Controlled && !self.custody().is_strong() {
            return Err(Error::Custody(class));
        }
        self.create_scope(tx, project.as_str()).await
    }

    /// Makes the key of a subject whose first data arrives under `permit`.
    pub async fn create_subject_key<V: Seals, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        tx: &Tx,
        subject: &SubjectId,
    ) -> Result<(), Error> {
        permit.in_project()?;
        self.create_scope(tx, subject.as_str()).await
    }

    /// Makes a project's key usable by [`audit::FieldSealer`] after its transaction committed.
    pub async fn load_project_key(&self, project: &ProjectId) -> Result<(), Error> {
        self.scope(self.inner.db.reader(), project.as_str()).await?;
        Ok(())
    }

    pub(crate) fn create_scope<'a>(&'a self, tx: &'a Tx, id: &'a str) -> Boxed<'a, Result<(), Error>> {
        Box::pin(self.created_scope(tx, id))
    }

    async fn created_scope(&self, tx: &Tx, id: &str) -> Result<(), Error> {
        if shredded::Entity::find_by_id(id).one(&**tx).await?.is_some() {
            return Err(Error::Shredded(id.to_owned()));
        }
        let key = WrappingKey::mint(&*self.inner.entropy);
        self.insert_generation(tx, id, 1, &key).await?;
        let field = WrappingKey::mint(&*self.inner.entropy);
        self.insert_field(tx, id, (1, &key), &field).await
    }

    pub(crate) async fn insert_generation(
        &self,
        tx: &Tx,
        id: &str,
        generation: i32,
        key: &WrappingKey,
    ) -> Result<(), Error> {
        let (root, by) = self.roots().current()?;
        let wrapped = by.wrap(key.expose().as_slice(), &key_binding(id, generation), &*self.inner.entropy)?;
        let row = key::ActiveModel {
            scope: Set(id.to_owned()),
            generation: Set(generation),
            root: Set(root),
            wrapped: Set(wrapped),
        };
        key::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(())
    }

    pub(crate) async fn insert_field(
        &self,
        tx: &Tx,
        id: &str,
        by: (i32, &WrappingKey),
        field: &WrappingKey,
    ) -> Result<(), Error> {
        let wrapped = by.1.wrap(field.expose().as_slice(), &field_binding(id), &*self.inner.entropy)?;
        let row =
            field::ActiveModel { scope: Set(id.to_owned()), generation: Set(by.0), wrapped: Set(wrapped) };
        field::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(())
    }

    /// The keys of a scope, from memory or else from the database by `connection`.
    pub(crate) async fn scope(
        &self,
        connection: &impl ConnectionTrait,
        id: &str,
    ) -> Result<Arc<Scope>, Error> {
        match self.cached(id) {
            Some(scope) => Ok(scope),
            None => self.load_scope(connection, id).await,
        }
    }

    /// Reads a scope's keys anew.
    pub(crate) async fn load_scope(
        &self,
        connection: &impl ConnectionTrait,
        id: &str,
    ) -> Result<Arc<Scope>, Error> {
        loop {
            let before = self.inner.changes.load(Ordering::Acquire);
            let scope = self.read_scope(connection, id).await?;
            let mut scopes = self.inner.scopes.write().unwrap_or_else(PoisonError::into_inner);
            // INVARIANT (given-up): nothing is kept that was read before the keys were given up.
            self.roots().current()?;
            // INVARIANT (no-older-state): what was read before a rotation or a shredding took effect may hold a key that
            // is destroyed; neither kept nor used, or a session key would be wrapped by what is nowhere.
            if self.inner.changes.load(Ordering::Acquire) == before {
                scopes.insert(id.to_owned(), scope.clone());
                return Ok(scope);
            }
        }
    }

    async fn read_scope(&self, connection: &impl ConnectionTrait, id: &str) -> Result<Arc<Scope>, Error> {
        let rows = key::Entity::find()
            .filter(key::Column::Scope.eq(id))
            .order_by_asc(key::Column::Generation)
            .all(connection)
            .await?;
        if rows.is_empty() {
            self.forget(id);
            let shredded = shredded::Entity::find_by_id(id).one(connection).await?.is_some();
            return Err(if shredded { Error::Shredded(id.into()) } else { Error::NoKey(id.into()) });
        }
        let mut generations = Vec::new();
        for row in rows {
            let bytes = self.roots().at(row.root)?.unwrap(&row.wrapped, &key_binding(id, row.generation))?;
            generations.push((row.generation, Arc::new(WrappingKey::from_slice(&bytes)?)));
        }
        let field = match field::Entity::find_by_id(id).one(connection).await? {
            Some(row) => {
                let by = generations.iter().find(|(own, _)| *own == row.generation);
                let by = by.ok_or_else(|| Error::NoKey(id.to_owned()))?;
                Arc::new(WrappingKey::from_slice(&by.1.unwrap(&row.wrapped, &field_binding(id))?)?)
            }
            // Made before fields had keys of their own: the first generation sealed them.
            None => generations.first().map(|(_, key)| key.clone()).ok_or(Error::Unwrap)?,
        };
        Ok(Arc::new(Scope { generations, field }))
    }

    pub(crate) fn cached(&self, id: &str) -> Option<Arc<Scope>> {
        self.inner.scopes.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Wipes the keys of subjects whose transaction was given up.
    pub fn forget_unborn(&self, subjects: &BTreeSet<SubjectId>) {
        subjects.iter().for_each(|subject| self.forget(subject.as_str()));
    }

    /// Wipes what is held of a scope, once its last user is done.
    pub(crate) fn forget(&self, id: &str) {
        let removed = self.inner.scopes.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        if removed.is_some() {
            self.inner.changes.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// What a scope's key is bound to. The first generation's text is that of sites made before there
/// were generations.
pub(crate) fn key_binding(id: &str, generation: i32) -> String {
    if generation == 1 { format!("scope/{id}") } else { format!("scope/{id}/{generation}") }
}

pub(crate) fn field_binding(id: &str) -> String {
    format!("field/{id}")
}
