//! Writing a part: sorted terms in, pages out.

use super::filter::Filter;
use super::page::{PAGE, PageKey, ROOM, put};
use super::part::{BLOCKS, FIRSTS, Head, Key, PAGE_HEAD, Part, Unusable, identity, is_chain};
use crate::storage::{Storage, stage, write_all_at};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What parts of one ledger have in common.
pub(crate) struct Kind {
    /// The folder of the parts.
    pub folder: PathBuf,
    pub key: PageKey,
    pub origin: String,
    pub terms: u32,
}

impl Kind {
    pub(crate) fn path(&self, range: &Range<u64>) -> PathBuf {
        self.folder.join(format!("{:020}-{:020}.part", range.start, range.end))
    }

    pub(crate) fn open(&self, range: Range<u64>) -> Result<Part, Unusable> {
        Part::open(self.path(&range), &self.key, range, self.terms)
    }
}

/// Writes the part for `range`. Keys come in order, the positions of a key too.
///
/// 1. Write the pages under a draft name and flush. Crash here: litter, removed at open.
/// 2. Rename, flush the folder. Crash before the flush: the part is there or not; without it the
///    next open reads these events again.
struct Writer<'a> {
    kind: &'a Kind,
    storage: &'a dyn Storage,
    range: Range<u64>,
    identity: [u8; 20],
    draft: PathBuf,
    file: File,
    /// Pages of entries that are written, or waiting in `out`, and the first key of each.
    entries: u64,
    firsts: Vec<Key>,
    out: Vec<u8>,
    out_at: u64,
    /// The page being filled: its first key, its last key and the bytes of its entries.
    first: Key,
    last: Key,
    page: Vec<u8>,
    /// The entry being filled.
    key: Option<Key>,
    count: u64,
    position: u64,
    run: Vec<u8>,
    filter: Filter,
    chains: u64,
}

/// Bytes that are written at once.
const WRITE: usize = 64 * PAGE;
/// A key, a count and a position at their longest.
const WIDEST: usize = 10 + 3 + 10;

impl<'a> Writer<'a> {
    fn new(kind: &'a Kind, storage: &'a dyn Storage, range: Range<u64>, chains: u64) -> io::Result<Self> {
        let draft = kind.path(&range).with_extension("new");
        let file = stage(storage, &draft, &[])?;
        Ok(Self {
            kind,
            storage,
            identity: identity(range.start, range.end, kind.terms),
            range,
            draft,
            file,
            entries: 0,
            firsts: Vec::new(),
            out: Vec::with_capacity(WRITE),
            // Page 0 comes last, when the numbers in it are known.
            out_at: PAGE as u64,
            first: 0,
            last: 0,
            page: Vec::with_capacity(PAGE),
            key: None,
            count: 0,
            position: 0,
            run: Vec::new(),
            filter: Filter::with_room(chains),
            chains: 0,
        })
    }

    fn add(&mut self, key: Key, position: u64) -> io::Result<()> {
        let position = position - self.range.start;
        if self.key != Some(key) {
            self.end_entry();
            self.key = Some(key);
            if is_chain(key) {
                self.filter.put(key);
                self.chains += 1;
            }
        } else if self.count > 0 && position == self.position {
            return Ok(());
        }
        if PAGE_HEAD + self.page.len() + self.run.len() + WIDEST > ROOM {
            self.end_entry();
            self.end_page()?;
        }
        put(&mut self.run, position - self.position);
        self.position = position;
        self.count += 1;
        Ok(())
    }

    fn end_entry(&mut self) {
        if let (Some(key), true) = (self.key, self.count > 0) {
            if self.page.is_empty() {
                (self.first, self.last) = (key, key);
            }
            put(&mut self.page, key - self.last);
            put(&mut self.page, self.count);
            self.page.append(&mut self.run);
            self.last = key;
        }
        self.count = 0;
        self.position = 0;
    }

    fn end_page(&mut self) -> io::Result<()> {
        if self.page.is_empty() {
            return Ok(());
        }
        let mut content = self.first.to_le_bytes().to_vec();
        content.extend_from_slice(&u16::try_from(self.page.len()).unwrap_or(u16::MAX).to_le_bytes());
        content.append(&mut self.page);
        self.firsts.push(self.first);
        self.entries += 1;
        self.write(self.entries, &content)
    }

    fn write(&mut self, number: u64, content: &[u8]) -> io::Result<()> {
        self.out.extend_from_slice(&self.kind.key.seal(&self.identity, number, content));
        if self.out.len() >= WRITE { self.write_out() } else { Ok(()) }
    }

