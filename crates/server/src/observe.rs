//! Around every request: its id, the headers of its answer, and what is written and counted when it ended.

use crate::Site;
use crate::counts::{Ended, NO_ROUTE};
use crate::door::Peer;
use crate::log::Line;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use base::{Id, RequestId};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

/// The header that names the request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The status of a request whose caller hung up before there was an answer.
const HUNG_UP: u16 = 499;
/// What every answer has, where it brings no other of its own.
const HEADERS: &[(&str, &str)] = &[
    ("strict-transport-security", "max-age=31536000"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// What is known of a request while it is under way. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Seen {
    inner: Arc<Inner>,
}

struct Inner {
    minted: RequestId,
    /// Its place in `api::ROUTES`.
    route: Option<usize>,
    /// The id under which the ledger knows it.
    known: OnceLock<RequestId>,
    why: OnceLock<&'static str>,
    received: AtomicU64,
}

impl Seen {
    fn new(minted: RequestId, route: Option<usize>) -> Self {
        let (known, why, received) = (OnceLock::new(), OnceLock::new(), AtomicU64::new(0));
        let inner = Inner { minted, route, known, why, received };
        Self { inner: Arc::new(inner) }
    }

    /// The request has this id in the ledger.
    pub fn know(&self, request: &RequestId) {
        let _ = self.inner.known.set(request.clone());
    }

    /// Its id.
    pub fn id(&self) -> &RequestId {
        self.inner.known.get().unwrap_or(&self.inner.minted)
    }

    /// It is refused for this, which the log is told and the answer is not.
    pub fn because(&self, why: &'static str) {
        let _ = self.inner.why.set(why);
    }

    /// Its route in the contract.
    pub fn route(&self) -> Option<&'static api::Route> {
        api::ROUTES.get(self.inner.route?)
    }

    /// So many bytes of its body came.
    pub fn received(&self, bytes: usize) {
        self.inner.received.fetch_add(bytes as u64, Relaxed);
    }
}

/// Runs a request.
pub(crate) async fn observe(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let began = site.clock.monotonic();
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let route = path.and_then(|path| route_of(request.method(), path));
    let seen = Seen::new(RequestId::mint(&*site.entropy), route);
    let over = if request.extensions().get::<Peer>().is_some() { "door" } else { "socket" };
    request.extensions_mut().insert(seen.clone());
    let mut account = Account { site, seen, status: HUNG_UP, over, began, sent: 0, whole: false };
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(*name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(account.seen.id().as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    account.status = response.status().as_u16();
    response.map(|body| Body::new(Told { body, account }))
}

fn route_of(method: &Method, path: &str) -> Option<usize> {
    // A HEAD is answered as the GET that it asks about.
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    api::ROUTES.iter().position(|route| route.path == path && route.method == method)
}

/// An answer's body; when it has gone, by its end or before, the request is told of.
struct Told {
    body: Body,
    account: Account,
}

/// What is told of a request when this drops.
struct Account {
    site: Site,
    seen: Seen,
    status: u16,
    over: &'static str,
    began: Duration,
    sent: u64,
    whole: bool,
}

impl HttpBody for Told {
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
                this.account.sent = this.account.sent.saturating_add(bytes as u64);
            }
            Poll::Ready(None) => this.account.whole = true,
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

impl Drop for Told {
    fn drop(&mut self) {
        // A body whose length is known is not asked again after its last byte.
        self.account.whole |= self.body.is_end_stream();
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let traffic = &self.site.traffic();
        let time = self.site.clock.monotonic().saturating_sub(self.began);
        let received = self.seen.inner.received.load(Relaxed);
        let (route, status, sent) = (self.seen.inner.route, self.status, self.sent);
        traffic.counts.ended(&Ended { route, status, time, received, sent });
        let Some(log) = traffic.log() else { return };
        let line = Line {
            time: self.site.clock.now(),
            request: self.seen.id().clone(),
            route: self.seen.route().map_or(NO_ROUTE, |route| route.name),
            status,
            ms: (time.as_secs_f64() * 1e6).round() / 1e3,
            received,
            sent,
            over: self.over,
            cut: !self.whole,
            why: self.seen.inner.why.get().copied(),
        };
        if !log.line(line) {
            traffic.counts.line_lost();
        }
    }
}
