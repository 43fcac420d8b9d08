//! What can go wrong with recording and reading back.

use base::{Fault, Kind};

/// Failures of the audit trail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger did not take the event; whatever waited for it must not happen.
    #[error("the event could not be recorded")]
    NotRecorded(#[source] ledger::Error),
    /// The ledger could not be read.
    #[error("the ledger could not be read")]
    Unreadable(#[source] ledger::Error),
    /// A stored event is not of the vocabulary.
    #[error("the event at position {position} is not one that this program knows")]
    Unknown {
        /// Where it stands.
        position: u64,
        /// Why it does not parse.
        #[source]
        source: serde_json::Error,
    },
    /// The database carries out decisions that the ledger does not hold.
    #[error("the ledger was rolled back: it ends before position {0}, which the database refers to")]
    LedgerRolledBack(u64),
    /// The ledger holds completed acts that the database does not know.
    #[error(
        "the database was rolled back: the act decided at position {0} is done by the ledger and unknown to it"
    )]
    DatabaseRolledBack(u64),
    /// The sealed keys are older than the ledger says.
    #[error(
        "the sealed keys were rolled back: they are of sealing {own}, and the ledger knows of sealing {known}"
    )]
    KeysRolledBack {
        /// The sealing of the file.
        own: u64,
        /// The newest that is on record.
        known: u64,
    },
    /// The sealed keys were not written by this site since it was restored.
    #[error("the sealed keys are those of the site before it was restored, or of another restored one")]
    KeysOfAnotherBranch,
    /// A place to go on from that no page of this search gave.
    #[error("the cursor is not one that a page of this search gave")]
    Cursor,
    /// A readable field could not be sealed or opened.
    #[error("a readable field could not be {0}")]
    Field(&'static str),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotRecorded(_) | Self::Unreadable(_) => Kind::Unavailable,
            Self::Unknown { .. }
            | Self::LedgerRolledBack(_)
            | Self::DatabaseRolledBack(_)
            | Self::KeysRolledBack { .. }
            | Self::KeysOfAnotherBranch => Kind::Integrity,
            Self::Cursor => Kind::Invalid,
            Self::Field(_) => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotRecorded(_) => "AUDIT-001",
            Self::Unreadable(_) => "AUDIT-002",
            Self::Unknown { .. } => "AUDIT-003",
            Self::LedgerRolledBack(_) => "AUDIT-004",
            Self::DatabaseRolledBack(_) => "AUDIT-005",
            Self::Field(_) => "AUDIT-006",
            Self::Cursor => "AUDIT-007",
            Self::KeysRolledBack { .. } => "AUDIT-008",
            Self::KeysOfAnotherBranch => "AUDIT-009",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotRecorded(_) => Some(
                "nothing was done, and the site's process ends itself: make the site's `ledger` folder writable \
                 (space, permissions, disk), then run the command again"
                    .into(),
            ),
            Self::LedgerRolledBack(_) => {
                Some("restore the newest copy of the site's `ledger` folder; never a database newer than it".into())
            }
            Self::DatabaseRolledBack(_) => Some("restore the newest copy of the site's `metadata.db`".into()),
            Self::KeysRolledBack { .. } => {
                Some("restore the newest copy of the site's `keys` folder; an older one opens with credentials that no longer count".into())
            }
            Self::KeysOfAnotherBranch => {
                Some("put back the `keys` folder that the restore made, or restore the backup once more".into())
            }
            Self::Cursor => Some("ask again without `--cursor`, with the same conditions".into()),
            _ => None,
        }
    }
}
