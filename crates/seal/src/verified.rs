//! Reading a stored body as it lies, each block checked against the tree before a byte of it is
//! given. For bodies that carry their own encryption, such as Parquet with modular encryption,
//! and for copying a sealed body without its key.

use crate::blocks::{Blocks, seek_to};
use crate::tree::BLOCK;
use crate::{Result, Tree};
use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// A checked view of a stored body.
pub struct Reader<R> {
    blocks: Blocks<R>,
    position: u64,
    /// The block that `window` holds.
    held: Option<u64>,
    window: Vec<u8>,
}

impl<R: Read + Seek> Reader<R> {
    /// Takes the body that starts at position 0 of `inner` and its tree, whose root the caller
    /// has compared ([`Tree::from_bytes`] does). Error: `SEAL-006` when the length differs.
    pub fn new(inner: R, tree: Tree) -> Result<Self> {
        Ok(Self { blocks: Blocks::new(inner, tree)?, position: 0, held: None, window: Vec::new() })
    }

    /// The stream below.
    pub fn into_inner(self) -> R {
        self.blocks.into_inner()
    }

    fn available(&mut self) -> Result<&[u8]> {
        if self.position >= self.blocks.tree().stored_len() {
            return Ok(&[]);
        }
        let index = self.position / BLOCK as u64;
        let skip = (self.position % BLOCK as u64) as usize;
        if self.held != Some(index) {
            self.held = None;
            let block = self.blocks.load(index)?;
            self.window.clear();
            self.window.extend_from_slice(block);
            self.held = Some(index);
        }
        Ok(self.window.get(skip..).unwrap_or_default())
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
        let taken = self.fill_buf()?.read(out)?;
        self.consume(taken);
        Ok(taken)
    }
}

impl<R: Read + Seek> Seek for Reader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = seek_to(self.position, self.blocks.tree().stored_len(), to)?;
        Ok(self.position)
    }
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("position", &self.position).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, TreeBuilder};
    use std::io::Cursor;

    fn body() -> (Vec<u8>, Tree) {
        let body: Vec<u8> = (0..3 * BLOCK + 100).map(|at| (at % 253) as u8).collect();
        let mut builder = TreeBuilder::new();
        builder.update(&body);
        (body, builder.finish())
    }

    #[test]
    fn reads_what_was_stored_from_any_place() {
        let (body, tree) = body();
        let mut reader = Reader::new(Cursor::new(&body), tree).unwrap();
        let mut whole = Vec::new();
        reader.read_to_end(&mut whole).unwrap();
        assert_eq!(whole, body);
        reader.seek(SeekFrom::Start(BLOCK as u64 - 3)).unwrap();
        let mut over_the_border = [0; 6];
        reader.read_exact(&mut over_the_border).unwrap();
        assert_eq!(over_the_border, body[BLOCK - 3..BLOCK + 3]);
        assert!(reader.seek(SeekFrom::Current(-(body.len() as i64))).is_err());
        reader.seek(SeekFrom::End(5)).unwrap();
        assert_eq!(reader.read(&mut over_the_border).unwrap(), 0);
    }

    #[test]
    fn an_altered_block_gives_no_byte_and_the_others_do() {
        let (mut body, tree) = body();
        body[BLOCK + 5] ^= 4;
        let mut reader = Reader::new(Cursor::new(&body), tree.clone()).unwrap();
        let mut first = vec![0; BLOCK];
        reader.read_exact(&mut first).unwrap();
        for _ in 0..2 {
            let error = Error::from_io(reader.read(&mut first).unwrap_err());
            assert!(matches!(error, Error::Leaf { segment: 1 }));
        }
        reader.seek(SeekFrom::Start(2 * BLOCK as u64)).unwrap();
        reader.read_exact(&mut first).unwrap();
        for length in [body.len() - 1, body.len() + 1] {
            body.resize(length, 0);
            let refused = Reader::new(Cursor::new(&body), tree.clone());
            assert!(matches!(refused, Err(Error::BodyLength { .. })));
        }
    }
}
