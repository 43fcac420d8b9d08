//! Opening: from the bytes of the segments to a ledger that can go on.

use crate::committer::Tail;
use crate::replay::{Observer, Replay, segments};
use crate::shared::{State, segment_name, segment_path};
use crate::storage::{Storage, write_all_at};
use crate::tree::{TILE_HEIGHT, TILE_WIDTH, Tree, bundle_path, tile_path};
use crate::{Error, Finding, Result, VerifierKey, verify};
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use tlog_tiles::Tile;

/// Rebuilds the state from `folder`; returns it with the place of the next frame and the number of
/// events from which tiles must be written.
///
/// 1. Read every segment: hashes, chains and roots are recomputed, the last signature is checked.
///    Only a write without a commit at the very end may be unfinished; anything else refuses.
/// 2. Compare with what was published: full tiles byte by byte, bundles by length, the checkpoint by
///    root. More published than held means that the segments were rolled back: refuse.
/// 3. Overwrite an unfinished write with zeros and flush. Crash here: the next open does it again.
pub(crate) fn recover(
    folder: &Path,
    verifier: &VerifierKey,
    storage: &dyn Storage,
) -> Result<(State, Tail, u64)> {
    let mut replay = Replay::new(verifier, false);
    let mut published = Published { folder, missing_from: None, bundle_bytes: 0 };
    let firsts = segments(folder)?;
    let mut tail = None;
    for (at, first) in firsts.iter().enumerate() {
        let path = segment_path(folder, *first);
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        let is_last = at + 1 == firsts.len();
        let extent = replay.segment(*first, &bytes, is_last, u64::MAX, &mut published)?;
        if is_last {
            let file = OpenOptions::new().read(true).write(true).open(&path).map_err(Error::io(&path))?;
            let (offset, capacity) = (extent.end as u64, bytes.len() as u64);
            tail = Some((Tail { file, segment: *first, offset, capacity }, extent.clean));
        }
    }
    let Some((tail, clean)) = tail else {
        return Err(Error::Damaged(Finding::new(&segment_name(0), Some(0), "the first segment is missing")));
    };
    let durable = replay.tree.size();
    let checkpointed = check_published(folder, verifier, &replay)?;
    if !clean {
        let zeros = vec![0; usize::try_from(tail.capacity - tail.offset).unwrap_or(0)];
        write_all_at(storage, &tail.file, &zeros, tail.offset)
            .and_then(|()| storage.flush(&tail.file))
            .map_err(Error::io(&segment_path(folder, tail.segment)))?;
    }
    let from = published.missing_from.unwrap_or(checkpointed).min(checkpointed);
    let root = replay.root;
    let state = State { tree: replay.tree, heads: replay.heads, index: replay.index, durable, root };
    Ok((state, tail, from))
}

/// Checks the published checkpoint and the next tile against what was read; returns the
/// checkpoint's size.
fn check_published(folder: &Path, verifier: &VerifierKey, replay: &Replay<'_>) -> Result<u64> {
    let held = replay.tree.size();
    let path = folder.join("checkpoint");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io(&path)(error)),
    };
    let checkpoint = match bytes {
        None => None,
        Some(bytes) => {
            let text = std::str::from_utf8(&bytes).unwrap_or_default();
            let damaged = |_| Finding::new("checkpoint", None, "not a valid checkpoint of this ledger");
            Some(verify::checkpoint(text, verifier).map_err(damaged).map_err(Error::Damaged)?)
        }
    };
    if let Some(checkpoint) = checkpoint.as_ref().filter(|checkpoint| checkpoint.size > held) {
        return Err(Error::RolledBack { held, known: checkpoint.size, witness: "checkpoint".to_owned() });
    }
    let next = Tile::new(TILE_HEIGHT, 0, held / TILE_WIDTH, 1 << TILE_HEIGHT, false);
    if folder.join(tile_path(&next)).exists() {
        let witness = tile_path(&next).display().to_string();
        return Err(Error::RolledBack { held, known: (held / TILE_WIDTH + 1) * TILE_WIDTH, witness });
    }
    let Some(checkpoint) = checkpoint else { return Ok(0) };
    let reader = crate::tree::Stored::new(&replay.tree, folder);
    let root = tlog_tiles::tree_hash(checkpoint.size, &reader).map_err(|_| Error::BadProof)?;
    if root != checkpoint.root {
        let what = "the checkpoint has another root than the segments";
        return Err(Error::Damaged(Finding::new("checkpoint", None, what)));
    }
    Ok(checkpoint.size)
}

/// Compares completed tiles with those on disk and lets go of those that agree.
struct Published<'a> {
    folder: &'a Path,
    /// The lowest event that a missing tile or bundle covers.
    missing_from: Option<u64>,
    bundle_bytes: u64,
}

impl Published<'_> {
    fn missing(&mut self, from: u64) {
        self.missing_from = Some(self.missing_from.map_or(from, |before| before.min(from)));
    }
}

impl Observer for Published<'_> {
    fn leaf(&mut self, tree: &mut Tree, leaf: &[u8], completed: u8) -> Result<()> {
        self.bundle_bytes += 2 + leaf.len() as u64;
        for level in 0..completed {
            let shift = u32::from(TILE_HEIGHT) * (u32::from(level) + 1);
            let index = (tree.size() >> shift) - 1;
            let tile = Tile::new(TILE_HEIGHT, level, index, 1 << TILE_HEIGHT, false);
            let name = tile_path(&tile);
            let damaged = |name: &Path, what: &str| {
                Err(Error::Damaged(Finding::new(&name.display().to_string(), None, what)))
            };
            if level == 0 {
                let expected = std::mem::take(&mut self.bundle_bytes);
                let bundle = bundle_path(&tile);
                match std::fs::metadata(self.folder.join(&bundle)) {
                    Ok(found) if found.len() == expected => {}
                    Ok(_) => return damaged(&bundle, "the entry bundle has another length than its entries"),
                    Err(_) => self.missing(index << shift),
                }
            }
            match std::fs::read(self.folder.join(&name)) {
                Ok(bytes) if Some(bytes.as_slice()) == tree.tile(level, index) => {
                    // Tiles are released in order: behind a gap everything stays in memory.
                    if self.missing_from.is_none() {
                        tree.release(level, index + 1);
                    }
                }
                Ok(_) => return damaged(&name, "the tile has other hashes than the segments"),
                Err(_) => self.missing(index << shift),
            }
        }
        Ok(())
    }
}
