//! Everything recomputed from stored bytes: leaf hashes, roots and signatures of commit records,
//! predecessor chains, tiles, entry bundles, checkpoint.

use crate::frame::{self, Next};
use crate::replay::{Observer, Replay, segments};
use crate::shared::{lock, segment_head, segment_name, segment_path};
use crate::tree::{Stored, TILE_HEIGHT, TILE_WIDTH, Tree, bundle_path, tile_path};
use crate::{Error, Hash, Ledger, Result, VerifierKey, log, verify};
use std::fmt;
use std::path::{Path, PathBuf};
use tlog_tiles::{Tile, record_hash};

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
    let mut replay = Replay::new(verifier, true);
    let mut tiles = Tiles::new(folder);
    match read_segments(folder, &mut replay, &mut tiles, limit) {
        Ok(unfinished) => report.unfinished = unfinished,
        Err(error) => {
            let mut found = finding(error)?;
            // A wrong root says which batch; the tile that holds the leaves' hashes says which leaf.
            let suspect =
                tiles.suspect.filter(|suspect| found.position.is_some_and(|first| *suspect >= first));
            found.position = suspect.or(found.position);
            report.findings.push(found);
            report.size = replay.good;
            report.commits = replay.commits;
            report.findings.append(&mut tiles.findings);
            return Ok(report);
        }
    }
    report.size = replay.tree.size();
    report.root = Some(replay.root);
    report.commits = replay.commits;
    tiles.finish(&mut replay.tree);
    tiles.walk(Path::new("tile"), report.size)?;
    report.findings.append(&mut tiles.findings);
    report.tiles = tiles.good;
    if let Err(found) = check_checkpoint(folder, verifier, &replay.tree, &mut report)? {
        report.findings.push(found);
    }
    Ok(report)
}

fn finding(error: Error) -> Result<Finding> {
    match error {
        Error::Damaged(finding) => Ok(finding),
        other => Err(other),
    }
}

fn read_segments(folder: &Path, replay: &mut Replay<'_>, tiles: &mut Tiles<'_>, limit: u64) -> Result<bool> {
    let firsts = segments(folder)?;
    let mut unfinished = false;
    for (at, first) in firsts.iter().enumerate() {
        if *first >= limit && *first > 0 {
            break;
        }
        let path = segment_path(folder, *first);
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        let extent = replay.segment(*first, &bytes, at + 1 == firsts.len(), limit, tiles)?;
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
    verifier: &VerifierKey,
    tree: &Tree,
    report: &mut Report,
) -> Result<std::result::Result<(), Finding>> {
    let wrong = |what: &str| Ok(Err(Finding::new("checkpoint", None, what)));
    let path = folder.join("checkpoint");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Ok(())),
        Err(error) => return Err(Error::io(&path)(error)),
    };
    let Some(checkpoint) =
        std::str::from_utf8(&bytes).ok().and_then(|text| verify::checkpoint(text, verifier).ok())
    else {
        return wrong("not a valid checkpoint of this ledger");
    };
    if checkpoint.size > report.size {
        return wrong("it knows of more events than the segments hold");
    }
    let Ok(root) = tlog_tiles::tree_hash(checkpoint.size, &Stored::new(tree, folder)) else {
        return wrong("its root cannot be recomputed from the tiles");
    };
    if root != checkpoint.root {
        return wrong("it has another root than the segments");
    }
    report.checkpoint = Some(checkpoint.size);
    Ok(Ok(()))
}

