//! Who calls, and the outcome of what was decided for them.

use crate::admit;
use crate::door::Peer;
use crate::failure::{Code, Error};
use crate::observe::Seen;
use crate::{Failure, Site};
use access::Ended;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts as Head;
use axum::http::{Extensions, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;

/// Who is signed in, for handlers.
pub(crate) struct Signed(pub access::Caller);

/// Where a request comes from: the peer's address where the transport has one.
pub(crate) struct Whence(pub access::Source);

impl<S: Send + Sync> FromRequestParts<S> for Whence {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(head: &mut Head, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(source_of(&head.extensions)))
    }
}

fn source_of(extensions: &Extensions) -> access::Source {
    let peer = extensions.get::<Peer>();
    peer.map_or(access::Source::Socket, |peer| access::Source::Network(peer.0.ip().to_canonical()))
}

/// Ids that a request made, left on its response for the outcome's record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Made(pub Vec<String>);

/// Left on a response whose body is still to be made: the maker of the body records the outcome.
#[derive(Debug, Clone)]
pub(crate) struct Later;

/// When "not there" is said: at the next of these after a request came.
const TICK: Duration = Duration::from_millis(5);

/// Runs a request of someone signed in.
///
/// INVARIANT (absent-as-foreign): what is there and not the caller's takes a little longer to find than what is not there, by
/// the facts that are read of it. Both are answered at a tick, so the difference is not in the answer's time.
///
/// INVARIANT (outcome-before-answer): an answer whose outcome could not be queued for the ledger
/// is replaced by the failure.
///
/// The request runs on a task of its own: a caller who hangs up does not leave a decision without
/// its outcome.
pub(crate) async fn attend(State(site): State<Site>, request: Request, next: Next) -> Response {
    let (clock, begun) = (Arc::clone(&site.clock), site.clock.monotonic());
    let response = match tokio::spawn(attended(site, request, next)).await {
        Ok(response) => response,
        Err(_) => Failure::from(Error::Ended).into_response(),
    };
    if response.status() == StatusCode::NOT_FOUND {
        tokio::time::sleep(to_tick(clock.monotonic().saturating_sub(begun))).await;
    }
    response
}

/// What is left to the next tick.
fn to_tick(passed: Duration) -> Duration {
    let over = passed.as_nanos().checked_rem(TICK.as_nanos()).and_then(|over| u64::try_from(over).ok());
    TICK.saturating_sub(Duration::from_nanos(over.unwrap_or_default()))
}

/// Runs a request of nobody in particular on a task of its own: what is on record when its caller hangs up is done.
pub(crate) async fn apart(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::from(Error::Ended).into_response(),
    }
}

async fn attended(site: Site, mut request: Request, next: Next) -> Response {
    let _used = site.in_use();
    let source = source_of(request.extensions());
    let caller = match site.access.authenticate_from(bearer(&request).unwrap_or_default(), source).await {
        // A transport that does not say where its callers speak from counts as the outside.
        Ok(caller) => caller.speaking_from(network(&request)),
        Err(error) => return Failure::from(error).into_response(),
    };
    if let Some(seen) = request.extensions().get::<Seen>() {
        seen.know(caller.request());
    }
    if let Some(wait) = too_many(&site, &request, &caller) {
        return admit::limited(&site, wait);
    }
    request.extensions_mut().insert(caller.clone());
    let response = next.run(request).await;
    if response.extensions().get::<Later>().is_some() {
        return response;
    }
    let code = response.extensions().get::<Code>().map(|code| code.0.clone());
    let made = response.extensions().get::<Made>().cloned().unwrap_or_default();
    let ended = Ended { code: code.as_deref(), released: None, made: &made.0 };
    match site.access.close(&caller, ended).await {
        Ok(()) => response,
        Err(_) if code.is_some() => response,
        Err(error) => Failure::from(error).into_response(),
    }
}

fn network(request: &Request) -> access::Network {
    request.extensions().get::<access::Network>().copied().unwrap_or_default()
}

/// How long an account that came by the door and asked too much has to wait. Before anything is decided, so that
/// nothing is on record.
fn too_many(site: &Site, request: &Request, caller: &access::Caller) -> Option<Duration> {
    request.extensions().get::<Peer>()?;
    site.traffic().held()?.account(caller.person()?).err()
}

fn bearer(request: &Request) -> Option<&str> {
    request.headers().get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")
}

impl FromRequestParts<Site> for Signed {
    type Rejection = Failure;

    async fn from_request_parts(head: &mut Head, _: &Site) -> Result<Self, Failure> {
        let caller = head.extensions.get::<access::Caller>().cloned();
        Ok(Self(caller.ok_or(access::Error::NotSignedIn)?))
    }
}

/// A JSON answer with the ids of what was made.
pub(crate) fn made<T: serde::Serialize>(body: T, ids: impl IntoIterator<Item = String>) -> Response {
    let mut response = axum::Json(body).into_response();
    response.extensions_mut().insert(Made(ids.into_iter().collect()));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_less_than_a_tick_ends_with_it() {
        let ended = |micros: u64| {
            let passed = Duration::from_micros(micros);
            (passed + to_tick(passed)).as_micros()
        };
        for (micros, at) in
            [(0, 5_000), (700, 5_000), (1_000, 5_000), (4_999, 5_000), (5_000, 10_000), (12_345, 15_000)]
        {
            assert_eq!(ended(micros), at, "{micros}");
        }
    }
}
