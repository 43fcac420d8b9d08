//! Who asks to use a dataset in another project, and how that stands.

use crate::agreement::check_party;
use crate::dataset::invalid;
use crate::sealed::{REASONS, REPORT, WHY, Words};
use crate::table::{application, person};
use crate::{Error, Sharing, kept, moment};
use access::Permit;
use access::thing::Project;
use access::verb::{Manage, View};
use audit::What;
use base::{ApplicationId, DatasetId, Id, ProjectId, Sensitive, Timestamp, UserId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};
use std::collections::{BTreeMap, BTreeSet};

/// People whom one application names at most.
const MOST: usize = 200;
/// Seconds that an approval lasts at most: 366 days.
const LONGEST: i64 = 366 * 24 * 3600;
/// Seconds after the first approval or the last report when the next report is due: 365 days.
const REPORT_AFTER: i64 = 365 * 24 * 3600;
/// Seconds that a report may be late.
pub(crate) const REPORT_WITHIN: i64 = 30 * 24 * 3600;

/// How an application stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody answered yet.
    Asked,
    /// A steward said yes.
    Approved,
    /// The same, and it is asked for longer.
    RenewalAsked,
    /// A steward said no, at first or later.
    Denied,
    /// The applicant gave it up.
    Ended,
}

impl State {
    const ALL: [Self; 5] = [Self::Asked, Self::Approved, Self::RenewalAsked, Self::Denied, Self::Ended];

    /// The word as written in answers and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Approved => "approved",
            Self::RenewalAsked => "renewal-asked",
            Self::Denied => "denied",
            Self::Ended => "ended",
        }
    }

    /// As people read it.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Asked => "not answered yet",
            Self::Approved => "approved already",
            Self::RenewalAsked => "approved, and its renewal not answered yet",
            Self::Denied => "denied",
            Self::Ended => "ended",
        }
    }

    /// Whether what was approved is in force.
    pub const fn is_approved(self) -> bool {
        matches!(self, Self::Approved | Self::RenewalAsked)
    }

    const fn is_open(self) -> bool {
        matches!(self, Self::Asked | Self::Approved | Self::RenewalAsked)
    }
}

/// An application to be made.
#[derive(Debug, Clone)]
pub struct NewApplication {
    /// What it asks for.
    pub dataset: DatasetId,
    /// Whom they belong to: 1 to 64 letters, digits or `. _ : / -`.
    pub party: String,
    /// Who uses it.
    pub people: BTreeSet<UserId>,
    /// Until when.
    pub until: Timestamp,
    /// Why, for who answers.
    pub why: Sensitive<String>,
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its id.
    pub id: ApplicationId,
    /// What it asks for.
    pub dataset: DatasetId,
    /// The project that answers.
    pub home: ProjectId,
    /// The project that it is used in.
    pub workspace: ProjectId,
    /// Who asked.
    pub applicant: UserId,
    /// Whom they belong to.
    pub party: String,
    /// Who uses it, each until a day of their own where a list of authorized people gave one.
    pub people: BTreeMap<UserId, Option<Timestamp>>,
    /// How it stands.
    pub state: State,
    /// Until when it is asked for.
    pub asked_until: Timestamp,
    /// Until when it was approved, if it was.
    pub until: Option<Timestamp>,
    /// What the approval covers of what terms leave to a person.
    pub reasons: BTreeSet<String>,
    /// When it was approved first.
    pub approved: Option<Timestamp>,
    /// When it was reported on last.
    pub reported: Option<Timestamp>,
    /// Why it was asked for last, for who answers.
    pub why: Option<Sensitive<String>>,
    /// What was reported on it last, for whoever lends.
    pub report: Option<Sensitive<String>>,
}

impl Application {
    /// Whom it names for longest, if anybody.
    pub fn longest(&self) -> Option<&UserId> {
        let longest = self.people.iter().max_by_key(|(_, until)| until.unwrap_or(Timestamp::MAX));
        longest.map(|(person, _)| person)
    }

