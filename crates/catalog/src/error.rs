//! What can go wrong with the catalog.

use base::{Fault, Kind};

/// Failures of the catalog.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such thing, or nothing the caller may know of.
    #[error("not found")]
    NotFound,
    /// A stated value has the wrong shape.
    #[error("the {field} `{value}` is not valid")]
    Invalid {
        /// Which one.
        field: &'static str,
        /// What was given, shortened.
        value: String,
        /// What is expected.
        expected: &'static str,
    },
    /// A readset of the same sample and lane is there already, from another package.
    #[error("reads of row {row} are already in the project, for the same sample and lane")]
    ReadsetExists {
        /// The sheet's row, from 1.
        row: usize,
    },
    /// The package is not in the state that the step needs.
    #[error("the package is {state}")]
    PackageState {
        /// The state it is in.
        state: String,
    },
    /// Files of the package that have not arrived.
    #[error("{0} of the package's files have not arrived")]
    Missing(usize),
    /// A stored record is not readable.
    #[error("a record of the catalog is not readable")]
    Record,
    /// The permit does not allow it.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The metadata database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl From<db::sea_orm::DbErr> for Error {
    fn from(error: db::sea_orm::DbErr) -> Self {
        Self::Db(error.into())
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound => Kind::NotFound,
            Self::Invalid { .. } => Kind::Invalid,
            Self::ReadsetExists { .. } | Self::PackageState { .. } | Self::Missing(_) => Kind::Conflict,
            Self::Record => Kind::Integrity,
            Self::Access(e) => e.kind(),
            Self::Db(e) => e.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "CATALOG-001",
            Self::Invalid { .. } => "CATALOG-002",
            Self::ReadsetExists { .. } => "CATALOG-003",
            Self::PackageState { .. } => "CATALOG-004",
            Self::Missing(_) => "CATALOG-005",
            Self::Record => "CATALOG-006",
            Self::Access(e) => e.code(),
            Self::Db(e) => e.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound => Some("check the id, and that you are a member of its project".into()),
            Self::Invalid { expected, .. } => Some(format!("expected {expected}")),
            Self::ReadsetExists { .. } => Some(
                "reads are never replaced: give the new ones another lane, or another sample name".into(),
            ),
            Self::Missing(_) => Some("run the same `intake put` again: it sends only what is missing".into()),
            Self::Access(e) => e.hint(),
            Self::Db(e) => e.hint(),
            _ => None,
        }
    }
}
