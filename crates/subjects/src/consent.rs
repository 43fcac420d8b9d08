//! Consents, their withdrawal and review.

use crate::sealed::{FORM, TERMS, Words};
use crate::standing::{Standing, needs_review};
use crate::table::statement;
use crate::{Error, Subjects};
use access::Permit;
use access::thing::{Project, Subject};
use access::verb::{Manage, Sees, View};
use audit::What;
use base::{ConsentId, Id, ProjectId, Sha256, SubjectId, Timestamp};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use db::{Db, Tx};
use policy::terms::Terms;
use std::collections::{BTreeMap, BTreeSet};

/// Most statements of one subject in a project: more are a mistake of whoever feeds them in.
const MOST: usize = 1_000;
/// Characters of a form's name.
const LONGEST_FORM: usize = 32;

/// The words of rows.
const GIVEN: &str = "given";
pub(crate) const WITHDRAWN: &str = "withdrawn";
const REVIEWED: &str = "reviewed";

/// A consent to be recorded.
#[derive(Debug, Clone)]
pub struct NewConsent {
    /// The form that was signed, with its version: 1 to 32 letters, digits or `. _ -`.
    pub form: String,
    /// What it allows.
    pub terms: Terms,
    /// SHA-256 of the signed document, which stays where it is kept.
    pub document: Sha256,
    /// From when it holds; from now when absent.
    pub from: Option<Timestamp>,
    /// Until when; without end when absent.
    pub until: Option<Timestamp>,
}

/// A consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Its id.
    pub id: ConsentId,
    /// The form that was signed, with its version.
    pub form: String,
    /// What it allows.
    pub terms: Terms,
    /// SHA-256 of the signed document.
    pub document: Sha256,
    /// From when it holds.
    pub from: Timestamp,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// What was said about a subject's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A consent was given. It takes the place of what was said before.
    Given(Box<Consent>),
    /// All use was forbidden.
    Withdrawn,
    /// A steward looked at what had changed, and at what is there.
    Reviewed,
}

/// A statement, as it stands on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The ledger position of its event.
    pub position: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// What was said.
    pub said: Said,
}

impl NewConsent {
    fn check(&self, now: Timestamp) -> Result<(), Error> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if self.form.is_empty() || self.form.len() > LONGEST_FORM || !self.form.bytes().all(fits) {
            let why =
                format!("1 to {LONGEST_FORM} letters, digits or . _ - are expected, such as `broad-2.1`");
            return Err(Error::Invalid { field: "form of a consent", why });
        }
        if self.until.is_some_and(|until| until <= self.from.unwrap_or(now).max(now)) {
            return Err(Error::Invalid {
                field: "end of a consent",
                why: "it has passed, or comes before the beginning".into(),
            });
        }
        Ok(())
    }
}

impl Subjects {
    /// Records a consent of the permit's subject.
    ///
    /// 1. The event is on record. 2. The statement is stored. Crash in between: the record has a consent that the
    ///    site does not know of, and its decision ends as `unknown`; nothing is used for it.
    pub async fn give(&self, permit: &Permit<Manage, Subject>, new: NewConsent) -> Result<Consent, Error> {
        permit.live()?;
        let now = self.clock.now();
        new.check(now)?;
        let id = ConsentId::mint(&*self.entropy);
        let NewConsent { form, terms, document, from, until } = new;
        let from = whole(from.unwrap_or(now))?;
        let made = Consent { id, form, terms, document, from, until: until.map(whole).transpose()? };
        self.say(permit, Said::Given(Box::new(made.clone())), |_| Ok(())).await?;
        Ok(made)
    }

    /// Records that the permit's subject forbids all use, also where no consent of theirs is recorded.
    ///
    /// The next decision knows it; work that is under way asks again within 20 s.
    pub async fn withdraw(&self, permit: &Permit<Manage, Subject>) -> Result<Vec<Statement>, Error> {
        self.say(permit, Said::Withdrawn, |before| match before.last().map(|one| &one.said) {
            Some(Said::Withdrawn) => Err(Error::Withdrawn),
            _ => Ok(()),
        })
        .await
    }

    /// Records that somebody looked at what had changed, up to the statement at `newest`: what is there may be used as
    /// the newest consent says.
    pub async fn review(
        &self,
        permit: &Permit<Manage, Subject>,
        newest: u64,
    ) -> Result<Vec<Statement>, Error> {
        self.say(permit, Said::Reviewed, |before| match before.last() {
            Some(last) if needs_review(before) && last.position == newest => Ok(()),
            Some(_) if needs_review(before) => Err(Error::OtherReasons),
            _ => Err(Error::NothingToReview),
        })
        .await
    }

