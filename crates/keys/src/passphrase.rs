//! A passphrase as provider.
//!
//! The passphrase's key is derived by Argon2id (RFC 9106) with the file's own parameters; new
//! files use 64 MiB, three passes and one lane, the RFC's second recommended choice apart from
//! its four lanes, since unsealing must not need four cores.

use crate::Error;
use crate::provider::{Provider, Wrapped, binding};
use crate::wrap::WrappingKey;
use argon2::{Algorithm, Argon2, Params, Version};
use base::{Entropy, SiteId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// Parameters beyond these are refused: a swapped file must not take the machine's memory.
const MEMORY_LIMIT_KIB: u32 = 4 * 1024 * 1024;
const MINIMUM_CHARACTERS: usize = 12;

/// A passphrase. Never printed, wiped when dropped.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a passphrase as typed or read; a line end at its end is not part of it.
    pub fn new(text: String) -> Self {
        let text = Zeroizing::new(text);
        Self(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Refuses what is too short to protect a site. Asked when one is chosen, not when one is used.
    pub fn check_strength(&self) -> Result<(), Error> {
        if self.0.chars().count() < MINIMUM_CHARACTERS {
            return Err(Error::WeakPassphrase(MINIMUM_CHARACTERS));
        }
        Ok(())
    }
}

impl Provider for Passphrase {
    fn wrap(&self, site: &SiteId, key: &[u8], entropy: &dyn Entropy) -> Result<Wrapped, Error> {
        let salt: [u8; 16] = base::entropy::bytes(entropy);
        let own = self.derive(&salt, MEMORY_KIB, PASSES, LANES)?;
        Ok(Wrapped::Passphrase {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: STANDARD.encode(salt),
            key: STANDARD.encode(own.wrap(key, &binding(site), entropy)?),
        })
    }

    fn unwrap(&self, site: &SiteId, wrapped: &Wrapped) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Wrapped::Passphrase { memory_kib, passes, lanes, salt, key } = wrapped else {
            return Err(wrapped.other());
        };
        if *memory_kib > MEMORY_LIMIT_KIB || *passes > 64 || *lanes > 64 {
            return Err(Error::SealedFile);
        }
        let salt = STANDARD.decode(salt).map_err(|_| Error::SealedFile)?;
        let key = STANDARD.decode(key).map_err(|_| Error::SealedFile)?;
        let own = self.derive(&salt, *memory_kib, *passes, *lanes)?;
        own.unwrap(&key, &binding(site)).map_err(|_| Error::Passphrase)
    }
}

impl Passphrase {
    fn derive(&self, salt: &[u8], memory: u32, passes: u32, lanes: u32) -> Result<WrappingKey, Error> {
        let params = Params::new(memory, passes, lanes, Some(32)).map_err(|_| Error::SealedFile)?;
        let mut key = Zeroizing::new([0u8; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(self.0.as_bytes(), salt, key.as_mut_slice())
            .map_err(|_| Error::Derive)?;
        Ok(WrappingKey::from_bytes(*key))
    }
}
