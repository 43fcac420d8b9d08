//! The hashes of the tree: complete tiles on disk, the rest in memory.
//!
//! Hashing, coordinates and proofs are `tlog_tiles`'; this module decides where hashes live.

use crate::{Hash, hashes};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use tlog_tiles::{EMPTY_HASH, HashReader, Tile, node_hash};

/// Height of a tile: 256 hashes across.
pub(crate) const TILE_HEIGHT: u8 = 8;
/// Hashes, or entries, of a full tile.
pub(crate) const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;
const TILE_BYTES: usize = 32 << TILE_HEIGHT;

/// A tree that grows to the right.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    size: u64,
    /// Roots of the complete subtrees that make up the tree, largest first.
    frontier: Vec<Hash>,
    /// For each level of tiles, the tiles not yet released.
    rows: Vec<Row>,
}

#[derive(Debug, Default)]
struct Row {
    first: u64,
    tiles: VecDeque<Vec<u8>>,
}

impl Tree {
    /// A tree of `size` leaves; for each level of tiles, the index of the growing tile and the hashes
    /// that it has so far. Everything before is on disk.
    pub(crate) fn resume(size: u64, growing: Vec<(u64, Vec<u8>)>) -> Self {
        let mut frontier = Vec::new();
        for (_, hashes) in growing.iter().rev() {
            let mut rest = hashes.as_slice();
            for bit in (0..TILE_HEIGHT).rev() {
                if rest.len() / 32 >= 1 << bit
                    && let Some((first, others)) = rest.split_at_checked(32 << bit)
                {
                    frontier.push(subtree(first));
                    rest = others;
                }
            }
        }
        let rows = growing
            .into_iter()
            .map(|(first, hashes)| Row {
                first,
                tiles: if hashes.is_empty() { VecDeque::new() } else { VecDeque::from([hashes]) },
            })
            .collect();
        Self { size, frontier, rows }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds the hashes of leaves, row by row: each row's pairs are the next one's hashes.
    pub(crate) fn append(&mut self, leaves: &[[u8; 32]]) {
        let mut row = leaves.to_vec();
        // What is left over at the end of each row, lowest first.
        let mut over = Vec::new();
        for level in 0..u64::BITS {
            if row.is_empty() {
                break;
            }
            if level.is_multiple_of(TILE_HEIGHT.into()) {
                self.put(level / u32::from(TILE_HEIGHT), row.as_flattened());
            }
            // The tree so far has one left over in this row: the first pair begins with it.
            if self.size >> level & 1 == 1 {
                row.splice(0..0, self.frontier.pop().map(|hash| hash.0));
            }
            let above = hashes::above(&row);
            over.extend((row.len() % 2 == 1).then(|| row.pop()).flatten());
            row = above;
        }
        self.frontier.extend(over.into_iter().rev().map(Hash));
        self.size += leaves.len() as u64;
    }

    /// For how many levels the newest leaf completed a tile.
    pub(crate) fn completed(&self) -> u8 {
        let levels = self.size.checked_ilog2().map_or(0, |_| self.size.trailing_zeros());
        u8::try_from(levels).unwrap_or(0) / TILE_HEIGHT
    }

    fn put(&mut self, level: u32, mut hashes: &[u8]) {
        let level = usize::try_from(level).unwrap_or(0);
        if self.rows.len() <= level {
            self.rows.resize_with(level + 1, Row::default);
        }
        let Some(row) = self.rows.get_mut(level) else { return };
        while !hashes.is_empty() {
            match row.tiles.back_mut() {
                Some(tile) if tile.len() < TILE_BYTES => {
                    let (now, later) = hashes.split_at(hashes.len().min(TILE_BYTES - tile.len()));
                    tile.extend_from_slice(now);
                    hashes = later;
                }
                _ => row.tiles.push_back(Vec::with_capacity(TILE_BYTES)),
            }
        }
    }

    /// The root of the whole tree.
    pub(crate) fn root(&self) -> Hash {
        let mut hashes = self.frontier.iter().rev();
        match hashes.next() {
            None => EMPTY_HASH,
            Some(last) => hashes.fold(*last, |right, left| node_hash(*left, right)),
        }
    }

    /// The bytes of a tile, as far as it has grown, if it is still in memory.
    pub(crate) fn tile(&self, level: u8, index: u64) -> Option<&[u8]> {
        let row = self.rows.get(usize::from(level))?;
        let at = usize::try_from(index.checked_sub(row.first)?).ok()?;
        row.tiles.get(at).map(Vec::as_slice)
    }

    /// Forgets the full tiles of `level` before `index`: they are on disk.
    pub(crate) fn release(&mut self, level: u8, index: u64) {
        let Some(row) = self.rows.get_mut(usize::from(level)) else { return };
        while row.first < index && row.tiles.front().is_some_and(|tile| tile.len() == TILE_BYTES) {
            row.tiles.pop_front();
            row.first += 1;
        }
    }
}

/// The root over a power of two of hashes.
pub(crate) fn subtree(bytes: &[u8]) -> Hash {
    let mut row = bytes.as_chunks::<32>().0.to_vec();
    while row.len() > 1 {
        row = hashes::above(&row);
    }
    row.first().map_or(EMPTY_HASH, |root| Hash(*root))
}

/// The stored forms of the tile or bundle whose full form lies at `full`: widths and paths, the
/// widest first.
pub(crate) fn stored_forms(full: &Path) -> Vec<(u64, PathBuf)> {
    let mut forms = partials(full);
    forms.sort_unstable_by(|a, b| b.cmp(a));
    if full.exists() {
        forms.insert(0, (TILE_WIDTH, full.to_owned()));
    }
    forms
}

/// The partial forms beside the full tile at `full`, with their widths.
pub(crate) fn partials(full: &Path) -> Vec<(u64, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(partial_folder(full)) else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let width = name.to_str()?;
            Some((width.strip_suffix(".zst").unwrap_or(width).parse().ok()?, entry.path()))
        })
        .collect()
}

