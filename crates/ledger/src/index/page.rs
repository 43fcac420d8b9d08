//! Pages: what a part of the index is made of, and how a changed one is noticed.

use crate::SigningKey;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes of a page on disk.
pub(crate) const PAGE: usize = 4096;
const CHECK: usize = 16;
/// Before a page, where its check is computed: which part it is of, and its number in it.
const NAME: usize = 20 + 8;
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

    /// The check of `named`: a page's name and content in one piece, which BLAKE3 hashes four chunks of at
    /// once. In pieces it takes the first alone, which is half of the time.
    fn check(&self, named: &[u8]) -> [u8; CHECK] {
        let hash = blake3::keyed_hash(&self.0, named);
        let mut out = [0; CHECK];
        out.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        out
    }

    /// The page numbered `number` of `part`: `content`, filled up with zeros, and its check.
    pub(crate) fn seal(&self, part: &[u8; 20], number: u64, content: &[u8]) -> Vec<u8> {
        let mut named = name(part, number);
        named.extend_from_slice(content);
        named.resize(NAME + ROOM, 0);
        let check = self.check(&named);
        named.extend_from_slice(&check);
        named.split_off(NAME)
    }

    /// Reads a page. `Ok(None)`: it is not there or not what was written.
    pub(crate) fn read(&self, file: &File, part: &[u8; 20], number: u64) -> io::Result<Option<Vec<u8>>> {
        #[cfg(test)]
        tests::READ.with(|read| read.set(read.get() + 1));
        let mut named = name(part, number);
        named.resize(NAME + PAGE, 0);
        let page = named.get_mut(NAME..).unwrap_or_default();
        match file.read_exact_at(page, number.saturating_mul(PAGE as u64)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let check = named.split_off(NAME + ROOM);
        Ok((check == self.check(&named)).then(|| named.split_off(NAME)))
    }
}

fn name(part: &[u8; 20], number: u64) -> Vec<u8> {
    let mut named = Vec::with_capacity(NAME + PAGE);
    named.extend_from_slice(part);
    named.extend_from_slice(&number.to_le_bytes());
    named
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
#[inline]
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    /// Where a byte says that another follows.
    const MORE: u64 = 0x8080_8080_8080_8080;
    // Most end within eight bytes: these are taken at once, for a look-up takes hundreds of numbers.
    let ahead = bytes.first_chunk().map_or(MORE, |ahead| u64::from_le_bytes(*ahead));
    let length = (!ahead & MORE).trailing_zeros() / 8 + 1;
    if length <= 8 {
        *bytes = bytes.get(length as usize..)?;
        let groups = ahead & !MORE & (u64::MAX >> (64 - 8 * length));
        // Groups of seven bits become such of 14, 28 and 56.
        let pairs = (groups & 0x007f_007f_007f_007f) | (groups & 0x7f00_7f00_7f00_7f00) >> 1;
        let fours = (pairs & 0x0000_3fff_0000_3fff) | (pairs & 0x3fff_0000_3fff_0000) >> 2;
        return Some((fours & 0x0fff_ffff) | (fours & 0x0fff_ffff_0000_0000) >> 4);
    }
    take_slowly(bytes)
}

fn take_slowly(bytes: &mut &[u8]) -> Option<u64> {
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
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// Pages that this thread read.
        pub(crate) static READ: Cell<u64> = const { Cell::new(0) };
    }

    #[test]
    fn numbers_of_every_length_come_back_whatever_follows() {
        let numbers: Vec<u64> = (0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit, u64::MAX >> bit]).collect();
        for behind in [&[][..], &[0; 9], &[0xff; 9]] {
            for number in &numbers {
                let mut bytes = Vec::new();
                put(&mut bytes, *number);
                let length = bytes.len();
                bytes.extend_from_slice(behind);
                let (mut rest, mut slowly) = (bytes.as_slice(), bytes.as_slice());
                assert_eq!((take(&mut rest), rest.len()), (Some(*number), behind.len()), "{number}");
                assert_eq!((take_slowly(&mut slowly), slowly.len()), (Some(*number), behind.len()));
                let mut cut = bytes.get(..length - 1).unwrap();
                assert_eq!(take(&mut cut), None, "{number}");
            }
        }
    }

    #[test]
    fn a_check_is_that_of_part_number_and_content() {
        let key = PageKey([7; 32]);
        let page = key.seal(&[3; 20], 5, b"content");
        let mut hasher = blake3::Hasher::new_keyed(&key.0);
        hasher.update(&[3; 20]).update(&5u64.to_le_bytes()).update(&page[..ROOM]);
        assert_eq!((page.len(), &page[ROOM..]), (PAGE, &hasher.finalize().as_bytes()[..CHECK]));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        std::fs::write(&path, [&[0; PAGE * 5][..], &page].concat()).unwrap();
        let read = |part: &[u8; 20], number| key.read(&File::open(&path).unwrap(), part, number).unwrap();
        assert_eq!(read(&[3; 20], 5), Some(page[..ROOM].to_vec()));
        assert_eq!([read(&[4; 20], 5), read(&[3; 20], 4), read(&[3; 20], 6)], [None, None, None]);
    }
}
