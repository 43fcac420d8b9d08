//! What can go wrong in the ledger.

use base::{Fault, Kind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The room's result.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of the ledger.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A write or flush failed earlier or now. Nothing more is acknowledged by this process.
    #[error("the ledger cannot be written")]
    Unwritable(#[source] Arc<std::io::Error>),
    /// The ledger was closed by its owner.
    #[error("the ledger is closed")]
    Closed,
    /// A file of the ledger cannot be read or made.
    #[error("cannot use the ledger file `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// The folder holds a ledger already.
    #[error("`{}` already holds a ledger", .0.display())]
    Exists(PathBuf),
    /// The folder holds no ledger.
    #[error("`{}` holds no ledger", .0.display())]
    Missing(PathBuf),
    /// Another process has the ledger open.
    #[error("another process has the ledger in `{}` open", .0.display())]
    Locked(PathBuf),
    /// Stored bytes are not what was stored.
    #[error("the ledger is damaged: {0}")]
    Damaged(crate::Finding),
    /// A published checkpoint or tile knows of more events than the segments hold.
    #[error("the ledger was rolled back: it holds {held} events, `{witness}` knows of {known}")]
    RolledBack {
        /// Events in the segments.
        held: u64,
        /// Events known elsewhere, at least.
        known: u64,
        /// The file that knows of them.
        witness: String,
    },
    /// The ledger was written by an earlier program whose files this one does not read.
    #[error("the ledger is in an older format, which this program does not read")]
    OldFormat,
    /// The signing key is not the one that the ledger was created with.
    #[error("the signing key is not the ledger's")]
    WrongKey,
    /// A ledger's name must be non-empty, of visible characters without `+`, at most 200 bytes.
    #[error("`{0}` cannot name a ledger")]
    BadName(String),
    /// The body is not one JSON object on one line.
    #[error("the event is not a JSON object on one line")]
    BadBody,
    /// A chain id is empty, longer than 64 characters or has other characters than `a-z0-9_.:-`.
    #[error("an event names a chain that is not an id")]
    BadChain,
    /// The leaf would be longer than an entry bundle can hold.
    #[error("the event is too large: {size} bytes with its chains, at most {limit}")]
    TooLarge {
        /// The largest length that the leaf could have.
        size: usize,
        /// The largest length allowed.
        limit: usize,
    },
    /// The reserve cannot be set aside.
    #[error("there is no room for the ledger's reserve of {bytes} bytes")]
    NoRoom {
        /// Its length.
        bytes: u64,
    },
    /// No such position or size.
    #[error("position {position} is beyond the ledger's {size} events")]
    Beyond {
        /// What was asked for.
        position: u64,
        /// Durable events.
        size: u64,
    },
    /// A text that is not a verifier key.
    #[error("not a verifier key: expected `name+hash+base64`")]
    BadKey,
    /// A text that is not a checkpoint, or one of another ledger, or not signed by the key.
    #[error("not a valid checkpoint of this ledger: {0}")]
    BadCheckpoint(&'static str),
    /// A proof that does not prove what it should.
    #[error("the proof does not hold")]
    BadProof,
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source: Arc::new(source) }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unwritable(_) | Self::Closed | Self::Io { .. } | Self::Locked(_) | Self::NoRoom { .. } => {
                Kind::Unavailable
            }
            Self::Exists(_) => Kind::Conflict,
            Self::Missing(_) | Self::Beyond { .. } => Kind::NotFound,
            Self::Damaged(_) | Self::RolledBack { .. } | Self::BadCheckpoint(_) | Self::BadProof => {
                Kind::Integrity
            }
            Self::WrongKey
            | Self::OldFormat
            | Self::BadName(_)
            | Self::BadBody
            | Self::BadChain
            | Self::TooLarge { .. }
            | Self::BadKey => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unwritable(_) => "LEDGER-001",
            Self::Closed => "LEDGER-002",
            Self::Io { .. } => "LEDGER-003",
            Self::Exists(_) => "LEDGER-004",
            Self::Missing(_) => "LEDGER-005",
            Self::Locked(_) => "LEDGER-006",
            Self::Damaged(_) => "LEDGER-007",
            Self::RolledBack { .. } => "LEDGER-008",
            Self::WrongKey => "LEDGER-009",
            Self::BadName(_) => "LEDGER-010",
            Self::BadBody => "LEDGER-011",
            Self::BadChain => "LEDGER-012",
            Self::TooLarge { .. } => "LEDGER-013",
            Self::Beyond { .. } => "LEDGER-014",
            Self::BadKey => "LEDGER-015",
            Self::BadCheckpoint(_) => "LEDGER-016",
            Self::BadProof => "LEDGER-017",
            Self::OldFormat => "LEDGER-018",
            Self::NoRoom { .. } => "LEDGER-019",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unwritable(_) => {
                "nothing was released or changed; make the ledger's disk writable, then start again"
            }
            Self::Locked(_) => "one process at a time holds a site; stop the other one first",
            Self::Damaged(_) => "keep the folder as evidence and compare it with a replica or a backup",
            Self::RolledBack { .. } => "restore the newest copy of the ledger; never delete the checkpoint",
            Self::OldFormat => "open it with the program that wrote it; nothing was changed",
            Self::NoRoom { .. } => {
                "make room on the ledger's disk; nothing was changed, and the end can be recorded again"
            }
            Self::Beyond { .. } => "positions begin at 0; `ledger checkpoint` says how many events there are",
            Self::Io { .. } => {
                "see that the folder is there and that this account of the machine can read and write it"
            }
            Self::Missing(_) => "name the `ledger` folder of a site, or the site's own folder",
            Self::BadCheckpoint(_) => "give a file that `ledger checkpoint --out` wrote, of this ledger",
            Self::BadKey => "`site.pub` in the site's folder has the ledger's key",
            Self::WrongKey => "unseal with the key material that belongs to this site",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
