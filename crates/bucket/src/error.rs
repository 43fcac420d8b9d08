//! What can go wrong with a bucket.

use base::{Fault, Kind};
use std::io;
use std::path::PathBuf;

/// The room's result.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of a bucket.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings cannot be used.
    #[error("the settings of the bucket cannot be used: {0}")]
    Settings(String),
    /// The credentials cannot be read.
    #[error("the credentials in `{}` cannot be used: {why}", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The server did not answer, or not in whole, as often as it was asked.
    #[error("the object store does not answer: cannot {what}, tried {tries} times")]
    Unreachable {
        /// What was wanted.
        what: &'static str,
        /// How often it was tried.
        tries: u32,
        /// What the last try met.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server refused.
    #[error("the object store refuses: cannot {what} (status {status}, {code})")]
    Refused {
        /// What was wanted.
        what: &'static str,
        /// The status of HTTP.
        status: u16,
        /// The server's word for it.
        code: String,
    },
    /// The server's clock is another than ours.
    #[error("the object store's clock and this machine's are {seconds} seconds apart")]
    Skewed {
        /// By how much.
        seconds: u64,
    },
    /// The answer is not what was asked for.
    #[error("the object store answers something else than it was asked for: {0}")]
    Answer(&'static str),
    /// The bucket does not lock what it keeps.
    #[error("the bucket cannot be used: {0}")]
    Unlockable(&'static str),
    /// There is no such version.
    #[error("the object store has no such object")]
    Absent,
    /// The key is taken.
    #[error("the object store has this key already")]
    Taken,
    /// More bytes than parts can carry.
    #[error("the body is larger than an upload can be")]
    TooLarge,
    /// An upload that failed is used again.
    #[error("the upload failed earlier and cannot go on")]
    Spent,
}

impl Error {
    /// Whether the server refused because of a lock, or because the credentials do not suffice: it does not
    /// tell them apart.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { status: 403, .. })
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Settings(_) | Self::Credentials { .. } | Self::Unlockable(_) | Self::TooLarge => {
                Kind::Invalid
            }
            Self::Unreachable { .. } | Self::Refused { .. } | Self::Skewed { .. } | Self::Answer(_) => {
                Kind::Unavailable
            }
            Self::Absent => Kind::NotFound,
            Self::Taken | Self::Spent => Kind::Conflict,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Settings(_) => "BUCKET-001",
            Self::Credentials { .. } => "BUCKET-002",
            Self::Unreachable { .. } => "BUCKET-003",
            Self::Refused { .. } => "BUCKET-004",
            Self::Skewed { .. } => "BUCKET-005",
            Self::Answer(_) => "BUCKET-006",
            Self::Unlockable(_) => "BUCKET-007",
            Self::Absent => "BUCKET-008",
            Self::Taken => "BUCKET-009",
            Self::TooLarge => "BUCKET-010",
            Self::Spent => "BUCKET-011",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Settings(_) => "docs/guide/bucket.md lists what may stand under `[archive.s3]`",
            Self::Credentials { .. } => {
                "a file of mode 0600 with `aws_access_key_id = …` and `aws_secret_access_key = …`, or the \
                 systemd credential `sequestra-s3`"
            }
            Self::Unreachable { .. } => {
                "check that the endpoint in site.toml can be reached from here, and `ca`"
            }
            Self::Refused { code, .. } => match code.as_str() {
                "InvalidAccessKeyId" | "SignatureDoesNotMatch" => {
                    "the credentials are not ones that the store knows"
                }
                "NoSuchBucket" => "make the bucket with object lock, and name it in site.toml",
                "InvalidBucketState" => "the bucket was made without object lock; it takes a new one",
                _ => "check what the store allows to these credentials, and its own log",
            },
            Self::Skewed { .. } => {
                "set both clocks by the same time service: signatures and locks go by them"
            }
            Self::Unlockable(_) => {
                "make a new bucket with object lock enabled and without a default retention; lock cannot be added later everywhere"
            }
            Self::Answer(_) => {
                "nothing of that answer was used; see the store's own log, and what stands between it and this machine"
            }
            Self::Absent => {
                "somebody removed it in the store, or the bucket is another one; the store's own log says who"
            }
            Self::Taken => {
                "somebody else writes below this site's keys: give the site an account and a bucket of its own"
            }
            Self::TooLarge => {
                "raise `part_mib` under `[archive.s3]` in site.toml: an upload has 10,000 parts"
            }
            Self::Spent => "send it again from its beginning; the first failure says why it stopped",
        };
        Some(hint.to_owned())
    }
}

/// As [`std::io::Read`] and [`std::io::Write`] carry it.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Absent => io::ErrorKind::NotFound,
            Error::Taken => io::ErrorKind::AlreadyExists,
            Error::TooLarge => io::ErrorKind::FileTooLarge,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
