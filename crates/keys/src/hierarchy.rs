//! Project and subject keys, and the session keys under them.

use crate::Error;
use crate::table::{scope, session};
use crate::wrap::WrappingKey;
use access::Permit;
use access::thing::{Object, Site, Thing};
use access::verb::{Manage, Opens, Seals};
use base::{Entropy, Id, ObjectId, ProjectId, SubjectId};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ConnectionTrait, EntityTrait};
use db::{Db, Tx};
use seal::SessionKey;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The key that wraps what belongs to no project: references and the like.
const SITE: &str = "site";

/// What a session key belongs to. All of it is bound into the wrapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The object.
    pub object: ObjectId,
    /// Its version, from 1.
    pub version: u32,
    /// Its project; none for things of the site.
    pub project: Option<ProjectId>,
    /// Its subject, when there is exactly one.
    pub subject: Option<SubjectId>,
}

/// The unsealed hierarchy. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    db: Db,
    root: WrappingKey,
    pub entropy: Arc<dyn Entropy>,
    /// Unwrapped scope keys by id. Wiped when dropped, as each key is.
    pub scopes: RwLock<HashMap<String, Arc<WrappingKey>>>,
}

impl Keys {
    /// Opens the hierarchy under the site's root and unwraps the keys of all projects.
    pub async fn open(db: Db, root: WrappingKey, entropy: Arc<dyn Entropy>) -> Result<Self, Error> {
        let inner = Inner { db, root, entropy, scopes: RwLock::default() };
        let keys = Self { inner: Arc::new(inner) };
        let rows = scope::Entity::find().all(keys.inner.db.reader()).await?;
        for row in rows.into_iter().filter(|row| !row.id.starts_with(SubjectId::PREFIX)) {
            keys.unwrap_scope(&row)?;
        }
        Ok(keys)
    }

    /// Makes the site's shared key. Part of making a site.
    pub async fn create_site_key(&self, tx: &Tx) -> Result<(), Error> {
        self.create_scope(tx, SITE).await
    }

    /// Makes the key of a project. Part of making a project.
    pub async fn create_project_key(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        project: &ProjectId,
    ) -> Result<(), Error> {
        permit.live()?;
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

    /// A session key for an object about to be sealed. It is kept nowhere until
    /// [`Keys::store_session`].
    pub fn mint_session<V: Seals, T: Thing>(&self, permit: &Permit<V, T>) -> Result<SessionKey, Error> {
        permit.live()?;
        Ok(SessionKey::mint(&*self.inner.entropy))
    }

    /// Keeps the session key of a sealed object, wrapped for its scope.
    pub async fn store_session<V: Seals, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        tx: &Tx,
        binding: &Binding,
        key: &SessionKey,
    ) -> Result<(), Error> {
        permit.live()?;
        if permit.project() != binding.project.as_ref() {
            return Err(access::Error::NotCovered(binding.object.to_string()).into());
        }
        let text = binding.to_string();
        let entropy = &*self.inner.entropy;
        let mut wrapped = key.expose().to_vec();
        if let Some(subject) = &binding.subject {
            wrapped = self.scope(&**tx, subject.as_str()).await?.wrap(&wrapped, &text, entropy)?;
        }
        wrapped = self.scope(&**tx, binding.outer()).await?.wrap(&wrapped, &text, entropy)?;
        let row = session::ActiveModel {
            object: Set(binding.object.to_string()),
            version: Set(i32::try_from(binding.version).map_err(|_| Error::Wrap)?),
            project: Set(binding.project.as_ref().map(ToString::to_string)),
            subject: Set(binding.subject.as_ref().map(ToString::to_string)),
            wrapped: Set(wrapped),
        };
        session::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(())
    }

    /// Unwraps the session key of an object that `permit` covers.
    pub async fn open_session<V: Opens>(
        &self,
        permit: &Permit<V, Object>,
        binding: &Binding,
    ) -> Result<SessionKey, Error> {
        permit.covers(&binding.object)?;
        self.open_bound(binding).await
    }

    /// Unwraps the session key of an object of the site, such as a file of a reference. It holds
    /// nobody's data, so any live permit to open will do; one that belongs to a project or to a
    /// subject is refused.
    pub async fn open_site_session<V: Opens, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        binding: &Binding,
    ) -> Result<SessionKey, Error> {
        permit.live()?;
        if binding.project.is_some() || binding.subject.is_some() {
            return Err(access::Error::NotCovered(binding.object.to_string()).into());
        }
        self.open_bound(binding).await
    }

    async fn open_bound(&self, binding: &Binding) -> Result<SessionKey, Error> {
        let id = (binding.object.to_string(), i32::try_from(binding.version).map_err(|_| Error::Unwrap)?);
        let row = session::Entity::find_by_id(id).one(self.inner.db.reader()).await?;
        let row = row.ok_or_else(|| Error::NoKey(binding.object.to_string()))?;
        let text = binding.to_string();
        let mut key =
            self.scope(self.inner.db.reader(), binding.outer()).await?.unwrap(&row.wrapped, &text)?;
        if let Some(subject) = &binding.subject {
            key = self.scope(self.inner.db.reader(), subject.as_str()).await?.unwrap(&key, &text)?;
        }
        let bytes = <[u8; 32]>::try_from(key.as_slice()).map_err(|_| Error::Unwrap)?;
        Ok(SessionKey::from_bytes(bytes))
    }

    async fn create_scope(&self, tx: &Tx, id: &str) -> Result<(), Error> {
        let key = WrappingKey::mint(&*self.inner.entropy);
        let wrapped = self.inner.root.wrap(key.expose(), &scope_binding(id), &*self.inner.entropy)?;
        let row = scope::ActiveModel { id: Set(id.to_owned()), wrapped: Set(wrapped) };
        scope::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(())
    }

    async fn scope(&self, connection: &impl ConnectionTrait, id: &str) -> Result<Arc<WrappingKey>, Error> {
        if let Some(key) = self.cached(id) {
            return Ok(key);
        }
        let row = scope::Entity::find_by_id(id).one(connection).await?;
        self.unwrap_scope(&row.ok_or_else(|| Error::NoKey(id.to_owned()))?)
    }

    pub(crate) fn cached(&self, id: &str) -> Option<Arc<WrappingKey>> {
        self.inner.scopes.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Makes a project's key usable by [`audit::FieldSealer`] after its transaction committed.
    pub async fn load_project_key(&self, project: &ProjectId) -> Result<(), Error> {
        self.scope(self.inner.db.reader(), project.as_str()).await?;
        Ok(())
    }

    fn unwrap_scope(&self, row: &scope::Model) -> Result<Arc<WrappingKey>, Error> {
        let bytes = self.inner.root.unwrap(&row.wrapped, &scope_binding(&row.id))?;
        let key = Arc::new(WrappingKey::from_slice(&bytes)?);
        let mut scopes = self.inner.scopes.write().unwrap_or_else(PoisonError::into_inner);
        scopes.insert(row.id.clone(), key.clone());
        Ok(key)
    }
}

impl Binding {
    fn outer(&self) -> &str {
        self.project.as_ref().map_or(SITE, |project| project.as_str())
    }
}

impl std::fmt::Display for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let subject = self.subject.as_ref().map_or("-", |s| s.as_str());
        write!(f, "session/{}/{}/{}/{subject}", self.object, self.version, self.outer())
    }
}

fn scope_binding(id: &str) -> String {
    format!("scope/{id}")
}
