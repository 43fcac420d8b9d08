//! From any room's error to the contract's problem.

use api::Problem;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::{Fault, Kind};

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
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Id(_) | Self::Body(_) | Self::Value { .. } => Kind::Invalid,
            Self::Route | Self::NoResult => Kind::NotFound,
            Self::Ended => Kind::Internal,
            Self::Gone | Self::TooMany => Kind::Unavailable,
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
            _ => None,
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
    /// Adds the findings of a check that looked at everything before it refused.
    #[must_use]
    pub fn with_findings(mut self, findings: Vec<String>) -> Self {
        self.0.findings = findings;
        self
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        // Not signed in: the one case that HTTP tells apart from "may not".
        let signs_in = [access::Error::NotSignedIn.code(), access::Error::Token.code()];
        let status = match signs_in.contains(&self.0.code.as_str()) {
            true => StatusCode::UNAUTHORIZED,
            false => StatusCode::from_u16(api::problem::status(self.0.kind))
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let code = Code(self.0.code.clone());
        let mut response = (status, Json(self.0)).into_response();
        response.extensions_mut().insert(code);
        response
    }
}
