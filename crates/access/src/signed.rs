//! How a caller signed in: what proved who they are, when, and from where.

use base::{Entropy, Id, SessionId};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// What proved who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// A one-time token that an administrator handed over.
    OneTimeToken,
    /// The word of the site's OpenID Connect provider, whatever it asked them for.
    Oidc,
    /// A password with the code of a second factor.
    PasswordTotp,
    /// A passkey, with its user verified, for a terminal elsewhere than its approver: they may have been talked into
    /// it.
    Terminal,
    /// A passkey, with its user verified.
    Passkey,
    /// The key of a service account's machine.
    ServiceKey,
}

impl Proof {
    /// Every word, the weakest first.
    pub const ALL: &[Self] = &[
        Self::OneTimeToken,
        Self::Oidc,
        Self::PasswordTotp,
        Self::Terminal,
        Self::Passkey,
        Self::ServiceKey,
    ];

    /// The word that records, lists and settings use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneTimeToken => "one-time-token",
            Self::Oidc => "oidc",
            Self::PasswordTotp => "password-totp",
            Self::Terminal => "terminal",
            Self::Passkey => "passkey",
            Self::ServiceKey => "service-key",
        }
    }

    /// Whether it cannot be handed on, typed into a stranger's page or replayed.
    pub const fn resists_phishing(self) -> bool {
        match self {
            Self::OneTimeToken | Self::Oidc | Self::PasswordTotp | Self::Terminal => false,
            Self::Passkey | Self::ServiceKey => true,
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no proof.
#[derive(Debug, thiserror::Error)]
#[error("not a word for how somebody signed in")]
pub struct ParseProofError;

impl FromStr for Proof {
    type Err = ParseProofError;
    fn from_str(text: &str) -> Result<Self, ParseProofError> {
        Self::ALL.iter().copied().find(|proof| proof.as_str() == text).ok_or(ParseProofError)
    }
}

/// Where a request comes from, as far as the door sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Source {
    /// The socket inside the site: somebody on this machine who may reach it.
    #[default]
    Socket,
    /// An address of the network.
    Network(IpAddr),
}

impl Source {
    /// What counts as one who asks: an address, or the first 64 bits of one of IPv6, which one subscriber has.
    pub(crate) fn subscriber(self) -> Self {
        match self {
            Self::Network(address) => Self::Network(base::network::subscriber(address)),
            Self::Socket => Self::Socket,
        }
    }

    /// Those near it, who may be one crowd.
    pub(crate) fn neighbourhood(self) -> Self {
        match self {
            Self::Network(address) => Self::Network(base::network::neighbourhood(address)),
            Self::Socket => Self::Socket,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket => f.write_str("socket"),
            Self::Network(address) => address.fmt(f),
        }
    }
}

/// The session behind a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The session.
    pub session: SessionId,
    /// What proved who its owner is, the last time that they did.
    pub proof: Proof,
    /// Whether that was within the five minutes before the request. Never by a provider's word.
    pub confirmed: bool,
    /// When the request was let in, by the monotonic clock.
    pub at: Duration,
    pub(crate) digest: Vec<u8>,
}

/// The id of the session whose token has this digest. It follows from the digest, and neither the digest nor
/// the token follows from it.
pub(crate) fn session_id(digest: &[u8]) -> SessionId {
    SessionId::mint(&Derived(digest))
}

struct Derived<'a>(&'a [u8]);

impl Entropy for Derived<'_> {
    fn fill(&self, bytes: &mut [u8]) {
        let mut hasher = blake3::Hasher::new_derive_key("sequestra 2026 id of a session");
        hasher.update(self.0);
        hasher.finalize_xof().fill(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_one_id_and_words_read_back() {
        assert_eq!(session_id(&[1; 32]), session_id(&[1; 32]));
        assert_ne!(session_id(&[1; 32]), session_id(&[2; 32]));
        for proof in Proof::ALL {
            assert_eq!(proof.as_str().parse::<Proof>().unwrap(), *proof);
        }
        assert!("password".parse::<Proof>().is_err());
    }
}
