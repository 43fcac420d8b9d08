//! Whatever byte changes, it is found and named.

use crate::common::*;
use ledger::{SigningKey, check};
use std::path::{Path, PathBuf};

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

/// A closed ledger of 300 events in several batches and segments, tiles full and partial.
fn made() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ledger = create(dir.path());
    for from in (0..300).step_by(60) {
        fill(&ledger, from..from + 60);
        ledger.publish().unwrap();
    }
    ledger.close().unwrap();
    dir
}

#[test]
fn a_sound_ledger_passes_while_it_is_open_and_after() {
    let dir = made();
    let verifier = key().verifier(NAME).unwrap();
    let report = check::folder(dir.path(), &verifier).unwrap();
    assert_eq!((report.size, report.checkpoint, &report.findings[..]), (300, Some(300), &[][..]));
    // Full: level 0 and its bundle. Partial: level 0 and its bundle at 300; level 1 at 300.
    assert_eq!(report.tiles, 5, "{report:?}");
    let ledger = open(dir.path()).unwrap();
    fill(&ledger, 300..900);
    let report = ledger.verify_full().unwrap();
    assert_eq!((report.size, report.is_sound(), report.unfinished), (900, true, false), "{report:?}");
    assert!(report.root == Some(ledger.root(900).unwrap()));
}

#[test]
fn every_changed_byte_is_found_in_its_file() {
    let dir = made();
    let verifier = key().verifier(NAME).unwrap();
    let mut all = Vec::new();
    files(dir.path(), &mut all);
    all.retain(|path| !path.ends_with("lock"));
    assert!(all.len() >= 10, "{all:?}");
    for path in all {
        let name = path.strip_prefix(dir.path()).unwrap().display().to_string();
        let whole = std::fs::read(&path).unwrap();
        // Every byte would take minutes; a stride that is prime to every record length visits all kinds.
        let step = if whole.len() > 400 { 97 } else { 1 };
        for at in (0..whole.len()).step_by(step) {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            std::fs::write(&path, &changed).unwrap();
            let report = check::folder(dir.path(), &verifier).unwrap();
            let named = report.findings.iter().any(|finding| finding.file == name);
            assert!(named, "{name} byte {at}: {:?}", report.findings);
        }
        std::fs::write(&path, &whole).unwrap();
    }
    assert!(check::folder(dir.path(), &verifier).unwrap().is_sound());
}

#[test]
fn a_changed_leaf_is_named_by_its_position() {
    let dir = made();
    let verifier = key().verifier(NAME).unwrap();
    for position in [0u64, 131, 255, 256, 299] {
        let needle = format!("\"n\":{position}}}");
        let mut found = false;
        for entry in std::fs::read_dir(dir.path().join("segments")).unwrap() {
            let path = entry.unwrap().path();
            let whole = std::fs::read(&path).unwrap();
            let Some(at) = whole.windows(needle.len()).position(|part| part == needle.as_bytes()) else {
                continue;
            };
            let mut changed = whole.clone();
            changed[at + 4] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            let report = check::folder(dir.path(), &verifier).unwrap();
            assert_eq!(report.findings[0].position, Some(position), "{report:?}");
            assert!(report.size <= position);
            assert!(matches!(open(dir.path()), Err(ledger::Error::Damaged(_))));
            std::fs::write(&path, &whole).unwrap();
            found = true;
        }
        assert!(found);
    }
}

#[test]
fn a_missing_segment_an_extra_tile_and_another_key_are_found() {
    let dir = made();
    let verifier = key().verifier(NAME).unwrap();
    let other = SigningKey::from_seed(&[9; 32]).unwrap().verifier(NAME).unwrap();
    assert!(!check::folder(dir.path(), &other).unwrap().is_sound());

    let extra = dir.path().join("tile/0/007");
    std::fs::write(&extra, [0; 8192]).unwrap();
    assert_eq!(check::folder(dir.path(), &verifier).unwrap().findings[0].file, "tile/0/007");
    std::fs::remove_file(extra).unwrap();

    let mut segments: Vec<PathBuf> = Vec::new();
    files(&dir.path().join("segments"), &mut segments);
    segments.sort();
    assert!(segments.len() >= 3);
    for gone in segments {
        let whole = std::fs::read(&gone).unwrap();
        std::fs::remove_file(&gone).unwrap();
        assert!(!check::folder(dir.path(), &verifier).unwrap().is_sound(), "{}", gone.display());
        assert!(open(dir.path()).is_err(), "{}", gone.display());
        std::fs::write(&gone, whole).unwrap();
    }
}

#[test]
fn no_checkpoint_is_signed_over_stored_bytes_that_changed() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = create(dir.path());
    fill(&ledger, 0..3);
    ledger.checkpoint().unwrap();
    ledger.append_blocking(entry(3)).unwrap();
    let path = dir.path().join("segments/00000000000000000000.seg");
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(6).position(|part| part == b"\"n\":3}").unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"4", at as u64 + 4).unwrap();
    assert!(matches!(ledger.checkpoint(), Err(ledger::Error::Damaged(found)) if found.position == Some(3)));
    assert!(ledger.publish().is_err());
    assert!(ledger.append_blocking(entry(4)).is_err());
}

#[test]
fn missing_tiles_and_a_missing_checkpoint_are_written_again() {
    let dir = made();
    let mut all = Vec::new();
    files(dir.path(), &mut all);
    for name in ["tile/0/000", "tile/entries/000", "checkpoint"] {
        let path = dir.path().join(name);
        let before = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let ledger = open(dir.path()).unwrap();
        let proof = ledger.inclusion(3, 300).unwrap();
        let leaf = ledger.read(3).unwrap().leaf;
        ledger::verify::inclusion(&leaf, 3, 300, ledger.root(300).unwrap(), &proof).unwrap();
        ledger.close().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), before, "{name}");
        drop(ledger);
    }
    assert!(check::folder(dir.path(), &key().verifier(NAME).unwrap()).unwrap().is_sound());
}
