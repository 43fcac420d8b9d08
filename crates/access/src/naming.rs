//! Who administers projects, and how two people name an administrator where there is none: the last one's account was
//! closed, or their role ended.

use crate::account::{closed, usable};
use crate::grant::{fit_for, held_by};
use crate::table::{grant, kept, naming};
use crate::thing::Site;
use crate::verb::{Manage, View};
use crate::{Access, Action, Error, Grant, Permit};
use audit::{Actor, Event, Recorded, What};
use base::{ApprovalId, Class, Fault, Id, Kind, ProjectId, Role, Timestamp, UserId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// How long a proposal is good for.
const GOOD_SECONDS: i64 = 7 * 24 * 3600;

/// A proposal: whom a project without an administrator should get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// Its id.
    pub id: ApprovalId,
    /// The project.
    pub project: ProjectId,
    /// Who would administer it.
    pub account: UserId,
    /// Who proposed it.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

/// Why a project gets no administrator so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It has one.
    #[error("the project has an administrator")]
    Administered,
    /// The proposal is no longer there, or good for nothing.
    #[error(
        "there is no such proposal of an administrator: they end after seven days, with a newer one for the project, and when the account of either person is closed or gets a new token"
    )]
    Gone,
}

impl Fault for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::Administered => Kind::Conflict,
            Self::Gone => Kind::NotFound,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Administered => "ACCESS-053",
            Self::Gone => "ACCESS-054",
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Administered => {
                "`administrator list` shows who: they make others with `member add PROJECT NAME --role project-administrator`"
            }
            Self::Gone => {
                "`administrator list` shows what is proposed; propose anew with `administrator propose`"
            }
        };
        Some(text.to_owned())
    }
}

impl Access {
    /// The roles by which projects are administered now. A project that has none is not there.
    ///
    /// It takes no permit: the site itself watches over it. Whoever is shown it may keep the site's accounts.
    pub async fn administrators(&self) -> Result<BTreeMap<ProjectId, Vec<Grant>>, Error> {
        let mut by: BTreeMap<ProjectId, Vec<Grant>> = BTreeMap::new();
        for grant in self.live(self.inner.db.reader(), administering()).await? {
            if let Some(project) = grant.project.clone() {
                by.entry(project).or_default().push(grant);
            }
        }
        Ok(by)
    }

    /// The projects that nobody but `account` administers now.
    pub(crate) async fn administers_alone(&self, tx: &Tx, account: &UserId) -> Result<Vec<ProjectId>, Error> {
        let (own, others): (Vec<Grant>, Vec<Grant>) =
            self.live(&**tx, administering()).await?.into_iter().partition(|grant| grant.account == *account);
        let others: BTreeSet<ProjectId> = others.into_iter().filter_map(|grant| grant.project).collect();
        let own = own.into_iter().filter_map(|grant| grant.project);
        Ok(own.filter(|project| !others.contains(project)).collect())
    }

    /// The proposals that are good.
    pub async fn namings(&self, permit: &Permit<View, Site>) -> Result<Vec<Naming>, Error> {
        permit.live()?;
        let rows = naming::Entity::find().filter(self.is_good()).all(self.inner.db.reader()).await?;
        rows.into_iter().map(from_row).collect()
    }

    /// One proposal. Whose it is is asked before it is approved: for the decision's target.
    pub async fn naming(&self, id: &ApprovalId) -> Result<Naming, Error> {
        let this =
            naming::Entity::find().filter(naming::Column::Id.eq(id.to_string())).filter(self.is_good());
        from_row(this.one(self.inner.db.reader()).await?.ok_or(Refused::Gone)?)
    }

    /// Proposes an administrator for a project that has none, in the place of who was proposed before. It gives nothing
    /// until somebody else approves it.
    pub async fn propose_administrator(
        &self,
        permit: &Permit<Manage, Site>,
        project: &ProjectId,
        account: &UserId,
    ) -> Result<Naming, Error> {
        permit.live()?;
        let by = permit.caller().user().ok_or(Error::NotSignedIn)?.clone();
        let class = self.class_of(project).await?.ok_or(Error::NotFound)?;
        let id = ApprovalId::mint(&*self.inner.entropy);
        let proposed =
            Naming { id, project: project.clone(), account: account.clone(), by, at: self.inner.clock.now() };
        let tx = self.inner.db.begin(permit.decision()).await?;
        self.still(permit, &tx).await?;
        self.is_open_to(&tx, &proposed, class).await?;
        naming::Entity::delete_by_id(project.to_string()).exec(&*tx).await?;
        let row = naming::ActiveModel {
            project: Set(project.to_string()),
            id: Set(proposed.id.to_string()),
            account: Set(account.to_string()),
            proposer: Set(proposed.by.to_string()),
            since: Set(proposed.at.as_second()),
        };
        naming::Entity::insert(row).exec_without_returning(&*tx).await?;
        let about = [proposed.id.to_string(), account.to_string()];
        let event = permit.event(What::AdministratorProposed {}).in_project(Some(project.clone()));
        self.inner.audit.gate(&event.about(about)).await?;
        tx.commit().await?;
        Ok(proposed)
    }

