//! The only writer of events: takes what arrived, writes one frame, flushes once, answers all.

use crate::entry::Entry;
use crate::frame::{Commit, HEADER_LIMIT, Header};
use crate::heads::Heads;
use crate::log::Committed;
use crate::queue::Pending;
use crate::shared::{Point, Shared, lock, segment_head, segment_path};
use crate::storage::{stage, write_all_at};
use crate::{Error, Hash, Result, hashes, index, leaf, publish};
use base::Timestamp;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Where the next frame goes.
pub(crate) struct Tail {
    pub file: File,
    /// First position of the segment: its name.
    pub segment: u64,
    pub offset: u64,
    pub capacity: u64,
}

pub(crate) struct Committer {
    shared: Arc<Shared>,
    tail: Tail,
    next: u64,
    root: Hash,
    /// The batch being written; kept for its memory.
    buffer: Vec<u8>,
    /// Where its leaves lie that are not hashed yet, and the hashes of the others.
    fresh: Vec<Range<usize>>,
    hashes: Vec<[u8; 32]>,
    /// For each chain of the current event, the position before it.
    previous: Vec<Option<u64>>,
    /// When the current segment was begun, and how long the next one is at least.
    begun: Duration,
    capacity: u64,
    /// Whether a checkpoint is known to be on disk.
    published: bool,
}

/// Leaves that are hashed at once: enough to go side by side, and few enough to be near the processor still.
const HASHED_AT_ONCE: usize = 64;
/// A segment that fills up faster is followed by a longer one: making one costs flushes of its own.
const FILLED_FAST: Duration = Duration::from_secs(1);
/// A segment is at most so many times as long as the first.
const LONGEST: u64 = 16;

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>, tail: Tail) -> Self {
        let (next, root) = {
            let state = shared.read();
            (state.durable, state.root)
        };
        let (begun, capacity) = (shared.clock.monotonic(), shared.options.segment_bytes);
        let published = lock(&shared.published).checkpoint > 0;
        let (buffer, fresh, hashes, previous) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { shared, tail, next, root, buffer, fresh, hashes, previous, begun, capacity, published }
    }

    /// Serves the queue until it ends.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _guard = FailOnPanic(&shared);
        let (entries, bytes) = (shared.options.batch_entries, shared.options.batch_bytes);
        let mut batch = Vec::new();
        let mut waiters = Vec::new();
        while shared.queue.take(&mut batch, entries, bytes) {
            let first = self.next;
            let done = self.first_checkpoint().and_then(|()| self.commit(&mut batch, &mut waiters));
            match done {
                Ok(time) => {
                    for (position, waiter) in (first..).zip(waiters.drain(..)) {
                        waiter.answer(Ok(Committed { position, time }));
                    }
                }
                Err(cause) => {
                    let cause = Arc::new(cause);
                    shared.queue.end(Error::Unwritable(Arc::clone(&cause)));
                    shared.progress.send_modify(|_| ());
                    for waiter in waiters.drain(..) {
                        waiter.answer(Err(Error::Unwritable(Arc::clone(&cause))));
                    }
                    return;
                }
            }
        }
    }

    /// INVARIANT (checkpoint before the second batch): nothing is written behind the first batch of a ledger
    /// before a checkpoint is on disk. So a log that goes on behind it has had one, and a crash between the
    /// first commit and the first publishing leaves one batch ([`crate::recover::had_checkpoint`]).
    fn first_checkpoint(&mut self) -> io::Result<()> {
        if self.next > 0 && !self.published {
            publish::publish(&self.shared)?;
            self.published = true;
        }
        Ok(())
    }

    /// Commits one batch.
    ///
    /// 1. Encode and hash in memory. Crash here: nothing is on disk, nobody was answered.
    /// 2. Write the frame into unwritten space. Crash here: an unfinished frame, which the next open
    ///    overwrites with zeros.
    /// 3. Flush. Crash before it returned: the frame is whole or unfinished; nobody was answered.
    /// 4. Show the new state, then answer. Crash here: the frame is whole and counts.
    ///
    /// An error in 2 or 3 is final: what the disk holds is unknown until the next open reads it.
    fn commit(
        &mut self,
        batch: &mut Vec<Pending>,
        waiters: &mut Vec<crate::queue::Waiter>,
    ) -> io::Result<Timestamp> {
        let time = self.shared.clock.now();
        let stamp = format!("{time:.6}");
        let first = self.next;
        self.encode(batch, waiters, &stamp)?;
        let count = self.next - first;
        let root = {
            let mut state = self.shared.write();
            state.tree.append(&self.hashes);
            state.tree.root()
        };
        let previous_root = std::mem::replace(&mut self.root, root);
        let commit = Commit { first, count, previous_root, root, time: stamp };
        let line = commit.line(self.shared.verifier.name(), &self.shared.key);
        let leaves = self.buffer.len() - HEADER_LIMIT;
        let header = Header::line(first, count, leaves, line.len());
        self.buffer.extend_from_slice(line.as_bytes());
        let start = HEADER_LIMIT - header.len().min(HEADER_LIMIT);
        if let Some(space) = self.buffer.get_mut(start..HEADER_LIMIT) {
            space.copy_from_slice(header.as_bytes());
        }

        let shared = Arc::clone(&self.shared);
        let _writing = lock(&shared.writing);
        let frame_length = (self.buffer.len() - start) as u64;
        self.make_room(first, frame_length)?;
        let frame = self.buffer.get(start..).unwrap_or_default();
        write_all_at(&*shared.storage, &self.tail.file, frame, self.tail.offset)?;
        shared.storage.flush(&self.tail.file)?;

        let mut state = shared.write();
        state.places.note(Point { first, segment: self.tail.segment, offset: self.tail.offset });
        state.durable = self.next;
        state.root = root;
        drop(state);
        self.tail.offset += frame_length;
        shared.progress.send_replace(self.next);
        Ok(time)
    }

    /// Encodes the batch behind room for its header, and puts its events on their chains.
    fn encode(
        &mut self,
        batch: &mut Vec<Pending>,
        waiters: &mut Vec<crate::queue::Waiter>,
        stamp: &str,
    ) -> io::Result<()> {
        self.buffer.clear();
        self.buffer.resize(HEADER_LIMIT, 0);
        self.hashes.clear();
        let shared = Arc::clone(&self.shared);
        let mut heads = lock(&shared.heads);
        heads.begin(self.next);
        let mut failed = None;
        for pending in batch.drain(..) {
            // Whoever waits hears of a failure too.
            waiters.push(pending.waiter);
            if failed.is_none() {
                let entry = &pending.entry;
                let done = encode_one(
                    &shared,
                    &mut heads,
                    &mut self.previous,
                    &mut self.buffer,
                    self.next,
                    stamp,
                    entry,
                );
                match done {
                    Ok(leaf) => self.fresh.push(leaf),
                    Err(error) => failed = Some(error),
                }
                self.next += 1;
                if self.fresh.len() == HASHED_AT_ONCE {
                    self.hash();
                }
            }
        }
        self.hash();
        failed.map_or(Ok(()), |error| Err(io::Error::other(error)))
    }

    fn hash(&mut self) {
        let leaves: Vec<&[u8]> = self.fresh.drain(..).filter_map(|leaf| self.buffer.get(leaf)).collect();
        hashes::of_leaves(&leaves, &mut self.hashes);
    }

    /// Starts a new segment if a frame of `length` bytes does not fit into the current one.
    fn make_room(&mut self, first: u64, length: u64) -> io::Result<()> {
        if self.tail.offset.saturating_add(length) > self.tail.capacity {
            let (now, least) = (self.shared.clock.monotonic(), self.shared.options.segment_bytes);
            let fast = now.saturating_sub(self.begun) < FILLED_FAST;
            let longest = least.saturating_mul(LONGEST);
            self.capacity = if fast { self.capacity.saturating_mul(2).min(longest) } else { least };
            self.tail = new_segment(&self.shared, first, length, self.capacity)?;
            self.begun = now;
        }
        Ok(())
    }
}