    async fn say(
        &self,
        permit: &Permit<Manage, Subject>,
        said: Said,
        fits: impl FnOnce(&[Statement]) -> Result<(), Error>,
    ) -> Result<Vec<Statement>, Error> {
        let (project, subject) = (permit.in_project()?, one_subject(permit)?);
        let tx = self.db.begin(permit.decision()).await?;
        let mut all = statements(&self.db, &*tx, project, subject).await?;
        if all.len() >= MOST && said != Said::Withdrawn {
            return Err(Error::Invalid {
                field: "number of statements",
                why: format!("a subject has {MOST} statements at most"),
            });
        }
        fits(&all)?;
        let event = permit.event(event_of(&said)).in_project(Some(project.clone()));
        let named = match &said {
            Said::Given(consent) => vec![subject.to_string(), consent.id.to_string()],
            _ => vec![subject.to_string()],
        };
        let position = self.audit.gate(&event.about(named)).await?.position;
        let at = whole(self.clock.now())?;
        let row = row_of(&Words::of(&self.db)?, position, (project, subject), &said, at)?;
        statement::Entity::insert(row).exec_without_returning(&*tx).await?;
        // It is on record now: what ends the permit meanwhile must not keep a withdrawal from taking effect.
        tx.commit().await?;
        all.push(Statement { position, at, said });
        Ok(all)
    }

    /// What was said about the permit's subject, oldest first.
    pub async fn statements(&self, permit: &Permit<View, Subject>) -> Result<Vec<Statement>, Error> {
        statements(&self.db, self.db.reader(), permit.in_project()?, one_subject(permit)?).await
    }

    /// How it stands with those subjects of the permit's project of whom something was said.
    pub async fn standings<V: Sees>(
        &self,
        permit: &Permit<V, Project>,
    ) -> Result<BTreeMap<SubjectId, Standing>, Error> {
        self.standings_in(permit.in_project()?).await
    }

    /// Apart from the permit's kind, so that it is compiled once.
    async fn standings_in(&self, project: &ProjectId) -> Result<BTreeMap<SubjectId, Standing>, Error> {
        let of_project = statement::Column::Project.eq(project.as_str());
        let rows = statement::Entity::find().filter(of_project).order_by_asc(statement::Column::Position);
        let words = Words::of(&self.db)?;
        let mut said: BTreeMap<SubjectId, Vec<Statement>> = BTreeMap::new();
        for row in rows.all(self.db.reader()).await? {
            let subject: SubjectId = kept(row.subject.parse())?;
            said.entry(subject).or_default().push(from_row(&words, row)?);
        }
        let now = self.clock.now();
        Ok(said.into_iter().map(|(subject, said)| (subject, Standing::of(said, now))).collect())
    }

    /// How it stands with one subject. For decisions, so it takes no permit: it names nobody.
    pub async fn standing(&self, project: &ProjectId, subject: &SubjectId) -> Result<Standing, Error> {
        let said = statements(&self.db, self.db.reader(), project, subject).await?;
        Ok(Standing::of(said, self.clock.now()))
    }
}

/// The subjects of a project of whom something was said, as `tx` sees it. Ids alone, so it takes no permit.
pub async fn said_of(tx: &Tx, project: &ProjectId) -> Result<BTreeSet<SubjectId>, Error> {
    let rows: Vec<String> = statement::Entity::find()
        .filter(statement::Column::Project.eq(project.as_str()))
        .select_only()
        .column(statement::Column::Subject)
        .distinct()
        .into_tuple()
        .all(&**tx)
        .await?;
    rows.iter().map(|subject| kept(subject.parse())).collect()
}

/// The subjects of a project who forbid all use of their data, as `tx` sees it. Ids alone, so it takes no permit.
pub async fn withdrawn_of(tx: &Tx, project: &ProjectId) -> Result<BTreeSet<SubjectId>, Error> {
    let rows: Vec<(String, String)> = statement::Entity::find()
        .filter(statement::Column::Project.eq(project.as_str()))
        .filter(statement::Column::Said.ne(REVIEWED))
        .order_by_asc(statement::Column::Position)
        .select_only()
        .columns([statement::Column::Subject, statement::Column::Said])
        .into_tuple()
        .all(&**tx)
        .await?;
    let newest: BTreeMap<String, String> = rows.into_iter().collect();
    let withdrawn = newest.into_iter().filter(|(_, said)| said == WITHDRAWN);
    withdrawn.map(|(subject, _)| kept(subject.parse())).collect()
}

