//! Many writers and readers at once, back-pressure, and events on their way when a ledger closes.

use crate::common::*;
use ledger::leaf::Leaf;
use ledger::{Entry, verify};
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// 256 writers while tiles are published, segments go and the index grows below them, and readers
/// that hold one early checkpoint against whatever they read.
#[test]
fn writers_at_once_lose_nothing_and_every_proof_holds_against_one_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let options = ledger::Options { publish_every: Duration::from_millis(3), ..options() };
    let clock = Arc::new(SlowClock::default());
    let disk = Arc::new(ledger::storage::Disk);
    let ledger = ledger::Ledger::create_with(dir.path(), NAME, key(), clock, disk, options).unwrap();
    fill(&ledger, 0..300);
    let early = verify::checkpoint(&ledger.checkpoint().unwrap(), ledger.verifier()).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4u64)
        .map(|reader| {
            let (ledger, early, done) = (ledger.clone(), early.clone(), Arc::clone(&done));
            std::thread::spawn(move || {
                let mut checked = 0u64;
                while !done.load(Ordering::Relaxed) || checked == 0 {
                    let position = (reader * 83 + checked * 31) % early.size;
                    let leaf = ledger.read(position).unwrap().leaf;
                    let proof = ledger.inclusion(position, early.size).unwrap();
                    verify::inclusion(&leaf, position, early.size, early.root, &proof).unwrap();
                    let size = ledger.size();
                    let (root, proof) =
                        (ledger.root(size).unwrap(), ledger.consistency(early.size, size).unwrap());
                    verify::consistency((early.size, early.root), (size, root), &proof).unwrap();
                    checked += 1;
                }
            })
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let positions = runtime.block_on(async {
        let mut tasks = Vec::new();
        for writer in 0..256u64 {
            let ledger = ledger.clone();
            tasks.push(tokio::spawn(async move {
                let mut positions = Vec::new();
                for n in 0..8 {
                    let number = 300 + writer * 8 + n;
                    let committed = ledger.append(entry(number)).await.unwrap();
                    assert!(committed.position < ledger.size(), "answered before it was durable");
                    positions.push((committed.position, number));
                    // A reader in between: what it sees is proved against a checkpoint of that time.
                    if n == 3 {
                        prove(&ledger, committed.position);
                    }
                }
                positions
            }));
        }
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        all
    });
    done.store(true, Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    assert_eq!(ledger.size(), 2348);
    assert_eq!(positions.iter().map(|(position, _)| position).collect::<HashSet<_>>().len(), 2048);
    ledger.publish().unwrap();
    assert!(!names(&dir.path().join("segments")).contains(&format!("{:020}.seg", 0)), "segments went");
    let checkpoint = verify::checkpoint(&ledger.checkpoint().unwrap(), ledger.verifier()).unwrap();
    for (position, number) in positions {
        let record = ledger.read(position).unwrap();
        assert!(Leaf::parse(&record.leaf).unwrap().event.ends_with(&format!("\"n\":{number}}}")));
        let proof = ledger.inclusion(position, checkpoint.size).unwrap();
        assert!(proof.len() * 32 <= 1024);
        verify::inclusion(&record.leaf, position, checkpoint.size, checkpoint.root, &proof).unwrap();
    }
    for chain in ["smp_a", "usr_4"] {
        assert_eq!(ledger.postings(chain, 0..u64::MAX).unwrap(), on_chain(&ledger, chain));
    }
    assert!(ledger.verify_full().unwrap().is_sound());
}

fn prove(ledger: &ledger::Ledger, position: u64) {
    let checkpoint = verify::checkpoint(&ledger.checkpoint().unwrap(), ledger.verifier()).unwrap();
    let record = ledger.read(position).unwrap();
    let proof = ledger.inclusion(position, checkpoint.size).unwrap();
    verify::inclusion(&record.leaf, position, checkpoint.size, checkpoint.root, &proof).unwrap();
}

#[test]
fn a_full_queue_makes_callers_wait_and_drops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = ledger::Options { queue_entries: 4, batch_entries: 2, ..options() };
    let clock = Arc::new(base::SystemClock::default());
    let disk = Arc::new(ledger::storage::Disk);
    let ledger = ledger::Ledger::create_with(dir.path(), NAME, key(), clock, disk, options).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let threads: Vec<_> = (0..2u64)
        .map(|thread| {
            let ledger = ledger.clone();
            std::thread::spawn(move || {
                for n in 0..100 {
                    ledger.follow_blocking(entry(thread * 100 + n)).unwrap();
                }
            })
        })
        .collect();
    runtime.block_on(async {
        let mut tickets = Vec::new();
        for n in 200..400 {
            tickets.push(ledger.follow(entry(n)).await.unwrap());
        }
        let mut last = None;
        for ticket in tickets {
            let committed = ticket.committed().await.unwrap();
            assert!(last < Some(committed.position), "follow events keep their order");
            last = Some(committed.position);
        }
    });
    for thread in threads {
        thread.join().unwrap();
    }
    ledger.close().unwrap();
    assert_eq!(ledger.size(), 400);
    let events: HashSet<String> = ledger
        .range(0..400)
        .unwrap()
        .iter()
        .map(|r| Leaf::parse(&r.leaf).unwrap().event.to_owned())
        .collect();
    assert_eq!(events.len(), 400);
}

#[test]
fn a_checkpoint_of_one_event_is_published_with_its_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(base::SystemClock::default());
    let ledger = ledger::Ledger::create(dir.path(), NAME, key(), clock).unwrap();
    ledger.append_blocking(entry(0)).unwrap();
    let path = dir.path().join("checkpoint");
    let start = std::time::Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(10), "no checkpoint");
        std::thread::sleep(Duration::from_millis(10));
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(verify::checkpoint(&text, ledger.verifier()).unwrap().size, 1);
    // What any Zstandard tool makes of the bundle is the leaf behind its length.
    let bundle = std::fs::read(dir.path().join("tile/entries/000.p/1.zst")).unwrap();
    assert_eq!(zstd::decode_all(bundle.as_slice()).unwrap()[2..], ledger.read(0).unwrap().leaf);
}

