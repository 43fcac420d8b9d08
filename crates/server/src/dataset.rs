//! Datasets: the checkpoint before they are published, and what is lent. Specification: `docs/spec/sharing.md`.

use crate::attend::{Signed, made};
use crate::body::{Json, blocking, id};
use crate::usable::day_of;
use crate::{Failure, Site, sample};
use access::thing::{self, Object as ObjectThing, Project as ProjectThing, Sample as SampleThing};
use access::verb::{Manage, Read as ReadVerb, View};
use access::{Action, Ask, Caller, Permit};
use api::sharing::{Checked, Dataset, Finding, LentSample, NewDataset, Verified};
use archive::open::Opened;
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base::{DatasetId, Fault, Id, Kind, ObjectId, ProjectId, SampleId, Timestamp};
use catalog::{Basis, Framework, Granularity, Purpose, Sample, Stated, StatedUse};
use intake::manifest::{Digest, Hasher};
use policy::terms::{Answer as TermsAnswer, Day, Disease, Terms};
use screen::{label, screen_text};
use sharing::Contract;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use subjects::Standing;
use zeroize::Zeroizing;

/// Seconds for which a comparison counts: 30 days.
const FRESH: i64 = 30 * 24 * 3600;
/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Answer<Vec<Dataset>>, Failure> {
    let permit: Permit<View, thing::Site> = site.permit(&caller, Action::ViewDatasets, &site.id).await?;
    Ok(Answer(site.sharing.offered(&permit).await?.into_iter().map(wire).collect()))
}

/// The checkpoint, and the dataset when it finds nothing.
pub(crate) async fn publish(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<NewDataset>,
) -> Result<Response, Failure> {
    let project: ProjectId = id(&project)?;
    let permit: Permit<Manage, ProjectThing> = site.permit(&caller, Action::PublishDataset, &project).await?;
    let (only_check, look) = (body.check, Look::of(&site, &caller, &project, body).await?);
    let mut findings = look.findings(&site).await?;
    findings.sort();
    if only_check {
        return Ok(Answer(Checked { findings, dataset: None }).into_response());
    }
    if !findings.is_empty() {
        let told = findings.iter().map(|one| format!("{}: {} ({})", one.what, one.why, one.about));
        return Err(sharing::Error::Blocked(told.collect()).into());
    }
    let dataset = site.sharing.publish(&permit, look.new).await?;
    let ids = [dataset.id.to_string()];
    Ok(made(Checked { findings, dataset: Some(wire(dataset)) }, ids))
}

pub(crate) async fn close(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path((project, dataset)): Path<(String, String)>,
) -> Result<Answer<Dataset>, Failure> {
    let project: ProjectId = id(&project)?;
    let ask = Ask::<ProjectThing>::new(Action::PublishDataset, [project]).about([dataset_id(&dataset)?]);
    let permit: Permit<Manage, ProjectThing> = site.access.decide(&caller, ask).await?;
    Ok(Answer(wire(site.sharing.close(&permit, &id(&dataset)?).await?)))
}

fn dataset_id(text: &str) -> Result<String, Failure> {
    Ok(id::<DatasetId>(text)?.to_string())
}

/// Reads a sample's files of reads through, and keeps whether they are what their generator said.
pub(crate) async fn verify(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(sample): Path<String>,
) -> Result<Answer<Verified>, Failure> {
    let sample: SampleId = id(&sample)?;
    let objects = site.catalog.read_objects(&sample).await?;
    if objects.is_empty() {
        let _: Permit<ReadVerb, SampleThing> = site.permit(&caller, Action::VerifyDataset, &sample).await?;
        return Err(access::Error::NotFound.into());
    }
    let ask = Ask::<ObjectThing>::new(Action::VerifyDataset, objects.clone()).about([sample.to_string()]);
    let mut permit: Permit<ReadVerb, ObjectThing> = site.access.decide(&caller, ask).await?;
    let said = site.catalog.generator_digests(&permit).await?;
    let mut verified = Verified { matching: 0, differing: Vec::new(), bytes: 0 };
    for object in objects {
        let expected = said.get(&object).and_then(|hex| Digest::parse(hex));
        let found = match (&expected, site.archive.open_object(&permit, &object).await) {
            (Some(expected), Ok(opened)) => {
                through(&site, &mut permit, opened, expected.hasher(), &mut verified.bytes).await?
            }
            // What is damaged or gone, or was never described, is not what its generator said.
            (_, Err(error)) if !lasts(&error) => return Err(error.into()),
            _ => None,
        };
        let matches = found.is_some() && found == expected;
        site.sharing.keep_verified(&permit, &object, matches).await?;
        match matches {
            true => verified.matching += 1,
            false => verified.differing.push(object),
        }
    }
    Ok(Answer(verified))
}

/// Whether a failure to open something is of the thing, and no lack of a right or of a store for a while.
fn lasts(error: &archive::Error) -> bool {
    matches!(error.kind(), Kind::Integrity | Kind::NotFound | Kind::Conflict)
}

