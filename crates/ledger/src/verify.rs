//! Pure functions for auditors: they need texts and a verifier key, not a ledger.

use crate::{Error, Hash, Result, SigningKey, VerifierKey};
use signed_note::{Note, Signature, VerifierList};
use tlog_tiles::Checkpoint as Body;

/// The longest proof that is looked at: trees have at most 64 levels.
const PROOF_LIMIT: usize = 64;

/// A checkpoint whose signature was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The ledger's name.
    pub origin: String,
    /// Events in the tree.
    pub size: u64,
    /// The tree's root.
    pub root: Hash,
}

/// Parses `text` (a C2SP signed note with a tlog-checkpoint) and checks that `verifier` signed it.
pub fn checkpoint(text: &str, verifier: &VerifierKey) -> Result<Checkpoint> {
    let note =
        Note::from_bytes(text.as_bytes()).map_err(|_| Error::BadCheckpoint("it is not a signed note"))?;
    if note.to_bytes() != text.as_bytes() {
        return Err(Error::BadCheckpoint("it is not in its one form"));
    }
    note.verify(&VerifierList::new(vec![Box::new(verifier.clone())]))
        .map_err(|_| Error::BadCheckpoint("its signature does not hold"))?;
    let body = Body::from_bytes(note.text()).map_err(|_| Error::BadCheckpoint("it is malformed"))?;
    if body.to_bytes() != note.text() {
        return Err(Error::BadCheckpoint("it is not in its one form"));
    }
    if body.origin() != verifier.name() {
        return Err(Error::BadCheckpoint("it is of another ledger"));
    }
    Ok(Checkpoint { origin: body.origin().to_owned(), size: body.size(), root: *body.hash() })
}

/// Checks that `leaf` lies at `position` of the tree of `size` events with `root`.
pub fn inclusion(leaf: &[u8], position: u64, size: u64, root: Hash, proof: &[Hash]) -> Result<()> {
    if proof.len() > PROOF_LIMIT || position >= size {
        return Err(Error::BadProof);
    }
    tlog_tiles::check_record(&proof.to_vec(), size, root, position, tlog_tiles::record_hash(leaf))
        .map_err(|_| Error::BadProof)
}

/// Checks that the tree of `old` events begins the tree of `new` events.
pub fn consistency(old: (u64, Hash), new: (u64, Hash), proof: &[Hash]) -> Result<()> {
    if proof.len() > PROOF_LIMIT || old.0 > new.0 {
        return Err(Error::BadProof);
    }
    if old.0 == 0 {
        // Every tree begins with the empty one; RFC 6962 has no proof for it.
        let empty = proof.is_empty() && old.1 == tlog_tiles::EMPTY_HASH;
        return if empty { Ok(()) } else { Err(Error::BadProof) };
    }
    tlog_tiles::check_tree(&proof.to_vec(), new.0, new.1, old.0, old.1).map_err(|_| Error::BadProof)
}

/// The signed note for a tree.
pub(crate) fn sign_checkpoint(
    key: &SigningKey,
    verifier: &VerifierKey,
    size: u64,
    root: Hash,
) -> Result<String> {
    let body =
        Body::new(verifier.name(), size, root, "").map_err(|_| Error::BadCheckpoint("it is malformed"))?;
    let text = body.to_bytes();
    let signature = Signature::new(verifier.name().to_owned(), verifier.id(), key.sign(&text).to_vec())
        .map_err(|_| Error::BadCheckpoint("it cannot be signed"))?;
    let note = Note::new(&text, &[signature]).map_err(|_| Error::BadCheckpoint("it is malformed"))?;
    String::from_utf8(note.to_bytes()).map_err(|_| Error::BadCheckpoint("it is not a text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_bit_of_a_checkpoint_is_refused() {
        let key = SigningKey::from_seed(&[3; 32]).unwrap();
        let verifier = key.verifier("site.example/ledger").unwrap();
        let text = sign_checkpoint(&key, &verifier, 7, Hash([9; 32])).unwrap();
        let found = checkpoint(&text, &verifier).unwrap();
        assert_eq!((found.size, found.root), (7, Hash([9; 32])));
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                if let Ok(changed) = String::from_utf8(bytes) {
                    assert!(checkpoint(&changed, &verifier).is_err(), "byte {at} bit {bit}");
                }
            }
        }
        let other = SigningKey::from_seed(&[4; 32]).unwrap().verifier("site.example/ledger").unwrap();
        assert!(checkpoint(&text, &other).is_err());
    }

    #[test]
    fn false_proofs_are_refused() {
        let leaf = b"{}";
        let root = tlog_tiles::record_hash(leaf);
        assert!(inclusion(leaf, 0, 1, root, &[]).is_ok());
        assert!(inclusion(leaf, 1, 1, root, &[]).is_err());
        assert!(inclusion(b"[]", 0, 1, root, &[]).is_err());
        assert!(inclusion(leaf, 0, 1, root, &[root]).is_err());
        assert!(inclusion(leaf, 0, u64::MAX, root, &[root; 64]).is_err());
        assert!(consistency((0, tlog_tiles::EMPTY_HASH), (1, root), &[]).is_ok());
        assert!(consistency((0, root), (1, root), &[]).is_err());
        assert!(consistency((2, root), (1, root), &[]).is_err());
    }
}
