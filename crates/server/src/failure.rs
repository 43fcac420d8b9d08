//! From any room's error to the contract's problem.

use api::Problem;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::{Fault, Kind};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A failed request.
#[derive(Debug)]
pub struct Failure(pub Problem);

/// Left on a failed response for the outcome's record.
#[derive(Debug, Clone)]
pub(crate) struct Code(pub String);

/// This room's own errors: what is wrong with a request before any room is asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An id of the wrong shape in the path.
    #[error("{0}")]
    Id(String),
    /// A body that is not what the route takes.
    #[error("the request's body is not what this route takes: {0}")]
    Body(String),
    /// A value in the request that has the wrong shape.
    #[error("the {field} is not valid: {why}")]
    Value {
        /// Which one.
        field: &'static str,
        /// Why.
        why: String,
        /// What to write instead.
        how: Option<String>,
    },
    /// No such route.
    #[error("there is no such route")]
    Route,
    /// The sample has no such result yet.
    #[error("the sample has no variants yet")]
    NoResult,
    /// Too much at once.
    #[error("too many uploads are under way")]
    TooMany,
    /// The other side went away before the answer's end.
    #[error("the other side went away")]
    Gone,
    /// Work on another thread ended without an answer.
    #[error("the work ended without an answer")]
    Ended,
    /// A body longer than its route takes.
    #[error("the request's body is longer than the {0} bytes that this route takes")]
    TooLarge(u64),
    /// Too many requests.
    #[error("too many requests: the next is taken in {0} s")]
    TooManyRequests(u64),
    /// The site takes no work now.
    #[error("the site takes no work now: {0}")]
    NotReady(&'static str),
    /// A request whose end is not plain.
    #[error("the request is not framed as the door takes it: {0}")]
    Framing(&'static str),
    /// Settings that cannot be.
    #[error("the door's settings are not valid: {0}")]
    Settings(String),
    /// A certificate, or its key, that cannot be used.
    #[error("`{}` cannot be used for the door: {why}", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// An address that cannot be listened on.
    #[error("the door cannot listen on {address}: {why}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        why: String,
    },
    /// A body that does not come.
    #[error("the request's body did not come in time")]
    Slow,
    /// More headers than the door takes.
    #[error("the request has more than {0} headers")]
    Headers(usize),
    /// A request that the page of another site made a browser send.
    #[error("a page of another site had the browser ask this")]
    OtherSite,
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::OtherSite => Kind::Denied,
            Self::Id(_)
            | Self::Body(_)
            | Self::Value { .. }
            | Self::TooLarge(_)
            | Self::Framing(_)
            | Self::Headers(_)
            | Self::Settings(_)
            | Self::Certificate { .. } => Kind::Invalid,
            Self::Route | Self::NoResult => Kind::NotFound,
            Self::Ended => Kind::Internal,
            Self::Gone
            | Self::TooMany
            | Self::TooManyRequests(_)
            | Self::NotReady(_)
            | Self::Slow
            | Self::Listen { .. } => Kind::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Id(_) => "SERVER-001",
            Self::Body(_) => "SERVER-002",
            Self::Value { .. } => "SERVER-003",
            Self::Route => "SERVER-004",
            Self::Ended => "SERVER-005",
            Self::NoResult => "SERVER-006",
            Self::Gone => "SERVER-007",
            Self::TooMany => "SERVER-008",
            Self::TooLarge(_) => "SERVER-009",
            Self::TooManyRequests(_) => "SERVER-010",
            Self::NotReady(_) => "SERVER-011",
            Self::Framing(_) => "SERVER-012",
            Self::Settings(_) => "SERVER-013",
            Self::Certificate { .. } => "SERVER-014",
            Self::Listen { .. } => "SERVER-015",
            Self::Slow => "SERVER-016",
            Self::Headers(_) => "SERVER-017",
            Self::OtherSite => "SERVER-018",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Id(_) => {
                Some("ids are listed by `project list`, `sample list`, `object list` and `run list`".into())
            }
            Self::Value { how, .. } => {
                Some(how.clone().unwrap_or_else(|| "`sequestra COMMAND --help` says what it takes".into()))
            }
            Self::NoResult => {
                Some("start a run (`run start germline`), or wait for the one under way".into())
            }
            Self::Route => Some("the program that asked is older or newer than the site's process".into()),
            Self::TooLarge(_) => {
                Some("files go up by `package file` and `reference file`, the rest is small".into())
            }
            Self::TooManyRequests(_) => Some("wait as long as `retry-after` says".into()),
            Self::NotReady(_) => Some("`sequestra site status` says more to those who may see it".into()),
            Self::Settings(_) => Some("`docs/spec/door.md` lists `[door]`, `[metrics]` and `[log]`".into()),
            Self::Certificate { .. } => Some(
                "`sequestra door certificate` makes a pair, and with `--renew` a new certificate for the key that is \
                 there; the key file is its owner's alone (`chmod 600`)"
                    .into(),
            ),
            Self::Listen { .. } => Some("set `address` under `[door]` to a free one of this machine".into()),
            Self::OtherSite => Some("open the site's own page by its address".into()),
            Self::Slow => Some("send it again over a connection that moves".into()),
            Self::Framing(_)
            | Self::Headers(_)
            | Self::Body(_)
            | Self::TooMany
            | Self::Gone
            | Self::Ended => None,
        }
    }
}

