//! What is on its way through the door: a package of files, seen by nobody until it is whole.

use crate::project::invalid;
use crate::sealed::{SEALED, SampleWords, Words};
use crate::table::{package, package_file, readset, sample, subject};
use crate::{Catalog, Error};
use access::Permit;
use access::thing;
use access::verb::{Sees, Verb, Write};
use base::{Id, ObjectId, PackageId, ProjectId, ReadsetId, SampleId, Sensitive, SubjectId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Query;
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use std::collections::BTreeMap;

/// One row of the sheet, already checked and screened.
#[derive(Debug, Clone)]
pub struct NewRow {
    /// Its number in the sheet, from 1.
    pub row: usize,
    /// The sheet's own word for the person.
    pub subject: Sensitive<String>,
    /// The sheet's own word for the sample.
    pub sample: Sensitive<String>,
    /// The lane.
    pub lane: String,
    /// First and second file of the pair: name and digest in hexadecimal.
    pub files: [(Sensitive<String>, String); 2],
    /// Sex, if stated.
    pub sex: Option<String>,
    /// Status, if stated.
    pub status: Option<String>,
    /// Specimen type, if stated.
    pub specimen_type: Option<String>,
}

/// A package.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its id.
    pub id: PackageId,
    /// Its project.
    pub project: ProjectId,
    /// Whether its readsets are visible.
    pub committed: bool,
    /// Its files in the order of the sheet.
    pub files: Vec<PackageFile>,
}

/// A file of a package.
#[derive(Debug, Clone)]
pub struct PackageFile {
    /// Its number in the package, from 0.
    pub number: u32,
    /// The sheet's row, from 1.
    pub row: usize,
    /// 1 or 2: which of the pair.
    pub mate: u8,
    /// The name that the sheet gives it.
    pub name: Sensitive<String>,
    /// The generator's digest, hexadecimal.
    pub digest: String,
    /// The subject it comes from.
    pub subject: SubjectId,
    /// The sample it belongs to.
    pub sample: SampleId,
    /// The readset it will be part of.
    pub readset: ReadsetId,
    /// Whether it has arrived.
    pub state: FileState,
}

/// Whether a file has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// Not yet.
    Expected,
    /// Whole, verified and sealed.
    Sealed {
        /// The object.
        object: ObjectId,
        /// The checker's verdict, as JSON.
        verdict: String,
    },
}

impl Catalog {
    /// The package with these bytes of sheet and manifest, if it was begun before.
    pub async fn find_package(
        &self,
        permit: &Permit<Write, thing::Project>,
        digest: &str,
    ) -> Result<Option<Package>, Error> {
        let project = permit.in_project()?;
        let row = package::Entity::find()
            .filter(package::Column::Project.eq(project.to_string()))
            .filter(package::Column::Digest.eq(digest))
            .one(self.db.reader())
            .await?;
        match row {
            Some(row) => Ok(Some(read_package(&Words::of(&self.db)?, self.db.reader(), row).await?)),
            None => Ok(None),
        }
    }

    /// The package with this id, if it belongs to the permit's project.
    pub async fn package(
        &self,
        permit: &Permit<Write, thing::Project>,
        id: &PackageId,
    ) -> Result<Package, Error> {
        let project = permit.in_project()?;
        let row = package::Entity::find_by_id(id.as_str()).one(self.db.reader()).await?;
        let row = row.filter(|row| row.project == project.as_str()).ok_or(Error::NotFound)?;
        read_package(&Words::of(&self.db)?, self.db.reader(), row).await
    }

    /// What the generator said of the objects that the permit covers, in hexadecimal; an object that came in otherwise is
    /// left out.
    pub async fn generator_digests<V: Verb>(
        &self,
        permit: &Permit<V, thing::Object>,
    ) -> Result<BTreeMap<ObjectId, String>, Error> {
        permit.live()?;
        let those = package_file::Column::Object.is_in(permit.things().iter().map(Id::as_str));
        let rows = package_file::Entity::find().filter(those).all(self.db.reader()).await?;
        let read = |row: package_file::Model| {
            let object = row.object.ok_or(Error::Record)?.parse().map_err(|_| Error::Record)?;
            Ok((object, row.digest))
        };
        rows.into_iter().map(read).collect()
    }

