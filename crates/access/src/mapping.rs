//! Which visas a project takes, and for which role.

use crate::table::{grant, kept, mapping, presented};
use crate::thing::Project;
use crate::verb::{Manage, View};
use crate::{Access, Error, Permit};
use audit::What;
use base::{Blake3, Id, ProjectId, Role, Timestamp, UserId, VisaMappingId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};

/// Roles that a visa can give: to see, to work, to carry off. None that keeps, approves, checks or oversees.
pub const ROLES: &[Role] = &[Role::Viewer, Role::Analyst, Role::DataExporter];
/// Mappings of one project at most.
const MOST: usize = 200;
/// Bytes of a visa's value at most.
const LONGEST: usize = 255;

/// A mapping that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Its id.
    pub id: VisaMappingId,
    /// The project.
    pub project: ProjectId,
    /// The issuer's word in the settings; its address where they name it no more.
    pub issuer: String,
    /// The value of the visa: the dataset, as its issuer names it.
    pub value: String,
    /// The role.
    pub role: Role,
    /// Who made it.
    pub by: UserId,
    /// When.
    pub since: Timestamp,
}

impl Access {
    /// Has visas of `issuer` for the dataset `value` give `role` in the permit's project, on record.
    pub async fn map_visa(
        &self,
        permit: &Permit<Manage, Project>,
        tx: &Tx,
        issuer: &str,
        value: &str,
        role: Role,
    ) -> Result<Mapping, Error> {
        let project = permit.in_project()?;
        self.still(permit, tx).await?;
        let wrong = |what| Err(Error::Mapping(what));
        if !ROLES.contains(&role) {
            return wrong("a visa gives the roles viewer, analyst and data-exporter, and no other");
        }
        if value.is_empty() || value.len() > LONGEST || value.chars().any(char::is_control) {
            return wrong("its value has 1 to 255 bytes and no control characters");
        }
        if value.trim() != value {
            return wrong("its value begins or ends with a blank");
        }
        let trusted = self.trust().named(issuer).ok_or_else(|| Error::no_issuer(issuer))?;
        if !trusted.settings.grants() {
            return wrong(
                "the settings let its issuer grant nothing: it has no `sources`, or lacks the type `ControlledAccessGrants`",
            );
        }
        let address = &trusted.settings.issuer;
        let there = mapping::Entity::find().filter(mapping::Column::Project.eq(project.to_string()));
        let there = there.all(&**tx).await?;
        let same =
            |row: &mapping::Model| row.issuer == *address && row.value == value && row.role == role.as_str();
        if there.iter().any(same) {
            return Err(Error::Mapped);
        }
        if there.len() >= MOST {
            return wrong("the project has 200, which is the most");
        }
        let by = permit.caller().user().ok_or(Error::ForPeople)?;
        let id = VisaMappingId::mint(&*self.inner.entropy);
        self.tell_mapping(permit, issuer, value, role, true, &id).await?;
        let row = mapping::ActiveModel {
            id: Set(id.to_string()),
            project: Set(project.to_string()),
            issuer: Set(address.clone()),
            value: Set(value.to_owned()),
            role: Set(role.as_str().to_owned()),
            made_by: Set(by.to_string()),
            since: Set(self.inner.clock.now().as_second()),
        };
        mapping::Entity::insert(row).exec_without_returning(&**tx).await?;
        let row = mapping::Entity::find_by_id(id.to_string()).one(&**tx).await?.ok_or(Error::NotFound)?;
        self.shown(row)
    }

    /// Ends a mapping, on record, and the roles that it gave. Gives how many these were.
    pub async fn unmap_visa(
        &self,
        permit: &Permit<Manage, Project>,
        tx: &Tx,
        id: &VisaMappingId,
    ) -> Result<u64, Error> {
        let project = permit.in_project()?;
        self.still(permit, tx).await?;
        let row = mapping::Entity::find_by_id(id.to_string()).one(&**tx).await?;
        let row = row.filter(|row| row.project == project.to_string()).ok_or(Error::NotFound)?;
        let shown = self.shown(row)?;
        self.tell_mapping(permit, &shown.issuer, &shown.value, shown.role, false, id).await?;
        mapping::Entity::delete_by_id(id.to_string()).exec(&**tx).await?;
        presented::Entity::delete_many()
            .filter(presented::Column::Mapping.eq(id.to_string()))
            .exec(&**tx)
            .await?;
        self.take(permit.caller(), tx, Condition::all().add(grant::Column::Mapping.eq(id.to_string()))).await
    }

    /// The mappings of the permit's project.
    pub async fn mappings(&self, permit: &Permit<View, Project>) -> Result<Vec<Mapping>, Error> {
        let project = permit.in_project()?;
        let rows = mapping::Entity::find()
            .filter(mapping::Column::Project.eq(project.to_string()))
            .order_by_asc(mapping::Column::Since)
            .order_by_asc(mapping::Column::Id)
            .all(self.inner.db.reader())
            .await?;
        rows.into_iter().map(|row| self.shown(row)).collect()
    }

    /// Those of all projects that take a visa of this issuer and value.
    pub(crate) async fn mappings_for(&self, issuer: &str, value: &str) -> Result<Vec<Mapping>, Error> {
        let rows = mapping::Entity::find()
            .filter(mapping::Column::Issuer.eq(issuer))
            .filter(mapping::Column::Value.eq(value))
            .order_by_asc(mapping::Column::Id)
            .all(self.inner.db.reader())
            .await?;
        rows.into_iter().map(|row| self.shown(row)).collect()
    }

    fn shown(&self, row: mapping::Model) -> Result<Mapping, Error> {
        Ok(Mapping {
            id: kept(row.id.parse())?,
            project: kept(row.project.parse())?,
            issuer: self.word_for(row.issuer),
            value: row.value,
            role: kept(row.role.parse())?,
            by: kept(row.made_by.parse())?,
            since: kept(Timestamp::from_second(row.since))?,
        })
    }

    async fn tell_mapping(
        &self,
        permit: &Permit<Manage, Project>,
        issuer: &str,
        value: &str,
        role: Role,
        given: bool,
        id: &VisaMappingId,
    ) -> Result<(), Error> {
        let value = Blake3(*blake3::hash(value.as_bytes()).as_bytes());
        let what = What::VisaMappingChanged { issuer: issuer.to_owned(), value, role, given };
        let event = permit
            .caller()
            .event(what)
            .in_project(Some(permit.in_project()?.clone()))
            .about([id.to_string()]);
        self.inner.audit.gate(&event).await?;
        Ok(())
    }
}
