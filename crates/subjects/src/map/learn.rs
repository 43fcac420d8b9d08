//! What a sheet says of people: found again, or minted, and stored.

use super::{Kept, Known, Map, plain, remove, rows_of};
use crate::Error;
use crate::table::identity;
use access::Permit;
use access::thing::Project;
use access::verb::Split;
use audit::What;
use base::{Id, ProjectId, Sensitive, SubjectId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use std::collections::{BTreeMap, BTreeSet};

/// Kinds of which a person has one value.
const ONE: &[&str] = &[NAME, BIRTH];
/// The kind of a name.
pub const NAME: &str = "person-name";
/// The kind of a date of birth.
pub const BIRTH: &str = "birth-date";
/// The kind of what tells people apart for good.
pub const NUMBER: &str = "record-number";
/// The kind of the sender's own code of a patient.
pub const LABEL: &str = "label";
/// The kind of a sample's own label.
pub const SAMPLE: &str = "sample";
/// The kind of what nobody vouched for.
pub const OTHER: &str = "other";
/// Subjects that one event names.
const NAMED_AT_ONCE: usize = 200;
/// Values of one subject.
const MOST: usize = 1_000;

/// One thing that a sheet says of somebody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// What kind of value it is.
    pub kind: &'static str,
    /// The sheet's own name for its column.
    pub column: Sensitive<String>,
    /// The value.
    pub value: Sensitive<String>,
}

/// Somebody in a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The first row that speaks of them, from 1.
    pub row: usize,
    /// Their record number.
    pub number: Sensitive<String>,
    /// Everything that identifies them, the number too.
    pub facts: BTreeSet<Fact>,
}

/// Who the people of a sheet are, before it is stored.
pub struct Learned {
    /// The subject of each person, in the order of the sheet.
    pub subjects: Vec<SubjectId>,
    /// What stands in the place of samples' own labels, for each person.
    pub samples: Vec<BTreeMap<Sensitive<String>, String>>,
    /// What the map knew of each before.
    pub known: Vec<Vec<Known>>,
    /// Those that are new.
    pub fresh: BTreeSet<SubjectId>,
    /// Those of whom the map learns something.
    pub changed: BTreeSet<SubjectId>,
    rows: Vec<identity::ActiveModel>,
    /// Subjects that never came to be, whose numbers are taken again.
    gone: BTreeSet<SubjectId>,
}