    fn write_out(&mut self) -> io::Result<()> {
        write_all_at(self.storage, &self.file, &self.out, self.out_at)?;
        self.out_at += self.out.len() as u64;
        self.out.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Part, Unusable> {
        self.end_entry();
        self.end_page()?;
        let mut filter = std::mem::take(&mut self.filter);
        filter.fit(self.chains);
        let firsts = std::mem::take(&mut self.firsts);
        let firsts =
            firsts.chunks(FIRSTS).map(|keys| keys.iter().flat_map(|key| key.to_le_bytes()).collect());
        for (number, page) in (self.entries + 1..).zip(filter.bytes(BLOCKS).chain(firsts)) {
            self.write(number, &page)?;
        }
        self.write_out()?;
        let head = Head {
            origin: self.kind.origin.clone(),
            terms: self.kind.terms,
            first: self.range.start,
            end: self.range.end,
            entries: self.entries,
            blocks: filter.blocks(),
            chains: self.chains,
        };
        let page = self.kind.key.seal(&self.identity, 0, head.line().as_bytes());
        write_all_at(self.storage, &self.file, &page, 0)?;
        self.storage.flush(&self.file)?;
        self.storage.rename(&self.draft, &self.kind.path(&self.range))?;
        self.storage.flush_folder(&self.kind.folder)?;
        drop(filter);
        self.kind.open(self.range)
    }
}

/// The part over `range` with these terms and positions, in any order.
pub(crate) fn build(
    kind: &Kind,
    storage: &dyn Storage,
    range: Range<u64>,
    mut pairs: Vec<(Key, u64)>,
) -> Result<Part, Unusable> {
    pairs.sort_unstable();
    let mut chains = 0;
    let mut before = None;
    for (key, _) in pairs.iter().filter(|(key, _)| is_chain(*key)) {
        chains += u64::from(before != Some(*key));
        before = Some(*key);
    }
    let mut writer = Writer::new(kind, storage, range, chains)?;
    for (key, position) in pairs {
        writer.add(key, position)?;
    }
    writer.finish()
}

/// Reads the entries of a part in order, a page at a time.
struct Cursor<'a> {
    part: &'a Part,
    next: u64,
    page: std::vec::IntoIter<(Key, u64)>,
}

impl Cursor<'_> {
    fn peek(&mut self) -> Result<Option<(Key, u64)>, Unusable> {
        loop {
            if let Some(pair) = self.page.as_slice().first() {
                return Ok(Some(*pair));
            }
            if self.next == self.part.head.entries {
                return Ok(None);
            }
            let mut pairs = Vec::new();
            let entries = self.part.entries(self.next)?;
            entries
                .each(Key::MAX, |key, position| pairs.push((key, self.part.head.first + position)))
                .ok_or(Unusable::Damaged)?;
            self.page = pairs.into_iter();
            self.next += 1;
        }
    }
}

/// One part out of adjacent ones. `Ok(None)`: told to stop. An error names the part that failed.
pub(crate) fn merge(
    kind: &Kind,
    storage: &dyn Storage,
    parts: &[Arc<Part>],
    stop: &AtomicBool,
) -> Result<Option<Part>, (Option<Arc<Part>>, Unusable)> {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Ok(None) };
    let chains = parts.iter().map(|part| part.head.chains).sum();
    let own = |error: io::Error| (None, Unusable::Io(error));
    let mut writer = Writer::new(kind, storage, first.head.first..last.head.end, chains).map_err(own)?;
    let mut cursors: Vec<Cursor<'_>> =
        parts.iter().map(|part| Cursor { part, next: 0, page: Vec::new().into_iter() }).collect();
    let mut written = 0;
    loop {
        let mut least: Option<((Key, u64), usize)> = None;
        for (at, (cursor, part)) in cursors.iter_mut().zip(parts).enumerate() {
            let pair = cursor.peek().map_err(|error| (Some(Arc::clone(part)), error))?;
            if let Some(pair) = pair.filter(|pair| least.is_none_or(|(found, _)| *pair < found)) {
                least = Some((pair, at));
            }
        }
        let Some(((key, position), at)) = least else { break };
        writer.add(key, position).map_err(own)?;
        if let Some(cursor) = cursors.get_mut(at) {
            cursor.page.next();
        }
        if writer.entries != written {
            written = writer.entries;
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
        }
    }
    writer.finish().map(Some).map_err(|error| (None, error))
}

/// Takes drafts and parts that are not wanted out of the folder. What cannot be removed does no harm.
pub(crate) fn remove(storage: &dyn Storage, path: &Path) {
    let _ = storage.remove(path);
}
