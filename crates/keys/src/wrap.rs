//! The one wrapping primitive: AES-256-GCM-SIV with a random nonce.
//!
//! GCM-SIV (RFC 8452) keeps its promise when a nonce repeats, so a cloned machine whose generator
//! repeats itself leaks at most that two wrapped keys are equal. Shape of a wrapped key: nonce of
//! 12 bytes, then ciphertext, then a tag of 16 bytes.

use crate::Error;
use crate::locked::Locked;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base::Entropy;
use zeroize::Zeroizing;

/// A key that wraps others.
pub struct WrappingKey(Locked);

impl WrappingKey {
    /// A new one.
    pub fn mint(entropy: &dyn Entropy) -> Self {
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(base::entropy::bytes(entropy));
        Self(Locked::new(&bytes))
    }

    /// Takes the bytes of one.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Locked::new(&Zeroizing::new(bytes)))
    }

    /// Takes bytes of any length and refuses all but 32.
    pub(crate) fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        Ok(Self(Locked::new(bytes.try_into().map_err(|_| Error::Unwrap)?)))
    }

    pub(crate) fn expose(&self) -> Zeroizing<[u8; 32]> {
        self.0.copy()
    }

    /// Wraps `secret`, bound to `binding`.
    pub fn wrap(&self, secret: &[u8], binding: &str, entropy: &dyn Entropy) -> Result<Vec<u8>, Error> {
        let nonce: [u8; NONCE_LEN] = base::entropy::bytes(entropy);
        let mut body = Zeroizing::new(secret.to_vec());
        self.cipher()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(binding.as_bytes()),
                &mut *body,
            )
            .map_err(|_| Error::Wrap)?;
        Ok([nonce.as_slice(), body.as_slice()].concat())
    }

    /// Opens what [`WrappingKey::wrap`] gave, if `binding` is the same.
    pub fn unwrap(&self, wrapped: &[u8], binding: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (nonce, body) = wrapped.split_first_chunk::<NONCE_LEN>().ok_or(Error::Unwrap)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .cipher()?
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(binding.as_bytes()),
                body.as_mut_slice(),
            )
            .map_err(|_| Error::Unwrap)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    fn cipher(&self) -> Result<LessSafeKey, Error> {
        UnboundKey::new(&AES_256_GCM_SIV, self.0.copy().as_slice())
            .map(LessSafeKey::new)
            .map_err(|_| Error::Wrap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemEntropy;

    #[test]
    fn only_the_same_key_and_binding_open() {
        let key = WrappingKey::mint(&SystemEntropy);
        let wrapped = key.wrap(b"secret", "obj_1/1", &SystemEntropy).unwrap();
        assert_eq!(key.unwrap(&wrapped, "obj_1/1").unwrap().as_slice(), b"secret");
        assert!(key.unwrap(&wrapped, "obj_1/2").is_err());
        assert!(WrappingKey::mint(&SystemEntropy).unwrap(&wrapped, "obj_1/1").is_err());
        for i in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[i] ^= 1;
            assert!(key.unwrap(&changed, "obj_1/1").is_err(), "byte {i}");
        }
        assert!(key.unwrap(&wrapped[..11], "obj_1/1").is_err());
    }
}
