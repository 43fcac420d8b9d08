//! What an implementation of ChaCha20-Poly1305 (RFC 8439) promises, without additional data.

/// Bytes of a nonce.
pub const NONCE: usize = 12;
/// Bytes of a tag.
pub const TAG: usize = 16;

/// The library refused, or a tag does not fit. Says nothing about which bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

/// One implementation.
pub trait Provider: Send + Sync {
    /// Its name and version, for people.
    fn name(&self) -> &str;

    /// Makes a key ready. The implementation wipes what it made of it on drop; the caller wipes its own copy.
    ///
    /// # Errors
    /// When the library refuses.
    fn key(&self, key: &[u8; 32]) -> Result<Box<dyn Key>, Failed>;
}

/// A key made ready. Threads that seal at the same time have one each: an implementation may serve them in turn.
pub trait Key: Send + Sync {
    /// Seals `plain` into `text`, which has its length, and writes the tag. The caller sees to it that no nonce
    /// is used twice.
    ///
    /// # Errors
    /// When the lengths differ or the library refuses. What `text` and `tag` hold is then of no use.
    fn seal(
        &self,
        nonce: &[u8; NONCE],
        plain: &[u8],
        text: &mut [u8],
        tag: &mut [u8; TAG],
    ) -> Result<(), Failed>;

    /// Opens `text` into `plain`, which has its length.
    ///
    /// # Errors
    /// When the tag does not fit, the lengths differ or the library refuses. `plain` may then hold bytes that
    /// nobody vouches for: the caller wipes it.
    fn open(&self, nonce: &[u8; NONCE], text: &[u8], tag: &[u8; TAG], plain: &mut [u8])
    -> Result<(), Failed>;
}
