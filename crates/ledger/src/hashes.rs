//! Hashes of many leaves or nodes at once.
//!
//! A round of SHA-256 waits for the one before, so a processor that hashes one message is idle half of the time.
//! Several messages at once fill it (`docs/decisions/0024-many-hashes-at-once.md`). What was committed is hashed once
//! more by the ordinary implementation before a checkpoint is signed (`publish`), so the two check each other.

use crate::Hash;
use std::sync::OnceLock;
use tape_sha256::hash_many_prefixed;
use tlog_tiles::{node_hash, record_hash};

/// What stands before a leaf, and before the two hashes of a node (RFC 6962).
const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];
/// SHA-256 takes blocks of so many bytes, and ends a message with nine bytes at least.
const BLOCK: usize = 64;
const END: usize = 9;

/// Many messages behind one prefix to as many hashes.
type Many = fn(&[u8], &[&[u8]], &mut [[u8; 32]]);

/// Appends the hashes of `leaves` to `out`, in order.
pub(crate) fn of_leaves(leaves: &[&[u8]], out: &mut Vec<[u8; 32]>) {
    if !is_sound() {
        return out.extend(leaves.iter().map(|leaf| record_hash(leaf).0));
    }
    let before = out.len();
    out.resize(before.saturating_add(leaves.len()), [0; 32]);
    let out = out.get_mut(before..).unwrap_or_default();
    let blocks = |leaf: &&[u8]| (LEAF.len() + leaf.len() + END).div_ceil(BLOCK);
    if leaves.iter().map(blocks).is_sorted() {
        return hash_many_prefixed(&LEAF, leaves, out);
    }
    // Side by side are messages of as many blocks.
    let mut sorted: Vec<(usize, &[u8])> = leaves.iter().copied().enumerate().collect();
    sorted.sort_by_key(|(_, leaf)| blocks(leaf));
    let leaves: Vec<&[u8]> = sorted.iter().map(|(_, leaf)| *leaf).collect();
    let mut hashes = vec![[0; 32]; leaves.len()];
    hash_many_prefixed(&LEAF, &leaves, &mut hashes);
    for ((at, _), hash) in sorted.into_iter().zip(hashes) {
        if let Some(place) = out.get_mut(at) {
            *place = hash;
        }
    }
}

/// The nodes above `row`, each over two; one that is left over has none.
pub(crate) fn above(row: &[[u8; 32]]) -> Vec<[u8; 32]> {
    let (pairs, _) = row.as_chunks::<2>();
    if !is_sound() {
        return pairs.iter().map(|[left, right]| node_hash(Hash(*left), Hash(*right)).0).collect();
    }
    let pairs: Vec<&[u8]> = pairs.iter().map(|pair| pair.as_flattened()).collect();
    let mut out = vec![[0; 32]; pairs.len()];
    hash_many_prefixed(&NODE, &pairs, &mut out);
    out
}

/// Whether what this processor gets agrees with the ordinary implementation; else that one is used.
fn is_sound() -> bool {
    static SOUND: OnceLock<bool> = OnceLock::new();
    *SOUND.get_or_init(|| agrees(hash_many_prefixed))
}

/// All lengths around the ends of blocks, alone, in full groups and in groups of mixed lengths.
fn agrees(many: Many) -> bool {
    let bytes: Vec<u8> = (0..=255).cycle().take(1_100).collect();
    let lengths = (0..=200).chain(500..=520).chain([1_100]);
    let messages: Vec<&[u8]> = lengths.filter_map(|length| bytes.get(..length)).collect();
    let same: Vec<&[u8]> = messages.iter().flat_map(|message| [*message; 33]).collect();
    let right = |messages: &[&[u8]]| {
        let mut hashes = vec![[0; 32]; messages.len()];
        many(&LEAF, messages, &mut hashes);
        messages.iter().zip(hashes).all(|(message, hash)| record_hash(message).0 == hash)
    };
    right(&messages) && right(&same) && messages.iter().all(|message| right(&[*message]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_hashes_are_those_of_the_ordinary_implementation() {
        assert!(is_sound(), "this processor's implementation");
        let bytes = [7u8; 3_000];
        for count in [0, 1, 2, 3, 5, 16, 255, 256, 300] {
            let lengths = (0..count).map(|n| n * 7_919 % 3_000);
            let leaves: Vec<&[u8]> = lengths.map(|length| &bytes[..length]).collect();
            let mut hashes = vec![[9; 32]; 4];
            of_leaves(&leaves, &mut hashes);
            assert_eq!(hashes.drain(..4).collect::<Vec<_>>(), [[9; 32]; 4]);
            let expected: Vec<[u8; 32]> = leaves.iter().map(|leaf| record_hash(leaf).0).collect();
            assert_eq!(hashes, expected, "{count}");
            let nodes: Vec<[u8; 32]> =
                hashes.chunks_exact(2).map(|two| node_hash(Hash(two[0]), Hash(two[1])).0).collect();
            assert_eq!(above(&hashes), nodes, "{count}");
        }
    }

    #[test]
    fn an_implementation_with_a_wrong_answer_is_not_used() {
        assert!(agrees(hash_many_prefixed));
        let spoilt: [Many; 3] = [
            |_, messages, out| hash_many_prefixed(&NODE, messages, out),
            |prefix, messages, out| {
                hash_many_prefixed(prefix, messages, out);
                if messages.len() > 4 {
                    out[4][31] ^= 1;
                }
            },
            |prefix, messages, out| {
                hash_many_prefixed(prefix, messages, out);
                if let [[length, ..]] = out
                    && messages[0].len() == 119
                {
                    *length ^= 0x80;
                }
            },
        ];
        assert!(spoilt.into_iter().all(|many| !agrees(many)));
    }
}
