//! What can be wrong with a receipt.

use base::{Fault, Kind};

/// The room's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a receipt cannot be made or does not hold.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Not a receipt in its one form.
    #[error("not a receipt: {0}")]
    Malformed(&'static str),
    /// The envelope's signature is not of the site's receipt key.
    #[error("the receipt is not signed by the site's receipt key")]
    BadSignature,
    /// The statement is of another site or ledger than the public keys.
    #[error("the receipt is of another site")]
    OtherSite,
    /// The ledger's event does not name this statement.
    #[error("the ledger's event is not about this receipt")]
    NotBound,
    /// The checkpoint or the proof does not hold, or the ledger could not give one.
    #[error("the receipt's place in the ledger cannot be shown")]
    Ledger(#[from] ledger::Error),
    /// Not the public keys of a site.
    #[error("not a file of a site's public keys")]
    BadSite,
    /// A statement names something by other than an id.
    #[error("a receipt names things by id: `{0}` of the statement does not")]
    NotAnId(&'static str),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Malformed(_) | Self::BadSignature | Self::NotBound => Kind::Integrity,
            Self::Ledger(error) => error.kind(),
            Self::OtherSite | Self::BadSite | Self::NotAnId(_) => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "RECEIPT-001",
            Self::BadSignature => "RECEIPT-002",
            Self::OtherSite => "RECEIPT-003",
            Self::NotBound => "RECEIPT-004",
            Self::Ledger(_) => "RECEIPT-005",
            Self::BadSite => "RECEIPT-006",
            Self::NotAnId(_) => "RECEIPT-007",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Malformed(_) | Self::BadSignature | Self::NotBound | Self::Ledger(_) => {
                "do not rely on it; ask the site for the receipt again and compare"
            }
            Self::OtherSite => "verify with the `site.pub` of the site that issued it",
            Self::BadSite => "use the `site.pub` that the site handed out",
            Self::NotAnId(_) => return None,
        };
        Some(hint.to_owned())
    }
}
