//! Leaves read from disk: from bundles as far as those are full and published, from segments beyond.

use crate::bundle::{Codec, stored_path};
use crate::frame::{HEADER_LIMIT, Header, Next, next};
use crate::leaves::Leaves;
use crate::pieces::Whole;
use crate::shared::{Shared, lock, segment_name, segment_path};
use crate::tree::{TILE_HEIGHT, TILE_WIDTH};
use crate::{Error, Finding, Result};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tlog_tiles::Tile;

/// Bytes of unpacked bundles that are kept for the next reader.
const KEPT: usize = 8 << 20;

/// Bundles read of late.
#[derive(Default)]
pub(crate) struct Recent(Mutex<VecDeque<(u64, Arc<Leaves>)>>);

impl Recent {
    fn find(&self, index: u64) -> Option<Arc<Leaves>> {
        let kept = lock(&self.0);
        kept.iter().find(|(at, _)| *at == index).map(|(_, leaves)| Arc::clone(leaves))
    }

    fn keep(&self, index: u64, leaves: &Arc<Leaves>) {
        let mut kept = lock(&self.0);
        kept.push_front((index, Arc::clone(leaves)));
        let mut bytes = 0;
        let fits = kept.iter().take_while(|(_, leaves)| {
            bytes += leaves.size();
            bytes <= KEPT
        });
        let count = fits.count().max(1);
        kept.truncate(count);
    }
}

/// The leaves of `positions`, all of them durable.
pub(crate) fn leaves(shared: &Shared, positions: Range<u64>) -> Result<Leaves> {
    let mut out = Leaves::default();
    let mut wanted = positions.start;
    while wanted < positions.end {
        let bundled = shared.bundled().min(positions.end);
        if wanted < bundled {
            let index = wanted / TILE_WIDTH;
            let bundle = one_bundle(shared, index)?;
            let end = bundled.min((index + 1) * TILE_WIDTH);
            for position in wanted..end {
                let at = usize::try_from(position % TILE_WIDTH).unwrap_or(usize::MAX);
                let leaf = bundle.get(at).ok_or_else(|| damaged_bundle(index, "it lacks leaves"))?;
                out.push(leaf);
            }
            wanted = end;
            continue;
        }
        match from_segments(shared, wanted..positions.end, &mut out) {
            Ok(upto) => wanted = upto,
            // Let go of in between: by then its leaves are in bundles.
            Err(Error::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && shared.bundled() > wanted =>
            {
                // Some may have come before the file went; go on behind them.
                wanted = positions.start + out.len() as u64;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(out)
}

fn one_bundle(shared: &Shared, index: u64) -> Result<Arc<Leaves>> {
    if let Some(found) = shared.recent.find(index) {
        return Ok(found);
    }
    let leaves =
        Arc::new(read_bundle(&shared.folder, index, &mut Codec::new().map_err(Error::io(&shared.folder))?)?);
    shared.recent.keep(index, &leaves);
    Ok(leaves)
}

/// The full bundle `index`, taken apart.
pub(crate) fn read_bundle(folder: &Path, index: u64, codec: &mut Codec) -> Result<Leaves> {
    let mut leaves = Leaves::default();
    read_bundle_into(folder, index, codec, &mut Whole::default(), &mut leaves)?;
    Ok(leaves)
}

/// As [`read_bundle`], into memory that is used again.
pub(crate) fn read_bundle_into(
    folder: &Path,
    index: u64,
    codec: &mut Codec,
    file: &mut Whole,
    leaves: &mut Leaves,
) -> Result<()> {
    let path = folder.join(bundle_name(index));
    let stored = match file.read(&path) {
        Ok(stored) => stored,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(damaged_bundle(index, "the entry bundle is missing"));
        }
        Err(error) => return Err(Error::io(&path)(error)),
    };
    match codec.unpack_into(stored, leaves) {
        Some(()) if leaves.len() as u64 == TILE_WIDTH => Ok(()),
        _ => Err(damaged_bundle(index, "the entry bundle is not what was stored")),
    }
}

fn bundle_name(index: u64) -> std::path::PathBuf {
    stored_path(&Tile::new(TILE_HEIGHT, 0, index, 1 << TILE_HEIGHT, false))
}

fn damaged_bundle(index: u64, what: &str) -> Error {
    let name = bundle_name(index).display().to_string();
    Error::Damaged(Finding::new(&name, Some(index * TILE_WIDTH), what))
}

/// Reads `positions` from the segments; returns where the next leaf would come from another file.
pub(crate) fn from_segments(shared: &Shared, positions: Range<u64>, out: &mut Leaves) -> Result<u64> {
    let mut wanted = positions.start;
    let point = shared.read().places.find(wanted);
    let Some(point) = point else {
        let what = "the segment that holds it is gone";
        return Err(Error::Damaged(Finding::new("segments", Some(wanted), what)));
    };
    let path = segment_path(&shared.folder, point.segment);
    let file = File::open(&path).map_err(Error::io(&path))?;
    let mut offset = point.offset;
    // Frames follow one another in a segment; a new segment always has a point of its own.
    while wanted < positions.end {
        let Some(header) = header_at(&file, offset).map_err(Error::io(&path))? else { break };
        let end = header.first.saturating_add(header.count);
        if end > wanted {
            take_leaves(&file, offset, &header, wanted..positions.end.min(end), out)
                .map_err(Error::io(&path))?;
            wanted = positions.end.min(end);
        }
        offset += header.total().unwrap_or(0) as u64;
    }
    if wanted == positions.start {
        let what = "a batch is not where it was written";
        return Err(Error::Damaged(Finding::new(&segment_name(point.segment), Some(wanted), what)));
    }
    Ok(wanted)
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
    out: &mut Leaves,
) -> io::Result<()> {
    let changed = || io::Error::new(io::ErrorKind::InvalidData, "a batch changed since it was written");
    let mut bytes = vec![0; header.total().ok_or_else(changed)?];
    file.read_exact_at(&mut bytes, offset)?;
    let Next::Frame(frame) = next(&bytes, usize::try_from(offset).unwrap_or(0)) else {
        return Err(changed());
    };
    let skip = usize::try_from(wanted.start - header.first).unwrap_or(usize::MAX);
    let count = usize::try_from(wanted.end - wanted.start).unwrap_or(0);
    frame.leaves().skip(skip).take(count).for_each(|leaf| out.push(leaf));
    Ok(())
}
