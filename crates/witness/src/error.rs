//! What can go wrong with a witness.

use base::{Fault, Kind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The room's result.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of a witness.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A file of the witness cannot be read or made.
    #[error("cannot use the witness's file `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// The folder holds a witness already.
    #[error("`{}` already holds a witness", .0.display())]
    Exists(PathBuf),
    /// The folder holds no witness.
    #[error("`{}` holds no witness", .0.display())]
    Missing(PathBuf),
    /// Another process has the witness open.
    #[error("another process has the witness in `{}` open", .0.display())]
    Locked(PathBuf),
    /// A file of the witness is not what was written.
    #[error("the witness's file `{}` is damaged", .0.display())]
    Damaged(PathBuf),
    /// The ledger is known already.
    #[error("the witness already knows a ledger `{0}`")]
    Known(String),
    /// A text that is not a witness's verifier key.
    #[error("not a witness's key: expected `name+hash+base64` of the type for cosignatures")]
    BadKey,
    /// A witness, or a checkpoint that it cosigned, knows of more events than the ledger holds.
    #[error("the ledger was rolled back: a witness cosigned more events than it holds")]
    RolledBack,
    /// A witness, or a checkpoint that it cosigned, knows of another history.
    #[error("the ledger is not the one that a witness cosigned: its history was rewritten")]
    Forked,
    /// Too few witnesses cosigned what there is.
    #[error("{cosigned} of {quorum} witnesses cosigned the ledger")]
    NoQuorum {
        /// How many did.
        cosigned: usize,
        /// How many have to.
        quorum: usize,
    },
    /// A site's settings of its witnesses that cannot be.
    #[error("the witnesses in site.toml are not valid: {0}")]
    Settings(String),
    /// A certificate or key with which a witness cannot be reached under TLS.
    #[error("the witness's certificate or its key cannot be used: {0}")]
    Tls(String),
    /// A key or name that cannot be used.
    #[error("not a key or a name that a witness can use")]
    Ledger(#[from] ledger::Error),
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
            Self::Io { .. } | Self::Locked(_) | Self::NoQuorum { .. } => Kind::Unavailable,
            Self::Exists(_) | Self::Known(_) => Kind::Conflict,
            Self::Missing(_) => Kind::NotFound,
            Self::Damaged(_) | Self::RolledBack | Self::Forked => Kind::Integrity,
            Self::BadKey | Self::Settings(_) | Self::Tls(_) => Kind::Invalid,
            Self::Ledger(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "WITNESS-001",
            Self::Exists(_) => "WITNESS-002",
            Self::Missing(_) => "WITNESS-003",
            Self::Locked(_) => "WITNESS-004",
            Self::Damaged(_) => "WITNESS-005",
            Self::Known(_) => "WITNESS-006",
            Self::BadKey => "WITNESS-007",
            Self::Ledger(_) => "WITNESS-008",
            Self::RolledBack => "WITNESS-009",
            Self::Forked => "WITNESS-010",
            Self::NoQuorum { .. } => "WITNESS-011",
            Self::Settings(_) => "WITNESS-012",
            Self::Tls(_) => "WITNESS-013",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Damaged(_) => {
                "keep the folder; a witness that forgot what it cosigned is replaced by one with a new key"
            }
            Self::Missing(_) => "make one with `sequestra witness init DIR --name NAME`",
            Self::Locked(_) => "one process at a time answers for a witness; stop the other one first",
            Self::RolledBack => "restore the newest copy of the whole site; keep this one as evidence",
            Self::Forked => "keep the site as it is, and compare it with a backup and with the witness",
            Self::Settings(_) => "see `[witness]` and `[witnessing]` in docs/spec/witness.md",
            Self::Tls(_) => "give a certificate and its key as PEM files; `--help` has an example",
            Self::NoQuorum { .. } => {
                "start the witnesses, or see why they cannot be reached; `silence = \"stop\"` in site.toml asks for them"
            }
            Self::Exists(_) => {
                "name a folder that is absent or empty: a witness keeps its key and its memory"
            }
            Self::Ledger(_) => {
                "a witness has a name such as `witness.example/w1`; `site.pub` holds a ledger's key"
            }
            Self::BadKey => "`sequestra witness init` prints the key",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
