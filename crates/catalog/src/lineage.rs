//! Results, and what they were made from.

use crate::table::{lineage, result};
use crate::{Catalog, Error};
use access::Permit;
use access::thing::Thing;
use access::verb::Seals;
use base::{Id, ObjectId, ProjectId, RunId, SampleId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

/// A result to be recorded.
#[derive(Debug, Clone)]
pub struct NewResult {
    /// The object.
    pub object: ObjectId,
    /// The sample it is about.
    pub sample: SampleId,
    /// The run that made it.
    pub run: RunId,
    /// What it is: `alignment`, `variants`, `lake`, `report`, `receipt`, …
    pub kind: String,
    /// The ids it was made from: objects and references.
    pub parents: Vec<String>,
}

/// A result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Result {
    /// The object.
    pub object: ObjectId,
    /// The sample it is about.
    pub sample: SampleId,
    /// The run that made it.
    pub run: RunId,
    /// What it is.
    pub kind: String,
}

impl Catalog {
    /// Records results of the permit's project and what they were made from.
    pub async fn add_results<V: Seals, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        tx: &Tx,
        results: &[NewResult],
    ) -> std::result::Result<(), Error> {
        let project = permit.in_project()?;
        for new in results {
            let row = result::ActiveModel {
                object: Set(new.object.to_string()),
                project: Set(project.to_string()),
                sample: Set(new.sample.to_string()),
                run: Set(new.run.to_string()),
                kind: Set(new.kind.clone()),
                created_at: Set(self.clock.now().to_string()),
            };
            result::Entity::insert(row).exec_without_returning(&**tx).await?;
            for parent in &new.parents {
                let row =
                    lineage::ActiveModel { child: Set(new.object.to_string()), parent: Set(parent.clone()) };
                lineage::Entity::insert(row).exec_without_returning(&**tx).await?;
            }
        }
        Ok(())
    }

    /// The results about a sample in a project, its own or one that it is lent to, oldest first: ids and kinds alone, so that
    /// a decision can name them.
    pub async fn results_of_sample(
        &self,
        sample: &SampleId,
        project: &ProjectId,
    ) -> std::result::Result<Vec<Result>, Error> {
        let rows = result::Entity::find()
            .filter(result::Column::Sample.eq(sample.as_str()))
            .filter(result::Column::Project.eq(project.as_str()))
            .order_by_asc(result::Column::CreatedAt)
            .all(self.db.reader())
            .await?;
        rows.into_iter().map(from_row).collect()
    }

    /// What an object is a result of, if it is one: ids and kind alone.
    pub async fn result(&self, object: &ObjectId) -> std::result::Result<Option<Result>, Error> {
        let row = result::Entity::find_by_id(object.as_str()).one(self.db.reader()).await?;
        row.map(from_row).transpose()
    }

    /// The results of a run, oldest first: ids and kinds alone.
    pub async fn results_of_run(&self, run: &RunId) -> std::result::Result<Vec<Result>, Error> {
        let rows = result::Entity::find()
            .filter(result::Column::Run.eq(run.as_str()))
            .order_by_asc(result::Column::CreatedAt)
            .all(self.db.reader())
            .await?;
        rows.into_iter().map(from_row).collect()
    }
}

fn from_row(row: result::Model) -> std::result::Result<Result, Error> {
    Ok(Result {
        object: row.object.parse().map_err(|_| Error::Record)?,
        sample: row.sample.parse().map_err(|_| Error::Record)?,
        run: row.run.parse().map_err(|_| Error::Record)?,
        kind: row.kind,
    })
}
