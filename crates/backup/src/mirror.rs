//! The copy of the ledger, as a crash may leave one.

use crate::{Error, files};
use ledger::{Comparison, Ledger};
use std::io;
use std::path::{Component, Path};

/// How often a copy is begun again because the ledger let go of a segment meanwhile.
const TRIES: u32 = 20;
/// Events of a full bundle.
const BUNDLE: u64 = 256;

/// Brings the mirror in `to` up to the open `ledger`, whose files lie in `from`. Blocks.
///
/// 1. What the ledger has is published, and its checkpoint and size are read.
/// 2. Segments are copied, up to the last batch within that size. Crash here: both the older and the newer
///    ones are there, and the older checkpoint.
/// 3. Full tiles and bundles under the checkpoint. Crash here: the same, as after a crash of publishing.
/// 4. The checkpoint is replaced. 5. Segments that the ledger let go are removed, oldest first.
///
/// # Errors
/// [`Error::NewerMirror`] when the mirror is not one that `ledger` goes on from: after a restore without it, it
/// may be the newest that is left, and nothing else tells what was erased since.
pub fn update(ledger: &Ledger, from: &Path, to: &Path) -> Result<(), Error> {
    goes_on(ledger, to)?;
    files::folder(to)?;
    for _ in 0..TRIES {
        ledger.publish()?;
        if attempt(ledger, from, to)? {
            return Ok(());
        }
    }
    Err(Error::Io { path: from.to_owned(), source: io::ErrorKind::Interrupted.into() })
}

/// Refuses a mirror in `to` that holds what `ledger` does not. Blocks.
pub fn goes_on(ledger: &Ledger, to: &Path) -> Result<(), Error> {
    let Some(checkpoint) = read_if_there(&to.join("checkpoint"))? else { return Ok(()) };
    match ledger.compare(&String::from_utf8_lossy(&checkpoint)) {
        Ok(Comparison::Consistent) => Ok(()),
        _ => Err(Error::NewerMirror(to.to_owned())),
    }
}

fn attempt(ledger: &Ledger, from: &Path, to: &Path) -> Result<bool, Error> {
    let witnessed = read_if_there(&from.join("witnessed"))?;
    let Some(checkpoint) = read_if_there(&from.join("checkpoint"))? else { return Ok(false) };
    let text = String::from_utf8_lossy(&checkpoint).into_owned();
    let published = ledger::verify::checkpoint(&text, ledger.verifier())?.size;
    let size = ledger.size();
    let vkey = files::read(&from.join("vkey"))?;
    files::write(&to.join("vkey"), &vkey)?;
    let mut segments: Vec<_> = files::below(&from.join("segments"))?;
    segments.retain(|path| path.extension().is_some_and(|end| end == "seg"));
    for name in &segments {
        let Some(bytes) = read_if_there(&from.join("segments").join(name))? else { return Ok(false) };
        files::write(&to.join("segments").join(name), &whole_batches(bytes, size))?;
    }
    let first = segments.first().and_then(|path| path.file_stem()?.to_str()?.parse::<u64>().ok());
    if first.is_none_or(|first| first > published / BUNDLE * BUNDLE) {
        return Ok(false);
    }
    for name in files::below(&from.join("tile"))? {
        let copied = to.join("tile").join(&name);
        if end_of(&name).is_none_or(|end| end > published) || copied.exists() {
            continue;
        }
        let path = from.join("tile").join(&name);
        files::copy(&mut files::open(&path)?, &copied)?;
    }
    files::write(&to.join("checkpoint"), &checkpoint)?;
    if let Some(witnessed) = witnessed {
        files::write(&to.join("witnessed"), &witnessed)?;
    }
    for name in files::below(&to.join("segments"))? {
        if !segments.contains(&name) {
            files::clear(&to.join("segments").join(&name))?;
        }
    }
    Ok(true)
}

