//! Data that somebody sees by way of exception, for a few hours: what a break-glass and a support session have in
//! common. Both are the role of a viewer in one project, for one account, which ends by itself.

use crate::table::{exception, grant, kept};
use crate::thing::Support;
use crate::verb::View;
use crate::{Access, Action, Caller, Error, Permit, Place};
use audit::field::Whose;
use audit::{Actor, Outcome, Recorded, What};
use base::{BreakGlassId, Fault, Id, Kind, ProjectId, Sensitive, SupportId, Timestamp, UserId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const HOUR_SECONDS: i64 = 3600;

/// `[access]` of `site.toml`: for how long data is seen by way of exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exceptions {
    /// Hours that a break-glass lasts.
    pub break_glass_hours: u32,
    /// Most times that the glass is broken in a project in thirty days before somebody hears of that.
    pub break_glass_per_month: u32,
    /// Most hours that a support session lasts.
    pub support_hours: u32,
}

impl Default for Exceptions {
    fn default() -> Self {
        Self { break_glass_hours: 4, break_glass_per_month: 3, support_hours: 8 }
    }
}

impl Exceptions {
    /// Whether nothing was set.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Checks what was set.
    pub fn checked(self) -> Result<Self, Error> {
        let within = |what, hours: u32, most: u32| match (1..=most).contains(&hours) {
            true => Ok(()),
            false => Err(Refused::Settings { what, most }),
        };
        within("break_glass_hours", self.break_glass_hours, 12)?;
        within("support_hours", self.support_hours, 8)?;
        within("break_glass_per_month", self.break_glass_per_month, 100)?;
        Ok(self)
    }
}

/// Why data is not seen by way of exception, or something about that is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing but a one-time token proves who it is.
    #[error("this asks for a second factor, and the account has none")]
    NoSecondFactor,
    /// The same person has one already.
    #[error("a break-glass of yours is open in this project")]
    IsOpen,
    /// It is over.
    #[error("it has ended already")]
    Over,
    /// It is somebody else's.
    #[error("it is not yours to do")]
    NotYours,
    /// It goes on.
    #[error("the break-glass is open still: what is done under it is not known yet")]
    GoesOn,
    /// It was reviewed.
    #[error("the break-glass was reviewed already")]
    Reviewed,
    /// The same person has asked already.
    #[error("a support session of yours is asked for, or open, in this project")]
    IsAsked,
    /// The request is no longer there, or good for nothing.
    #[error("nobody waits for this support session")]
    NotAsked,
    /// Longer than the site lets anybody.
    #[error("a support session lasts at most {hours} hours here")]
    TooLong {
        /// The site's limit.
        hours: u32,
    },
    /// A setting that cannot be.
    #[error("`{what}` of [access] in site.toml is not valid: it is 1 to {most}")]
    Settings {
        /// Which.
        what: &'static str,
        /// The most.
        most: u32,
    },
}

impl Fault for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::NoSecondFactor | Self::NotYours => Kind::Denied,
            Self::IsOpen | Self::Over | Self::GoesOn | Self::Reviewed | Self::IsAsked | Self::NotAsked => {
                Kind::Conflict
            }
            Self::TooLong { .. } | Self::Settings { .. } => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoSecondFactor => "ACCESS-087",
            Self::IsOpen => "ACCESS-088",
            Self::Over => "ACCESS-089",
            Self::NotYours => "ACCESS-090",
            Self::GoesOn => "ACCESS-091",
            Self::Reviewed => "ACCESS-092",
            Self::IsAsked => "ACCESS-093",
            Self::NotAsked => "ACCESS-094",
            Self::TooLong { .. } => "ACCESS-095",
            Self::Settings { .. } => "ACCESS-096",
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoSecondFactor => {
                "enrol a passkey on the site's page `/enrol`, or set a password with a second factor (`password set`), before you \
                 need it"
            }
            Self::IsOpen => "`break-glass list PROJECT` shows until when; `break-glass close` ends it",
            Self::Over | Self::Reviewed => "`break-glass list` and `support list` show how it stands",
            Self::NotYours => {
                "its holder ends a break-glass, and a data steward who is somebody else reviews it; a support session ends with its holder, a \
                 project administrator or a data steward"
            }
            Self::GoesOn => "review it when it has ended: `break-glass list PROJECT` shows when",
            Self::IsAsked => "`support list PROJECT` shows it; `support end` takes it back",
            Self::NotAsked => {
                "requests wait for seven days, and for somebody who is a support observer still: they ask anew, `support ask`"
            }
            Self::TooLong { .. } => "leave `--until` out for the longest that the site allows",
            Self::Settings { .. } => "docs/spec/support.md says what `[access]` takes",
        };
        Some(text.to_owned())
    }
}

