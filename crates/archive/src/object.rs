//! What is known about an object.

use crate::store::Name;
use crate::table::object;
use crate::{Archive, Error};
use access::Permit;
use access::thing::{self, Thing};
use access::verb::{Manage, Verb, View};
use base::{Blake3, Id, ObjectId, ProjectId, Retention, SubjectId, Timestamp};
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use keys::{Binding, Cleared};
use serde::Serialize;
use std::collections::BTreeMap;

/// How an object's body is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Crypt4GH segments.
    Crypt4gh,
    /// Parquet with modular encryption; its footer key is the object's session key.
    Parquet,
}

impl Form {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Crypt4gh => "crypt4gh",
            Self::Parquet => "parquet",
        }
    }
}

/// The record of an object. It holds no label and no digest of the content in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Object {
    /// Its id.
    pub id: ObjectId,
    /// Its version, from 1.
    pub version: u32,
    /// Its project; none for things of the site.
    pub project: Option<ProjectId>,
    /// Its subject, when there is exactly one.
    pub subject: Option<SubjectId>,
    /// What it is: `fastq`, `alignment`, `variants`, `report`, …
    pub kind: String,
    /// How its body is encrypted.
    pub form: Form,
    /// Length in clear, bytes. For Parquet, the length as stored.
    pub plain_length: u64,
    /// Length as stored, bytes.
    pub cipher_length: u64,
    /// Number of segments or tree blocks.
    pub segments: u64,
    /// Root of the integrity tree over the stored bytes.
    pub root: Blake3,
    /// Ledger position of its manifest.
    pub position: u64,
    /// When it was sealed.
    pub created_at: String,
    /// The class by which it is kept; none for the site's own.
    pub retention: Option<Retention>,
    /// Nothing deletes it before; none for the site's own, and for what was sealed before floors were kept.
    pub kept_until: Option<Timestamp>,
    /// Whether it is under a legal hold.
    pub held: bool,
    /// The damage found in it, as a closed word. It is not given to anyone then.
    pub quarantined: Option<String>,
    /// When all of its bytes were last found right; at first, when it was sealed.
    pub scrubbed_at: String,
    /// When it was deleted. What is left is this record.
    pub deleted_at: Option<String>,
    /// Whether the store was told to lock it, and did.
    #[serde(skip)]
    pub(crate) locked: bool,
    #[serde(skip)]
    pub(crate) body: Name,
    #[serde(skip)]
    pub(crate) base_nonce: Option<[u8; 12]>,
}

/// What a project made of another one's subject: all that may be told of it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeElsewhere {
    /// Its id.
    pub id: ObjectId,
    /// The project that made it.
    pub project: ProjectId,
    /// When it was sealed.
    pub created_at: String,
    /// When it was deleted.
    pub deleted_at: Option<String>,
}

impl Object {
    pub(crate) fn binding(&self) -> Binding {
        Binding {
            object: self.id.clone(),
            version: self.version,
            project: self.project.clone(),
            subject: self.subject.clone(),
        }
    }
}

