//! Others' vectors. They lie beside the repository, in `../shared`, or where `SEQUESTRA_SHARED`
//! points; a test that does not find them fails and says so.

use sequestra_verify::key::VerifierKey;
use sequestra_verify::merkle::{self, Hash};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn conformance(name: &str) -> PathBuf {
    let shared = std::env::var_os("SEQUESTRA_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("data/conformance").join(name);
    assert!(path.exists(), "{} is not there: see `../shared/data`", path.display());
    path
}

/// Key `public` as a verifier key's text, if it is one.
fn key(public: &[u8]) -> Option<VerifierKey> {
    use base64::prelude::{BASE64_STANDARD, Engine};
    use sha2::{Digest, Sha256};
    let typed = [&[1], public].concat();
    let digest = Sha256::new().chain_update("vector\n").chain_update(&typed).finalize();
    let id = u32::from_be_bytes(digest[..4].try_into().unwrap());
    format!("vector+{id:08x}+{}", BASE64_STANDARD.encode(typed)).parse().ok()
}

fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// C2SP CCTV: signatures at the edges of Ed25519, each with the flags that say which edge. We take
/// the strict reading: no point of low order, the one encoding of R, the equation without cofactor.
#[test]
fn edge_cases_of_ed25519_are_read_strictly() {
    let text = std::fs::read(conformance("ed25519/ed25519vectors.json")).unwrap();
    let vectors: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let (mut taken, mut refused) = (0, 0);
    for vector in &vectors {
        let flags: Vec<&str> =
            vector["flags"].as_array().into_iter().flatten().map(|flag| flag.as_str().unwrap()).collect();
        let barred =
            ["low_order_A", "low_order_R", "low_order_residue", "non_canonical_A", "non_canonical_R"];
        let expected = !flags.iter().any(|flag| barred.contains(flag));
        let text = |name: &str| vector[name].as_str().unwrap().to_owned();
        let key = key(&hex(&text("key")));
        let found = key.is_some_and(|key| key.verifies(text("msg").as_bytes(), &hex(&text("sig"))));
        assert_eq!(found, expected, "vector {}: {flags:?}", vector["number"]);
        if found { taken += 1 } else { refused += 1 }
    }
    assert!(vectors.len() == 914 && taken > 0 && refused > 0, "{taken} {refused}");
}

/// A public static-ct log: entries and their tile of leaf hashes.
#[test]
fn leaf_hashes_are_those_of_a_public_log() {
    let folder = conformance("tlog_sunlight/tile");
    let mut tiles: BTreeMap<&str, usize> = BTreeMap::new();
    for tile in ["000", "001", "002", "003", "003.p/10"] {
        let hashes = hashes(&folder.join("0").join(tile));
        let leaves = leaves(&std::fs::read(folder.join("data").join(tile)).unwrap());
        assert_eq!(leaves.len(), hashes.len(), "{tile}");
        for (leaf, hash) in leaves.iter().zip(&hashes) {
            assert_eq!(merkle::leaf(leaf), *hash, "{tile}");
        }
        tiles.insert(tile, hashes.len());
    }
    assert_eq!(tiles.values().sum::<usize>(), 4 * 256 + 10);
}

/// Inclusion and consistency over the real hashes, by proofs of the product's library.
#[test]
fn proofs_over_a_public_log_hold() {
    let folder = conformance("tlog_sunlight/tile/0");
    let hashes: Vec<Hash> =
        ["000", "001", "002", "003"].iter().flat_map(|t| hashes(&folder.join(t))).collect();
    let full = root(&hashes);
    for at in [0, 1, 255, 256, 600, 1023] {
        let proof = path(at, &hashes);
        assert!(merkle::inclusion(hashes[at], at as u64, 1024, full, &proof).is_ok(), "{at}");
        assert!(merkle::inclusion(hashes[at ^ 1], at as u64, 1024, full, &proof).is_err(), "{at}");
    }
    // Of a whole tree, the older tree of half of it is one node, and the other half the proof.
    let half = root(&hashes[..512]);
    assert!(merkle::consistency((512, half), (1024, full), &[root(&hashes[512..])]).is_ok());
    assert!(merkle::consistency((512, half), (1024, full), &[root(&hashes[..512])]).is_err());
}

fn hashes(path: &Path) -> Vec<Hash> {
    std::fs::read(path).unwrap().chunks(32).map(|hash| Hash(hash.try_into().unwrap())).collect()
}

fn root(hashes: &[Hash]) -> Hash {
    match hashes {
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            merkle::node(root(left), root(right))
        }
    }
}

fn path(at: usize, hashes: &[Hash]) -> Vec<Hash> {
    if hashes.len() == 1 {
        return Vec::new();
    }
    let (left, right) = hashes.split_at(hashes.len() / 2);
    let (mut found, other) = match at < left.len() {
        true => (path(at, left), root(right)),
        false => (path(at - left.len(), right), root(left)),
    };
    found.push(other);
    found
}

/// The Merkle tree leaves of a static-ct data tile: each timestamped entry after two zero bytes,
/// without what the tile adds for those who serve chains.
fn leaves(mut tile: &[u8]) -> Vec<Vec<u8>> {
    fn take<'a>(tile: &mut &'a [u8], length: usize) -> &'a [u8] {
        let (taken, rest) = tile.split_at(length);
        *tile = rest;
        taken
    }
    fn sized<'a>(tile: &mut &'a [u8], width: usize) -> (&'a [u8], &'a [u8]) {
        let head = take(tile, width);
        let length = head.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        (head, take(tile, length))
    }
    let mut leaves = Vec::new();
    while !tile.is_empty() {
        let mut leaf = vec![0, 0];
        let head = take(&mut tile, 10);
        leaf.extend_from_slice(head);
        let precertificate = head[8..] == [0, 1];
        if precertificate {
            leaf.extend_from_slice(take(&mut tile, 32));
        }
        for width in [3, 2] {
            let (length, bytes) = sized(&mut tile, width);
            leaf.extend_from_slice(length);
            leaf.extend_from_slice(bytes);
        }
        if precertificate {
            sized(&mut tile, 3);
        }
        sized(&mut tile, 2);
        leaves.push(leaf);
    }
    leaves
}
