//! Checkpoints (C2SP tlog-checkpoint) with cosignatures of witnesses (C2SP tlog-cosignature).

use crate::key::{Use, VerifierKey};
use crate::merkle::{self, Hash};
use crate::note::{Note, Signature};
use crate::{Error, Result, refused, text};
use std::collections::BTreeSet;

/// Whose word is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    log: VerifierKey,
    witnesses: Vec<VerifierKey>,
    quorum: usize,
}

impl Trust {
    /// The ledger's key, the keys of witnesses, and how many of these must have cosigned; all of
    /// them when not said.
    pub fn new(log: VerifierKey, witnesses: Vec<VerifierKey>, quorum: Option<usize>) -> Result<Self> {
        let misuse = |why: &str| Err(Error::Misuse(why.to_owned()));
        if log.what() != Use::Note {
            return misuse("the ledger's key is one for cosignatures");
        }
        if witnesses.iter().any(|key| key.what() != Use::Cosignature) {
            return misuse("a witness's key is not one for cosignatures");
        }
        // One party under two names would count twice.
        let distinct: BTreeSet<&[u8; 32]> = witnesses.iter().map(VerifierKey::public).collect();
        if distinct.len() != witnesses.len() || distinct.contains(log.public()) {
            return misuse("two of the keys given are the same key");
        }
        let quorum = quorum.unwrap_or(witnesses.len());
        if quorum > witnesses.len() {
            return misuse("the quorum is larger than the number of witnesses given");
        }
        Ok(Self { log, witnesses, quorum })
    }

    /// The ledger's key.
    pub fn log(&self) -> &VerifierKey {
        &self.log
    }

    /// The same keys, with no witness needed: for checkpoints of the past, which the newer one
    /// vouches for.
    pub(crate) fn without_quorum(&self) -> Self {
        Self { quorum: 0, ..self.clone() }
    }
}

/// A checkpoint that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The ledger's name.
    pub origin: String,
    /// Events in the tree.
    pub size: u64,
    /// The tree's root.
    pub root: Hash,
    /// The witnesses that cosigned, with the time of each, in seconds since 1970.
    pub cosigned: Vec<(String, u64)>,
    /// Signatures of keys that were not given. Nobody checked them.
    pub unknown: usize,
}

/// Checks a checkpoint: the ledger signed it, and a quorum of witnesses cosigned it.
pub fn verify(bytes: &[u8], trust: &Trust) -> Result<Checkpoint> {
    let note = Note::parse(bytes)?;
    let (origin, size, root) =
        body(&note.text).ok_or_else(|| Error::Refused("it is not a checkpoint".to_owned()))?;
    let mut signed = false;
    let mut cosigned: Vec<(&VerifierKey, u64)> = Vec::new();
    let mut unknown = 0;
    for signature in &note.signatures {
        let of = |key: &VerifierKey| key.name() == signature.name && key.id() == signature.id;
        if of(&trust.log) {
            if !trust.log.verifies(note.text.as_bytes(), &signature.bytes) {
                return refused("the ledger's signature does not hold");
            }
            signed = true;
        } else if let Some(witness) = trust.witnesses.iter().find(|key| of(key)) {
            let time = cosignature(witness, &note.text, signature).ok_or_else(|| {
                Error::Refused(format!("the cosignature of {} does not hold", witness.name()))
            })?;
            if !cosigned.iter().any(|(key, _)| key.public() == witness.public()) {
                cosigned.push((witness, time));
            }
        } else {
            unknown += 1;
        }
    }
    if !signed {
        return refused("the ledger did not sign it");
    }
    if origin != trust.log.name() {
        return refused("it is of another ledger than the key");
    }
    if cosigned.len() < trust.quorum {
        return refused(format!(
            "{} of the {} witnesses asked for cosigned it",
            cosigned.len(),
            trust.quorum
        ));
    }
    if size == 0 && root != merkle::empty() {
        return refused("its tree is empty and its root is not that of the empty tree");
    }
    let cosigned = cosigned.into_iter().map(|(key, time)| (key.name().to_owned(), time)).collect();
    Ok(Checkpoint { origin, size, root, cosigned, unknown })
}

/// Origin, size and root. Lines after these are signed and mean nothing here.
fn body(body: &str) -> Option<(String, u64, Hash)> {
    let mut lines = body.strip_suffix('\n')?.split('\n');
    let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
    if origin.is_empty() || lines.any(str::is_empty) {
        return None;
    }
    Some((origin.to_owned(), text::number(size)?, Hash(text::base64_of(root)?)))
}

/// The time of a cosignature that holds: eight bytes of seconds, then Ed25519 over the header
/// line, the time line and the text.
fn cosignature(witness: &VerifierKey, body: &str, signature: &Signature) -> Option<u64> {
    let (time, bytes) = signature.bytes.split_first_chunk::<8>()?;
    let time = u64::from_be_bytes(*time);
    let limit = u64::MAX >> 1;
    let message = format!("cosignature/v1\ntime {time}\n{body}");
    (time <= limit && witness.verifies(message.as_bytes(), bytes)).then_some(time)
}
