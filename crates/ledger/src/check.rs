//! Everything recomputed from stored bytes: leaf hashes, predecessor chains, tiles, entry bundles,
//! checkpoint, and the roots and signatures of the commit records that are still there.

use crate::bundle::{Codec, stored_path};
use crate::frame::{self, Next};
use crate::leaves::Leaves;
use crate::pieces::Whole;
use crate::recover::{GONE, had_checkpoint, stored_checkpoint};
use crate::replay::{Observer, Replay, live, segments};
use crate::shared::{lock, segment_head, segment_name, segment_path, whole_tiles};
use crate::stored::{read_bundle, read_bundle_into};
use crate::tree::{Stored, TILE_HEIGHT, TILE_WIDTH, Tree, partial_folder, partials, stored_forms, tile_path};
use crate::{Error, Hash, Ledger, Result, VerifierKey, log, verify};
use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use tlog_tiles::Tile;

/// What a full check found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Events that were checked and hold.
    pub size: u64,
    /// The root of these events.
    pub root: Option<Hash>,
    /// Commit records whose root and signature hold.
    pub commits: u64,
    /// Tiles and entry bundles, full or partial, that hold.
    pub tiles: u64,
    /// The size of the published checkpoint, if there is one and it holds.
    pub checkpoint: Option<u64>,
    /// Whether a write without a commit lies at the end: a crash left it, the next open removes it.
    pub unfinished: bool,
    /// Damage, in the order found. Segments are not read beyond the first damage in them.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Something stored that is not what was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, below the ledger's folder.
    pub file: String,
    /// The event, or the first event of the batch, if one is concerned.
    pub position: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl Finding {
    pub(crate) fn new(file: &str, position: Option<u64>, what: &str) -> Self {
        Self { file: file.to_owned(), position, what: what.to_owned() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.file)?;
        if let Some(position) = self.position {
            write!(f, " at position {position}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl Ledger {
    /// Checks all that is durable now, from its bytes, while the ledger goes on. Publishing waits.
    pub fn verify_full(&self) -> Result<Report> {
        let shared = self.shared();
        let _published = lock(&shared.published);
        let mut report = run(&shared.folder, &shared.verifier, self.size())?;
        if report.is_sound() {
            // What lies after the last frame can be looked at only while nothing is being written.
            let _writing = lock(&shared.writing);
            check_tail(&shared.folder, &shared.verifier, &mut report)?;
        }
        shared.index.check(&mut report.findings)?;
        Ok(report)
    }
}

/// Checks the ledger in `folder` that no process has open, or a copy of one.
pub fn folder(folder: &Path, verifier: &VerifierKey) -> Result<Report> {
    run(folder, verifier, u64::MAX)
}

fn run(folder: &Path, verifier: &VerifierKey, limit: u64) -> Result<Report> {
    let mut report = Report::default();
    match log::stored_verifier(folder) {
        Ok(stored) if stored == *verifier => {}
        Ok(_) => report.findings.push(Finding::new("vkey", None, "another key than the one given")),
        Err(error) => report.findings.push(finding(error)?),
    }
    let checkpoint = stored_checkpoint(folder, verifier);
    let base = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.as_ref().map_or(0, |c| c.size));
    let (firsts, _) = live(segments(folder)?, whole_tiles(base));
    let start = firsts.first().copied().unwrap_or(0);
    let mut replay = Replay::new(verifier, true, Tree::default());
    let mut tiles = Tiles::new(folder, base)?;
    let read = read_bundles(folder, start, &mut replay, &mut tiles)
        .and_then(|()| read_segments(folder, &firsts, &mut replay, &mut tiles, limit));
    report.commits = replay.commits;
    match read {
        Ok(unfinished) => report.unfinished = unfinished,
        Err(error) => {
            let mut found = finding(error)?;
            // A wrong root says which batch; the tile that holds the leaves' hashes says which leaf.
            match tiles.suspect {
                Some(suspect) if suspect < start && found.position.is_some_and(|at| at >= start) => {
                    found = tiles.changed_leaf(suspect);
                }
                Some(suspect) if found.position.is_some_and(|first| suspect >= first) => {
                    found.position = Some(suspect);
                }
                _ => {}
            }
            report.findings.push(found);
            report.size = replay.good;
            report.findings.append(&mut tiles.findings);
            return Ok(report);
        }
    }
    report.size = replay.tree.size();
    report.root = Some(replay.root);
    tiles.finish(&mut replay.tree);
    tiles.walk(Path::new("tile"), report.size)?;
    report.findings.append(&mut tiles.findings);
    report.tiles = tiles.good;
    match checkpoint {
        Err(Error::Damaged(found)) => report.findings.push(found),
        Err(error) => return Err(error),
        Ok(None) if had_checkpoint(start, report.commits, report.unfinished) => {
            report.findings.push(Finding::new("checkpoint", None, GONE));
        }
        Ok(None) => {}
        Ok(Some(checkpoint)) => {
            if let Err(what) = check_checkpoint(folder, &checkpoint, &replay.tree, &mut report) {
                // Bundles have no commit record: it is the signed root that says that a leaf changed.
                let found = match tiles.suspect.filter(|suspect| *suspect < start) {
                    Some(position) => tiles.changed_leaf(position),
                    None => Finding::new("checkpoint", None, what),
                };
                report.findings.insert(0, found);
            }
        }
    }
    Ok(report)
}

fn finding(error: Error) -> Result<Finding> {
    match error {
        Error::Damaged(finding) => Ok(finding),
        other => Err(other),
    }
}

/// The events before `start` lie in bundles alone.
fn read_bundles(folder: &Path, start: u64, replay: &mut Replay<'_>, tiles: &mut Tiles<'_>) -> Result<()> {
    let mut codec = Codec::new().map_err(Error::io(folder))?;
    let (mut file, mut leaves) = (Whole::default(), Leaves::default());
    let mut first = 0;
    while first < start {
        let index = first / TILE_WIDTH;
        let end = start.min(first + TILE_WIDTH);
        read_bundle_into(folder, index, &mut codec, &mut file, &mut leaves)?;
        // A whole one is what it is compared with; the one that the segments begin in is not.
        tiles.from_bundle = end == first + TILE_WIDTH;
        let wanted: Vec<&[u8]> = leaves.iter().take(usize::try_from(end - first).unwrap_or(0)).collect();
        replay.leaves(&wanted, None, &|| bundle_name(index), tiles)?;
        tiles.from_bundle = false;
        first = end;
    }
    replay.accept();
    Ok(())
}

fn read_segments(
    folder: &Path,
    firsts: &[u64],
    replay: &mut Replay<'_>,
    tiles: &mut Tiles<'_>,
    limit: u64,
) -> Result<bool> {
    let mut unfinished = false;
    for (at, first) in firsts.iter().enumerate() {
        if *first >= limit && *first > 0 {
            break;
        }
        let path = segment_path(folder, *first);
        let extent = replay.segment(*first, &path, at + 1 == firsts.len(), limit, tiles)?;
        unfinished = !extent.clean;
    }
    if firsts.is_empty() {
        return Err(Error::Damaged(Finding::new(&segment_name(0), Some(0), "the first segment is missing")));
    }
    Ok(unfinished)
}

/// Frames of the last segment follow one another up to unwritten space.
fn check_tail(folder: &Path, verifier: &VerifierKey, report: &mut Report) -> Result<()> {
    let Some(first) = segments(folder)?.pop() else { return Ok(()) };
    let path = segment_path(folder, first);
    let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
    let mut at = segment_head(verifier.name(), first).len();
    loop {
        match frame::next(bytes.get(at..).unwrap_or_default(), at) {
            Next::Frame(frame) => at += frame.length,
            Next::End => return Ok(()),
            Next::Unfinished => {
                report.unfinished = true;
                return Ok(());
            }
            Next::Damaged(what) => {
                report.findings.push(Finding::new(&segment_name(first), Some(report.size), what));
                return Ok(());
            }
        }
    }
}

fn check_checkpoint(
    folder: &Path,
    checkpoint: &verify::Checkpoint,
    tree: &Tree,
    report: &mut Report,
) -> std::result::Result<(), &'static str> {
    if checkpoint.size > report.size {
        return Err("it knows of more events than are held");
    }
    match tlog_tiles::tree_hash(checkpoint.size, &Stored::new(tree, folder)) {
        Err(_) => Err("its root cannot be recomputed from the tiles"),
        Ok(root) if root != checkpoint.root => Err("the signed checkpoint has another root"),
        Ok(_) => {
            report.checkpoint = Some(checkpoint.size);
            Ok(())
        }
    }
}

/// Compares what the leaves say with the tiles and bundles on disk.
struct Tiles<'a> {
    folder: &'a Path,
    codec: Codec,
    /// Whether the leaves come out of the bundle itself.
    from_bundle: bool,
    /// Events under the published checkpoint.
    covered: u64,
    findings: Vec<Finding>,
    good: u64,
    /// The stored tile of hashes around the current leaf, and whether it is the full one.
    stored: Whole,
    stored_full: bool,
    /// Folders of partial tiles and bundles. Few, and so asked instead of the disk for each full one.
    growing: HashSet<PathBuf>,
    /// The first leaf whose hash is not the one in the stored tile.
    suspect: Option<u64>,
    /// The current bundle as it should be.
    bundle: Leaves,
}

