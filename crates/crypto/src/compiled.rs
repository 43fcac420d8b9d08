//! aws-lc-rs, linked into the program: there on every host.

use crate::provider::{Failed, Key, NONCE, Provider, TAG};
use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

/// The implementation that is always there.
pub(crate) struct Compiled;

/// The library wipes it on drop.
struct Ready(LessSafeKey);

impl Provider for Compiled {
    fn name(&self) -> &str {
        "aws-lc"
    }

    fn key(&self, key: &[u8; 32]) -> Result<Box<dyn Key>, Failed> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|_| Failed)?;
        Ok(Box::new(Ready(LessSafeKey::new(key))))
    }
}

impl Key for Ready {
    fn seal(
        &self,
        nonce: &[u8; NONCE],
        plain: &[u8],
        text: &mut [u8],
        tag: &mut [u8; TAG],
    ) -> Result<(), Failed> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.seal_out_of_place_scatter(nonce, Aad::empty(), plain, text, &[], tag).map_err(|_| Failed)
    }

    fn open(
        &self,
        nonce: &[u8; NONCE],
        text: &[u8],
        tag: &[u8; TAG],
        plain: &mut [u8],
    ) -> Result<(), Failed> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.open_separate_gather(nonce, Aad::empty(), text, tag, plain).map_err(|_| Failed)
    }
}
