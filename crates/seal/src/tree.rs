//! The integrity tree over a stored body, with one leaf for each block of 65,564 bytes.
//!
//! A block of a Crypt4GH body is a segment. Other bodies are cut into blocks of the same size, so
//! that one tree and one reader serve both. The shape is that of RFC 6962; the hash is BLAKE3 in
//! keyed mode, with a public key of its own for leaves, for nodes and for the root.

use crate::{Error, Result, segment};
use base::Blake3;
use std::sync::Arc;

/// Bytes of a block, the last one apart: those of a full Crypt4GH segment.
pub const BLOCK: usize = segment::STORED;

const LEAF: &[u8; 32] = b"sequestra:sealed-tree:1:leaf----";
const NODE: &[u8; 32] = b"sequestra:sealed-tree:1:node----";
const ROOT: &[u8; 32] = b"sequestra:sealed-tree:1:root----";
/// The first bytes of a serialised tree.
const MAGIC: &[u8; 8] = b"seqtree1";

/// The leaves of a body and the root that they lead to. Cloning shares the leaves.
#[derive(Clone, PartialEq, Eq)]
pub struct Tree {
    leaves: Arc<[[u8; 32]]>,
    stored_len: u64,
    root: Blake3,
}

impl Tree {
    /// Reads a serialised tree and compares the root that its leaves lead to with `root`.
    ///
    /// Errors: [`Error::TreeForm`] for bytes that are no tree, [`Error::Root`] for another tree.
    pub fn from_bytes(bytes: &[u8], root: &Blake3) -> Result<Self> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Error::TreeForm("unknown first bytes"))?;
        let (length, rest) = rest.split_first_chunk::<8>().ok_or(Error::TreeForm("cut short"))?;
        let stored_len = u64::from_le_bytes(*length);
        let (leaves, []) = rest.as_chunks::<32>() else {
            return Err(Error::TreeForm("the last leaf is cut short"));
        };
        if blocks_of(stored_len) != leaves.len() as u64 {
            return Err(Error::TreeForm("the number of leaves does not fit the length"));
        }
        let tree = Self::over(leaves.into(), stored_len);
        if tree.root == *root { Ok(tree) } else { Err(Error::Root) }
    }

    /// The serialised tree: `seqtree1`, the body's length (8 bytes, little-endian), the leaves.
    pub fn to_bytes(&self) -> Vec<u8> {
        let leaves = self.leaves.as_flattened();
        let mut out = Vec::with_capacity(MAGIC.len() + 8 + leaves.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.stored_len.to_le_bytes());
        out.extend_from_slice(leaves);
        out
    }

    /// The root: what a manifest commits to.
    pub fn root(&self) -> Blake3 {
        self.root
    }

    /// Bytes of the body.
    pub fn stored_len(&self) -> u64 {
        self.stored_len
    }

    /// Blocks of the body; of a Crypt4GH body, its segments.
    pub fn blocks(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// Bytes of block `index`: [`BLOCK`], or less for the last one, or 0 past the end.
    pub fn block_len(&self, index: u64) -> usize {
        let left = index.checked_mul(BLOCK as u64).map_or(0, |start| self.stored_len.saturating_sub(start));
        usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK))
    }

    /// Checks the bytes of block `index`. Error: [`Error::Leaf`].
    pub fn check(&self, index: u64, block: &[u8]) -> Result<()> {
        let expected = usize::try_from(index).ok().and_then(|at| self.leaves.get(at));
        match expected {
            Some(expected) if blake3::Hash::from_bytes(*expected) == leaf(index, block) => Ok(()),
            _ => Err(Error::Leaf { segment: index }),
        }
    }

    fn over(leaves: Arc<[[u8; 32]]>, stored_len: u64) -> Self {
        let root = root(&top(&leaves), leaves.len() as u64, stored_len);
        Self { leaves, stored_len, root }
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree")
            .field("stored_len", &self.stored_len)
            .field("blocks", &self.blocks())
            .field("root", &self.root)
            .finish()
    }
}

