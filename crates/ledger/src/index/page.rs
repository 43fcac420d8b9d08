//! Pages: what a part of the index is made of, and how a changed one is noticed.

use crate::SigningKey;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes of a page on disk.
pub(crate) const PAGE: usize = 4096;
const CHECK: usize = 16;
/// Bytes of a page that carry something.
pub(crate) const ROOM: usize = PAGE - CHECK;

/// The key under which pages are checked. It comes from the ledger's key, so that who can write the
/// files but does not hold that key cannot make a page that is believed: an index that hides an
/// event would make the next one name a wrong predecessor.
#[derive(Clone)]
pub(crate) struct PageKey([u8; 32]);

impl PageKey {
    pub(crate) fn new(key: &SigningKey, origin: &str) -> Self {
        // Ed25519 signatures are deterministic, and this text is signed for no other purpose.
        let secret = key.sign(format!("sequestra.dev/ledger/index-key/v1\n{origin}\n").as_bytes());
        Self(blake3::derive_key("sequestra.dev ledger index pages v1", &secret))
    }

    fn check(&self, part: &[u8; 20], number: u64, room: &[u8]) -> [u8; CHECK] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(part).update(&number.to_le_bytes()).update(room);
        let mut out = [0; CHECK];
        out.iter_mut().zip(hasher.finalize().as_bytes()).for_each(|(to, from)| *to = *from);
        out
    }

    /// The page numbered `number` of `part`: `content`, filled up with zeros, and its check.
    pub(crate) fn seal(&self, part: &[u8; 20], number: u64, content: &[u8]) -> Vec<u8> {
        let mut page = content.to_vec();
        page.resize(ROOM, 0);
        let check = self.check(part, number, &page);
        page.extend_from_slice(&check);
        page
    }

    /// Reads a page. `Ok(None)`: it is not there or not what was written.
    pub(crate) fn read(&self, file: &File, part: &[u8; 20], number: u64) -> io::Result<Option<Vec<u8>>> {
        #[cfg(test)]
        tests::READ.with(|read| read.set(read.get() + 1));
        let mut page = vec![0; PAGE];
        match file.read_exact_at(&mut page, number.saturating_mul(PAGE as u64)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let check = page.split_off(ROOM);
        Ok((check == self.check(part, number, &page)).then_some(page))
    }
}

/// Appends `value` in groups of seven bits, the lowest first.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

/// Takes a number off the front of `bytes`.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f).checked_shl(shift)?;
        if *first < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    thread_local! {
        /// Pages that this thread read.
        pub(crate) static READ: Cell<u64> = const { Cell::new(0) };
    }
}
