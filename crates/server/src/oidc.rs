//! Sign-in through the site's own OpenID Connect provider.
//!
//! The one cookie of this site is here: it says which browser left for the provider, to this site alone, and no longer than
//! that may take. Sessions know nothing of it.

use crate::attend::{Signed, Whence};
use crate::body::Json;
use crate::observe::Seen;
use crate::session::begun;
use crate::{Failure, Site};
use access::oidc::{Arrival, Departure};
use api::oidc as wire;
use api::people::Session;
use axum::Extension;
use axum::Json as Out;
use axum::extract::State;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{AppendHeaders, IntoResponse, Response};
use zeroize::Zeroizing;

/// Its name: by the prefix a browser takes it from this host alone, over TLS, for all paths.
const NAME: &str = "__Host-sequestra-oidc";
/// What keeps it from scripts, from other sites and from the wire in clear, for the five minutes that a sign-in may take.
const KEPT: &str = "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=";
const SECONDS: &str = "300";

pub(crate) async fn begin(
    State(site): State<Site>,
    Whence(source): Whence,
    Extension(seen): Extension<Seen>,
) -> Result<Response, Failure> {
    let _used = site.in_use();
    let left = site.access.begin_oidc(source).await;
    departs(left.map_err(|error| told(error, &seen))?)
}

pub(crate) async fn sign_in(
    State(site): State<Site>,
    Whence(source): Whence,
    Extension(seen): Extension<Seen>,
    headers: HeaderMap,
    Json(body): Json<wire::Arrival>,
) -> Response {
    let _used = site.in_use();
    let finished = site.access.finish_oidc(arrival(body, &headers), source, seen.id()).await;
    let answer: Result<Out<Session>, Failure> = match finished {
        Ok(token) => begun(&site, &token).await.map(Out),
        Err(error) => Err(told(error, &seen)),
    };
    // What it was for is over, however it ended.
    (forgotten(), answer).into_response()
}

pub(crate) async fn begin_link(
    State(site): State<Site>,
    Whence(source): Whence,
    Signed(caller): Signed,
    Extension(seen): Extension<Seen>,
) -> Result<Response, Failure> {
    let left = site.access.begin_oidc_link(&caller, source).await;
    departs(left.map_err(|error| told(error, &seen))?)
}

pub(crate) async fn link(
    State(site): State<Site>,
    Signed(caller): Signed,
    Extension(seen): Extension<Seen>,
    headers: HeaderMap,
    Json(body): Json<wire::Arrival>,
) -> Response {
    let finished = site.access.finish_oidc_link(&caller, arrival(body, &headers)).await;
    let answer = match finished {
        Ok(()) => list(State(site), Signed(caller)).await,
        Err(error) => Err(told(error, &seen)),
    };
    (forgotten(), answer).into_response()
}

pub(crate) async fn list(
    State(site): State<Site>,
    Signed(caller): Signed,
) -> Result<Out<Option<wire::Link>>, Failure> {
    let link = site.access.own_oidc_link(&caller).await?;
    Ok(Out(link.map(|link| wire::Link { provider: link.provider, since: link.since })))
}

pub(crate) async fn unlink(State(site): State<Site>, Signed(caller): Signed) -> Result<(), Failure> {
    Ok(site.access.remove_oidc_link(&caller).await?)
}

fn departs(departure: Departure) -> Result<Response, Failure> {
    let kept = Zeroizing::new([NAME, "=", &departure.browser, KEPT, SECONDS].concat());
    let mut cookie = HeaderValue::from_str(&kept).map_err(|_| crate::failure::Error::Ended)?;
    cookie.set_sensitive(true);
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), Out(wire::Departure { address: departure.address }))
        .into_response())
}

fn forgotten() -> AppendHeaders<[(axum::http::HeaderName, String); 1]> {
    AppendHeaders([(SET_COOKIE, [NAME, "=", KEPT, "0"].concat())])
}

fn arrival(body: wire::Arrival, headers: &HeaderMap) -> Arrival {
    let wire::Arrival { state, code, issuer } = body;
    Arrival { state, code: Zeroizing::new(code), issuer, browser: kept(headers) }
}

/// The cookie's value, if there is one. Two of one name are none: one of them is somebody else's.
fn kept(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut own = pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value.to_owned());
    match (own.next(), own.next()) {
        (Some(value), None) => Some(Zeroizing::new(value)),
        _ => None,
    }
}

/// The refusal as it is answered; the word for why goes into the site's own log.
fn told(error: access::Error, seen: &Seen) -> Failure {
    if let access::Error::NotVouched(why) | access::Error::ProviderAway(why) = &error {
        seen.because(why.word());
    }
    error.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cookie_of_its_name_is_read_and_no_other() {
        let read = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
            }
            kept(&headers).map(|value| value.to_string())
        };
        assert_eq!(read(&["a=1; __Host-sequestra-oidc=ab12; b=2"]), Some("ab12".into()));
        assert_eq!(read(&["a=1", "__Host-sequestra-oidc=ab12"]), Some("ab12".into()));
        for none in [&[][..], &["sequestra-oidc=ab12"], &["__host-sequestra-oidc=ab12"], &["ab12"]] {
            assert_eq!(read(none), None, "{none:?}");
        }
        assert_eq!(read(&["__Host-sequestra-oidc=ab12; __Host-sequestra-oidc=cd34"]), None);
    }
}