/// While events come, each second has its checkpoint. What the kernel kept the threads waiting for a processor is
/// taken off, by its own account of it: a busy machine makes no checkpoint late by our doing.
#[test]
fn each_second_of_traffic_has_its_checkpoint() {
    let gaps = gaps(ledger::Options::default().publish_every);
    assert!(gaps.len() > 2 && gaps.iter().all(|gap| *gap <= Duration::from_secs(1)), "{gaps:?}");
    let slow = self::gaps(Duration::from_millis(2800));
    assert!(
        slow.iter().any(|gap| *gap > Duration::from_secs(1)),
        "a slow publisher is not noticed: {slow:?}"
    );
}

/// Times between checkpoints in three seconds of events, the wait for a processor taken off.
fn gaps(publish_every: Duration) -> Vec<Duration> {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(base::SystemClock::default());
    let others = threads();
    let options = ledger::Options { publish_every, ..ledger::Options::default() };
    let ledger =
        ledger::Ledger::create_with(dir.path(), NAME, key(), clock, Arc::new(Unflushed), options).unwrap();
    let own: Vec<PathBuf> = threads().into_iter().filter(|thread| !others.contains(thread)).collect();
    let kept_waiting = || {
        let waits = own.iter().map(|thread| kept_waiting(thread)).sum::<Duration>();
        waits + kept_waiting(Path::new("/proc/thread-self"))
    };
    let path = dir.path().join("checkpoint");
    let newest = || std::fs::read_to_string(&path).unwrap_or_default();
    let (mut gaps, mut last) = (Vec::new(), newest());
    let start = std::time::Instant::now();
    let (mut since, mut waits) = (Duration::ZERO, kept_waiting());
    let mut number = 0;
    while start.elapsed() < Duration::from_secs(3) {
        for _ in 0..20 {
            ledger.follow_blocking(entry(number)).unwrap();
            number += 1;
        }
        std::thread::sleep(Duration::from_millis(2));
        let now = newest();
        if now != last {
            let (at, waited) = (start.elapsed(), kept_waiting());
            gaps.push((at - since).saturating_sub(waited.saturating_sub(waits)));
            (last, since, waits) = (now, at, waited);
        }
    }
    gaps.push((start.elapsed() - since).saturating_sub(kept_waiting().saturating_sub(waits)));
    ledger.close().unwrap();
    gaps
}

