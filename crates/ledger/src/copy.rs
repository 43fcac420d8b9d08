//! Copies of what a ledger published: which files they are, and how a copy is checked by itself.
//!
//! A copy has the ledger's own paths for `vkey`, tiles and bundles, and every checkpoint that was copied
//! under `checkpoints/<size>`, 20 digits. Its files are made once and never changed. Partial tiles and bundles
//! are those of the checkpoints that were copied.

use crate::bundle::{Codec, stored_path};
use crate::check::Report;
use crate::shared::{Shared, lock, whole_tiles};
use crate::tree::{TILE_HEIGHT, TILE_WIDTH, Tree, tile_path};
use crate::{Error, Finding, Hash, Ledger, Result, VerifierKey, hashes, verify};
use std::io;
use std::path::{Path, PathBuf};
use tlog_tiles::Tile;

/// The folder of checkpoints in a copy.
pub const CHECKPOINTS: &str = "checkpoints";

/// What a ledger has published at one moment, beside its full files.
#[derive(Debug, Clone)]
pub struct Published {
    /// Events under the checkpoint.
    pub size: u64,
    /// The checkpoint.
    pub note: String,
    /// The partial tiles and the partial bundle of exactly this size, with their paths.
    pub partial: Vec<(String, Vec<u8>)>,
}

/// Where a copy lies.
pub trait Source {
    /// The bytes at a path; none if nothing is there.
    fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>>;
    /// The sizes of the checkpoints that are there.
    fn checkpoints(&self) -> io::Result<Vec<u64>>;
}

/// A copy in a folder.
pub struct Folder(pub PathBuf);

impl Source for Folder {
    fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        absent(std::fs::read(self.0.join(path)))
    }

    fn checkpoints(&self) -> io::Result<Vec<u64>> {
        let Some(entries) = absent(std::fs::read_dir(self.0.join(CHECKPOINTS)))? else {
            return Ok(Vec::new());
        };
        let mut sizes = Vec::new();
        for entry in entries {
            sizes.extend(entry?.file_name().to_str().and_then(size_of));
        }
        Ok(sizes)
    }
}

fn absent<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether `folder` is a copy, and no ledger.
pub fn is_copy(folder: &Path) -> bool {
    folder.join(CHECKPOINTS).is_dir() && !folder.join("segments").exists()
}

/// The path of the checkpoint of `size` events in a copy.
pub fn checkpoint_path(size: u64) -> String {
    format!("{CHECKPOINTS}/{size:020}")
}

/// The size that the name of a checkpoint in a copy says.
pub fn size_of(name: &str) -> Option<u64> {
    (name.len() == 20 && name.bytes().all(|b| b.is_ascii_digit())).then(|| name.parse().ok())?
}

/// The full files that a published ledger of `to` events has and one of `from` had not, in the order in which
/// they are copied: whoever has one of them has those before it.
pub fn full(from: u64, to: u64) -> impl Iterator<Item = String> {
    (from / TILE_WIDTH..to / TILE_WIDTH).flat_map(|index| {
        let bundle = std::iter::once(text(stored_path(&tile(0, index, TILE_WIDTH))));
        let completed = (0..8u8).map_while(move |level| {
            let width = TILE_WIDTH.checked_pow(u32::from(level))?;
            let end = index.checked_add(1)?;
            end.is_multiple_of(width).then(|| text(tile_path(&tile(level, end / width - 1, TILE_WIDTH))))
        });
        bundle.chain(completed)
    })
}

/// The partial files of a ledger of `size` events.
fn partial(size: u64) -> Vec<(Tile, String)> {
    let mut files = Vec::new();
    for level in 0..8u8 {
        let hashes = size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
        let width = hashes % TILE_WIDTH;
        if width > 0 {
            let one = tile(level, hashes / TILE_WIDTH, width);
            files.push((one, text(tile_path(&one))));
        }
    }
    files
}

fn tile(level: u8, index: u64, width: u64) -> Tile {
    Tile::new(TILE_HEIGHT, level, index, u32::try_from(width).unwrap_or(1), false)
}

fn text(path: PathBuf) -> String {
    path.display().to_string()
}

