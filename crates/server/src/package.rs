//! Packages at the controlled door.

use crate::attend::{Signed, made};
use crate::body::{Json, id, reader};
use crate::{Failure, Site};
use access::thing::Project;
use access::verb::Write;
use access::{Action, Ask, Caller, Permit};
use api::project::{Committed, NewPackage, Package, PackageFile, Received};
use axum::extract::{Path, Request, State};
use axum::response::Response;
use base::{Id, PackageId, SampleId, SubjectId};
use catalog::FileState;
use intake::Lease;
use std::collections::{BTreeMap, BTreeSet};
use subjects::Standing;

pub(crate) async fn begin(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<NewPackage>,
) -> Result<Response, Failure> {
    let permit = ingest(&site, &caller, &project, None).await?;
    let begun = site.door().await?.begin(&permit, body.sheet.as_bytes(), body.manifest.as_bytes()).await;
    let begun = begun.map_err(refused)?;
    refuse_withdrawn(&site, &permit, &begun.package).await?;
    let ids = [begun.package.id.to_string()];
    Ok(made(wire(begun.package), ids))
}

pub(crate) async fn file(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path((project, package, number)): Path<(String, String, u32)>,
    request: Request,
) -> Result<Response, Failure> {
    let package: PackageId = id(&package)?;
    let permit = ingest(&site, &caller, &project, Some(&package)).await?;
    let length = request.headers().get("content-length").and_then(|h| h.to_str().ok()?.parse().ok());
    let lease = Lease::new(site.access.clone(), permit);
    let body = reader(request.into_body());
    let received =
        site.door().await?.receive(lease, &package, number, length, body).await.map_err(refused)?;
    let ids = [received.object.to_string()];
    let answer = Received {
        object: received.object,
        bytes: received.bytes,
        reads: received.reads,
        bases: received.bases,
    };
    Ok(made(answer, ids))
}

pub(crate) async fn commit(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path((project, package)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let package: PackageId = id(&package)?;
    let permit = ingest(&site, &caller, &project, Some(&package)).await?;
    let readsets = site.door().await?.commit(&permit, &package).await?;
    let ids: BTreeSet<SampleId> = readsets.iter().map(|readset| readset.sample.clone()).collect();
    let mut samples = Vec::with_capacity(ids.len());
    for sample in &ids {
        samples.push(crate::sample::wire(site.catalog.sample(&permit, sample).await?));
    }
    let made_ids = readsets.iter().map(|r| r.readset.to_string()).chain(ids.iter().map(ToString::to_string));
    let made_ids: Vec<String> = made_ids.collect();
    Ok(made(Committed { id: package, samples }, made_ids))
}

async fn ingest(
    site: &Site,
    caller: &Caller,
    project: &str,
    package: Option<&PackageId>,
) -> Result<Permit<Write, Project>, Failure> {
    let ask =
        Ask::<Project>::new(Action::Ingest, [id(project)?]).about(package.map(|p| p.as_str().to_owned()));
    Ok(site.access.decide(caller, ask).await?)
}

/// Gives a package up that somebody's reads are in who forbids all use of their data. What is in the project already is
/// held under its floor and not used; it is not the door's.
async fn refuse_withdrawn(
    site: &Site,
    permit: &Permit<Write, Project>,
    package: &catalog::Package,
) -> Result<(), Failure> {
    if package.committed {
        return Ok(());
    }
    let people: BTreeMap<&SubjectId, usize> =
        package.files.iter().rev().map(|file| (&file.subject, file.row)).collect();
    for (subject, row) in people {
        if site.subjects.standing(&package.project, subject).await? == Standing::Withdrawn {
            site.door().await?.abandon(permit, &package.id).await?;
            return Err(intake::Error::Withdrawn { row }.into());
        }
    }
    Ok(())
}

/// Everything that was found goes to the person, each on its own; the record has the code alone.
fn refused(error: intake::Error) -> Failure {
    let found: Vec<String> = match &error {
        intake::Error::Sheet(found) | intake::Error::Identifier(found) | intake::Error::Manifest(found) => {
            let sheet = found.sheet.iter().map(ToString::to_string);
            sheet.chain(found.manifest.iter().map(|fault| format!("manifest: {fault}"))).collect()
        }
        intake::Error::Identified { findings, .. } => {
            findings.iter().map(|one| format!("{one}: {}", one.reason.advice())).collect()
        }
        _ => return error.into(),
    };
    let mut failure = Failure::from(error);
    if let Some((first, _)) = failure.0.message.split_once(":\n") {
        failure.0.message = first.to_owned();
    }
    failure.with_findings(found)
}

fn wire(package: catalog::Package) -> Package {
    let files = package.files.into_iter().map(|file| PackageFile {
        number: file.number,
        row: file.row,
        mate: file.mate,
        name: file.name.into_revealed(),
        sealed: matches!(file.state, FileState::Sealed { .. }),
    });
    Package { id: package.id, committed: package.committed, files: files.collect() }
}
