//! What a data steward decides about an object: a legal hold, its lifting, deletion.

use crate::attend::Signed;
use crate::body::{Json, id};
use crate::object::wire;
use crate::{Failure, Site};
use access::thing::Object as ObjectThing;
use access::verb::Manage;
use access::{Action, Ask, Caller, Permit};
use api::archive::Because;
use api::project::Object;
use axum::Json as Answer;
use axum::extract::{Path, State};
use base::{ObjectId, Sensitive};

pub(crate) async fn hold(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(object): Path<String>,
    Json(body): Json<Because>,
) -> Result<Answer<Object>, Failure> {
    let object: ObjectId = id(&object)?;
    let permit = ask(&site, &caller, Action::SetHold, &object, body).await?;
    site.archive.hold(&permit, &object).await?;
    record(&site, &permit, &object).await
}

pub(crate) async fn lift(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(object): Path<String>,
    Json(body): Json<Because>,
) -> Result<Answer<Object>, Failure> {
    let object: ObjectId = id(&object)?;
    let permit = ask(&site, &caller, Action::LiftHold, &object, body).await?;
    site.archive.lift(&permit, &object).await?;
    record(&site, &permit, &object).await
}

pub(crate) async fn delete(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(object): Path<String>,
    Json(body): Json<Because>,
) -> Result<Answer<Object>, Failure> {
    let object: ObjectId = id(&object)?;
    let permit = ask(&site, &caller, Action::DeleteObject, &object, body).await?;
    site.archive.delete(&permit, &object).await?;
    // It is deleted; what could not be forgotten goes at the next start.
    let _ = site.runs.forget_unreadable_headers(Some(&object)).await;
    record(&site, &permit, &object).await
}

async fn ask(
    site: &Site,
    caller: &Caller,
    action: Action,
    object: &ObjectId,
    body: Because,
) -> Result<Permit<Manage, ObjectThing>, Failure> {
    let ask = Ask::<ObjectThing>::new(action, [object.clone()]).because(Some(Sensitive::new(body.reason)));
    Ok(site.access.decide(caller, ask).await?)
}

async fn record(
    site: &Site,
    permit: &Permit<Manage, ObjectThing>,
    object: &ObjectId,
) -> Result<Answer<Object>, Failure> {
    let found = site.archive.describe(permit, std::slice::from_ref(object)).await?.into_iter().next();
    Ok(Answer(wire(found.ok_or(access::Error::NotFound)?)))
}
