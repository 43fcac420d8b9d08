//! A version of a key, from any place.

use crate::{Bucket, Error};
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes asked for at first, and after a leap.
const FIRST: u64 = 256 << 10;
/// Bytes asked for at once while reading goes straight on.
const LARGEST: u64 = 8 << 20;

/// Reads a version in windows that grow while reading goes straight on. Each window is asked for again when it
/// is cut short, so a lost connection does not end a reader.
pub struct Reader {
    bucket: Bucket,
    key: String,
    version: String,
    size: u64,
    at: u64,
    window: Vec<u8>,
    /// Where the window begins.
    begins: u64,
    next: u64,
}

impl Reader {
    /// The version of `key` that has `size` bytes.
    pub fn new(bucket: Bucket, key: String, version: String, size: u64) -> Self {
        Self { bucket, key, version, size, at: 0, window: Vec::new(), begins: 0, next: FIRST }
    }

    /// What the window has from here on.
    fn here(&self) -> &[u8] {
        let from = self.at.checked_sub(self.begins).and_then(|from| usize::try_from(from).ok());
        from.and_then(|from| self.window.get(from..)).unwrap_or_default()
    }

    fn fetch(&mut self) -> Result<(), Error> {
        let straight_on = self.at == self.begins.saturating_add(self.window.len() as u64);
        self.next = if straight_on { self.next.saturating_mul(2).min(LARGEST) } else { FIRST };
        let length = self.size.saturating_sub(self.at).min(self.next);
        self.window = self.bucket.get_range(&self.key, &self.version, self.at, length)?;
        self.begins = self.at;
        Ok(())
    }
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() || self.at >= self.size {
            return Ok(0);
        }
        if self.here().is_empty() {
            self.fetch()?;
        }
        let taken = self.here().read(out)?;
        self.at = self.at.saturating_add(taken as u64);
        Ok(taken)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
