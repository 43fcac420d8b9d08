//! The keys of the identity map: of its file, of its lookups, and of each of its values. `docs/spec/identity-map.md`.

use crate::table::{key, session};
use crate::{Error, Keys};
use access::Permit;
use access::thing::Thing;
use access::verb::{Knows, Seals};
use base::{Id, ObjectId, ProjectId, Sensitive, SubjectId};
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use db::{DbKey, Tx};
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// The scope's id.
const MAP: &str = "identities";
const FILE: &str = "sequestra 2026 identity map";
const NUMBERS: &str = "sequestra 2026 record numbers";
/// Ids that one statement asks for.
const AT_ONCE: usize = 500;

/// What the map's file is opened with, and found in.
pub struct MapKeys {
    file: Zeroizing<[u8; 32]>,
    numbers: Zeroizing<[u8; 32]>,
}

impl MapKeys {
    /// The key of the file.
    pub fn file(&self) -> DbKey {
        DbKey::new(*self.file)
    }

    /// Where a number or a code of somebody is looked up whoever issued it. No issuer has an empty name.
    pub fn code(&self, project: &ProjectId, code: &str) -> Vec<u8> {
        self.lookup(project, "", code)
    }

    /// Where a record number of an issuer is looked up, in one project.
    pub fn lookup(&self, project: &ProjectId, issuer: &str, number: &str) -> Vec<u8> {
        let mut hash = blake3::Hasher::new_keyed(&self.numbers);
        for part in [project.as_str(), issuer, number] {
            hash.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hash.finalize().as_bytes().to_vec()
    }
}

impl Keys {
    /// Makes the key of the map. Part of making a site.
    pub async fn create_map_key(&self, tx: &Tx) -> Result<(), Error> {
        self.create_scope(tx, MAP).await
    }

    /// The keys of the map's file. A site that was made before there was a map gets them here.
    pub async fn open_map(&self) -> Result<MapKeys, Error> {
        let db = &self.inner.db;
        let scope = match self.scope(db.reader(), MAP).await {
            Err(Error::NoKey(_)) => {
                let tx = db.begin_without_decision().await?;
                self.create_map_key(&tx).await?;
                tx.commit().await?;
                self.scope(db.reader(), MAP).await?
            }
            scope => scope?,
        };
        let key = scope.field.expose();
        let derived = |context| Zeroizing::new(blake3::derive_key(context, &*key));
        Ok(MapKeys { file: derived(FILE), numbers: derived(NUMBERS) })
    }

    /// Seals what is known of a subject: inside under the subject's key, outside under its project's.
    pub async fn seal_identity<V: Knows + Seals, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        tx: &Tx,
        subject: &SubjectId,
        text: &Sensitive<String>,
    ) -> Result<Vec<u8>, Error> {
        let project = permit.in_project()?;
        let inner = self.scope(&**tx, subject.as_str()).await?;
        let outer = self.scope(&**tx, project.as_str()).await?;
        let binding = binding(project, subject);
        let bytes = inner.field.wrap(text.reveal().as_bytes(), &binding, &*self.inner.entropy)?;
        outer.field.wrap(&bytes, &binding, &*self.inner.entropy)
    }

    /// Opens what was sealed of a subject of the permit's project.
    pub async fn open_identity<V: Knows, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        connection: &impl ConnectionTrait,
        subject: &SubjectId,
        sealed: &[u8],
    ) -> Result<Sensitive<String>, Error> {
        let project = permit.in_project()?;
        let inner = self.scope(connection, subject.as_str()).await?;
        let outer = self.scope(connection, project.as_str()).await?;
        let binding = binding(project, subject);
        let plain = inner.field.unwrap(&outer.field.unwrap(sealed, &binding)?, &binding)?;
        Ok(Sensitive::new(String::from_utf8(plain.to_vec()).map_err(|_| Error::Unwrap)?))
    }

    /// Which of these subjects have no key in the tables: it was destroyed, or never committed. What is held in
    /// memory does not count.
    pub async fn without_key<I: Id + Ord + Clone>(
        &self,
        connection: &impl ConnectionTrait,
        scopes: &BTreeSet<I>,
    ) -> Result<BTreeSet<I>, Error> {
        let mut without = scopes.clone();
        let all: Vec<&I> = scopes.iter().collect();
        for some in all.chunks(AT_ONCE) {
            let there: Vec<String> = key::Entity::find()
                .select_only()
                .column(key::Column::Scope)
                .filter(key::Column::Scope.is_in(some.iter().map(|id| id.as_str())))
                .distinct()
                .into_tuple()
                .all(connection)
                .await?;
            without.retain(|id| !there.iter().any(|one| one == id.as_str()));
        }
        Ok(without)
    }
}

impl Keys {
    /// Those of `objects` that no key opens any more, whatever made it so. It takes no permit: it opens nothing.
    pub async fn objects_without_key(
        &self,
        connection: &impl ConnectionTrait,
        objects: &BTreeSet<ObjectId>,
    ) -> Result<BTreeSet<ObjectId>, Error> {
        let mut without = objects.clone();
        let all: Vec<&ObjectId> = objects.iter().collect();
        for some in all.chunks(AT_ONCE) {
            let there: Vec<String> = session::Entity::find()
                .select_only()
                .column(session::Column::Object)
                .filter(session::Column::Object.is_in(some.iter().map(|id| id.as_str())))
                .distinct()
                .into_tuple()
                .all(connection)
                .await?;
            without.retain(|id| !there.iter().any(|one| one == id.as_str()));
        }
        Ok(without)
    }
}

/// What is known of a subject stays with them and their project.
fn binding(project: &ProjectId, subject: &SubjectId) -> String {
    format!("identity/{project}/{subject}")
}