    /// When the next report is due, if it was ever approved.
    pub fn report_due(&self) -> Option<Timestamp> {
        let last = self.approved?.max(self.reported.unwrap_or(Timestamp::UNIX_EPOCH));
        Timestamp::from_second(last.as_second().saturating_add(REPORT_AFTER)).ok()
    }

    /// What the record says of it: the word for how it stands, or for what was done.
    pub(crate) fn stands(&self, word: &str) -> What {
        let until = self.until.filter(|_| self.state == State::Approved).unwrap_or(self.asked_until);
        What::ApplicationStands { state: word.to_owned(), until, people: self.people.len() as u64 }
    }

    /// What that is about.
    pub(crate) fn about(&self) -> [String; 4] {
        [self.id.to_string(), self.dataset.to_string(), self.home.to_string(), self.workspace.to_string()]
    }

    /// Whether a report is so late that nothing is given until there is one.
    pub fn is_report_overdue(&self, now: Timestamp) -> bool {
        self.report_due().is_some_and(|due| now.as_second() >= due.as_second().saturating_add(REPORT_WITHIN))
    }
}

/// What a steward says yes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Until when.
    pub until: Timestamp,
    /// What terms leave to a person, as it was shown.
    pub reasons: BTreeSet<String>,
    /// The other datasets that the workspace was lent when it was looked at whether they go together.
    pub beside: BTreeSet<DatasetId>,
}

/// What an applicant changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Asks for it until then, and why; until that is answered it holds as before.
    Renew(Timestamp, Sensitive<String>),
    /// Reports on it, in words for whoever lends.
    Report(Sensitive<String>),
    /// Gives it up.
    End,
}

impl Sharing {
    /// Asks for a dataset, to use it in the permit's project. Whoever calls has looked whether it could hold.
    ///
    /// 1. The event is on record. 2. The application is stored. Crash in between: nothing is asked.
    pub async fn apply(
        &self,
        permit: &Permit<Manage, Project>,
        new: NewApplication,
    ) -> Result<Application, Error> {
        let workspace = permit.in_project()?;
        check_party(&new.party)?;
        check_people(&new.people)?;
        self.check_until(new.until)?;
        let dataset = self.dataset(&new.dataset).await?;
        if !dataset.is_open() {
            return Err(Error::Stands { what: "dataset", stands: "closed" });
        }
        if dataset.home == *workspace {
            return Err(invalid("workspace", "the dataset is this project's own"));
        }
        let applicant = permit.caller().user().cloned().ok_or(access::Error::NotSignedIn)?;
        let id = ApplicationId::mint(&*self.entropy);
        let made = Application {
            id,
            dataset: new.dataset,
            home: dataset.home,
            workspace: workspace.clone(),
            applicant,
            party: new.party,
            people: new.people.into_iter().map(|person| (person, None)).collect(),
            state: State::Asked,
            asked_until: whole(new.until)?,
            until: None,
            reasons: BTreeSet::new(),
            approved: None,
            reported: None,
            why: Some(new.why),
            report: None,
        };
        let tx = self.db.begin(permit.decision()).await?;
        if self.open_one(&tx, &made).await? {
            return Err(Error::Stands {
                what: "dataset",
                stands: "asked for by this project already, or was lent to it (`application renew`, or `end` that one)",
            });
        }
        let position = self.tell(permit, &made, made.state.as_str()).await?;
        let row = application::ActiveModel { position: Set(kept(position.try_into())?), ..self.row(&made)? };
        application::Entity::insert(row).exec_without_returning(&*tx).await?;
        put_people(&tx, &made).await?;
        permit.live()?;
        tx.commit().await?;
        Ok(made)
    }

