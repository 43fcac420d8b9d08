//! Service accounts.

use crate::attend::{Signed, Whence, made};
use crate::body::{Json, id};
use crate::failure::Error;
use crate::observe::Seen;
use crate::{Failure, Site};
use access::service::{Before, NewService, offered};
use access::thing;
use access::verb::Manage;
use access::{Action, Permit};
use api::service::{Assertion, NewKey, NewService as Asked, NextKey, Service, ServiceToken};
use axum::Extension;
use axum::Json as Out;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{Id, ServiceId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(crate) async fn create(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Asked>,
) -> Result<Response, Failure> {
    let permit: Permit<Manage, thing::Site> = site.permit(&caller, Action::ManageAccounts, &site.id).await?;
    let owner = site.access.account_named(&permit, &body.owner).await?.id;
    let value = |field, why: String, how| Failure::from(Error::Value { field, why, how });
    let words = || offered().map(|action| action.to_string()).collect::<Vec<_>>().join(", ");
    let new = NewService {
        owner,
        purpose: body.purpose,
        environment: body.environment,
        project: body.project,
        actions: body
            .actions
            .iter()
            .map(|one| one.parse())
            .collect::<Result<_, policy::action::ParseActionError>>()
            .map_err(|e| value("action", e.to_string(), Some(format!("one of {}", words()))))?,
        class: body.class,
        networks: body
            .networks
            .iter()
            .map(|one| one.parse())
            .collect::<Result<_, access::network::ParseRangeError>>()
            .map_err(|e| value("network", e.to_string(), None))?,
        days: body.days,
        key: key(&body.key)?,
    };
    let service = site.access.create_service(&permit, new).await?;
    let ids = [service.id.to_string()];
    Ok(made(wire(&site, service).await?, ids))
}

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Out<Vec<Service>>, Failure> {
    let permit: Permit<Manage, thing::Site> = site.permit(&caller, Action::ManageAccounts, &site.id).await?;
    let mut all = Vec::new();
    for service in site.access.services(&permit).await? {
        all.push(wire(&site, service).await?);
    }
    Ok(Out(all))
}

pub(crate) async fn mine(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Out<Vec<Service>>, Failure> {
    let mut all = Vec::new();
    for service in site.access.own_services(&caller).await? {
        all.push(wire(&site, service).await?);
    }
    Ok(Out(all))
}

pub(crate) async fn rotate(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(service): Path<String>,
    Json(body): Json<NextKey>,
) -> Result<Out<Service>, Failure> {
    let service: ServiceId = id(&service)?;
    let permit: Permit<Manage, thing::Site> = site.permit(&caller, Action::ManageAccounts, &site.id).await?;
    let before = if body.now { Before::Ends } else { Before::Overlaps };
    let service = site.access.rotate_service(&permit, &service, &key(&body.key)?, before).await?;
    wire(&site, service).await.map(Out)
}

pub(crate) async fn close(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(service): Path<String>,
) -> Result<Out<Service>, Failure> {
    let service: ServiceId = id(&service)?;
    let permit: Permit<Manage, thing::Site> = site.permit(&caller, Action::ManageAccounts, &site.id).await?;
    let service = site.access.close_service(&permit, &service).await?;
    wire(&site, service).await.map(Out)
}

pub(crate) async fn allow(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(service): Path<String>,
    Json(body): Json<NewKey>,
) -> Result<(), Failure> {
    Ok(site.access.allow_service(&caller, &id(&service)?, &key(&body.key)?).await?)
}

pub(crate) async fn withdraw(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(service): Path<String>,
) -> Result<(), Failure> {
    Ok(site.access.withdraw_service(&caller, &id(&service)?).await?)
}

/// An assertion's audience is the site's id, so that one made for another site is none here.
pub(crate) async fn token(
    State(site): State<Site>,
    Whence(source): Whence,
    Extension(seen): Extension<Seen>,
    Json(body): Json<Assertion>,
) -> Result<Out<ServiceToken>, Failure> {
    let _used = site.in_use();
    let token = site.access.redeem_assertion(&body.assertion, site.id.as_str(), source, seen.id()).await?;
    let seconds = access::assertion::TOKEN_SECONDS.unsigned_abs();
    Ok(Out(ServiceToken { token: token.expose().to_owned(), seconds }))
}

fn key(text: &str) -> Result<[u8; 32], Failure> {
    let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.ok_or_else(|| {
        let how = Some("`sequestra service enrol` prints it on the machine".to_owned());
        Error::Value { field: "key", why: "it is no Ed25519 public key in base64".into(), how }.into()
    })
}

async fn wire(site: &Site, service: access::service::Service) -> Result<Service, Failure> {
    let owner = site.access.names_of(std::slice::from_ref(&service.owner)).await?.into_iter().next();
    Ok(Service {
        id: service.id,
        owner: owner.map(|account| account.name).unwrap_or_default(),
        purpose: service.purpose,
        environment: service.environment,
        project: service.project,
        actions: service.actions.iter().map(ToString::to_string).collect(),
        class: service.class,
        networks: service.networks.iter().map(ToString::to_string).collect(),
        expires_at: service.expires_at,
        used_at: service.used_at,
        keys: service.keys,
        closed: service.closed,
        findings: service.findings.iter().map(|finding| finding.as_str().to_owned()).collect(),
    })
}
