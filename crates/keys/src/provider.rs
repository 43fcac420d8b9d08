//! What a site's secrets are sealed under: a passphrase, shares, a token, a key service.
//!
//! A provider wraps one fresh key, the *file key*, bound to the site's id; the secrets lie under
//! that. So a provider never sees the secrets; a token or service is asked at unsealing and, of an open site, again.

use crate::Error;
use base::{Entropy, SiteId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A file key as a provider wrapped it, with what must be known to unwrap it. Stands in clear in
/// `site.sealed`; nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "provider", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Wrapped {
    /// Under a passphrase, by Argon2id.
    Passphrase {
        /// Argon2id's memory, KiB.
        memory_kib: u32,
        /// Argon2id's passes.
        passes: u32,
        /// Argon2id's lanes.
        lanes: u32,
        /// The salt, base64.
        salt: String,
        /// The wrapped key, base64.
        key: String,
    },
    /// Under a key that is split into shares.
    Shares {
        /// How many shares it takes.
        needed: u8,
        /// How many were made.
        made: u8,
        /// The set that the shares must be of, hexadecimal.
        set: String,
        /// The wrapped key, base64.
        key: String,
    },
    /// Under a key that a PKCS#11 token keeps.
    Pkcs11 {
        /// The token's label.
        token: String,
        /// The key's label in it.
        label: String,
        /// Nonce and wrapped key, base64.
        key: String,
    },
    /// Under a key that a Vault or OpenBao transit engine keeps.
    Transit {
        /// Where the engine is mounted.
        mount: String,
        /// The key's name in it.
        name: String,
        /// What the engine gave: `vault:v1:…`.
        key: String,
    },
}

/// Who can unseal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Custody {
    /// Whoever knows one passphrase.
    Passphrase,
    /// So many people together.
    Shares {
        /// How many it takes.
        needed: u8,
        /// How many there are.
        made: u8,
    },
    /// Whoever has the token and its PIN.
    Token,
    /// Whom the key service lets.
    Service,
}

impl Custody {
    /// Whether a controlled or clinical project may be made: no one person can copy what unseals.
    pub fn is_strong(self) -> bool {
        match self {
            Self::Passphrase => false,
            Self::Shares { needed, .. } => needed >= 2,
            Self::Token | Self::Service => true,
        }
    }

    /// How people call it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Passphrase => "a passphrase",
            Self::Shares { .. } => "shares",
            Self::Token => "a token",
            Self::Service => "a key service",
        }
    }
}

impl Wrapped {
    /// Who can unseal.
    pub fn custody(&self) -> Custody {
        match self {
            Self::Passphrase { .. } => Custody::Passphrase,
            Self::Shares { needed, made, .. } => Custody::Shares { needed: *needed, made: *made },
            Self::Pkcs11 { .. } => Custody::Token,
            Self::Transit { .. } => Custody::Service,
        }
    }

    pub(crate) fn other(&self) -> Error {
        Error::OtherProvider(self.custody().words())
    }
}

/// What can wrap a site's file key.
///
/// Contract, which `tests/conformance` checks for every provider:
/// * what [`Provider::wrap`] gave, [`Provider::unwrap`] opens, with the same credential, later and
///   in another process;
/// * another site's id, another credential, or any changed part of the wrapped key is refused;
/// * a device or service that is not there is [`Error::Unavailable`], never a key.
pub trait Provider: Send + Sync {
    /// Wraps `key`, bound to `site`.
    fn wrap(&self, site: &SiteId, key: &[u8], entropy: &dyn Entropy) -> Result<Wrapped, Error>;

    /// Unwraps what [`Provider::wrap`] gave for `site`.
    fn unwrap(&self, site: &SiteId, wrapped: &Wrapped) -> Result<Zeroizing<Vec<u8>>, Error>;
}

/// What every provider binds a file key to.
pub(crate) fn binding(site: &SiteId) -> String {
    format!("sequestra-sealed-secrets-1/{site}")
}
