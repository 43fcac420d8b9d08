//! Tiles, entry bundles and the checkpoint, written behind the committer; segments let go after.

use crate::bundle::{Codec, stored_path};
use crate::leaves::Leaves;
use crate::shared::{Shared, lock, segment_path, whole_tiles};
use crate::storage::stage;
use crate::tree::{TILE_HEIGHT, TILE_WIDTH, bundle_path, tile_path};
use crate::{Error, Finding, Result, index, read, stored, verify};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tlog_tiles::{Tile, record_hash};

/// Events taken into one round: bounds its memory.
const ROUND: u64 = 128 * TILE_WIDTH;
/// Up to so many files are flushed one by one; more by one flush of the file system.
const FLUSH_EACH: usize = 8;
/// Fewer events than this are not worth a part of the index at close: the next open reads them.
const INDEX_AT_CLOSE: u64 = 4 * TILE_WIDTH;

/// Wakes and stops a thread.
#[derive(Default)]
pub(crate) struct Bell {
    state: Mutex<Ring>,
    rung: Condvar,
}

#[derive(Default)]
struct Ring {
    stopping: bool,
    ringing: bool,
}

impl Bell {
    pub(crate) fn stop(&self) {
        lock(&self.state).stopping = true;
        self.rung.notify_all();
    }

    pub(crate) fn ring(&self) {
        lock(&self.state).ringing = true;
        self.rung.notify_all();
    }

