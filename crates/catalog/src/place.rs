//! Where a thing belongs, for decisions.

use crate::table::{package, readset, reference, sample, subject};
use crate::{Catalog, Error};
use access::Place;
use base::{ProjectId, SubjectId};
use db::sea_orm::EntityTrait;

impl Catalog {
    /// The place of a project, subject, sample, readset, package or reference by its id; `None` when there
    /// is no such thing. Other kinds belong to other rooms.
    pub async fn place(&self, id: &str) -> Result<Option<Place>, Error> {
        let connection = self.db.reader();
        let project = match id.get(..4).unwrap_or_default() {
            "prj_" => Some(id.to_owned()),
            "smp_" => sample::Entity::find_by_id(id).one(connection).await?.map(|row| row.project),
            "sub_" => subject::Entity::find_by_id(id).one(connection).await?.map(|row| row.project),
            "pkg_" => package::Entity::find_by_id(id).one(connection).await?.map(|row| row.project),
            "rds_" => match readset::Entity::find_by_id(id).one(connection).await? {
                Some(row) => {
                    sample::Entity::find_by_id(row.sample).one(connection).await?.map(|row| row.project)
                }
                None => None,
            },
            "ref_" => {
                let there = reference::Entity::find_by_id(id).one(connection).await?.is_some();
                return Ok(there.then_some(Place::of_site()));
            }
            _ => None,
        };
        match project.map(|text| text.parse::<ProjectId>()) {
            Some(Ok(project)) => self.place_in(&project).await,
            _ => Ok(None),
        }
    }

    /// The subject of a sample or readset by its id, and a subject itself; `None` for anything else.
    pub async fn subject_of(&self, id: &str) -> Result<Option<SubjectId>, Error> {
        if let Ok(subject) = id.parse() {
            return Ok(Some(subject));
        }
        let connection = self.db.reader();
        let sample = match id.get(..4).unwrap_or_default() {
            "smp_" => Some(id.to_owned()),
            "rds_" => readset::Entity::find_by_id(id).one(connection).await?.map(|row| row.sample),
            _ => None,
        };
        let Some(sample) = sample else { return Ok(None) };
        let row = sample::Entity::find_by_id(sample).one(connection).await?;
        row.map(|row| row.subject.parse().map_err(|_| Error::Record)).transpose()
    }

    /// The place of anything in `project`.
    pub async fn place_in(&self, project: &ProjectId) -> Result<Option<Place>, Error> {
        let project = self.project_row(project).await?;
        Ok(project.map(|p| Place {
            project: Some(p.id),
            class: Some(p.class),
            region: Some(p.region),
            purpose: Some(p.purpose.as_str().to_owned()),
            retention: Some(p.retention),
        }))
    }
}
