//! Support sessions: somebody who helps a project asks to see its data, the project lets them, read-only and for a few
//! hours, and reads afterwards what they did.

use crate::exception::{NewException, Refused, Sealed, moment};
use crate::grant::{ByException, fit_for, held_by};
use crate::table::{exception, grant, kept};
use crate::thing::{self, Project};
use crate::verb::{Manage, View};
use crate::{Access, Error, Permit};
use audit::What;
use base::{Id, ProjectId, Role, Sensitive, SupportId, Timestamp, UserId};
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, Condition, ConnectionTrait};

/// How long a request waits: seven days.
const WAITS_SECONDS: i64 = 7 * 24 * 3600;

/// One session, from when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// Its id.
    pub id: SupportId,
    /// The project.
    pub project: ProjectId,
    /// Who asked.
    pub account: UserId,
    /// When.
    pub asked: Timestamp,
    /// Why, sealed under the project's key.
    pub reason: Sealed,
    /// Who let them, when, and until when.
    pub approved: Option<Approved>,
    /// When somebody ended it, or took the request back.
    pub ended: Option<Timestamp>,
}

/// That somebody was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// By whom.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It waits for an approval.
    Asked,
    /// Data is seen under it.
    Open,
    /// It is over.
    Ended,
    /// Nobody approved it.
    Unanswered,
}

impl Support {
    /// How it stands.
    pub fn progress(&self, now: Timestamp) -> Progress {
        let waited = now.as_second().saturating_sub(self.asked.as_second());
        match (&self.approved, self.ended) {
            (Some(approved), None) if approved.until > now => Progress::Open,
            (None, None) if (0..WAITS_SECONDS).contains(&waited) => Progress::Asked,
            (None, _) => Progress::Unanswered,
            (Some(_), _) => Progress::Ended,
        }
    }
}

impl Access {
    /// Asks, for the caller, to see the data of the permit's project. It gives nothing by itself.
    pub async fn ask_support(
        &self,
        permit: &Permit<Manage, Project>,
        reason: &Sensitive<String>,
    ) -> Result<Support, Error> {
        let (project, account) = (permit.in_project()?, permit.caller().own()?);
        let now = self.inner.clock.now();
        let asked = Support {
            id: SupportId::mint(&*self.inner.entropy),
            project: project.clone(),
            account: account.clone(),
            asked: now,
            reason: self.seal_words(project, reason).await?,
            approved: None,
            ended: None,
        };
        let tx = self.inner.db.begin(permit.decision()).await?;
        self.still(permit, &tx).await?;
        let here = exception::Column::Project.eq(project.to_string());
        for other in self.sessions_where(&*tx, Condition::all().add(here)).await? {
            let waits = matches!(other.progress(now), Progress::Asked | Progress::Open);
            if waits && self.same_person_in(&*tx, account, &other.account).await? {
                return Err(Refused::IsAsked.into());
            }
        }
        let what = What::SupportAsked { sealed_reason: asked.reason.clone() };
        let event = permit.event(what).in_project(Some(project.clone()));
        self.inner.audit.gate(&event.about([asked.id.to_string(), account.to_string()])).await?;
        let (id, reason) = (asked.id.as_str(), &asked.reason);
        let new = NewException { id, project, account, since: now, until: None, reason };
        self.keep_exception(&tx, new).await?;
        tx.commit().await?;
        Ok(asked)
    }

    /// Lets who asked see the project's data until then, or for as long as the site allows. The decision saw to it that
    /// it is somebody else who lets them.
    pub async fn approve_support(
        &self,
        permit: &Permit<Manage, thing::Support>,
        until: Option<Timestamp>,
    ) -> Result<Support, Error> {
        let id = permit.one()?;
        let (by, at, until) = (permit.caller().own()?, self.inner.clock.now(), self.support_end(until)?);
        let tx = self.inner.db.begin(permit.decision()).await?;
        self.still(permit, &tx).await?;
        let row = self.exception(&*tx, id.as_str()).await?;
        let own = self.recorded_of(&row, |what| matches!(what, What::SupportAsked { .. }))?.is_some();
        let asked = from_row(row)?;
        let (account, project) = (&asked.account, &asked.project);
        let observes = held_by(account)
            .add(grant::Column::Role.eq(Role::SupportObserver.as_str()))
            .add(grant::Column::Project.eq(project.to_string()));
        let waits = asked.progress(at) == Progress::Asked && !self.live(&*tx, observes).await?.is_empty();
        if !own || !waits || self.same_person_in(&*tx, by, account).await? {
            return Err(Refused::NotAsked.into());
        }
        fit_for(&*tx, account, permit.class()).await?;
        let event = permit.event(What::SupportApproved { until }).in_project(Some(project.clone()));
        self.inner.audit.gate(&event.about([id.to_string(), account.to_string()])).await?;
        let found = (exception::Column::Until, Expr::value(until.as_second()));
        self.judge_exception(&tx, id.as_str(), (by, at), found).await?;
        let through = ByException::Support(id.clone());
        self.insert_by_exception(&tx, permit.caller(), (account, project), through, until).await?;
        tx.commit().await?;
        Ok(Support { approved: Some(Approved { by: by.clone(), at, until }), ..asked })
    }

