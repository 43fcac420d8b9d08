//! Reading segments from their first byte: recomputes every hash and chain.

use crate::frame::{self, Frame, Next};
use crate::leaf::Leaf;
use crate::shared::{Index, Point, segment_head, segment_name};
use crate::tree::Tree;
use crate::{Error, Finding, Hash, Result, VerifierKey};
use std::collections::HashMap;
use std::path::Path;
use tlog_tiles::record_hash;

/// Sees each leaf once it is in the tree: the tree, the leaf, and how many levels of tiles it
/// completed.
pub(crate) trait Observer {
    fn leaf(&mut self, tree: &mut Tree, leaf: &[u8], completed: u8) -> Result<()>;
}

/// The ledger as read so far.
pub(crate) struct Replay<'a> {
    verifier: &'a VerifierKey,
    /// Whether each commit's signature is checked, or the last one's alone. The last root covers
    /// every leaf, so opening needs no more; a full check wants all.
    every_signature: bool,
    pub tree: Tree,
    pub heads: HashMap<String, u64>,
    pub index: Index,
    pub root: Hash,
    pub commits: u64,
    /// Events up to the last commit that holds.
    pub good: u64,
}

/// How far the frames of one segment reach.
pub(crate) struct Extent {
    /// Where the next frame would begin.
    pub end: usize,
    /// Whether all bytes from there are unwritten. Otherwise an unfinished write lies there.
    pub clean: bool,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(verifier: &'a VerifierKey, every_signature: bool) -> Self {
        Self {
            verifier,
            every_signature,
            tree: Tree::default(),
            heads: HashMap::new(),
            index: Index::default(),
            root: tlog_tiles::EMPTY_HASH,
            commits: 0,
            good: 0,
        }
    }

    /// Reads the segment named `first`, whose content is `bytes`, up to `limit` events in all.
    pub(crate) fn segment(
        &mut self,
        first: u64,
        bytes: &[u8],
        is_last: bool,
        limit: u64,
        observer: &mut dyn Observer,
    ) -> Result<Extent> {
        let name = segment_name(first);
        let damaged = |position, what: &str| Error::Damaged(Finding::new(&name, position, what));
        if first != self.tree.size() {
            let what = format!("events {} to {first} are missing before this segment", self.tree.size());
            return Err(damaged(Some(self.tree.size()), &what));
        }
        let head = segment_head(self.verifier.name(), first);
        if !bytes.starts_with(head.as_bytes()) {
            return Err(damaged(Some(first), "the segment does not begin with its own head"));
        }
        let mut at = head.len();
        let mut last = None;
        let clean = loop {
            if self.tree.size() >= limit {
                break true;
            }
            match frame::next(bytes.get(at..).unwrap_or_default(), at) {
                Next::Frame(frame) => {
                    let point = Point { first: self.tree.size(), segment: first, offset: at as u64 };
                    self.apply(&frame, &name, observer)?;
                    self.index.note(point);
                    at += frame.length;
                    last = Some(frame);
                }
                Next::End => break true,
                Next::Unfinished if is_last => break false,
                Next::Unfinished => {
                    return Err(damaged(
                        Some(self.tree.size()),
                        "an unfinished batch before the last segment",
                    ));
                }
                Next::Damaged(what) => return Err(damaged(Some(self.tree.size()), what)),
            }
        };
        if let Some(frame) = last
            && !self.every_signature
            && !frame.is_signed_by(self.verifier)
        {
            return Err(damaged(
                Some(frame.commit.first),
                "a commit record is not signed by the ledger's key",
            ));
        }
        Ok(Extent { end: at, clean })
    }

    fn apply(&mut self, frame: &Frame<'_>, name: &str, observer: &mut dyn Observer) -> Result<()> {
        let commit = &frame.commit;
        let damaged =
            |position: u64, what: &str| Err(Error::Damaged(Finding::new(name, Some(position), what)));
        let size = self.tree.size();
        if commit.first != size {
            return damaged(size, "a commit record names other positions");
        }
        if self.every_signature && !frame.is_signed_by(self.verifier) {
            return damaged(size, "a commit record is not signed by the ledger's key");
        }
        if commit.previous_root != self.root {
            return damaged(size, "a commit record names another root before it");
        }
        for bytes in frame.leaves() {
            let position = self.tree.size();
            // Hash first: whoever observes can name the exact leaf by the tile that holds its hash.
            let completed = self.tree.push(record_hash(bytes));
            observer.leaf(&mut self.tree, bytes, completed)?;
            let Some(leaf) = Leaf::parse(bytes) else {
                return damaged(position, "a leaf is not of the ledger's form");
            };
            if leaf.position != position || leaf.time != commit.time {
                return damaged(position, "a leaf names another position or time");
            }
            for (chain, previous) in leaf.previous {
                if self.heads.get(chain).copied() != previous {
                    return damaged(position, "a leaf names another predecessor");
                }
                match self.heads.get_mut(chain) {
                    Some(head) => *head = position,
                    None => drop(self.heads.insert(chain.to_owned(), position)),
                }
            }
        }
        if self.tree.root() != commit.root {
            return damaged(commit.first, "the leaves of a batch do not have the root of its commit record");
        }
        self.root = commit.root;
        self.commits += 1;
        self.good = self.tree.size();
        Ok(())
    }
}

/// The first positions of the segments under `folder`, in order.
pub(crate) fn segments(folder: &Path) -> Result<Vec<u64>> {
    let path = folder.join("segments");
    let mut firsts = Vec::new();
    for entry in std::fs::read_dir(&path).map_err(Error::io(&path))? {
        let name = entry.map_err(Error::io(&path))?.file_name();
        let first = name.to_str().and_then(|name| name.strip_suffix(".seg")).and_then(|n| n.parse().ok());
        match first {
            Some(first) => firsts.push(first),
            // A draft of a segment that a crash left behind.
            None if name.to_string_lossy().ends_with(".new") => {}
            None => {
                let file = format!("segments/{}", name.to_string_lossy());
                return Err(Error::Damaged(Finding::new(&file, None, "not a file of the ledger")));
            }
        }
    }
    firsts.sort_unstable();
    Ok(firsts)
}
