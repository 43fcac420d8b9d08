//! Shredding a project's or a subject's keys, with its certificates.

use crate::attend::{Signed, made};
use crate::body::{Json, id};
use crate::{Failure, Site};
use access::thing::Project;
use access::verb::Manage;
use access::{Action, Ask, Permit};
use api::keys::{Certificate, ErasedElsewhere, Shred, Shredded};
use archive::Object;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{Blake3, DeletionId, Id, ObjectId, ProjectId, Timestamp};
use db::Tx;
use keys::Erasure;
use std::collections::BTreeMap;

/// Objects that one certificate names: a record in the ledger takes no more.
const AT_ONCE: usize = 400;

/// 1. The decision is on record. 2. Holds and floors are asked. 3. One transaction asks for holds again, destroys the keys
///    and stores the certificates, whose digests are on record before. Crash before its commit:
///    the ledger may name certificates nobody holds, and nothing was destroyed.
pub(crate) async fn shred(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<Shred>,
) -> Result<Response, Failure> {
    let project: ProjectId = id(&project)?;
    let begun = site.clock.now();
    let about = body.subject.as_ref().map(ToString::to_string);
    let ask = Ask::<Project>::new(Action::ShredKeys, [project.clone()]).about(about);
    let permit: Permit<Manage, Project> = site.access.decide(&caller, ask).await?;
    let erasure = match body.subject {
        Some(subject) if site.catalog.has_subject(&project, &subject).await? => {
            Erasure::Subject { project: project.clone(), subject }
        }
        Some(_) => return Err(access::Error::NotFound.into()),
        None => Erasure::Project(project.clone()),
    };
    let cleared = site.keys.clear_erasure(&permit, erasure).await?;
    // Also what other projects made of these people.
    let objects: Vec<Object> = site.archive.describe_cleared(&permit, &cleared).await?;
    let tx = site.begin(&permit).await?;
    // Asked again where no hold can come in between.
    if site.archive.held_in(&tx, cleared.objects()).await? {
        return Err(keys::Error::Held("an object is under a legal hold").into());
    }
    let done = site.keys.shred(&permit, &tx, &cleared).await?;
    site.runs.forget_headers(&permit, &tx, &done.objects).await?;
    let certificates = certify(&site, &permit, &tx, &done, &objects, begun).await?;
    if let Some(first) = certificates.first() {
        site.keys.note_certificate(&tx, &done, &first.id).await?;
    }
    let committed = tx.commit().await;
    // Also where nobody can say whether it took effect: what is there is read again, and what is gone wraps nothing.
    site.keys.forget_shredded(&done).await?;
    committed?;
    // What cannot be read any more goes, now or at the next start.
    site.map.forget_erased().await?;
    let ids: Vec<String> = certificates.iter().map(|one| one.id.to_string()).collect();
    let elsewhere = by_project(&project, &objects)
        .into_iter()
        .map(|(project, made)| ErasedElsewhere { project: project.clone(), objects: made.len() as u64 })
        .collect();
    let answer = Shredded {
        project,
        certificates,
        scopes: done.scopes.into_iter().map(|(scope, _)| scope).collect(),
        objects: done.objects.len() as u64,
        elsewhere,
        complete: done.complete.map(|time| time.to_string()),
    };
    Ok(made(answer, ids))
}

async fn certify(
    site: &Site,
    permit: &Permit<Manage, Project>,
    tx: &Tx,
    done: &keys::Shredded,
    objects: &[Object],
    begun: Timestamp,
) -> Result<Vec<Certificate>, Failure> {
    let mut parts: Vec<&[Object]> = objects.chunks(AT_ONCE).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    let mut certificates = Vec::new();
    for part in parts {
        let id = DeletionId::mint(&*site.entropy);
        let receipts = site.runs.receipts();
        let mut said = receipts.predicate(permit, receipt::What::Erasure, id.as_str(), begun);
        said.about = done.scopes.iter().take(AT_ONCE).map(|(scope, _)| scope.clone()).collect();
        for (scope, generations) in &done.scopes {
            let generations: Vec<String> = generations.iter().map(ToString::to_string).collect();
            said.parameters.insert(format!("destroyed generations of {scope}"), generations.join(", "));
        }
        let complete =
            done.complete.map_or_else(|| "no older backup of the keys".to_owned(), |t| t.to_string());
        said.parameters.insert("last older backup of the keys ends".to_owned(), complete);
        for (project, made) in by_project(permit.in_project()?, part) {
            let made: Vec<&str> = made.into_iter().map(Id::as_str).collect();
            said.parameters.insert(format!("made in {project}"), made.join(", "));
        }
        let named: Vec<(ObjectId, Blake3)> = part.iter().map(|one| (one.id.clone(), one.root)).collect();
        let receipt = receipts.issue(permit, tx, said, &named).await?;
        let receipt = String::from_utf8(receipt.to_json()?).map_err(|_| crate::failure::Error::Ended)?;
        certificates.push(Certificate { id, receipt });
    }
    Ok(certificates)
}

/// What projects other than `own` made, by project.
fn by_project<'a>(own: &ProjectId, objects: &'a [Object]) -> BTreeMap<&'a ProjectId, Vec<&'a ObjectId>> {
    let mut by: BTreeMap<&ProjectId, Vec<&ObjectId>> = BTreeMap::new();
    for object in objects {
        if let Some(project) = object.project.as_ref().filter(|project| *project != own) {
            by.entry(project).or_default().push(&object.id);
        }
    }
    by
}
