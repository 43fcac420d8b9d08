//! The ledger's promises in figures, each beside its bound: `make bench`, or
//! `cargo run --release -p ledger --example rate [EVENTS] [FOLDER] [ROUNDS]`.
//!
//! Five rounds, or so many, one after another, each measuring everything once; least, median and most are shown.

mod common;

use base::{Clock as _, SystemClock};
use common::bytes_below;
use ledger::{Entry, Ledger, SigningKey};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const ROUNDS: usize = 5;
const WRITERS: [u64; 3] = [1, 4, 16];
/// Threads that flush at once for the bound of the disk, and flushes of each.
const AT_ONCE: u64 = 16;
const EACH: u64 = 50;

fn entry(n: u64) -> Result<Entry, ledger::Error> {
    common::entry(n, 5_000)
}

/// Processor time so far of the threads whose names begin with `name`, microseconds.
fn processor(name: &str) -> f64 {
    scheduled(name, 0)
}

/// How long they were ready to run and waited for a processor that others had, microseconds.
fn delayed(name: &str) -> f64 {
    scheduled(name, 1)
}

fn scheduled(name: &str, field: usize) -> f64 {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return f64::NAN };
    let mut nanoseconds = 0u64;
    for task in tasks.flatten() {
        let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        if read("comm").starts_with(name) {
            nanoseconds += read("schedstat").split(' ').nth(field).and_then(|n| n.parse().ok()).unwrap_or(0);
        }
    }
    nanoseconds as f64 / 1e3
}

struct Row {
    name: String,
    unit: &'static str,
    bound: &'static str,
    values: Vec<f64>,
}

/// Rows in the order in which they first came, with a value for each round.
#[derive(Default)]
struct Table(Vec<Row>);

impl Table {
    fn add(&mut self, name: &str, unit: &'static str, bound: &'static str, value: f64) {
        match self.0.iter_mut().find(|row| row.name == name) {
            Some(row) => row.values.push(value),
            None => self.0.push(Row { name: name.to_owned(), unit, bound, values: vec![value] }),
        }
    }

    fn print(&mut self) {
        println!("{:<46} {:>10} {:>10} {:>10}  {:<9} bound", "", "least", "median", "most", "");
        for row in &mut self.0 {
            row.values.sort_by(f64::total_cmp);
            let at = |place: usize| row.values.get(place).copied().unwrap_or(f64::NAN);
            let (least, median, most) = (at(0), at(row.values.len() / 2), at(row.values.len() - 1));
            println!(
                "{:<46} {least:>10.1} {median:>10.1} {most:>10.1}  {:<9} {}",
                row.name, row.unit, row.bound
            );
        }
    }
}

fn create(folder: &Path) -> Outcome<Ledger> {
    let key = SigningKey::from_seed(&[1; 32])?;
    Ok(Ledger::create(folder, "rate.example/ledger", key, Arc::new(SystemClock::default()))?)
}

/// Bare flushes of 4 KiB, one after another: each in microseconds, sorted.
fn bare_flushes(folder: &Path, count: u64, pause: Duration) -> Outcome<Vec<f64>> {
    use std::os::unix::fs::FileExt;
    let clock = SystemClock::default();
    let path = folder.join("bare");
    fs::write(&path, vec![1u8; 4 << 20])?;
    let file = fs::OpenOptions::new().write(true).open(&path)?;
    file.sync_all()?;
    let mut waits = Vec::new();
    for n in 0..count {
        std::thread::sleep(pause);
        let start = clock.monotonic();
        file.write_all_at(&[n as u8; 4096], n % 1024 * 4096)?;
        file.sync_data()?;
        waits.push((clock.monotonic() - start).as_secs_f64() * 1e6);
    }
    fs::remove_file(path)?;
    waits.sort_by(f64::total_cmp);
    Ok(waits)
}

/// Flushes a second of [`AT_ONCE`] threads, each with a file of its own.
fn concurrent_flushes(folder: &Path) -> Outcome<f64> {
    let clock = SystemClock::default();
    let began = clock.monotonic();
    let threads: Vec<_> = (0..AT_ONCE)
        .map(|thread| {
            let folder = folder.join(format!("at-once-{thread}"));
            std::thread::spawn(move || -> Outcome<u64> {
                fs::create_dir_all(&folder)?;
                Ok(bare_flushes(&folder, EACH, Duration::ZERO)?.len() as u64)
            })
        })
        .collect();
    let mut flushes = 0;
    for thread in threads {
        flushes += thread.join().map_err(|_| "a flusher stopped")??;
    }
    Ok(flushes as f64 / (clock.monotonic() - began).as_secs_f64())
}

