//! What the cases share.

use base::SystemClock;
use ledger::storage::{Disk, Storage};
use ledger::{Body, Entry, Ledger, Options, SigningKey};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub const NAME: &str = "site.example/ledger";

pub fn key() -> SigningKey {
    SigningKey::from_seed(&[5; 32]).unwrap()
}

/// Small segments, and no publishing but at the close or when asked.
pub fn options() -> Options {
    Options { segment_bytes: 4096, publish_every: Duration::from_secs(3600), ..Options::default() }
}

pub fn create(dir: &Path) -> Ledger {
    create_on(dir, Arc::new(Disk)).unwrap()
}

pub fn create_on(dir: &Path, storage: Arc<dyn Storage>) -> ledger::Result<Ledger> {
    Ledger::create_with(dir, NAME, key(), Arc::new(SystemClock::default()), storage, options())
}

pub fn open(dir: &Path) -> ledger::Result<Ledger> {
    open_on(dir, Arc::new(Disk))
}

pub fn open_on(dir: &Path, storage: Arc<dyn Storage>) -> ledger::Result<Ledger> {
    Ledger::open_with(dir, key(), Arc::new(SystemClock::default()), storage, options())
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
