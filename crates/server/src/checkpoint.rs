//! The checkpoint before a dataset is published: everything that it is compared with. Specification: `docs/spec/sharing.md`.

use crate::dataset::nothing_known;
use crate::failure::Mistakes;
use crate::usable::day_of;
use crate::{Failure, Site};
use access::thing::Project as ProjectThing;
use access::verb::View;
use access::{Action, Caller, Permit};
use api::sharing::{Finding, NewDataset};
use base::{Id, ObjectId, ProjectId, SampleId, Timestamp};
use catalog::{Basis, Framework, Granularity, Purpose, Sample, Stated, StatedUse};
use policy::terms::{Answer as TermsAnswer, Day, Terms};
use screen::{label, screen_text};
use sharing::Contract;
use std::collections::{BTreeMap, BTreeSet};
use subjects::Standing;

/// Seconds for which a comparison counts: 30 days.
const FRESH: i64 = 30 * 24 * 3600;

/// A dataset that is to be published, and all that it is compared with.
pub(crate) struct Checkpoint {
    pub new: sharing::NewDataset,
    home: catalog::Project,
    samples: Vec<Sample>,
    standings: BTreeMap<base::SubjectId, Standing>,
    now: Timestamp,
}

impl Checkpoint {
    pub async fn of(
        site: &Site,
        caller: &Caller,
        project: &ProjectId,
        body: NewDataset,
    ) -> Result<Self, Failure> {
        let samples: Permit<View, ProjectThing> = site.permit(caller, Action::ViewSamples, project).await?;
        let consents: Permit<View, ProjectThing> = site.permit(caller, Action::ViewConsents, project).await?;
        let home = site.catalog.project(&samples).await?;
        let wanted: BTreeSet<SampleId> = body.samples.into_iter().collect();
        let all = site.catalog.samples(&samples).await?;
        let own: Vec<Sample> =
            all.into_iter().filter(|one| wanted.is_empty() || wanted.contains(&one.id)).collect();
        if own.len() < wanted.len() {
            return Err(access::Error::NotFound.into());
        }
        let mut mistakes = Mistakes::default();
        mistakes.keep(sharing::dataset::check_name(&body.name));
        let terms = match body.terms.is_empty() {
            true => Some(home.states().terms.ok_or(sharing::Error::Record)?),
            false => mistakes.keep(crate::consent::read(&body.terms)),
        };
        let words = body.purposes.iter().filter(|word| *word != sharing::dataset::COMMERCIAL);
        let purposes: Vec<_> = words.map(|word| mistakes.keep(word.parse::<Purpose>())).collect();
        let granularity = mistakes.keep(body.granularity.parse::<Granularity>());
        let frameworks: Vec<_> =
            body.frameworks.iter().map(|one| mistakes.keep(one.parse::<Framework>())).collect();
        let contract = mistakes.keep(body.agreement.map(|word| word.parse::<Contract>()).transpose());
        mistakes.told()?;
        let (Some(terms), Some(granularity), Some(contract)) = (terms, granularity, contract) else {
            return Err(sharing::Error::Record.into());
        };
        let persons: BTreeSet<_> = own.iter().map(|one| &one.subject).collect();
        let new = sharing::NewDataset {
            name: body.name,
            terms,
            commercial: purposes.len() < body.purposes.len(),
            purposes: purposes.into_iter().flatten().collect(),
            granularity,
            frameworks: frameworks.into_iter().flatten().collect(),
            contract,
            class: home.class,
            region: home.region.clone(),
            persons: persons.len() as u64,
            samples: own.iter().map(|one| one.id.clone()).collect(),
        };
        let standings = site.subjects.standings(&consents).await?;
        Ok(Self { new, home, samples: own, standings, now: site.access.clock().now() })
    }

    /// Everything that keeps it from being published.
    pub async fn findings(&self, site: &Site) -> Result<Vec<Finding>, Failure> {
        let mut found = Vec::new();
        for line in self.new.contradictions() {
            found.push(finding("agreement", self.home.id.as_str(), &line));
        }
        self.of_scope(&mut found);
        self.of_terms(&mut found);
        self.of_people(&mut found);
        self.of_words(&mut found);
        self.of_digests(site, &mut found).await?;
        Ok(found)
    }

    /// The dataset says no less of its data than its home does.
    fn of_scope(&self, found: &mut Vec<Finding>) {
        let home = self.home.id.as_str();
        let Some(scope) = &self.home.scope else {
            let why = "the project was made before granularity and laws were asked, and states neither";
            return found.push(finding("granularity", home, why));
        };
        if self.new.granularity < scope.granularity {
            let (less, more) = (self.new.granularity.as_str(), scope.granularity.as_str());
            let why = format!("the project's data shows {more}, and is not shared as {less}");
            found.push(finding("granularity", home, &why));
        }
        let missing = scope.frameworks.iter().filter(|one| **one != Framework::None);
        for law in missing.filter(|one| !self.new.frameworks.contains(one)) {
            let why = format!("the project is under {}, and the dataset does not say so", law.as_str());
            found.push(finding("frameworks", home, &why));
        }
    }

