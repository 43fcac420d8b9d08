//! What a project states about itself.

use crate::scope::{Basis, Framework, Scope, closed_words};
use crate::sealed::{ProjectWords, SEALED, Words};
use crate::stated::{Stated, StatedUse};
use crate::table::project;
use crate::{Catalog, Error};
use access::Permit;
use access::thing;
use access::verb::{Manage, Sees, View};
use base::{Class, Id, ProjectId, Retention};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use policy::terms::Terms;
use std::collections::BTreeSet;

closed_words! {
    /// What a project's data may be used for; every decision in the project carries it.
    Purpose, "purpose" {
        /// Diagnosis and care of the people themselves.
        Care = "care",
        /// Research under the stated data-use terms.
        Research = "research",
        /// Assurance of the laboratory's quality.
        Quality = "quality",
        /// Development of methods.
        Methods = "methods",
        /// Teaching.
        Teaching = "teaching",
    }
}

/// A project to be made. Every field is stated by a person; none is guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProject {
    /// Its display name, 1 to 80 characters.
    pub name: String,
    /// Its class.
    pub class: Class,
    /// What its data may be used for.
    pub purpose: Purpose,
    /// What its data came under.
    pub terms: Terms,
    /// What it is used for.
    pub stated: StatedUse,
    /// How far it may be shared.
    pub scope: Scope,
    /// Whose agreement the use stands on.
    pub basis: Basis,
    /// Where the data must stay: an ISO 3166 code of two letters, or `EU`.
    pub region: String,
    /// How long it is kept at least.
    pub retention: Retention,
    /// The site's own reference to the consent or the decision that allows the use.
    pub consent: String,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its display name.
    pub name: String,
    /// Its class.
    pub class: Class,
    /// What its data may be used for.
    pub purpose: Purpose,
    /// What its data came under, as stored: that of an older release may be none that is known now.
    pub terms: String,
    /// What it is used for.
    pub stated: StatedUse,
    /// How far it may be shared; none of a project from before that was asked.
    pub scope: Option<Scope>,
    /// Whose agreement the use stands on.
    pub basis: Basis,
    /// Where the data must stay.
    pub region: String,
    /// How long it is kept at least.
    pub retention: Retention,
    /// The reference to the consent.
    pub consent: String,
    /// When it was made.
    pub created_at: String,
}

impl Project {
    /// What it states of the use of its data.
    pub fn states(&self) -> Stated {
        Stated {
            project: self.id.clone(),
            terms: Terms::parse(&self.terms).ok(),
            stated: self.stated.clone(),
            region: self.region.clone(),
            basis: self.basis,
        }
    }
}

impl NewProject {
    /// Refuses values of the wrong shape, naming field, value and what is expected.
    pub fn check(&self) -> Result<(), Error> {
        let printable = |text: &str| text.chars().all(|c| !c.is_control());
        if self.name.trim().is_empty() || self.name.chars().count() > 80 || !printable(&self.name) {
            return Err(invalid("name", &self.name, "1 to 80 printable characters"));
        }
        self.scope.check(self.class)?;
        if self.region.len() != 2 || !self.region.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(invalid("region", &self.region, "a country code of two capital letters, or EU"));
        }
        let reference = |b: u8| b.is_ascii_alphanumeric() || b"._/-".contains(&b);
        if self.consent.is_empty() || self.consent.len() > 64 || !self.consent.bytes().all(reference) {
            return Err(invalid("consent reference", &self.consent, "1 to 64 letters, digits or . _ / -"));
        }
        Ok(())
    }
}

