//! Randomness as a parameter.

/// A source of random bytes. Implementations outside tests are cryptographically secure.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`. A source that cannot deliver must not return.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::expect_used, reason = "a key or nonce from a failed generator must never be used")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system delivers random bytes");
    }
}

/// `N` random bytes from `entropy`.
pub fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut out = [0u8; N];
    entropy.fill(&mut out);
    out
}
