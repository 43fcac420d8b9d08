//! Bodies to test with, and streams that behave badly.

use base::SystemEntropy;
use seal::{Expected, Result, Sealed, SessionKey, Tree, body};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

/// Plaintext lengths around the borders of segments.
pub const LENGTHS: [usize; 10] =
    [0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 200_000, 4 * 65_536 + 1];

/// `length` bytes in which no two segments and no two neighbours look alike.
pub fn plaintext(length: usize) -> Vec<u8> {
    (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// A sealed object with everything that belongs to it.
pub struct Object {
    pub key: SessionKey,
    pub plain: Vec<u8>,
    pub stored: Vec<u8>,
    pub sealed: Sealed,
}

impl Object {
    pub fn new(length: usize) -> Self {
        Self::of(plaintext(length))
    }

    pub fn of(plain: Vec<u8>) -> Self {
        let key = SessionKey::mint(&SystemEntropy);
        let base = base::entropy::bytes(&SystemEntropy);
        let mut writer = body::Writer::new(Vec::new(), &key, base).unwrap();
        writer.write_all(&plain).unwrap();
        let (stored, sealed) = writer.finish().unwrap();
        Self { key, plain, stored, sealed }
    }

    pub fn expected(&self) -> Expected {
        self.sealed.expected()
    }

    pub fn tree(&self) -> Tree {
        self.sealed.tree.clone()
    }

    pub fn reader<R: Read + Seek>(&self, inner: R) -> Result<body::Reader<R>> {
        body::Reader::new(inner, &self.key, &self.expected(), self.tree())
    }

    /// Reads `stored` in the place of this object's own body: what came out, and the error.
    pub fn read(&self, stored: &[u8]) -> (Vec<u8>, Option<seal::Error>) {
        let mut out = Vec::new();
        let read = self
            .reader(Cursor::new(stored))
            .and_then(|mut reader| reader.read_to_end(&mut out).map_err(seal::Error::from_io));
        (out, read.err())
    }
}

/// Gives and takes one byte at a time, and is interrupted now and then.
pub struct Drip<S> {
    pub inner: S,
    calls: u64,
}

impl<S> Drip<S> {
    pub fn new(inner: S) -> Self {
        Self { inner, calls: 0 }
    }

    fn interrupted(&mut self) -> io::Result<()> {
        self.calls += 1;
        if self.calls.is_multiple_of(7) { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

impl<S: Read> Read for Drip<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.interrupted()?;
        let one = out.len().min(1);
        self.inner.read(&mut out[..one])
    }
}

impl<S: Seek> Seek for Drip<S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

impl<S: Write> Write for Drip<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.interrupted()?;
        self.inner.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
