//! Session keys, and the X25519 key pairs of people. Neither prints itself.

use crate::{Error, Result};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use base::Entropy;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The ChaCha20-Poly1305 key of one body: 32 bytes, wiped on drop.
///
/// INVARIANT (one key, one body): a session key seals exactly one body, because the nonces of a
/// body are unique only among themselves.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// A new key from `entropy`.
    pub fn mint(entropy: &dyn Entropy) -> Self {
        let mut key = Self([0; 32]);
        entropy.fill(&mut key.0);
        key
    }

    /// The key with these bytes. The caller wipes its own copy.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's bytes, for wrapping. Call it nowhere else.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey([redacted])")
    }
}

/// A person's or a header writer's X25519 secret key: 32 bytes, wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// A new key from `entropy`.
    pub fn mint(entropy: &dyn Entropy) -> Self {
        let mut key = Self([0; 32]);
        entropy.fill(&mut key.0);
        key
    }

    /// The key with these bytes. The caller wipes its own copy.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's bytes, for wrapping or a key file. Call it nowhere else.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public key that belongs to it.
    pub fn public(&self) -> Result<PublicKey> {
        Ok(KeyPair::new(self)?.public)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey([redacted])")
    }
}

/// A person's X25519 public key: 32 bytes, shown as 64 hexadecimal characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key with these bytes. Points of low order are refused when the key is used.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// A secret key made ready for agreement, with its public key.
pub(crate) struct KeyPair {
    private: PrivateKey,
    pub(crate) public: PublicKey,
}

impl KeyPair {
    pub(crate) fn new(secret: &SecretKey) -> Result<Self> {
        let private = PrivateKey::from_private_key(&X25519, &secret.0).map_err(|_| Error::Library)?;
        let public = private.compute_public_key().map_err(|_| Error::Library)?;
        let public = PublicKey(public.as_ref().try_into().map_err(|_| Error::Library)?);
        Ok(Self { private, public })
    }

    /// The packet key between this pair, as writer, and `reader`.
    pub(crate) fn packet_key_to(&self, reader: &PublicKey) -> Result<Zeroizing<[u8; 32]>> {
        self.packet_key(reader, reader, &self.public)
    }

    /// The packet key between `writer` and this pair, as reader.
    pub(crate) fn packet_key_from(&self, writer: &PublicKey) -> Result<Zeroizing<[u8; 32]>> {
        self.packet_key(writer, &self.public, writer)
    }

    /// Crypt4GH: the first 32 bytes of BLAKE2b-512(X25519 ‖ reader's public ‖ writer's public).
    /// An all-zero agreement, which a point of low order gives, is an error of the library.
    fn packet_key(
        &self,
        peer: &PublicKey,
        reader: &PublicKey,
        writer: &PublicKey,
    ) -> Result<Zeroizing<[u8; 32]>> {
        use blake2::Digest as _;
        let peer = UnparsedPublicKey::new(&X25519, peer.0);
        agreement::agree(&self.private, peer, Error::LowOrder, |shared| {
            let mut hash: [u8; 64] = blake2::Blake2b512::new()
                .chain_update(shared)
                .chain_update(reader.0)
                .chain_update(writer.0)
                .finalize()
                .into();
            let mut key = Zeroizing::new([0u8; 32]);
            key.iter_mut().zip(hash.iter()).for_each(|(to, from)| *to = *from);
            hash.zeroize();
            Ok(key)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemEntropy;

    #[test]
    fn nothing_prints_a_key() {
        let bytes = [0xab; 32];
        let printed = format!("{:?} {:?}", SessionKey::from_bytes(bytes), SecretKey::from_bytes(bytes));
        assert_eq!(printed, "SessionKey([redacted]) SecretKey([redacted])");
    }

    #[test]
    fn the_pair_of_rfc_7748() {
        let mut secret = [0u8; 32];
        let text = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
        hex::decode_to_slice(text, &mut secret).unwrap();
        let public = SecretKey::from_bytes(secret).public().unwrap();
        assert_eq!(public.to_string(), "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    }

    #[test]
    fn both_sides_reach_the_same_packet_key() {
        let (a, b) = (SecretKey::mint(&SystemEntropy), SecretKey::mint(&SystemEntropy));
        let (a, b) = (KeyPair::new(&a).unwrap(), KeyPair::new(&b).unwrap());
        let to = a.packet_key_to(&b.public).unwrap();
        assert_eq!(*to, *b.packet_key_from(&a.public).unwrap());
        assert_ne!(*to, *b.packet_key_to(&a.public).unwrap(), "the order of the keys matters");
    }

    #[test]
    fn points_of_low_order_are_refused() {
        let pair = KeyPair::new(&SecretKey::mint(&SystemEntropy)).unwrap();
        let one = {
            let mut bytes = [0u8; 32];
            bytes[0] = 1;
            bytes
        };
        let mut order_eight = [0u8; 32];
        hex::decode_to_slice(
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            &mut order_eight,
        )
        .unwrap();
        for point in [[0u8; 32], one, order_eight] {
            let refused = pair.packet_key_to(&PublicKey(point));
            assert!(matches!(refused, Err(Error::LowOrder)));
            assert!(matches!(pair.packet_key_from(&PublicKey(point)), Err(Error::LowOrder)));
        }
    }
}