fn quantile(sorted: &[f64], part: f64) -> f64 {
    sorted.get((sorted.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN)
}

/// Follow events from `writers` threads, until all are durable. One thread commits, so what an event
/// costs that thread is the bound of the processor.
fn flood(table: &mut Table, folder: &Path, events: u64, writers: u64, flush_rate: f64) -> Outcome<f64> {
    let clock = SystemClock::default();
    let ledger = create(folder)?;
    let parts: Vec<Vec<Entry>> = (0..writers)
        .map(|writer| (0..events / writers).map(|n| entry(n * writers + writer)).collect())
        .collect::<Result<_, _>>()?;
    let (start, commit, waited) = (clock.monotonic(), processor("ledger-commit"), delayed("ledger-commit"));
    let behind = processor("ledger-publish") + processor("ledger-index");
    let threads: Vec<_> = parts
        .into_iter()
        .map(|part| {
            let ledger = ledger.clone();
            std::thread::spawn(move || part.into_iter().try_for_each(|entry| ledger.follow_blocking(entry)))
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "a writer stopped")??;
    }
    ledger.append_blocking(entry(0)?)?;
    let (wall, commit) = ((clock.monotonic() - start).as_secs_f64(), processor("ledger-commit") - commit);
    let waited = (delayed("ledger-commit") - waited) / 1e6;
    let rate = events as f64 / wall;
    let name = |what: &str| format!("{writers} writers, {what}");
    table.add(&name("events durable and signed"), "1,000/s", "", rate / 1e3);
    table.add(&name("to flushes at once"), "x", ">= 500, or the next >= 0.7", rate / flush_rate);
    // Others had the processors meanwhile: what the committer waited for one is not the ledger's.
    let part = commit / 1e6 / (wall - waited);
    table.add(&name("to the committer's processor bound"), "of it", "", part);
    table.add(&name("committer's processor time"), "us/event", "<= 1.2", commit / events as f64);
    // The publisher's own thread does it, so that its time can be told apart.
    loop {
        let text = fs::read_to_string(folder.join("checkpoint")).unwrap_or_default();
        if ledger::verify::checkpoint(&text, ledger.verifier()).is_ok_and(|found| found.size > events) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let sustained = events as f64 / (clock.monotonic() - start).as_secs_f64();
    let behind = processor("ledger-publish") + processor("ledger-index") - behind;
    if writers == 1 {
        table.add("behind: tiles, bundles, index", "us/event", "", behind / events as f64);
    }
    table.add(&name("published as well"), "1,000/s", "", sustained / 1e3);
    ledger.close()?;
    Ok(sustained)
}

/// Gate events one after another, at half of the rate at which floods are published as well.
fn gates(table: &mut Table, folder: &Path, rate: f64) -> Outcome<()> {
    let clock = SystemClock::default();
    let ledger = create(&folder.join("gates"))?;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    // Half the load: follow events in small groups, evenly.
    let load = {
        let (ledger, stop) = (ledger.clone(), Arc::clone(&stop));
        std::thread::spawn(move || -> Result<(), ledger::Error> {
            let (clock, mut n) = (SystemClock::default(), 0u64);
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let due = (clock.monotonic().as_secs_f64() * rate / 2.0) as u64;
                while n < due {
                    ledger.follow_blocking(entry(n)?)?;
                    n += 1;
                }
                std::thread::sleep(Duration::from_micros(200));
            }
            Ok(())
        })
    };
    let mut waits = Vec::new();
    for n in 0..300 {
        std::thread::sleep(Duration::from_millis(1));
        let start = clock.monotonic();
        ledger.append_blocking(entry(n)?)?;
        waits.push((clock.monotonic() - start).as_secs_f64() * 1e6);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    load.join().map_err(|_| "the load stopped")??;
    ledger.close()?;
    waits.sort_by(f64::total_cmp);
    let bare = bare_flushes(folder, 300, Duration::from_millis(1))?;
    for (part, bound) in [(0.5, "<= 1.3 x the bare flush"), (0.99, "<= 3 x the bare flush")] {
        let name = |what: &str| format!("p{:.0} {what}", part * 100.0);
        table.add(&name("of a bare flush of 4 KiB"), "us", "", quantile(&bare, part));
        table.add(&name("of a gate event at half load"), "us", bound, quantile(&waits, part));
    }
    Ok(())
}

/// Size at rest, proof size and the full check, on what a flood left behind.
fn at_rest(table: &mut Table, folder: &Path) -> Outcome<()> {
    let key = SigningKey::from_seed(&[1; 32])?;
    let ledger = Ledger::open(folder, key, Arc::new(SystemClock::default()))?;
    let size = ledger.size() as f64;
    table.add("bytes of an event's body", "B", "", entry(7)?.body().len() as f64);
    table.add("bytes of its leaf", "B", "", ledger.read(7)?.leaf.len() as f64);
    table.add(
        "stored: tiles and bundles",
        "B/event",
        "<= 130",
        bytes_below(&folder.join("tile")) as f64 / size,
    );
    table.add("stored beside it: index", "B/event", "", bytes_below(&folder.join("index")) as f64 / size);
    let proof = ledger.inclusion(ledger.size() / 3, ledger.size())?;
    table.add("inclusion proof", "B", "<= 1,024", proof.len() as f64 * 32.0);
    ledger.close()?;
    let bound = hashed_and_unpacked(folder)?;
    table.add("to hash and unpack them, nothing else", "million/s", "", 1.0 / bound);
    let main = processor("rate");
    let report = ledger::check::folder(folder, ledger.verifier())?;
    let checked = report.size as f64 / (processor("rate") - main);
    if !report.is_sound() {
        return Err(format!("not sound: {:?}", report.findings).into());
    }
    table.add("verified from bytes, on one core", "million/s", ">= 2", checked);
    table.add("verified, to hashing and unpacking alone", "of it", "", checked * bound);
    Ok(())
}

/// Processor time, microseconds an event, to unpack all full bundles and to hash their leaves and as many nodes:
/// what no full check of these bytes can do without.
fn hashed_and_unpacked(folder: &Path) -> Outcome<f64> {
    let mut packed = Vec::new();
    files_below(&folder.join("tile/entries"), &mut packed)?;
    let mut unpack = zstd::bulk::Decompressor::new()?;
    let (began, mut events) = (processor("rate"), 0u64);
    let mut node = ledger::Hash([0; 32]);
    for bytes in &packed {
        let bundle = unpack.decompress(bytes, 32 << 20)?;
        let mut rest = bundle.as_slice();
        while let Some((length, others)) = rest.split_first_chunk::<2>() {
            let Some((leaf, others)) = others.split_at_checked(u16::from_be_bytes(*length).into()) else {
                break;
            };
            node = tlog_tiles::node_hash(node, tlog_tiles::record_hash(leaf));
            events += 1;
            rest = others;
        }
    }
    std::hint::black_box(node);
    Ok((processor("rate") - began) / events as f64)
}

fn files_below(folder: &Path, out: &mut Vec<Vec<u8>>) -> Outcome<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(&path, out)?;
        } else {
            out.push(fs::read(path)?);
        }
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let events: u64 = arguments.next().map_or(Ok(200_000), |text| text.parse())?;
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from).join("ledger-rate");
    let rounds: usize = arguments.next().map_or(Ok(ROUNDS), |text| text.parse())?;
    let _ = fs::remove_dir_all(&folder);
    let load = || fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average before: {}", load().trim());
    let mut table = Table::default();
    for _ in 0..rounds {
        fs::create_dir_all(&folder)?;
        let bare = bare_flushes(&folder, 300, Duration::ZERO)?;
        let alone = 1e6 / (bare.iter().sum::<f64>() / bare.len() as f64);
        table.add("bare flushes, one after another", "1/s", "", alone);
        let flush_rate = concurrent_flushes(&folder)?;
        table.add("bare flushes, 16 at once", "1/s", "", flush_rate);
        let mut best = 0f64;
        for writers in WRITERS {
            let folder = folder.join(writers.to_string());
            best = best.max(flood(&mut table, &folder, events, writers, flush_rate)?);
        }
        gates(&mut table, &folder, best)?;
        at_rest(&mut table, &folder.join("1"))?;
        fs::remove_dir_all(&folder)?;
    }
    table.print();
    println!("load average after: {}", load().trim());
    Ok(())
}
