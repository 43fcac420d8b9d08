//! The site's keys: how they stand, rotation, and the move to another provider.

use crate::attend::{Signed, made};
use crate::body::{Json, blocking};
use crate::failure::Error;
use crate::{Failure, Site};
use ::keys::{Credential, Custody, Plan, Rotated, Sealing};
use access::thing::Site as SiteThing;
use access::verb::{Manage, View};
use access::{Action, Ask, Permit};
use api::keys::{Complete, Prepare, Prepared, Provider, Report, Rotate, Rotation, Scope, Status};
use audit::{Event, What};
use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use base::{Class, Sensitive};
use std::time::Duration;

/// Rows that one transaction wraps anew, or opens.
const BATCH: u64 = 1000;
/// How long one step of a rotation may take: far less than a permit lasts.
const STEP: Duration = Duration::from_secs(2);
/// The word for the root keys.
const ROOT: &str = ::keys::rotate::ROOT;

pub(crate) async fn status(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Answer<Status>, Failure> {
    let _: Permit<View, SiteThing> = site.permit(&caller, Action::ViewSiteStatus, &site.id).await?;
    let custody = site.keys.custody();
    let (provider, needed, made) = match custody {
        Custody::Passphrase => ("passphrase", None, None),
        Custody::Shares { needed, made } => ("shares", Some(needed), Some(made)),
        Custody::Token => ("token", None, None),
        Custody::Service => ("service", None, None),
    };
    let scopes = site.keys.standings().await?.into_iter().map(|one| Scope {
        scope: one.scope,
        generations: one.generations,
        newest: one.newest,
        older: one.older,
    });
    let (provider, strong) = (provider.to_owned(), custody.is_strong());
    Ok(Answer(Status { provider, needed, made, strong, scopes: scopes.collect() }))
}

/// One step of a rotation. A client asks again until it is finished; whoever asks after a crash
/// goes on where it stopped. Each step is a decision of its own.
pub(crate) async fn rotate(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Rotate>,
) -> Result<Response, Failure> {
    let ask = Ask::<SiteThing>::new(Action::ManageKeys, [site.id.clone()]).about(known(&body.scope));
    let permit: Permit<Manage, SiteThing> = site.access.decide(&caller, ask).await?;
    let rotation = if body.scope == ROOT {
        let credential = body.credential.ok_or(::keys::Error::Passphrase)?;
        rotate_root(&site, &permit, credential).await?
    } else {
        rotate_scope(&site, &permit, body.scope, body.begin).await?
    };
    Ok(made(rotation, []))
}

async fn rotate_scope(
    site: &Site,
    permit: &Permit<Manage, SiteThing>,
    scope: String,
    begin: bool,
) -> Result<Rotation, Failure> {
    let ends = site.clock.monotonic().saturating_add(STEP);
    if begin {
        let tx = site.begin(permit).await?;
        site.keys.begin_rotation(permit, &tx, &scope).await?;
        tx.commit().await?;
        site.keys.settle(&scope).await?;
    }
    loop {
        let tx = site.begin(permit).await?;
        let left = site.keys.rewrap(permit, &tx, &scope, BATCH).await?;
        tx.commit().await?;
        if left == 0 {
            break;
        }
        if site.clock.monotonic() >= ends {
            return Ok(Rotation { scope, left, report: None });
        }
    }
    loop {
        let tx = site.begin(permit).await?;
        let over = site.keys.check_rotation(permit, &tx, &scope, BATCH).await?;
        tx.commit().await?;
        if over {
            break;
        }
        if site.clock.monotonic() >= ends {
            // The rows that are still to be opened are not counted: the next step goes on.
            return Ok(Rotation { scope, left: 0, report: None });
        }
    }
    let tx = site.begin(permit).await?;
    let done = site.keys.finish_rotation(permit, &tx, &scope).await?;
    let committed = tx.commit().await;
    // Also where nobody can say whether it took effect: what is there is read again.
    site.keys.settle(&scope).await?;
    committed?;
    Ok(Rotation { scope, left: 0, report: Some(report(done)) })
}

async fn rotate_root(
    site: &Site,
    permit: &Permit<Manage, SiteThing>,
    credential: Sensitive<String>,
) -> Result<Rotation, Failure> {
    let ends = site.clock.monotonic().saturating_add(STEP);
    let once = || Credential::new(credential.reveal().clone());
    let (keys, safe) = (&site.keys, &site.safe);
    // Deriving a passphrase's key takes a while, and a token may.
    let sealing = tokio::task::block_in_place(|| keys.begin_root(permit, safe, &once()))?;
    note(site, permit, sealing).await?;
    keys.set_asked(safe.asked(&once())?);
    loop {
        let tx = site.begin(permit).await?;
        let left = site.keys.rewrap_root(permit, &tx, BATCH).await?;
        tx.commit().await?;
        if left == 0 {
            break;
        }
        if site.clock.monotonic() >= ends {
            return Ok(Rotation { scope: ROOT.to_owned(), left, report: None });
        }
    }
    let done = loop {
        let tx = site.begin(permit).await?;
        let done = site.keys.check_root(permit, &tx, BATCH).await?;
        tx.commit().await?;
        if let Some(done) = done {
            break done;
        }
        if site.clock.monotonic() >= ends {
            return Ok(Rotation { scope: ROOT.to_owned(), left: 0, report: None });
        }
    };
    let sealing = tokio::task::block_in_place(|| keys.finish_root(permit, safe, &once()))?;
    note(site, permit, sealing).await?;
    keys.set_asked(safe.asked(&once())?);
    Ok(Rotation { scope: ROOT.to_owned(), left: 0, report: Some(report(done)) })
}

pub(crate) async fn prepare(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Prepare>,
) -> Result<Answer<Prepared>, Failure> {
    let permit: Permit<Manage, SiteThing> = site.permit(&caller, Action::ManageKeys, &site.id).await?;
    let plan = match body.to {
        Provider::Passphrase {} => Plan::Passphrase,
        Provider::Shares { needed, made } => Plan::Shares { needed, made },
        Provider::Pkcs11 { token, label } => Plan::Pkcs11 { token, label },
        Provider::Transit { mount, name } => Plan::Transit { mount, name },
    };
    if !plan.custody().is_strong()
        && let Some(class) = strictest(&site).await?
        && class >= Class::Controlled
    {
        return Err(::keys::Error::Custody(class).into());
    }
    permit.live()?;
    let (old, new) = (credential(body.credential)?, credential_or_none(body.new));
    let owner = site.clone();
    let shares = blocking(move || owner.safe.prepare(&old, &plan, &new, &*owner.entropy)).await??;
    Ok(Answer(Prepared { shares: shares.iter().map(|share| share.text().to_string()).collect() }))
}

pub(crate) async fn complete(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Complete>,
) -> Result<Answer<Status>, Failure> {
    let permit: Permit<Manage, SiteThing> = site.permit(&caller, Action::ManageKeys, &site.id).await?;
    permit.live()?;
    let (owner, new) = (site.clone(), credential(body.credential)?);
    let strict = strictest(&site).await?;
    let (custody, sealing) = blocking(move || {
        let roots = owner.keys.roots();
        let done = owner.safe.complete(&new, &roots, |custody| match strict {
            Some(class) if class >= Class::Controlled && !custody.is_strong() => {
                Err(::keys::Error::Custody(class))
            }
            _ => Ok(()),
        })?;
        owner.keys.set_asked(owner.safe.asked(&new)?);
        Ok::<_, ::keys::Error>(done)
    })
    .await??;
    note(&site, &permit, sealing).await?;
    site.keys.set_custody(custody);
    status(State(site), Signed(caller)).await
}

/// Records which sealed file is in force: from here on an older one opens no site. Crash before: the file is
/// ahead of the ledger, and the next opening records it.
async fn note(site: &Site, permit: &Permit<Manage, SiteThing>, sealing: Sealing) -> Result<(), Failure> {
    let event = Event::new(permit.actor().clone(), What::KeysSealed { sealing: sealing.0 })
        .during(Some(permit.caller().request().clone()))
        .about([site.id.to_string()]);
    site.audit.gate(&event).await?;
    Ok(())
}

/// The strictest class of the site's projects.
async fn strictest(site: &Site) -> Result<Option<Class>, Failure> {
    Ok(site.catalog.strictest_class().await?)
}

fn credential(text: Option<Sensitive<String>>) -> Result<Credential, Failure> {
    Ok(Credential::new(text.ok_or(Error::Body("it has no credential".into()))?.into_revealed()))
}

fn credential_or_none(text: Option<Sensitive<String>>) -> Credential {
    Credential::new(text.map(Sensitive::into_revealed).unwrap_or_default())
}

/// What the record stands with: an id, if the scope is one.
fn known(scope: &str) -> Option<String> {
    let is_id = scope.parse::<base::ProjectId>().is_ok() || scope.parse::<base::SubjectId>().is_ok();
    is_id.then(|| scope.to_owned())
}

fn report(done: Rotated) -> Report {
    let Rotated { scope, generation, destroyed, checked } = done;
    Report { scope, generation, destroyed, checked, left: 0, body_bytes: 0 }
}