impl Catalog {
    /// Makes a project.
    pub async fn create_project(
        &self,
        permit: &Permit<Manage, thing::Site>,
        tx: &Tx,
        new: NewProject,
    ) -> Result<Project, Error> {
        permit.live()?;
        new.check()?;
        let made = Project {
            id: ProjectId::mint(&*self.entropy),
            name: new.name,
            class: new.class,
            purpose: new.purpose,
            terms: new.terms.to_string(),
            stated: new.stated,
            scope: Some(new.scope),
            basis: new.basis,
            region: new.region,
            retention: new.retention,
            consent: new.consent,
            created_at: self.clock.now().to_string(),
        };
        let words = ProjectWords { name: made.name.clone(), consent: made.consent.clone() };
        let sealed = Words::of(&self.db)?.seal_project(made.id.as_str(), &words)?;
        let row = project::ActiveModel {
            id: Set(made.id.to_string()),
            name: Set(sealed.name),
            class: Set(made.class.as_str().to_owned()),
            purpose: Set(made.purpose.as_str().to_owned()),
            terms: Set(made.terms.clone()),
            region: Set(made.region.clone()),
            retention: Set(made.retention.as_str().to_owned()),
            consent: Set(sealed.consent),
            created_at: Set(made.created_at.clone()),
            sealed: Set(SEALED),
            stated: Set(Some(made.stated.words(made.purpose).join(" "))),
            basis: Set(Some(made.basis.as_str().to_owned())),
            granularity: Set(made.scope.as_ref().map(|scope| scope.granularity.as_str().to_owned())),
            frameworks: Set(made.scope.as_ref().map(|scope| written(&scope.frameworks))),
            incidental: Set(made.scope.as_ref().map(|scope| scope.incidental.as_str().to_owned())),
        };
        project::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(made)
    }

    /// The permit's project.
    pub async fn project<V: Sees>(&self, permit: &Permit<V, thing::Project>) -> Result<Project, Error> {
        self.project_row(permit.in_project()?).await?.ok_or(Error::NotFound)
    }

    /// The projects of the site. Ids alone, so it takes no permit: the site watches over all of them.
    pub async fn project_ids(&self) -> Result<Vec<ProjectId>, Error> {
        let id = project::Entity::find().select_only().column(project::Column::Id);
        let rows: Vec<String> =
            id.order_by_asc(project::Column::Id).into_tuple().all(self.db.reader()).await?;
        rows.iter().map(|id| id.parse().map_err(|_| Error::Record)).collect()
    }

    /// Those of `ids` that exist, by name. For someone's own projects.
    pub async fn projects(
        &self,
        permit: &Permit<View, thing::Site>,
        ids: &[ProjectId],
    ) -> Result<Vec<Project>, Error> {
        permit.live()?;
        let own = project::Column::Id.is_in(ids.iter().map(ToString::to_string));
        self.by_name(project::Entity::find().filter(own)).await
    }

    /// All of them, by name. For who keeps the site, and made them.
    pub async fn every_project(&self, permit: &Permit<View, thing::Site>) -> Result<Vec<Project>, Error> {
        permit.live()?;
        self.by_name(project::Entity::find()).await
    }

    async fn by_name(&self, which: Select<project::Entity>) -> Result<Vec<Project>, Error> {
        let rows = which.all(self.db.reader()).await?;
        let words = Words::of(&self.db)?;
        let mut projects =
            rows.into_iter().map(|row| from_row(&words, row)).collect::<Result<Vec<_>, _>>()?;
        projects.sort_by(|a, b| (&a.name, a.id.as_str()).cmp(&(&b.name, b.id.as_str())));
        Ok(projects)
    }

    /// How long a project's data is kept at least; none when there is no such project. For those who
    /// ask whether an erasure is allowed.
    pub async fn retention_of(&self, project: &ProjectId) -> Result<Option<Retention>, Error> {
        Ok(self.project_row(project).await?.map(|project| project.retention))
    }

    /// What a project states of the use of its data; none when there is no such project. For decisions: it names nobody.
    pub async fn stated(&self, project: &ProjectId) -> Result<Option<Stated>, Error> {
        let row = project::Entity::find_by_id(project.as_str()).one(self.db.reader()).await?;
        row.map(|row| {
            let purpose: Purpose = row.purpose.parse().map_err(|_| Error::Record)?;
            let basis = basis(row.basis.as_deref())?;
            let stated = stated_use(row.stated.as_deref(), purpose)?;
            Ok(Stated {
                project: project.clone(),
                terms: Terms::parse(&row.terms).ok(),
                stated,
                region: row.region,
                basis,
            })
        })
        .transpose()
    }

    /// The laws that a project is under, as far as it says; for what another project lends it, so it takes no permit.
    pub async fn frameworks_of(&self, project: &ProjectId) -> Result<BTreeSet<Framework>, Error> {
        let row = project::Entity::find_by_id(project.as_str()).one(self.db.reader()).await?;
        let row = row.ok_or(Error::NotFound)?;
        let stated = scope(row.granularity.as_deref(), row.frameworks.as_deref(), row.incidental.as_deref())?;
        Ok(stated.into_iter().flat_map(|scope| scope.frameworks).collect())
    }