/// Builds a [`Tree`] from a body's bytes, given in order and in pieces of any size.
pub struct TreeBuilder {
    leaves: Vec<[u8; 32]>,
    /// The hash of the block that is not full yet, and its bytes so far.
    open: blake3::Hasher,
    open_len: usize,
    stored_len: u64,
}

impl TreeBuilder {
    /// A tree over nothing yet.
    pub fn new() -> Self {
        Self { leaves: Vec::new(), open: blake3::Hasher::new_keyed(LEAF), open_len: 0, stored_len: 0 }
    }

    /// Takes the next bytes of the body. Pieces of [`BLOCK`] bytes or more are the fastest.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.stored_len = self.stored_len.saturating_add(bytes.len() as u64);
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(bytes.len().min(BLOCK - self.open_len));
            self.open.update(piece);
            self.open_len += piece.len();
            if self.open_len == BLOCK {
                self.close_block();
            }
            bytes = rest;
        }
    }

    /// The tree over all bytes given.
    pub fn finish(mut self) -> Tree {
        if self.open_len > 0 {
            self.close_block();
        }
        Tree::over(self.leaves.into(), self.stored_len)
    }

    fn close_block(&mut self) {
        let leaf = seal_leaf(&mut self.open, self.leaves.len() as u64, self.open_len);
        self.leaves.push(*leaf.as_bytes());
        self.open.reset();
        self.open_len = 0;
    }
}

impl Default for TreeBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for TreeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TreeBuilder").field("stored_len", &self.stored_len).finish_non_exhaustive()
    }
}

/// Blocks of a body of `stored_len` bytes.
fn blocks_of(stored_len: u64) -> u64 {
    stored_len.div_ceil(BLOCK as u64)
}

/// `BLAKE3(LEAF, block ‖ index ‖ length)`. Index and length stand last, so that the block's own
/// 1,024-byte chunks stay aligned and are hashed sixteen at a time.
fn leaf(index: u64, block: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(LEAF);
    hasher.update(block);
    seal_leaf(&mut hasher, index, block.len())
}

fn seal_leaf(hasher: &mut blake3::Hasher, index: u64, length: usize) -> blake3::Hash {
    hasher.update(&index.to_le_bytes());
    hasher.update(&(length as u64).to_le_bytes());
    hasher.finalize()
}

/// `BLAKE3(NODE, left ‖ right)`.
fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut both = [0u8; 64];
    let (to_left, to_right) = both.split_at_mut(32);
    to_left.copy_from_slice(left);
    to_right.copy_from_slice(right);
    *blake3::keyed_hash(NODE, &both).as_bytes()
}

/// The hash at the top: leaves are paired as RFC 6962 pairs them, so that the left part of every
/// node is a full power of two. No leaf at all gives `BLAKE3(NODE, "")`.
fn top(leaves: &[[u8; 32]]) -> [u8; 32] {
    // Full subtrees from left to right; as many as `seen` has bits set.
    let mut full: Vec<[u8; 32]> = Vec::new();
    for (seen, leaf) in leaves.iter().enumerate() {
        let mut right = *leaf;
        for _ in 0..seen.trailing_ones() {
            if let Some(left) = full.pop() {
                right = node(&left, &right);
            }
        }
        full.push(right);
    }
    let whole = full.into_iter().rev().reduce(|right, left| node(&left, &right));
    whole.unwrap_or_else(|| *blake3::keyed_hash(NODE, b"").as_bytes())
}