    /// The names that sheets gave the files of the permit's project: package, number and name.
    pub async fn file_names<V: Sees>(
        &self,
        permit: &Permit<V, thing::Project>,
    ) -> Result<Vec<(PackageId, i32, Sensitive<String>)>, Error> {
        self.file_names_in(permit.in_project()?).await
    }

    /// Apart from the permit's kind, so that it is compiled once.
    async fn file_names_in(
        &self,
        project: &ProjectId,
    ) -> Result<Vec<(PackageId, i32, Sensitive<String>)>, Error> {
        let own = Query::select()
            .column(package::Column::Id)
            .from(package::Entity)
            .and_where(package::Column::Project.eq(project.as_str()))
            .to_owned();
        let rows = package_file::Entity::find()
            .filter(package_file::Column::Package.in_subquery(own))
            .all(self.db.reader())
            .await?;
        let words = Words::of(&self.db)?;
        let read = |row: package_file::Model| {
            let name = Sensitive::new(words.file(&row)?);
            Ok((row.package.parse().map_err(|_| Error::Record)?, row.number, name))
        };
        rows.into_iter().map(read).collect()
    }

    /// Begins a package: mints the ids of new subjects, samples and readsets. Gives the package
    /// and the subjects that are new, whose keys the caller makes in the same transaction.
    pub async fn begin_package(
        &self,
        permit: &Permit<Write, thing::Project>,
        tx: &Tx,
        digest: &str,
        rows: &[NewRow],
    ) -> Result<(Package, Vec<SubjectId>), Error> {
        let project = permit.in_project()?;
        let words = Words::of(&self.db)?;
        let id = PackageId::mint(&*self.entropy);
        let row = package::ActiveModel {
            id: Set(id.to_string()),
            project: Set(project.to_string()),
            digest: Set(digest.to_owned()),
            state: Set("open".to_owned()),
            created_at: Set(self.clock.now().to_string()),
        };
        package::Entity::insert(row).exec_without_returning(&**tx).await?;
        let mut fresh = Vec::new();
        let mut number = 0;
        for row in rows {
            let subject = self.subject(tx, project, row, &mut fresh).await?;
            let sample = self.sample_in(tx, project, &subject, row).await?;
            refuse_second_readset(tx, sample.as_str(), &row.lane, row.row).await?;
            let readset = ReadsetId::mint(&*self.entropy);
            for (mate, (name, digest)) in (1..).zip(&row.files) {
                let file = package_file::ActiveModel {
                    package: Set(id.to_string()),
                    number: Set(number),
                    sheet_row: Set(i32::try_from(row.row).map_err(|_| Error::Record)?),
                    mate: Set(mate),
                    name: Set(words.seal_file(id.as_str(), number, name.reveal())?),
                    digest: Set(digest.clone()),
                    sample: Set(sample.to_string()),
                    lane: Set(row.lane.clone()),
                    readset: Set(readset.to_string()),
                    object: Set(None),
                    verdict: Set(None),
                    sealed: Set(SEALED),
                };
                package_file::Entity::insert(file).exec_without_returning(&**tx).await?;
                number += 1;
            }
        }
        let row = package::Entity::find_by_id(id.as_str()).one(&**tx).await?.ok_or(Error::Record)?;
        Ok((read_package(&words, &**tx, row).await?, fresh))
    }

    /// Notes that a file of the package, which is of the permit's project and open, arrived whole and is
    /// sealed as `object`.
    pub async fn file_sealed(
        &self,
        permit: &Permit<Write, thing::Project>,
        tx: &Tx,
        package: &PackageId,
        number: u32,
        object: &ObjectId,
        verdict: &str,
    ) -> Result<(), Error> {
        open_package(permit, tx, package).await?;
        let number = i32::try_from(number).map_err(|_| Error::NotFound)?;
        let row = package_file::Entity::find_by_id((package.to_string(), number)).one(&**tx).await?;
        let mut row: package_file::ActiveModel = row.ok_or(Error::NotFound)?.into();
        row.object = Set(Some(object.to_string()));
        row.verdict = Set(Some(verdict.to_owned()));
        package_file::Entity::update(row).exec(&**tx).await?;
        Ok(())
    }

