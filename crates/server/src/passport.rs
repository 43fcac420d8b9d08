//! Passports, whose they are, and which visas projects take.

use crate::attend::{Signed, made};
use crate::body::{Json, blocking, id};
use crate::failure::Error;
use crate::people::manage;
use crate::{Failure, Site};
use access::passport::{Outcome, Verdict};
use access::thing::Project;
use access::verb::{Manage, View};
use access::{Action, Permit};
use api::passport as wire;
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{Fault, VisaMappingId};
use std::collections::BTreeMap;
use tokio::sync::Semaphore;

/// Whoever waits for issuers' keys: an issuer that does not answer holds up these, and nothing else of the site.
static PRESENTING: Semaphore = Semaphore::const_new(4);

pub(crate) async fn present(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<wire::Passport>,
) -> Result<Answer<Vec<wire::Verdict>>, Failure> {
    site.access.may_present(&caller)?;
    let turn = PRESENTING.try_acquire().map_err(|_| Error::NotReady("other passports are being read"))?;
    let access = site.access.clone();
    let keys = blocking(move || access.issuer_keys()).await?;
    drop(turn);
    let verdicts = site.access.present(&caller, &body.passport, &keys).await?;
    Ok(Answer(verdicts.into_iter().map(told).collect()))
}

fn told(verdict: Verdict) -> wire::Verdict {
    let Verdict { visa, issuer, value, subject, outcome } = verdict;
    let refused = outcome.refusal();
    let (code, why) = (refused.map(|r| r.code().to_owned()), refused.map(ToString::to_string));
    let hint = refused.and_then(Fault::hint);
    let (word, given) = match outcome {
        Outcome::Gave(given) => (wire::Outcome::Given, Some(given)),
        Outcome::Held(given) => (wire::Outcome::Held, Some(given)),
        Outcome::Good => (wire::Outcome::Good, None),
        Outcome::Refused(_) => (wire::Outcome::Refused, None),
    };
    wire::Verdict {
        visa: visa as u64,
        issuer,
        value,
        // To its owner, who sent it.
        subject: subject.map(|subject| subject.reveal().clone()),
        outcome: word,
        project: given.as_ref().map(|given| given.project.clone()),
        role: given.as_ref().map(|given| given.role),
        until: given.map(|given| given.until),
        code,
        why,
        hint,
    }
}

pub(crate) async fn link(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(name): Path<String>,
    Json(body): Json<wire::NewIdentity>,
) -> Result<Answer<Vec<wire::IdentityLink>>, Failure> {
    let (permit, account) = manage(&site, &caller, &name).await?;
    let tx = site.begin(&permit).await?;
    site.access.link_identity(&permit, &tx, &account.id, &body.issuer, &body.subject).await?;
    tx.commit().await?;
    shown(site.access.identities(&permit, &account.id).await?)
}

pub(crate) async fn identities(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(name): Path<String>,
) -> Result<Answer<Vec<wire::IdentityLink>>, Failure> {
    let (permit, account) = manage(&site, &caller, &name).await?;
    shown(site.access.identities(&permit, &account.id).await?)
}

pub(crate) async fn unlink(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path((name, issuer)): Path<(String, String)>,
) -> Result<Answer<wire::Unlinked>, Failure> {
    let (permit, account) = manage(&site, &caller, &name).await?;
    let tx = site.begin(&permit).await?;
    let links = site.access.unlink_identity(&permit, &tx, &account.id, &issuer).await?;
    tx.commit().await?;
    Ok(Answer(wire::Unlinked { links }))
}

fn shown(links: Vec<access::identity::Identity>) -> Result<Answer<Vec<wire::IdentityLink>>, Failure> {
    let wire = |link: access::identity::Identity| wire::IdentityLink {
        issuer: link.issuer,
        since: link.since,
        signs_in: link.signs_in,
    };
    Ok(Answer(links.into_iter().map(wire).collect()))
}

pub(crate) async fn map(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<wire::NewMapping>,
) -> Result<Response, Failure> {
    let permit: Permit<Manage, Project> = site.permit(&caller, Action::MapVisas, &id(&project)?).await?;
    let tx = site.begin(&permit).await?;
    let mapping = site.access.map_visa(&permit, &tx, &body.issuer, &body.value, body.role).await?;
    tx.commit().await?;
    let ids = [mapping.id.to_string()];
    let mapping = named(&site, vec![mapping]).await?.pop().ok_or(access::Error::NotFound)?;
    Ok(made(mapping, ids))
}

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
) -> Result<Answer<Vec<wire::Mapping>>, Failure> {
    let permit: Permit<View, Project> = site.permit(&caller, Action::ViewProject, &id(&project)?).await?;
    let mappings = site.access.mappings(&permit).await?;
    named(&site, mappings).await.map(Answer)
}

pub(crate) async fn unmap(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path((project, mapping)): Path<(String, String)>,
) -> Result<Answer<wire::Unmapped>, Failure> {
    let mapping: VisaMappingId = id(&mapping)?;
    let permit: Permit<Manage, Project> = site.permit(&caller, Action::MapVisas, &id(&project)?).await?;
    let tx = site.begin(&permit).await?;
    let roles = site.access.unmap_visa(&permit, &tx, &mapping).await?;
    tx.commit().await?;
    Ok(Answer(wire::Unmapped { roles }))
}

/// Mappings with the names of those who made them.
async fn named(site: &Site, all: Vec<access::mapping::Mapping>) -> Result<Vec<wire::Mapping>, Failure> {
    let ids: Vec<_> = all.iter().map(|mapping| mapping.by.clone()).collect();
    let names: BTreeMap<_, _> =
        site.access.names_of(&ids).await?.into_iter().map(|account| (account.id, account.name)).collect();
    let wire = |mapping: access::mapping::Mapping| wire::Mapping {
        id: mapping.id,
        issuer: mapping.issuer,
        value: mapping.value,
        role: mapping.role,
        by: names.get(&mapping.by).cloned().unwrap_or_default(),
        since: mapping.since,
    };
    Ok(all.into_iter().map(wire).collect())
}