/// `BLAKE3(ROOT, top ‖ leaves ‖ length)`.
fn root(top: &[u8; 32], leaves: u64, stored_len: u64) -> Blake3 {
    let mut hasher = blake3::Hasher::new_keyed(ROOT);
    hasher.update(top);
    hasher.update(&leaves.to_le_bytes());
    hasher.update(&stored_len.to_le_bytes());
    Blake3(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 7 + at / 251) as u8).collect()
    }

    fn tree(bytes: &[u8]) -> Tree {
        let mut builder = TreeBuilder::new();
        builder.update(bytes);
        builder.finish()
    }

    /// The definition of RFC 6962, by recursion.
    fn by_the_book(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [] => *blake3::keyed_hash(NODE, b"").as_bytes(),
            [one] => *one,
            _ => {
                let half = leaves.len().next_power_of_two() / 2;
                node(&by_the_book(&leaves[..half]), &by_the_book(&leaves[half..]))
            }
        }
    }

    #[test]
    fn the_shape_is_that_of_rfc_6962() {
        for count in 0..200u8 {
            let leaves: Vec<_> = (0..count).map(|n| [n; 32]).collect();
            assert_eq!(top(&leaves), by_the_book(&leaves), "{count} leaves");
        }
    }

    #[test]
    fn pieces_of_any_size_give_one_tree() {
        let body = bytes(3 * BLOCK + 17);
        let whole = tree(&body);
        assert_eq!(whole.blocks(), 4);
        for size in [1usize, 1000, 1024, BLOCK - 1, BLOCK, BLOCK + 1] {
            let mut builder = TreeBuilder::new();
            body.chunks(size).for_each(|piece| builder.update(piece));
            assert_eq!(builder.finish(), whole, "{size}");
        }
        for (index, block) in body.chunks(BLOCK).enumerate() {
            whole.check(index as u64, block).unwrap();
            assert_eq!(whole.block_len(index as u64), block.len());
        }
        assert_eq!(whole.block_len(4), 0);
        assert_eq!(whole.block_len(u64::MAX), 0);
    }

    #[test]
    fn a_leaf_holds_for_one_block_in_one_place() {
        let block = vec![3u8; BLOCK];
        let two = tree(&[block.clone(), block.clone()].concat());
        assert_ne!(two.leaves[0], two.leaves[1], "equal blocks, different places");
        let mut altered = block.clone();
        altered[BLOCK - 1] ^= 0x80;
        for (index, wrong) in [(0, &altered[..]), (0, &block[1..]), (0, &[][..]), (2, &block[..])] {
            assert!(matches!(two.check(index, wrong), Err(Error::Leaf { segment }) if segment == index));
        }
    }

    #[test]
    fn the_sidecar_comes_back_and_alterations_do_not() {
        for length in [0, 1, BLOCK, BLOCK + 1, 5 * BLOCK - 3] {
            let tree = tree(&bytes(length));
            let stored = tree.to_bytes();
            assert_eq!(Tree::from_bytes(&stored, &tree.root()).unwrap(), tree);
            for at in 0..stored.len() {
                let mut altered = stored.clone();
                altered[at] ^= 1;
                assert!(Tree::from_bytes(&altered, &tree.root()).is_err(), "byte {at} of {length}");
            }
            for cut in 0..stored.len() {
                assert!(Tree::from_bytes(&stored[..cut], &tree.root()).is_err());
            }
            let longer = [&stored[..], &[0; 32]].concat();
            assert!(matches!(Tree::from_bytes(&longer, &tree.root()), Err(Error::TreeForm(_))));
        }
    }

    #[test]
    fn the_root_binds_the_length() {
        let leaves: Arc<[[u8; 32]]> = vec![[1; 32]].into();
        assert_ne!(Tree::over(leaves.clone(), 10).root(), Tree::over(leaves, 11).root());
        assert!(matches!(Tree::from_bytes(&tree(b"").to_bytes(), &tree(b"x").root()), Err(Error::Root)));
    }

    #[test]
    fn the_roots_of_the_specification() {
        let hex = |length| tree(&vec![0u8; length]).root().to_string();
        let found = [hex(0), hex(1), hex(BLOCK), hex(2 * BLOCK + 1)];
        // Computed by another implementation of the specification, over zero bytes.
        assert_eq!(
            found,
            [
                "46a6577ab6898fb28da7a82103c2df19f338fe0d79331d24e0960c576deb9e0b",
                "c43585a1a96a0d5b47e56937a97b0d7caaeb6ae3e2741ee42ba600a655b29e71",
                "1325aaf433c02c3af07ed058e2f8b62a38ee9d88303ee86cdf3241b3dd28e05c",
                "dcda228504bb14c02209ec2de73864397e7f984882614ebb896653f4aea87ac6",
            ]
        );
    }
}
