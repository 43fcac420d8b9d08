//! Subjects, samples and readsets.

use crate::sealed::{SEALED, Words};
use crate::table::{readset, result, sample, subject};
use crate::{Catalog, Error};
use access::Permit;
use access::thing;
use access::thing::Thing;
use access::verb::{Sees, Split, Verb, View};
use base::{Id, ObjectId, ProjectId, ReadsetId, SampleId, Sensitive, SubjectId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use std::collections::BTreeSet;

/// A sample whose reads have arrived.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its id.
    pub id: SampleId,
    /// The subject it comes from.
    pub subject: SubjectId,
    /// Its project.
    pub project: ProjectId,
    /// The laboratory's own word for it.
    pub label: Sensitive<String>,
    /// Sex, if stated.
    pub sex: Option<String>,
    /// Status, if stated.
    pub status: Option<String>,
    /// Specimen type, if stated.
    pub specimen_type: Option<String>,
    /// Its readsets.
    pub readsets: Vec<Readset>,
}

/// Somebody whose data a project has.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Their id.
    pub id: SubjectId,
    /// The laboratory's own word for them.
    pub label: Sensitive<String>,
}

/// The reads of one sample on one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readset {
    /// Its id.
    pub id: ReadsetId,
    /// The lane.
    pub lane: String,
    /// First and second reads.
    pub objects: [ObjectId; 2],
    /// Reads in both files together.
    pub reads: u64,
    /// Bases in both files together.
    pub bases: u64,
}

impl Catalog {
    /// Whether a subject is of a project.
    pub async fn has_subject(&self, project: &ProjectId, subject: &SubjectId) -> Result<bool, Error> {
        let row = subject::Entity::find_by_id(subject.as_str()).one(self.db.reader()).await?;
        Ok(row.is_some_and(|row| row.project == project.as_str()))
    }

    /// The subjects of a project, ids alone: for an erasure of all of it.
    pub async fn people(&self, project: &ProjectId) -> Result<BTreeSet<SubjectId>, Error> {
        Ok(people_of(self.db.reader(), project).await?)
    }

    /// Takes a subject of the permit's project that the identity map minted: its own id is its label, by which the door
    /// finds it.
    pub async fn name_subject(
        &self,
        permit: &Permit<Split, thing::Project>,
        tx: &Tx,
        subject: &SubjectId,
    ) -> Result<(), Error> {
        let (project, words) = (permit.in_project()?, Words::of(&self.db)?);
        let (id, label) = (subject.to_string(), subject.as_str());
        let row = subject::ActiveModel {
            label: Set(words.seal_subject(&id, label)?),
            label_index: Set(Some(words.subject_index(project.as_str(), label))),
            project: Set(project.to_string()),
            sealed: Set(SEALED),
            id: Set(id),
        };
        subject::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(())
    }

    /// The subjects of the permit's project, by label.
    pub async fn subjects<V: Sees>(&self, permit: &Permit<V, thing::Project>) -> Result<Vec<Subject>, Error> {
        self.subjects_in(permit.in_project()?).await
    }

    /// Apart from the permit's kind, so that it is compiled once.
    async fn subjects_in(&self, project: &ProjectId) -> Result<Vec<Subject>, Error> {
        let of_project = subject::Column::Project.eq(project.as_str());
        let rows = subject::Entity::find().filter(of_project).all(self.db.reader()).await?;
        let words = Words::of(&self.db)?;
        let one = |row: subject::Model| {
            let label = Sensitive::new(words.subject(&row)?);
            Ok(Subject { id: row.id.parse().map_err(|_| Error::Record)?, label })
        };
        let mut subjects = rows.into_iter().map(one).collect::<Result<Vec<_>, Error>>()?;
        subjects.sort_by(|a, b| a.label.reveal().cmp(b.label.reveal()));
        Ok(subjects)
    }

    /// The ids of the subjects of the permit's project.
    pub async fn subject_ids(&self, permit: &Permit<View, thing::Project>) -> Result<Vec<SubjectId>, Error> {
        let rows: Vec<String> = subject::Entity::find()
            .filter(subject::Column::Project.eq(permit.in_project()?.as_str()))
            .select_only()
            .column(subject::Column::Id)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        rows.iter().map(|id| id.parse().map_err(|_| Error::Record)).collect()
    }

    /// The samples of the permit's project that have reads, by label.
    pub async fn samples<V: Sees>(&self, permit: &Permit<V, thing::Project>) -> Result<Vec<Sample>, Error> {
        self.samples_in(permit.in_project()?).await
    }

    async fn samples_in(&self, project: &ProjectId) -> Result<Vec<Sample>, Error> {
        let rows = sample::Entity::find()
            .filter(sample::Column::Project.eq(project.to_string()))
            .all(self.db.reader())
            .await?;
        let mut samples = Vec::with_capacity(rows.len());
        for row in rows {
            let read = self.with_readsets(row).await?;
            if !read.readsets.is_empty() {
                samples.push(read);
            }
        }
        samples.sort_by(|a, b| a.label.reveal().cmp(b.label.reveal()));
        Ok(samples)
    }