/// What of this a person has open in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Opened {
    pub break_glass: bool,
    pub support: bool,
}

/// While somebody saw a project's data by way of exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The break-glass or the support session.
    pub id: String,
    /// Who.
    pub account: UserId,
    /// Behind which position of the ledger: that of its opening.
    pub from: u64,
    /// Before which position, if somebody ended it: that of the outcome, for until the end was stored data was seen.
    pub to: Option<u64>,
    /// Until when, by the clock.
    pub until: Timestamp,
}

impl Seen {
    /// Whether somebody whose act stands at this position, with this time, acted under it. What was done in the second in which
    /// it ended by itself counts as well: that end is stored in whole seconds, and has no position.
    pub fn covers(&self, actor: &str, position: u64, at: Timestamp) -> bool {
        self.account.as_str() == actor
            && position > self.from
            && self.to.is_none_or(|to| position < to)
            && at.as_second() <= self.until.as_second()
    }
}

/// Words as they are kept, sealed under the project's key.
pub type Sealed = Option<String>;

impl Access {
    /// Takes what the site sets. Once; later calls change nothing.
    pub fn allow_exceptions(&self, settings: Exceptions) {
        let _ = self.inner.exceptions.set(settings);
    }

    /// What the site sets.
    pub fn exceptions(&self) -> Exceptions {
        self.inner.exceptions.get().copied().unwrap_or_default()
    }

    /// Whose break-glass or support session this is. It is asked before it is decided about, for the decision's target.
    pub async fn holder_of(&self, id: &str) -> Result<Option<UserId>, Error> {
        let row = exception::Entity::find_by_id(id).one(self.inner.db.reader()).await?;
        row.map(|row| kept(row.account.parse())).transpose()
    }

    /// What `person` has open in the project of `place`, by whatever account.
    ///
    /// INVARIANT (seen-is-not-carried-off): each decision asks this anew, so what is open counts for all that the same
    /// person does in the project until it is over.
    pub(crate) async fn opened_by(&self, person: Option<&UserId>, place: &Place) -> Result<Opened, Error> {
        let mut opened = Opened::default();
        let (Some(person), Some(project)) = (person, &place.project) else { return Ok(opened) };
        let those = self.open_now().add(exception::Column::Project.eq(project.to_string()));
        for row in exception::Entity::find().filter(those).all(self.inner.db.reader()).await? {
            if self.same_person(person, &kept(row.account.parse())?).await? {
                match is_break_glass(&row.id) {
                    true => opened.break_glass = true,
                    false => opened.support = true,
                }
            }
        }
        Ok(opened)
    }

    /// The project of a break-glass or support session; none if there is no such.
    pub(crate) async fn project_of_exception(&self, id: &str) -> Result<Option<String>, Error> {
        let row = exception::Entity::find_by_id(id).one(self.inner.db.reader()).await?;
        Ok(row.map(|row| row.project))
    }

    /// When somebody saw a project's data by way of exception. It takes no permit: ids and times, for whoever may
    /// search the record of the project.
    pub async fn seen_by_exception(&self, project: &ProjectId) -> Result<Vec<Seen>, Error> {
        let here = exception::Column::Project.eq(project.to_string());
        let rows = exception::Entity::find().filter(here).all(self.inner.db.reader()).await?;
        rows.into_iter().filter_map(|row| self.seen_by(row).transpose()).collect()
    }