impl<'a> Tiles<'a> {
    fn new(folder: &'a Path, covered: u64) -> Result<Self> {
        Ok(Self {
            folder,
            codec: Codec::new().map_err(Error::io(folder))?,
            from_bundle: false,
            covered,
            findings: Vec::new(),
            good: 0,
            stored: Whole::default(),
            stored_full: false,
            growing: growing(&folder.join("tile"))?,
            suspect: None,
            bundle: Leaves::default(),
        })
    }

    fn bad(&mut self, name: &Path, what: &str) {
        self.findings.push(Finding::new(&name.display().to_string(), None, what));
    }

    /// The finding for a leaf in a bundle, once a signed root says that it is the leaf and not the tile.
    fn changed_leaf(&self, position: u64) -> Finding {
        let what = "the leaf is not the one whose hash is in the tree";
        Finding::new(&bundle_name(position / TILE_WIDTH), Some(position), what)
    }

    /// Reads the widest stored tile of level 0 at `index`.
    fn load(&mut self, index: u64) {
        let full = self.folder.join(tile_path(&full_tile(0, index)));
        self.stored_full = self.stored.read(&full).is_ok();
        if !self.stored_full {
            let widest = stored_forms(&full).into_iter().next();
            // One that cannot be read is empty.
            let _ = widest.map(|(_, path)| self.stored.read(&path).is_ok());
        }
    }