/// The ledger's threads in this process.
fn threads() -> Vec<PathBuf> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let of_ledger = |task: &PathBuf| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("ledger"))
    };
    tasks.filter(of_ledger).collect()
}

/// How long a thread was ready and had no processor, by the kernel's account.
fn kept_waiting(thread: &Path) -> Duration {
    let stat = std::fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    Duration::from_nanos(stat.split_whitespace().nth(1).and_then(|wait| wait.parse().ok()).unwrap_or(0))
}

/// An event that comes alone is not kept for others to come: the quickest of many takes less than any timer's tick.
#[test]
fn an_event_alone_waits_for_no_timer() {
    let quickest = |disk: Arc<dyn ledger::storage::Storage>| {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn base::Clock> = Arc::new(base::SystemClock::default());
        let ledger =
            ledger::Ledger::create_with(dir.path(), NAME, key(), Arc::clone(&clock), disk, options())
                .unwrap();
        let each = (0..300).map(|n| {
            let before = clock.monotonic();
            ledger.append_blocking(entry(n)).unwrap();
            clock.monotonic() - before
        });
        each.min().unwrap()
    };
    let tick = Duration::from_millis(1);
    let alone = quickest(Arc::new(Unflushed));
    assert!(alone < tick, "{alone:?}");
    assert!(quickest(Arc::new(Ticking)) >= tick, "a wait of a tick is not noticed");
}

/// As a committer would be that waits a tick for more to come.
struct Ticking;

impl ledger::storage::Storage for Ticking {
    fn flush(&self, _: &File) -> io::Result<()> {
        std::thread::sleep(Duration::from_millis(1));
        Ok(())
    }
    fn flush_all(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
    fn flush_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_event_on_many_chains_links_each() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = create(dir.path());
    let body = || ledger::Body::parse(b"{}".to_vec()).unwrap();
    ledger.append_blocking(Entry::new(["obj_a", "usr_a"], body()).unwrap()).unwrap();
    ledger.append_blocking(Entry::new(["obj_b", "usr_a"], body()).unwrap()).unwrap();
    ledger.append_blocking(Entry::new(["obj_a", "obj_b", "usr_b"], body()).unwrap()).unwrap();
    let record = ledger.read(2).unwrap();
    let leaf = Leaf::parse(&record.leaf).unwrap();
    assert_eq!(leaf.previous, [("obj_a", Some(0)), ("obj_b", Some(1)), ("usr_b", None)]);
}

/// Whatever stands in the body as `"n":…`.
struct Numbers;

impl ledger::Terms for Numbers {
    fn terms(&self, event: &str, add: &mut dyn FnMut(&str)) {
        let n = event.split_once("\"n\":").and_then(|(_, rest)| rest.strip_suffix('}'));
        n.into_iter().for_each(|n| add(&format!("n={n}")));
    }
}

#[test]
fn events_are_found_by_chain_and_by_term() {
    let dir = tempfile::tempdir().unwrap();
    let options = ledger::Options { terms: Arc::new(Numbers), ..options() };
    let clock = Arc::new(base::SystemClock::default());
    let disk = Arc::new(ledger::storage::Disk);
    let ledger = ledger::Ledger::create_with(dir.path(), NAME, key(), clock, disk, options).unwrap();
    fill(&ledger, 0..50);
    assert_eq!(ledger.postings("usr_3", 0..50).unwrap(), [3, 10, 17, 24, 31, 38, 45]);
    assert_eq!(ledger.postings("usr_3", 10..u64::MAX).unwrap(), [10, 17, 24, 31, 38, 45]);
    assert_eq!(ledger.postings("n=17", 0..50).unwrap(), [17]);
    assert_eq!(ledger.postings("n=17", 18..50).unwrap(), [0u64; 0]);
    assert_eq!(ledger.postings("n=170", 0..50).unwrap(), [0u64; 0]);
}
