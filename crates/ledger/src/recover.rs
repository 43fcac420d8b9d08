//! Opening: from checkpoint, tiles and the remaining segments to a ledger that can go on.

use crate::bundle::{Codec, stored_path};
use crate::committer::Tail;
use crate::edge::tree_of;
use crate::heads::Heads;
use crate::leaves::Leaves;
use crate::replay::{Observer, Replay, live, segments};
use crate::shared::{Published, State, segment_name, segment_path, whole_tiles};
use crate::storage::{Storage, write_all_at};
use crate::tree::{TILE_HEIGHT, TILE_WIDTH, Tree, tile_path};
use crate::{Error, Finding, Result, VerifierKey, verify};
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use tlog_tiles::Tile;

/// What opening found.
pub(crate) struct Recovered {
    pub state: State,
    /// The place of the next frame.
    pub tail: Tail,
    /// Chains with an event in the segments.
    pub heads: Heads,
    pub published: Published,
}

/// Rebuilds the state from `folder`.
///
/// 1. Check the signature of the published checkpoint. Of the segments, those whose events all lie
///    in full bundles under it were let go; where a crash kept one of them, remove it.
/// 2. Take the tree's right edge, as it was when the oldest remaining segment began, from the tiles.
/// 3. Read the remaining segments: hashes, chains and roots are recomputed, the last signature is
///    checked. The first commit record names the root of the edge, the checkpoint's root comes out
///    of both: neither tiles nor segments are believed unsigned. Only a write without a commit at
///    the very end may be unfinished; anything else refuses.
/// 4. Compare with what was published of these events: full tiles byte by byte, full bundles leaf by
///    leaf. More published than held means that the segments were rolled back: refuse.
/// 5. Overwrite an unfinished write with zeros and flush. Crash here: the next open does it again.
pub(crate) fn recover(folder: &Path, verifier: &VerifierKey, storage: &dyn Storage) -> Result<Recovered> {
    let checkpoint = stored_checkpoint(folder, verifier)?;
    let size = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size);
    let (firsts, gone) = live(segments(folder)?, whole_tiles(size));
    let Some(start) = firsts.first().copied() else {
        return Err(Error::Damaged(Finding::new(&segment_name(0), Some(0), "the first segment is missing")));
    };
    if start > whole_tiles(size) {
        let what = format!("the events from {} on are in no bundle and in no segment", whole_tiles(size));
        let file =
            if checkpoint.is_some() { segment_name(whole_tiles(size)) } else { "checkpoint".to_owned() };
        return Err(Error::Damaged(Finding::new(&file, Some(whole_tiles(size)), &what)));
    }
    for first in gone {
        let path = segment_path(folder, first);
        storage.remove(&path).map_err(Error::io(&path))?;
    }
    let mut replay = Replay::new(verifier, false, tree_of(folder, start)?);
    let mut published = Kept::new(folder, start)?;
    let mut tail = None;
    for (at, first) in firsts.iter().enumerate() {
        let path = segment_path(folder, *first);
        let is_last = at + 1 == firsts.len();
        let extent = replay.segment(*first, &path, is_last, u64::MAX, &mut published)?;
        if is_last {
            let file = OpenOptions::new().read(true).write(true).open(&path).map_err(Error::io(&path))?;
            let (offset, capacity) = (extent.end, extent.length);
            tail = Some((Tail { file, segment: *first, offset, capacity }, extent.clean));
        }
    }
    let Some((tail, clean)) = tail else {
        return Err(Error::Damaged(Finding::new(&segment_name(0), Some(0), "the first segment is missing")));
    };
    if checkpoint.is_none() && had_checkpoint(start, replay.commits, !clean) {
        return Err(Error::Damaged(Finding::new("checkpoint", None, GONE)));
    }
    check_published(folder, checkpoint.as_ref(), &replay)?;
    if !clean {
        let zeros = vec![0; usize::try_from(tail.capacity - tail.offset).unwrap_or(0)];
        write_all_at(storage, &tail.file, &zeros, tail.offset)
            .and_then(|()| storage.flush(&tail.file))
            .map_err(Error::io(&segment_path(folder, tail.segment)))?;
    }
    let size_on_disk = published.missing_from.unwrap_or(size).min(size);
    // The bundle that the oldest segment begins in was found, or opening would have been refused.
    let bundled = whole_tiles(size_on_disk).max(start.next_multiple_of(TILE_WIDTH));
    let published = Published { size: size_on_disk, checkpoint: size, bundled };
    let (durable, root) = (replay.tree.size(), replay.root);
    let state = State { tree: replay.tree, places: replay.places, durable, root };
    Ok(Recovered { state, tail, heads: replay.heads, published })
}

