//! From plaintext to segments.

use super::Sealed;
use crate::segment::{self, Cipher, NONCE, OVERHEAD, PLAIN, STORED};
use crate::{Error, Result, SessionKey, TreeBuilder};
use std::io::{self, Write};
use zeroize::Zeroizing;

/// Seals what is written to it. The body is complete only after [`Writer::finish`].
pub struct Writer<W> {
    inner: W,
    cipher: Cipher,
    base: [u8; NONCE],
    tree: TreeBuilder,
    /// Plaintext that does not fill a segment yet.
    pending: Zeroizing<Vec<u8>>,
    stored: Vec<u8>,
    segments: u64,
    plain_len: u64,
    /// Set while a segment is on its way out, and left set when that fails.
    ///
    /// INVARIANT (no nonce twice): a writer that failed seals nothing more, as the next segment
    /// would use the nonce of the one that may have been written in part.
    spent: bool,
}

impl<W: Write> Writer<W> {
    /// A body that goes to `inner`, under a key that seals nothing else and a random base nonce.
    pub fn new(inner: W, key: &SessionKey, base_nonce: [u8; NONCE]) -> Result<Self> {
        Ok(Self {
            inner,
            cipher: Cipher::new(key)?,
            base: base_nonce,
            tree: TreeBuilder::new(),
            pending: Zeroizing::new(Vec::with_capacity(PLAIN)),
            stored: Vec::with_capacity(STORED),
            segments: 0,
            plain_len: 0,
            spent: false,
        })
    }

    /// Seals what is left, flushes, and gives the stream below and what the record must hold.
    pub fn finish(mut self) -> Result<(W, Sealed)> {
        if self.spent {
            return Err(Error::Spent);
        }
        if !self.pending.is_empty() {
            self.seal_pending()?;
        }
        self.inner.flush().map_err(Error::from_io)?;
        let tree = self.tree.finish();
        let sealed = Sealed {
            plain_len: self.plain_len,
            cipher_len: tree.stored_len(),
            segments: self.segments,
            base_nonce: self.base,
            root: tree.root(),
            tree,
        };
        Ok((self.inner, sealed))
    }

    fn seal_pending(&mut self) -> Result<()> {
        let mut pending = std::mem::take(&mut self.pending);
        let sealed = self.seal_segment(&pending);
        pending.clear();
        self.pending = pending;
        sealed
    }

    fn seal_segment(&mut self, plain: &[u8]) -> Result<()> {
        self.spent = true;
        let plain_len = self.plain_len.checked_add(plain.len() as u64).ok_or(Error::TooLong)?;
        segment::stored_len(plain_len).ok_or(Error::TooLong)?;
        self.stored.resize(plain.len() + OVERHEAD, 0);
        self.cipher.seal(&segment::nonce(&self.base, self.segments), plain, &mut self.stored)?;
        self.tree.update(&self.stored);
        self.inner.write_all(&self.stored).map_err(Error::from_io)?;
        self.plain_len = plain_len;
        self.segments += 1;
        self.spent = false;
        Ok(())
    }
}

impl<W: Write> Write for Writer<W> {
    /// Takes plaintext. Pieces of 65,536 bytes or more are sealed from where they lie.
    fn write(&mut self, plain: &[u8]) -> io::Result<usize> {
        if self.spent {
            return Err(Error::Spent.into());
        }
        if self.pending.is_empty()
            && let Some((whole, _)) = plain.split_at_checked(PLAIN)
        {
            self.seal_segment(whole)?;
            return Ok(PLAIN);
        }
        let (taken, _) = plain.split_at(plain.len().min(PLAIN - self.pending.len()));
        self.pending.extend_from_slice(taken);
        if self.pending.len() == PLAIN {
            self.seal_pending()?;
        }
        Ok(taken.len())
    }

    /// Flushes the segments that are full. The last one leaves with [`Writer::finish`].
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("segments", &self.segments).finish_non_exhaustive()
    }
}