pub(crate) fn one_subject<V: access::verb::Verb>(permit: &Permit<V, Subject>) -> Result<&SubjectId, Error> {
    match permit.things().iter().collect::<Vec<_>>().as_slice() {
        [subject] => Ok(subject),
        _ => Err(Error::NotFound),
    }
}

async fn statements<C: ConnectionTrait>(
    db: &Db,
    connection: &C,
    project: &ProjectId,
    subject: &SubjectId,
) -> Result<Vec<Statement>, Error> {
    let rows = statement::Entity::find()
        .filter(statement::Column::Project.eq(project.as_str()))
        .filter(statement::Column::Subject.eq(subject.as_str()))
        .order_by_asc(statement::Column::Position)
        .all(connection)
        .await?;
    let words = Words::of(db)?;
    rows.into_iter().map(|row| from_row(&words, row)).collect()
}

fn event_of(said: &Said) -> What {
    match said {
        Said::Given(consent) => {
            What::ConsentGiven { document: consent.document, since: consent.from, until: consent.until }
        }
        Said::Withdrawn => What::ConsentWithdrawn {},
        Said::Reviewed => What::UseReviewed {},
    }
}

fn row_of(
    words: &Words,
    position: u64,
    (project, subject): (&ProjectId, &SubjectId),
    said: &Said,
    now: Timestamp,
) -> Result<statement::ActiveModel, Error> {
    let bare = |word| bare_row(position, (project, subject), word, now);
    match said {
        Said::Withdrawn => bare(WITHDRAWN),
        Said::Reviewed => bare(REVIEWED),
        Said::Given(consent) => Ok(statement::ActiveModel {
            consent: Set(Some(consent.id.to_string())),
            form: Set(Some(words.seal(FORM, position, &consent.form)?)),
            terms: Set(Some(words.seal(TERMS, position, &consent.terms.to_string())?)),
            document: Set(Some(consent.document.to_string())),
            valid_from: Set(Some(consent.from.as_second())),
            valid_until: Set(consent.until.map(Timestamp::as_second)),
            ..bare(GIVEN)?
        }),
    }
}

/// A statement that says one word and nothing more.
pub(crate) fn bare_row(
    position: u64,
    (project, subject): (&ProjectId, &SubjectId),
    word: &str,
    at: Timestamp,
) -> Result<statement::ActiveModel, Error> {
    Ok(statement::ActiveModel {
        position: Set(kept(position.try_into())?),
        project: Set(project.to_string()),
        subject: Set(subject.to_string()),
        said: Set(word.to_owned()),
        at: Set(at.as_second()),
        consent: Set(None),
        form: Set(None),
        terms: Set(None),
        document: Set(None),
        valid_from: Set(None),
        valid_until: Set(None),
    })
}

fn from_row(words: &Words, row: statement::Model) -> Result<Statement, Error> {
    let position: u64 = kept(row.position.try_into())?;
    let said = match row.said.as_str() {
        WITHDRAWN => Said::Withdrawn,
        REVIEWED => Said::Reviewed,
        GIVEN => Said::Given(Box::new(Consent {
            id: text(row.consent)?,
            form: words.open(FORM, position, row.form)?,
            terms: kept(Terms::parse(&words.open(TERMS, position, row.terms)?))?,
            document: text(row.document)?,
            from: kept(Timestamp::from_second(row.valid_from.ok_or(Error::Record)?))?,
            until: row.valid_until.map(|until| kept(Timestamp::from_second(until))).transpose()?,
        })),
        _ => return Err(Error::Record),
    };
    Ok(Statement { position, at: kept(Timestamp::from_second(row.at))?, said })
}

/// Times are kept by the second.
fn whole(time: Timestamp) -> Result<Timestamp, Error> {
    kept(Timestamp::from_second(time.as_second()))
}

fn text<T: std::str::FromStr>(text: Option<String>) -> Result<T, Error> {
    kept(text.ok_or(Error::Record)?.parse())
}

pub(crate) fn kept<T, E>(read: Result<T, E>) -> Result<T, Error> {
    read.map_err(|_| Error::Record)
}