impl Ledger {
    /// What is published now; none before the first checkpoint. Publishing waits meanwhile.
    pub fn published(&self) -> Result<Option<Published>> {
        let shared = self.shared();
        let _published = lock(&shared.published);
        let path = shared.folder.join("checkpoint");
        let Some(note) = absent(std::fs::read_to_string(&path)).map_err(Error::io(&path))? else {
            return Ok(None);
        };
        let size = verify::checkpoint(&note, &shared.verifier)?.size;
        let mut files = Vec::new();
        for (tile, path) in partial(size) {
            if tile.level() == 0 {
                let path = text(stored_path(&tile));
                files.push((path.clone(), read(shared, &path)?));
            }
            files.push((path.clone(), read(shared, &path)?));
        }
        Ok(Some(Published { size, note, partial: files }))
    }

    /// The bytes of a full file that is published, or of `vkey`.
    pub fn published_file(&self, path: &str) -> Result<Vec<u8>> {
        read(self.shared(), path)
    }
}

fn read(shared: &Shared, path: &str) -> Result<Vec<u8>> {
    let path = shared.folder.join(path);
    std::fs::read(&path).map_err(Error::io(&path))
}

/// Whether two stored bundles hold the same leaves, however they are compressed.
pub fn same_bundle(one: &[u8], other: &[u8]) -> bool {
    let Ok(mut codec) = Codec::new() else { return false };
    let one = codec.unpack(one);
    one.is_some() && one == codec.unpack(other)
}

/// Checks a copy by itself, with the ledger's public key: every leaf of every bundle, every tile, and the root of
/// every checkpoint in it. The order of the copies makes a copy without its newest files a sound older one; what it
/// should have by now is not for it to say.
pub fn check(copy: &dyn Source, verifier: &VerifierKey) -> Result<Report> {
    let unread = |source: io::Error| Error::io(Path::new("the copy"))(source);
    let mut sizes = copy.checkpoints().map_err(unread)?;
    sizes.sort_unstable();
    let mut checked = Checked {
        copy,
        verifier,
        tree: Tree::default(),
        codec: Codec::new().map_err(unread)?,
        report: Report::default(),
        suspects: Vec::new(),
    };
    let stored = checked.get("vkey")?.and_then(|text| String::from_utf8(text).ok());
    if stored.and_then(|text| text.trim_end().parse().ok()).as_ref() != Some(verifier) {
        checked.bad("vkey", None, "another key than the one given");
    }
    let newest = sizes.last().copied().unwrap_or(0);
    let mut due = sizes.into_iter().peekable();
    for index in 0..newest.div_ceil(TILE_WIDTH) {
        let width = TILE_WIDTH.min(newest - index * TILE_WIDTH);
        if !checked.bundle(index, width, &mut due)? {
            break;
        }
    }
    if newest == 0 && due.next().is_some() {
        checked.at_checkpoint(0)?;
    }
    checked.report.size = checked.tree.size();
    checked.report.root = Some(checked.tree.root());
    Ok(checked.report)
}

struct Checked<'a> {
    copy: &'a dyn Source,
    verifier: &'a VerifierKey,
    tree: Tree,
    codec: Codec,
    report: Report,
    /// Tiles that disagree with leaves, and the first leaf: a signed root says which of the two changed.
    suspects: Vec<(String, String, u64)>,
}

