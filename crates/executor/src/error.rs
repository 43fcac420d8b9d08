//! What can go wrong around a sealed job.

use std::io;
use std::path::{Path, PathBuf};

use base::{Blake3, Fault, Kind};

/// The result of this room's verbs.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a job, a closure, a scratch or an output was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine lacks something without which no job may run.
    #[error("`{what}` is missing on this machine: {why}")]
    Missing {
        /// The program or kernel feature.
        what: &'static str,
        /// What was tried and how it failed.
        why: String,
        /// How to get it.
        hint: &'static str,
    },
    /// A program or file of a closure could not be resolved.
    #[error("`{path}` cannot be part of a closure: {why}")]
    Closure {
        /// The file as it was named.
        path: String,
        /// The reason.
        why: String,
    },
    /// A stored file of a tool is not what was registered.
    #[error("tool changed: `{path}` should be {expected} and is {found}")]
    ToolChanged {
        /// The path inside the job.
        path: String,
        /// The registered digest.
        expected: Blake3,
        /// What is there now: a digest, or `absent`.
        found: String,
    },
    /// A listing does not have the digest under which the tool is registered.
    #[error("tool changed: its listing should be {expected} and is {found}")]
    ListingChanged {
        /// The registered digest.
        expected: Blake3,
        /// The digest of the listing at hand.
        found: Blake3,
    },
    /// Two closures bring different bytes to one path.
    #[error("two tools bring different files to `{path}`")]
    Clash {
        /// The path inside the job.
        path: String,
    },
    /// The scratch is not the encrypted file system that it must be.
    #[error("the scratch is not sealed: {0}")]
    Unsealed(String),
    /// Something of a scratch was left after its end.
    #[error("the scratch could not be destroyed: {0}")]
    NotDestroyed(String),
    /// A job was described wrongly.
    #[error("invalid job: {0}")]
    Invalid(String),
    /// The walls could not be raised around this job.
    #[error("the job could not be walled in: {0}")]
    Walls(String),
    /// An output breaks the rules for what may leave.
    #[error("output `{name}` refused: {why}")]
    Output {
        /// Its name below the output folder.
        name: String,
        /// The rule that it breaks.
        why: String,
    },
    /// A tool asked for its version said nothing.
    #[error("the tool printed no version")]
    NoVersion,
    /// The operating system failed.
    #[error("could not {doing} `{path}`")]
    Io {
        /// The verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Wraps an operating-system error with what was being done to which path.
    pub(crate) fn io<E: Into<io::Error>>(doing: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source: source.into() }
    }

    pub(crate) fn output(name: &str, why: impl Into<String>) -> Self {
        Self::Output { name: name.to_owned(), why: why.into() }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing { .. } => Kind::Unavailable,
            Self::Closure { .. } | Self::Invalid(_) | Self::NoVersion => Kind::Invalid,
            Self::ToolChanged { .. } | Self::ListingChanged { .. } => Kind::Integrity,
            Self::Clash { .. } => Kind::Conflict,
            Self::Output { .. } => Kind::Invalid,
            Self::Unsealed(_) | Self::NotDestroyed(_) | Self::Walls(_) | Self::Io { .. } => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "EXEC-001",
            Self::Closure { .. } => "EXEC-002",
            Self::ToolChanged { .. } => "EXEC-003",
            Self::ListingChanged { .. } => "EXEC-004",
            Self::Clash { .. } => "EXEC-005",
            Self::Unsealed(_) => "EXEC-006",
            Self::NotDestroyed(_) => "EXEC-007",
            Self::Invalid(_) => "EXEC-008",
            Self::Walls(_) => "EXEC-009",
            Self::Output { .. } => "EXEC-010",
            Self::NoVersion => "EXEC-011",
            Self::Io { .. } => "EXEC-012",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { hint, .. } => hint,
            Self::ToolChanged { .. } | Self::ListingChanged { .. } => {
                "register the tool again and have the new version approved, or restore the stored file"
            }
            Self::Clash { .. } => "run the two tools in separate jobs, or register them as one tool",
            Self::Closure { .. } => {
                "check the path, and name what the program loads at run time as extra files"
            }
            Self::Io { .. } => {
                "check the path, its permissions, and room on the disk of the site and in `/dev/shm`; `doctor` looks at both"
            }
            Self::NotDestroyed(_) => "stop what still uses the folder; the next start sweeps it",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
