//! One part of the index: for the events of one range, which terms occur where.
//!
//! Pages of 4,096 bytes, each with a check of 16 bytes at its end:
//! * page 0: one line, `sequestra-ledger-index/v1 <name> <terms> <first> <end> <entries> <filter> <chains>`
//! * `<entries>` pages of entries, sorted by key; each begins with its first key and its length
//! * `<filter>` pages of a Bloom filter over the keys of chains, in blocks of 64 bytes

use super::page::{PageKey, ROOM, take};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use twox_hash::XxHash64;

/// A term as the index knows it: XXH64 with the lowest bit telling chains from other terms.
pub(crate) type Key = u64;

pub(crate) fn key_of_chain(chain: &str) -> Key {
    XxHash64::oneshot(0, chain.as_bytes()) | 1
}

pub(crate) fn key_of_term(term: &str) -> Key {
    XxHash64::oneshot(0, term.as_bytes()) & !1
}

pub(crate) fn is_chain(key: Key) -> bool {
    key & 1 == 1
}

/// Before the entries of a page: its first key, and how many bytes of entries follow.
pub(crate) const PAGE_HEAD: usize = 10;
/// Bytes of a block of the filter, and blocks of a page.
pub(crate) const BLOCK: usize = 64;
pub(crate) const BLOCKS: usize = ROOM / BLOCK;

/// What the first page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub origin: String,
    pub terms: u32,
    pub first: u64,
    pub end: u64,
    pub entries: u64,
    pub filter: u64,
    pub chains: u64,
}

impl Head {
    pub(crate) fn line(&self) -> String {
        let Self { origin, terms, first, end, entries, filter, chains } = self;
        format!("sequestra-ledger-index/v1 {origin} {terms} {first} {end} {entries} {filter} {chains}\n")
    }

    fn parse(page: &[u8]) -> Option<Self> {
        let end = page.iter().position(|byte| *byte == b'\n')?;
        let text = std::str::from_utf8(page.get(..end)?).ok()?;
        let mut words = text.split(' ').skip(1);
        let origin = words.next()?.to_owned();
        let mut number = || words.next()?.parse::<u64>().ok();
        let terms = u32::try_from(number()?).ok()?;
        let head = Self {
            origin,
            terms,
            first: number()?,
            end: number()?,
            entries: number()?,
            filter: number()?,
            chains: number()?,
        };
        (head.line().as_bytes() == page.get(..=end)?).then_some(head)
    }
}

/// What tells the pages of one part from those of every other.
pub(crate) fn identity(first: u64, end: u64, terms: u32) -> [u8; 20] {
    let mut out = [0; 20];
    let bytes = first.to_le_bytes().into_iter().chain(end.to_le_bytes()).chain(terms.to_le_bytes());
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    out
}

/// A part cannot be used: the disk said so, or its bytes are not what was written.
#[derive(Debug)]
pub(crate) enum Unusable {
    Io(io::Error),
    Damaged,
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub(crate) struct Part {
    pub path: PathBuf,
    pub head: Head,
    file: File,
    key: PageKey,
    identity: [u8; 20],
    filter: Vec<u8>,
    /// The first key of each page of entries that was read and checked before, or 0. A search then reads the
    /// one page that it is after: for a chain that is not in memory the committer waits for it.
    firsts: Box<[AtomicU64]>,
}

impl Part {
    /// Opens the part at `path`; reads its first page and its filter.
    pub(crate) fn open(
        path: PathBuf,
        key: &PageKey,
        range: Range<u64>,
        terms: u32,
    ) -> Result<Self, Unusable> {
        let file = File::open(&path)?;
        let identity = identity(range.start, range.end, terms);
        let page = key.read(&file, &identity, 0)?.ok_or(Unusable::Damaged)?;
        let head = Head::parse(&page).ok_or(Unusable::Damaged)?;
        if (head.first, head.end, head.terms) != (range.start, range.end, terms) {
            return Err(Unusable::Damaged);
        }
        let mut filter = Vec::new();
        for number in 0..head.filter {
            let page = key.read(&file, &identity, 1 + head.entries + number)?.ok_or(Unusable::Damaged)?;
            filter.extend_from_slice(page.get(..BLOCKS * BLOCK).ok_or(Unusable::Damaged)?);
        }
        let pages = usize::try_from(head.entries).map_err(|_| Unusable::Damaged)?;
        let firsts = std::iter::repeat_with(AtomicU64::default).take(pages).collect();
        Ok(Self { path, head, file, key: key.clone(), identity, filter, firsts })
    }

    /// The newest position at which `key`, a chain's, may occur.
    pub(crate) fn newest(&self, key: Key) -> Result<Option<u64>, Unusable> {
        if !filter_has(&self.filter, key) {
            return Ok(None);
        }
        let after = self.first_page(|first| first > key)?;
        let Some(number) = after.checked_sub(1) else { return Ok(None) };
        let page = self.entries(number)?;
        let mut newest = None;
        page.each(|found, position| {
            if found == key {
                newest = Some(self.head.first + position);
            }
        })
        .ok_or(Unusable::Damaged)?;
        Ok(newest)
    }