    /// The same of the permit's session; nothing if nobody let it in.
    pub async fn seen_by_session(&self, permit: &Permit<View, Support>) -> Result<Option<Seen>, Error> {
        self.seen_by(self.exception(self.inner.db.reader(), permit.one()?.as_str()).await?)
    }

    /// From where to where is what the record says.
    fn seen_by(&self, row: exception::Model) -> Result<Option<Seen>, Error> {
        let Some(until) = row.until else { return Ok(None) };
        let record = self.inner.audit.history(&row.id)?.events;
        let opens =
            |what: &What| matches!(what, What::BreakGlassOpened { .. } | What::SupportApproved { .. });
        let begun = record.iter().find(|one| opens(&one.event.what) && one.event.about.contains(&row.id));
        let Some(from) = begun.map(|one| one.position) else { return Ok(None) };
        let ends = |what: &What| match what {
            What::Decision { action, allowed: true, .. } => action == Action::EndException.as_str(),
            _ => false,
        };
        let asked: BTreeSet<u64> =
            record.iter().filter(|one| ends(&one.event.what)).map(|one| one.position).collect();
        let ended = |what: &What| match what {
            What::Outcome { decision, result: Outcome::Done, .. } => asked.contains(decision),
            _ => false,
        };
        let to = record.iter().filter(|one| ended(&one.event.what)).map(|one| one.position).min();
        // An end whose outcome a crash kept off the record is known to the second.
        let stored = row.ended_at.filter(|_| to.is_none());
        let until = moment(stored.map_or(until, |ended| ended.min(until)))?;
        let account = kept(row.account.parse())?;
        Ok(Some(Seen { id: row.id, account, from, to, until }))
    }

    /// Those that show data now.
    pub(crate) fn open_now(&self) -> Condition {
        Condition::all()
            .add(exception::Column::EndedAt.is_null())
            .add(exception::Column::Until.gt(self.inner.clock.now().as_second()))
    }

    /// Those of one kind, the newest first.
    pub(crate) async fn exceptions_of(
        &self,
        from: &impl ConnectionTrait,
        prefix: &str,
        which: Condition,
    ) -> Result<Vec<exception::Model>, Error> {
        let rows = exception::Entity::find()
            .filter(which)
            .filter(exception::Column::Id.starts_with(prefix))
            .order_by_desc(exception::Column::Since)
            .order_by_desc(exception::Column::Id);
        Ok(rows.all(from).await?)
    }

    /// The one of this id, as it stands in the transaction.
    pub(crate) async fn exception(
        &self,
        from: &impl ConnectionTrait,
        id: &str,
    ) -> Result<exception::Model, Error> {
        exception::Entity::find_by_id(id).one(from).await?.ok_or(Error::NotFound)
    }

    /// Keeps a new one.
    pub(crate) async fn keep_exception(&self, tx: &Tx, new: NewException<'_>) -> Result<(), Error> {
        let row = exception::ActiveModel {
            id: Set(new.id.to_owned()),
            project: Set(new.project.to_string()),
            account: Set(new.account.to_string()),
            since: Set(new.since.as_second()),
            until: Set(new.until.map(Timestamp::as_second)),
            ended_at: Set(None),
            judge: Set(None),
            judged_at: Set(None),
            justified: Set(None),
            reason: Set(new.reason.clone()),
        };
        exception::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(())
    }

    /// Notes who judged one, when, and what they found.
    pub(crate) async fn judge_exception(
        &self,
        tx: &Tx,
        id: &str,
        (by, at): (&UserId, Timestamp),
        (what, found): (exception::Column, Expr),
    ) -> Result<(), Error> {
        exception::Entity::update_many()
            .col_expr(exception::Column::Judge, Expr::value(by.to_string()))
            .col_expr(exception::Column::JudgedAt, Expr::value(at.as_second()))
            .col_expr(what, found)
            .filter(exception::Column::Id.eq(id))
            .exec(&**tx)
            .await?;
        Ok(())
    }