    /// One sample of the permit's project, or of that which lends its things to it.
    pub async fn sample<V: Verb, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        id: &SampleId,
    ) -> Result<Sample, Error> {
        permit.live()?;
        let project = permit.home().ok_or(Error::NotFound)?;
        let row = sample::Entity::find_by_id(id.as_str()).one(self.db.reader()).await?;
        let row = row.filter(|row| row.project == project.as_str()).ok_or(Error::NotFound)?;
        let read = self.with_readsets(row).await?;
        if read.readsets.is_empty() { Err(Error::NotFound) } else { Ok(read) }
    }

    /// A sample that another project lends to the permit's; none when there is no such sample with reads. Who calls has asked
    /// whether it is lent, and shows no label.
    pub async fn lent_sample(
        &self,
        permit: &Permit<View, thing::Project>,
        id: &SampleId,
    ) -> Result<Option<Sample>, Error> {
        permit.live()?;
        let row = sample::Entity::find_by_id(id.as_str()).one(self.db.reader()).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(self.with_readsets(row).await?).filter(|read| !read.readsets.is_empty()))
    }

    /// The objects that hold a sample's reads: ids alone, so that a decision can name them.
    pub async fn read_objects(&self, id: &SampleId) -> Result<Vec<ObjectId>, Error> {
        let readsets = self.readsets(id.as_str()).await?;
        Ok(readsets.into_iter().flat_map(|r| r.objects).collect())
    }

    /// The sample that a thing is of by its id: a sample itself, a readset, an object of reads, a result. None for anything
    /// else. For decisions.
    pub async fn sample_of(&self, id: &str) -> Result<Option<SampleId>, Error> {
        let connection = self.db.reader();
        let found = match id.get(..4).unwrap_or_default() {
            "smp_" => Some(id.to_owned()),
            "rds_" => readset::Entity::find_by_id(id).one(connection).await?.map(|row| row.sample),
            "obj_" => match result::Entity::find_by_id(id).one(connection).await? {
                Some(row) => Some(row.sample),
                None => {
                    let either = Condition::any()
                        .add(readset::Column::Object1.eq(id))
                        .add(readset::Column::Object2.eq(id));
                    readset::Entity::find().filter(either).one(connection).await?.map(|row| row.sample)
                }
            },
            _ => None,
        };
        found.map(|id| id.parse().map_err(|_| Error::Record)).transpose()
    }

    /// The project that a sample is of; none when there is no such sample. For decisions.
    pub async fn home_of(&self, id: &SampleId) -> Result<Option<ProjectId>, Error> {
        let row = sample::Entity::find_by_id(id.as_str()).one(self.db.reader()).await?;
        row.map(|row| row.project.parse().map_err(|_| Error::Record)).transpose()
    }

    async fn with_readsets(&self, row: sample::Model) -> Result<Sample, Error> {
        let readsets = self.readsets(&row.id).await?;
        let words = Words::of(&self.db)?.sample(&row)?;
        Ok(Sample {
            id: row.id.parse().map_err(|_| Error::Record)?,
            subject: row.subject.parse().map_err(|_| Error::Record)?,
            project: row.project.parse().map_err(|_| Error::Record)?,
            label: Sensitive::new(words.label),
            sex: words.sex,
            status: words.status,
            specimen_type: words.specimen_type,
            readsets,
        })
    }

    async fn readsets(&self, sample: &str) -> Result<Vec<Readset>, Error> {
        let rows = readset::Entity::find()
            .filter(readset::Column::Sample.eq(sample))
            .order_by_asc(readset::Column::Lane)
            .all(self.db.reader())
            .await?;
        rows.into_iter().map(readset_from_row).collect()
    }
}

/// The subjects of a project, as `connection` sees them: ids alone, for a restore, before there is anybody to ask.
pub async fn people_of(
    connection: &impl ConnectionTrait,
    project: &ProjectId,
) -> Result<BTreeSet<SubjectId>, db::Error> {
    let rows: Vec<String> = subject::Entity::find()
        .filter(subject::Column::Project.eq(project.as_str()))
        .select_only()
        .column(subject::Column::Id)
        .into_tuple()
        .all(connection)
        .await
        .map_err(db::Error::from)?;
    // What is no id has no key either.
    Ok(rows.iter().filter_map(|id| id.parse().ok()).collect())
}

fn readset_from_row(row: readset::Model) -> Result<Readset, Error> {
    let object = |text: String| text.parse::<ObjectId>().map_err(|_| Error::Record);
    Ok(Readset {
        id: row.id.parse().map_err(|_| Error::Record)?,
        lane: row.lane,
        objects: [object(row.object_1)?, object(row.object_2)?],
        reads: u64::try_from(row.reads).map_err(|_| Error::Record)?,
        bases: u64::try_from(row.bases).map_err(|_| Error::Record)?,
    })
}
