//! What people hold: a role, on the site or in a project, until it expires.

use crate::table::grant;
use crate::thing::{Project, Site};
use crate::verb::{Manage, View};
use crate::{Access, Caller, Error, Permit};
use base::{GrantId, Id, ProjectId, Role, UserId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::Serialize;

/// How long a role in a project lasts unless it is given again: a year.
const GRANT_LIFE_SECONDS: i64 = 365 * 24 * 3600;

/// A role that an account holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Who holds it.
    pub account: UserId,
    /// The role.
    pub role: Role,
    /// The project, or none for a role on the site.
    pub project: Option<ProjectId>,
    /// When it ends, in seconds since 1970, if it does.
    pub expires_at: Option<i64>,
}

impl Access {
    /// Gives `account` a role in the permit's project.
    pub async fn add_member(
        &self,
        permit: &Permit<Manage, Project>,
        tx: &Tx,
        account: &UserId,
        role: Role,
    ) -> Result<GrantId, Error> {
        if role.is_site_wide() {
            return Err(Error::RolePlace { role, expected: "on the site, not in a project" });
        }
        let project = permit.in_project()?;
        self.insert_grant(tx, account, role, Some(project)).await
    }

    /// Takes all roles of `account` in the permit's project away; gives how many there were.
    pub async fn remove_member(
        &self,
        permit: &Permit<Manage, Project>,
        tx: &Tx,
        account: &UserId,
    ) -> Result<u64, Error> {
        let project = permit.in_project()?;
        let gone = grant::Entity::delete_many()
            .filter(grant::Column::Account.eq(account.to_string()))
            .filter(grant::Column::Project.eq(project.to_string()))
            .exec(&**tx)
            .await?;
        Ok(gone.rows_affected)
    }

    /// Gives `account` a role on the site.
    pub async fn grant_on_site(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        account: &UserId,
        role: Role,
    ) -> Result<GrantId, Error> {
        permit.live()?;
        if !role.is_site_wide() {
            return Err(Error::RolePlace { role, expected: "in a project, not on the site" });
        }
        self.insert_grant(tx, account, role, None).await
    }

    /// Makes `account` the first administrator of a project that is being made under `permit`.
    pub async fn adopt_project(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        project: &ProjectId,
        account: &UserId,
    ) -> Result<GrantId, Error> {
        permit.live()?;
        self.insert_grant(tx, account, Role::ProjectAdministrator, Some(project)).await
    }

    /// The roles given in the permit's project, those that have ended too: each says when.
    pub async fn members(&self, permit: &Permit<View, Project>) -> Result<Vec<Grant>, Error> {
        let project = permit.in_project()?;
        let rows = grant::Entity::find()
            .filter(grant::Column::Project.eq(project.to_string()))
            .all(self.inner.db.reader())
            .await?;
        rows.into_iter().map(from_row).collect()
    }

    /// The roles that the caller holds now.
    pub async fn own_grants(&self, caller: &Caller) -> Result<Vec<Grant>, Error> {
        match caller.user() {
            Some(user) => self.live_grants(user).await,
            None => Ok(Vec::new()),
        }
    }

    pub(crate) async fn live_grants(&self, account: &UserId) -> Result<Vec<Grant>, Error> {
        let now = self.inner.clock.now().as_second();
        let rows = grant::Entity::find()
            .filter(grant::Column::Account.eq(account.to_string()))
            .all(self.inner.db.reader())
            .await?;
        let live = rows.into_iter().filter(|row| row.expires_at.is_none_or(|end| end > now));
        live.map(from_row).collect()
    }

    pub(crate) async fn insert_grant(
        &self,
        tx: &Tx,
        account: &UserId,
        role: Role,
        project: Option<&ProjectId>,
    ) -> Result<GrantId, Error> {
        let id = GrantId::mint(&*self.inner.entropy);
        let now = self.inner.clock.now();
        let row = grant::ActiveModel {
            id: Set(id.to_string()),
            account: Set(account.to_string()),
            role: Set(role.as_str().to_owned()),
            project: Set(project.map(ToString::to_string)),
            created_at: Set(now.to_string()),
            expires_at: Set(project.map(|_| now.as_second().saturating_add(GRANT_LIFE_SECONDS))),
        };
        grant::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(id)
    }
}

fn from_row(row: grant::Model) -> Result<Grant, Error> {
    let bad = |e: &dyn std::fmt::Display| Error::from(db::sea_orm::DbErr::Custom(e.to_string()));
    Ok(Grant {
        id: row.id.parse().map_err(|e| bad(&e))?,
        account: row.account.parse().map_err(|e| bad(&e))?,
        role: row.role.parse().map_err(|e| bad(&e))?,
        project: row.project.map(|p| p.parse()).transpose().map_err(|e| bad(&e))?,
        expires_at: row.expires_at,
    })
}
