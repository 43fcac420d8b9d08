//! The right edge of a tree, from the tiles on disk.

use crate::tree::{TILE_HEIGHT, TILE_WIDTH, Tree, stored_forms, subtree, tile_path};
use crate::{Error, Finding, Result};
use std::path::Path;
use tlog_tiles::Tile;

/// The tree of the first `size` events, without its full tiles: they stay on disk. What it says is
/// only as good as the files; the caller compares its root with a signed one.
pub(crate) fn tree_of(folder: &Path, size: u64) -> Result<Tree> {
    let mut rows = Vec::new();
    for level in 0..8u8 {
        let hashes = size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
        if hashes == 0 {
            break;
        }
        let (index, width) = (hashes / TILE_WIDTH, hashes % TILE_WIDTH);
        let bytes = if width == 0 { Vec::new() } else { begin_of(folder, level, index, width)? };
        rows.push((index, bytes));
    }
    Ok(Tree::resume(size, rows))
}

/// The first `width` hashes of a tile, from any of its stored forms, or from the tiles below.
fn begin_of(folder: &Path, level: u8, index: u64, width: u64) -> Result<Vec<u8>> {
    let full = Tile::new(TILE_HEIGHT, level, index, 1 << TILE_HEIGHT, false);
    let name = tile_path(&full);
    let length = usize::try_from(width).unwrap_or(0) * 32;
    for (stored, path) in stored_forms(&folder.join(&name)) {
        if stored >= width {
            let mut bytes = std::fs::read(&path).map_err(Error::io(&path))?;
            if bytes.len() >= length {
                bytes.truncate(length);
                return Ok(bytes);
            }
        }
    }
    let Some(below) = level.checked_sub(1) else {
        let what = "the tile is missing";
        return Err(Error::Damaged(Finding::new(&name.display().to_string(), None, what)));
    };
    let mut bytes = Vec::with_capacity(length);
    for child in index * TILE_WIDTH..index * TILE_WIDTH + width {
        let hashes = begin_of(folder, below, child, TILE_WIDTH)?;
        bytes.extend_from_slice(&subtree(&hashes).0);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tlog_tiles::record_hash;

    #[test]
    fn a_tree_resumed_from_tiles_goes_on_as_the_one_that_wrote_them() {
        let dir = tempfile::tempdir().unwrap();
        let mut tree = Tree::default();
        let mut roots = vec![tree.root()];
        let leaves: Vec<_> = (0..66_500u32).map(|n| record_hash(&n.to_be_bytes())).collect();
        for leaf in &leaves {
            tree.append(&[leaf.0]);
            roots.push(tree.root());
        }
        for level in 0..3u8 {
            let mut index = 0;
            while let Some(bytes) = tree.tile(level, index) {
                // Partial tiles of level 1 and 2 are left out: they follow from those below.
                let width = u32::try_from(bytes.len() / 32).unwrap();
                if width == 256 || level == 0 {
                    let path = dir.path().join(tile_path(&Tile::new(8, level, index, width, false)));
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(path, bytes).unwrap();
                }
                index += 1;
            }
        }
        for size in [0usize, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000, 66_500] {
            let mut resumed = tree_of(dir.path(), size as u64).unwrap();
            assert!(resumed.root() == roots[size], "{size}");
            for leaf in leaves.iter().skip(size).take(300) {
                resumed.append(&[leaf.0]);
            }
            assert!(resumed.root() == roots[(size + 300).min(leaves.len())], "{size}");
        }
        std::fs::remove_file(dir.path().join("tile/0/000")).unwrap();
        assert!(matches!(tree_of(dir.path(), 5), Err(Error::Damaged(_))));
    }
}
