//! Writing and reading a sealed body.
//!
//! * [`Writer`] takes plaintext and gives segments, tree and lengths
//! * [`Reader`] takes a stored body with what its record says, and gives plaintext from any place

mod reader;
mod stage;
mod writer;

pub use reader::Reader;
pub use writer::Writer;

use crate::{Tree, segment};
use base::Blake3;

/// What sealing a body gave: what its record must hold, and the tree for its sidecar.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Plaintext bytes.
    pub plain_len: u64,
    /// Stored bytes.
    pub cipher_len: u64,
    /// Segments: one for each 65,536 plaintext bytes begun, none for an empty object.
    pub segments: u64,
    /// The nonce of segment 0, from which the others follow.
    pub base_nonce: [u8; segment::NONCE],
    /// The root of `tree`.
    pub root: Blake3,
    /// The integrity tree over the stored bytes.
    pub tree: Tree,
}

impl Sealed {
    /// What a reader of this body has to expect.
    pub fn expected(&self) -> Expected {
        Expected {
            plain_len: self.plain_len,
            cipher_len: self.cipher_len,
            base_nonce: Some(self.base_nonce),
            root: self.root,
        }
    }
}

/// What the record of a body says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Plaintext bytes.
    pub plain_len: u64,
    /// Stored bytes.
    pub cipher_len: u64,
    /// The nonce of segment 0. Without it, the first segment read says what the base is, and all
    /// others must agree with it.
    pub base_nonce: Option<[u8; segment::NONCE]>,
    /// The root of the integrity tree.
    pub root: Blake3,
}
