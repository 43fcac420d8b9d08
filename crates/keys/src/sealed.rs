//! The site's secrets as a file: under a fresh key, which a provider wraps.

use crate::Error;
use crate::provider::{Custody, Provider, Wrapped};
use crate::root::Roots;
use crate::wrap::WrappingKey;
use base::{Entropy, SiteId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The secrets that unsealing yields.
pub struct SiteSecrets {
    /// Wrap project and subject keys: the one in force and, while it is being replaced, the next.
    pub roots: Roots,
    /// Encrypts the metadata database.
    pub database: Zeroizing<[u8; 32]>,
    /// Seed of the ledger's signing key.
    pub ledger: Zeroizing<[u8; 32]>,
    /// Seed of the receipts' signing key.
    pub receipts: Zeroizing<[u8; 32]>,
    /// How often they were sealed before, by the file they came from: 0 for new ones, and from files made
    /// before this was counted. The ledger knows the newest, so that an older file is noticed. Its upper
    /// half is the branch: 0, or what a restore drew.
    pub sealings: u64,
}

/// `site.sealed` as it was read: nothing in it is open yet.
#[derive(Debug, Clone)]
pub struct SealedFile {
    site: SiteId,
    wrapped: Wrapped,
    sealed: Sealed,
}

/// The secrets' ciphertext, by the form of the file.
#[derive(Debug, Clone)]
enum Sealed {
    /// The passphrase's key seals the secrets themselves.
    First,
    /// Without the number of sealings.
    Second(Vec<u8>),
    Third(Vec<u8>),
}

const FORMAT: &str = "sequestra-sealed-secrets-3";
const SECOND_FORMAT: &str = "sequestra-sealed-secrets-2";
const FIRST_FORMAT: &str = "sequestra-sealed-secrets-1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    site: SiteId,
    under: Wrapped,
    sealed: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstFile {
    format: String,
    site: SiteId,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    sealed: String,
}

impl SiteSecrets {
    /// New secrets for a new site.
    pub fn mint(entropy: &dyn Entropy) -> Self {
        let fresh = || Zeroizing::new(base::entropy::bytes(entropy));
        let roots = Roots::first(WrappingKey::mint(entropy));
        Self { roots, database: fresh(), ledger: fresh(), receipts: fresh(), sealings: 0 }
    }

    /// Begins a branch of sealings: from here on a file that the lost site wrote, before or after, is told from
    /// this site's own.
    pub fn branch_off(&mut self, entropy: &dyn Entropy) {
        let drawn = u64::from(u32::from_be_bytes(base::entropy::bytes(entropy)));
        let (old, count) = (self.sealings >> 32, self.sealings & u64::from(u32::MAX));
        // Never the branch that it leaves, nor the first.
        let branch = if drawn == old || drawn == 0 { old ^ 1 | 2 } else { drawn };
        self.sealings = branch << 32 | count;
    }

    /// The file that holds them under `provider`, as the next sealing.
    pub fn seal(
        &self,
        site: &SiteId,
        provider: &dyn Provider,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(base::entropy::bytes(entropy));
        let wrapped = provider.wrap(site, &*key, entropy)?;
        let mut plain = Zeroizing::new(Vec::with_capacity(256));
        for part in [&self.database, &self.ledger, &self.receipts] {
            plain.extend_from_slice(part.as_slice());
        }
        plain.extend_from_slice(&self.sealings.saturating_add(1).to_be_bytes());
        self.roots.write(&mut plain);
        let binding = binding(FORMAT, site, &wrapped)?;
        let sealed = WrappingKey::from_bytes(*key).wrap(&plain, &binding, entropy)?;
        let sealed = STANDARD.encode(sealed);
        let file = File { format: FORMAT.into(), site: site.clone(), under: wrapped, sealed };
        let mut text = serde_json::to_vec_pretty(&file).map_err(|_| Error::SealedFile)?;
        text.push(b'\n');
        Ok(text)
    }
}

impl SealedFile {
    /// Reads the file's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if let Ok(file) = serde_json::from_slice::<File>(bytes) {
            let sealed = STANDARD.decode(&file.sealed).map_err(|_| Error::SealedFile)?;
            let sealed = match file.format.as_str() {
                FORMAT => Sealed::Third(sealed),
                SECOND_FORMAT => Sealed::Second(sealed),
                _ => return Err(Error::SealedFile),
            };
            return Ok(Self { site: file.site, wrapped: file.under, sealed });
        }
        let file: FirstFile = serde_json::from_slice(bytes).map_err(|_| Error::SealedFile)?;
        if file.format != FIRST_FORMAT {
            return Err(Error::SealedFile);
        }
        let FirstFile { site, memory_kib, passes, lanes, salt, sealed: key, .. } = file;
        let wrapped = Wrapped::Passphrase { memory_kib, passes, lanes, salt, key };
        Ok(Self { site, wrapped, sealed: Sealed::First })
    }

    /// The site that it says it is of; opening proves it.
    pub fn site(&self) -> &SiteId {
        &self.site
    }

    /// What the file key is wrapped by.
    pub fn wrapped(&self) -> &Wrapped {
        &self.wrapped
    }

    /// Who can unseal it.
    pub fn custody(&self) -> Custody {
        self.wrapped.custody()
    }

    /// Opens it.
    pub fn open(&self, provider: &dyn Provider) -> Result<SiteSecrets, Error> {
        let key = provider.unwrap(&self.site, &self.wrapped)?;
        let (sealed, format) = match &self.sealed {
            Sealed::First => return first_form(&key),
            Sealed::Second(sealed) => (sealed, SECOND_FORMAT),
            Sealed::Third(sealed) => (sealed, FORMAT),
        };
        let plain = WrappingKey::from_slice(&key)
            .and_then(|key| key.unwrap(sealed, &binding(format, &self.site, &self.wrapped)?))
            .map_err(|_| Error::SealedFile)?;
        let mut rest = plain.as_slice();
        let (database, ledger, receipts) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
        let sealings = if format == FORMAT { u64::from_be_bytes(*take(&mut rest)?) } else { 0 };
        Ok(SiteSecrets { roots: Roots::read(rest)?, database, ledger, receipts, sealings })
    }
}

