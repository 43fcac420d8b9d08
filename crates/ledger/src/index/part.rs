//! One part of the index: for the events of one range, which terms occur where.
//!
//! Pages of 4,096 bytes, each with a check of 16 bytes at its end:
//! * page 0: one line, `sequestra-ledger-index/v2 <name> <terms> <first> <end> <entries> <blocks> <chains>`
//! * `<entries>` pages of entries, sorted by key; each begins with its first key and its length
//! * pages of a Bloom filter over the keys of chains, `<blocks>` blocks of 64 bytes
//! * pages of the first keys of the pages of entries
//!
//! The last two are kept in memory: a chain that is not in the part is told without reading, and one that is
//! by reading the one page that it is on. The committer waits for either.

use super::filter::{BLOCK, Filter, Probe};
use super::page::{PageKey, ROOM, take};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use twox_hash::XxHash64;

/// A term as the index knows it: XXH64 with the lowest bit telling chains from other terms.
pub(crate) type Key = u64;

pub(crate) fn key_of_chain(chain: impl AsRef<[u8]>) -> Key {
    XxHash64::oneshot(0, chain.as_ref()) | 1
}

pub(crate) fn key_of_term(term: &str) -> Key {
    XxHash64::oneshot(0, term.as_bytes()) & !1
}

pub(crate) fn is_chain(key: Key) -> bool {
    key & 1 == 1
}

/// Before the entries of a page: its first key, and how many bytes of entries follow.
pub(crate) const PAGE_HEAD: usize = 10;
/// Blocks of the filter and first keys that a page holds.
pub(crate) const BLOCKS: usize = ROOM / BLOCK;
pub(crate) const FIRSTS: usize = ROOM / size_of::<Key>();

/// What the first page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub origin: String,
    pub terms: u32,
    pub first: u64,
    pub end: u64,
    pub entries: u64,
    pub blocks: u64,
    pub chains: u64,
}

impl Head {
    pub(crate) fn line(&self) -> String {
        let Self { origin, terms, first, end, entries, blocks, chains } = self;
        format!("sequestra-ledger-index/v2 {origin} {terms} {first} {end} {entries} {blocks} {chains}\n")
    }

    /// The pages of the filter, of the first keys, and the page behind them.
    fn places(&self) -> [u64; 3] {
        let filter = self.entries.saturating_add(1);
        let firsts = filter.saturating_add(self.blocks.div_ceil(BLOCKS as u64));
        [filter, firsts, firsts.saturating_add(self.entries.div_ceil(FIRSTS as u64))]
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
            blocks: number()?,
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
    filter: Filter,
    /// The first key of each page of entries.
    firsts: Vec<Key>,
}

impl Part {
    /// Opens the part at `path`; reads all of it but its entries.
    pub(crate) fn open(
        path: PathBuf,
        key: &PageKey,
        range: Range<u64>,
        terms: u32,
    ) -> Result<Self, Unusable> {
        let file = File::open(&path)?;
        let identity = identity(range.start, range.end, terms);
        let read = |number| key.read(&file, &identity, number)?.ok_or(Unusable::Damaged);
        let head = Head::parse(&read(0)?).ok_or(Unusable::Damaged)?;
        if (head.first, head.end, head.terms) != (range.start, range.end, terms) {
            return Err(Unusable::Damaged);
        }
        let [at_filter, at_firsts, end] = head.places();
        let (mut filter, mut firsts) = (Filter::default(), Vec::<Key>::new());
        for number in at_filter..at_firsts {
            filter.extend(read(number)?.get(..BLOCKS * BLOCK).ok_or(Unusable::Damaged)?);
        }
        filter.end_at(head.blocks);
        for number in at_firsts..end {
            let page = read(number)?;
            let keys = page.chunks_exact(size_of::<Key>()).filter_map(|bytes| bytes.first_chunk());
            firsts.extend(keys.map(|bytes| Key::from_le_bytes(*bytes)));
        }
        firsts.truncate(usize::try_from(head.entries).map_err(|_| Unusable::Damaged)?);
        Ok(Self { path, head, file, key: key.clone(), identity, filter, firsts })
    }

    /// The newest position at which the chain of `probe` may occur.
    pub(crate) fn newest(&self, probe: &Probe) -> Result<Option<u64>, Unusable> {
        if !self.filter.may_have(probe) {
            return Ok(None);
        }
        let after = self.firsts.partition_point(|first| *first <= probe.key);
        let Some(number) = after.checked_sub(1) else { return Ok(None) };
        let mut newest = None;
        self.entries(number as u64)?
            .each(probe.key, |found, position| {
                if found == probe.key {
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
        if is_chain(key) && !self.filter.may_have(&Probe::of(key)) {
            return Ok(());
        }
        // The first page that begins with the key; the one before may end with it.
        let first = self.firsts.partition_point(|first| *first < key).saturating_sub(1) as u64;
        for number in first..self.head.entries {
            let page = self.entries(number)?;
            if page.first > key {
                break;
            }
            page.each(key, |found, position| {
                let position = self.head.first + position;
                if found == key && within.contains(&position) {
                    out.push(position);
                }
            })
            .ok_or(Unusable::Damaged)?;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn forget_filter(&mut self) {
        self.filter.fill();
    }

    /// A page of entries.
    pub(crate) fn entries(&self, number: u64) -> Result<Entries, Unusable> {
        let page = self.key.read(&self.file, &self.identity, 1 + number)?.ok_or(Unusable::Damaged)?;
        Entries::new(page).ok_or(Unusable::Damaged)
    }

    /// Whether each page is what was written.
    pub(crate) fn is_sound(&self) -> io::Result<bool> {
        let [_, _, pages] = self.head.places();
        for number in 0..pages {
            if self.key.read(&self.file, &self.identity, number)?.is_none() {
                return Ok(false);
            }
        }
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

    /// Calls `see` with each key up to `last` and its positions, counted from the part's first.
    pub(crate) fn each(&self, last: Key, mut see: impl FnMut(Key, u64)) -> Option<()> {
        let mut rest = self.bytes.get(PAGE_HEAD..PAGE_HEAD + self.used)?;
        let mut key = self.first;
        while !rest.is_empty() {
            key = key.checked_add(take(&mut rest)?)?;
            if key > last {
                break;
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_format_before_is_not_read() {
        let line = "sequestra-ledger-index/v2 site.example/ledger 0 0 64 1 1 3\n";
        assert_eq!(Head::parse(line.as_bytes()).unwrap().line(), line);
        assert_eq!(Head::parse(line.replace("/v2", "/v1").as_bytes()), None);
    }
}
