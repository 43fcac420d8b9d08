//! Which columns are sealed, and the sealing of rows from before they were.
//!
//! Sealed are the laboratory's own words for people, samples and files, what a sheet says of a person
//! (sex, status, specimen), and a project's name and consent reference. Labels are found by an index that
//! holds within their project, so that one person's label in two projects shows no connection.

use crate::table::{package_file, project, sample, subject};
use crate::{Catalog, Error};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};
use db::{Cell, Columns, Db, Tx};
use std::sync::Arc;

/// Rows that one transaction seals.
const BATCH: u64 = 500;
/// The mark of a row whose values are sealed.
pub(crate) const SEALED: i32 = 1;

const SUBJECT_LABEL: &str = "catalog_subject.label";
const SAMPLE_LABEL: &str = "catalog_sample.label";

/// Opens values of rows, and seals them.
#[derive(Clone)]
pub(crate) struct Words(Arc<Columns>);

/// What a project says in its own words.
pub(crate) struct ProjectWords {
    pub name: String,
    pub consent: String,
}

/// What a sheet says of a sample.
#[derive(Clone)]
pub(crate) struct SampleWords {
    pub label: String,
    pub sex: Option<String>,
    pub status: Option<String>,
    pub specimen_type: Option<String>,
}

impl Words {
    pub fn of(db: &Db) -> Result<Self, Error> {
        Ok(Self(db.columns()?))
    }

    pub fn project(&self, row: &project::Model) -> Result<ProjectWords, Error> {
        sealed(row.sealed)?;
        let open = |column, text| self.0.open(Cell { column, row: &row.id }, text);
        Ok(ProjectWords {
            name: open("catalog_project.name", &row.name)?,
            consent: open("catalog_project.consent", &row.consent)?,
        })
    }

    pub fn seal_project(&self, id: &str, words: &ProjectWords) -> Result<ProjectWords, Error> {
        let seal = |column, text| self.0.seal(Cell { column, row: id }, text);
        Ok(ProjectWords {
            name: seal("catalog_project.name", &words.name)?,
            consent: seal("catalog_project.consent", &words.consent)?,
        })
    }

    pub fn subject(&self, row: &subject::Model) -> Result<String, Error> {
        sealed(row.sealed)?;
        Ok(self.0.open(Cell { column: SUBJECT_LABEL, row: &row.id }, &row.label)?)
    }

    pub fn seal_subject(&self, id: &str, label: &str) -> Result<String, Error> {
        Ok(self.0.seal(Cell { column: SUBJECT_LABEL, row: id }, label)?)
    }

    /// Refuses a subject that was found by the index of `label` and has another: who administers the database can change
    /// an index, and the next reads would be another patient's.
    pub fn refuse_other_subject(&self, row: &subject::Model, label: &str) -> Result<(), Error> {
        sealed(row.sealed)?;
        same(&self.0.open(Cell { column: SUBJECT_LABEL, row: &row.id }, &row.label)?, label)
    }

    /// The same for a sample.
    pub fn refuse_other_sample(&self, row: &sample::Model, label: &str) -> Result<(), Error> {
        sealed(row.sealed)?;
        same(&self.0.open(Cell { column: SAMPLE_LABEL, row: &row.id }, &row.label)?, label)
    }

    pub fn subject_index(&self, project: &str, label: &str) -> Vec<u8> {
        self.0.index(SUBJECT_LABEL, project, label)
    }

    pub fn sample(&self, row: &sample::Model) -> Result<SampleWords, Error> {
        sealed(row.sealed)?;
        let open = |column, text: &Option<String>| {
            text.as_deref().map(|text| self.0.open(Cell { column, row: &row.id }, text)).transpose()
        };
        Ok(SampleWords {
            label: self.0.open(Cell { column: SAMPLE_LABEL, row: &row.id }, &row.label)?,
            sex: open("catalog_sample.sex", &row.sex)?,
            status: open("catalog_sample.status", &row.status)?,
            specimen_type: open("catalog_sample.specimen_type", &row.specimen_type)?,
        })
    }

    pub fn seal_sample(&self, id: &str, words: &SampleWords) -> Result<SampleWords, Error> {
        let seal = |column, text: &Option<String>| {
            text.as_deref().map(|text| self.0.seal(Cell { column, row: id }, text)).transpose()
        };
        Ok(SampleWords {
            label: self.0.seal(Cell { column: SAMPLE_LABEL, row: id }, &words.label)?,
            sex: seal("catalog_sample.sex", &words.sex)?,
            status: seal("catalog_sample.status", &words.status)?,
            specimen_type: seal("catalog_sample.specimen_type", &words.specimen_type)?,
        })
    }