impl Learned {
    /// Whether there is nothing that the map did not have.
    pub fn is_known(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Map {
    /// Finds the people of a sheet in the map, or mints them: their keys are made in `tx`, a transaction of the metadata
    /// database that carries out the permit's decision. Nothing is stored before [`Map::learn`].
    ///
    /// # Errors
    /// [`Error::Ambiguous`], with the row, where it is not clear who somebody is.
    pub async fn meet(
        &self,
        permit: &Permit<Split, Project>,
        tx: &Tx,
        issuer: &str,
        people: &[Person],
    ) -> Result<Learned, Error> {
        let mut learned = Learned {
            subjects: Vec::new(),
            samples: Vec::new(),
            known: Vec::new(),
            fresh: BTreeSet::new(),
            rows: Vec::new(),
            changed: BTreeSet::new(),
            gone: BTreeSet::new(),
        };
        let mut seen = BTreeMap::new();
        let mut asked = Vec::new();
        for person in people {
            let lookup = self.lookup(permit, issuer, person)?;
            if seen.insert(lookup.clone(), person.row).is_some() {
                let why = "the record number is that of another patient in the sheet";
                return Err(Error::Ambiguous { row: person.row, why });
            }
            asked.push((person, lookup));
        }
        self.record_found(permit, asked.iter().map(|(_, lookup)| lookup)).await?;
        for (person, lookup) in asked {
            self.meet_one(permit, tx, (person, lookup), &mut learned).await?;
        }
        Ok(learned)
    }

    /// Who is in the map already is told by the answer, so that stands on their chain before a value of theirs is opened.
    async fn record_found(
        &self,
        permit: &Permit<Split, Project>,
        lookups: impl Iterator<Item = &Vec<u8>>,
    ) -> Result<(), Error> {
        let mut found = Vec::new();
        for lookup in lookups {
            let row = identity::Entity::find().filter(identity::Column::Lookup.eq(lookup.clone()));
            found.extend(row.one(self.own.reader()).await?.map(|row| row.subject));
        }
        for some in found.chunks(NAMED_AT_ONCE) {
            let event = permit.event(What::IdentityRecorded {}).in_project(permit.project().cloned());
            self.audit.gate(&event.about(some.iter().cloned())).await?;
        }
        Ok(())
    }

    fn lookup(
        &self,
        permit: &Permit<Split, Project>,
        issuer: &str,
        person: &Person,
    ) -> Result<Vec<u8>, Error> {
        let number = plain(person.number.reveal());
        if number.is_empty() {
            return Err(Error::Ambiguous { row: person.row, why: "the patient has no record number" });
        }
        Ok(self.found_by.lookup(permit.in_project()?, issuer, &number))
    }

    async fn meet_one(
        &self,
        permit: &Permit<Split, Project>,
        tx: &Tx,
        (person, lookup): (&Person, Vec<u8>),
        learned: &mut Learned,
    ) -> Result<(), Error> {
        let found = identity::Entity::find().filter(identity::Column::Lookup.eq(lookup.clone()));
        let found = found.one(self.own.reader()).await?.map(|row| row.subject.parse::<SubjectId>());
        let mut found = found.transpose().map_err(|_| Error::Entry)?;
        if let Some(subject) = &found
            && !self.keys.without_key(&**tx, &BTreeSet::from([subject.clone()])).await?.is_empty()
        {
            // The map committed and the metadata database did not: nobody was ever told of them.
            learned.gone.insert(subject.clone());
            found = None;
        }
        let known = match &found {
            Some(subject) => self.known(permit, tx, subject).await?,
            None => Vec::new(),
        };
        let (fresh, mut lookup) = (found.is_none(), Some(lookup));
        let subject = match found {
            Some(subject) => subject,
            None => {
                let subject = SubjectId::mint(&*self.entropy);
                self.keys.create_subject_key(permit, tx, &subject).await?;
                learned.fresh.insert(subject.clone());
                subject
            }
        };
        let mut news = News { known, samples: BTreeMap::new(), added: Vec::new() };
        for fact in &person.facts {
            news.take(&subject, person.row, fact)?;
        }
        // A person stands in a sheet once, so all that is added of a subject is added here.
        for (number, kept) in (news.known.len() + 1..).zip(&news.added) {
            let number = i32::try_from(number).map_err(|_| Error::Entry)?;
            let is_number = [NUMBER, LABEL].contains(&kept.kind.as_str())
                && plain(&kept.value) == plain(person.number.reveal());
            // Whoever was found has it already.
            let own = if fresh && is_number { lookup.take() } else { None };
            let sealed = self.keys.seal_identity(permit, tx, &subject, &kept.to_text()?).await?;
            learned.rows.push(identity::ActiveModel {
                subject: Set(subject.to_string()),
                number: Set(number),
                project: Set(permit.in_project()?.to_string()),
                position: Set(0),
                lookup: Set(own),
                sealed: Set(sealed),
                code: Set(self.code_of(permit.in_project()?, kept)),
            });
            learned.changed.insert(subject.clone());
        }
        learned.known.push(news.known.into_iter().map(Known::from).collect());
        learned.subjects.push(subject);
        learned.samples.push(news.samples);
        Ok(())
    }

    /// Where the door finds what a sheet may call a patient by.
    pub(super) fn code_of(&self, project: &ProjectId, kept: &Kept) -> Option<Vec<u8>> {
        let called = [NUMBER, LABEL].contains(&kept.kind.as_str());
        called.then(|| self.found_by.code(project, &plain(&kept.value)))
    }

    async fn known(
        &self,
        permit: &Permit<Split, Project>,
        tx: &Tx,
        subject: &SubjectId,
    ) -> Result<Vec<Kept>, Error> {
        let mut known = Vec::new();
        for row in rows_of(self.own.reader(), subject).await? {
            let text = self.keys.open_identity(permit, &**tx, subject, &row.sealed).await?;
            known.push(Kept::read(&text)?);
        }
        Ok(known)
    }

    /// Stores who they are. `tx` is committed by the caller, at once.
    ///
    /// 1. The events are on record. 2. The map commits, at the position of the last. 3. The metadata database is told in
    ///    `tx` how far the map is. Crash before its commit: the rows of new subjects have no key, and go; what was learnt of
    ///    subjects whom the map had stays, as its event says.
    pub async fn learn(
        &self,
        permit: &Permit<Split, Project>,
        tx: &Tx,
        learned: &mut Learned,
    ) -> Result<(), Error> {
        let project = permit.in_project()?.clone();
        let changed: Vec<&SubjectId> = learned.changed.iter().collect();
        let mut position = 0;
        for some in changed.chunks(NAMED_AT_ONCE) {
            let event = permit.event(What::IdentityRecorded {}).in_project(Some(project.clone()));
            let event = event.about(some.iter().map(ToString::to_string));
            position = self.audit.gate(&event).await?.position;
        }
        let stored = i64::try_from(position).map_err(|_| Error::Entry)?;
        let own = self.own.begin(position).await?;
        remove(&own, &learned.gone).await?;
        for mut row in learned.rows.drain(..) {
            row.position = Set(stored);
            identity::Entity::insert(row).exec_without_returning(&*own).await?;
        }
        permit.live()?;
        own.commit().await?;
        super::reached(tx, stored).await
    }
}

/// Whether two columns tell of one day of birth; one of them may have the year alone.
fn is_one_birth(one: &str, other: &str) -> bool {
    let (one, other) = (plain(one), plain(other));
    let year = |text: &str| text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    one == other || (year(&one) && other.starts_with(&one)) || (year(&other) && one.starts_with(&other))
}

/// What a sheet says of somebody, beside what is known.
struct News {
    known: Vec<Kept>,
    samples: BTreeMap<Sensitive<String>, String>,
    added: Vec<Kept>,
}

impl News {
    fn all(&self) -> impl Iterator<Item = &Kept> {
        self.known.iter().chain(&self.added)
    }

    fn take(&mut self, subject: &SubjectId, row: usize, fact: &Fact) -> Result<(), Error> {
        let (column, value) = (fact.column.reveal().clone(), fact.value.reveal().trim().to_owned());
        let same = |kept: &&Kept| kept.kind == fact.kind && plain(&kept.value) == plain(&value);
        let other = |kept: &Kept| {
            kept.kind == fact.kind
                && match fact.kind {
                    BIRTH => !is_one_birth(&kept.value, &value),
                    _ => kept.column == column && plain(&kept.value) != plain(&value),
                }
        };
        if ONE.contains(&fact.kind) && self.all().any(other) {
            let why = match fact.kind {
                NAME => "a name of the patient is another than before, under the same record number",
                _ => "the patient's date of birth is another than before, under the same record number",
            };
            return Err(Error::Ambiguous { row, why });
        }
        if self.all().filter(|kept| kept.kind == NUMBER).any(|kept| plain(&kept.value) != plain(&value))
            && fact.kind == NUMBER
        {
            return Err(Error::Ambiguous { row, why: "the patient has two record numbers" });
        }
        let there = self.all().find(|kept| same(kept) && (fact.kind != SAMPLE || kept.value == value));
        if let Some(there) = there {
            if let Some(shown) = there.shown.clone() {
                self.samples.insert(fact.value.clone(), shown);
            }
            return Ok(());
        }
        if self.all().count() >= MOST {
            return Err(Error::Ambiguous { row, why: "more is said of the patient than the map takes" });
        }
        let shown = (fact.kind == SAMPLE).then(|| {
            let number = self.all().filter(|kept| kept.kind == SAMPLE).count() + 1;
            format!("{subject}-{number}")
        });
        if let Some(shown) = &shown {
            self.samples.insert(fact.value.clone(), shown.clone());
        }
        self.added.push(Kept { kind: fact.kind.to_owned(), column, value, shown });
        Ok(())
    }
}
