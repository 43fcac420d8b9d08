//! Break-glass: whom a project has named for emergencies opens its data to themselves, with nobody's approval. It ends by
//! itself, everybody hears of it, and somebody else reviews it.

use crate::exception::{NewException, Refused, Sealed, moment};
use crate::grant::ByException;
use crate::table::{exception, kept};
use crate::thing::{self, Project};
use crate::verb::{Manage, View};
use crate::{Access, Error, Permit};
use audit::{Actor, Recorded, What};
use base::{BreakGlassId, Id, ProjectId, Sensitive, Timestamp, UserId};
use db::Tx;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

/// Within how many seconds after its opening a break-glass is reviewed: 72 hours.
const REVIEW_SECONDS: i64 = 72 * 3600;
/// Over how many seconds it is counted how often the glass was broken: thirty days.
const COUNTED_SECONDS: i64 = 30 * 24 * 3600;

/// One use of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakGlass {
    /// Its id.
    pub id: BreakGlassId,
    /// The project.
    pub project: ProjectId,
    /// Who broke the glass.
    pub account: UserId,
    /// When.
    pub opened: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// When its holder ended it before.
    pub closed: Option<Timestamp>,
    /// Why, sealed under the project's key.
    pub reason: Sealed,
    /// What somebody else found.
    pub review: Option<Review>,
}

/// What somebody found of a break-glass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Who.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
    /// Whether it was justified.
    pub justified: bool,
}

/// How a break-glass stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// Data is seen under it.
    Open,
    /// It has ended and waits for its review.
    ToReview,
    /// Nobody reviewed it within 72 hours.
    Overdue,
    /// It was reviewed.
    Reviewed,
}

impl BreakGlass {
    /// How it stands.
    pub fn stands(&self, now: Timestamp) -> Stands {
        let late = now.as_second().saturating_sub(self.opened.as_second()) >= REVIEW_SECONDS;
        match (&self.review, self.is_open(now)) {
            (Some(_), _) => Stands::Reviewed,
            (None, true) => Stands::Open,
            (None, false) if late => Stands::Overdue,
            (None, false) => Stands::ToReview,
        }
    }

    /// Whether it counts among the last thirty days'.
    pub fn is_of_late(&self, now: Timestamp) -> bool {
        now.as_second().saturating_sub(self.opened.as_second()) < COUNTED_SECONDS
    }

    fn is_open(&self, now: Timestamp) -> bool {
        self.closed.is_none() && self.until > now
    }
}

impl Access {
    /// Opens the permit's project to the caller, on record, for the hours that the site sets. It stands on the caller's own
    /// role and second factor and on nobody else: no approver, no provider.
    ///
    /// First the decision is on record, then the opening and the role, then both are stored. A crash before the last leaves
    /// a record of an opening that gave nothing.
    pub async fn open_break_glass(
        &self,
        permit: &Permit<Manage, Project>,
        reason: &Sensitive<String>,
    ) -> Result<BreakGlass, Error> {
        let (project, caller) = (permit.in_project()?, permit.caller());
        let opened = BreakGlass {
            id: BreakGlassId::mint(&*self.inner.entropy),
            project: project.clone(),
            account: caller.own()?.clone(),
            opened: self.inner.clock.now(),
            until: self.in_hours(self.exceptions().break_glass_hours),
            closed: None,
            reason: self.seal_words(project, reason).await?,
            review: None,
        };
        let BreakGlass { id, account, until, reason, .. } = &opened;
        let tx = self.inner.db.begin(permit.decision()).await?;
        self.still(permit, &tx).await?;
        let here = self.open_now().add(exception::Column::Project.eq(project.to_string()));
        for row in exception::Entity::find().filter(here).all(&*tx).await? {
            if self.same_person_in(&*tx, account, &kept(row.account.parse())?).await? {
                return Err(Refused::IsOpen.into());
            }
        }
        let what = What::BreakGlassOpened { until: *until, sealed_reason: reason.clone() };
        let about = [id.to_string(), account.to_string()];
        let event = permit.event(what).in_project(Some(project.clone())).about(about);
        self.inner.audit.gate(&event).await?;
        let new = NewException {
            id: id.as_str(),
            project,
            account,
            since: opened.opened,
            until: Some(*until),
            reason,
        };
        self.keep_exception(&tx, new).await?;
        let by = ByException::BreakGlass(id.clone());
        self.insert_by_exception(&tx, caller, (account, project), by, *until).await?;
        tx.commit().await?;
        Ok(opened)
    }