impl<E: Fault> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Problem {
            code: error.code().to_owned(),
            kind: error.kind(),
            message: base::fault::chain(&error),
            hint: error.hint(),
            findings: Vec::new(),
        })
    }
}

impl Failure {
    /// The error's code.
    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }

    /// Adds the findings of a check that looked at everything before it refused.
    #[must_use]
    pub fn with_findings(mut self, findings: Vec<String>) -> Self {
        self.0.findings = findings;
        self
    }
}

/// What is wrong with a request, all of it: nobody mends one mistake to be told of the next.
#[derive(Default)]
pub(crate) struct Mistakes(Vec<Failure>);

impl Mistakes {
    /// What was read; a mistake is kept.
    pub fn keep<T>(&mut self, read: Result<T, impl Into<Failure>>) -> Option<T> {
        read.map_err(|mistake| self.0.push(mistake.into())).ok()
    }

    /// The first, with all of them beside it where there are several.
    pub fn told(self) -> Result<(), Failure> {
        let all: Vec<String> = self.0.iter().map(|one| one.0.message.clone()).collect();
        match self.0.into_iter().next() {
            None => Ok(()),
            Some(first) if all.len() == 1 => Err(first),
            Some(first) => Err(first.with_findings(all)),
        }
    }
}

/// The status of what is wrong with a request itself, which HTTP has words for.
fn of_request(code: &str) -> Option<StatusCode> {
    let known = [
        (Error::TooLarge(0), StatusCode::PAYLOAD_TOO_LARGE),
        (Error::TooManyRequests(0), StatusCode::TOO_MANY_REQUESTS),
        (Error::Framing(""), StatusCode::BAD_REQUEST),
        (Error::Slow, StatusCode::REQUEST_TIMEOUT),
        (Error::Headers(0), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
    ];
    known.into_iter().find(|(error, _)| error.code() == code).map(|(_, status)| status)
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        // Not signed in: the one case that HTTP tells apart from "may not".
        let signs_in = [
            access::Error::NotSignedIn.code(),
            access::Error::Token.code(),
            access::Error::Passkey.code(),
            access::Error::Password.code(),
            access::Error::NotVouched(access::oidc::Refused::State).code(),
        ];
        let status = match self.0.code.as_str() {
            code if signs_in.contains(&code) => StatusCode::UNAUTHORIZED,
            code => of_request(code).unwrap_or_else(|| {
                StatusCode::from_u16(api::problem::status(self.0.kind))
                    .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }),
        };
        let code = Code(self.0.code.clone());
        let mut response = (status, Json(self.0)).into_response();
        response.extensions_mut().insert(code);
        response
    }
}