    /// What a steward of the permit's project says to an application: yes, or no. No is said as long as it is open.
    ///
    /// INVARIANT (nobody-lends-to-themselves): who is named in an application does not say yes to it.
    pub async fn answer(
        &self,
        permit: &Permit<Manage, Project>,
        id: &ApplicationId,
        yes: Option<Approval>,
    ) -> Result<Application, Error> {
        let tx = self.db.begin(permit.decision()).await?;
        let mut found = self.read(&*tx, id).await?;
        if found.home != *permit.in_project()? {
            return Err(Error::NotFound);
        }
        match yes {
            Some(_) if !matches!(found.state, State::Asked | State::RenewalAsked) => {
                return Err(Error::Stands { what: "application", stands: found.state.words() });
            }
            Some(Approval { until, reasons, beside }) => {
                if permit.caller().person().is_none_or(|by| found.people.contains_key(by)) {
                    return Err(Error::OwnUse);
                }
                if self.beside(&tx, &found).await? != beside {
                    return Err(Error::Stands { what: "workspace", stands: "lent something else meanwhile" });
                }
                self.check_until(until)?;
                found.until = Some(whole(until)?);
                found.approved = found.approved.or(Some(whole(self.clock.now())?));
                found.reasons = reasons;
                found.state = State::Approved;
            }
            None if !found.state.is_open() => {
                return Err(Error::Stands { what: "application", stands: found.state.words() });
            }
            None => found.state = State::Denied,
        }
        self.store(permit, tx, found, None).await
    }

    /// What the applicant's project changes.
    pub async fn change(
        &self,
        permit: &Permit<Manage, Project>,
        id: &ApplicationId,
        change: Change,
    ) -> Result<Application, Error> {
        let tx = self.db.begin(permit.decision()).await?;
        let mut found = self.read(&*tx, id).await?;
        if found.workspace != *permit.in_project()? {
            return Err(Error::NotFound);
        }
        let fits = match change {
            Change::End => found.state.is_open(),
            Change::Renew(..) | Change::Report(_) => found.state.is_approved(),
        };
        if !fits {
            return Err(Error::Stands { what: "application", stands: found.state.words() });
        }
        let mut word = None;
        match change {
            Change::Renew(until, why) => {
                self.check_until(until)?;
                found.why = Some(why);
                found.asked_until = whole(until)?;
                // Whoever asks now is whose question is answered: nobody approves a renewal of their own.
                found.applicant = permit.caller().user().cloned().ok_or(access::Error::NotSignedIn)?;
                found.state = State::RenewalAsked;
            }
            Change::Report(words) => {
                found.report = Some(words);
                found.reported = Some(whole(self.clock.now())?);
                word = Some("reported");
            }
            Change::End => found.state = State::Ended,
        }
        self.store(permit, tx, found, word).await
    }

    /// Names other people, as a steward of the permit's project was told by whoever authorizes them. Nobody adds
    /// themselves.
    pub async fn name_people(
        &self,
        permit: &Permit<Manage, Project>,
        id: &ApplicationId,
        people: BTreeMap<UserId, Option<Timestamp>>,
    ) -> Result<Application, Error> {
        let tx = self.db.begin(permit.decision()).await?;
        let mut found = self.read(&*tx, id).await?;
        if found.home != *permit.in_project()? {
            return Err(Error::NotFound);
        }
        if !found.state.is_open() {
            return Err(Error::Stands { what: "application", stands: found.state.words() });
        }
        if people.len() > MOST {
            return Err(invalid("list of people", "200 are expected at most"));
        }
        let longer = |by: &UserId| people.get(by).is_some_and(|until| found.people.get(by) != Some(until));
        if permit.caller().person().is_none_or(longer) {
            return Err(Error::OwnUse);
        }
        found.people = people;
        person::Entity::delete_many().filter(person::Column::Application.eq(id.as_str())).exec(&*tx).await?;
        put_people(&tx, &found).await?;
        self.store(permit, tx, found, Some("people-changed")).await
    }

    /// The applications that the permit's project made or answers, the newest first.
    pub async fn applications(&self, permit: &Permit<View, Project>) -> Result<Vec<Application>, Error> {
        let project = permit.in_project()?.as_str();
        let ours = Condition::any()
            .add(application::Column::Home.eq(project))
            .add(application::Column::Workspace.eq(project));
        self.which(ours).await
    }