    pub fn sample_index(&self, project: &str, label: &str) -> Vec<u8> {
        self.0.index(SAMPLE_LABEL, project, label)
    }

    pub fn file(&self, row: &package_file::Model) -> Result<String, Error> {
        sealed(row.sealed)?;
        Ok(self.0.open(file_cell(&file_row(&row.package, row.number)), &row.name)?)
    }

    pub fn seal_file(&self, package: &str, number: i32, name: &str) -> Result<String, Error> {
        Ok(self.0.seal(file_cell(&file_row(package, number)), name)?)
    }
}

fn same(found: &str, label: &str) -> Result<(), Error> {
    if found == label { Ok(()) } else { Err(db::Error::Sealed.into()) }
}

/// What is not sealed when the site is open is not read: somebody put it there.
fn sealed(mark: i32) -> Result<(), Error> {
    if mark == SEALED { Ok(()) } else { Err(Error::Record) }
}

fn file_row(package: &str, number: i32) -> String {
    format!("{package}/{number}")
}

fn file_cell(row: &str) -> Cell<'_> {
    Cell { column: "catalog_package_file.name", row }
}

impl Catalog {
    /// Seals rows from before there were sealed columns. Part of opening a site, before the first verb.
    /// It may stop between any two transactions, and the next start goes on. Gives how many there were.
    pub async fn seal_rows(&self) -> Result<u64, Error> {
        let mut all = 0;
        loop {
            let tx = self.db.begin_without_decision().await?;
            let some = self.seal_some(&tx).await?;
            tx.commit().await?;
            if some == 0 {
                break;
            }
            all += some;
        }
        if all > 0 {
            self.db.forget_deleted().await?;
        }
        Ok(all)
    }

    async fn seal_some(&self, tx: &Tx) -> Result<u64, Error> {
        let words = Words::of(&self.db)?;
        let mut done = 0;
        for row in
            project::Entity::find().filter(project::Column::Sealed.eq(0)).limit(BATCH).all(&**tx).await?
        {
            let plain = ProjectWords { name: row.name.clone(), consent: row.consent.clone() };
            let sealed = words.seal_project(&row.id, &plain)?;
            let mut row = row.into_active_model();
            (row.name, row.consent, row.sealed) = (Set(sealed.name), Set(sealed.consent), Set(SEALED));
            row.update(&**tx).await?;
            done += 1;
        }
        for row in
            subject::Entity::find().filter(subject::Column::Sealed.eq(0)).limit(BATCH).all(&**tx).await?
        {
            let sealed = words.seal_subject(&row.id, &row.label)?;
            let index = words.subject_index(&row.project, &row.label);
            let mut row = row.into_active_model();
            (row.label, row.label_index, row.sealed) = (Set(sealed), Set(Some(index)), Set(SEALED));
            row.update(&**tx).await?;
            done += 1;
        }
        Ok(done + self.seal_some_samples(tx, &words).await? + self.seal_some_files(tx, &words).await?)
    }

    async fn seal_some_samples(&self, tx: &Tx, words: &Words) -> Result<u64, Error> {
        let rows =
            sample::Entity::find().filter(sample::Column::Sealed.eq(0)).limit(BATCH).all(&**tx).await?;
        let done = rows.len() as u64;
        for row in rows {
            let plain = SampleWords {
                label: row.label.clone(),
                sex: row.sex.clone(),
                status: row.status.clone(),
                specimen_type: row.specimen_type.clone(),
            };
            let sealed = words.seal_sample(&row.id, &plain)?;
            let index = words.sample_index(&row.project, &row.label);
            let mut row = row.into_active_model();
            (row.label, row.label_index, row.sealed) = (Set(sealed.label), Set(Some(index)), Set(SEALED));
            (row.sex, row.status) = (Set(sealed.sex), Set(sealed.status));
            row.specimen_type = Set(sealed.specimen_type);
            row.update(&**tx).await?;
        }
        Ok(done)
    }

    async fn seal_some_files(&self, tx: &Tx, words: &Words) -> Result<u64, Error> {
        let plain = package_file::Entity::find().filter(package_file::Column::Sealed.eq(0));
        let rows = plain.limit(BATCH).all(&**tx).await?;
        let done = rows.len() as u64;
        for row in rows {
            let sealed = words.seal_file(&row.package, row.number, &row.name)?;
            let mut row = row.into_active_model();
            (row.name, row.sealed) = (Set(sealed), Set(SEALED));
            row.update(&**tx).await?;
        }
        Ok(done)
    }
}
