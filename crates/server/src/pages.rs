//! The few pages that people sign in on: enrolment, sign-in, approval of terminals, sessions.
//!
//! They are the same for everybody and hold no data: a script of ours asks the contract's routes and writes
//! what it gets as text. Nothing comes from elsewhere, nothing is inline, nothing is framed.

use crate::failure::Error;
use crate::{Failure, Site};
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Redirect, Response};

/// What a page may do: load our script and style, ask this site, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'none'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const SHELL: &str = include_str!("../pages/shell.html");

/// Where no route is. A browser that was given the site's address alone is led to where people sign in.
pub(crate) async fn elsewhere(State(site): State<Site>, method: Method, uri: Uri) -> Response {
    if method == Method::GET && uri.path() == "/" && site.access.pages().is_some() {
        return Redirect::to("/sign-in").into_response();
    }
    Failure::from(Error::Route).into_response()
}

pub(crate) async fn enrol() -> Response {
    page("Enrol a passkey", include_str!("../pages/enrol.html"))
}

pub(crate) async fn password() -> Response {
    page("Set a password", include_str!("../pages/password.html"))
}

pub(crate) async fn sign_in(State(site): State<Site>) -> Response {
    // A word of the settings, of small letters, digits and `-`.
    let by = |name| include_str!("../pages/by-provider.html").replace("{provider}", name);
    let by = site.access.provider().map(by).unwrap_or_default();
    page("Sign in", &include_str!("../pages/sign-in.html").replace("{by-provider}", &by))
}

pub(crate) async fn oidc() -> Response {
    page("Your organisation's sign-in", include_str!("../pages/oidc.html"))
}

pub(crate) async fn device() -> Response {
    page("Approve a terminal", include_str!("../pages/device.html"))
}

pub(crate) async fn sessions() -> Response {
    page("Where you are signed in", include_str!("../pages/sessions.html"))
}

pub(crate) async fn script() -> Response {
    with_headers("text/javascript; charset=utf-8", include_str!("../pages/people.js").to_owned())
}

pub(crate) async fn style() -> Response {
    with_headers("text/css; charset=utf-8", include_str!("../pages/people.css").to_owned())
}

fn page(title: &str, body: &str) -> Response {
    with_headers("text/html; charset=utf-8", SHELL.replace("{title}", title).replace("{body}", body))
}

fn with_headers(kind: &'static str, body: String) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "publickey-credentials-create=(self), publickey-credentials-get=(self)",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What would make the policy a lie, or need it loosened.
    #[test]
    fn pages_load_nothing_from_elsewhere_and_hold_nothing_inline() {
        let pages = [
            SHELL,
            include_str!("../pages/enrol.html"),
            include_str!("../pages/password.html"),
            include_str!("../pages/sign-in.html"),
            include_str!("../pages/by-provider.html"),
            include_str!("../pages/oidc.html"),
            include_str!("../pages/device.html"),
            include_str!("../pages/sessions.html"),
        ];
        for text in pages {
            for word in
                ["http:", "https:", "//", "style=", "onclick", "onsubmit", "javascript:", "<style", "<form"]
            {
                assert!(!text.contains(word), "{word}");
            }
            assert!(!text.contains("<script>"));
        }
        let script = include_str!("../pages/people.js");
        for word in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http:", "https:"]
        {
            assert!(!script.contains(word), "{word}");
        }
    }
}