/// The digest of what can be read, by permits that are renewed on the way; none where it cannot be read to its end.
async fn through(
    site: &Site,
    permit: &mut Permit<ReadVerb, ObjectThing>,
    opened: Opened,
    hasher: Hasher,
    bytes: &mut u64,
) -> Result<Option<Digest>, Failure> {
    // Wiped when it is dropped: these are bytes in clear.
    let mut state = (opened, hasher, Zeroizing::new(vec![0; PIECE]));
    loop {
        if permit.is_due() {
            *permit = site.access.renew(permit, Action::VerifyDataset).await?;
        }
        // A part of a second's work, so that a right that was taken away ends it.
        let read = blocking(move || {
            let (mut opened, mut hasher, mut piece) = state;
            let mut taken = 0_u64;
            for _ in 0..256 {
                let count = match opened.read(&mut piece) {
                    Ok(0) => return (Some(Ok(hasher.finish())), taken, None),
                    Ok(count) => count,
                    Err(_) => return (Some(Err(())), taken, None),
                };
                hasher.update(piece.get(..count).unwrap_or_default());
                taken = taken.saturating_add(count as u64);
            }
            (None, taken, Some((opened, hasher, piece)))
        });
        let (ended, taken, rest) = read.await?;
        *bytes = bytes.saturating_add(taken);
        match (ended, rest) {
            (Some(digest), _) => return Ok(digest.ok()),
            (None, Some(rest)) => state = rest,
            (None, None) => return Ok(None),
        }
    }
}

/// The samples that other projects lend to this one, for those whom the applications name.
pub(crate) async fn lent(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
) -> Result<Answer<Vec<LentSample>>, Failure> {
    let project: ProjectId = id(&project)?;
    let permit: Permit<View, ProjectThing> = site.permit(&caller, Action::ViewSamples, &project).await?;
    let mut shown = Vec::new();
    for (dataset, sample) in site.sharing.lent(&permit).await? {
        // What could not be used is not shown: somebody who withdrew is nobody's business any more.
        let use_ =
            Ask::<SampleThing>::new(Action::StartRun, [sample.clone()]).in_workspace(Some(project.clone()));
        if !site.access.is_usable(&caller, &use_).await? {
            continue;
        }
        // One whose record is gone is passed over.
        let Some(one) = site.catalog.lent_sample(&permit, &sample).await? else { continue };
        let api::project::Sample { id, subject, sex, status, specimen_type, readsets, .. } =
            sample::wire(one);
        shown.push(LentSample { id, subject, dataset, sex, status, specimen_type, readsets });
    }
    Ok(Answer(shown))
}

/// A dataset that is to be published, and all that it is compared with.
struct Look {
    new: sharing::NewDataset,
    home: catalog::Project,
    samples: Vec<Sample>,
    standings: BTreeMap<base::SubjectId, Standing>,
    now: Timestamp,
}

impl Look {
    async fn of(
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
        let terms = if body.terms.is_empty() {
            home.states().terms.ok_or(sharing::Error::Record)?
        } else {
            crate::consent::read(&body.terms)?
        };
        let (mut purposes, mut commercial) = (BTreeSet::new(), false);
        for word in &body.purposes {
            match word.as_str() {
                sharing::dataset::COMMERCIAL => commercial = true,
                word => {
                    purposes.insert(word.parse::<Purpose>()?);
                }
            }
        }
        let persons: BTreeSet<_> = own.iter().map(|one| &one.subject).collect();
        let frameworks = body.frameworks.iter().map(|one| one.parse::<Framework>());
        let new = sharing::NewDataset {
            name: body.name,
            terms,
            purposes,
            commercial,
            granularity: body.granularity.parse::<Granularity>()?,
            frameworks: frameworks.collect::<Result<_, _>>()?,
            contract: body.agreement.map(|word| word.parse::<Contract>()).transpose()?,
            class: home.class,
            region: home.region.clone(),
            persons: persons.len() as u64,
            samples: own.iter().map(|one| one.id.clone()).collect(),
        };
        let standings = site.subjects.standings(&consents).await?;
        Ok(Self { new, home, samples: own, standings, now: site.access.clock().now() })
    }

    /// Everything that keeps it from being published.
    async fn findings(&self, site: &Site) -> Result<Vec<Finding>, Failure> {
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
            let why = format!("the project's data shows a {more}; it is not shared as a {less}");
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
        let commercial: &[&str] = if self.new.commercial { &["commercial"] } else { &[] };
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

/// No hierarchy of diseases is there: a term stands for itself alone.
pub(crate) fn nothing_known() -> BTreeMap<Disease, BTreeSet<Disease>> {
    BTreeMap::new()
}

pub(crate) fn wire(dataset: sharing::Dataset) -> Dataset {
    let terms = dataset.terms.as_ref().map(ToString::to_string).unwrap_or_default();
    Dataset {
        id: dataset.id,
        project: dataset.home,
        name: dataset.name,
        terms: terms.split(' ').map(str::to_owned).collect(),
        purposes: dataset.purposes.into_iter().collect(),
        granularity: dataset.granularity.as_str().to_owned(),
        frameworks: dataset.frameworks.iter().map(|one| one.as_str().to_owned()).collect(),
        agreement: dataset.contract.map(|contract| contract.as_str().to_owned()),
        class: dataset.class.as_str().to_owned(),
        region: dataset.region,
        samples: dataset.samples,
        persons: dataset.persons,
        published: dataset.published,
        closed: dataset.closed,
    }
}
