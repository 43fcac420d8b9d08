//! What can go wrong with keys.

use base::{Fault, Kind};

/// Failures of the key hierarchy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The passphrase does not open the site's secrets.
    #[error("the passphrase does not open this site")]
    Passphrase,
    /// A passphrase too short to protect a site.
    #[error("the passphrase has fewer than {0} characters")]
    WeakPassphrase(usize),
    /// The sealed file is not one, or not one of this version.
    #[error("the sealed key file is not readable")]
    SealedFile,
    /// The derivation of the passphrase's key failed.
    #[error("the passphrase's key could not be derived")]
    Derive,
    /// A wrapped key does not open under the key and binding it should.
    #[error("a wrapped key does not open: it was changed, moved or wrapped under another key")]
    Unwrap,
    /// A key could not be wrapped.
    #[error("a key could not be wrapped")]
    Wrap,
    /// There is no key with this name: never made, or shredded.
    #[error("there is no key for `{0}`")]
    NoKey(String),
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
            Self::Passphrase => Kind::Denied,
            Self::WeakPassphrase(_) => Kind::Invalid,
            Self::SealedFile | Self::Unwrap => Kind::Integrity,
            Self::Derive | Self::Wrap => Kind::Internal,
            Self::NoKey(_) => Kind::NotFound,
            Self::Access(e) => e.kind(),
            Self::Db(e) => e.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Passphrase => "KEYS-001",
            Self::WeakPassphrase(_) => "KEYS-002",
            Self::SealedFile => "KEYS-003",
            Self::Derive => "KEYS-004",
            Self::Unwrap => "KEYS-005",
            Self::Wrap => "KEYS-006",
            Self::NoKey(_) => "KEYS-007",
            Self::Access(e) => e.code(),
            Self::Db(e) => e.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Passphrase => Some("type it again, or give the right file with `--passphrase-file`".into()),
            Self::WeakPassphrase(_) => {
                Some("use a sentence, or 20 random characters from a generator".into())
            }
            Self::SealedFile => Some("restore the site's `keys` folder from a backup".into()),
            Self::Access(e) => e.hint(),
            Self::Db(e) => e.hint(),
            _ => None,
        }
    }
}
