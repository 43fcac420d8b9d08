//! What can go wrong with a replica.

use base::{Fault, Kind};
use std::io;

/// The room's result.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of a replica.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings cannot be used.
    #[error("the settings of the replica `{name}` cannot be used: {why}")]
    Settings {
        /// The replica.
        name: String,
        /// Why.
        why: String,
    },
    /// The place cannot be read or written now.
    #[error("the replica cannot be reached")]
    Away(#[source] io::Error),
    /// The bucket failed.
    #[error(transparent)]
    Bucket(#[from] bucket::Error),
    /// The ledger cannot be read.
    #[error("the ledger cannot be read for its replica")]
    Ledger(#[from] ledger::Error),
    /// The place holds a replica of another ledger.
    #[error("the replica is one of another ledger")]
    Foreign,
    /// A file of the replica has other bytes than the ledger's.
    #[error("the replica's file `{0}` is not the ledger's")]
    Differs(String),
    /// The replica has fewer events than it took.
    #[error("the replica took {took} events and has {has}")]
    Lost {
        /// Events that it had taken.
        took: u64,
        /// Events that it has.
        has: u64,
    },
    /// The replica's signed checkpoint knows of more events than the ledger holds.
    #[error("the ledger was rolled back: its replica has {known} events, the ledger {held}")]
    RolledBack {
        /// Events in the replica.
        known: u64,
        /// Events in the ledger.
        held: u64,
    },
    /// The replica's signed checkpoint is of another history.
    #[error("the ledger is not the one that its replica has: its history was rewritten")]
    Forked,
    /// The position could not be kept.
    #[error("the position of the replica cannot be kept")]
    Position(#[source] io::Error),
}

impl Error {
    /// Whether the ledger itself is not to be trusted: nothing may go on from there.
    pub fn condemns_the_ledger(&self) -> bool {
        matches!(self, Self::RolledBack { .. } | Self::Forked)
    }

    /// The closed word for a replica that holds something else than it should; none for one that is away.
    pub fn word(&self) -> Option<&'static str> {
        match self {
            Self::Differs(_) => Some("differs"),
            Self::Lost { .. } => Some("lost"),
            Self::Foreign => Some("foreign"),
            _ => None,
        }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Settings { .. } => Kind::Invalid,
            Self::Away(_) | Self::Position(_) => Kind::Unavailable,
            Self::Bucket(error) => error.kind(),
            Self::Ledger(error) => error.kind(),
            Self::Foreign => Kind::Conflict,
            Self::Differs(_) | Self::Lost { .. } | Self::RolledBack { .. } | Self::Forked => Kind::Integrity,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Settings { .. } => "REPLICA-001",
            Self::Away(_) => "REPLICA-002",
            Self::Bucket(error) => error.code(),
            Self::Ledger(error) => error.code(),
            Self::Foreign => "REPLICA-003",
            Self::Differs(_) => "REPLICA-004",
            Self::Lost { .. } => "REPLICA-005",
            Self::RolledBack { .. } => "REPLICA-006",
            Self::Forked => "REPLICA-007",
            Self::Position(_) => "REPLICA-008",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Settings { .. } => "docs/guide/bucket.md says what `[[replica]]` takes",
            Self::Away(_) => "check that the folder is mounted and can be written; the site goes on without",
            Self::Bucket(error) => return error.hint(),
            Self::Ledger(error) => return error.hint(),
            Self::Foreign => "give each site's ledger a place of its own",
            Self::Differs(_) => {
                "keep the replica as it is; `ledger fsck` on the replica and `ledger verify` on the site say which changed"
            }
            Self::Lost { .. } => "find out who removed from it; what is missing is copied again",
            Self::RolledBack { .. } => "restore the newest copy of the whole site; keep this one as evidence",
            Self::Forked => {
                "keep the site as it is, and compare it with the replica: `ledger fsck` checks a replica"
            }
            Self::Position(_) => "check space and permissions of the site's folder",
        };
        Some(hint.to_owned())
    }
}
