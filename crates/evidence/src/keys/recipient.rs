//! Somebody to whom objects are released, and who reads them: Crypt4GH's reading side, apart from the product's own.

use crate::{Error, Result};
use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use blake2::Digest;

/// Magic number, version and count of packets; and of a packet its length, method, writer's key and nonce.
const HEAD: usize = 16;
const PACKET: usize = 4 + 4 + 32 + 12;
/// A segment: nonce, ciphertext, tag.
const SEGMENT: usize = 12 + 65_536 + 16;

pub struct Recipient {
    secret: PrivateKey,
    pub public: Vec<u8>,
}

impl Recipient {
    pub fn mint(secret: [u8; 32]) -> Result<Self> {
        let failed = || Error::unplayable("no key pair can be made");
        let secret = PrivateKey::from_private_key(&X25519, &secret).map_err(|_| failed())?;
        let public = secret.compute_public_key().map_err(|_| failed())?.as_ref().to_vec();
        Ok(Self { secret, public })
    }

    /// The content of a Crypt4GH file with one packet, if it is for this recipient and whole.
    pub fn open(&self, file: &[u8]) -> Option<Vec<u8>> {
        if file.get(..HEAD)? != [&b"crypt4gh"[..], &[1, 0, 0, 0], &[1, 0, 0, 0]].concat() {
            return None;
        }
        let packet = file.get(HEAD..)?;
        let length = usize::try_from(u32::from_le_bytes(packet.first_chunk().copied()?)).ok()?;
        let (packet, body) = packet.split_at_checked(length)?;
        let writer = packet.get(8..40)?;
        let payload = unsealed(&self.shared(writer)?, packet.get(40..PACKET)?, packet.get(PACKET..)?)?;
        // A data key, for ChaCha20-Poly1305.
        if payload.get(..8)? != [0; 8] {
            return None;
        }
        let key = payload.get(8..40)?;
        let pieces =
            body.chunks(SEGMENT).map(|segment| unsealed(key, segment.get(..12)?, segment.get(12..)?));
        Some(pieces.collect::<Option<Vec<_>>>()?.concat())
    }

    /// The key of a packet.
    fn shared(&self, writer: &[u8]) -> Option<Vec<u8>> {
        let peer = UnparsedPublicKey::new(&X25519, writer);
        agree(&self.secret, peer, (), |shared| {
            let hash = blake2::Blake2b512::new();
            let hash = hash.chain_update(shared).chain_update(&self.public).chain_update(writer).finalize();
            Ok(hash.iter().take(32).copied().collect())
        })
        .ok()
    }
}

fn unsealed(key: &[u8], nonce: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).ok()?);
    let mut bytes = sealed.to_vec();
    let length = key
        .open_in_place(Nonce::try_assume_unique_for_key(nonce).ok()?, Aad::empty(), &mut bytes)
        .ok()
        .map(|plain| plain.len())?;
    bytes.truncate(length);
    Some(bytes)
}