    /// An application by its id. For decisions, so it takes no permit: it shows nothing of anybody's data.
    pub async fn application(&self, id: &ApplicationId) -> Result<Application, Error> {
        self.read(self.db.reader(), id).await
    }

    /// Those whose approval is in force in a workspace, whether or not it gives anything now.
    pub async fn approved_in(&self, workspace: &ProjectId) -> Result<Vec<Application>, Error> {
        self.which(self.in_force_in(workspace)).await
    }

    fn in_force_in(&self, workspace: &ProjectId) -> Condition {
        approved()
            .add(application::Column::Workspace.eq(workspace.as_str()))
            .add(application::Column::ValidUntil.gt(self.clock.now().as_second()))
    }

    /// The datasets that a workspace is lent besides that of one application.
    async fn beside(&self, tx: &Tx, one: &Application) -> Result<BTreeSet<DatasetId>, Error> {
        let others =
            self.in_force_in(&one.workspace).add(application::Column::Dataset.ne(one.dataset.as_str()));
        let rows = application::Entity::find().filter(others).all(&**tx).await?;
        rows.into_iter().map(|row| kept(row.dataset.parse())).collect()
    }

    pub(crate) async fn which(&self, which: Condition) -> Result<Vec<Application>, Error> {
        let rows = application::Entity::find()
            .filter(which)
            .order_by_desc(application::Column::Position)
            .all(self.db.reader())
            .await?;
        let mut all = Vec::with_capacity(rows.len());
        for row in rows {
            all.push(self.with_people(self.db.reader(), row).await?);
        }
        Ok(all)
    }

    async fn read(
        &self,
        connection: &impl db::sea_orm::ConnectionTrait,
        id: &ApplicationId,
    ) -> Result<Application, Error> {
        let row = application::Entity::find_by_id(id.as_str()).one(connection).await?;
        self.with_people(connection, row.ok_or(Error::NotFound)?).await
    }

    pub(crate) async fn with_people(
        &self,
        connection: &impl db::sea_orm::ConnectionTrait,
        row: application::Model,
    ) -> Result<Application, Error> {
        let of_it = person::Column::Application.eq(row.id.clone());
        let people = person::Entity::find().filter(of_it).all(connection).await?;
        let words = Words::of(&self.db)?;
        let reasons = match &row.reasons {
            Some(sealed) => words.open(REASONS, &row.id, sealed)?.lines().map(str::to_owned).collect(),
            None => BTreeSet::new(),
        };
        Ok(Application {
            id: kept(row.id.parse())?,
            dataset: kept(row.dataset.parse())?,
            home: kept(row.home.parse())?,
            workspace: kept(row.workspace.parse())?,
            applicant: kept(row.applicant.parse())?,
            party: row.party,
            people: people.into_iter().map(named).collect::<Result<_, _>>()?,
            state: State::ALL.into_iter().find(|one| one.as_str() == row.state).ok_or(Error::Record)?,
            asked_until: moment(row.asked_until)?,
            until: row.valid_until.map(moment).transpose()?,
            reasons,
            approved: row.approved.map(moment).transpose()?,
            reported: row.reported.map(moment).transpose()?,
            why: row.why.map(|sealed| words.open(WHY, &row.id, &sealed)).transpose()?.map(Sensitive::new),
            report: row
                .report
                .map(|sealed| words.open(REPORT, &row.id, &sealed))
                .transpose()?
                .map(Sensitive::new),
        })
    }

    async fn open_one(&self, tx: &Tx, new: &Application) -> Result<bool, Error> {
        let same = Condition::all()
            .add(application::Column::Workspace.eq(new.workspace.as_str()))
            .add(application::Column::Dataset.eq(new.dataset.as_str()));
        let rows = application::Entity::find().filter(same).all(&**tx).await?;
        Ok(rows.iter().any(|row| State::ALL.iter().any(|one| one.is_open() && one.as_str() == row.state)))
    }

