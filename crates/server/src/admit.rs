//! What a request has to be before anybody looks at what it asks for: framed in one way, small enough, not one
//! of too many, and coming.

use crate::door::Peer;
use crate::failure::Error;
use crate::observe::Seen;
use crate::patience::Patience;
use crate::{Failure, Site};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderValue, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::task::{Context, Poll};

/// Largest body with a sheet: some ten thousand rows fit.
pub(crate) const SHEET: u64 = 8 << 20;
/// The routes that take one, and those that take a file.
const SHEETS: &[&str] = &["package begin", "intake split"];
const FILES: &[&str] = &["package file", "reference file"];

/// Lets a request pass, or answers it.
pub(crate) async fn admit(State(site): State<Site>, request: Request, next: Next) -> Response {
    if let Some(Peer(address)) = request.extensions().get::<Peer>().copied() {
        if let Err(error) = framed(&site, &request) {
            // What follows on this connection may be read in two ways.
            return closed(Failure::from(error).into_response());
        }
        if let Some(Err(wait)) = site.traffic().held().map(|held| held.address(address.ip())) {
            return limited(&site, wait);
        }
    }
    // After it was counted: what is refused here is a request as well.
    if let Err(error) = of_own_page(&request) {
        return closed(Failure::from(error).into_response());
    }
    let limit = limit_of(&site, &request);
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit) {
        return closed(Failure::from(Error::TooLarge(limit)).into_response());
    }
    let fault = Arc::new(AtomicU8::new(NONE));
    let seen = request.extensions().get::<Seen>().cloned();
    let patience = Patience::of(site.traffic().limits().idle_time(), Arc::clone(&site.clock));
    let request = request
        .map(|body| Body::new(Bounded { body, left: limit, patience, seen, fault: Arc::clone(&fault) }));
    let response = next.run(request).await;
    // Whatever the handler made of a body that was stopped: it was stopped here.
    match fault.load(Relaxed) {
        LARGE if !response.status().is_success() => {
            closed(Failure::from(Error::TooLarge(limit)).into_response())
        }
        SLOW if !response.status().is_success() => closed(Failure::from(Error::Slow).into_response()),
        _ => response,
    }
}

/// The answer to one of too many, with when to come again.
pub(crate) fn limited(site: &Site, wait: std::time::Duration) -> Response {
    site.traffic().counts.limited();
    let seconds = wait.as_secs().saturating_add(1);
    let mut response = Failure::from(Error::TooManyRequests(seconds)).into_response();
    response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
    response
}

fn closed(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Refuses what a browser was made to send by the page of another site: it would count as asked from where the browser
/// is. Browsers say so themselves (`sec-fetch-site`, W3C Fetch Metadata), and no page can make them say otherwise.
fn of_own_page(request: &Request) -> Result<(), Error> {
    let said = request.headers().get("sec-fetch-site");
    let own = said.is_none_or(|said| said == "same-origin" || said == "none");
    if own || request.method().is_safe() { Ok(()) } else { Err(Error::OtherSite) }
}

/// Refuses what could be framed in two ways.
fn framed(site: &Site, request: &Request) -> Result<(), Error> {
    let headers = request.headers();
    if headers.len() > site.traffic().limits().headers {
        return Err(Error::Headers(site.traffic().limits().headers));
    }
    let why = match request.version() {
        Version::HTTP_2 => return Ok(()),
        Version::HTTP_11 if headers.contains_key(TRANSFER_ENCODING) => {
            "a body comes with its `content-length` and in no other encoding"
        }
        Version::HTTP_11 if headers.get_all(HOST).iter().count() != 1 => "it has no `host`, or several",
        Version::HTTP_11 => return Ok(()),
        _ => "it is neither HTTP/1.1 nor HTTP/2",
    };
    Err(Error::Framing(why))
}

/// Most bytes of a request's body.
fn limit_of(site: &Site, request: &Request) -> u64 {
    let limits = site.traffic().limits();
    let small = limits.body_kib.saturating_mul(1 << 10);
    let route = request.extensions().get::<Seen>().and_then(Seen::route);
    match route {
        Some(route) if SHEETS.contains(&route.name) => SHEET.max(small),
        Some(route) if FILES.contains(&route.name) => limits.upload_gib.saturating_mul(1 << 30),
        _ => small,
    }
}

/// Why a body was stopped.
const NONE: u8 = 0;
const LARGE: u8 = 1;
const SLOW: u8 = 2;

/// A request's body that ends in an error when it is longer than it may be, or does not come.
struct Bounded {
    body: Body,
    left: u64,
    patience: Patience,
    seen: Option<Seen>,
    fault: Arc<AtomicU8>,
}

impl Bounded {
    fn stop(&self, fault: u8, kind: io::ErrorKind) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.fault.store(fault, Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(io::Error::from(kind)))))
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                this.patience.moved(bytes as u64);
                if let Some(seen) = &this.seen {
                    seen.received(bytes);
                }
                match this.left.checked_sub(bytes as u64) {
                    Some(left) => this.left = left,
                    None => return this.stop(LARGE, io::ErrorKind::FileTooLarge),
                }
            }
            Poll::Pending if this.patience.poll_end(context).is_ready() => {
                return this.stop(SLOW, io::ErrorKind::TimedOut);
            }
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_page_of_another_site_had_a_browser_send_changes_nothing() {
        let asked = |method: &str, said: Option<&str>| {
            let mut request = axum::http::Request::builder().method(method).uri("/v1/terminals");
            if let Some(said) = said {
                request = request.header("sec-fetch-site", said);
            }
            of_own_page(&request.body(Body::empty()).unwrap()).is_ok()
        };
        for method in ["POST", "PUT", "DELETE"] {
            assert!(asked(method, None), "no browser");
            assert!(asked(method, Some("same-origin")) && asked(method, Some("none")), "{method}");
            for other in ["cross-site", "same-site", "Same-Origin", ""] {
                assert!(!asked(method, Some(other)), "{method} {other}");
            }
        }
        // A link from elsewhere opens a page.
        assert!(asked("GET", Some("cross-site")));
    }
}
