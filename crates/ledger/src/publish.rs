//! Tiles, entry bundles and the checkpoint, written behind the committer.

use crate::shared::{Shared, lock};
use crate::storage::stage;
use crate::tree::{TILE_HEIGHT, TILE_WIDTH, bundle_path, tile_path};
use crate::{Error, Finding, Result, read, verify};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tlog_tiles::{Tile, record_hash};

/// Events taken into one round: bounds its memory.
const ROUND: u64 = 64 * TILE_WIDTH;
/// Up to so many files are flushed one by one; more by one flush of the file system.
const FLUSH_EACH: usize = 8;

/// Wakes and stops the publisher's thread.
#[derive(Default)]
pub(crate) struct Bell {
    stopping: Mutex<bool>,
    rung: Condvar,
}

impl Bell {
    pub(crate) fn stop(&self) {
        *lock(&self.stopping) = true;
        self.rung.notify_all();
    }

    /// Waits for `pause` or the stop; `true` on stop.
    fn wait(&self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        let mut stopping = lock(&self.stopping);
        while !*stopping {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            stopping = self.rung.wait_timeout(stopping, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *stopping
    }
}

/// Publishes at every pause while there is something new, and once more at the stop. A failure ends
/// the ledger, as a failed commit does: a ledger that can no longer be checked takes no events.
pub(crate) fn run(shared: &Shared, bell: &Bell) {
    loop {
        let stop = bell.wait(shared.options.publish_every);
        if let Err(cause) = publish(shared) {
            shared.fail(cause);
            return;
        }
        if stop {
            return;
        }
    }
}

/// Writes what is durable and not yet published.
///
/// For each round of events:
/// 1. Read the leaves back from the segments and compare their hashes with the tree.
/// 2. Write the files under draft names and flush. Crash here: litter, overwritten next time.
/// 3. Rename. Crash here: some files are there, whole; the next open writes the missing ones.
///
/// Then:
/// 4. Sign the checkpoint, write it beside the old one, flush, rename, flush the folder. Crash here:
///    the old one or the new one.
pub(crate) fn publish(shared: &Shared) -> io::Result<()> {
    let mut published = lock(&shared.published);
    let durable = shared.read().durable;
    if *published >= durable {
        return Ok(());
    }
    while *published < durable {
        let to = durable.min((*published / TILE_WIDTH * TILE_WIDTH).saturating_add(ROUND));
        publish_round(shared, *published, to).map_err(io::Error::other)?;
        release(shared, *published, to);
        *published = to;
    }
    // Once, at the end: missing tiles may be written again from far back, and a published checkpoint
    // never goes back.
    write_checkpoint(shared, durable)
}

fn publish_round(shared: &Shared, from: u64, to: u64) -> Result<()> {
    let start = from / TILE_WIDTH * TILE_WIDTH;
    let records = read::stored_records(shared, start..to)?;
    check_leaves(shared, start, &records)?;
    {
        let mut checked = lock(&shared.checked);
        // Only what lies next to it may move it: the range before was looked at by someone else.
        if *checked >= start {
            *checked = to.max(*checked);
        }
    }
    let tiles = Tile::new_tiles(TILE_HEIGHT, from, to);
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    {
        let state = shared.read();
        for tile in &tiles {
            let width = usize::try_from(tile.width()).unwrap_or(0);
            if tile.level() == 0 {
                let skip = usize::try_from(tile.level_index() * TILE_WIDTH - start).unwrap_or(usize::MAX);
                files.push((bundle_path(tile), bundle(records.iter().skip(skip).take(width))));
            }
            // Released tiles are on disk already.
            if let Some(bytes) =
                state.tree.tile(tile.level(), tile.level_index()).and_then(|b| b.get(..width * 32))
            {
                files.push((tile_path(tile), bytes.to_vec()));
            }
        }
    }
    write_files(shared, files).map_err(Error::io(&shared.folder.join("tile")))
}

/// Reads back from the segments what was committed since the last look, up to `to` events, and
/// compares it with the hashes computed when it arrived. No checkpoint is signed without it.
pub(crate) fn check_stored(shared: &Shared, to: u64) -> Result<()> {
    let mut checked = lock(&shared.checked);
    while *checked < to {
        let end = to.min(checked.saturating_add(ROUND));
        let records = read::stored_records(shared, *checked..end)?;
        check_leaves(shared, *checked, &records)?;
        *checked = end;
    }
    Ok(())
}

fn check_leaves(shared: &Shared, start: u64, records: &[Vec<u8>]) -> Result<()> {
    let mut leaves = (start..).zip(records).peekable();
    while let Some((first, _)) = leaves.peek() {
        let index = first / TILE_WIDTH;
        let known = tile_of_leaves(shared, index)?;
        while let Some((position, leaf)) = leaves.next_if(|(position, _)| position / TILE_WIDTH == index) {
            let slot = usize::try_from(position % TILE_WIDTH).unwrap_or(0) * 32;
            if known.get(slot..slot + 32) != Some(record_hash(leaf).0.as_slice()) {
                let what = "the stored leaf is not the one that was committed";
                return Err(Error::Damaged(Finding::new("segments", Some(position), what)));
            }
        }
    }
    Ok(())
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

/// An entry bundle: each entry after its length in 16 bits, big-endian.
pub(crate) fn bundle<'a>(leaves: impl Iterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::new();
    for leaf in leaves {
        // INVARIANT (leaves fit): `Entry::new` refuses longer ones.
        out.extend_from_slice(&u16::try_from(leaf.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(leaf);
    }
    out
}

/// Creates files, each once: one that is there already must have the same bytes.
fn write_files(shared: &Shared, files: Vec<(PathBuf, Vec<u8>)>) -> io::Result<()> {
    let storage = &*shared.storage;
    let mut drafts: Vec<(File, PathBuf, PathBuf)> = Vec::new();
    for (name, bytes) in files {
        let path = shared.folder.join(&name);
        match std::fs::read(&path) {
            Ok(there) if there == bytes => continue,
            Ok(_) => {
                return Err(io::Error::other(format!("`{}` is there with other content", name.display())));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        storage.make_folder(path.parent().unwrap_or(&shared.folder))?;
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
    Ok(())
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

/// The publisher's thread.
pub(crate) fn start(shared: Arc<Shared>, bell: Arc<Bell>) -> io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("ledger-publish".to_owned()).spawn(move || run(&shared, &bell))
}
