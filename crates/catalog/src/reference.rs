//! References: a genome, its indexes and its annotation sources, each an object of the site.

use crate::project::invalid;
use crate::table::{reference, reference_file};
use crate::{Catalog, Error};
use access::Permit;
use access::thing;
use access::thing::Thing;
use access::verb::{Manage, Verb};
use base::{Id, ObjectId, ReferenceId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;

/// A registered reference. Its files never change; another genome is another reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// Its id.
    pub id: ReferenceId,
    /// Its display label.
    pub label: String,
    /// When it was registered.
    pub created_at: String,
    /// Its files.
    pub files: Vec<ReferenceFile>,
}

/// A file of a reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReferenceFile {
    /// What it is for, which is also its name inside a job: `reference.fa`, `reference.fa.bwt`,
    /// `genes.gff3`, `frequencies.vcf.gz`, …
    pub role: String,
    /// The object.
    pub object: ObjectId,
}

impl Reference {
    /// The object in this role.
    pub fn file(&self, role: &str) -> Option<&ObjectId> {
        self.files.iter().find(|file| file.role == role).map(|file| &file.object)
    }
}

impl Catalog {
    /// Registers a reference whose files are sealed already.
    pub async fn add_reference(
        &self,
        permit: &Permit<Manage, thing::Site>,
        tx: &Tx,
        label: &str,
        files: Vec<ReferenceFile>,
    ) -> Result<Reference, Error> {
        permit.live()?;
        if label.trim().is_empty() || label.chars().count() > 80 || label.chars().any(char::is_control) {
            return Err(invalid("label", label, "1 to 80 printable characters"));
        }
        let id = ReferenceId::mint(&*self.entropy);
        let created_at = self.clock.now().to_string();
        let row = reference::ActiveModel {
            id: Set(id.to_string()),
            label: Set(label.to_owned()),
            created_at: Set(created_at.clone()),
        };
        reference::Entity::insert(row).exec_without_returning(&**tx).await?;
        for file in &files {
            let row = reference_file::ActiveModel {
                reference: Set(id.to_string()),
                role: Set(file.role.clone()),
                object: Set(file.object.to_string()),
            };
            reference_file::Entity::insert(row).exec_without_returning(&**tx).await?;
        }
        Ok(Reference { id, label: label.to_owned(), created_at, files })
    }

    /// All references, oldest first. They are the site's and hold nobody's data.
    pub async fn references<V: Verb, T: Thing>(
        &self,
        permit: &Permit<V, T>,
    ) -> Result<Vec<Reference>, Error> {
        permit.live()?;
        let rows = reference::Entity::find()
            .order_by_asc(reference::Column::CreatedAt)
            .all(self.db.reader())
            .await?;
        let mut references = Vec::with_capacity(rows.len());
        for row in rows {
            references.push(self.with_files(row).await?);
        }
        Ok(references)
    }

    /// One reference, before a decision that names its objects: ids and roles alone matter there.
    pub async fn reference(&self, id: &ReferenceId) -> Result<Reference, Error> {
        let row = reference::Entity::find_by_id(id.as_str()).one(self.db.reader()).await?;
        self.with_files(row.ok_or(Error::NotFound)?).await
    }

    async fn with_files(&self, row: reference::Model) -> Result<Reference, Error> {
        let files = reference_file::Entity::find()
            .filter(reference_file::Column::Reference.eq(&row.id))
            .order_by_asc(reference_file::Column::Role)
            .all(self.db.reader())
            .await?;
        let files = files
            .into_iter()
            .map(|f| Ok(ReferenceFile { role: f.role, object: f.object.parse().map_err(|_| Error::Record)? }))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Reference {
            id: row.id.parse().map_err(|_| Error::Record)?,
            label: row.label,
            created_at: row.created_at,
            files,
        })
    }
}
