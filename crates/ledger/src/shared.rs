//! What the handle and the two threads behind it share.

use crate::log::Options;
use crate::queue::Queue;
use crate::storage::Storage;
use crate::tree::Tree;
use crate::{Error, Hash, SigningKey, VerifierKey};
use base::Clock;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
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
    /// Events whose tiles are on disk. Held while tiles are written.
    pub published: Mutex<u64>,
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
    pub heads: HashMap<String, u64>,
    pub index: Index,
    pub durable: u64,
    pub root: Hash,
}

/// Where positions lie: some frames, with the segment and the offset at which they begin.
#[derive(Debug, Default)]
pub(crate) struct Index {
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

impl Index {
    pub(crate) fn note(&mut self, point: Point) {
        let wanted = self.points.last().is_none_or(|last| {
            last.segment != point.segment || point.first >= last.first.saturating_add(POINT_SPACING)
        });
        if wanted {
            self.points.push(point);
        }
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
        published: u64,
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
            published: Mutex::new(published),
            // Opening read everything.
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

/// A segment's path below the ledger's folder.
pub(crate) fn segment_name(first: u64) -> String {
    format!("segments/{first:020}.seg")
}

/// The first line of a segment.
pub(crate) fn segment_head(origin: &str, first: u64) -> String {
    format!("sequestra-ledger-segment/v1 {origin} {first}\n")
}
