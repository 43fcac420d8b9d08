//! How a failure is told.

use crate::schema::Word;
use base::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A failure, for people and programs. It holds no label, no digest of content and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// A stable code, listed in `docs/reference/errors.md`.
    pub code: String,
    /// What a client can do about it.
    #[schemars(with = "Word<base::Kind>")]
    pub kind: Kind,
    /// What happened, in words.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Each finding of a check that looks at everything before it refuses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

/// The HTTP status for a kind of failure.
pub const fn status(kind: Kind) -> u16 {
    match kind {
        Kind::NotFound => 404,
        Kind::Denied => 403,
        Kind::Conflict => 409,
        Kind::Invalid => 422,
        Kind::Unavailable => 503,
        Kind::Integrity | Kind::Internal => 500,
    }
}
