//! What every room's error can say about itself.

use std::fmt;

/// The kind of a failure: what a caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// No such thing, or nothing that the caller may know of.
    NotFound,
    /// The caller is known and may not.
    Denied,
    /// The state of the thing forbids it now.
    Conflict,
    /// The request or the data is wrong.
    Invalid,
    /// Something needed is missing now; trying later may help.
    Unavailable,
    /// Stored bytes are not what was stored.
    Integrity,
    /// A defect of the program or the machine.
    Internal,
}

impl Kind {
    /// The exit code of a command that ends in this kind of failure.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Invalid => 2,
            Self::NotFound => 3,
            Self::Denied => 4,
            Self::Conflict => 5,
            Self::Unavailable => 6,
            Self::Integrity => 7,
            Self::Internal => 8,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::Denied => "denied",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
            Self::Integrity => "integrity",
            Self::Internal => "internal",
        })
    }
}

/// Implemented by each room's `Error`.
pub trait Fault: std::error::Error + Send + Sync + 'static {
    /// What a caller can do about it.
    fn kind(&self) -> Kind;
    /// A stable code such as `ARCHIVE-014`, listed in `docs/reference/errors.md`.
    fn code(&self) -> &'static str;
    /// What the person can do next, in one sentence without a full stop.
    fn hint(&self) -> Option<String> {
        None
    }
    /// Whether the same request may succeed later without change.
    fn retry(&self) -> bool {
        matches!(self.kind(), Kind::Unavailable)
    }
}

/// The message with those of its causes, joined by `: `.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
