//! What the handle and the two threads behind it share.

use crate::heads::Heads;
use crate::index::set::Set;
use crate::log::Options;
use crate::queue::Queue;
use crate::storage::Storage;
use crate::stored::Recent;
use crate::tree::{TILE_WIDTH, Tree};
use crate::{Error, Hash, SigningKey, VerifierKey};
use base::Clock;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

pub(crate) struct Shared {
    pub folder: PathBuf,
    pub key: SigningKey,
    pub verifier: VerifierKey,
    pub clock: Arc<dyn Clock>,
    pub storage: Arc<dyn Storage>,
    pub options: Options,
    pub queue: Queue,
    /// Durable events; the ledger's heartbeat for whoever waits.
    pub progress: watch::Sender<u64>,
    /// Held while tiles are written.
    pub published: Mutex<Published>,
    /// Events in full bundles that are flushed: what is read from there and not from segments.
    bundled: AtomicU64,
    /// Bundles read of late.
    pub recent: Recent,
    /// The newest event of each chain. Taken before `state` where both are.
    pub heads: Mutex<Heads>,
    pub index: Set,
    /// Events whose stored bytes were read back and agree with their hashes.
    pub checked: Mutex<u64>,
    /// Held by the committer while bytes are on their way to the segment.
    pub writing: Mutex<()>,
    state: RwLock<State>,
}

/// The ledger in memory. `tree` may run ahead of `durable` while a batch is being flushed; nothing
/// at or beyond `durable` is ever shown.
pub(crate) struct State {
    pub tree: Tree,
    pub places: Places,
    pub durable: u64,
    pub root: Hash,
}

/// How far publishing came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Published {
    /// Events whose tiles are on disk.
    pub size: u64,
    /// Events under the published checkpoint. Ahead of `size` while missing tiles are written again.
    pub checkpoint: u64,
    /// Events in full bundles on disk, at start.
    pub bundled: u64,
}

/// Where positions lie: some frames, with the segment and the offset at which they begin.
#[derive(Debug, Default)]
pub(crate) struct Places {
    points: Vec<Point>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub first: u64,
    pub segment: u64,
    pub offset: u64,
}

/// A point is kept for at least every so many positions: memory against frames to skip.
const POINT_SPACING: u64 = 64;

impl Places {
    pub(crate) fn note(&mut self, point: Point) {
        let wanted = self.points.last().is_none_or(|last| {
            last.segment != point.segment || point.first >= last.first.saturating_add(POINT_SPACING)
        });
        if wanted {
            self.points.push(point);
        }
    }

    /// The first positions of the segments that are here, ascending.
    pub(crate) fn segments(&self) -> Vec<u64> {
        let mut firsts: Vec<u64> = self.points.iter().map(|point| point.segment).collect();
        firsts.dedup();
        firsts
    }

    /// Forgets the segments before `segment`.
    pub(crate) fn forget_before(&mut self, segment: u64) {
        self.points.retain(|point| point.segment >= segment);
    }

    /// The last point at or before `position`.
    pub(crate) fn find(&self, position: u64) -> Option<Point> {
        let after = self.points.partition_point(|point| point.first <= position);
        self.points.get(after.checked_sub(1)?).copied()
    }
}

impl Shared {
    #[expect(clippy::too_many_arguments, reason = "called once, from the one place that gathers the parts")]
    pub(crate) fn new(
        folder: &Path,
        key: SigningKey,
        verifier: VerifierKey,
        clock: Arc<dyn Clock>,
        storage: Arc<dyn Storage>,
        options: Options,
        state: State,
        (published, heads, index): (Published, Heads, Set),
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            key,
            verifier,
            clock,
            storage,
            queue: Queue::new(options.queue_entries, options.queue_bytes),
            options,
            progress: watch::Sender::new(state.durable),
            bundled: AtomicU64::new(published.bundled),
            published: Mutex::new(published),
            recent: Recent::default(),
            heads: Mutex::new(heads),
            index,
            // Opening read everything that is not published.
            checked: Mutex::new(state.durable),
            writing: Mutex::new(()),
            state: RwLock::new(state),
        }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events that lie in full bundles on disk.
    pub(crate) fn bundled(&self) -> u64 {
        self.bundled.load(Ordering::Acquire)
    }

    /// Bundles and tiles of the first `size` events are flushed and have their names.
    pub(crate) fn set_bundled(&self, size: u64) {
        self.bundled.fetch_max(whole_tiles(size), Ordering::Release);
    }

    /// Ends the ledger for this process: every waiting and later call fails.
    pub(crate) fn fail(&self, cause: std::io::Error) {
        self.queue.end(Error::Unwritable(Arc::new(cause)));
        self.progress.send_modify(|_| ());
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn segment_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(segment_name(first))
}

/// Of `size` events, those in full tiles.
pub(crate) fn whole_tiles(size: u64) -> u64 {
    size / TILE_WIDTH * TILE_WIDTH
}

/// A segment's path below the ledger's folder.
pub(crate) fn segment_name(first: u64) -> String {
    format!("segments/{first:020}.seg")
}

/// The first line of a segment of the format before this one, whose bundles are not compressed.
pub(crate) fn segment_head_v1(origin: &str, first: u64) -> String {
    format!("sequestra-ledger-segment/v1 {origin} {first}\n")
}

/// The first line of a segment.
pub(crate) fn segment_head(origin: &str, first: u64) -> String {
    format!("sequestra-ledger-segment/v2 {origin} {first}\n")
}
