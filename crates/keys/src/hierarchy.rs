//! The unsealed hierarchy, and the session keys of objects under it.

use crate::Error;
use crate::provider::Custody;
use crate::root::Roots;
use crate::scope::{SITE, Scope};
use crate::table::{key, session, shredded};
use access::Permit;
use access::thing::{Object, Thing};
use access::verb::{Opens, Seals, Verb};
use base::{Entropy, Id, ObjectId, ProjectId, SubjectId};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use db::{Db, Tx};
use seal::SessionKey;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use zeroize::Zeroizing;

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
    pub db: Db,
    pub roots: RwLock<Roots>,
    pub custody: RwLock<Custody>,
    pub entropy: Arc<dyn Entropy>,
    /// Unwrapped scope keys by id. Wiped when dropped, as each key is.
    pub scopes: RwLock<HashMap<String, Arc<Scope>>>,
    /// Who says whether shredding is forbidden; until it is attached, it is.
    pub holds: OnceLock<Arc<dyn crate::Holds>>,
    /// How far the checks of rotations are, by scope. A process that starts begins them anew.
    pub checks: Mutex<HashMap<String, crate::rotate::Check>>,
    /// What is asked whether it still opens the site.
    pub asked: RwLock<Option<Arc<crate::ask::Asked>>>,
    /// Counts what makes older reads of scopes worthless: rotations, shreddings, keys given up.
    pub changes: AtomicU64,
}

impl Keys {
    /// Opens the hierarchy under the site's roots and unwraps the keys of all projects. `custody`
    /// says who could unseal them.
    pub async fn open(
        db: Db,
        roots: Roots,
        custody: Custody,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        let (roots, custody) = (RwLock::new(roots), RwLock::new(custody));
        let (scopes, holds, checks) = (RwLock::default(), OnceLock::new(), Mutex::default());
        let (asked, changes) = (RwLock::default(), AtomicU64::default());
        let inner = Inner { db, roots, custody, entropy, scopes, holds, checks, asked, changes };
        let keys = Self { inner: Arc::new(inner) };
        let scopes: Vec<String> = key::Entity::find()
            .select_only()
            .column(key::Column::Scope)
            .filter(key::Column::Scope.not_like(format!("{}%", SubjectId::PREFIX)))
            .distinct()
            .into_tuple()
            .all(keys.inner.db.reader())
            .await?;
        for scope in scopes {
            keys.load_scope(keys.inner.db.reader(), &scope).await?;
        }
        Ok(keys)
    }

