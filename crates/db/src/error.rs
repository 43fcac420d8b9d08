//! What can go wrong with the database.

use base::{Fault, Kind};

/// Failures of the metadata database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened: wrong key, damaged, or not a database.
    #[error("cannot open the metadata database")]
    Open(#[source] sea_orm::DbErr),
    /// The library is older than what is safe.
    #[error("the database library is version {0}, which is not one this program was tested with")]
    Library(String),
    /// A migration step failed; nothing of it was kept.
    #[error("migration `{step}` failed")]
    Migrate {
        /// The step's name.
        step: &'static str,
        /// The database's own words.
        #[source]
        source: sea_orm::DbErr,
    },
    /// The database holds a step that this program does not know: it was written by a newer one.
    #[error("the database was written by a newer program (step `{0}`)")]
    Newer(String),
    /// A statement failed.
    #[error("the metadata database refused a statement")]
    Statement(#[from] sea_orm::DbErr),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Open(_) => Kind::Integrity,
            Self::Library(_) | Self::Migrate { .. } | Self::Statement(_) => Kind::Internal,
            Self::Newer(_) => Kind::Conflict,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Open(_) => "DB-001",
            Self::Library(_) => "DB-002",
            Self::Migrate { .. } => "DB-003",
            Self::Newer(_) => "DB-004",
            Self::Statement(_) => "DB-005",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Open(_) => Some("restore the site's `metadata.db` from a backup".into()),
            Self::Newer(_) => {
                Some("use the program version that last opened this site, or a newer one".into())
            }
            _ => None,
        }
    }
}
