//! The tree of RFC 6962 with SHA-256: leaf and node hashes, inclusion, consistency. The checks are
//! the algorithms of RFC 9162, 2.1.3.2 and 2.1.4.2.

use crate::{Result, refused};
use base64::prelude::{BASE64_STANDARD, Engine};
use sha2::{Digest, Sha256};
use std::fmt;

/// Trees have at most 64 levels; longer proofs are not looked at.
pub const PROOF_LIMIT: usize = 64;

/// A hash of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

/// The hash of a leaf.
pub fn leaf(record: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(record).finalize().into())
}

/// The hash of a node above two others.
pub fn node(left: Hash, right: Hash) -> Hash {
    Hash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root of the tree without leaves.
pub fn empty() -> Hash {
    Hash(Sha256::digest(b"").into())
}

/// Checks that the leaf with hash `leaf` is at `index` of the tree of `size` leaves with `root`.
pub fn inclusion(leaf: Hash, index: u64, size: u64, root: Hash, proof: &[Hash]) -> Result<()> {
    if index >= size {
        return refused("the position is not in the tree of the checkpoint");
    }
    if proof.len() > PROOF_LIMIT {
        return refused("the proof is longer than any tree is high");
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = leaf;
    for next in proof {
        if last == 0 {
            return refused("the proof of inclusion is too long");
        }
        if at & 1 == 1 || at == last {
            hash = node(*next, hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(hash, *next);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == root { Ok(()) } else { refused("the proof of inclusion does not hold") }
}

/// Checks that the tree of `old` leaves begins the tree of `new` leaves.
pub fn consistency(old: (u64, Hash), new: (u64, Hash), proof: &[Hash]) -> Result<()> {
    if old.0 > new.0 {
        return refused("the older checkpoint has more events than the newer one");
    }
    if proof.len() > PROOF_LIMIT {
        return refused("the proof is longer than any tree is high");
    }
    let fails = || refused("the proof of consistency does not hold");
    if old.0 == new.0 || old.0 == 0 {
        // A tree begins with itself and with the empty one; there is nothing to prove.
        let same = if old.0 == 0 { old.1 == empty() } else { old.1 == new.1 };
        let same = same && (old.0 != new.0 || old.1 == new.1);
        return if proof.is_empty() && same { Ok(()) } else { fails() };
    }
    let (mut at, mut last) = (old.0 - 1, new.0 - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (first, rest) = match proof.split_first() {
        // A tree that is whole is itself the first node.
        _ if old.0.is_power_of_two() => (old.1, proof),
        Some((first, rest)) => (*first, rest),
        None => return fails(),
    };
    let (mut of_old, mut of_new) = (first, first);
    for next in rest {
        if last == 0 {
            return fails();
        }
        if at & 1 == 1 || at == last {
            of_old = node(*next, of_old);
            of_new = node(*next, of_new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            of_new = node(of_new, *next);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && of_old == old.1 && of_new == new.1 { Ok(()) } else { fails() }
}

/// A tree that grows leaf by leaf and remembers the roots of its whole parts alone.
#[derive(Debug, Clone, Default)]
pub struct Growing {
    size: u64,
    /// From the left: each is over a power of two of leaves, more than the next.
    parts: Vec<Hash>,
}

impl Growing {
    /// Adds the hash of the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // As many whole parts end here as the old size has ones at its end.
        for _ in 0..self.size.trailing_ones() {
            match self.parts.pop() {
                Some(left) => hash = node(left, hash),
                None => break,
            }
        }
        self.parts.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        let mut parts = self.parts.iter().rev().copied();
        let last = parts.next().unwrap_or_else(empty);
        parts.fold(last, |right, left| node(left, right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_tree_has_the_root_of_its_definition_at_every_size() {
        let leaves: Vec<Hash> = (0..70u8).map(|n| leaf(&[n])).collect();
        let mut growing = Growing::default();
        for size in 0..=leaves.len() {
            assert_eq!((growing.size(), growing.root()), (size as u64, root(&leaves[..size])));
            if let Some(next) = leaves.get(size) {
                growing.push(*next);
            }
        }
    }

    /// The tree's head, by its definition in RFC 6962, 2.1.
    fn root(leaves: &[Hash]) -> Hash {
        match leaves.len() {
            0 => empty(),
            1 => leaves[0],
            n => {
                let (left, right) = leaves.split_at(split(n));
                node(root(left), root(right))
            }
        }
    }

    /// The largest power of two below `n`.
    fn split(n: usize) -> usize {
        1 << (usize::BITS - 1 - (n - 1).leading_zeros())
    }

    /// PATH of RFC 6962, 2.1.1.
    fn path(at: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        let (mut path, other) = match at < left.len() {
            true => (path(at, left), root(right)),
            false => (path(at - left.len(), right), root(left)),
        };
        path.push(other);
        path
    }

    /// SUBPROOF of RFC 6962, 2.1.2.
    fn subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
        if old == leaves.len() {
            return if whole { Vec::new() } else { vec![root(leaves)] };
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        let (mut proof, other) = match old <= left.len() {
            true => (subproof(old, left, whole), root(right)),
            false => (subproof(old - left.len(), right, false), root(left)),
        };
        proof.push(other);
        proof
    }

    fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|n| leaf(&n.to_be_bytes())).collect()
    }

    /// All proofs of small trees hold, and no changed one does.
    #[test]
    fn inclusion_follows_its_definition() {
        for size in 1..40usize {
            let all = leaves(size);
            let head = root(&all);
            for at in 0..size {
                let proof = path(at, &all);
                let check = |leaf, at: usize, size: usize, head, proof: &[Hash]| {
                    inclusion(leaf, at as u64, size as u64, head, proof).is_ok()
                };
                assert!(check(all[at], at, size, head, &proof));
                assert!(!check(all[at], at + 1, size, head, &proof));
                assert!(!check(leaf(b"other"), at, size, head, &proof));
                assert!(!check(all[at], at, size, leaf(b"other"), &proof));
                assert!(!check(all[at], at, size, head, &[proof.clone(), vec![head]].concat()));
                for n in 0..proof.len() {
                    let mut changed = proof.clone();
                    changed[n].0[0] ^= 1;
                    assert!(!check(all[at], at, size, head, &changed));
                    changed.remove(n);
                    assert!(!check(all[at], at, size, head, &changed));
                }
            }
        }
    }

    #[test]
    fn consistency_follows_its_definition() {
        for new in 0..40usize {
            let all = leaves(new);
            for old in 0..=new {
                let proof = if old == 0 { Vec::new() } else { subproof(old, &all, true) };
                let (before, after) = ((old as u64, root(&all[..old])), (new as u64, root(&all)));
                assert!(consistency(before, after, &proof).is_ok(), "{old} {new}");
                let other = leaf(b"other");
                assert!(consistency((before.0, other), after, &proof).is_err());
                if old > 0 {
                    assert!(consistency(before, (after.0, other), &proof).is_err());
                }
                assert!(consistency(before, after, &[proof.clone(), vec![other]].concat()).is_err());
                for n in 0..proof.len() {
                    let mut changed = proof.clone();
                    changed[n].0[0] ^= 1;
                    assert!(consistency(before, after, &changed).is_err(), "{old} {new} {n}");
                    changed.remove(n);
                    assert!(consistency(before, after, &changed).is_err(), "{old} {new} {n}");
                }
                if old < new {
                    assert!(consistency(after, before, &proof).is_err());
                }
            }
        }
    }

    #[test]
    fn sizes_near_the_largest_end_at_once() {
        let proof = [empty(); PROOF_LIMIT];
        assert!(inclusion(empty(), u64::MAX - 1, u64::MAX, empty(), &proof).is_err());
        assert!(consistency((u64::MAX - 1, empty()), (u64::MAX, empty()), &proof).is_err());
        assert!(inclusion(empty(), 0, u64::MAX, empty(), &[empty(); PROOF_LIMIT + 1]).is_err());
    }
}
