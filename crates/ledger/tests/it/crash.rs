//! What a crash, a failing disk or a rolled-back copy leaves behind.

use crate::common::*;
use base::{Fault, Kind};
use ledger::storage::Storage;
use ledger::{Comparison, Error};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Fails the call numbered `at`, in the way of `fault`, and every call after it.
struct Failing {
    calls: AtomicU32,
    at: u32,
    fault: FaultKind,
}

#[derive(Clone, Copy, Debug)]
enum FaultKind {
    Errno(rustix::io::Errno),
    /// Half of the bytes, then no space.
    Short,
}

impl Failing {
    fn next(&self) -> io::Result<bool> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        match self.fault {
            _ if call < self.at => Ok(false),
            FaultKind::Short if call == self.at => Ok(true),
            FaultKind::Short => Err(rustix::io::Errno::NOSPC.into()),
            FaultKind::Errno(errno) => Err(errno.into()),
        }
    }
}

impl Storage for Failing {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.next()?;
        ledger::storage::Disk.create(path)
    }
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let half = self.next()?;
        let length = if half { bytes.len().div_ceil(2) } else { bytes.len() };
        file.write_at(bytes.get(..length).unwrap_or_default(), offset)
    }
    fn flush(&self, file: &File) -> io::Result<()> {
        self.next()?;
        Unflushed.flush(file)
    }
    fn flush_all(&self, folder: &File) -> io::Result<()> {
        self.next()?;
        Unflushed.flush_all(folder)
    }
    fn flush_folder(&self, folder: &Path) -> io::Result<()> {
        self.next()?;
        Unflushed.flush_folder(folder)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.next()?;
        std::fs::rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.next()?;
        std::fs::remove_file(path)
    }
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.next()?;
        std::fs::create_dir_all(folder)
    }
}

#[test]
fn whichever_call_fails_nothing_acknowledged_is_lost_and_nothing_more_is_acknowledged() {
    use rustix::io::Errno;
    let faults = [
        FaultKind::Errno(Errno::IO),
        FaultKind::Errno(Errno::NOSPC),
        FaultKind::Errno(Errno::ROFS),
        FaultKind::Short,
    ];
    for fault in faults {
        let mut reached_the_end = false;
        for at in 0..200 {
            let dir = tempfile::tempdir().unwrap();
            let storage = Arc::new(Failing { calls: AtomicU32::new(0), at, fault });
            let Ok(ledger) = create_on(dir.path(), Arc::clone(&storage) as Arc<dyn Storage>) else {
                // Not a ledger, or one without events: either way creating or opening goes on.
                let again = open_on(dir.path(), Arc::new(Unflushed))
                    .or_else(|_| create_on(dir.path(), Arc::new(Unflushed)));
                fill(&again.unwrap(), 0..3);
                continue;
            };
            let mut acknowledged = 0;
            let mut failed = None;
            for n in 0..24 {
                match ledger.append_blocking(entry(n)) {
                    Ok(committed) if failed.is_none() => {
                        assert_eq!(committed.position, n);
                        acknowledged = n + 1;
                    }
                    Ok(_) => panic!("acknowledged after a failure"),
                    Err(error) => {
                        assert_eq!((error.kind(), error.code()), (Kind::Unavailable, "LEDGER-001"));
                        failed = Some(error);
                    }
                }
                if n == 12 && failed.is_none() {
                    failed = ledger.publish().err();
                }
            }
            assert_eq!(ledger.size(), acknowledged);
            reached_the_end |= failed.is_none() && ledger.close().is_ok();
            drop(ledger);
            let ledger = open_on(dir.path(), Arc::new(Unflushed))
                .unwrap_or_else(|error| panic!("{fault:?} at {at}: {error:?}"));
            assert!(ledger.size() >= acknowledged, "{fault:?} at {at}");
            assert!(ledger.size() <= acknowledged + 1, "{fault:?} at {at}");
            fill(&ledger, ledger.size()..ledger.size() + 3);
            ledger.close().unwrap();
            let report = ledger.verify_full().unwrap();
            assert!(report.is_sound() && !report.unfinished, "{fault:?} at {at}: {report:?}");
            if reached_the_end {
                break;
            }
        }
        assert!(reached_the_end, "{fault:?}: some call was never made to fail");
    }
}

#[test]
fn a_last_batch_cut_at_any_byte_is_absent_and_the_rest_whole() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = create(dir.path());
    fill(&ledger, 0..5);
    let path = dir.path().join("segments/00000000000000000000.seg");
    let end = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let before = end(&std::fs::read(&path).unwrap());
    ledger.append_blocking(entry(5)).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let after = end(&whole);
    // A crash: no checkpoint was published for what follows the first batch.
    let crashed = tempfile::tempdir().unwrap();
    copy_folder(dir.path(), crashed.path());
    let segment = crashed.path().join("segments/00000000000000000000.seg");
    for cut in before..=after {
        for keep_space in [true, false] {
            let mut bytes = whole.clone();
            if keep_space {
                bytes[cut..].fill(0);
            } else {
                bytes.truncate(cut);
            }
            std::fs::write(&segment, &bytes).unwrap();
            // No publishing but that: each round starts from the same crash.
            std::fs::remove_dir_all(crashed.path().join("tile")).unwrap();
            copy_folder(&dir.path().join("tile"), &crashed.path().join("tile"));
            std::fs::copy(dir.path().join("checkpoint"), crashed.path().join("checkpoint")).unwrap();
            for entry in std::fs::read_dir(crashed.path().join("segments")).unwrap() {
                let path = entry.unwrap().path();
                if path != segment {
                    std::fs::remove_file(path).unwrap();
                }
            }
            let opened = open_on(crashed.path(), Arc::new(Unflushed)).unwrap();
            assert_eq!(opened.size(), if cut == after { 6 } else { 5 }, "cut at {cut}");
            let next = opened.size();
            opened.append_blocking(entry(next)).unwrap();
            assert!(opened.verify_full().unwrap().is_sound(), "cut at {cut}");
        }
    }
}

