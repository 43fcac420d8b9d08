//! Reading the ledger: records, heads, roots, checkpoints and proofs. Nothing that is not durable
//! is ever shown.

use crate::leaf::Leaf;
use crate::shared::{Shared, lock};
use crate::tree::Stored;
use crate::{Error, Finding, Hash, Ledger, Result, index, publish, stored, verify};
use base::Timestamp;
use std::ops::Range;
use tlog_tiles::{prove_record, prove_tree, record_hash, tree_hash};

/// An event as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its position, from 0.
    pub position: u64,
    /// The line that is hashed; see [`crate::leaf::Leaf::parse`].
    pub leaf: Vec<u8>,
    /// RFC 6962 hash of the leaf.
    pub hash: Hash,
}

/// How a checkpoint kept elsewhere relates to this ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The ledger begins with what the checkpoint signed.
    Consistent,
    /// The ledger has other events than the checkpoint signed: history was rewritten.
    Diverged,
    /// The checkpoint knows of more events than the ledger holds: it was rolled back.
    Ahead,
}

impl Ledger {
    /// Durable events.
    pub fn size(&self) -> u64 {
        self.shared().read().durable
    }

    /// The position of the last event on `chain`.
    pub fn head(&self, chain: &str) -> Result<Option<u64>> {
        let shared = self.shared();
        let known = {
            let heads = lock(&shared.heads);
            let durable = shared.read().durable;
            heads.newest(chain, durable)
        };
        match known {
            Some(head) => Ok(head),
            None => index::newest(shared, chain),
        }
    }

    /// The first position whose event is of `time` or later, or the size if there is none. Events
    /// are in the order of positions; where the clock was set back, an earlier position may have a
    /// later time, and this is one of the borders between earlier and later.
    pub fn at_time(&self, time: Timestamp) -> Result<u64> {
        let (mut low, mut high) = (0, self.size());
        while low < high {
            let middle = low + (high - low) / 2;
            let leaves = stored::leaves(self.shared(), middle..middle + 1)?;
            let leaf = leaves.get(0).and_then(Leaf::parse);
            let found: Option<Timestamp> = leaf.and_then(|leaf| leaf.time.parse().ok());
            let what = "a leaf is not of the ledger's form";
            let damaged = || Error::Damaged(Finding::new("tile/entries", Some(middle), what));
            if found.ok_or_else(damaged)? < time { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// The event at `position`.
    pub fn read(&self, position: u64) -> Result<Record> {
        let mut records = self.range(position..position.saturating_add(1))?;
        records.pop().ok_or(Error::Beyond { position, size: self.size() })
    }

    /// The events of `positions`, in order, read from disk.
    pub fn range(&self, positions: Range<u64>) -> Result<Vec<Record>> {
        let size = self.size();
        if positions.end > size {
            return Err(Error::Beyond { position: positions.end.saturating_sub(1), size });
        }
        let first = positions.start;
        let leaves = stored::leaves(self.shared(), positions)?;
        Ok((first..)
            .zip(leaves.iter())
            .map(|(position, leaf)| Record { position, hash: record_hash(leaf), leaf: leaf.to_vec() })
            .collect())
    }

    /// The root of the first `size` events.
    pub fn root(&self, size: u64) -> Result<Hash> {
        root_of(self.shared(), size)
    }

    /// A freshly signed checkpoint of the durable events (C2SP tlog-checkpoint in a signed note).
    /// Reads back first what was committed since the last one: stored bytes that are not what was
    /// committed are never signed.
    pub fn checkpoint(&self) -> Result<String> {
        let shared = self.shared();
        let (size, root) = {
            let state = shared.read();
            (state.durable, state.root)
        };
        publish::check_stored(shared, size)?;
        verify::sign_checkpoint(&shared.key, &shared.verifier, size, root)
    }

    /// The proof that `position` is in the tree of `size` events; at most 64 hashes.
    pub fn inclusion(&self, position: u64, size: u64) -> Result<Vec<Hash>> {
        self.within(size)?;
        if position >= size {
            return Err(Error::Beyond { position, size });
        }
        let shared = self.shared();
        let state = shared.read();
        prove_record(size, position, &Stored::new(&state.tree, &shared.folder)).map_err(|_| unreadable())
    }

    /// The proof that the tree of `old` events begins the tree of `new` events; empty for `old` 0.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>> {
        self.within(new)?;
        if old > new {
            return Err(Error::Beyond { position: old, size: new });
        }
        if old == 0 {
            return Ok(Vec::new());
        }
        let shared = self.shared();
        let state = shared.read();
        prove_tree(new, old, &Stored::new(&state.tree, &shared.folder)).map_err(|_| unreadable())
    }

    /// Compares the ledger with a checkpoint kept elsewhere. An error if the text is not a checkpoint
    /// signed by this ledger's key.
    pub fn compare(&self, checkpoint: &str) -> Result<Comparison> {
        let theirs = verify::checkpoint(checkpoint, self.verifier())?;
        if theirs.size > self.size() {
            return Ok(Comparison::Ahead);
        }
        let same = self.root(theirs.size)? == theirs.root;
        Ok(if same { Comparison::Consistent } else { Comparison::Diverged })
    }

    fn within(&self, size: u64) -> Result<()> {
        let durable = self.size();
        if size > durable { Err(Error::Beyond { position: size, size: durable }) } else { Ok(()) }
    }
}

fn unreadable() -> Error {
    Error::Damaged(Finding::new("tile", None, "a tile cannot be read"))
}

pub(crate) fn root_of(shared: &Shared, size: u64) -> Result<Hash> {
    let state = shared.read();
    if size == state.durable {
        return Ok(state.root);
    }
    if size > state.durable {
        return Err(Error::Beyond { position: size, size: state.durable });
    }
    tree_hash(size, &Stored::new(&state.tree, &shared.folder)).map_err(|_| unreadable())
}