/// Where the partial forms of the tile or bundle at `full` lie.
pub(crate) fn partial_folder(full: &Path) -> PathBuf {
    let mut folder = full.with_extension("").into_os_string();
    folder.push(".p");
    PathBuf::from(folder)
}

/// The path of a tile below the ledger's folder: `tile/0/x001/067`, partial ones with `.p/W`.
pub(crate) fn tile_path(tile: &Tile) -> PathBuf {
    let path = tile.path();
    Path::new("tile").join(path.strip_prefix("tile/8/").unwrap_or(&path))
}

/// The path of the entry bundle beside a tile of level 0: `tile/entries/x001/067`.
pub(crate) fn bundle_path(tile: &Tile) -> PathBuf {
    let path = tile.path();
    Path::new("tile").join("entries").join(path.strip_prefix("tile/8/0/").unwrap_or(&path))
}

/// Reads hashes from memory or, where released, from the tiles under `folder`.
pub(crate) struct Stored<'a> {
    tree: &'a Tree,
    folder: &'a Path,
    loaded: RefCell<HashMap<(u8, u64), Vec<u8>>>,
}

impl<'a> Stored<'a> {
    pub(crate) fn new(tree: &'a Tree, folder: &'a Path) -> Self {
        Self { tree, folder, loaded: RefCell::default() }
    }

    fn hash(&self, index: u64) -> Result<Hash, tlog_tiles::Error> {
        let tile = Tile::from_index(TILE_HEIGHT, index);
        let (level, place) = (tile.level(), tile.level_index());
        if let Some(bytes) = self.tree.tile(level, place) {
            return tile.hash_at_index(bytes, index);
        }
        let mut loaded = self.loaded.borrow_mut();
        let bytes = match loaded.entry((level, place)) {
            std::collections::hash_map::Entry::Occupied(found) => found.into_mut(),
            std::collections::hash_map::Entry::Vacant(vacant) => {
                let full = Tile::new(TILE_HEIGHT, level, place, 1 << TILE_HEIGHT, false);
                let path = self.folder.join(tile_path(&full));
                let bytes = std::fs::read(&path).map_err(|error| {
                    tlog_tiles::Error::InvalidInput(format!("{}: {error}", path.display()))
                })?;
                vacant.insert(bytes)
            }
        };
        tile.hash_at_index(bytes, index)
    }
}

impl HashReader for Stored<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        indexes.iter().map(|index| self.hash(*index)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tlog_tiles::{check_record, check_tree, prove_record, prove_tree, record_hash, tree_hash};

    #[test]
    fn roots_and_proofs_agree_with_the_library() {
        let mut tree = Tree::default();
        let mut roots = vec![tree.root()];
        let leaves: Vec<Hash> = (0..700u32).map(|n| record_hash(&n.to_be_bytes())).collect();
        for leaf in &leaves {
            tree.append(&[leaf.0]);
            roots.push(tree.root());
        }
        let none = Path::new("/nonexistent");
        for size in [1u64, 2, 3, 255, 256, 257, 512, 699, 700] {
            let reader = Stored::new(&tree, none);
            let root = tree_hash(size, &reader).unwrap();
            assert!(root == roots[size as usize], "{size}");
            for n in [0, size / 2, size - 1] {
                let proof = prove_record(size, n, &reader).unwrap();
                check_record(&proof, size, root, n, leaves[n as usize]).unwrap();
                let proof = prove_tree(size, n + 1, &reader).unwrap();
                check_tree(&proof, size, root, n + 1, roots[n as usize + 1]).unwrap();
            }
        }
    }

    #[test]
    fn leaves_that_come_together_give_the_tree_of_leaves_that_come_one_by_one() {
        let leaves: Vec<[u8; 32]> = (0..140_000u32).map(|n| record_hash(&n.to_be_bytes()).0).collect();
        let mut one_by_one = Tree::default();
        let mut together = Tree::default();
        let mut rest = leaves.as_slice();
        for count in [0, 1, 1, 2, 3, 248, 1, 255, 256, 257, 1_000, 65_535, 70_000].into_iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(count));
            together.append(now);
            now.iter().for_each(|leaf| one_by_one.append(&[*leaf]));
            assert!(together.root() == one_by_one.root(), "{} leaves", together.size());
            assert_eq!((together.size(), together.completed()), (one_by_one.size(), one_by_one.completed()));
            if later.is_empty() {
                break;
            }
            rest = later;
        }
        for level in 0..3u8 {
            for index in 0..=leaves.len() as u64 >> (8 * (level + 1)) {
                assert_eq!(together.tile(level, index), one_by_one.tile(level, index), "{level} {index}");
            }
        }
    }

    #[test]
    fn the_newest_leaf_completes_tiles_at_powers_of_their_width() {
        for (size, levels) in [(0, 0), (1, 0), (255, 0), (256, 1), (512, 1), (65_536, 2), (65_792, 1)] {
            assert_eq!(Tree { size, ..Tree::default() }.completed(), levels, "{size}");
        }
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = Tile::new(8, 0, 1067, 256, false);
        assert_eq!(tile_path(&tile), Path::new("tile/0/x001/067"));
        assert_eq!(bundle_path(&tile), Path::new("tile/entries/x001/067"));
        let part = Tile::new(8, 1, 5, 17, false);
        assert_eq!(tile_path(&part), Path::new("tile/1/005.p/17"));
    }
}
