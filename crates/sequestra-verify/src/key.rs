//! Verifier keys (C2SP signed-note: `name+hash+base64`), and the Ed25519 check.

use crate::{Error, Result, text};
use base64::prelude::{BASE64_STANDARD, Engine};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// What a key signs: its type byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// `0x01`: notes, such as a ledger's checkpoints.
    Note,
    /// `0x04`: cosignatures of a witness, with a time.
    Cosignature,
}

impl Use {
    fn byte(self) -> u8 {
        match self {
            Self::Note => 1,
            Self::Cosignature => 4,
        }
    }
}

/// A named public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    what: Use,
    public: [u8; 32],
    key: VerifyingKey,
}

impl VerifierKey {
    /// The name: of a ledger the origin of its checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    pub fn what(&self) -> Use {
        self.what
    }

    /// The first bytes of a hash over name, type and key, by which a signature names it.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The Ed25519 public key.
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Whether `signature` over `message` is this key's: RFC 8032 with the strict reading. Keys and
    /// points of low order are refused, since for them one signature fits many messages.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(bytes) = <[u8; 64]>::try_from(signature) else { return false };
        self.key.verify_strict(message, &Signature::from_bytes(&bytes)).is_ok()
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text).ok_or_else(|| {
            Error::Misuse(format!(
                "`{}` is not an Ed25519 verifier key: expected `name+hash+base64`",
                text::clean(text)
            ))
        })
    }
}

fn parse(text: &str) -> Option<VerifierKey> {
    let mut parts = text.splitn(3, '+');
    let (name, hash, key) = (parts.next()?, parts.next()?, parts.next()?);
    is_name(name).then_some(())?;
    let typed: [u8; 33] = text::base64_of(key)?;
    let (kind, public) = typed.split_first()?;
    let what = [Use::Note, Use::Cosignature].into_iter().find(|what| what.byte() == *kind)?;
    let public: [u8; 32] = public.try_into().ok()?;
    let digest = Sha256::new().chain_update(name).chain_update(b"\n").chain_update(typed).finalize();
    let id: [u8; 4] = digest.get(..4)?.try_into().ok()?;
    (hash == format!("{:08x}", u32::from_be_bytes(id))).then_some(())?;
    let key = VerifyingKey::from_bytes(&public).ok().filter(|key| !key.is_weak())?;
    Some(VerifierKey { name: name.to_owned(), id, what, public, key })
}

/// A key's name is not empty and holds neither spaces nor `+`.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![self.what.byte()];
        typed.extend_from_slice(&self.public);
        let id = u32::from_be_bytes(self.id);
        write!(f, "{}+{id:08x}+{}", self.name, BASE64_STANDARD.encode(typed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_specification_parses_and_no_other_text_of_it() {
        // The example key of C2SP signed-note.
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key: VerifierKey = text.parse().unwrap();
        assert_eq!((key.to_string().as_str(), key.what()), (text, Use::Note));
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert!(changed.parse::<VerifierKey>().is_err(), "{changed}");
        }
        assert!("".parse::<VerifierKey>().is_err());
    }
}