#[test]
fn a_rolled_back_or_rewritten_ledger_is_told_from_a_grown_one() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = create(dir.path());
    fill(&ledger, 0..300);
    ledger.close().unwrap();
    drop(ledger);
    let old = tempfile::tempdir().unwrap();
    copy_folder(dir.path(), old.path());
    let before = old.path().join("before");
    copy_folder(&dir.path().join("segments"), &before);
    let ledger = open(dir.path()).unwrap();
    fill(&ledger, 300..600);
    let kept = ledger.checkpoint().unwrap();
    ledger.close().unwrap();

    let rolled_back = open(old.path()).unwrap();
    assert_eq!(rolled_back.compare(&kept).unwrap(), Comparison::Ahead);
    fill(&rolled_back, 1000..1400);
    assert_eq!(rolled_back.compare(&kept).unwrap(), Comparison::Diverged);
    assert!(matches!(rolled_back.compare("nothing"), Err(Error::BadCheckpoint(_))));
    rolled_back.close().unwrap();
    drop(rolled_back);

    // Segments of another history under the checkpoint and tiles of this one: refused at the start.
    std::fs::remove_dir_all(old.path().join("tile")).unwrap();
    copy_folder(&dir.path().join("tile"), &old.path().join("tile"));
    assert!(matches!(open(old.path()), Err(Error::Damaged(_) | Error::RolledBack { .. })));
    // Its own segments as they were before: it knows of more events than it holds.
    drop(ledger);
    std::fs::remove_dir_all(dir.path().join("segments")).unwrap();
    copy_folder(&before, &dir.path().join("segments"));
    assert!(matches!(open(dir.path()), Err(Error::RolledBack { held: 300, known: 600, .. })));
}

#[test]
fn whichever_call_fails_while_segments_go_and_the_index_grows_nothing_is_lost() {
    use rustix::io::Errno;
    let made = tempfile::tempdir().unwrap();
    let ledger = create(made.path());
    fill(&ledger, 0..500);
    ledger.close().unwrap();
    drop(ledger);
    // Every call fails once as a whole; a sample of them half done.
    for (fault, step) in [(FaultKind::Errno(Errno::IO), 1), (FaultKind::Short, 7)] {
        let mut reached_the_end = false;
        for at in (0..300).step_by(step) {
            let dir = tempfile::tempdir().unwrap();
            copy_folder(made.path(), dir.path());
            let storage = Arc::new(Failing { calls: AtomicU32::new(0), at, fault });
            let mut acknowledged = 500;
            if let Ok(ledger) = open_on(dir.path(), storage) {
                let mut failed = false;
                for from in [500, 600] {
                    (from..from + 99).for_each(|n| failed |= ledger.follow_blocking(entry(n)).is_err());
                    match ledger.append_blocking(entry(from + 99)) {
                        Ok(committed) => acknowledged = committed.position + 1,
                        Err(_) => failed = true,
                    }
                    failed |= ledger.publish().is_err();
                }
                reached_the_end |= ledger.close().is_ok() && !failed;
            }
            let ledger = open_on(dir.path(), Arc::new(Unflushed))
                .unwrap_or_else(|error| panic!("{fault:?} at {at}: {error:?}"));
            assert!(ledger.size() >= acknowledged, "{fault:?} at {at}");
            let next = ledger.size();
            fill(&ledger, next..next + 3);
            for chain in ["usr_2", "usr_9"] {
                let all = on_chain(&ledger, chain);
                assert_eq!(ledger.head(chain).unwrap(), all.last().copied(), "{fault:?} at {at}");
                assert_eq!(ledger.postings(chain, 0..u64::MAX).unwrap(), all, "{fault:?} at {at}");
            }
            ledger.close().unwrap();
            let report = ledger.verify_full().unwrap();
            assert!(report.is_sound() && report.size == next + 3, "{fault:?} at {at}: {report:?}");
            if reached_the_end {
                assert!(names(&dir.path().join("segments")).len() < 6, "segments were let go");
                break;
            }
        }
        assert!(reached_the_end, "{fault:?}: some call was never made to fail");
    }
}

#[test]
fn a_segment_that_a_crash_kept_goes_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = create(dir.path());
    fill(&ledger, 0..100);
    let folder = dir.path().join("segments");
    let early = tempfile::tempdir().unwrap();
    copy_folder(&folder, early.path());
    fill(&ledger, 100..600);
    ledger.close().unwrap();
    drop(ledger);
    let kept = names(&folder);
    assert!(!kept.contains(&"00000000000000000000.seg".to_owned()), "{kept:?}");
    copy_folder(early.path(), &folder);
    assert!(names(&folder).len() > kept.len());
    let ledger = open(dir.path()).unwrap();
    assert_eq!(names(&folder), kept);
    let leaf = ledger.read(3).unwrap().leaf;
    let proof = ledger.inclusion(3, 600).unwrap();
    ledger::verify::inclusion(&leaf, 3, 600, ledger.root(600).unwrap(), &proof).unwrap();
    assert!(ledger.verify_full().unwrap().is_sound());
}