/// The first form's secrets: root, database, ledger, receipts.
fn first_form(plain: &[u8]) -> Result<SiteSecrets, Error> {
    let mut rest = plain;
    let root: Zeroizing<[u8; 32]> = take(&mut rest)?;
    let (database, ledger, receipts) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
    let roots = Roots::first(WrappingKey::from_bytes(*root));
    Ok(SiteSecrets { roots, database, ledger, receipts, sealings: 0 })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<Zeroizing<[u8; N]>, Error> {
    let (part, after) = rest.split_first_chunk::<N>().ok_or(Error::SealedFile)?;
    *rest = after;
    Ok(Zeroizing::new(*part))
}

/// What the secrets are bound to: form, site, and every word about the provider, so that no part of
/// the file can be exchanged.
fn binding(format: &str, site: &SiteId, wrapped: &Wrapped) -> Result<String, Error> {
    let wrapped = serde_json::to_string(wrapped).map_err(|_| Error::SealedFile)?;
    Ok(format!("{format}/{site}/{wrapped}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Passphrase, Shares};
    use base::{Id, SystemEntropy};

    #[test]
    fn only_the_passphrase_opens_and_any_change_is_noticed() {
        let site = SiteId::mint(&SystemEntropy);
        let secrets = SiteSecrets::mint(&SystemEntropy);
        let right = Passphrase::new("a right good sentence\n".into());
        let file = secrets.seal(&site, &right, &SystemEntropy).unwrap();
        let read = SealedFile::parse(&file).unwrap();
        let opened = read.open(&Passphrase::new("a right good sentence".into())).unwrap();
        assert_eq!(read.site(), &site);
        assert!(opened.roots.same_as(&secrets.roots));
        assert_eq!(*opened.receipts, *secrets.receipts);
        let wrong = Passphrase::new("a wrong bad sentence".into());
        assert!(matches!(read.open(&wrong), Err(Error::Passphrase)));
        let text = String::from_utf8(file).unwrap();
        let other = text.replace(site.as_str(), SiteId::mint(&SystemEntropy).as_str());
        let other = SealedFile::parse(other.as_bytes()).unwrap();
        assert!(matches!(other.open(&right), Err(Error::Passphrase)));
        let greedy = SealedFile::parse(text.replace("65536", "4294967295").as_bytes()).unwrap();
        assert!(matches!(greedy.open(&right), Err(Error::SealedFile)));
        assert!(Passphrase::new("short".into()).check_strength().is_err());
    }

    #[test]
    fn no_word_about_the_provider_can_be_exchanged() {
        let site = SiteId::mint(&SystemEntropy);
        let (key, _) = Shares::mint(&site, 2, 3, &SystemEntropy).unwrap();
        let file = SiteSecrets::mint(&SystemEntropy).seal(&site, &key, &SystemEntropy).unwrap();
        assert!(SealedFile::parse(&file).unwrap().open(&key).is_ok());
        let text = String::from_utf8(file).unwrap();
        let more = SealedFile::parse(text.replace("\"made\": 3", "\"made\": 9").as_bytes()).unwrap();
        assert!(matches!(more.open(&key), Err(Error::SealedFile)), "the number of shares is bound too");
        let wrong = SealedFile::parse(&file_with_bit(&text)).unwrap();
        assert!(matches!(wrong.open(&key), Err(Error::SealedFile)));
        assert!(SealedFile::parse(text.replace("secrets-3", "secrets-4").as_bytes()).is_err());
        let older = SealedFile::parse(text.replace("secrets-3", "secrets-2").as_bytes()).unwrap();
        assert!(matches!(older.open(&key), Err(Error::SealedFile)), "the form is bound too");
        assert!(SealedFile::parse(text.replace("\"sealed\"", "\"also\": 1, \"sealed\"").as_bytes()).is_err());
    }

    /// The file with another first byte of the sealed secrets.
    fn file_with_bit(text: &str) -> Vec<u8> {
        let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut sealed = STANDARD.decode(value["sealed"].as_str().unwrap()).unwrap();
        sealed[0] ^= 1;
        value["sealed"] = STANDARD.encode(sealed).into();
        serde_json::to_vec(&value).unwrap()
    }

    #[test]
    fn each_sealing_is_counted_and_a_file_of_the_second_form_still_opens() {
        let site = SiteId::mint(&SystemEntropy);
        let (under, _) = Shares::mint(&site, 2, 2, &SystemEntropy).unwrap();
        let mut secrets = SiteSecrets::mint(&SystemEntropy);
        for sealing in 1..4 {
            let file = secrets.seal(&site, &under, &SystemEntropy).unwrap();
            secrets = SealedFile::parse(&file).unwrap().open(&under).unwrap();
            assert_eq!(secrets.sealings, sealing);
        }
        let mut plain = [[2; 32], [3; 32], [4; 32]].concat();
        secrets.roots.write(&mut plain);
        let wrapped = under.wrap(&site, &[7; 32], &SystemEntropy).unwrap();
        let bound = binding(SECOND_FORMAT, &site, &wrapped).unwrap();
        let sealed = WrappingKey::from_bytes([7; 32]).wrap(&plain, &bound, &SystemEntropy).unwrap();
        let file = serde_json::json!({
            "format": SECOND_FORMAT, "site": site.as_str(), "under": wrapped, "sealed": STANDARD.encode(sealed),
        });
        let opened = SealedFile::parse(file.to_string().as_bytes()).unwrap().open(&under).unwrap();
        assert_eq!((*opened.database, *opened.ledger, *opened.receipts), ([2; 32], [3; 32], [4; 32]));
        assert!(opened.roots.same_as(&secrets.roots) && opened.sealings == 0);
    }

    #[test]
    fn a_branch_goes_on_counting_and_is_another_each_time() {
        let mut secrets = SiteSecrets::mint(&SystemEntropy);
        secrets.sealings = 7;
        let mut seen = std::collections::BTreeSet::from([0]);
        for _ in 0..50 {
            secrets.branch_off(&SystemEntropy);
            assert_eq!(secrets.sealings & u64::from(u32::MAX), 7);
            assert!(seen.insert(secrets.sealings >> 32));
        }
        // Randomness that repeats itself still leaves the branch.
        struct Zeros;
        impl Entropy for Zeros {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(0);
            }
        }
        for _ in 0..3 {
            let before = secrets.sealings;
            secrets.branch_off(&Zeros);
            assert!(secrets.sealings != before && secrets.sealings >> 32 != 0);
        }
    }

    #[test]
    fn a_file_of_the_first_form_still_opens() {
        use crate::provider::{Provider, Wrapped};
        let site = SiteId::mint(&SystemEntropy);
        let right = Passphrase::new("a right good sentence".into());
        let mut plain = vec![1; 32];
        plain.extend([2; 32].iter().chain(&[3; 32]).chain(&[4; 32]));
        let wrapped = right.wrap(&site, &plain, &SystemEntropy).unwrap();
        let Wrapped::Passphrase { memory_kib, passes, lanes, salt, key } = wrapped else { panic!() };
        let file = serde_json::json!({
            "format": FIRST_FORMAT, "site": site.as_str(), "memory_kib": memory_kib, "passes": passes,
            "lanes": lanes, "salt": salt, "sealed": key,
        });
        let opened = SealedFile::parse(file.to_string().as_bytes()).unwrap().open(&right).unwrap();
        assert_eq!((*opened.database, *opened.ledger, *opened.receipts), ([2; 32], [3; 32], [4; 32]));
        assert!(opened.roots.same_as(&Roots::first(WrappingKey::from_bytes([1; 32]))));
    }
}
