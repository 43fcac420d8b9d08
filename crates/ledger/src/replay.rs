//! Reading segments, and before them bundles: recomputes every hash and chain.

use crate::frame::{self, Frame, Next};
use crate::heads::Heads;
use crate::leaf;
use crate::pieces::Window;
use crate::shared::{Places, Point, segment_head, segment_head_v1, segment_name};
use crate::tree::{TILE_WIDTH, Tree};
use crate::{Error, Finding, Hash, Result, VerifierKey, hashes};
use std::path::Path;

/// Sees leaves once they are in the tree, with their hashes. They are of one tile and the newest ones, so that it is
/// the last of them that completes tiles, if any.
pub(crate) trait Observer {
    fn leaves(&mut self, tree: &mut Tree, leaves: &[&[u8]], hashes: &[[u8; 32]]) -> Result<()>;
}

/// The ledger as read so far.
pub(crate) struct Replay<'a> {
    verifier: &'a VerifierKey,
    /// Whether each commit's signature is checked, or the last one's alone. The last root covers
    /// every leaf, so opening needs no more; a full check wants all.
    every_signature: bool,
    /// Where reading begins. What came before a chain's first event from here on is not known.
    from: u64,
    pub tree: Tree,
    pub heads: Heads,
    pub places: Places,
    pub root: Hash,
    pub commits: u64,
    /// Events up to the last commit that holds.
    pub good: u64,
    /// The hashes of the leaves being read, and the segment; kept for their memory.
    hashes: Vec<[u8; 32]>,
    window: Window,
}

/// How far the frames of one segment reach.
pub(crate) struct Extent {
    /// Where the next frame would begin.
    pub end: u64,
    /// The file's length.
    pub length: u64,
    /// Whether all bytes from there are unwritten. Otherwise an unfinished write lies there.
    pub clean: bool,
}

impl<'a> Replay<'a> {
    /// Goes on behind `tree`.
    pub(crate) fn new(verifier: &'a VerifierKey, every_signature: bool, tree: Tree) -> Self {
        Self {
            verifier,
            every_signature,
            from: tree.size(),
            root: tree.root(),
            good: tree.size(),
            tree,
            heads: Heads::default(),
            places: Places::default(),
            commits: 0,
            hashes: Vec::new(),
            window: Window::default(),
        }
    }

    /// Takes leaves; `file` says where they lie, `time` is that of their commit record, if they have one.
    pub(crate) fn leaves(
        &mut self,
        mut leaves: &[&[u8]],
        time: Option<&str>,
        file: &dyn Fn() -> String,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        while !leaves.is_empty() {
            let first = self.tree.size();
            let room = usize::try_from(TILE_WIDTH - first % TILE_WIDTH).unwrap_or(usize::MAX);
            let (group, rest) = leaves.split_at(room.min(leaves.len()));
            // Hash first: whoever observes can name the exact leaf by the tile that holds its hash.
            self.hashes.clear();
            hashes::of_leaves(group, &mut self.hashes);
            self.tree.append(&self.hashes);
            observer.leaves(&mut self.tree, group, &self.hashes)?;
            for (position, leaf) in (first..).zip(group) {
                self.follow(position, leaf, time, file)?;
            }
            leaves = rest;
        }
        Ok(())
    }

    /// Checks the form of a leaf, and puts it on its chains.
    fn follow(
        &mut self,
        position: u64,
        bytes: &[u8],
        time: Option<&str>,
        file: &dyn Fn() -> String,
    ) -> Result<()> {
        let damaged = |what: &str| Err(Error::Damaged(Finding::new(&file(), Some(position), what)));
        let (from, heads) = (self.from, &mut self.heads);
        let mut follows = true;
        let leaf = leaf::scan(bytes, |chain, previous| {
            let older = || Ok(previous.filter(|before| *before < from));
            follows &= heads.advance(chain, position, older).is_ok_and(|head| head == previous);
        });
        let Some(leaf) = leaf else {
            return damaged("a leaf is not of the ledger's form");
        };
        if leaf.position != position || time.is_some_and(|time| leaf.time != time.as_bytes()) {
            return damaged("a leaf names another position or time");
        }
        if follows { Ok(()) } else { damaged("a leaf names another predecessor") }
    }

    /// The leaves so far are bundles' leaves: no commit record stands behind them.
    pub(crate) fn accept(&mut self) {
        self.root = self.tree.root();
        self.good = self.tree.size();
    }

    /// Reads the segment named `first`, which lies at `path`, up to `limit` events in all.
    pub(crate) fn segment(
        &mut self,
        first: u64,
        path: &Path,
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
        self.window.open(path).map_err(Error::io(path))?;
        // Not in `self` meanwhile: what it lends is handed on.
        let mut window = std::mem::take(&mut self.window);
        let extent = self.frames(first, &name, &mut window, path, is_last, limit, observer);
        self.window = window;
        extent
    }

    #[expect(clippy::too_many_arguments, reason = "the second half of the one above")]
    fn frames(
        &mut self,
        first: u64,
        name: &str,
        window: &mut Window,
        path: &Path,
        is_last: bool,
        limit: u64,
        observer: &mut dyn Observer,
    ) -> Result<Extent> {
        let damaged = |position, what: &str| Error::Damaged(Finding::new(name, position, what));
        let head = segment_head(self.verifier.name(), first);
        let bytes = window.at(0, head.len()).map_err(Error::io(path))?;
        if bytes.starts_with(segment_head_v1(self.verifier.name(), first).as_bytes()) {
            return Err(Error::OldFormat);
        }
        if !bytes.starts_with(head.as_bytes()) {
            return Err(damaged(Some(first), "the segment does not begin with its own head"));
        }
        let mut at = head.len() as u64;
        let mut last = None;
        let clean = loop {
            if self.tree.size() >= limit {
                break true;
            }
            match frame::next_in(window, at).map_err(Error::io(path))? {
                Next::Frame(frame) => {
                    let point = Point { first: self.tree.size(), segment: first, offset: at };
                    self.apply(&frame, name, observer)?;
                    self.places.note(point);
                    at += frame.length as u64;
                    last = Some(frame.without_leaves());
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
        Ok(Extent { end: at, length: window.length, clean })
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
        let leaves: Vec<&[u8]> = frame.leaves().collect();
        self.leaves(&leaves, Some(&commit.time), &|| name.to_owned(), observer)?;
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

/// Of the segments beginning at `firsts`, those that hold what full bundles under a checkpoint of
/// `base` events do not; and those that should be gone.
pub(crate) fn live(mut firsts: Vec<u64>, base: u64) -> (Vec<u64>, Vec<u64>) {
    let gone = firsts.iter().skip(1).take_while(|next| **next <= base).count();
    let live = firsts.split_off(gone);
    (live, firsts)
}
