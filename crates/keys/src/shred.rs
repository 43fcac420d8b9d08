//! Shredding: the keys of a project or of a subject are destroyed, and with them everything that
//! they sealed.

use crate::rotate::of_scope;
use crate::table::{backup, field, key, session, shredded};
use crate::{Error, Keys};
use access::Permit;
use access::thing::Project;
use access::verb::Manage;
use base::{Boxed, DeletionId, Id, ObjectId, ProjectId, SubjectId, Timestamp};
use db::Tx;
use db::sea_orm::ActiveValue::{Set, Unchanged};
use db::sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Ids of one list in a question to the database.
const AT_ONCE: usize = 500;

/// What is to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erasure {
    /// A project with all its subjects.
    Project(ProjectId),
    /// One subject of a project.
    Subject {
        /// The project.
        project: ProjectId,
        /// The subject.
        subject: SubjectId,
    },
}

/// An answer of [`Holds`]. An error means "not known", and refuses.
pub type Answer<'a, T> = Boxed<'a, Result<T, Box<dyn std::error::Error + Send + Sync>>>;

/// Knows whom an erasure is about, and whether something forbids it: a legal hold, a retention floor. Implemented by the
/// rooms that keep those.
pub trait Holds: Send + Sync {
    /// Why nobody may destroy what these objects of the people are sealed under; none when nothing forbids it.
    fn held<'a>(
        &'a self,
        permit: &'a Permit<Manage, Project>,
        people: &'a BTreeSet<SubjectId>,
        objects: &'a [ObjectId],
    ) -> Answer<'a, Option<&'static str>>;

    /// Those of the project's own subjects whom an erasure is about. Results that a project made of somebody whom another
    /// one lends are sealed under that one's key as well, and do not make it this project's.
    fn people<'a>(&'a self, erasure: &'a Erasure) -> Answer<'a, BTreeSet<SubjectId>>;
}

/// An erasure that nothing forbade when it was asked. Made by [`Keys::clear_erasure`] alone.
pub struct Cleared {
    erasure: Erasure,
    /// The subjects whose keys go.
    subjects: BTreeSet<SubjectId>,
    objects: Vec<ObjectId>,
}

impl Cleared {
    /// The objects that it will make unreadable, as far as is known before.
    pub fn objects(&self) -> &[ObjectId] {
        &self.objects
    }
}

/// What was destroyed, and what that erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shredded {
    /// The scopes, each with the generations of its key that were destroyed.
    pub scopes: Vec<(String, Vec<i32>)>,
    /// The objects whose session keys are gone.
    pub objects: Vec<ObjectId>,
    /// When the last key-store backup that still holds the keys can no longer be opened; none when
    /// there is no such backup.
    pub complete: Option<Timestamp>,
}

impl Erasure {
    /// The scope that it is about.
    pub fn scope(&self) -> &str {
        match self {
            Self::Project(project) => project.as_str(),
            Self::Subject { subject, .. } => subject.as_str(),
        }
    }

    /// The project that it happens in.
    pub fn project(&self) -> &ProjectId {
        match self {
            Self::Project(project) | Self::Subject { project, .. } => project,
        }
    }
}

impl Keys {
    /// Attaches what knows holds and floors. Once; later calls change nothing.
    pub fn attach_holds(&self, holds: Arc<dyn Holds>) {
        let _ = self.inner.holds.set(holds);
    }

    /// Asks whether something forbids an erasure. Unknown is forbidden. Not while a transaction is
    /// open: the answer is read from the database.
    pub async fn clear_erasure(
        &self,
        permit: &Permit<Manage, Project>,
        erasure: Erasure,
    ) -> Result<Cleared, Error> {
        permit.covers(erasure.project())?;
        let Some(holds) = self.inner.holds.get() else {
            return Err(Error::Held("nobody here knows of holds and retention floors"));
        };
        let subjects = self.own_subjects(&**holds, &erasure).await?;
        let objects = objects_of(self.inner.db.reader(), &erasure, &subjects).await?;
        match holds.held(permit, &subjects, &objects).await {
            Ok(None) => Ok(Cleared { erasure, subjects, objects }),
            Ok(Some(why)) => Err(Error::Held(why)),
            Err(_) => Err(Error::Held("it could not be learnt whether a hold or a floor forbids it")),
        }
    }

    /// The subjects whose keys an erasure destroys: the one that it is about, or those of the project with a key.
    ///
    /// INVARIANT (own-alone): a project that was lent something of somebody destroys nobody's key but its own people's.
    async fn own_subjects(&self, holds: &dyn Holds, erasure: &Erasure) -> Result<BTreeSet<SubjectId>, Error> {
        let unknown = |_| Error::Held("it could not be learnt whose people these are");
        let people = holds.people(erasure).await.map_err(unknown)?;
        if let Erasure::Subject { subject, .. } = erasure {
            return match people.contains(subject) {
                true => Ok(BTreeSet::from([subject.clone()])),
                false => Err(access::Error::NotCovered(subject.to_string()).into()),
            };
        }
        with_keys(self.inner.db.reader(), people).await
    }