    /// Ends a session, or takes a request back: by who asked, or by those of the project who may let support in.
    pub async fn end_support(&self, permit: &Permit<Manage, thing::Support>) -> Result<Support, Error> {
        let id = permit.one()?;
        let user = permit.caller().own()?;
        let tx = self.inner.db.begin(permit.decision()).await?;
        self.still(permit, &tx).await?;
        let session = from_row(self.exception(&*tx, id.as_str()).await?)?;
        if session.account != *user && !self.lets_support_in(&tx, user, &session.project).await? {
            return Err(Refused::NotYours.into());
        }
        if !matches!(session.progress(self.inner.clock.now()), Progress::Asked | Progress::Open) {
            return Err(Refused::Over.into());
        }
        let event = permit.event(What::SupportEnded {}).in_project(Some(session.project.clone()));
        self.inner.audit.gate(&event.about([id.to_string(), session.account.to_string()])).await?;
        self.end_exception(&tx, permit.caller(), id.as_str()).await?;
        let ended = from_row(self.exception(&*tx, id.as_str()).await?)?;
        tx.commit().await?;
        Ok(ended)
    }

    /// The sessions of the permit's project, the newest first.
    pub async fn support_sessions(&self, permit: &Permit<View, Project>) -> Result<Vec<Support>, Error> {
        let here = exception::Column::Project.eq(permit.in_project()?.to_string());
        self.sessions_where(self.inner.db.reader(), Condition::all().add(here)).await
    }

    /// The permit's session.
    pub async fn support_session(&self, permit: &Permit<View, thing::Support>) -> Result<Support, Error> {
        let id = permit.one()?;
        from_row(self.exception(self.inner.db.reader(), id.as_str()).await?)
    }

    async fn sessions_where(
        &self,
        from: &impl ConnectionTrait,
        which: Condition,
    ) -> Result<Vec<Support>, Error> {
        let rows = self.exceptions_of(from, SupportId::PREFIX, which).await?;
        rows.into_iter().map(from_row).collect()
    }

    /// Whether somebody may let support into a project, and so out of it.
    async fn lets_support_in(&self, tx: &db::Tx, user: &UserId, project: &ProjectId) -> Result<bool, Error> {
        let roles = [Role::ProjectAdministrator, Role::DataSteward].map(Role::as_str);
        let those = held_by(user)
            .add(grant::Column::Role.is_in(roles))
            .add(grant::Column::Project.eq(project.to_string()));
        Ok(!self.live(&**tx, those).await?.is_empty())
    }

    fn support_end(&self, asked: Option<Timestamp>) -> Result<Timestamp, Error> {
        let hours = self.exceptions().support_hours;
        let latest = self.in_hours(hours);
        match asked {
            Some(until) if until > latest => Err(Refused::TooLong { hours }.into()),
            Some(until) if until <= self.inner.clock.now() => Err(Error::EndedBefore("time")),
            asked => Ok(asked.unwrap_or(latest)),
        }
    }
}

fn from_row(row: exception::Model) -> Result<Support, Error> {
    let approved = match (row.judge, row.judged_at, row.until) {
        (Some(by), Some(at), Some(until)) => {
            Some(Approved { by: kept(by.parse())?, at: moment(at)?, until: moment(until)? })
        }
        _ => None,
    };
    Ok(Support {
        id: kept(row.id.parse())?,
        project: kept(row.project.parse())?,
        account: kept(row.account.parse())?,
        asked: moment(row.since)?,
        reason: row.reason,
        approved,
        ended: row.ended_at.map(moment).transpose()?,
    })
}
