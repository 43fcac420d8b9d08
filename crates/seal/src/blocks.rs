//! Stored blocks read whole and checked against the tree, and the arithmetic of seeking.

use crate::tree::BLOCK;
use crate::{Error, Result, Tree};
use std::io::{self, Read, Seek, SeekFrom};

/// A stored body that hands out checked blocks.
pub(crate) struct Blocks<R> {
    inner: R,
    tree: Tree,
    buffer: Vec<u8>,
    /// Where `inner` stands, when known: reading on in order needs no seek.
    inner_at: Option<u64>,
}

impl<R: Read + Seek> Blocks<R> {
    /// Takes a body that starts at position 0 of `inner` and ends where `inner` ends.
    /// Error: [`Error::BodyLength`] when it is longer or shorter than the tree says.
    pub(crate) fn new(mut inner: R, tree: Tree) -> Result<Self> {
        let found = inner.seek(SeekFrom::End(0)).map_err(Error::from_io)?;
        let expected = tree.stored_len();
        if found != expected {
            return Err(Error::BodyLength { expected, found });
        }
        Ok(Self { inner, tree, buffer: Vec::new(), inner_at: Some(found) })
    }

    /// The bytes of block `index`, checked.
    pub(crate) fn load(&mut self, index: u64) -> Result<&[u8]> {
        let length = self.tree.block_len(index);
        self.buffer.resize(length, 0);
        let start = index.checked_mul(BLOCK as u64).ok_or(Error::TooLong)?;
        if self.inner_at.take() != Some(start) {
            self.inner.seek(SeekFrom::Start(start)).map_err(Error::from_io)?;
        }
        // A short read is no end: the tree says how many bytes the block has.
        self.inner.read_exact(&mut self.buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::Truncated { segment: index },
            _ => Error::from_io(error),
        })?;
        self.inner_at = start.checked_add(length as u64);
        self.tree.check(index, &self.buffer)?;
        Ok(&self.buffer)
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(crate) fn into_inner(self) -> R {
        self.inner
    }
}

/// The position that `to` names in an object of `length` bytes, seen from `position`.
/// Positions past the end are allowed, as everywhere with `Seek`; those before the start are not.
pub(crate) fn seek_to(position: u64, length: u64, to: SeekFrom) -> io::Result<u64> {
    let target = match to {
        SeekFrom::Start(at) => Some(at),
        SeekFrom::Current(by) => position.checked_add_signed(by),
        SeekFrom::End(by) => length.checked_add_signed(by),
    };
    target.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "seek to a negative or overflowing position")
    })
}