    /// The strictest class that a project of the site has; none without projects. It names none of
    /// them, so it takes no permit: the site's custody of keys depends on it.
    pub async fn strictest_class(&self) -> Result<Option<Class>, Error> {
        let rows: Vec<String> = project::Entity::find()
            .select_only()
            .column(project::Column::Class)
            .distinct()
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let classes: Result<Vec<Class>, _> = rows.iter().map(|class| class.parse()).collect();
        Ok(classes.map_err(|_| Error::Record)?.into_iter().max())
    }

    pub(crate) async fn project_row(&self, id: &ProjectId) -> Result<Option<Project>, Error> {
        let row = project::Entity::find_by_id(id.as_str()).one(self.db.reader()).await?;
        let words = Words::of(&self.db)?;
        row.map(|row| from_row(&words, row)).transpose()
    }
}

fn from_row(words: &Words, row: project::Model) -> Result<Project, Error> {
    let ProjectWords { name, consent } = words.project(&row)?;
    let purpose: Purpose = row.purpose.parse().map_err(|_| Error::Record)?;
    Ok(Project {
        id: row.id.parse().map_err(|_| Error::Record)?,
        name,
        class: row.class.parse().map_err(|_| Error::Record)?,
        purpose,
        stated: stated_use(row.stated.as_deref(), purpose)?,
        scope: scope(row.granularity.as_deref(), row.frameworks.as_deref(), row.incidental.as_deref())?,
        basis: basis(row.basis.as_deref())?,
        terms: row.terms,
        region: row.region,
        retention: row.retention.parse().map_err(|_| Error::Record)?,
        consent,
        created_at: row.created_at,
    })
}

/// A project from before states its purpose alone.
fn stated_use(stored: Option<&str>, purpose: Purpose) -> Result<StatedUse, Error> {
    StatedUse::parse(purpose, stored.unwrap_or_default().split_whitespace()).map_err(|_| Error::Record)
}

/// A project from before it was asked stands on the decision that it names.
fn basis(stored: Option<&str>) -> Result<Basis, Error> {
    stored.map_or(Ok(Basis::Board), str::parse).map_err(|_| Error::Record)
}

fn written(frameworks: &[Framework]) -> String {
    frameworks.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(" ")
}

fn scope(
    granularity: Option<&str>,
    frameworks: Option<&str>,
    incidental: Option<&str>,
) -> Result<Option<Scope>, Error> {
    let (granularity, frameworks, incidental) = match (granularity, frameworks, incidental) {
        (Some(granularity), Some(frameworks), Some(incidental)) => (granularity, frameworks, incidental),
        (None, None, None) => return Ok(None),
        _ => return Err(Error::Record),
    };
    let kept = |_| Error::Record;
    Ok(Some(Scope {
        granularity: granularity.parse().map_err(kept)?,
        frameworks: frameworks.split(' ').map(str::parse).collect::<Result<_, _>>().map_err(kept)?,
        incidental: incidental.parse().map_err(kept)?,
    }))
}

pub(crate) fn invalid(field: &'static str, value: &str, expected: &'static str) -> Error {
    Error::Invalid { field, value: value.chars().filter(|c| !c.is_control()).take(40).collect(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::{Granularity, Incidental};

    fn whole() -> NewProject {
        NewProject {
            name: "Rare disease".into(),
            class: Class::Clinical,
            purpose: Purpose::Care,
            terms: Terms::parse("DUO:0000042 DUO:0000043").unwrap(),
            stated: StatedUse::of_purpose(Purpose::Care),
            scope: Scope {
                granularity: Granularity::Genome,
                frameworks: vec![Framework::Gdpr],
                incidental: Incidental::Reported,
            },
            basis: Basis::Board,
            region: "EU".into(),
            retention: Retention::Years30,
            consent: "IRB-2026/17".into(),
        }
    }

    #[test]
    fn each_field_is_needed_and_has_a_shape() {
        whole().check().unwrap();
        let bad: [fn(&mut NewProject); 8] = [
            |p| p.name = " ".into(),
            |p| p.name = "a\u{1b}[2J".into(),
            |p| p.scope.frameworks.clear(),
            |p| p.class = Class::Research,
            |p| p.region = "Europe".into(),
            |p| p.consent = String::new(),
            |p| p.consent = "two words".into(),
            |p| p.consent = "x".repeat(65),
        ];
        for change in bad {
            let mut project = whole();
            change(&mut project);
            assert!(project.check().is_err(), "{project:?}");
        }
        assert!("profit".parse::<Purpose>().is_err());
    }
}
