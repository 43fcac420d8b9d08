//! What the map has wrong of somebody, put right.

use super::learn::{BIRTH, LABEL, NAME, NUMBER};
use super::{Kept, Map, plain, remove, rows_of};
use crate::Error;
use crate::table::identity;
use access::Permit;
use access::thing::Subject;
use access::verb::Split;
use audit::What;
use base::{Sensitive, SubjectId};
use db::Tx;
use db::sea_orm::ActiveValue::{Set, Unchanged};
use db::sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};
use std::collections::BTreeSet;

/// What of somebody is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A name: the one of this column, where there are several.
    Name(Option<Sensitive<String>>),
    /// A date of birth, likewise.
    Birth(Option<Sensitive<String>>),
    /// The record number, by who gave it.
    Number(String),
}

impl Field {
    /// The word for it, as the map and the record have it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Name(_) => NAME,
            Self::Birth(_) => BIRTH,
            Self::Number(_) => NUMBER,
        }
    }
}

/// Entries that are about to be replaced. Nothing is stored before [`Map::correct`].
pub struct Wrong {
    kind: &'static str,
    rows: Vec<identity::ActiveModel>,
    /// Subjects that never came to be, whose number is taken.
    gone: BTreeSet<SubjectId>,
}

impl Wrong {
    /// How many entries say it.
    pub fn entries(&self) -> usize {
        self.rows.len()
    }
}

impl Map {
    /// Finds what says the wrong thing of the permit's subject, and seals what is right in its place. `tx` is a transaction
    /// of the metadata database that carries out the permit's decision: no sheet is learnt meanwhile.
    ///
    /// # Errors
    /// [`Error::NumberTaken`] where somebody else has the number, whoever that is.
    pub async fn find_wrong(
        &self,
        permit: &Permit<Split, Subject>,
        tx: &Tx,
        field: &Field,
        right: &Sensitive<String>,
    ) -> Result<Wrong, Error> {
        let subject = crate::consent::one_subject(permit)?;
        let known = self.known_of(permit, tx, subject).await?;
        let mut gone = BTreeSet::new();
        let (wrong, lookup) = match field {
            Field::Name(column) | Field::Birth(column) => (in_column(known, field.kind(), column)?, None),
            Field::Number(issuer) => {
                let number = plain(right.reveal());
                let lookup = self.found_by.lookup(permit.in_project()?, issuer, &number);
                let wrong = self.numbers(permit, issuer, known)?;
                gone = self.whose_number(tx, subject, &lookup).await?;
                (wrong, Some(lookup))
            }
        };
        let mut rows = Vec::with_capacity(wrong.len());
        for (row, kept) in wrong {
            let kept = Kept { value: right.reveal().clone(), ..kept };
            let sealed = self.keys.seal_identity(permit, tx, subject, &kept.to_text()?).await?;
            let found_by = row.lookup.and(lookup.clone());
            rows.push(identity::ActiveModel {
                subject: Unchanged(row.subject),
                number: Unchanged(row.number),
                lookup: Set(found_by),
                code: Set(self.code_of(permit.in_project()?, &kept)),
                sealed: Set(sealed),
                ..Default::default()
            });
        }
        Ok(Wrong { kind: field.kind(), rows, gone })
    }

    /// Everything that the map of the permit's project has of its subject, with where it stands.
    async fn known_of(
        &self,
        permit: &Permit<Split, Subject>,
        tx: &Tx,
        subject: &SubjectId,
    ) -> Result<Vec<(identity::Model, Kept)>, Error> {
        let project = permit.in_project()?;
        let rows = rows_of(self.own.reader(), subject).await?;
        let mut known = Vec::with_capacity(rows.len());
        for row in rows.into_iter().filter(|row| row.project == base::Id::as_str(project)) {
            let text = self.keys.open_identity(permit, &**tx, subject, &row.sealed).await?;
            known.push((row, Kept::read(&text)?));
        }
        if known.is_empty() { Err(Error::NotFound) } else { Ok(known) }
    }