    /// Ends a break-glass of the caller's before its time.
    pub async fn close_break_glass(
        &self,
        permit: &Permit<Manage, thing::BreakGlass>,
    ) -> Result<BreakGlass, Error> {
        let id = permit.one()?;
        let tx = self.inner.db.begin(permit.decision()).await?;
        self.still(permit, &tx).await?;
        let glass = from_row(self.exception(&*tx, id.as_str()).await?)?;
        if glass.account != *permit.caller().own()? {
            return Err(Refused::NotYours.into());
        }
        if !glass.is_open(self.inner.clock.now()) {
            return Err(Refused::Over.into());
        }
        let event = permit.event(What::BreakGlassClosed {}).in_project(Some(glass.project.clone()));
        self.inner.audit.gate(&event.about([id.to_string()])).await?;
        self.end_exception(&tx, permit.caller(), id.as_str()).await?;
        let closed = from_row(self.exception(&*tx, id.as_str()).await?)?;
        tx.commit().await?;
        Ok(closed)
    }

    /// Keeps what the caller found of a break-glass that has ended. The decision saw to it that it is somebody else's.
    pub async fn review_break_glass(
        &self,
        permit: &Permit<Manage, thing::BreakGlass>,
        justified: bool,
        reason: &Sensitive<String>,
    ) -> Result<BreakGlass, Error> {
        let id = permit.one()?;
        let by = permit.caller().own()?;
        let sealed_reason = self.seal_words(permit.in_project()?, reason).await?;
        let tx = self.inner.db.begin(permit.decision()).await?;
        self.still(permit, &tx).await?;
        let row = self.exception(&*tx, id.as_str()).await?;
        let record = self.recorded_of(&row, |what| matches!(what, What::BreakGlassOpened { .. }))?;
        let glass = from_row(row)?;
        let Some(record) = record else { return Err(Refused::NotYours.into()) };
        if self.same_person_in(&*tx, by, &glass.account).await? {
            return Err(Refused::NotYours.into());
        }
        // INVARIANT (finding-stays): one that is on record stands, whatever the database says, and is stored anew.
        if let Some(found) = record.iter().find_map(finding) {
            self.keep_finding(&tx, id, &found).await?;
            tx.commit().await?;
            return Err(Refused::Reviewed.into());
        }
        if glass.is_open(self.inner.clock.now()) {
            return Err(Refused::GoesOn.into());
        }
        let what = What::BreakGlassReviewed { justified, sealed_reason };
        let about = [id.to_string(), glass.account.to_string()];
        let event = permit.event(what).in_project(Some(glass.project.clone())).about(about);
        self.inner.audit.gate(&event).await?;
        let found = Review { by: by.clone(), at: self.inner.clock.now(), justified };
        self.keep_finding(&tx, id, &found).await?;
        tx.commit().await?;
        Ok(BreakGlass { review: Some(found), ..glass })
    }

    async fn keep_finding(&self, tx: &Tx, id: &BreakGlassId, found: &Review) -> Result<(), Error> {
        let justified = (exception::Column::Justified, Expr::value(found.justified));
        self.judge_exception(tx, id.as_str(), (&found.by, found.at), justified).await
    }

    /// The uses of it in the permit's project, the newest first.
    pub async fn break_glasses(&self, permit: &Permit<View, Project>) -> Result<Vec<BreakGlass>, Error> {
        let here = exception::Column::Project.eq(permit.in_project()?.to_string());
        self.glasses(Condition::all().add(here)).await
    }

    /// Every use of it. It takes no permit: the site itself watches over it, and tells ids alone.
    pub async fn every_break_glass(&self) -> Result<Vec<BreakGlass>, Error> {
        self.glasses(Condition::all()).await
    }

    async fn glasses(&self, which: Condition) -> Result<Vec<BreakGlass>, Error> {
        let rows = self.exceptions_of(self.inner.db.reader(), BreakGlassId::PREFIX, which).await?;
        rows.into_iter().map(from_row).collect()
    }
}

/// What an event of the record says was found.
fn finding(recorded: &Recorded) -> Option<Review> {
    let (What::BreakGlassReviewed { justified, .. }, Actor::User(by)) =
        (&recorded.event.what, &recorded.event.actor)
    else {
        return None;
    };
    Some(Review { by: by.clone(), at: recorded.time, justified: *justified })
}

fn from_row(row: exception::Model) -> Result<BreakGlass, Error> {
    let review = match (row.judge, row.judged_at, row.justified) {
        (Some(by), Some(at), Some(justified)) => {
            Some(Review { by: kept(by.parse())?, at: moment(at)?, justified })
        }
        _ => None,
    };
    Ok(BreakGlass {
        id: kept(row.id.parse())?,
        project: kept(row.project.parse())?,
        account: kept(row.account.parse())?,
        opened: moment(row.since)?,
        // One without an end is none that this program stored, and is over.
        until: moment(row.until.unwrap_or(row.since))?,
        closed: row.ended_at.map(moment).transpose()?,
        reason: row.reason,
        review,
    })
}
