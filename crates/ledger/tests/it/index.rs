//! The index: what it finds, and that nothing it lost or holds wrongly changes what is appended.

use crate::common::*;
use ledger::Ledger;
use ledger::leaf::Leaf;
use std::os::unix::fs::FileExt;
use std::path::Path;

const CHAINS: [&str; 4] = ["smp_a", "usr_0", "usr_6", "usr_9"];

/// Index and log say the same, and the next event on each chain names the right predecessor.
fn agrees(ledger: &Ledger) {
    for chain in CHAINS {
        let all = on_chain(ledger, chain);
        assert_eq!(ledger.head(chain).unwrap(), all.last().copied(), "{chain}");
        assert_eq!(ledger.postings(chain, 0..u64::MAX).unwrap(), all, "{chain}");
        let some: Vec<u64> = all.into_iter().filter(|position| (100..200).contains(position)).collect();
        assert_eq!(ledger.postings(chain, 100..200).unwrap(), some, "{chain}");
    }
    let heads: Vec<_> = ["smp_a", "usr_9"].map(|chain| ledger.head(chain).unwrap()).into();
    let body = ledger::Body::parse(b"{}".to_vec()).unwrap();
    let at = ledger.append_blocking(ledger::Entry::new(["smp_a", "usr_9"], body).unwrap()).unwrap().position;
    let record = ledger.read(at).unwrap();
    let previous: Vec<_> =
        Leaf::parse(&record.leaf).unwrap().previous.iter().map(|(_, before)| *before).collect();
    assert_eq!(previous, heads);
    assert!(ledger.verify_full().unwrap().is_sound());
}

fn parts(dir: &Path) -> Vec<String> {
    names(&dir.join("index"))
}

/// 1,000 events, published in five steps.
fn made() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ledger = create(dir.path());
    for from in (0..1000).step_by(200) {
        fill(&ledger, from..from + 200);
        ledger.publish().unwrap();
    }
    ledger.close().unwrap();
    dir
}

#[test]
fn an_index_that_is_whole_gone_torn_or_of_another_end_gives_the_same_heads() {
    let dir = made();
    let whole = parts(dir.path());
    assert!(whole.len() >= 2, "{whole:?}");
    let spoil: [&dyn Fn(&Path); 5] = [
        &|_| {},
        &|folder| std::fs::remove_dir_all(folder).unwrap(),
        &|folder| std::fs::remove_file(folder.join(&whole[0])).unwrap(),
        &|folder| {
            let path = folder.join(&whole[0]);
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        },
        // A part of a longer ledger, and one under another's name.
        &|folder| {
            let name = format!("{:020}-{:020}.part", 0, 5000);
            std::fs::copy(folder.join(&whole[0]), folder.join(name)).unwrap();
            std::fs::rename(folder.join(&whole[1]), folder.join(&whole[0])).unwrap();
        },
    ];
    for (at, spoil) in spoil.into_iter().enumerate() {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(dir.path(), copy.path());
        spoil(&copy.path().join("index"));
        let ledger = open(copy.path()).unwrap_or_else(|error| panic!("{at}: {error}"));
        agrees(&ledger);
        ledger.close().unwrap();
    }
}

#[test]
fn a_changed_bit_in_the_index_is_noticed_and_the_part_built_again() {
    let dir = made();
    let name = parts(dir.path()).remove(0);
    let length = std::fs::metadata(dir.path().join("index").join(&name)).unwrap().len();
    for at in (9..length).step_by(509) {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(dir.path(), copy.path());
        let path = copy.path().join("index").join(&name);
        let flip = |path: &Path| {
            let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_at(&[byte[0] ^ 1 << (at % 8)], at).unwrap();
        };
        // While the ledger is open, and before it opens.
        let ledger = open(copy.path()).unwrap();
        flip(&path);
        let report = ledger.verify_full().unwrap();
        assert!(report.findings[0].file.ends_with(&name), "byte {at}: {report:?}");
        for chain in CHAINS {
            assert_eq!(ledger.postings(chain, 0..u64::MAX).unwrap(), on_chain(&ledger, chain), "byte {at}");
        }
        drop(ledger);
        agrees(&open(copy.path()).unwrap());
    }
}

#[test]
fn parts_are_merged_and_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let options = ledger::Options { publish_every: std::time::Duration::from_millis(5), ..options() };
    let clock = std::sync::Arc::new(SlowClock::default());
    let disk = std::sync::Arc::new(Unflushed);
    let ledger = Ledger::create_with(dir.path(), NAME, key(), clock, disk, options).unwrap();
    for from in (0..2000).step_by(100) {
        fill(&ledger, from..from + 100);
        ledger.publish().unwrap();
    }
    let start = std::time::Instant::now();
    while parts(dir.path()).len() > 12 {
        assert!(start.elapsed().as_secs() < 20, "{:?}", parts(dir.path()));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    agrees(&ledger);
    drop(ledger);
    agrees(&open(dir.path()).unwrap());
}

#[test]
fn positions_are_found_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(base::FixedClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
    let disk = std::sync::Arc::new(Unflushed);
    let ledger = Ledger::create_with(dir.path(), NAME, key(), clock.clone(), disk, options()).unwrap();
    for n in 0..20 {
        ledger.append_blocking(entry(n)).unwrap();
        clock.advance(std::time::Duration::from_secs(60));
    }
    for (time, position) in [
        ("2025-01-01T00:00:00Z", 0),
        ("2026-01-01T00:05:00Z", 5),
        ("2026-01-01T00:05:01Z", 6),
        ("2027-01-01T00:00:00Z", 20),
    ] {
        assert_eq!(ledger.at_time(time.parse().unwrap()).unwrap(), position, "{time}");
    }
}
