//! Reading a Crypt4GH stream that someone else made, from its start to its end.
//!
//! There is no tree and no record here. Every segment is authenticated, but Crypt4GH itself does
//! not notice segments that were swapped, repeated or dropped, nor an end cut off at a segment's
//! border: what is read so must be checked by other means before it is relied on.

use crate::edit::Cursor;
use crate::segment::{Cipher, OVERHEAD, PLAIN, STORED};
use crate::{Error, Result, SecretKey, header};
use std::io::{self, BufRead, Read};
use zeroize::Zeroizing;

/// The plaintext of a Crypt4GH stream, its edit list applied.
pub struct Reader<R> {
    inner: R,
    /// The keys of the body, the one that opened the last segment first.
    ciphers: Vec<Cipher>,
    edits: Cursor,
    stored: Vec<u8>,
    window: Zeroizing<Vec<u8>>,
    /// The first byte of `window` that is not passed yet.
    start: usize,
    segment: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Failed,
}

impl<R: Read> Reader<R> {
    /// Reads the header from `inner` and opens it with a recipient's key.
    ///
    /// Errors: as [`header::open`] and [`header::read`].
    pub fn new(mut inner: R, secret: &SecretKey) -> Result<Self> {
        let opened = header::open(&header::read(&mut inner)?, secret)?;
        let ciphers = opened.session_keys.iter().map(Cipher::new).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            inner,
            ciphers,
            edits: Cursor::new(opened.edit_list),
            stored: Vec::with_capacity(STORED),
            // Full size at once: a buffer that grew would leave plaintext behind.
            window: Zeroizing::new(Vec::with_capacity(PLAIN)),
            start: 0,
            segment: 0,
            state: State::Open,
        })
    }

    /// Kept bytes that are ready; nothing at the end.
    fn available(&mut self) -> Result<&[u8]> {
        let count = loop {
            let ready = self.window.len().saturating_sub(self.start);
            match self.edits.next(ready) {
                None => break 0,
                Some((_, _)) if ready == 0 => {
                    if !self.next_segment()? {
                        break 0;
                    }
                }
                Some((count, true)) => break count,
                Some((count, false)) => self.pass(count),
            }
        };
        Ok(self.window.get(self.start..).and_then(|ready| ready.get(..count)).unwrap_or_default())
    }

    fn pass(&mut self, count: usize) {
        self.start = self.start.saturating_add(count);
        self.edits.pass(count);
    }

    /// Opens the next segment into the window. `false` at the end of the stream.
    fn next_segment(&mut self) -> Result<bool> {
        match self.state {
            State::Ended => return Ok(false),
            State::Failed => return Err(Error::Spent),
            State::Open => self.state = State::Failed,
        }
        self.stored.clear();
        self.window.clear();
        self.start = 0;
        // `read_to_end` reads on after short reads, so only the stream's end leaves it short.
        self.inner.by_ref().take(STORED as u64).read_to_end(&mut self.stored).map_err(Error::from_io)?;
        if self.stored.is_empty() {
            self.state = State::Ended;
            return Ok(false);
        }
        let segment = self.segment;
        let length = self.stored.len().checked_sub(OVERHEAD).ok_or(Error::Truncated { segment })?;
        self.window.resize(length, 0);
        let mut ciphers = self.ciphers.iter();
        let Some(which) = ciphers.position(|cipher| cipher.open(&self.stored, &mut self.window).is_some())
        else {
            // Zeros in the window would be given as data by the next read.
            self.window.clear();
            return Err(Error::Tag { segment });
        };
        self.ciphers.swap(0, which);
        self.segment = self.segment.saturating_add(1);
        self.state = State::Open;
        Ok(true)
    }
}

impl<R: Read> BufRead for Reader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.available()?)
    }

    fn consume(&mut self, amount: usize) {
        self.pass(amount);
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let taken = self.available()?.read(out)?;
        self.pass(taken);
        Ok(taken)
    }
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("segment", &self.segment).finish_non_exhaustive()
    }
}
