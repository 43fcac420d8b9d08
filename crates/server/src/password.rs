//! Passwords with a second factor.

use crate::attend::{Signed, Whence, made};
use crate::body::Json;
use crate::observe::Seen;
use crate::session::begun;
use crate::{Failure, Site};
use access::password::Typed;
use api::passkey::Enrolled;
use api::password::{Confirm, NewPassword, SecondFactor, SignIn};
use api::people::{Me, Session};
use axum::Extension;
use axum::Json as Out;
use axum::extract::State;
use axum::response::Response;
use zeroize::Zeroizing;

pub(crate) async fn begin(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Out<SecondFactor>, Failure> {
    let shown = site.access.begin_password(&caller).await?;
    let (secret, url) = (shown.secret.to_string(), shown.url.to_string());
    Ok(Out(SecondFactor { ceremony: shown.ceremony, secret, url }))
}

pub(crate) async fn set(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<NewPassword>,
) -> Result<Response, Failure> {
    let typed = typed(body.password, body.code);
    let id = site.access.set_password(&caller, &body.ceremony, typed).await?;
    let ids = [id.to_string()];
    Ok(made(Enrolled { id }, ids))
}

pub(crate) async fn remove(State(site): State<Site>, Signed(caller): Signed) -> Result<(), Failure> {
    Ok(site.access.remove_password(&caller).await?)
}

pub(crate) async fn sign_in(
    State(site): State<Site>,
    Whence(source): Whence,
    Extension(seen): Extension<Seen>,
    Json(body): Json<SignIn>,
) -> Result<Out<Session>, Failure> {
    let _used = site.in_use();
    let typed = typed(body.password, body.code);
    let token = site.access.sign_in_by_password(&body.name, typed, source, seen.id()).await?;
    begun(&site, &token).await.map(Out)
}

pub(crate) async fn confirm(
    State(site): State<Site>,
    Whence(source): Whence,
    Signed(caller): Signed,
    Json(body): Json<Confirm>,
) -> Result<Out<Me>, Failure> {
    site.access.confirm_by_password(&caller, typed(body.password, body.code), source).await?;
    crate::people::me(State(site), Signed(caller)).await
}

fn typed(password: String, code: String) -> Typed {
    Typed { password: Zeroizing::new(password), code }
}