    /// Appends to `out` the positions of `key` that lie in `within`.
    pub(crate) fn positions(
        &self,
        key: Key,
        within: &Range<u64>,
        out: &mut Vec<u64>,
    ) -> Result<(), Unusable> {
        if is_chain(key) && !filter_has(&self.filter, key) {
            return Ok(());
        }
        // The first page that begins with the key; the one before may end with it.
        let first = self.first_page(|first| first >= key)?.saturating_sub(1);
        for number in first..self.head.entries {
            let page = self.entries(number)?;
            if page.first > key {
                break;
            }
            page.each(|found, position| {
                let position = self.head.first + position;
                if found == key && within.contains(&position) {
                    out.push(position);
                }
            })
            .ok_or(Unusable::Damaged)?;
        }
        Ok(())
    }

    /// The number of the first page of entries for whose first key `is_after` holds.
    fn first_page(&self, is_after: impl Fn(Key) -> bool) -> Result<u64, Unusable> {
        let (mut low, mut high) = (0, self.head.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_after(self.first_of(middle)?) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(low)
    }

    /// The first key of a page of entries.
    fn first_of(&self, number: u64) -> Result<Key, Unusable> {
        let known = usize::try_from(number).ok().and_then(|place| self.firsts.get(place));
        if let Some(first) = known.map(|first| first.load(Ordering::Relaxed)).filter(|first| *first != 0) {
            return Ok(first);
        }
        let first = self.entries(number)?.first;
        if let Some(known) = known {
            known.store(first, Ordering::Relaxed);
        }
        Ok(first)
    }

    /// A page of entries.
    pub(crate) fn entries(&self, number: u64) -> Result<Entries, Unusable> {
        let page = self.key.read(&self.file, &self.identity, 1 + number)?.ok_or(Unusable::Damaged)?;
        Entries::new(page).ok_or(Unusable::Damaged)
    }

    /// Whether each page is what was written.
    pub(crate) fn is_sound(&self) -> io::Result<bool> {
        for number in 0..1 + self.head.entries + self.head.filter {
            if self.key.read(&self.file, &self.identity, number)?.is_none() {
                return Ok(false);
            }
        }
        let pages = 1 + self.head.entries + self.head.filter;
        Ok(self.file.metadata()?.len() == pages * super::page::PAGE as u64)
    }
}

/// The entries of one page.
pub(crate) struct Entries {
    pub first: Key,
    bytes: Vec<u8>,
    used: usize,
}

impl Entries {
    fn new(page: Vec<u8>) -> Option<Self> {
        let first = u64::from_le_bytes(page.get(..8)?.try_into().ok()?);
        let used = usize::from(u16::from_le_bytes(page.get(8..PAGE_HEAD)?.try_into().ok()?));
        (PAGE_HEAD + used <= page.len()).then_some(Self { first, bytes: page, used })
    }

    /// Calls `see` with each key and position, the position counted from the part's first.
    pub(crate) fn each(&self, mut see: impl FnMut(Key, u64)) -> Option<()> {
        let mut rest = self.bytes.get(PAGE_HEAD..PAGE_HEAD + self.used)?;
        let mut key = self.first;
        while !rest.is_empty() {
            key = key.checked_add(take(&mut rest)?)?;
            let count = take(&mut rest)?;
            let mut position = 0u64;
            for _ in 0..count {
                position = position.checked_add(take(&mut rest)?)?;
                see(key, position);
            }
        }
        Some(())
    }
}

/// The block of `key` among `blocks`, and the eight bits in it.
fn places(key: Key, blocks: usize) -> (usize, [u16; 8]) {
    // The key is a hash; its bits are mixed once more, for the block takes the high ones.
    let mixed = (key >> 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let block = (u128::from(mixed) * blocks as u128) >> 64;
    let mut bits = [0; 8];
    let mut rest = mixed.wrapping_mul(0xd6e8_feb8_6659_fd93);
    for bit in &mut bits {
        *bit = u16::try_from(rest >> 55).unwrap_or(0);
        rest = rest.wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(17);
    }
    (usize::try_from(block).unwrap_or(0), bits)
}

/// Room for a filter over `chains` keys: whole pages, about ten bits a key.
pub(crate) fn filter_of(chains: u64) -> Vec<u8> {
    let blocks = usize::try_from(chains.saturating_mul(10).div_ceil(BLOCK as u64 * 8)).unwrap_or(usize::MAX);
    vec![0; blocks.div_ceil(BLOCKS) * BLOCKS * BLOCK]
}

pub(crate) fn filter_put(filter: &mut [u8], key: Key) {
    let (block, bits) = places(key, filter.len() / BLOCK);
    for bit in bits {
        if let Some(byte) = filter.get_mut(block * BLOCK + usize::from(bit / 8)) {
            *byte |= 1 << (bit % 8);
        }
    }
}

fn filter_has(filter: &[u8], key: Key) -> bool {
    let (block, bits) = places(key, filter.len() / BLOCK);
    bits.iter().all(|bit| {
        filter.get(block * BLOCK + usize::from(bit / 8)).is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
    })
}
