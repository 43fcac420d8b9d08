//! Terminals that a passkey approves in a browser.

use crate::attend::{Signed, Whence};
use crate::body::Json;
use crate::observe::Seen;
use crate::passkey;
use crate::session::begun;
use crate::{Failure, Site};
use api::passkey::{Approve, Approved, Asking, Challenge, Finish, Finished, Terminal, Typed};
use axum::Extension;
use axum::Json as Out;
use axum::extract::State;

pub(crate) async fn begin(
    State(site): State<Site>,
    Whence(source): Whence,
) -> Result<Out<Terminal>, Failure> {
    let _used = site.in_use();
    Ok(Out(told(site.access.begin_terminal(source, None)?)))
}

/// A terminal that is signed in and has to confirm that it is still its owner's.
pub(crate) async fn confirm(
    State(site): State<Site>,
    Whence(source): Whence,
    Signed(caller): Signed,
) -> Result<Out<Terminal>, Failure> {
    Ok(Out(told(site.access.begin_terminal(source, Some(&caller))?)))
}

pub(crate) async fn finish(
    State(site): State<Site>,
    Whence(source): Whence,
    Extension(seen): Extension<Seen>,
    Json(body): Json<Finish>,
) -> Result<Out<Finished>, Failure> {
    let _used = site.in_use();
    let token = site.access.finish_terminal(&body.secret, &body.answer, source, seen.id()).await?;
    let session = match token {
        Some(token) => Some(begun(&site, &token).await?),
        None => None,
    };
    Ok(Out(Finished { session }))
}

pub(crate) async fn asking(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Typed>,
) -> Result<Out<Asking>, Failure> {
    let access::terminal::Asking { source, since, confirms } = site.access.asking(&caller, &body.code)?;
    Ok(Out(Asking { source, since, confirms }))
}

pub(crate) async fn challenge(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Typed>,
) -> Result<Out<Challenge>, Failure> {
    Ok(Out(passkey::told(site.access.begin_approval(&caller, &body.code).await?)))
}

pub(crate) async fn approve(
    State(site): State<Site>,
    Whence(source): Whence,
    Signed(caller): Signed,
    Json(body): Json<Approve>,
) -> Result<Out<Approved>, Failure> {
    let Approve { code, ceremony, credential } = body;
    let answer = site.access.approve_terminal(&caller, &code, (&ceremony, credential), source).await?;
    Ok(Out(Approved { answer }))
}

pub(crate) async fn refuse(
    State(site): State<Site>,
    Signed(caller): Signed,
    Json(body): Json<Typed>,
) -> Result<(), Failure> {
    Ok(site.access.refuse_terminal(&caller, &body.code).await?)
}

fn told(terminal: access::terminal::Terminal) -> Terminal {
    let access::terminal::Terminal { secret, code, page } = terminal;
    Terminal { secret, code, page, seconds: access::terminal::LIFE.as_secs() }
}