    /// The entries that say the record number: those of that kind, and the sender's code where it is the same.
    fn numbers(
        &self,
        permit: &Permit<Split, Subject>,
        issuer: &str,
        known: Vec<(identity::Model, Kept)>,
    ) -> Result<Vec<(identity::Model, Kept)>, Error> {
        let found = known.iter().find(|(row, _)| row.lookup.is_some());
        let (row, kept) = found.ok_or(Error::NothingToCorrect)?;
        let old = plain(&kept.value);
        // Whoever mistook the issuer would make somebody whom nobody finds again.
        if row.lookup.as_ref() != Some(&self.found_by.lookup(permit.in_project()?, issuer, &old)) {
            let why = "the record number of this subject is of another issuer".to_owned();
            return Err(Error::Invalid { field: "issuer", why });
        }
        let says = |kept: &Kept| kept.kind == NUMBER || (kept.kind == LABEL && plain(&kept.value) == old);
        Ok(known.into_iter().filter(|(_, kept)| says(kept)).collect())
    }

    /// INVARIANT (one-number-one-person): a number that somebody else has is refused. Gives whoever has it and never came
    /// to be.
    async fn whose_number(
        &self,
        tx: &Tx,
        subject: &SubjectId,
        lookup: &[u8],
    ) -> Result<BTreeSet<SubjectId>, Error> {
        let other = identity::Entity::find()
            .filter(identity::Column::Lookup.eq(lookup.to_vec()))
            .filter(identity::Column::Subject.ne(base::Id::as_str(subject)));
        let Some(other) = other.one(self.own.reader()).await? else { return Ok(BTreeSet::new()) };
        let other = BTreeSet::from([other.subject.parse::<SubjectId>().map_err(|_| Error::Entry)?]);
        let gone = self.keys.without_key(&**tx, &other).await?;
        if gone == other { Ok(gone) } else { Err(Error::NumberTaken) }
    }

    /// Puts what is right in the place of what was wrong. `tx` is committed by the caller, at once, and
    /// [`Map::forget_replaced`] follows.
    ///
    /// 1. The event is on record. 2. The map commits, at its position: the old value is overwritten. 3. The metadata database
    ///    is told in `tx` how far the map is. Crash before 2: nothing changed, and the outcome is missing. Before 3: it is corrected.
    pub async fn correct(&self, permit: &Permit<Split, Subject>, tx: &Tx, wrong: Wrong) -> Result<(), Error> {
        let subject = crate::consent::one_subject(permit)?;
        let Wrong { kind, rows, gone } = wrong;
        let event = permit.event(What::IdentityCorrected { field: kind.to_owned() });
        let event = event.in_project(permit.project().cloned()).about([subject.to_string()]);
        let position = self.audit.gate(&event).await?.position;
        let stored = i64::try_from(position).map_err(|_| Error::Entry)?;
        let own = self.own.begin(position).await?;
        remove(&own, &gone).await?;
        for mut row in rows {
            row.position = Set(stored);
            row.update(&*own).await?;
        }
        permit.live()?;
        own.commit().await?;
        super::reached(tx, stored).await
    }

    /// Wipes what was replaced from the file's log as well. After the commit.
    pub async fn forget_replaced(&self) -> Result<(), Error> {
        Ok(self.own.forget_deleted().await?)
    }
}

/// The one entry of a kind, or that of a column.
fn in_column(
    known: Vec<(identity::Model, Kept)>,
    kind: &str,
    column: &Option<Sensitive<String>>,
) -> Result<Vec<(identity::Model, Kept)>, Error> {
    let named = |kept: &Kept| column.as_ref().is_none_or(|column| *column.reveal() == kept.column);
    let found: Vec<_> = known.into_iter().filter(|(_, kept)| kept.kind == kind && named(kept)).collect();
    match found.len() {
        0 => Err(Error::NothingToCorrect),
        1 => Ok(found),
        _ => {
            let why = "the map has several of this subject, from several columns; say which".to_owned();
            Err(Error::Invalid { field: "column", why })
        }
    }
}