    /// Who could unseal the site.
    pub fn custody(&self) -> Custody {
        *self.inner.custody.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the site was moved to another provider.
    pub fn set_custody(&self, custody: Custody) {
        *self.inner.custody.write().unwrap_or_else(PoisonError::into_inner) = custody;
    }

    /// The root keys in use.
    pub fn roots(&self) -> Roots {
        self.inner.roots.read().unwrap_or_else(PoisonError::into_inner).clone()
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
        let outer = self.scope(&**tx, binding.outer()).await?;
        let inner = match &binding.subject {
            Some(subject) => Some(self.scope(&**tx, subject.as_str()).await?),
            None => None,
        };
        let wrapped = self.wrap_session(binding, &outer, inner.as_deref(), key.expose())?;
        let row = session::ActiveModel {
            object: Set(binding.object.to_string()),
            version: Set(i32::try_from(binding.version).map_err(|_| Error::Wrap)?),
            project: Set(binding.project.as_ref().map(ToString::to_string)),
            subject: Set(binding.subject.as_ref().map(ToString::to_string)),
            wrapped: Set(wrapped.bytes),
            outer_generation: Set(wrapped.outer),
            inner_generation: Set(wrapped.inner),
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
        if permit.home() != binding.project.as_ref() {
            return Err(access::Error::NotCovered(binding.object.to_string()).into());
        }
        permit.count_unwrap()?;
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
        permit.count_unwrap()?;
        self.open_bound(binding).await
    }

    /// Removes the wrapped session keys of an object, all versions: from the commit of `tx` on, nothing
    /// here opens its bodies. The permit is for the object, or for the project that it belongs to.
    ///
    /// # Errors
    /// An object of another project than the permit's. That none is stored is no error.
    pub async fn forget_session<V: Verb, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        tx: &Tx,
        object: &ObjectId,
    ) -> Result<(), Error> {
        permit.live()?;
        let of_object = || session::Column::Object.eq(object.as_str());
        let foreign = session::Entity::find()
            .filter(of_object())
            .all(&**tx)
            .await?
            .iter()
            .any(|row| row.project.as_deref() != permit.project().map(Id::as_str));
        if foreign {
            return Err(access::Error::NotCovered(object.to_string()).into());
        }
        session::Entity::delete_many().filter(of_object()).exec(&**tx).await?;
        Ok(())
    }

    async fn open_bound(&self, binding: &Binding) -> Result<SessionKey, Error> {
        let id = (binding.object.to_string(), i32::try_from(binding.version).map_err(|_| Error::Unwrap)?);
        // A rotation may destroy the generation between reading the row and asking for its key: the
        // row then names the next one.
        for _ in 0..2 {
            let row = session::Entity::find_by_id(id.clone()).one(self.inner.db.reader()).await?;
            let Some(row) = row else { return Err(self.why_none(binding).await?) };
            if let Some(key) = self.unwrap_row(self.inner.db.reader(), binding, &row).await? {
                let bytes = <[u8; 32]>::try_from(key.as_slice()).map_err(|_| Error::Unwrap)?;
                return Ok(SessionKey::from_bytes(bytes));
            }
        }
        Err(Error::NoKey(binding.object.to_string()))
    }

    /// Why an object has no session key.
    async fn why_none(&self, binding: &Binding) -> Result<Error, Error> {
        for scope in
            [Some(binding.outer()), binding.subject.as_ref().map(SubjectId::as_str)].into_iter().flatten()
        {
            if shredded::Entity::find_by_id(scope).one(self.inner.db.reader()).await?.is_some() {
                return Ok(Error::Shredded(scope.to_owned()));
            }
        }
        Ok(Error::NoKey(binding.object.to_string()))
    }

    /// The session key of a row; none when the row's generations are not there (any more).
    pub(crate) async fn unwrap_row(
        &self,
        connection: &impl ConnectionTrait,
        binding: &Binding,
        row: &session::Model,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let text = binding.to_string();
        let outer = self.scope(connection, binding.outer()).await?;
        let Some(by) = outer.at(row.outer_generation) else { return Ok(None) };
        let key = by.unwrap(&row.wrapped, &text)?;
        let Some(subject) = &binding.subject else { return Ok(Some(key)) };
        let inner = self.scope(connection, subject.as_str()).await?;
        let Some(by) = inner.at(row.inner_generation) else { return Ok(None) };
        by.unwrap(&key, &text).map(Some)
    }

    /// Wraps a session key under the newest keys of its scopes, and opens what it made: a row that names a generation
    /// was seen to open with it.
    pub(crate) fn wrap_session(
        &self,
        binding: &Binding,
        outer: &Scope,
        inner: Option<&Scope>,
        key: &[u8],
    ) -> Result<WrappedSession, Error> {
        let (text, entropy) = (binding.to_string(), &*self.inner.entropy);
        let mut bytes = Zeroizing::new(key.to_vec());
        let mut inner_generation = 1;
        if let Some(inner) = inner {
            let (generation, by) = inner.current()?;
            bytes = Zeroizing::new(by.wrap(&bytes, &text, entropy)?);
            inner_generation = generation;
        }
        let (generation, by) = outer.current()?;
        let bytes = by.wrap(&bytes, &text, entropy)?;
        let mut opened = by.unwrap(&bytes, &text)?;
        if let Some(inner) = inner {
            opened = inner.current()?.1.unwrap(&opened, &text)?;
        }
        if opened.as_slice() != key {
            return Err(Error::Wrap);
        }
        Ok(WrappedSession { bytes, outer: generation, inner: inner_generation })
    }
}

/// A wrapped session key and the generations that wrap it.
pub(crate) struct WrappedSession {
    pub bytes: Vec<u8>,
    pub outer: i32,
    pub inner: i32,
}

impl Binding {
    pub(crate) fn outer(&self) -> &str {
        self.project.as_ref().map_or(SITE, |project| project.as_str())
    }

    /// What a stored row is bound to, by its own columns.
    pub(crate) fn of(row: &session::Model) -> Result<Self, Error> {
        Ok(Self {
            object: row.object.parse().map_err(|_| Error::Unwrap)?,
            version: u32::try_from(row.version).map_err(|_| Error::Unwrap)?,
            project: row.project.as_deref().map(str::parse).transpose().map_err(|_| Error::Unwrap)?,
            subject: row.subject.as_deref().map(str::parse).transpose().map_err(|_| Error::Unwrap)?,
        })
    }
}

impl std::fmt::Display for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let subject = self.subject.as_ref().map_or("-", |s| s.as_str());
        write!(f, "session/{}/{}/{}/{subject}", self.object, self.version, self.outer())
    }
}