/// Compares what the segments say with the tiles and bundles on disk.
struct Tiles<'a> {
    folder: &'a Path,
    findings: Vec<Finding>,
    good: u64,
    /// The stored tile of hashes around the current leaf.
    stored: Vec<u8>,
    /// The first leaf whose hash is not the one in the stored tile.
    suspect: Option<u64>,
    /// The current bundle as it should be, and where each entry in it ends.
    bundle: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Tiles<'a> {
    fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            findings: Vec::new(),
            good: 0,
            stored: Vec::new(),
            suspect: None,
            bundle: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn bad(&mut self, name: &Path, what: &str) {
        self.findings.push(Finding::new(&name.display().to_string(), None, what));
    }

    /// The widest stored tile of level 0 at `index`.
    fn load(&self, index: u64) -> Vec<u8> {
        let full = self.folder.join(tile_path(&Tile::new(TILE_HEIGHT, 0, index, 1 << TILE_HEIGHT, false)));
        std::fs::read(&full).unwrap_or_else(|_| {
            let widest = partials(&full).into_iter().max_by_key(|(width, _)| *width);
            widest.and_then(|(_, path)| std::fs::read(path).ok()).unwrap_or_default()
        })
    }

    /// Compares the stored forms of a tile, full and partial, with `bytes`; `cut` gives the length of
    /// the first so many of its parts.
    fn compare(&mut self, name: &Path, bytes: &[u8], is_full: bool, cut: &dyn Fn(u64) -> Option<usize>) {
        let path = self.folder.join(name);
        if is_full && let Ok(found) = std::fs::read(&path) {
            if found == bytes {
                self.good += 1;
            } else {
                self.bad(name, "it differs from the segments");
            }
        }
        for (width, path) in partials(&path) {
            let expected = cut(width).and_then(|length| bytes.get(..length));
            if expected.is_some() && std::fs::read(&path).ok().as_deref() == expected {
                self.good += 1;
            } else {
                let name = path.strip_prefix(self.folder).unwrap_or(&path).to_owned();
                self.bad(&name, "it differs from the segments");
            }
        }
    }

    fn compare_hashes(&mut self, tree: &Tree, level: u8, index: u64) {
        let tile = Tile::new(TILE_HEIGHT, level, index, 1 << TILE_HEIGHT, false);
        let Some(bytes) = tree.tile(level, index) else { return };
        let is_full = bytes.len() == 32 << TILE_HEIGHT;
        self.compare(&tile_path(&tile), bytes, is_full, &|width| {
            usize::try_from(width).ok()?.checked_mul(32)
        });
    }

    fn compare_bundle(&mut self, index: u64) {
        let tile = Tile::new(TILE_HEIGHT, 0, index, 1 << TILE_HEIGHT, false);
        let bundle = std::mem::take(&mut self.bundle);
        let ends = std::mem::take(&mut self.ends);
        let is_full = ends.len() as u64 == TILE_WIDTH;
        let cut = |width: u64| ends.get(usize::try_from(width).ok()?.checked_sub(1)?).copied();
        self.compare(&bundle_path(&tile), &bundle, is_full, &cut);
    }

    /// The tiles that are still growing.
    fn finish(&mut self, tree: &mut Tree) {
        for level in 0..8u8 {
            let width = tree.size().checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
            if !width.is_multiple_of(TILE_WIDTH) {
                self.compare_hashes(tree, level, width / TILE_WIDTH);
            }
        }
        if !self.ends.is_empty() {
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
    let level = text.strip_prefix("entries/").map_or_else(|| text.to_owned(), |rest| format!("0/{rest}"));
    let Ok(tile) = Tile::from_path(&format!("tile/8/{level}")) else { return false };
    let end = tile.level_index().checked_mul(TILE_WIDTH).and_then(|n| n.checked_add(u64::from(tile.width())));
    let shift = u32::from(tile.level()) * u32::from(TILE_HEIGHT);
    end.is_some_and(|end| end <= size.checked_shr(shift).unwrap_or(0))
}

/// The partial forms beside the full tile at `path`, with their widths.
fn partials(path: &Path) -> Vec<(u64, PathBuf)> {
    let mut folder = path.as_os_str().to_owned();
    folder.push(".p");
    let Ok(entries) = std::fs::read_dir(PathBuf::from(folder)) else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path()))
        })
        .collect()
}

impl Observer for Tiles<'_> {
    fn leaf(&mut self, tree: &mut Tree, leaf: &[u8], completed: u8) -> Result<()> {
        let position = tree.size() - 1;
        let slot = usize::try_from(position % TILE_WIDTH).unwrap_or(0);
        if slot == 0 {
            self.stored = self.load(position / TILE_WIDTH);
        }
        let known = self.stored.get(slot * 32..(slot + 1) * 32);
        if known.is_some_and(|known| known != record_hash(leaf).0) {
            self.suspect.get_or_insert(position);
        }
        self.bundle.extend_from_slice(&u16::try_from(leaf.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.bundle.extend_from_slice(leaf);
        self.ends.push(self.bundle.len());
        for level in 0..completed {
            let shift = u32::from(TILE_HEIGHT) * (u32::from(level) + 1);
            let index = (tree.size() >> shift) - 1;
            self.compare_hashes(tree, level, index);
            if level == 0 {
                self.compare_bundle(index);
            }
            let full = Tile::new(TILE_HEIGHT, level, index, 1 << TILE_HEIGHT, false);
            if self.findings.is_empty() && self.folder.join(tile_path(&full)).exists() {
                tree.release(level, index + 1);
            }
        }
        Ok(())
    }
}