    /// The partial forms beside the full tile or bundle at `full`, with their widths.
    fn partial(&self, full: &Path) -> Vec<(u64, PathBuf)> {
        if self.growing.contains(&partial_folder(full)) { partials(full) } else { Vec::new() }
    }

    /// Looks for the first of these leaves whose hash is not the one in the stored tile.
    fn compare_leaves(&mut self, first: u64, hashes: &[[u8; 32]]) {
        let slot = usize::try_from(first % TILE_WIDTH).unwrap_or(0);
        if slot == 0 || self.stored.bytes().is_empty() {
            self.load(first / TILE_WIDTH);
        }
        let known = self.stored.bytes().as_chunks::<32>().0.get(slot..).unwrap_or_default();
        // As a rule all are the same: one comparison says so.
        if !known.starts_with(hashes) {
            let other = known.iter().zip(hashes).position(|(known, hash)| known != hash);
            self.suspect = self.suspect.or(other.map(|other| first + other as u64));
        }
    }

    /// Compares the forms of a tile that are stored; whether the full one is among them.
    fn compare_hashes(&mut self, tree: &Tree, level: u8, index: u64) -> bool {
        let full = self.folder.join(tile_path(&full_tile(level, index)));
        let Some(bytes) = tree.tile(level, index) else { return full.exists() };
        for (width, path) in self.partial(&full) {
            let expected = usize::try_from(width).ok().and_then(|width| bytes.get(..width.checked_mul(32)?));
            let agrees = expected.is_some() && std::fs::read(&path).ok().as_deref() == expected;
            self.judge(&path, agrees);
        }
        let agrees = match (level == 0 && self.stored_full).then(|| self.stored.bytes() == bytes) {
            Some(agrees) => agrees,
            None => match std::fs::read(&full) {
                Ok(stored) => stored == bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return false,
                Err(_) => false,
            },
        };
        self.judge(&full, agrees && bytes.len() as u64 == TILE_WIDTH * 32);
        true
    }

    /// Compares the forms of a bundle that are stored; whether the full one is among them.
    fn compare_bundle(&mut self, index: u64) -> bool {
        let full = self.folder.join(stored_path(&full_tile(0, index)));
        let mut forms = self.partial(&full);
        // A partial one that a crash left beside a whole one: rare enough to read the whole one again.
        if self.from_bundle && !forms.is_empty() {
            self.bundle = read_bundle(self.folder, index, &mut self.codec).unwrap_or_default();
        }
        let is_there = self.from_bundle || full.exists();
        if self.from_bundle {
            self.good += 1;
        } else if is_there {
            forms.push((TILE_WIDTH, full));
        }
        for (width, path) in forms {
            let width = usize::try_from(width).unwrap_or(usize::MAX);
            let stored = std::fs::read(&path).ok().and_then(|bytes| self.codec.unpack(&bytes));
            let agrees = stored.is_some_and(|stored| {
                stored.len() == width
                    && width <= self.bundle.len()
                    && stored.iter().eq(self.bundle.iter().take(width))
            });
            self.judge(&path, agrees);
        }
        self.bundle.clear();
        is_there
    }

