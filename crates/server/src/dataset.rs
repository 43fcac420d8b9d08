//! Datasets: the checkpoint before they are published, and what is lent. Specification: `docs/spec/sharing.md`.

use crate::attend::{Signed, made};
use crate::body::{Json, blocking, id};
use crate::checkpoint::Checkpoint;
use crate::{Failure, Site, sample};
use access::thing::{self, Object as ObjectThing, Project as ProjectThing, Sample as SampleThing};
use access::verb::{Manage, Read as ReadVerb, View};
use access::{Action, Ask, Permit};
use api::sharing::{Checked, Dataset, LentSample, NewDataset, Verified};
use archive::open::Opened;
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base::{DatasetId, Fault, Kind, ProjectId, SampleId};
use intake::manifest::{Digest, Hasher};
use policy::terms::Disease;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use zeroize::Zeroizing;

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Answer<Vec<Dataset>>, Failure> {
    let permit: Permit<View, thing::Site> = site.permit(&caller, Action::ViewDatasets, &site.id).await?;
    let grants = site.access.own_grants(&caller).await?;
    let own = grants.into_iter().filter_map(|grant| grant.project).collect();
    Ok(Answer(site.sharing.offered(&permit, &own).await?.into_iter().map(wire).collect()))
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
    let (only_check, look) = (body.check, Checkpoint::of(&site, &caller, &project, body).await?);
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
    let (project, dataset): (ProjectId, DatasetId) = (id(&project)?, id(&dataset)?);
    let ask = Ask::<ProjectThing>::new(Action::PublishDataset, [project]).about([dataset.to_string()]);
    let permit: Permit<Manage, ProjectThing> = site.access.decide(&caller, ask).await?;
    Ok(Answer(wire(site.sharing.close(&permit, &dataset).await?)))
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
        terms: terms.split_whitespace().map(str::to_owned).collect(),
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