    /// Makes the readsets of a whole package of the permit's project visible. `counts` gives reads and
    /// bases of each readset, in both files together.
    pub async fn commit_package(
        &self,
        permit: &Permit<Write, thing::Project>,
        tx: &Tx,
        package: &Package,
        counts: &[(ReadsetId, u64, u64)],
    ) -> Result<(), Error> {
        let row = open_package(permit, tx, &package.id).await?;
        let missing = package.files.iter().filter(|f| f.state == FileState::Expected).count();
        if missing > 0 {
            return Err(Error::Missing(missing));
        }
        for (id, reads, bases) in counts {
            self.insert_readset(tx, package, id, *reads, *bases).await?;
        }
        let mut row: package::ActiveModel = row.into();
        row.state = Set("committed".to_owned());
        package::Entity::update(row).exec(&**tx).await?;
        Ok(())
    }

    async fn insert_readset(
        &self,
        tx: &Tx,
        package: &Package,
        id: &ReadsetId,
        reads: u64,
        bases: u64,
    ) -> Result<(), Error> {
        let object = |mate: u8| {
            let file = package.files.iter().find(|f| f.readset == *id && f.mate == mate);
            match file.map(|f| &f.state) {
                Some(FileState::Sealed { object, .. }) => Ok(object.to_string()),
                _ => Err(Error::Record),
            }
        };
        let file = package_file::Entity::find()
            .filter(package_file::Column::Package.eq(package.id.to_string()))
            .filter(package_file::Column::Readset.eq(id.to_string()))
            .one(&**tx)
            .await?
            .ok_or(Error::Record)?;
        let row = usize::try_from(file.sheet_row).map_err(|_| Error::Record)?;
        refuse_second_readset(tx, &file.sample, &file.lane, row).await?;
        let row = readset::ActiveModel {
            id: Set(id.to_string()),
            sample: Set(file.sample),
            lane: Set(file.lane),
            object_1: Set(object(1)?),
            object_2: Set(object(2)?),
            reads: Set(i64::try_from(reads).map_err(|_| Error::Record)?),
            bases: Set(i64::try_from(bases).map_err(|_| Error::Record)?),
            created_at: Set(self.clock.now().to_string()),
        };
        readset::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(())
    }

    async fn subject(
        &self,
        tx: &Tx,
        project: &ProjectId,
        row: &NewRow,
        fresh: &mut Vec<SubjectId>,
    ) -> Result<SubjectId, Error> {
        let (words, label) = (Words::of(&self.db)?, row.subject.reveal());
        let index = words.subject_index(project.as_str(), label);
        let found = subject::Entity::find()
            .filter(subject::Column::Project.eq(project.to_string()))
            .filter(subject::Column::LabelIndex.eq(index.clone()))
            .one(&**tx)
            .await?;
        if let Some(found) = found {
            words.refuse_other_subject(&found, label)?;
            return found.id.parse().map_err(|_| Error::Record);
        }
        let id = SubjectId::mint(&*self.entropy);
        let row = subject::ActiveModel {
            id: Set(id.to_string()),
            project: Set(project.to_string()),
            label: Set(words.seal_subject(id.as_str(), label)?),
            sealed: Set(SEALED),
            label_index: Set(Some(index)),
        };
        subject::Entity::insert(row).exec_without_returning(&**tx).await?;
        fresh.push(id.clone());
        Ok(id)
    }