    /// Notes that one has ended and takes the role that it gave, on record. What it gave has ended with it anyway where
    /// the clock says so.
    pub(crate) async fn end_exception(&self, tx: &Tx, caller: &Caller, id: &str) -> Result<(), Error> {
        let now = self.inner.clock.now().as_second();
        exception::Entity::update_many()
            .col_expr(exception::Column::EndedAt, Expr::value(now))
            .filter(exception::Column::Id.eq(id))
            .exec(&**tx)
            .await?;
        self.take(caller, tx, Condition::all().add(grant::Column::Under.eq(id))).await?;
        Ok(())
    }

    /// Words as they go on record, under the project's key alone.
    pub(crate) async fn seal_words(
        &self,
        project: &ProjectId,
        words: &Sensitive<String>,
    ) -> Result<Sealed, Error> {
        let whose = Whose { project: project.clone(), subject: None };
        let Some(sealer) = self.sealer() else { return Ok(None) };
        Ok(sealer.seal(&whose, words).await?.map(|sealed| sealed.text))
    }

    /// When something ends that begins now and lasts so many hours.
    pub(crate) fn in_hours(&self, hours: u32) -> Timestamp {
        let seconds = i64::from(hours).saturating_mul(HOUR_SECONDS);
        let end = self.inner.clock.now().as_second().saturating_add(seconds);
        Timestamp::from_second(end).unwrap_or(Timestamp::MAX)
    }

    /// What the record has of one, from its beginning on; nothing if that is not the one of the database.
    ///
    /// INVARIANT (as-on-record): whoever judges one judges what the record says: whose it is, in which project, and what was
    /// found before. What was changed since in the database is nobody's to judge.
    pub(crate) fn recorded_of(
        &self,
        row: &exception::Model,
        begins: impl Fn(&What) -> bool,
    ) -> Result<Option<Vec<Recorded>>, Error> {
        let actor = Actor::User(kept(row.account.parse())?);
        let mut record = self.inner.audit.history(&row.id)?.events;
        record.retain(|one| one.event.about.contains(&row.id));
        let same = |Recorded { event, .. }: &Recorded| {
            begins(&event.what)
                && event.actor == actor
                && event.project.as_ref().is_some_and(|project| project.as_str() == row.project)
        };
        Ok(record.iter().any(same).then_some(record))
    }
}

/// What is kept of a new one.
pub(crate) struct NewException<'a> {
    pub id: &'a str,
    pub project: &'a ProjectId,
    pub account: &'a UserId,
    pub since: Timestamp,
    pub until: Option<Timestamp>,
    pub reason: &'a Sealed,
}

/// Whether an id is one of a break-glass or a support session.
pub(crate) fn is_exception(id: &str) -> bool {
    is_break_glass(id) || id.parse::<SupportId>().is_ok()
}

fn is_break_glass(id: &str) -> bool {
    id.parse::<BreakGlassId>().is_ok()
}

/// A moment that is stored.
pub(crate) fn moment(second: i64) -> Result<Timestamp, Error> {
    kept(Timestamp::from_second(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_site_sets_only_shortens() {
        let usual = Exceptions::default();
        assert_eq!(usual.checked().unwrap(), usual);
        assert!(Exceptions { break_glass_hours: 12, support_hours: 1, ..usual }.checked().is_ok());
        for wrong in [
            Exceptions { break_glass_hours: 13, ..usual },
            Exceptions { break_glass_hours: 0, ..usual },
            Exceptions { support_hours: 9, ..usual },
            Exceptions { break_glass_per_month: 0, ..usual },
        ] {
            let error = wrong.checked().unwrap_err();
            assert_eq!((error.code(), error.hint().is_some()), ("ACCESS-096", true));
        }
    }
}
