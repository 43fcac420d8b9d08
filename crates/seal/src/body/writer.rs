//! From plaintext to segments.

use super::Sealed;
use super::stage::{Below, Beside};
use crate::segment::{self, Cipher, NONCE, OVERHEAD, PLAIN, STORED};
use crate::{Error, Result, SessionKey, TreeBuilder};
use std::io::{self, Write};
use zeroize::Zeroizing;

/// Segments that are gathered before they leave: what is then written is more than a mebibyte at once, which
/// buffers below pass on without copying it.
const GATHER: usize = 16;

/// Seals what is written to it. The body is complete only after [`Writer::finish`].
pub struct Writer<W> {
    /// None while it changes hands; left so when that fails.
    stage: Option<Stage<W>>,
    /// How a thread of its own is started for what comes after sealing; none for a writer that stays on one.
    start: Option<Start<W>>,
    cipher: Cipher,
    base: [u8; NONCE],
    /// Plaintext that does not fill a segment yet.
    pending: Zeroizing<Vec<u8>>,
    /// Room for [`GATHER`] segments, and how much of it holds sealed bytes that have not left yet.
    stored: Vec<u8>,
    filled: usize,
    segments: u64,
    plain_len: u64,
    /// Set while segments are sealed or on their way out, and left set when that fails.
    ///
    /// INVARIANT (no nonce twice): a writer that failed seals nothing more, as the next segment
    /// would use the nonce of the one that may have been written in part.
    spent: bool,
}

enum Stage<W> {
    Here(Box<Below<W>>),
    Beside(Beside<W>),
}

type Start<W> = fn(Box<Below<W>>, usize) -> std::result::Result<Beside<W>, Box<Below<W>>>;

impl<W: Write + Send + 'static> Writer<W> {
    /// As [`Writer::new`]; once a body is longer than [`GATHER`] segments, the tree is hashed and the stream
    /// written on a thread beside, while this one seals on. The body is the same. An error of the stream may
    /// then show one or two writes later.
    pub fn beside(inner: W, key: &SessionKey, base_nonce: [u8; NONCE]) -> Result<Self> {
        Ok(Self { start: Some(Beside::start), ..Self::new(inner, key, base_nonce)? })
    }
}

impl<W: Write> Writer<W> {
    /// A body that goes to `inner`, under a key that seals nothing else and a random base nonce.
    pub fn new(inner: W, key: &SessionKey, base_nonce: [u8; NONCE]) -> Result<Self> {
        Ok(Self {
            stage: Some(Stage::Here(Box::new(Below { tree: TreeBuilder::new(), inner }))),
            start: None,
            cipher: Cipher::new(key)?,
            base: base_nonce,
            pending: Zeroizing::new(Vec::with_capacity(PLAIN)),
            stored: vec![0; GATHER * STORED],
            filled: 0,
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
        self.start = None;
        self.emit()?;
        let mut below = self.settle()?;
        below.inner.flush().map_err(Error::from_io)?;
        let tree = below.tree.finish();
        let sealed = Sealed {
            plain_len: self.plain_len,
            cipher_len: tree.stored_len(),
            segments: self.segments,
            base_nonce: self.base,
            root: tree.root(),
            tree,
        };
        Ok((below.inner, sealed))
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
        let length = plain.len() + OVERHEAD;
        let room = self.stored.get_mut(self.filled..).and_then(|room| room.get_mut(..length));
        let stored = room.ok_or(Error::Library)?;
        self.cipher.seal(&segment::nonce(&self.base, self.segments), plain, stored)?;
        self.filled += length;
        self.plain_len = plain_len;
        self.segments += 1;
        self.spent = false;
        if self.stored.len() - self.filled < STORED { self.emit() } else { Ok(()) }
    }

    /// Sends what was gathered on its way.
    fn emit(&mut self) -> Result<()> {
        self.spent = true;
        if let Some(start) = self.start.take() {
            let started = start(self.settle()?, self.stored.len());
            self.stage = Some(started.map_or_else(Stage::Here, Stage::Beside));
        }
        let filled = std::mem::take(&mut self.filled);
        match self.stage.as_mut().ok_or(Error::Spent)? {
            Stage::Beside(beside) => beside.take(&mut self.stored, filled)?,
            Stage::Here(below) => {
                below.take(self.stored.get(..filled).unwrap_or_default()).map_err(Error::from_io)?;
            }
        }
        self.spent = false;
        Ok(())
    }

    /// Tree and stream, once everything sent has passed.
    fn settle(&mut self) -> Result<Box<Below<W>>> {
        match self.stage.take().ok_or(Error::Spent)? {
            Stage::Here(below) => Ok(below),
            Stage::Beside(mut beside) => beside.end(),
        }
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

    /// Flushes the segments that are full, and stays on this thread from then on. The last one leaves with
    /// [`Writer::finish`].
    fn flush(&mut self) -> io::Result<()> {
        if self.spent {
            return Err(Error::Spent.into());
        }
        self.start = None;
        self.emit()?;
        self.spent = true;
        let mut below = self.settle()?;
        below.inner.flush()?;
        self.stage = Some(Stage::Here(below));
        self.spent = false;
        Ok(())
    }
}

impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("segments", &self.segments).finish_non_exhaustive()
    }
}