    /// Destroys the keys. [`Keys::forget_shredded`] follows the commit.
    pub async fn shred(
        &self,
        permit: &Permit<Manage, Project>,
        tx: &Tx,
        cleared: &Cleared,
    ) -> Result<Shredded, Error> {
        let Cleared { erasure, subjects, objects: asked } = cleared;
        permit.covers(erasure.project())?;
        let objects = objects_of(&**tx, erasure, subjects).await?;
        let mut scopes: BTreeSet<String> = subjects.iter().map(SubjectId::to_string).collect();
        scopes.insert(erasure.scope().to_owned());
        let mut destroyed = Vec::new();
        for scope in scopes {
            destroyed.push((scope.clone(), self.destroy(permit, tx, &scope).await?));
        }
        session::Entity::delete_many().filter(wrapped_by(erasure, subjects)).exec(&**tx).await?;
        if objects != *asked {
            // What came after the question was never asked about.
            return Err(Error::Held("objects came or went while it was asked whether anything forbids it"));
        }
        Ok(Shredded { scopes: destroyed, objects, complete: last_backup(tx, permit.now()).await? })
    }

    /// Notes the certificate of what was shredded in the same transaction: where something cannot be read
    /// again, it is named.
    pub async fn note_certificate(
        &self,
        tx: &Tx,
        shredded: &Shredded,
        certificate: &DeletionId,
    ) -> Result<(), Error> {
        for (scope, _) in &shredded.scopes {
            let change = shredded::ActiveModel {
                scope: Unchanged(scope.clone()),
                certificate: Set(Some(certificate.to_string())),
                ..Default::default()
            };
            change.update(&**tx).await?;
        }
        Ok(())
    }

    /// The projects whose keys were shredded.
    pub async fn shredded_projects(&self) -> Result<BTreeSet<ProjectId>, Error> {
        let scopes = shredded::Entity::find().select_only().column(shredded::Column::Scope);
        let scopes: Vec<String> = scopes.into_tuple().all(self.inner.db.reader()).await?;
        // The others are subjects.
        Ok(scopes.iter().filter_map(|scope| scope.parse().ok()).collect())
    }

    /// Wipes from memory what was shredded, and from the database's log. After the commit.
    pub async fn forget_shredded(&self, shredded: &Shredded) -> Result<(), Error> {
        for (scope, _) in &shredded.scopes {
            self.forget(scope);
        }
        Ok(self.inner.db.forget_deleted().await?)
    }

    async fn destroy(&self, permit: &Permit<Manage, Project>, tx: &Tx, id: &str) -> Result<Vec<i32>, Error> {
        let generations: Vec<i32> = key::Entity::find()
            .select_only()
            .column(key::Column::Generation)
            .filter(key::Column::Scope.eq(id))
            .order_by_asc(key::Column::Generation)
            .into_tuple()
            .all(&**tx)
            .await?;
        let Some(newest) = generations.last() else {
            let gone = shredded::Entity::find_by_id(id).one(&**tx).await?.is_some();
            return Err(if gone { Error::Shredded(id.into()) } else { Error::NoScope(id.into()) });
        };
        let row = shredded::ActiveModel {
            scope: Set(id.to_owned()),
            generations: Set(*newest),
            position: Set(i64::try_from(permit.decision()).map_err(|_| Error::Wrap)?),
            certificate: Set(None),
        };
        shredded::Entity::insert(row).exec_without_returning(&**tx).await?;
        key::Entity::delete_many().filter(key::Column::Scope.eq(id)).exec(&**tx).await?;
        field::Entity::delete_by_id(id).exec(&**tx).await?;
        Ok(generations)
    }
}

/// When the last epoch ends that has not ended. Whether its key is here says nothing: after a restore, those of
/// earlier epochs are in recovery files alone.
async fn last_backup(tx: &Tx, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let mut last = None;
    for row in backup::Entity::find().all(&**tx).await? {
        let expires: Timestamp = row.expires.parse().map_err(|_| Error::Unwrap)?;
        last = last.max(Some(expires).filter(|expires| *expires > now));
    }
    Ok(last)
}

/// What an erasure's keys wrap: all of its scope, and what other projects made of its subjects.
fn wrapped_by(erasure: &Erasure, subjects: &BTreeSet<SubjectId>) -> Condition {
    let mut any = Condition::any().add(of_scope(erasure.scope()));
    let own: Vec<&SubjectId> = subjects.iter().collect();
    for some in own.chunks(AT_ONCE) {
        any = any.add(session::Column::Subject.is_in(some.iter().map(|one| one.as_str())));
    }
    any
}

/// Those of some people who have a key.
pub(crate) async fn with_keys(
    connection: &impl ConnectionTrait,
    people: BTreeSet<SubjectId>,
) -> Result<BTreeSet<SubjectId>, Error> {
    let (people, mut have) = (Vec::from_iter(people), BTreeSet::new());
    for some in people.chunks(AT_ONCE) {
        let scopes: Vec<String> = key::Entity::find()
            .select_only()
            .column(key::Column::Scope)
            .distinct()
            .filter(key::Column::Scope.is_in(some.iter().map(|one| one.as_str())))
            .into_tuple()
            .all(connection)
            .await?;
        for scope in scopes {
            have.insert(scope.parse().map_err(|_| Error::Unwrap)?);
        }
    }
    Ok(have)
}

/// The objects whose session keys an erasure's keys wrap.
async fn objects_of(
    connection: &impl ConnectionTrait,
    erasure: &Erasure,
    subjects: &BTreeSet<SubjectId>,
) -> Result<Vec<ObjectId>, Error> {
    let rows: Vec<String> = session::Entity::find()
        .select_only()
        .column(session::Column::Object)
        .distinct()
        .filter(wrapped_by(erasure, subjects))
        .order_by_asc(session::Column::Object)
        .into_tuple()
        .all(connection)
        .await?;
    rows.iter().map(|id| id.parse().map_err(|_| Error::Unwrap)).collect()
}