/// Appends one leaf and its line feed to `buffer`; returns where the leaf lies.
fn encode_one(
    shared: &Shared,
    heads: &mut Heads,
    previous: &mut Vec<Option<u64>>,
    buffer: &mut Vec<u8>,
    position: u64,
    stamp: &str,
    entry: &Entry,
) -> Result<Range<usize>> {
    previous.clear();
    for chain in entry.chains() {
        previous.push(heads.advance(chain.as_bytes(), position, || index::newest(shared, chain))?);
    }
    let start = buffer.len();
    let pairs = entry.chains().zip(previous.iter().copied());
    leaf::encode(buffer, position, stamp, pairs, entry.body());
    let end = buffer.len();
    buffer.push(b'\n');
    Ok(start..end)
}

fn new_segment(shared: &Shared, first: u64, length: u64, capacity: u64) -> io::Result<Tail> {
    let head = segment_head(shared.verifier.name(), first);
    let capacity = capacity.max(length.saturating_add(head.len() as u64));
    let path = segment_path(&shared.folder, first);
    let (file, offset) = make_segment(&*shared.storage, &path, head.as_bytes(), capacity)?;
    Ok(Tail { file, segment: first, offset, capacity })
}

/// Makes a segment: its head, then unwritten space up to `capacity`; returns the head's length.
///
/// 1. Write head and zeros under another name and flush. Crash here: litter, removed at open.
/// 2. Rename and flush the folder. Crash before the flush: the segment is absent, or there, whole.
///
/// Zeros are written, not only reserved: later flushes then carry data alone, and a full disk shows
/// now and not under an event.
pub(crate) fn make_segment(
    storage: &dyn crate::storage::Storage,
    path: &Path,
    head: &[u8],
    capacity: u64,
) -> io::Result<(File, u64)> {
    const ZEROS: &[u8] = &[0; 64 * 1024];
    let draft = path.with_extension("new");
    let file = stage(storage, &draft, head)?;
    let mut at = head.len() as u64;
    while at < capacity {
        let length = usize::try_from(capacity - at).unwrap_or(ZEROS.len()).min(ZEROS.len());
        write_all_at(storage, &file, ZEROS.get(..length).unwrap_or(ZEROS), at)?;
        at += length as u64;
    }
    storage.flush(&file)?;
    storage.rename(&draft, path)?;
    storage.flush_folder(path.parent().unwrap_or(Path::new(".")))?;
    Ok((file, head.len() as u64))
}

struct FailOnPanic<'a>(&'a Shared);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(io::Error::other("the ledger's writer stopped unexpectedly"));
        }
    }
}