    /// What the checkpoint covers must be there in full.
    fn expect(&mut self, name: impl Fn(&Tile) -> PathBuf, full: &Tile, end: u64, is_there: bool) {
        if end <= self.covered && !is_there {
            self.bad(&name(full), "it is missing");
        }
    }

    fn judge(&mut self, path: &Path, agrees: bool) {
        if agrees {
            self.good += 1;
        } else {
            let name = path.strip_prefix(self.folder).unwrap_or(path).to_owned();
            self.bad(&name, "it differs from what the events give");
        }
    }

    /// The tiles that are still growing.
    fn finish(&mut self, tree: &mut Tree) {
        for level in 0..8u8 {
            let width = tree.size().checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
            if !width.is_multiple_of(TILE_WIDTH) {
                self.compare_hashes(tree, level, width / TILE_WIDTH);
            }
        }
        if !self.bundle.is_empty() {
            self.compare_bundle(tree.size() / TILE_WIDTH);
        }
    }

    /// Every file below `name` must be a tile of a tree of `size` events.
    fn walk(&mut self, name: &Path, size: u64) -> Result<()> {
        let path = self.folder.join(name);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io(&path)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(Error::io(&path))?;
            let name = name.join(entry.file_name());
            if entry.file_type().map_err(Error::io(&path))?.is_dir() {
                self.walk(&name, size)?;
            } else if !is_known(&name, size) {
                self.bad(&name, "not a tile of the events in the segments");
            }
        }
        Ok(())
    }
}

fn is_known(name: &Path, size: u64) -> bool {
    let Some(text) = name.to_str().and_then(|name| name.strip_prefix("tile/")) else { return false };
    // A draft that a crash left behind.
    if text.starts_with("draft-") && text.ends_with(".new") {
        return true;
    }
    let level = match text.strip_prefix("entries/") {
        None => text.to_owned(),
        Some(rest) => match rest.strip_suffix(".zst") {
            Some(rest) => format!("0/{rest}"),
            None => return false,
        },
    };
    let Ok(tile) = Tile::from_path(&format!("tile/8/{level}")) else { return false };
    let end = tile.level_index().checked_mul(TILE_WIDTH).and_then(|n| n.checked_add(u64::from(tile.width())));
    let shift = u32::from(tile.level()) * u32::from(TILE_HEIGHT);
    end.is_some_and(|end| end <= size.checked_shr(shift).unwrap_or(0))
}

impl Observer for Tiles<'_> {
    fn leaves(&mut self, tree: &mut Tree, leaves: &[&[u8]], hashes: &[[u8; 32]]) -> Result<()> {
        self.compare_leaves(tree.size().saturating_sub(leaves.len() as u64), hashes);
        if !self.from_bundle {
            leaves.iter().for_each(|leaf| self.bundle.push(leaf));
        }
        for level in 0..tree.completed() {
            let shift = u32::from(TILE_HEIGHT) * (u32::from(level) + 1);
            let index = (tree.size() >> shift) - 1;
            let (full, end) = (full_tile(level, index), (index + 1) << shift);
            let is_there = self.compare_hashes(tree, level, index);
            self.expect(tile_path, &full, end, is_there);
            if level == 0 {
                let is_there = self.compare_bundle(index);
                self.expect(stored_path, &full, end, is_there);
            }
            if self.findings.is_empty() && is_there {
                tree.release(level, index + 1);
            }
        }
        Ok(())
    }
}

/// The folders of partial files below `folder`, itself one below the ledger's.
fn growing(folder: &Path) -> Result<HashSet<PathBuf>> {
    let mut found = HashSet::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io(&folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(Error::io(&folder))?;
            if !entry.file_type().map_err(Error::io(&folder))?.is_dir() {
                continue;
            }
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "p") {
                found.insert(path);
            } else {
                left.push(path);
            }
        }
    }
    Ok(found)
}

/// The name of the full bundle `index`.
fn bundle_name(index: u64) -> String {
    stored_path(&full_tile(0, index)).display().to_string()
}

fn full_tile(level: u8, index: u64) -> Tile {
    Tile::new(TILE_HEIGHT, level, index, 1 << TILE_HEIGHT, false)
}
