//! Passkeys: enrolment, sign-in, confirmation.

use crate::attend::{Signed, Whence, made};
use crate::body::{Json, id};
use crate::observe::Seen;
use crate::people::wire;
use crate::session::begun;
use crate::{Failure, Site};
use api::passkey::{Answer, Challenge, Enrolled, NewPasskey, Passkey};
use api::people::{Invitation, Me, Session};
use axum::Extension;
use axum::Json as Out;
use axum::extract::{Path, State};
use axum::response::Response;
use base::CredentialId;

pub(crate) async fn invite(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Out<Invitation>, Failure> {
    let account = wire(site.access.own_account(&caller).await?);
    let token = site.access.invite_browser(&caller).await?.expose().to_owned();
    Ok(Out(Invitation { account, token }))
}

pub(crate) async fn begin(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Out<Challenge>, Failure> {
    Ok(Out(told(site.access.begin_enrolment(&caller).await?)))
}

pub(crate) async fn add(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<NewPasskey>,
) -> Result<Response, Failure> {
    let NewPasskey { ceremony, label, credential } = body;
    let id = site.access.finish_enrolment(&caller, &ceremony, &label, credential).await?;
    let ids = [id.to_string()];
    Ok(made(Enrolled { id }, ids))
}

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Out<Vec<Passkey>>, Failure> {
    let shown = |one: access::passkey::Passkey| Passkey {
        id: one.id,
        label: one.label,
        created_at: one.created_at,
        used_at: one.used_at,
        suspended: one.suspended,
    };
    Ok(Out(site.access.own_passkeys(&caller).await?.into_iter().map(shown).collect()))
}

pub(crate) async fn remove(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(passkey): Path<String>,
) -> Result<Out<Enrolled>, Failure> {
    let id: CredentialId = id(&passkey)?;
    site.access.remove_passkey(&caller, &id).await?;
    Ok(Out(Enrolled { id }))
}

pub(crate) async fn challenge(
    State(site): State<Site>,
    Whence(source): Whence,
) -> Result<Out<Challenge>, Failure> {
    let _used = site.in_use();
    Ok(Out(told(site.access.begin_passkey(source)?)))
}

pub(crate) async fn sign_in(
    State(site): State<Site>,
    Whence(source): Whence,
    Extension(seen): Extension<Seen>,
    Json(body): Json<Answer>,
) -> Result<Out<Session>, Failure> {
    let _used = site.in_use();
    let token = site.access.finish_passkey(&body.ceremony, body.credential, source, seen.id()).await?;
    begun(&site, &token).await.map(Out)
}

pub(crate) async fn ask_again(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Out<Challenge>, Failure> {
    Ok(Out(told(site.access.begin_confirmation(&caller).await?)))
}

pub(crate) async fn confirm(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Answer>,
) -> Result<Out<Me>, Failure> {
    site.access.finish_confirmation(&caller, &body.ceremony, body.credential).await?;
    crate::people::me(State(site), Signed(caller)).await
}

/// The contract's challenge.
pub(crate) fn told(challenge: access::passkey::Challenge) -> Challenge {
    Challenge { ceremony: challenge.ceremony, options: challenge.options }
}