/// A segment with the batches that end at or before `size`, and zeros for the rest: what was being written
/// while it was read is not in it.
fn whole_batches(mut bytes: Vec<u8>, size: u64) -> Vec<u8> {
    let end = end_of_batches(&bytes, size);
    bytes.iter_mut().skip(end).for_each(|byte| *byte = 0);
    bytes
}

fn end_of_batches(bytes: &[u8], size: u64) -> usize {
    let line = |at: usize| {
        let rest = bytes.get(at..)?;
        let length = rest.iter().take(200).position(|byte| *byte == b'\n')?;
        Some((std::str::from_utf8(rest.get(..length)?).ok()?, length + 1))
    };
    let Some((_, mut at)) = line(0) else { return 0 };
    while let Some((head, length)) = line(at) {
        let numbers: Vec<u64> =
            head.split(' ').skip(1).take(4).filter_map(|word| word.parse().ok()).collect();
        let [first, count, leaves, commit] = numbers.as_slice() else { break };
        let next =
            usize::try_from(leaves.saturating_add(*commit)).ok().and_then(|n| n.checked_add(at + length));
        match next {
            Some(next) if first.saturating_add(*count) <= size && next <= bytes.len() => at = next,
            _ => break,
        }
    }
    at
}

/// The end of the events that a full tile or bundle stands for; none for partial ones and drafts.
fn end_of(name: &Path) -> Option<u64> {
    let mut words = name.components().map(|part| match part {
        Component::Normal(word) => word.to_str(),
        _ => None,
    });
    let level = match words.next()?? {
        "entries" => 0,
        level => level.parse::<u32>().ok()?,
    };
    let mut index = 0u64;
    for word in words {
        let digits = word?.trim_start_matches('x').trim_end_matches(".zst");
        (digits.len() == 3).then_some(())?;
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    let events = 1u64.checked_shl(8 * (level + 1)).filter(|events| *events > 1)?;
    index.checked_add(1)?.checked_mul(events)
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match files::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Copies a ledger that nobody writes to a folder where none is: what belongs to one and nothing else. Locks,
/// drafts, the reserve and the index stay behind.
pub fn put_back(from: &Path, to: &Path) -> Result<(), Error> {
    files::folder(&to.join("segments"))?;
    for name in files::below(from)? {
        let belongs = ["vkey", "checkpoint", "witnessed"].iter().any(|file| name == Path::new(file))
            || ["segments", "tile"].iter().any(|folder| name.starts_with(folder));
        if belongs && name.extension().is_none_or(|end| end != "new") {
            files::write(&to.join(&name), &files::read(&from.join(&name))?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_tiles_end_where_their_events_end() {
        for (name, end) in [
            ("entries/000.zst", Some(256)),
            ("0/001", Some(512)),
            ("0/x001/234", Some(1_235 * 256)),
            ("1/000", Some(65_536)),
            ("0/000.p/17", None),
            ("entries/000.p/17.zst", None),
            ("draft-0.new", None),
        ] {
            assert_eq!(end_of(Path::new(name)), end, "{name}");
        }
    }

    #[test]
    fn a_segment_is_cut_after_its_last_whole_batch() {
        let batch = |first: u64| {
            let (leaf, commit) = (format!("leaf {first}\n"), format!("commit {first}\n"));
            format!("batch {first} 1 {} {} 00000000\n{leaf}{commit}", leaf.len(), commit.len())
        };
        let mut text = "sequestra-ledger-segment/v2 x 0\n".to_owned();
        text.extend([batch(0), batch(1)]);
        let two = text.len();
        text.push_str(&batch(2));
        let mut bytes = text.into_bytes();
        let all = bytes.len();
        bytes.extend([0; 64]);
        assert_eq!(end_of_batches(&bytes, 3), all);
        assert_eq!(end_of_batches(&bytes, 2), two);
        assert_eq!(end_of_batches(&bytes[..all - 1], 3), two, "half a batch");
        assert!(whole_batches(bytes.clone(), 2)[two..].iter().all(|byte| *byte == 0));
        assert_eq!(whole_batches(bytes.clone(), 2).len(), bytes.len());
    }
}