    /// No looser than the home's terms, and they allow what it is offered for.
    fn of_terms(&self, found: &mut Vec<Finding>) {
        let home = self.home.id.as_str();
        match &self.home.states().terms {
            None => found.push(finding("terms", home, "the terms of the project cannot be read")),
            Some(terms) => self.compare(home, "the project's", terms, found),
        }
        for why in self.forbidden_by(&self.new.terms) {
            found.push(finding("purpose", home, &format!("the dataset's own terms forbid it: {why}")));
        }
    }

    /// Everybody agreed, and to no less.
    fn of_people(&self, found: &mut Vec<Finding>) {
        let people: BTreeSet<_> = self.samples.iter().map(|one| &one.subject).collect();
        for subject in people {
            let about = subject.as_str();
            match self.standings.get(subject).unwrap_or(&Standing::Unasked) {
                Standing::Given(consent) => {
                    self.compare(about, "the person's", &consent.terms, found);
                    for why in self.forbidden_by(&consent.terms) {
                        found.push(finding(
                            "purpose",
                            about,
                            &format!("the person's consent forbids it: {why}"),
                        ));
                    }
                }
                Standing::Unasked if self.home.basis == Basis::Board => {}
                other => {
                    found.push(finding("consent", about, &format!("the consent is {}", other.as_str())));
                }
            }
        }
    }

    fn compare(&self, about: &str, whose: &str, terms: &Terms, found: &mut Vec<Finding>) {
        match self.new.terms.combine([terms], &nothing_known()) {
            Ok(both) if both.to_string() == self.new.terms.to_string() => {}
            Ok(both) => {
                let why = format!("{whose} terms are stricter; together they are `{both}`");
                found.push(finding("terms", about, &why));
            }
            Err(conflict) => {
                found.push(finding("terms", about, &format!("they contradict {whose} terms: {conflict}")));
            }
        }
    }

    /// The purposes it is offered for that terms forbid.
    fn forbidden_by(&self, terms: &Terms) -> Vec<String> {
        let commercial: &[&str] = if self.new.commercial { &[sharing::dataset::COMMERCIAL] } else { &[] };
        let mut found = Vec::new();
        for purpose in &self.new.purposes {
            let words = commercial.iter().copied();
            let answer = StatedUse::parse(*purpose, words).ok().and_then(|stated| {
                let stated = Stated { stated, ..self.home.states() };
                Some(terms.answer(&stated.on(self.today()?), &nothing_known()))
            });
            let with = if self.new.commercial { "commercial " } else { "" };
            match answer {
                Some(TermsAnswer::Approve | TermsAnswer::NeedsPerson(_)) => {}
                Some(TermsAnswer::Deny(reasons)) => {
                    let why = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                    found.push(format!("{with}{} ({why})", purpose.as_str()));
                }
                None => found.push(format!("{with}{} (it cannot be judged)", purpose.as_str())),
            }
        }
        found
    }

    fn today(&self) -> Option<Day> {
        day_of(self.now)
    }

    /// Nobody's name in what others read, nor in what goes with it.
    fn of_words(&self, found: &mut Vec<Finding>) {
        for one in screen_text(&self.new.name) {
            found.push(finding(
                "identifiers",
                self.home.id.as_str(),
                &format!("the name: {}", one.reason.phrase()),
            ));
        }
        for sample in &self.samples {
            if let Some(reason) = label::identifier(sample.label.reveal()) {
                found.push(finding(
                    "identifiers",
                    sample.id.as_str(),
                    &format!("the label: {}", reason.phrase()),
                ));
            }
        }
    }

    /// Every file was compared with what its generator said, lately.
    async fn of_digests(&self, site: &Site, found: &mut Vec<Finding>) -> Result<(), Failure> {
        for sample in &self.samples {
            let objects: Vec<ObjectId> =
                sample.readsets.iter().flat_map(|readset| readset.objects.iter().cloned()).collect();
            let known = site.sharing.verified(&objects).await?;
            for object in &objects {
                let why = match known.get(object) {
                    None => "it was never compared with what its generator said (`dataset verify`)",
                    Some((_, false)) => "it is not what its generator said, or cannot be read",
                    Some((at, true)) if self.now.as_second().saturating_sub(at.as_second()) > FRESH => {
                        "it was compared more than 30 days ago (`dataset verify`)"
                    }
                    Some((_, true)) => continue,
                };
                found.push(finding("digest", object.as_str(), why));
            }
        }
        Ok(())
    }
}

fn finding(what: &str, about: &str, why: &str) -> Finding {
    Finding { what: what.to_owned(), about: about.to_owned(), why: why.to_owned() }
}
