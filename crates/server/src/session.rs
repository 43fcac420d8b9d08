//! Sessions: signing in and out, and who is signed in where.

use crate::attend::{Signed, Whence};
use crate::body::{Json, id};
use crate::observe::Seen;
use crate::people::{manage, wire};
use crate::{Failure, Site};
use api::people::{OpenSession, Redeem, Revoked, Session};
use axum::Extension;
use axum::Json as Answer;
use axum::extract::{Path, State};

pub(crate) async fn redeem(
    State(site): State<Site>,
    Whence(source): Whence,
    Extension(seen): Extension<Seen>,
    Json(body): Json<Redeem>,
) -> Result<Answer<Session>, Failure> {
    let _used = site.in_use();
    let once = site.access.one_time_token(&body.token)?;
    let session = site.access.redeem_from(&once, source, seen.id()).await?;
    Ok(Answer(begun(&site, &session).await?))
}

/// The contract's session for a token that was just made.
pub(crate) async fn begun(site: &Site, token: &access::SessionToken) -> Result<Session, Failure> {
    let caller = site.access.authenticate(token.expose()).await?;
    let account = wire(site.access.own_account(&caller).await?);
    Ok(Session { token: token.expose().to_owned(), account })
}

pub(crate) async fn sign_out(State(site): State<Site>, Signed(caller): Signed) -> Result<(), Failure> {
    Ok(site.access.sign_out(&caller).await?)
}

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Answer<Vec<OpenSession>>, Failure> {
    let own = caller.signed().map(|signed| signed.session.clone());
    let sessions = site.access.own_sessions(&caller).await?;
    Ok(Answer(sessions.into_iter().map(|one| shown(one, own.as_ref())).collect()))
}

pub(crate) async fn revoke(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(session): Path<String>,
) -> Result<Answer<Revoked>, Failure> {
    site.access.revoke_own_session(&caller, &id(&session)?).await?;
    Ok(Answer(Revoked { sessions: 1 }))
}

pub(crate) async fn of_account(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(name): Path<String>,
) -> Result<Answer<Vec<OpenSession>>, Failure> {
    let (permit, account) = manage(&site, &caller, &name).await?;
    let sessions = site.access.sessions(&permit, &account.id).await?;
    Ok(Answer(sessions.into_iter().map(|one| shown(one, None)).collect()))
}

pub(crate) async fn revoke_all(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(name): Path<String>,
) -> Result<Answer<Revoked>, Failure> {
    let (permit, account) = manage(&site, &caller, &name).await?;
    let sessions = site.access.revoke_sessions(&permit, &account.id).await?;
    Ok(Answer(Revoked { sessions: sessions as u64 }))
}

fn shown(session: access::Session, own: Option<&base::SessionId>) -> OpenSession {
    OpenSession {
        current: own == Some(&session.id),
        id: session.id,
        proof: session.proof.as_str().to_owned(),
        source: session.source,
        created_at: session.created_at,
        used_at: session.used_at,
        ends_at: session.ends_at,
    }
}