    /// Makes who was proposed an administrator, unless the project has got one meanwhile.
    pub async fn approve_administrator(
        &self,
        permit: &Permit<Manage, Site>,
        proposed: &Naming,
    ) -> Result<Vec<Grant>, Error> {
        permit.live()?;
        self.was_named(proposed)?;
        let class = self.class_of(&proposed.project).await?.ok_or(Error::NotFound)?;
        let tx = self.inner.db.begin(permit.decision()).await?;
        let this = naming::Column::Id.eq(proposed.id.to_string());
        let open = naming::Entity::delete_many().filter(this).exec(&*tx).await?.rows_affected == 1;
        // The word of somebody who keeps the site no longer is nobody's.
        let keeping = held_by(&proposed.by)
            .add(grant::Column::Role.eq(Role::PlatformAdministrator.as_str()))
            .add(grant::Column::Project.is_null());
        if !open || self.live(&*tx, keeping).await?.is_empty() {
            return Err(Refused::Gone.into());
        }
        self.is_open_to(&tx, proposed, class).await?;
        let made = self
            .adopt_project(permit, &tx, (&proposed.project, class), std::slice::from_ref(&proposed.account))
            .await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Fails where a project has an administrator, or could get this one to no avail.
    async fn is_open_to(&self, tx: &Tx, proposed: &Naming, class: Class) -> Result<(), Error> {
        let Naming { project, account, .. } = proposed;
        let here = administering().add(grant::Column::Project.eq(project.to_string()));
        if !self.live(&**tx, here).await?.is_empty() {
            return Err(Refused::Administered.into());
        }
        usable(&**tx, account.as_str()).await.map_err(closed)?;
        fit_for(&**tx, account, Some(class)).await
    }

    /// Who last acted on an account as somebody who keeps the site's accounts, and when: they made it, or may have made the
    /// one-time token that its passkey was enrolled with. It reads all that is on record of the account, so it blocks.
    pub fn last_kept(&self, account: &UserId) -> Result<Option<(UserId, Timestamp)>, Error> {
        let mut record = self.inner.audit.history(account.as_str())?.events;
        // The account's own acts are on its chain as well.
        record.retain(|recorded| recorded.event.about.iter().any(|about| about == account.as_str()));
        record.sort_by_key(|recorded| Reverse(recorded.position));
        for Recorded { time, event, .. } in record {
            let kept = match event.what {
                // What made the account is about nobody yet; its outcome names who was made.
                What::Outcome { decision, .. } => {
                    is_keeping(&self.inner.audit.recorded(decision)?.event.what)
                }
                what => is_keeping(&what),
            };
            if let (true, Actor::User(user)) = (kept, event.actor) {
                return Ok(Some((user, time)));
            }
        }
        Ok(None)
    }

    /// Takes back what an account proposed, and what was proposed of it.
    pub(crate) async fn forget_namings(&self, tx: &Tx, account: &UserId) -> Result<(), Error> {
        let whose = Condition::any()
            .add(naming::Column::Account.eq(account.to_string()))
            .add(naming::Column::Proposer.eq(account.to_string()));
        naming::Entity::delete_many().filter(whose).exec(&**tx).await?;
        Ok(())
    }

    /// INVARIANT (named-by-two): whoever is approved is who the record says was proposed, for that project, by that
    /// person and within the days: nobody approves what was changed since in the database.
    fn was_named(&self, proposed: &Naming) -> Result<(), Error> {
        let Naming { id, project, account, by, .. } = proposed;
        let record = self.inner.audit.history(id.as_str())?;
        let as_stored = |event: &Event| {
            matches!(event.what, What::AdministratorProposed {})
                && event.actor == Actor::User(by.clone())
                && event.project.as_ref() == Some(project)
                && event.about.contains(&account.to_string())
        };
        let now = self.inner.clock.now().as_second();
        let good = |time: Timestamp| now.saturating_sub(time.as_second()) < GOOD_SECONDS;
        match record.events.iter().any(|recorded| as_stored(&recorded.event) && good(recorded.time)) {
            true => Ok(()),
            false => Err(Refused::Gone.into()),
        }
    }

    /// INVARIANT (good-for-days): none that shows the future is good either.
    fn is_good(&self) -> Condition {
        let now = self.inner.clock.now().as_second();
        Condition::all()
            .add(naming::Column::Since.gt(now.saturating_sub(GOOD_SECONDS)))
            .add(naming::Column::Since.lte(now))
    }
}

fn is_keeping(what: &What) -> bool {
    match what {
        What::Decision { action, allowed, .. } => *allowed && action == Action::ManageAccounts.as_str(),
        _ => false,
    }
}

fn administering() -> Condition {
    Condition::all()
        .add(grant::Column::Role.eq(Role::ProjectAdministrator.as_str()))
        .add(grant::Column::Project.is_not_null())
}

fn from_row(row: naming::Model) -> Result<Naming, Error> {
    Ok(Naming {
        id: kept(row.id.parse())?,
        project: kept(row.project.parse())?,
        account: kept(row.account.parse())?,
        by: kept(row.proposer.parse())?,
        at: kept(Timestamp::from_second(row.since))?,
    })
}
