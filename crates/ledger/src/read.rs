//! Reading the ledger: records, heads, roots, checkpoints and proofs. Nothing that is not durable
//! is ever shown.

use crate::frame::{HEADER_LIMIT, Header, Next, next};
use crate::shared::{Shared, segment_name, segment_path};
use crate::tree::Stored;
use crate::{Error, Finding, Hash, Ledger, Result, publish, verify};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
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
    pub fn head(&self, chain: &str) -> Option<u64> {
        self.shared().read().heads.get(chain).copied()
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
        let leaves = stored_records(self.shared(), positions)?;
        Ok((first..)
            .zip(leaves)
            .map(|(position, leaf)| Record { position, hash: record_hash(&leaf), leaf })
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

/// The leaves of `positions`, all of them durable, from the segments.
pub(crate) fn stored_records(shared: &Shared, positions: Range<u64>) -> Result<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    let mut wanted = positions.start;
    while wanted < positions.end {
        let point = shared.read().index.find(wanted);
        let Some(point) = point else { return Err(Error::Beyond { position: wanted, size: wanted }) };
        let path = segment_path(&shared.folder, point.segment);
        let file = File::open(&path).map_err(Error::io(&path))?;
        let mut offset = point.offset;
        // Frames follow one another in a segment; a new segment always has a point of its own.
        let before = wanted;
        while wanted < positions.end {
            let Some(header) = header_at(&file, offset).map_err(Error::io(&path))? else { break };
            let end = header.first.saturating_add(header.count);
            if end > wanted {
                take_leaves(&file, offset, &header, wanted..positions.end.min(end), &mut out)
                    .map_err(Error::io(&path))?;
                wanted = positions.end.min(end);
            }
            offset += header.total().unwrap_or(0) as u64;
        }
        if wanted == before {
            let what = "a batch is not where it was written";
            return Err(Error::Damaged(Finding::new(&segment_name(point.segment), Some(wanted), what)));
        }
    }
    Ok(out)
}

fn header_at(file: &File, offset: u64) -> io::Result<Option<Header>> {
    let mut bytes = [0u8; HEADER_LIMIT];
    let mut have = 0;
    while let Some(space) = bytes.get_mut(have..).filter(|space| !space.is_empty()) {
        let read = file.read_at(space, offset + have as u64)?;
        if read == 0 {
            break;
        }
        have += read;
    }
    Ok(Header::parse(bytes.get(..have).unwrap_or_default()))
}

fn take_leaves(
    file: &File,
    offset: u64,
    header: &Header,
    wanted: Range<u64>,
    out: &mut Vec<Vec<u8>>,
) -> io::Result<()> {
    let changed = || io::Error::new(io::ErrorKind::InvalidData, "a batch changed since it was written");
    let mut bytes = vec![0; header.total().ok_or_else(changed)?];
    file.read_exact_at(&mut bytes, offset)?;
    let Next::Frame(frame) = next(&bytes, usize::try_from(offset).unwrap_or(0)) else {
        return Err(changed());
    };
    let skip = usize::try_from(wanted.start - header.first).unwrap_or(usize::MAX);
    let count = usize::try_from(wanted.end - wanted.start).unwrap_or(0);
    out.extend(frame.leaves().skip(skip).take(count).map(<[u8]>::to_vec));
    Ok(())
}