impl Archive {
    /// The records of those of `ids` that `permit` covers or, for a permit on another kind of
    /// thing, that lie in its project.
    pub async fn describe<V: Verb, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        ids: &[ObjectId],
    ) -> Result<Vec<Object>, Error> {
        permit.live()?;
        let names_objects = T::KIND == thing::Object::KIND;
        let named = |id: &ObjectId| permit.things().iter().any(|thing| thing.as_str() == id.as_str());
        let here = |o: &Object| [permit.project(), permit.home()].contains(&o.project.as_ref());
        let shown = |o: &Object| here(o) && (!names_objects || named(&o.id));
        Ok(self.records(ids).await?.into_iter().filter(shown).collect())
    }

    /// The records of what an erasure in the permit's project makes unreadable, also of other projects, which made it of
    /// somebody whom they were lent. For its certificate.
    pub async fn describe_cleared(
        &self,
        permit: &Permit<Manage, thing::Project>,
        cleared: &Cleared,
    ) -> Result<Vec<Object>, Error> {
        permit.live()?;
        self.records(cleared.objects()).await
    }

    /// What other projects made of the permit's subject, oldest first. The right is of the subject's own project, so ids
    /// and dates alone.
    pub async fn made_elsewhere(
        &self,
        permit: &Permit<View, thing::Subject>,
    ) -> Result<Vec<MadeElsewhere>, Error> {
        let home = permit.in_project()?;
        let rows = object::Entity::find()
            .filter(object::Column::Subject.is_in(permit.things().iter().map(Id::as_str)))
            .filter(object::Column::Project.ne(home.as_str()))
            .order_by_asc(object::Column::Version)
            .all(self.db.reader())
            .await?;
        let newest: BTreeMap<String, object::Model> =
            rows.into_iter().map(|row| (row.id.clone(), row)).collect();
        let mut made = Vec::with_capacity(newest.len());
        for row in newest.into_values() {
            let Object { id, project, created_at, deleted_at, position, .. } = from_row(row)?;
            let Some(project) = project else { continue };
            made.push((position, MadeElsewhere { id, project, created_at, deleted_at }));
        }
        made.sort_by_key(|(position, _)| *position);
        Ok(made.into_iter().map(|(_, made)| made).collect())
    }

    /// The records of those of `ids` that are the site's own, such as the files of a reference.
    pub async fn describe_site<V: Verb, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        ids: &[ObjectId],
    ) -> Result<Vec<Object>, Error> {
        permit.live()?;
        Ok(self.records(ids).await?.into_iter().filter(|o| o.project.is_none()).collect())
    }

    /// Every version of an object, oldest first.
    pub async fn versions<V: Verb>(
        &self,
        permit: &Permit<V, thing::Object>,
        id: &ObjectId,
    ) -> Result<Vec<Object>, Error> {
        permit.covers(id)?;
        self.all_versions(id).await
    }

    /// The newest version of each.
    async fn records(&self, ids: &[ObjectId]) -> Result<Vec<Object>, Error> {
        let rows = object::Entity::find()
            .filter(object::Column::Id.is_in(ids.iter().map(ToString::to_string)))
            .order_by_asc(object::Column::Version)
            .all(self.db.reader())
            .await?;
        let newest: BTreeMap<String, object::Model> =
            rows.into_iter().map(|row| (row.id.clone(), row)).collect();
        let mut objects: Vec<Object> = newest.into_values().map(from_row).collect::<Result<_, _>>()?;
        objects.sort_by_key(|object| object.position);
        Ok(objects)
    }

    /// The project of an object: `None` when there is no such object, `Some(None)` when it is the
    /// site's. For decisions.
    pub async fn project_of(&self, id: &ObjectId) -> Result<Option<Option<ProjectId>>, Error> {
        Ok(self.all_versions(id).await?.pop().map(|newest| newest.project))
    }

    /// The one subject that an object is about, if there is one.
    pub async fn subject_of(&self, id: &ObjectId) -> Result<Option<SubjectId>, Error> {
        Ok(self.all_versions(id).await?.pop().and_then(|newest| newest.subject))
    }

    pub(crate) async fn all_versions(&self, id: &ObjectId) -> Result<Vec<Object>, Error> {
        let rows = object::Entity::find()
            .filter(object::Column::Id.eq(id.as_str()))
            .order_by_asc(object::Column::Version)
            .all(self.db.reader())
            .await?;
        rows.into_iter().map(from_row).collect()
    }

    /// The newest version, for reading: what was deleted or is damaged is not read.
    pub(crate) async fn readable(&self, id: &ObjectId) -> Result<Object, Error> {
        let newest = self.all_versions(id).await?.pop().ok_or(Error::NotFound)?;
        self.check_readable(newest)
    }

    pub(crate) fn check_readable(&self, object: Object) -> Result<Object, Error> {
        if object.deleted_at.is_some() {
            return Err(Error::Deleted(object.id));
        }
        let suspect = (object.id.clone(), object.version);
        if object.quarantined.is_some() || self.suspects().contains_key(&suspect) {
            return Err(Error::Quarantined(object.id));
        }
        Ok(object)
    }
}

pub(crate) fn from_row(row: object::Model) -> Result<Object, Error> {
    let number = |n: i64| u64::try_from(n).map_err(|_| Error::Record);
    Ok(Object {
        id: row.id.parse().map_err(|_| Error::Record)?,
        version: u32::try_from(row.version).map_err(|_| Error::Record)?,
        project: row.project.map(|p| p.parse()).transpose().map_err(|_| Error::Record)?,
        subject: row.subject.map(|s| s.parse()).transpose().map_err(|_| Error::Record)?,
        kind: row.kind,
        form: match row.form.as_str() {
            "crypt4gh" => Form::Crypt4gh,
            "parquet" => Form::Parquet,
            _ => return Err(Error::Record),
        },
        plain_length: number(row.plain_length)?,
        cipher_length: number(row.cipher_length)?,
        segments: number(row.segments)?,
        root: row.root.parse().map_err(|_| Error::Record)?,
        position: number(row.position)?,
        created_at: row.created_at,
        retention: row.retention.map(|r| r.parse()).transpose().map_err(|_| Error::Record)?,
        kept_until: row.kept_until.map(|t| t.parse()).transpose().map_err(|_| Error::Record)?,
        held: row.held != 0,
        quarantined: row.quarantined,
        scrubbed_at: row.scrubbed_at,
        deleted_at: row.deleted_at,
        locked: row.locked != 0,
        body: Name::parse(&row.body).ok_or(Error::Record)?,
        base_nonce: row.base_nonce.map(|n| n.try_into()).transpose().map_err(|_| Error::Record)?,
    })
}
