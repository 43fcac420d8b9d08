//! The site's secrets as a file under a passphrase.
//!
//! The passphrase's key is derived by Argon2id (RFC 9106) with the file's own parameters; new
//! files use 64 MiB, three passes and one lane, the RFC's second recommended choice apart from
//! its four lanes, since unsealing must not need four cores.

use crate::Error;
use crate::wrap::WrappingKey;
use argon2::{Algorithm, Argon2, Params, Version};
use base::{Entropy, SiteId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// Parameters beyond these are refused: a swapped file must not take the machine's memory.
const MEMORY_LIMIT_KIB: u32 = 4 * 1024 * 1024;
const MINIMUM_CHARACTERS: usize = 12;

/// What unseals a site. Never printed, wiped when dropped.
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

/// The secrets that unsealing yields.
pub struct SiteSecrets {
    /// Wraps project and subject keys.
    pub root: WrappingKey,
    /// Encrypts the metadata database.
    pub database: Zeroizing<[u8; 32]>,
    /// Seed of the ledger's signing key.
    pub ledger: Zeroizing<[u8; 32]>,
    /// Seed of the receipts' signing key.
    pub receipts: Zeroizing<[u8; 32]>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    site: SiteId,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    sealed: String,
}

const FORMAT: &str = "sequestra-sealed-secrets-1";

impl SiteSecrets {
    /// New secrets for a new site.
    pub fn mint(entropy: &dyn Entropy) -> Self {
        let fresh = || Zeroizing::new(base::entropy::bytes(entropy));
        Self { root: WrappingKey::mint(entropy), database: fresh(), ledger: fresh(), receipts: fresh() }
    }

    /// The file that holds them under `passphrase`.
    pub fn seal(
        &self,
        site: &SiteId,
        passphrase: &Passphrase,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        let salt: [u8; 16] = base::entropy::bytes(entropy);
        let key = derive(passphrase, &salt, MEMORY_KIB, PASSES, LANES)?;
        let mut plain = Zeroizing::new(Vec::with_capacity(128));
        for part in [self.root.expose(), &*self.database, &*self.ledger, &*self.receipts] {
            plain.extend_from_slice(part);
        }
        let file = File {
            format: FORMAT.into(),
            site: site.clone(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: STANDARD.encode(salt),
            sealed: STANDARD.encode(key.wrap(&plain, &binding(site), entropy)?),
        };
        let mut text = serde_json::to_vec_pretty(&file).map_err(|_| Error::SealedFile)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Opens such a file.
    pub fn unseal(file: &[u8], passphrase: &Passphrase) -> Result<(SiteId, Self), Error> {
        let file: File = serde_json::from_slice(file).map_err(|_| Error::SealedFile)?;
        if file.format != FORMAT || file.memory_kib > MEMORY_LIMIT_KIB || file.passes > 64 || file.lanes > 64
        {
            return Err(Error::SealedFile);
        }
        let salt = STANDARD.decode(&file.salt).map_err(|_| Error::SealedFile)?;
        let sealed = STANDARD.decode(&file.sealed).map_err(|_| Error::SealedFile)?;
        let key = derive(passphrase, &salt, file.memory_kib, file.passes, file.lanes)?;
        let plain = key.unwrap(&sealed, &binding(&file.site)).map_err(|_| Error::Passphrase)?;
        let mut parts = plain.chunks_exact(32).filter_map(|part| <[u8; 32]>::try_from(part).ok());
        let mut next = || parts.next().map(Zeroizing::new).ok_or(Error::SealedFile);
        let secrets = Self {
            root: WrappingKey::from_bytes(*next()?),
            database: next()?,
            ledger: next()?,
            receipts: next()?,
        };
        Ok((file.site, secrets))
    }
}

fn binding(site: &SiteId) -> String {
    format!("{FORMAT}/{site}")
}

fn derive(
    passphrase: &Passphrase,
    salt: &[u8],
    memory: u32,
    passes: u32,
    lanes: u32,
) -> Result<WrappingKey, Error> {
    let params = Params::new(memory, passes, lanes, Some(32)).map_err(|_| Error::SealedFile)?;
    let mut key = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.0.as_bytes(), salt, key.as_mut_slice())
        .map_err(|_| Error::Derive)?;
    Ok(WrappingKey::from_bytes(*key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Id, SystemEntropy};

    #[test]
    fn only_the_passphrase_opens_and_any_change_is_noticed() {
        let site = SiteId::mint(&SystemEntropy);
        let secrets = SiteSecrets::mint(&SystemEntropy);
        let right = Passphrase::new("a right good sentence\n".into());
        let file = secrets.seal(&site, &right, &SystemEntropy).unwrap();
        let (read, opened) =
            SiteSecrets::unseal(&file, &Passphrase::new("a right good sentence".into())).unwrap();
        assert_eq!(read, site);
        assert_eq!(opened.root.expose(), secrets.root.expose());
        assert_eq!(*opened.receipts, *secrets.receipts);
        let wrong = Passphrase::new("a wrong bad sentence".into());
        assert!(matches!(SiteSecrets::unseal(&file, &wrong), Err(Error::Passphrase)));
        let other = String::from_utf8(file.clone())
            .unwrap()
            .replace(site.as_str(), SiteId::mint(&SystemEntropy).as_str());
        assert!(matches!(SiteSecrets::unseal(other.as_bytes(), &right), Err(Error::Passphrase)));
        let greedy = String::from_utf8(file).unwrap().replace("65536", "4294967295");
        assert!(matches!(SiteSecrets::unseal(greedy.as_bytes(), &right), Err(Error::SealedFile)));
        assert!(Passphrase::new("short".into()).check_strength().is_err());
    }
}