    async fn sample_in(
        &self,
        tx: &Tx,
        project: &ProjectId,
        subject: &SubjectId,
        row: &NewRow,
    ) -> Result<SampleId, Error> {
        let (words, label) = (Words::of(&self.db)?, row.sample.reveal());
        let index = words.sample_index(project.as_str(), label);
        let found = sample::Entity::find()
            .filter(sample::Column::Project.eq(project.to_string()))
            .filter(sample::Column::LabelIndex.eq(index.clone()))
            .one(&**tx)
            .await?;
        if let Some(found) = found {
            words.refuse_other_sample(&found, label)?;
            if found.subject != subject.as_str() {
                return Err(invalid(
                    "sample",
                    &format!("of row {}", row.row),
                    "a sample name that belongs to one patient only",
                ));
            }
            return found.id.parse().map_err(|_| Error::Record);
        }
        let id = SampleId::mint(&*self.entropy);
        let said = SampleWords {
            label: label.clone(),
            sex: row.sex.clone(),
            status: row.status.clone(),
            specimen_type: row.specimen_type.clone(),
        };
        let sealed = words.seal_sample(id.as_str(), &said)?;
        let made = sample::ActiveModel {
            id: Set(id.to_string()),
            project: Set(project.to_string()),
            subject: Set(subject.to_string()),
            label: Set(sealed.label),
            sex: Set(sealed.sex),
            status: Set(sealed.status),
            specimen_type: Set(sealed.specimen_type),
            sealed: Set(SEALED),
            label_index: Set(Some(index)),
        };
        sample::Entity::insert(made).exec_without_returning(&**tx).await?;
        Ok(id)
    }
}

/// The row of a package that is of the permit's project and still open, as `tx` sees it.
pub(crate) async fn open_package(
    permit: &Permit<Write, thing::Project>,
    tx: &Tx,
    id: &PackageId,
) -> Result<package::Model, Error> {
    let project = permit.in_project()?;
    let row = package::Entity::find_by_id(id.as_str()).one(&**tx).await?;
    let row = row.filter(|row| row.project == project.as_str()).ok_or(Error::NotFound)?;
    if row.state == "open" { Ok(row) } else { Err(Error::PackageState { state: row.state }) }
}

/// Asked when a package is begun and again when it is committed: two open packages may bring the same lane.
async fn refuse_second_readset(tx: &Tx, sample: &str, lane: &str, row: usize) -> Result<(), Error> {
    let there = readset::Entity::find()
        .filter(readset::Column::Sample.eq(sample))
        .filter(readset::Column::Lane.eq(lane))
        .one(&**tx)
        .await?;
    if there.is_some() { Err(Error::ReadsetExists { row }) } else { Ok(()) }
}

async fn read_package(
    words: &Words,
    connection: &impl ConnectionTrait,
    row: package::Model,
) -> Result<Package, Error> {
    let files = package_file::Entity::find()
        .filter(package_file::Column::Package.eq(&row.id))
        .order_by_asc(package_file::Column::Number)
        .all(connection)
        .await?;
    let named = Query::select()
        .column(package_file::Column::Sample)
        .from(package_file::Entity)
        .and_where(package_file::Column::Package.eq(&row.id))
        .to_owned();
    let samples =
        sample::Entity::find().filter(sample::Column::Id.in_subquery(named)).all(connection).await?;
    let samples: BTreeMap<String, sample::Model> =
        samples.into_iter().map(|sample| (sample.id.clone(), sample)).collect();
    let mut read = Vec::with_capacity(files.len());
    for file in files {
        let sample = samples.get(&file.sample).ok_or(Error::Record)?;
        read.push(file_from_row(words, file, sample)?);
    }
    Ok(Package {
        id: row.id.parse().map_err(|_| Error::Record)?,
        project: row.project.parse().map_err(|_| Error::Record)?,
        committed: row.state == "committed",
        files: read,
    })
}

fn file_from_row(
    words: &Words,
    file: package_file::Model,
    sample: &sample::Model,
) -> Result<PackageFile, Error> {
    let name = words.file(&file)?;
    let state = match (file.object, file.verdict) {
        (Some(object), Some(verdict)) => {
            FileState::Sealed { object: object.parse().map_err(|_| Error::Record)?, verdict }
        }
        _ => FileState::Expected,
    };
    Ok(PackageFile {
        number: u32::try_from(file.number).map_err(|_| Error::Record)?,
        row: usize::try_from(file.sheet_row).map_err(|_| Error::Record)?,
        mate: u8::try_from(file.mate).map_err(|_| Error::Record)?,
        name: Sensitive::new(name),
        digest: file.digest,
        subject: sample.subject.parse().map_err(|_| Error::Record)?,
        sample: file.sample.parse().map_err(|_| Error::Record)?,
        readset: file.readset.parse().map_err(|_| Error::Record)?,
        state,
    })
}
