//! One Crypt4GH segment: `nonce (12) ‖ ciphertext (at most 65,536) ‖ tag (16)`.

use crate::{Error, Result, SessionKey};

/// Plaintext bytes of a full segment.
pub const PLAIN: usize = 65_536;
/// Bytes of a segment's nonce, which stands first.
pub const NONCE: usize = 12;
/// Bytes of a segment's tag, which stands last.
pub const TAG: usize = 16;
/// Bytes that a segment is longer than its plaintext.
pub const OVERHEAD: usize = NONCE + TAG;
/// Stored bytes of a full segment.
pub const STORED: usize = PLAIN + OVERHEAD;

/// Segments of an object of `plain_len` plaintext bytes: none when it is empty.
pub const fn count(plain_len: u64) -> u64 {
    plain_len.div_ceil(PLAIN as u64)
}

/// Body bytes of an object of `plain_len` plaintext bytes, unless lengths cannot count them.
pub const fn stored_len(plain_len: u64) -> Option<u64> {
    match count(plain_len).checked_mul(OVERHEAD as u64) {
        Some(overhead) => plain_len.checked_add(overhead),
        None => None,
    }
}

/// The nonce of segment `index`: `base` with the big-endian index XORed into its last 8 bytes.
///
/// INVARIANT (distinct nonces): for one base, different indices give different nonces.
pub fn nonce(base: &[u8; NONCE], index: u64) -> [u8; NONCE] {
    let mut out = *base;
    out.iter_mut().rev().zip(index.to_le_bytes()).for_each(|(byte, part)| *byte ^= part);
    out
}

/// The base that gives `nonce` at `index`: the same operation, as XOR is its own inverse.
pub(crate) fn base_of(nonce: &[u8; NONCE], index: u64) -> [u8; NONCE] {
    self::nonce(nonce, index)
}

/// A session key made ready for sealing and opening. The provider wipes it on drop.
pub(crate) struct Cipher(Box<dyn crypto::Key>);

impl Cipher {
    pub(crate) fn new(key: &SessionKey) -> Result<Self> {
        Self::from_bytes(key.expose())
    }

    pub(crate) fn from_bytes(key: &[u8; 32]) -> Result<Self> {
        crypto::current().key(key).map(Self).map_err(|_| Error::Library)
    }

    /// Seals `plain` into `stored`, which is exactly [`OVERHEAD`] longer.
    pub(crate) fn seal(&self, nonce: &[u8; NONCE], plain: &[u8], stored: &mut [u8]) -> Result<()> {
        let (head, rest) = stored.split_first_chunk_mut::<NONCE>().ok_or(Error::Library)?;
        let (text, tag) = rest.split_last_chunk_mut::<TAG>().ok_or(Error::Library)?;
        *head = *nonce;
        self.0.seal(nonce, plain, text, tag).map_err(|_| Error::Library)
    }

    /// Opens `stored` into `plain`, which is exactly [`OVERHEAD`] shorter, and gives the nonce.
    /// When the tag does not fit, `plain` is zeroed and the answer is `None`.
    pub(crate) fn open(&self, stored: &[u8], plain: &mut [u8]) -> Option<[u8; NONCE]> {
        let (nonce, rest) = stored.split_first_chunk::<NONCE>()?;
        let (text, tag) = rest.split_last_chunk::<TAG>()?;
        if self.0.open(nonce, text, tag, plain).is_err() {
            plain.fill(0);
            return None;
        }
        Some(*nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn lengths() {
        for (plain, stored) in [
            (0, 0),
            (1, 29),
            (65_535, 65_563),
            (65_536, 65_564),
            (65_537, 65_593),
            (131_072, 131_128),
            (131_073, 131_157),
        ] {
            assert_eq!(stored_len(plain), Some(stored), "{plain}");
        }
        assert_eq!(stored_len(u64::MAX), None);
    }

    #[test]
    fn nonces_are_distinct_and_start_at_the_base() {
        let base = [0xf5; NONCE];
        assert_eq!(nonce(&base, 0), base);
        let far = [1 << 32, u64::MAX, u64::MAX - 1];
        let all: HashSet<_> = (0..100_000).chain(far).map(|index| nonce(&base, index)).collect();
        assert_eq!(all.len(), 100_003);
        assert!(all.iter().all(|n| n.starts_with(&[0xf5; 4])), "the first four bytes stay");
        assert_eq!(nonce(&[0; NONCE], 0x0102), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(base_of(&nonce(&base, 99), 99), base);
    }

    #[test]
    fn a_segment_that_does_not_open_leaves_zeros() {
        let cipher = Cipher::from_bytes(&[1; 32]).unwrap();
        let mut stored = [0u8; 5 + OVERHEAD];
        cipher.seal(&[2; NONCE], b"reads", &mut stored).unwrap();
        let mut plain = [9u8; 5];
        assert_eq!(cipher.open(&stored, &mut plain), Some([2; NONCE]));
        assert_eq!(&plain, b"reads");
        for at in 0..stored.len() {
            let mut altered = stored;
            altered[at] ^= 1;
            assert_eq!(cipher.open(&altered, &mut plain), None);
            assert_eq!(plain, [0; 5]);
        }
        assert_eq!(cipher.open(&stored[..20], &mut plain), None);
    }
}
