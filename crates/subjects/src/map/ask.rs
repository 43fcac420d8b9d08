//! Who somebody is, for whoever may ask.

use super::{Kept, Map, plain, rows_of};
use crate::Error;
use crate::table::identity;
use access::Permit;
use access::thing::{Project, Subject};
use access::verb::{Identify, View};
use base::{Id, ProjectId, Sensitive, SubjectId};
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use std::collections::BTreeSet;

/// One thing that is known of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What kind of value it is.
    pub kind: String,
    /// The sheet's own name for its column.
    pub column: Sensitive<String>,
    /// The value.
    pub value: Sensitive<String>,
    /// Of a sample: the label that stands in its place.
    pub shown: Option<String>,
}

impl From<Kept> for Known {
    fn from(Kept { kind, column, value, shown }: Kept) -> Self {
        Self { kind, column: column.into(), value: value.into(), shown }
    }
}

impl Map {
    /// Whether the map of a project has a subject. For the door, so it takes no permit: it names nobody.
    pub async fn has(&self, project: &ProjectId, subject: &SubjectId) -> Result<bool, Error> {
        let theirs = identity::Entity::find()
            .filter(identity::Column::Subject.eq(subject.as_str()))
            .filter(identity::Column::Project.eq(project.as_str()));
        Ok(theirs.one(self.own.reader()).await?.is_some() && self.lives(subject).await?)
    }

    /// Whether the map of a project knows somebody by this number or code, whoever issued it. For the door, as above.
    pub async fn knows(&self, project: &ProjectId, code: &str) -> Result<bool, Error> {
        let code = self.found_by.code(project, &plain(code));
        let rows = identity::Entity::find().filter(identity::Column::Code.eq(code)).all(self.own.reader());
        for row in rows.await? {
            if self.lives(&row.subject.parse().map_err(|_| Error::Entry)?).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a subject has a key: not one that was erased, whose rows go a moment later, nor one who never came to be.
    async fn lives(&self, subject: &SubjectId) -> Result<bool, Error> {
        let one = BTreeSet::from([subject.clone()]);
        Ok(self.keys.without_key(self.db.reader(), &one).await?.is_empty())
    }

    /// How many entries the map has of the permit's subject. It opens none.
    pub async fn entries(&self, permit: &Permit<View, Subject>) -> Result<u64, Error> {
        let project = permit.in_project()?;
        let subject = crate::consent::one_subject(permit)?;
        let rows = rows_of(self.own.reader(), subject).await?;
        Ok(rows.into_iter().filter(|row| row.project == project.as_str()).count() as u64)
    }

    /// Who the permit's subject is.
    pub async fn who(&self, permit: &Permit<Identify, Subject>) -> Result<Vec<Known>, Error> {
        let project = permit.in_project()?;
        let subject = crate::consent::one_subject(permit)?;
        let rows = rows_of(self.own.reader(), subject).await?;
        let mut known = Vec::with_capacity(rows.len());
        for row in rows.into_iter().filter(|row| row.project == project.as_str()) {
            let text = self.keys.open_identity(permit, self.db.reader(), subject, &row.sealed).await?;
            known.push(Kept::read(&text)?.into());
        }
        if known.is_empty() { Err(Error::NotFound) } else { Ok(known) }
    }

    /// Which subject of the permit's project has a record number of an issuer. It opens nothing.
    pub async fn find(
        &self,
        permit: &Permit<Identify, Project>,
        issuer: &str,
        number: &Sensitive<String>,
    ) -> Result<SubjectId, Error> {
        let lookup = self.found_by.lookup(permit.in_project()?, issuer, &plain(number.reveal()));
        let row = identity::Entity::find().filter(identity::Column::Lookup.eq(lookup));
        let row = row.one(self.own.reader()).await?.ok_or(Error::NotFound)?;
        let subject = row.subject.parse().map_err(|_| Error::Entry)?;
        if self.lives(&subject).await? { Ok(subject) } else { Err(Error::NotFound) }
    }
}
