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

/// A closed ledger of 300 events in several batches and segments, some let go; tiles full and partial.
fn made() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ledger = create(dir.path());
    for from in (0..240).step_by(60) {
        fill(&ledger, from..from + 60);
        ledger.publish().unwrap();
    }
    for n in 240..300 {
        fill(&ledger, n..n + 1);
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
    // The index is built again, not believed: tests/it/index.rs.
    let index = dir.path().join("index");
    all.retain(|path| !path.ends_with("lock") && !path.starts_with(&index));
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
    for position in [256u64, 270, 299] {
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

    for gone in ["tile/0/000", "tile/entries/000.zst", "checkpoint"] {
        let path = dir.path().join(gone);
        let whole = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let report = check::folder(dir.path(), &verifier).unwrap();
        assert!(report.findings.iter().any(|finding| finding.file == gone), "{gone}: {report:?}");
        std::fs::write(&path, whole).unwrap();
    }
    let mut segments: Vec<PathBuf> = Vec::new();
    files(&dir.path().join("segments"), &mut segments);
    segments.sort();
    assert!(segments.len() >= 2, "{segments:?}");
    for gone in segments {
        let whole = std::fs::read(&gone).unwrap();
        std::fs::remove_file(&gone).unwrap();
        assert!(!check::folder(dir.path(), &verifier).unwrap().is_sound(), "{}", gone.display());
        assert!(open(dir.path()).is_err(), "{}", gone.display());
        std::fs::write(&gone, whole).unwrap();
    }
}

/// The stored form of a bundle, as somebody would make it who can write files.
fn packed(bundle: &[u8]) -> Vec<u8> {
    let mut out = zstd::bulk::compress(bundle, 3).unwrap();
    let check = twox_hash::XxHash64::oneshot(0, &out);
    out.extend_from_slice(&[0x5e, 0x2a, 0x4d, 0x18, 8, 0, 0, 0]);
    out.extend_from_slice(&check.to_le_bytes());
    out
}

#[test]
fn a_leaf_changed_in_a_bundle_that_is_packed_again_is_named_by_its_position() {
    let dir = made();
    let verifier = key().verifier(NAME).unwrap();
    let path = dir.path().join("tile/entries/000.zst");
    let bundle = zstd::decode_all(std::fs::read(&path).unwrap().as_slice()).unwrap();
    std::fs::write(&path, packed(&bundle)).unwrap();
    assert!(check::folder(dir.path(), &verifier).unwrap().is_sound(), "another level is no damage");
    for position in [0u64, 57, 131, 199] {
        let needle = format!("\"n\":{position}}}");
        let at = bundle.windows(needle.len()).position(|part| part == needle.as_bytes()).unwrap();
        let mut changed = bundle.clone();
        changed[at + 4] ^= 1;
        std::fs::write(&path, packed(&changed)).unwrap();
        let found = check::folder(dir.path(), &verifier).unwrap().findings.remove(0);
        assert_eq!((found.file.as_str(), found.position), ("tile/entries/000.zst", Some(position)));
    }
}

#[test]
fn a_ledger_of_the_format_before_is_refused_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    drop(create(dir.path()));
    let path = dir.path().join("segments/00000000000000000000.seg");
    let old = String::from_utf8(std::fs::read(&path).unwrap()).unwrap().replacen("/v2", "/v1", 1);
    std::fs::write(&path, &old).unwrap();
    assert!(matches!(open(dir.path()), Err(ledger::Error::OldFormat)));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), old);
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
fn what_no_checkpoint_covers_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = create(dir.path());
    fill(&ledger, 0..1);
    fill(&ledger, 1..700);
    // A crash in the middle of a publishing: some names are there, and the checkpoint of before.
    let crashed = tempfile::tempdir().unwrap();
    copy_folder(&dir.path().join("segments"), &crashed.path().join("segments"));
    for name in ["vkey", "checkpoint"] {
        std::fs::copy(dir.path().join(name), crashed.path().join(name)).unwrap();
    }
    ledger.close().unwrap();
    for name in ["tile/0/000", "tile/entries/001.zst"] {
        let path = crashed.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(dir.path().join(name), path).unwrap();
    }
    let ledger = open(crashed.path()).unwrap();
    let proof = ledger.inclusion(3, 700).unwrap();
    let leaf = ledger.read(3).unwrap().leaf;
    ledger::verify::inclusion(&leaf, 3, 700, ledger.root(700).unwrap(), &proof).unwrap();
    ledger.close().unwrap();
    for name in ["tile/0/000", "tile/0/001", "tile/entries/000.zst", "tile/entries/001.zst", "checkpoint"] {
        let [ours, theirs] = [&dir, &crashed].map(|dir| std::fs::read(dir.path().join(name)).unwrap());
        assert!(ours == theirs, "{name}");
    }
    assert!(check::folder(crashed.path(), &key().verifier(NAME).unwrap()).unwrap().is_sound());
}

#[test]
fn a_missing_checkpoint_is_harmless_behind_the_first_batch_and_damage_from_then_on() {
    let verifier = key().verifier(NAME).unwrap();
    let copy_of = |dir: &Path| {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(dir, copy.path());
        copy
    };
    let dir = tempfile::tempdir().unwrap();
    let ledger = create(dir.path());
    ledger.append_blocking(entry(0)).unwrap();
    // A crash between the first commit and the first publishing.
    let crashed = copy_of(dir.path());
    assert!(!crashed.path().join("checkpoint").exists());
    assert!(check::folder(crashed.path(), &verifier).unwrap().is_sound());
    let reopened = open(crashed.path()).unwrap();
    fill(&reopened, 1..2);
    assert!(crashed.path().join("checkpoint").exists(), "the second batch waits for it");

    ledger.append_blocking(entry(1)).unwrap();
    let young = copy_of(dir.path());
    let segment = young.path().join("segments/00000000000000000000.seg");
    let whole = std::fs::read(&segment).unwrap();
    assert!(check::folder(young.path(), &verifier).unwrap().is_sound());
    std::fs::remove_file(young.path().join("checkpoint")).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
    // The second batch whole, and cut as by a crash: it was not begun without a checkpoint either.
    for zeros_from in [whole.len(), end - 20] {
        let mut bytes = whole.clone();
        bytes[zeros_from..].fill(0);
        std::fs::write(&segment, bytes).unwrap();
        let findings = check::folder(young.path(), &verifier).unwrap().findings;
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].file, "checkpoint");
        let refused = open(young.path()).err().unwrap();
        assert!(matches!(&refused, ledger::Error::Damaged(found) if found.file == "checkpoint"), "{refused}");
    }
    // The running ledger says so as well.
    std::fs::remove_file(dir.path().join("checkpoint")).unwrap();
    let findings = ledger.verify_full().unwrap().findings;
    assert!(findings.iter().any(|finding| finding.file == "checkpoint"), "{findings:?}");
}
