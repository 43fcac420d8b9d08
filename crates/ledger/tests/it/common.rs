//! What the cases share.

use base::{Clock, SystemClock, Timestamp};
use ledger::leaf::Leaf;
use ledger::storage::Storage;
use ledger::{Body, Entry, Ledger, Options, SigningKey};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub const NAME: &str = "site.example/ledger";

pub fn key() -> SigningKey {
    SigningKey::from_seed(&[5; 32]).unwrap()
}

/// Flushes nothing: crashes are made by changing bytes here, not by cutting the power.
pub struct Unflushed;

impl Storage for Unflushed {
    fn flush(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
    fn flush_all(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
    fn flush_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// Small segments and small parts of the index, and no publishing but at the close or when asked.
pub fn options() -> Options {
    let publish_every = Duration::from_secs(3600);
    Options { segment_bytes: 4096, publish_every, index_events: 64, ..Options::default() }
}

/// The machine's clock, but segments seem to fill up slowly: they all get the same length.
#[derive(Default)]
pub struct SlowClock {
    clock: SystemClock,
    asked: AtomicU32,
}

impl Clock for SlowClock {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
    fn monotonic(&self) -> Duration {
        Duration::from_secs(5) * self.asked.fetch_add(1, Ordering::Relaxed)
    }
}

pub fn create(dir: &Path) -> Ledger {
    create_on(dir, Arc::new(Unflushed)).unwrap()
}

pub fn create_on(dir: &Path, storage: Arc<dyn Storage>) -> ledger::Result<Ledger> {
    Ledger::create_with(dir, NAME, key(), Arc::new(SlowClock::default()), storage, options())
}

pub fn open(dir: &Path) -> ledger::Result<Ledger> {
    open_on(dir, Arc::new(Unflushed))
}

pub fn open_on(dir: &Path, storage: Arc<dyn Storage>) -> ledger::Result<Ledger> {
    Ledger::open_with(dir, key(), Arc::new(SlowClock::default()), storage, options())
}

pub fn entry(n: u64) -> Entry {
    let body = serde_json::json!({"kind": "object.read", "n": n});
    Entry::new(["smp_a".to_owned(), format!("usr_{}", n % 7)], Body::of(&body).unwrap()).unwrap()
}

pub fn fill(ledger: &Ledger, numbers: std::ops::Range<u64>) {
    for n in numbers.clone() {
        if n + 1 == numbers.end {
            ledger.append_blocking(entry(n)).unwrap();
        } else {
            ledger.follow_blocking(entry(n)).unwrap();
        }
    }
}

pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The files in `folder`, by name.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Where `entry` puts events: what the index must say, found by looking at each event.
pub fn on_chain(ledger: &Ledger, chain: &str) -> Vec<u64> {
    let size = ledger.size();
    let records = ledger.range(0..size).unwrap();
    let named = |leaf: &[u8]| Leaf::parse(leaf).unwrap().previous.iter().any(|(found, _)| *found == chain);
    records.iter().filter(|record| named(&record.leaf)).map(|record| record.position).collect()
}