    /// Records how it stands now, and stores it. What takes away is stored whatever becomes of the permit meanwhile.
    async fn store(
        &self,
        permit: &Permit<Manage, Project>,
        tx: Tx,
        now: Application,
        word: Option<&str>,
    ) -> Result<Application, Error> {
        self.tell(permit, &now, word.unwrap_or(now.state.as_str())).await?;
        application::Entity::update(self.row(&now)?).exec(&*tx).await?;
        if now.state.is_approved() {
            permit.live()?;
        }
        tx.commit().await?;
        Ok(now)
    }

    async fn tell(
        &self,
        permit: &Permit<Manage, Project>,
        one: &Application,
        state: &str,
    ) -> Result<u64, Error> {
        let event = permit.event(one.stands(state)).in_project(Some(permit.in_project()?.clone()));
        Ok(self.audit.gate(&event.about(one.about())).await?.position)
    }

    /// All of it but its position.
    fn row(&self, one: &Application) -> Result<application::ActiveModel, Error> {
        let id = one.id.to_string();
        let reasons = match one.reasons.is_empty() {
            true => None,
            false => {
                let text = one.reasons.iter().cloned().collect::<Vec<_>>().join("\n");
                Some(Words::of(&self.db)?.seal(REASONS, &id, &text)?)
            }
        };
        let why = one.why.as_ref().map(|why| Words::of(&self.db)?.seal(WHY, &id, why.reveal()));
        let report = one.report.as_ref().map(|said| Words::of(&self.db)?.seal(REPORT, &id, said.reveal()));
        Ok(application::ActiveModel {
            dataset: Set(one.dataset.to_string()),
            home: Set(one.home.to_string()),
            workspace: Set(one.workspace.to_string()),
            applicant: Set(one.applicant.to_string()),
            party: Set(one.party.clone()),
            state: Set(one.state.as_str().to_owned()),
            asked_until: Set(one.asked_until.as_second()),
            valid_until: Set(one.until.map(|until| until.as_second())),
            reasons: Set(reasons),
            approved: Set(one.approved.map(|at| at.as_second())),
            reported: Set(one.reported.map(|at| at.as_second())),
            why: Set(why.transpose()?),
            report: Set(report.transpose()?),
            id: Set(id),
            ..Default::default()
        })
    }

    /// Whether an application may hold so long.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check_until(&self, until: Timestamp) -> Result<(), Error> {
        let left = until.as_second().saturating_sub(self.clock.now().as_second());
        if left <= 0 {
            return Err(invalid("end", "it has passed"));
        }
        if left > LONGEST {
            return Err(invalid("end", "an application holds for 366 days at most, and is renewed"));
        }
        Ok(())
    }
}

async fn put_people(tx: &Tx, one: &Application) -> Result<(), Error> {
    for (account, until) in &one.people {
        let row = person::ActiveModel {
            application: Set(one.id.to_string()),
            account: Set(account.to_string()),
            valid_until: Set(until.map(|until| until.as_second())),
        };
        person::Entity::insert(row).exec_without_returning(&**tx).await?;
    }
    Ok(())
}

fn named(row: person::Model) -> Result<(UserId, Option<Timestamp>), Error> {
    Ok((kept(row.account.parse())?, row.valid_until.map(moment).transpose()?))
}

/// Of applications: those that were approved, and neither denied nor given up since; their day may have passed.
pub(crate) fn approved() -> Condition {
    let states = [State::Approved.as_str(), State::RenewalAsked.as_str()];
    Condition::all().add(application::Column::State.is_in(states))
}

fn check_people(people: &BTreeSet<UserId>) -> Result<(), Error> {
    if people.is_empty() || people.len() > MOST {
        return Err(invalid("list of people", "1 to 200 are expected"));
    }
    Ok(())
}

fn whole(time: Timestamp) -> Result<Timestamp, Error> {
    moment(time.as_second())
}
