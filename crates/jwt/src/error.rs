//! Why a token, or a set of keys, does not count.

use base::{Fault, Kind};

/// Failures of this room. None repeats what a token says: it names people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a signed token at all.
    #[error("it is no signed token: {0}")]
    Form(&'static str),
    /// The header says more than it may.
    #[error("its header says `{0}`, which is not taken from a token")]
    Header(&'static str),
    /// The header says what nobody knows.
    #[error("its header has a parameter that is not known here")]
    Parameter,
    /// Another algorithm than the key's.
    #[error("its algorithm is not the one of the key that it names")]
    Algorithm,
    /// No key of the issuer's has that name.
    #[error("it names no key of its issuer")]
    Key,
    /// The signature is not the key's.
    #[error("its signature is not valid")]
    Signature,
    /// Another issuer.
    #[error("it is not from the issuer that was expected")]
    Issuer,
    /// For somebody else.
    #[error("it was not made for this site")]
    Audience,
    /// A claim that is not there, or not of its type.
    #[error("its claim `{0}` is missing or of another type")]
    Claim(&'static str),
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not good yet: its `{0}` is in the future")]
    Early(&'static str),
    /// Good for longer than anybody takes.
    #[error("it would be good for longer than is taken here")]
    Long,
    /// A set of keys that cannot be used.
    #[error("the issuer's keys cannot be used: {0}")]
    Keys(String),
    /// Keys that are out of reach.
    #[error("the issuer's keys are out of reach: {0}")]
    Source(String),
    /// Settings that cannot be.
    #[error("the settings of an issuer are not valid: {0}")]
    Settings(String),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Source(_) => Kind::Unavailable,
            Self::Form(_) | Self::Keys(_) | Self::Settings(_) => Kind::Invalid,
            _ => Kind::Denied,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Form(_) => "JWT-001",
            Self::Header(_) => "JWT-002",
            Self::Parameter => "JWT-003",
            Self::Algorithm => "JWT-004",
            Self::Key => "JWT-005",
            Self::Signature => "JWT-006",
            Self::Issuer => "JWT-007",
            Self::Audience => "JWT-008",
            Self::Claim(_) => "JWT-009",
            Self::Expired => "JWT-010",
            Self::Early(_) => "JWT-011",
            Self::Long => "JWT-012",
            Self::Keys(_) => "JWT-013",
            Self::Source(_) => "JWT-014",
            Self::Settings(_) => "JWT-015",
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Form(_) => {
                "give the token as its issuer gave it: three parts with dots between, on one line"
            }
            Self::Header(_) | Self::Parameter | Self::Algorithm | Self::Claim(_) | Self::Long => {
                "ask its issuer: docs/spec/jwt.md says what a token may look like"
            }
            Self::Key | Self::Signature => {
                "get a new one; if that fails too, whoever keeps the site compares the issuer's keys with those in the settings"
            }
            Self::Issuer => "`site.toml` names the issuers whose tokens are taken",
            Self::Audience => "ask its issuer for one that is made for this site",
            Self::Expired => "get a new one from its issuer",
            Self::Early(_) => "compare the clocks of this machine and of the issuer",
            Self::Keys(_) | Self::Settings(_) => "docs/spec/jwt.md says what an issuer's keys may look like",
            Self::Source(_) => "whoever keeps the site looks at the file or the address in `site.toml`",
        };
        Some(text.to_owned())
    }
}