impl Checked<'_> {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.copy.get(path).map_err(|source| Error::io(Path::new(path))(source))
    }

    fn bad(&mut self, path: &str, position: Option<u64>, what: &str) {
        self.report.findings.push(Finding::new(path, position, what));
    }

    /// Takes the leaves of a bundle; false where nothing can be said about what comes after.
    fn bundle(
        &mut self,
        index: u64,
        width: u64,
        due: &mut std::iter::Peekable<impl Iterator<Item = u64>>,
    ) -> Result<bool> {
        let first = index * TILE_WIDTH;
        let path = text(stored_path(&tile(0, index, width)));
        let Some(stored) = self.get(&path)? else {
            self.bad(&path, Some(first), "it is missing");
            return Ok(false);
        };
        let leaves = self.codec.unpack(&stored).filter(|leaves| leaves.len() as u64 == width);
        let Some(leaves) = leaves else {
            self.bad(&path, Some(first), "the entry bundle is not what was stored");
            return Ok(false);
        };
        self.report.tiles += 1;
        if first == 0 && due.next_if_eq(&0).is_some() {
            self.at_checkpoint(0)?;
        }
        let mut hashes = Vec::new();
        hashes::of_leaves(&leaves.iter().collect::<Vec<_>>(), &mut hashes);
        let mut rest = hashes.as_slice();
        while !rest.is_empty() {
            // A checkpoint is looked at when the tree has its size.
            let until = due.peek().map_or(u64::MAX, |size| size.saturating_sub(self.tree.size()).max(1));
            let (now, later) = rest.split_at(usize::try_from(until).unwrap_or(usize::MAX).min(rest.len()));
            self.tree.append(now);
            for level in 0..self.tree.completed() {
                self.full_tile(level, &path)?;
            }
            if due.next_if_eq(&self.tree.size()).is_some() {
                self.at_checkpoint(self.tree.size())?;
            }
            rest = later;
        }
        Ok(true)
    }

    /// Compares the tile of `level` that the newest leaf completed.
    fn full_tile(&mut self, level: u8, bundle: &str) -> Result<()> {
        let shift = u32::from(TILE_HEIGHT) * (u32::from(level) + 1);
        let index = self.tree.size().checked_shr(shift).unwrap_or(0).saturating_sub(1);
        let path = text(tile_path(&tile(level, index, TILE_WIDTH)));
        let expected = self.tree.tile(level, index).map(<[u8]>::to_vec).unwrap_or_default();
        self.compare(level, &path, bundle, &expected)?;
        self.tree.release(level, index + 1);
        Ok(())
    }

    fn compare(&mut self, level: u8, path: &str, bundle: &str, expected: &[u8]) -> Result<()> {
        match self.get(path)? {
            None => self.bad(path, None, "it is missing"),
            Some(stored) if stored == expected => self.report.tiles += 1,
            Some(stored) => {
                let same = stored.chunks(32).zip(expected.chunks(32)).take_while(|(a, b)| a == b).count();
                let first = whole_tiles(self.tree.size().saturating_sub(1)).saturating_add(same as u64);
                let position = if level == 0 { first } else { self.tree.size() };
                self.suspects.push((path.to_owned(), bundle.to_owned(), position));
            }
        }
        Ok(())
    }

    fn at_checkpoint(&mut self, size: u64) -> Result<()> {
        let path = checkpoint_path(size);
        let note = self.get(&path)?.and_then(|note| String::from_utf8(note).ok()).unwrap_or_default();
        let signed = match verify::checkpoint(&note, self.verifier) {
            Ok(signed) if signed.size == size => signed.root,
            _ => {
                self.bad(&path, None, "not a checkpoint of this ledger and size");
                return Ok(());
            }
        };
        let bundle = text(stored_path(&tile(0, size / TILE_WIDTH, TILE_WIDTH)));
        for (partial, path) in partial(size) {
            let width = usize::try_from(partial.width()).unwrap_or(0) * 32;
            let grown = self.tree.tile(partial.level(), partial.level_index());
            let expected: Vec<u8> = grown.and_then(|grown| grown.get(..width)).unwrap_or_default().to_vec();
            self.compare(partial.level(), &path, &bundle, &expected)?;
            if partial.level() == 0 {
                self.partial_bundle(&partial, &expected)?;
            }
        }
        self.settle(signed, &path, size);
        Ok(())
    }

    fn partial_bundle(&mut self, partial: &Tile, expected: &[u8]) -> Result<()> {
        let path = text(stored_path(partial));
        let stored = self.get(&path)?.unwrap_or_default();
        let mut found = Vec::new();
        if let Some(leaves) = self.codec.unpack(&stored) {
            hashes::of_leaves(&leaves.iter().collect::<Vec<_>>(), &mut found);
        }
        match found.as_flattened() == expected {
            true => self.report.tiles += 1,
            false => self.bad(&path, None, "the entry bundle is not what was stored"),
        }
        Ok(())
    }

    /// A signed root decides who is right where tiles and leaves disagree.
    fn settle(&mut self, signed: Hash, checkpoint: &str, size: u64) {
        let suspects = std::mem::take(&mut self.suspects);
        if signed == self.tree.root() {
            self.report.checkpoint = Some(size);
            for (tile, _, _) in suspects {
                self.bad(&tile, None, "it differs from what the events give");
            }
        } else if let Some((_, bundle, position)) = suspects.into_iter().next() {
            self.bad(&bundle, Some(position), "the leaf is not the one whose hash is in the tree");
        } else {
            self.bad(checkpoint, None, "the signed checkpoint has another root");
        }
    }
}
