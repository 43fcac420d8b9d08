//! Samples that a project offers to others, and under what terms.

use crate::sealed::{NAME, Words};
use crate::table::{application, dataset, dataset_sample};
use crate::{Contract, Error, Sharing, kept, moment};
use access::Permit;
use access::thing::{Project, Site};
use access::verb::{Manage, View};
use audit::What;
use base::{Class, DatasetId, Id, ProjectId, SampleId, Timestamp};
use catalog::{Framework, Granularity, Purpose};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use policy::terms::Terms;
use std::collections::BTreeSet;

/// Samples of one dataset at most.
const MOST: usize = 100_000;
/// Persons whose genomes are bulk data under 28 CFR part 202, above which an agreement is asked for: 28 CFR 202.205.
pub const BULK: u64 = 100;
/// The word for commercial purposes, beside those of [`Purpose`].
pub const COMMERCIAL: &str = "commercial";

/// A dataset to be published. Every field is stated by a person or is the home's; none is guessed.
#[derive(Debug, Clone)]
pub struct NewDataset {
    /// Its display name, 1 to 80 characters.
    pub name: String,
    /// What it may be used for.
    pub terms: Terms,
    /// The purposes that it is offered for.
    pub purposes: BTreeSet<Purpose>,
    /// Whether commercial ones among them.
    pub commercial: bool,
    /// How much of a genome it shows.
    pub granularity: Granularity,
    /// The laws that it is under.
    pub frameworks: BTreeSet<Framework>,
    /// The contract that whoever uses it has with its home.
    pub contract: Option<Contract>,
    /// The home's class.
    pub class: Class,
    /// Where the home's data must stay.
    pub region: String,
    /// What is in it.
    pub samples: BTreeSet<SampleId>,
    /// Of how many persons.
    pub persons: u64,
}

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its id.
    pub id: DatasetId,
    /// The project whose samples it lists.
    pub home: ProjectId,
    /// Its display name.
    pub name: String,
    /// What it may be used for; none where what is stored cannot be read, so that nothing is allowed by it.
    pub terms: Option<Terms>,
    /// The purposes that it is offered for, and `commercial`.
    pub purposes: BTreeSet<String>,
    /// How much of a genome it shows.
    pub granularity: Granularity,
    /// The laws that it is under.
    pub frameworks: BTreeSet<Framework>,
    /// The contract that it asks for.
    pub contract: Option<Contract>,
    /// The home's class.
    pub class: Class,
    /// Where it must stay.
    pub region: String,
    /// How many samples it has.
    pub samples: u64,
    /// Of how many persons.
    pub persons: u64,
    /// When it was published.
    pub published: Timestamp,
    /// When it was closed.
    pub closed: Option<Timestamp>,
}

impl NewDataset {
    /// What contradicts itself, whatever the data is: one line each.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.frameworks.contains(&Framework::Bulk) && self.persons > BULK && self.contract.is_none() {
            found.push(format!(
                "genomes of {} persons are bulk data under 28 CFR part 202, and are lent under an agreement",
                self.persons
            ));
        }
        found
    }

    fn check(&self) -> Result<(), Error> {
        check_name(&self.name)?;
        if self.purposes.is_empty() {
            return Err(invalid("purposes", "at least one is stated"));
        }
        if self.samples.is_empty() || self.samples.len() > MOST {
            return Err(invalid("list of samples", "1 to 100,000 are expected"));
        }
        let alone = !self.frameworks.contains(&Framework::None) || self.frameworks.len() == 1;
        if self.frameworks.is_empty() || !alone {
            return Err(invalid("legal framework", "each law once, or `none` alone"));
        }
        match self.contradictions().is_empty() {
            true => Ok(()),
            false => Err(Error::Blocked(self.contradictions())),
        }
    }
}

/// Whether a text names a dataset.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_name(name: &str) -> Result<(), Error> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
        return Err(invalid("name", "1 to 80 printable characters are expected"));
    }
    Ok(())
}

impl Dataset {
    /// Whether it is offered now.
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }
}

impl Sharing {
    /// Publishes a dataset of the permit's project. Whoever calls has looked at what is in it.
    ///
    /// 1. The event is on record. 2. The dataset is stored. Crash in between: nothing is offered.
    pub async fn publish(&self, permit: &Permit<Manage, Project>, new: NewDataset) -> Result<Dataset, Error> {
        let home = permit.in_project()?;
        new.check()?;
        let id = DatasetId::mint(&*self.entropy);
        let sealed = Words::of(&self.db)?.seal(NAME, id.as_str(), &new.name)?;
        let tx = self.db.begin(permit.decision()).await?;
        let samples = new.samples.len() as u64;
        let what = What::DatasetStands { state: "published".to_owned(), samples, persons: new.persons };
        let event = permit.event(what).in_project(Some(home.clone()));
        let position = self.audit.gate(&event.about([id.to_string(), home.to_string()])).await?.position;
        let words = |all: &mut dyn Iterator<Item = &str>| all.collect::<Vec<_>>().join(" ");
        let commercial = new.commercial.then_some(COMMERCIAL);
        let row = dataset::ActiveModel {
            id: Set(id.to_string()),
            home: Set(home.to_string()),
            name: Set(sealed),
            terms: Set(new.terms.to_string()),
            purposes: Set(words(&mut new.purposes.iter().map(|one| one.as_str()).chain(commercial))),
            granularity: Set(new.granularity.as_str().to_owned()),
            frameworks: Set(words(&mut new.frameworks.iter().map(|one| one.as_str()))),
            contract: Set(new.contract.map(|contract| contract.as_str().to_owned())),
            class: Set(new.class.as_str().to_owned()),
            region: Set(new.region),
            samples: Set(kept(samples.try_into())?),
            persons: Set(kept(new.persons.try_into())?),
            position: Set(kept(position.try_into())?),
            published: Set(self.clock.now().as_second()),
            closed: Set(None),
        };
        dataset::Entity::insert(row).exec_without_returning(&*tx).await?;
        for sample in &new.samples {
            let (dataset, sample) = (id.to_string(), sample.to_string());
            let row = dataset_sample::ActiveModel { dataset: Set(dataset), sample: Set(sample) };
            dataset_sample::Entity::insert(row).exec_without_returning(&*tx).await?;
        }
        permit.live()?;
        tx.commit().await?;
        self.dataset(&id).await
    }

