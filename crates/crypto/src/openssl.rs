//! OpenSSL's libcrypto, version 3, as the host has it.
//!
//! The cipher comes from a library context of its own. The host's `openssl.cnf` is not read for it, and what
//! other users of the same library in this process do (the database, a PKCS#11 module) does not touch it.

use crate::provider::{Failed, Key, NONCE, Provider, TAG};
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use openssl::lib_ctx::LibCtx;
use std::sync::{Mutex, PoisonError};

/// OpenSSL's own code, never an engine or a third party's.
const OWN: &str = "provider=default";

/// The host's library.
pub(crate) struct OpenSsl {
    name: String,
    cipher: Cipher,
    /// What `cipher` was fetched from.
    _context: LibCtx,
}

impl OpenSsl {
    /// The host's library, if it has the cipher.
    pub(crate) fn load() -> Option<Self> {
        let context = LibCtx::new().ok()?;
        let cipher = Cipher::fetch(Some(&context), "ChaCha20-Poly1305", Some(OWN)).ok()?;
        // `OpenSSL 3.0.19 27 Jan 2026`: the date says nothing more.
        let name = openssl::version::version().split(' ').take(2).collect::<Vec<_>>().join(" ");
        Some(Self { name, cipher, _context: context })
    }
}

impl Provider for OpenSsl {
    fn name(&self) -> &str {
        &self.name
    }

    fn key(&self, key: &[u8; 32]) -> Result<Box<dyn Key>, Failed> {
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some(&self.cipher), Some(key), None)?;
        Ok(Box::new(Ready(Mutex::new(context))))
    }
}

/// A context that holds a key; the library wipes it when it is freed. OpenSSL changes a context with every
/// call, so threads take turns.
struct Ready(Mutex<CipherCtx>);

impl Key for Ready {
    fn seal(
        &self,
        nonce: &[u8; NONCE],
        plain: &[u8],
        text: &mut [u8],
        tag: &mut [u8; TAG],
    ) -> Result<(), Failed> {
        // A panic in between leaves a context that the next message sets anew.
        let mut context = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        context.encrypt_init(None, None, Some(nonce))?;
        pass(&mut context, plain, text)?;
        Ok(context.tag(tag)?)
    }

    fn open(
        &self,
        nonce: &[u8; NONCE],
        text: &[u8],
        tag: &[u8; TAG],
        plain: &mut [u8],
    ) -> Result<(), Failed> {
        let mut context = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        context.decrypt_init(None, None, Some(nonce))?;
        context.set_tag(tag)?;
        // At the end the library compares the tag.
        pass(&mut context, text, plain)
    }
}

/// One whole message through the cipher.
fn pass(context: &mut CipherCtx, from: &[u8], to: &mut [u8]) -> Result<(), Failed> {
    // INVARIANT (as long): the library's interface panics when there is less room.
    if from.len() != to.len() {
        return Err(Failed);
    }
    if !from.is_empty() && context.cipher_update(from, Some(to))? != from.len() {
        return Err(Failed);
    }
    // A stream cipher has nothing left to write; the room is there in case a library thinks otherwise.
    if context.cipher_final(&mut [0; 64])? == 0 { Ok(()) } else { Err(Failed) }
}

impl From<ErrorStack> for Failed {
    fn from(_: ErrorStack) -> Self {
        Self
    }
}