    /// Waits for `pause` or the stop; `true` on stop.
    fn wait(&self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        let mut state = lock(&self.state);
        while !state.stopping {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.rung.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.stopping
    }

    /// Waits for a ring or the stop; `true` on stop.
    pub(crate) fn wait_for_ring(&self) -> bool {
        let mut state = lock(&self.state);
        while !state.stopping && !state.ringing {
            state = self.rung.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.ringing = false;
        state.stopping
    }
}

/// The threads behind the committer.
pub(crate) struct Behind {
    publisher: std::thread::JoinHandle<()>,
    indexer: std::thread::JoinHandle<()>,
    bell: Arc<Bell>,
    index_bell: Arc<Bell>,
    index_stop: Arc<AtomicBool>,
}

impl Behind {
    pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let (bell, index_bell) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
        let index_stop = Arc::new(AtomicBool::new(false));
        let indexer = {
            let (shared, bell, stop) = (Arc::clone(shared), Arc::clone(&index_bell), Arc::clone(&index_stop));
            std::thread::Builder::new()
                .name("ledger-index".to_owned())
                .spawn(move || index::run(&shared, &bell, &stop))?
        };
        let publisher = {
            let (shared, bell, index_bell) = (Arc::clone(shared), Arc::clone(&bell), Arc::clone(&index_bell));
            std::thread::Builder::new()
                .name("ledger-publish".to_owned())
                .spawn(move || run(&shared, &bell, &index_bell))?
        };
        // Parts that a former process left may be due.
        index_bell.ring();
        Ok(Self { publisher, indexer, bell, index_bell, index_stop })
    }

    /// Publishes what is left, and stops.
    pub(crate) fn stop(self) {
        self.bell.stop();
        let _ = self.publisher.join();
        self.index_stop.store(true, Ordering::Relaxed);
        self.index_bell.stop();
        let _ = self.indexer.join();
    }
}

/// Publishes at every pause while there is something new, and once more at the stop. A failure ends
/// the ledger, as a failed commit does: a ledger that can no longer be checked takes no events.
fn run(shared: &Shared, bell: &Bell, index_bell: &Bell) {
    loop {
        let stop = bell.wait(shared.options.publish_every);
        let done = publish(shared).and_then(|()| {
            let least = INDEX_AT_CLOSE.min(shared.index.step);
            if stop { index::seal(shared, least).map_err(io::Error::other) } else { Ok(()) }
        });
        if let Err(cause) = done {
            return shared.fail(cause);
        }
        index_bell.ring();
        if stop {
            return;
        }
    }
}

/// Writes what is durable and not yet published.
///
/// For each round of events:
/// 1. Read the leaves back from the segments, pack them as bundles, take these apart again and
///    compare each leaf's hash with the one computed when it arrived: what will be kept is what was
///    committed.
/// 2. Write tiles and bundles under draft names and flush. Crash here: litter, overwritten next time.
/// 3. Rename, then flush the folders of full ones. Crash here: some files are there, whole; the
///    checkpoint does not cover them, the segments still hold their leaves, and the next publishing
///    writes the missing ones.
///
/// Whenever a pause has gone by, and at the end:
/// 4. Sign the checkpoint, write it beside the old one, flush, rename, flush the folder. Crash here:
///    the old one or the new one.
/// 5. Let go of segments whose every leaf lies in full bundles under that checkpoint. Crash here:
///    some are still there, which the next open lets go.
///
/// And whenever enough events have gone by, a part of the index ([`index::seal`]).
pub(crate) fn publish(shared: &Shared) -> io::Result<()> {
    let mut published = lock(&shared.published);
    let durable = shared.read().durable;
    if published.size >= durable {
        return Ok(());
    }
    let mut codec = Codec::new()?;
    let mut last = Instant::now();
    while published.size < durable {
        let to = durable.min(whole_tiles(published.size).saturating_add(ROUND));
        publish_round(shared, published.size, to, &mut codec).map_err(io::Error::other)?;
        release(shared, published.size, to);
        published.size = to;
        let due = to == durable || last.elapsed() >= shared.options.publish_every;
        // Missing tiles may be written again from far back, and a published checkpoint never goes back.
        if due && to > published.checkpoint {
            write_checkpoint(shared, to)?;
            published.checkpoint = to;
            retire(shared, to)?;
            last = Instant::now();
        }
        index::seal(shared, shared.index.step).map_err(io::Error::other)?;
    }
    Ok(())
}

fn publish_round(shared: &Shared, from: u64, to: u64, codec: &mut Codec) -> Result<()> {
    let start = whole_tiles(from);
    let leaves = stored::leaves(shared, start..to)?;
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for tile in &Tile::new_tiles(TILE_HEIGHT, from, to) {
        let width = usize::try_from(tile.width()).unwrap_or(0);
        if tile.level() == 0 {
            let skip = usize::try_from(tile.level_index() * TILE_WIDTH - start).unwrap_or(usize::MAX);
            let bundle = leaves.bundle(skip..skip + width).unwrap_or_default();
            let packed = codec.pack(bundle).map_err(Error::io(&shared.folder))?;
            let kept = codec.unpack(&packed).unwrap_or_default();
            check_leaves(shared, tile.level_index() * TILE_WIDTH, &kept, width)?;
            files.push((stored_path(tile), packed));
        }
        // Released tiles are on disk already.
        let state = shared.read();
        if let Some(bytes) =
            state.tree.tile(tile.level(), tile.level_index()).and_then(|b| b.get(..width * 32))
        {
            files.push((tile_path(tile), bytes.to_vec()));
        }
    }
    {
        let mut checked = lock(&shared.checked);
        // Only what lies next to it may move it: the range before was looked at by someone else.
        if *checked >= start {
            *checked = to.max(*checked);
        }
    }
    note_terms(shared, start, &leaves, to)?;
    write_files(shared, files, codec).map_err(Error::io(&shared.folder.join("tile")))?;
    shared.set_bundled(to);
    Ok(())
}

/// Hands the terms of new events to the index.
fn note_terms(shared: &Shared, start: u64, leaves: &Leaves, to: u64) -> Result<()> {
    let upto = shared.index.upto();
    if upto < start || upto >= to {
        return Ok(());
    }
    let mut terms = Vec::new();
    let skip = usize::try_from(upto - start).unwrap_or(usize::MAX);
    for (position, leaf) in (upto..).zip(leaves.iter().skip(skip)) {
        index::terms_of(shared, position, leaf, &mut terms)?;
    }
    shared.index.note(&mut terms, to);
    Ok(())
}

/// Lets go of the segments whose every leaf lies in full bundles under the published checkpoint of
/// `size` events. The last segment always stays.
fn retire(shared: &Shared, size: u64) -> io::Result<()> {
    let base = whole_tiles(size);
    let firsts = shared.read().places.segments();
    for (first, next) in firsts.iter().zip(firsts.iter().skip(1)) {
        if *next > base {
            break;
        }
        // Readers look into bundles for these positions by now.
        shared.write().places.forget_before(*next);
        shared.storage.remove(&segment_path(&shared.folder, *first))?;
    }
    Ok(())
}

/// Reads back from the segments what was committed since the last look, up to `to` events, and
/// compares it with the hashes computed when it arrived. No checkpoint is signed without it.
pub(crate) fn check_stored(shared: &Shared, to: u64) -> Result<()> {
    let mut checked = lock(&shared.checked);
    while *checked < to {
        let end = to.min(checked.saturating_add(ROUND));
        let leaves = stored::leaves(shared, *checked..end)?;
        check_leaves(shared, *checked, &leaves, usize::try_from(end - *checked).unwrap_or(0))?;
        *checked = end;
    }
    Ok(())
}

/// Compares `count` leaves from position `start` on with their hashes in the tree.
fn check_leaves(shared: &Shared, start: u64, leaves: &Leaves, count: usize) -> Result<()> {
    let mut left = (start..).zip(leaves.iter()).peekable();
    let damaged = |position| {
        let what = "the stored leaf is not the one that was committed";
        Err(Error::Damaged(Finding::new("segments", Some(position), what)))
    };
    while let Some((first, _)) = left.peek() {
        let index = first / TILE_WIDTH;
        let known = tile_of_leaves(shared, index)?;
        while let Some((position, leaf)) = left.next_if(|(position, _)| position / TILE_WIDTH == index) {
            let slot = usize::try_from(position % TILE_WIDTH).unwrap_or(0) * 32;
            if known.get(slot..slot + 32) != Some(record_hash(leaf).0.as_slice()) {
                return damaged(position);
            }
        }
    }
    if leaves.len() == count { Ok(()) } else { damaged(start) }
}

/// The hashes of the leaves of tile `index`, as far as there are any.
fn tile_of_leaves(shared: &Shared, index: u64) -> Result<Vec<u8>> {
    if let Some(bytes) = shared.read().tree.tile(0, index) {
        return Ok(bytes.to_vec());
    }
    let tile = Tile::new(TILE_HEIGHT, 0, index, 1 << TILE_HEIGHT, false);
    let path = shared.folder.join(tile_path(&tile));
    std::fs::read(&path).map_err(Error::io(&path))
}

/// Creates files, each once: one that is there already must have the same content.
fn write_files(shared: &Shared, files: Vec<(PathBuf, Vec<u8>)>, codec: &mut Codec) -> io::Result<()> {
    let storage = &*shared.storage;
    let mut drafts: Vec<(File, PathBuf, PathBuf)> = Vec::new();
    let mut folders = BTreeSet::new();
    for (name, bytes) in files {
        let path = shared.folder.join(&name);
        match std::fs::read(&path) {
            Ok(there) if there == bytes || is_same_bundle(&name, &there, &bytes, codec) => continue,
            Ok(_) => {
                return Err(io::Error::other(format!("`{}` is there with other content", name.display())));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let parent = path.parent().unwrap_or(&shared.folder).to_owned();
        // The names of partial ones may be lost: segments still hold their leaves.
        let is_full = parent.extension().is_none();
        if !parent.exists() {
            storage.make_folder(&parent)?;
        }
        if is_full {
            let above = parent.ancestors().take_while(|above| above.starts_with(&shared.folder));
            folders.extend(above.map(Path::to_owned));
        }
        let draft = shared.folder.join("tile").join(format!("draft-{}.new", drafts.len()));
        drafts.push((stage(storage, &draft, &bytes)?, draft, path));
    }
    if drafts.len() > FLUSH_EACH {
        storage.flush_all(&File::open(&shared.folder)?)?;
    } else {
        for (file, _, _) in &drafts {
            storage.flush(file)?;
        }
    }
    for (_, draft, path) in &drafts {
        storage.rename(draft, path)?;
    }
    // INVARIANT (bundles before segments go): these names survive a loss of power.
    folders.iter().rev().try_for_each(|folder| storage.flush_folder(folder))
}

/// Another version of the compressor may have packed the same leaves in other bytes.
fn is_same_bundle(name: &Path, there: &[u8], ours: &[u8], codec: &mut Codec) -> bool {
    name.extension().is_some_and(|extension| extension == "zst")
        && codec.unpack(there).is_some_and(|leaves| codec.unpack(ours).is_some_and(|ours| leaves == ours))
}

fn write_checkpoint(shared: &Shared, size: u64) -> io::Result<()> {
    let root = read::root_of(shared, size).map_err(io::Error::other)?;
    let text =
        verify::sign_checkpoint(&shared.key, &shared.verifier, size, root).map_err(io::Error::other)?;
    let storage = &*shared.storage;
    let (path, draft) = (shared.folder.join("checkpoint"), shared.folder.join("checkpoint.new"));
    let file = stage(storage, &draft, text.as_bytes())?;
    storage.flush(&file)?;
    storage.rename(&draft, &path)?;
    storage.flush_folder(&shared.folder)
}

/// Lets go of what is on disk now: full tiles in memory, and partial tiles that grew full.
fn release(shared: &Shared, from: u64, to: u64) {
    let mut state = shared.write();
    let mut outgrown = Vec::new();
    for level in 0..8u8 {
        let shift = u32::from(TILE_HEIGHT) * (u32::from(level) + 1);
        let (before, after) = (from.checked_shr(shift).unwrap_or(0), to.checked_shr(shift).unwrap_or(0));
        if before == after {
            break;
        }
        state.tree.release(level, after);
        for index in before..after {
            outgrown.push(Tile::new(TILE_HEIGHT, level, index, 1 << TILE_HEIGHT, false));
        }
    }
    drop(state);
    for tile in outgrown {
        remove_partials(&shared.folder.join(tile_path(&tile)));
        if tile.level() == 0 {
            remove_partials(&shared.folder.join(bundle_path(&tile)));
        }
    }
}

fn remove_partials(full: &Path) {
    let mut name = full.as_os_str().to_owned();
    name.push(".p");
    // They are copies of a part of the full one; a leftover is harmless and checked like the rest.
    let _ = std::fs::remove_dir_all(PathBuf::from(name));
}
