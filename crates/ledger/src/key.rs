//! Signing keys and verifier keys (C2SP signed-note, Ed25519).

use crate::{Error, Result};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::prelude::{BASE64_STANDARD, Engine};
use std::sync::Arc;
use std::{fmt, str::FromStr};
use zeroize::Zeroizing;

/// The algorithm byte of Ed25519 in a verifier key.
const ED25519_ALGORITHM: u8 = 1;

/// An Ed25519 signing key. Prints nothing of itself; the library clears it when the last clone goes.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Ed25519KeyPair>,
}

impl SigningKey {
    /// The key that grows from `seed` (RFC 8032 secret key, 32 bytes).
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Error::BadKey)?;
        Ok(Self { pair: Arc::new(pair) })
    }

    /// A new key with the seed to keep under seal.
    pub fn mint(entropy: &dyn base::Entropy) -> Result<(Self, Zeroizing<[u8; 32]>)> {
        let mut seed = Zeroizing::new([0u8; 32]);
        entropy.fill(seed.as_mut());
        Ok((Self::from_seed(&seed)?, seed))
    }

    /// The public half under `name`.
    pub fn verifier(&self, name: &str) -> Result<VerifierKey> {
        VerifierKey::new(name, self.public()?)
    }

    /// The public half without a name.
    pub fn public(&self) -> Result<[u8; 32]> {
        self.pair.public_key().as_ref().try_into().map_err(|_| Error::BadKey)
    }

    /// The signature over `message`, 64 bytes.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut out = [0u8; 64];
        let signature = self.pair.sign(message);
        out.iter_mut().zip(signature.as_ref()).for_each(|(to, from)| *to = *from);
        out
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A named public key. Its text is `name+hash+base64`, as C2SP signed-note has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    public: [u8; 32],
}

impl VerifierKey {
    /// The key `public` under `name`.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self> {
        let visible = name.chars().all(|c| !c.is_control() && !c.is_whitespace());
        if !visible || name.len() > 200 || !signed_note::is_key_name_valid(name) {
            return Err(Error::BadName(name.to_owned()));
        }
        let id = signed_note::key_id(name, &typed(&public));
        Ok(Self { name: name.to_owned(), id, public })
    }

    /// The name: the origin of the ledger's checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id: four bytes of a hash over name and key.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The Ed25519 public key.
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Whether `signature` over `message` was made by this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(message, signature).is_ok()
    }
}

fn typed(public: &[u8; 32]) -> Vec<u8> {
    let mut key = vec![ED25519_ALGORITHM];
    key.extend_from_slice(public);
    key
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, self.id, BASE64_STANDARD.encode(typed(&self.public)))
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::BadKey);
        };
        let key = BASE64_STANDARD.decode(key).map_err(|_| Error::BadKey)?;
        let Some((&ED25519_ALGORITHM, public)) = key.split_first() else {
            return Err(Error::BadKey);
        };
        let key = Self::new(name, public.try_into().map_err(|_| Error::BadKey)?)?;
        // One text a key: also catches a wrong hash.
        if key.to_string() == text { Ok(key) } else { Err(Error::BadKey) }
    }
}

impl signed_note::Verifier for VerifierKey {
    fn name(&self) -> &str {
        &self.name
    }
    fn key_id(&self) -> u32 {
        self.id
    }
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifies(message, signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_key_is_that_of_the_specification() {
        // The example key of C2SP signed-note.
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key: VerifierKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
        for bad in [
            "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3",
            "",
        ] {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_signature_holds_for_its_message_alone_and_no_secret_prints() {
        let (key, seed) = SigningKey::mint(&base::SystemEntropy).unwrap();
        let verifier = key.verifier("site.example/ledger").unwrap();
        let signature = key.sign(b"one");
        assert!(verifier.verifies(b"one", &signature));
        assert!(!verifier.verifies(b"two", &signature));
        assert_eq!(SigningKey::from_seed(&seed).unwrap().sign(b"one"), signature);
        assert_eq!(format!("{key:?}"), "[redacted]");
    }
}
