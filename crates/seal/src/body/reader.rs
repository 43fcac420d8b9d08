//! From segments to plaintext, from any place.

use super::Expected;
use crate::blocks::{Blocks, seek_to};
use crate::segment::{self, Cipher, NONCE, OVERHEAD, PLAIN};
use crate::{Error, Result, SessionKey, Tree};
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use zeroize::Zeroizing;

/// Opens a sealed body: reads and seeks over its plaintext.
///
/// INVARIANT (checked before given): for every segment read, in this order, the leaf, the tag and
/// the nonce are checked; only then is a byte of it given.
pub struct Reader<R> {
    segments: Segments<R>,
    plain_len: u64,
    position: u64,
    /// The segment whose plaintext `window` holds.
    held: Option<u64>,
    window: Zeroizing<Vec<u8>>,
}

impl<R: Read + Seek> Reader<R> {
    /// Takes a body that starts at position 0 of `inner` and ends where `inner` ends.
    ///
    /// Errors: [`Error::Root`] for the tree of another object; [`Error::Lengths`] when lengths
    /// and tree disagree; [`Error::BodyLength`] for a body that is too short or too long.
    pub fn new(inner: R, key: &SessionKey, expected: &Expected, tree: Tree) -> Result<Self> {
        if tree.root() != expected.root {
            return Err(Error::Root);
        }
        let stored_len = segment::stored_len(expected.plain_len);
        if tree.stored_len() != expected.cipher_len || stored_len != Some(expected.cipher_len) {
            return Err(Error::Lengths);
        }
        let segments = Segments {
            blocks: Blocks::new(inner, tree)?,
            cipher: Cipher::new(key)?,
            base: expected.base_nonce,
        };
        Ok(Self {
            segments,
            plain_len: expected.plain_len,
            position: 0,
            held: None,
            // Full size at once: a buffer that grew would leave plaintext behind.
            window: Zeroizing::new(Vec::with_capacity(PLAIN)),
        })
    }

    /// Plaintext bytes of the object.
    pub fn plain_len(&self) -> u64 {
        self.plain_len
    }

    /// The stream below.
    pub fn into_inner(self) -> R {
        self.segments.blocks.into_inner()
    }

    /// The segment that holds `position`, where in it that is, and how long it is.
    fn place(&self) -> (u64, usize, usize) {
        let index = self.position / PLAIN as u64;
        let skip = (self.position % PLAIN as u64) as usize;
        (index, skip, self.segments.blocks.tree().block_len(index).saturating_sub(OVERHEAD))
    }

    /// The plaintext from `position` to the end of its segment; nothing at the end of the object.
    fn available(&mut self) -> Result<&[u8]> {
        if self.position >= self.plain_len {
            return Ok(&[]);
        }
        let (index, skip, length) = self.place();
        if self.held != Some(index) {
            self.held = None;
            self.window.resize(length, 0);
            self.segments.open(index, &mut self.window)?;
            self.held = Some(index);
        }
        Ok(self.window.get(skip..).unwrap_or_default())
    }

    /// Opens a whole segment straight into `out`, when position and room allow.
    fn read_segment(&mut self, out: &mut [u8]) -> Result<Option<usize>> {
        let (index, skip, length) = self.place();
        if self.position >= self.plain_len || skip != 0 || self.held == Some(index) {
            return Ok(None);
        }
        let Some(out) = out.get_mut(..length) else { return Ok(None) };
        self.segments.open(index, out)?;
        self.position += length as u64;
        Ok(Some(length))
    }
}

/// Checked and opened segments.
struct Segments<R> {
    blocks: Blocks<R>,
    cipher: Cipher,
    base: Option<[u8; NONCE]>,
}

impl<R: Read + Seek> Segments<R> {
    /// Opens segment `index` into `plain`, which has its length. On error `plain` holds zeros or
    /// what it held before.
    fn open(&mut self, index: u64, plain: &mut [u8]) -> Result<()> {
        let stored = self.blocks.load(index)?;
        let nonce = self.cipher.open(stored, plain).ok_or(Error::Tag { segment: index })?;
        let base = *self.base.get_or_insert(segment::base_of(&nonce, index));
        if nonce != segment::nonce(&base, index) {
            plain.fill(0);
            return Err(Error::Nonce { segment: index });
        }
        Ok(())
    }
}

impl<R: Read + Seek> BufRead for Reader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.available()?)
    }

    fn consume(&mut self, amount: usize) {
        self.position = self.position.saturating_add(amount as u64);
    }
}

impl<R: Read + Seek> Read for Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(length) = self.read_segment(out)? {
            return Ok(length);
        }
        let taken = self.available()?.read(out)?;
        self.position += taken as u64;
        Ok(taken)
    }
}

impl<R: Read + Seek> Seek for Reader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = seek_to(self.position, self.plain_len, to)?;
        Ok(self.position)
    }
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("position", &self.position).finish_non_exhaustive()
    }
}