    /// Closes a dataset of the permit's project: nobody uses it from the next decision on.
    pub async fn close(&self, permit: &Permit<Manage, Project>, id: &DatasetId) -> Result<Dataset, Error> {
        let home = permit.in_project()?;
        let found = self.dataset(id).await?;
        if found.home != *home {
            return Err(Error::NotFound);
        }
        let closed = Error::Stands { what: "dataset", stands: "closed already" };
        if !found.is_open() {
            return Err(closed);
        }
        let tx = self.db.begin(permit.decision()).await?;
        let what = What::DatasetStands {
            state: "closed".to_owned(),
            samples: found.samples,
            persons: found.persons,
        };
        let event = permit.event(what).in_project(Some(home.clone()));
        self.audit.gate(&event.about([id.to_string(), home.to_string()])).await?;
        let changed = dataset::Entity::update_many()
            .col_expr(dataset::Column::Closed, Expr::value(self.clock.now().as_second()))
            .filter(dataset::Column::Id.eq(id.as_str()))
            .filter(dataset::Column::Closed.is_null())
            .exec(&*tx)
            .await?;
        if changed.rows_affected == 0 {
            return Err(closed);
        }
        tx.commit().await?;
        self.dataset(id).await
    }

    /// The datasets that are offered, and the closed ones that are of these projects or that they asked for, the newest first.
    /// They name nobody.
    pub async fn offered(
        &self,
        permit: &Permit<View, Site>,
        projects: &BTreeSet<ProjectId>,
    ) -> Result<Vec<Dataset>, Error> {
        permit.live()?;
        let projects: Vec<&str> = projects.iter().map(Id::as_str).collect();
        let asked = application::Entity::find()
            .filter(application::Column::Workspace.is_in(projects.clone()))
            .select_only()
            .column(application::Column::Dataset)
            .into_tuple::<String>()
            .all(self.db.reader())
            .await?;
        let shown = Condition::any()
            .add(dataset::Column::Closed.is_null())
            .add(dataset::Column::Home.is_in(projects))
            .add(dataset::Column::Id.is_in(asked));
        let rows = dataset::Entity::find()
            .filter(shown)
            .order_by_desc(dataset::Column::Position)
            .all(self.db.reader())
            .await?;
        let words = Words::of(&self.db)?;
        rows.into_iter().map(|row| from_row(&words, row)).collect()
    }

    /// A dataset by its id. For decisions, so it takes no permit: it names nobody.
    pub async fn dataset(&self, id: &DatasetId) -> Result<Dataset, Error> {
        let row = dataset::Entity::find_by_id(id.as_str()).one(self.db.reader()).await?;
        from_row(&Words::of(&self.db)?, row.ok_or(Error::NotFound)?)
    }

    /// The ids of its samples. For decisions, as above.
    pub async fn samples_of(&self, id: &DatasetId) -> Result<BTreeSet<SampleId>, Error> {
        let of_dataset = dataset_sample::Column::Dataset.eq(id.as_str());
        let rows = dataset_sample::Entity::find().filter(of_dataset).all(self.db.reader()).await?;
        rows.into_iter().map(|row| kept(row.sample.parse())).collect()
    }
}

fn from_row(words: &Words, row: dataset::Model) -> Result<Dataset, Error> {
    let split = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    Ok(Dataset {
        name: words.open(NAME, &row.id, &row.name)?,
        id: kept(row.id.parse())?,
        home: kept(row.home.parse())?,
        terms: Terms::parse(&row.terms).ok(),
        purposes: split(&row.purposes).into_iter().collect(),
        granularity: kept(row.granularity.parse())?,
        frameworks: split(&row.frameworks).iter().map(|one| kept(one.parse())).collect::<Result<_, _>>()?,
        contract: row.contract.map(|word| kept(word.parse())).transpose()?,
        class: kept(row.class.parse())?,
        region: row.region,
        samples: kept(row.samples.try_into())?,
        persons: kept(row.persons.try_into())?,
        published: moment(row.published)?,
        closed: row.closed.map(moment).transpose()?,
    })
}

pub(crate) fn invalid(field: &'static str, why: &str) -> Error {
    Error::Invalid { field, why: why.to_owned() }
}