/// The published checkpoint, if there is one: signed by the ledger, or an error.
pub(crate) fn stored_checkpoint(folder: &Path, verifier: &VerifierKey) -> Result<Option<verify::Checkpoint>> {
    let path = folder.join("checkpoint");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(&path)(error)),
    };
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let damaged = |_| Finding::new("checkpoint", None, "not a valid checkpoint of this ledger");
    verify::checkpoint(text, verifier).map_err(damaged).map_err(Error::Damaged).map(Some)
}

/// What is said of a checkpoint that no crash takes away.
pub(crate) const GONE: &str = "it is missing, and the log shows that one was published";

/// Whether the log shows that a checkpoint was published: segments were let go, or something was written
/// behind the first batch ([`crate::committer`], INVARIANT (checkpoint before the second batch)).
pub(crate) fn had_checkpoint(start: u64, commits: u64, unfinished: bool) -> bool {
    start > 0 || commits.saturating_add(u64::from(unfinished)) > 1
}

/// Checks the published checkpoint and the next tile against what was read.
fn check_published(
    folder: &Path,
    checkpoint: Option<&verify::Checkpoint>,
    replay: &Replay<'_>,
) -> Result<()> {
    let held = replay.tree.size();
    if let Some(checkpoint) = checkpoint.filter(|checkpoint| checkpoint.size > held) {
        return Err(Error::RolledBack { held, known: checkpoint.size, witness: "checkpoint".to_owned() });
    }
    let next = Tile::new(TILE_HEIGHT, 0, held / TILE_WIDTH, 1 << TILE_HEIGHT, false);
    if folder.join(tile_path(&next)).exists() {
        let witness = tile_path(&next).display().to_string();
        return Err(Error::RolledBack { held, known: (held / TILE_WIDTH + 1) * TILE_WIDTH, witness });
    }
    let Some(checkpoint) = checkpoint else { return Ok(()) };
    let reader = crate::tree::Stored::new(&replay.tree, folder);
    let root = tlog_tiles::tree_hash(checkpoint.size, &reader).map_err(|_| Error::BadProof)?;
    if root != checkpoint.root {
        let what = "the checkpoint has another root than tiles and segments";
        return Err(Error::Damaged(Finding::new("checkpoint", None, what)));
    }
    Ok(())
}

/// Compares completed tiles and bundles with those on disk and lets go of those that agree.
struct Kept<'a> {
    folder: &'a Path,
    codec: Codec,
    /// The first leaf seen: bundles that began before it cannot be compared whole.
    start: u64,
    /// The lowest event that a missing tile or bundle covers.
    missing_from: Option<u64>,
    bundle: Leaves,
}

impl<'a> Kept<'a> {
    fn new(folder: &'a Path, start: u64) -> Result<Self> {
        let codec = Codec::new().map_err(Error::io(folder))?;
        Ok(Self { folder, codec, start, missing_from: None, bundle: Leaves::default() })
    }

    fn missing(&mut self, from: u64) {
        self.missing_from = Some(self.missing_from.map_or(from, |before| before.min(from)));
    }

    fn bundle(&mut self, tile: &Tile) -> Result<()> {
        let (name, first) = (stored_path(tile), tile.level_index() * TILE_WIDTH);
        let damaged =
            |what: &str| Err(Error::Damaged(Finding::new(&name.display().to_string(), Some(first), what)));
        match std::fs::read(self.folder.join(&name)) {
            Ok(stored) => match self.codec.unpack(&stored) {
                Some(leaves) if first < self.start || leaves == self.bundle => {}
                _ => return damaged("the entry bundle has other entries than the segments"),
            },
            Err(_) if first < self.start => return damaged("the entry bundle is missing"),
            Err(_) => self.missing(first),
        }
        self.bundle.clear();
        Ok(())
    }
}

impl Observer for Kept<'_> {
    fn leaves(&mut self, tree: &mut Tree, leaves: &[&[u8]], _: &[[u8; 32]]) -> Result<()> {
        leaves.iter().for_each(|leaf| self.bundle.push(leaf));
        for level in 0..tree.completed() {
            let shift = u32::from(TILE_HEIGHT) * (u32::from(level) + 1);
            let index = (tree.size() >> shift) - 1;
            let tile = Tile::new(TILE_HEIGHT, level, index, 1 << TILE_HEIGHT, false);
            let name = tile_path(&tile);
            if level == 0 {
                self.bundle(&tile)?;
            }
            match std::fs::read(self.folder.join(&name)) {
                Ok(bytes) if Some(bytes.as_slice()) == tree.tile(level, index) => {
                    // Tiles are released in order: behind a gap everything stays in memory.
                    if self.missing_from.is_none() {
                        tree.release(level, index + 1);
                    }
                }
                Ok(_) => {
                    let what = "the tile has other hashes than the segments";
                    return Err(Error::Damaged(Finding::new(&name.display().to_string(), None, what)));
                }
                Err(_) => self.missing((index << shift).max(whole_tiles(self.start))),
            }
        }
        Ok(())
    }
}
