//! How a ledger grows: memory, disk, start-up and look-ups at several sizes.
//! `cargo run --release -p ledger --example growth [SIZES] [FOLDER]`, sizes as `1000000,10000000`.
//!
//! Each size is a ledger of its own, opened again by a process of its own: what that one holds in
//! memory is what a start needs.

mod common;

use base::{Clock as _, SystemClock};
use common::{bytes_below, entry, id};
use ledger::storage::Disk;
use ledger::{Ledger, Options, SigningKey, Terms};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Events made before they are appended: whoever makes one in between leaves the committer batches of one, and
/// each batch its signature.
const AT_ONCE: u64 = 8_192;

/// An object for every ten events: chains grow with the ledger.
fn objects(size: u64) -> u64 {
    size / 10
}

/// The action and the request.
struct Words;

impl Terms for Words {
    fn terms(&self, event: &str, add: &mut dyn FnMut(&str)) {
        for name in ["action", "request"] {
            let value =
                event.split_once(&format!("\"{name}\":\"")).and_then(|(_, rest)| rest.split_once('"'));
            value.into_iter().for_each(|(value, _)| add(&format!("{name} {value}")));
        }
    }
}

fn options() -> Options {
    Options { terms: Arc::new(Words), ..Options::default() }
}

/// Resident memory of this process, MiB; the most so far if `most`.
fn memory(most: bool) -> f64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let name = if most { "VmHWM:" } else { "VmRSS:" };
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

/// Processor time of the committer and of the whole process so far, seconds.
fn processor() -> (f64, f64) {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let all = spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9;
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten().map(|entry| entry.path());
    let committer = threads.filter(|thread| {
        fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.trim() == "ledger-commit")
    });
    let nanos = committer.filter_map(|thread| {
        let text = fs::read_to_string(thread.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    (nanos.sum::<f64>() / 1e9, all)
}

fn fill(folder: &Path, size: u64) -> Outcome<()> {
    let clock = Arc::new(SystemClock::default());
    let key = SigningKey::from_seed(&[1; 32])?;
    let ledger =
        Ledger::create_with(folder, "growth.example/ledger", key, clock.clone(), Arc::new(Disk), options())?;
    let start = clock.monotonic();
    let mut made = 0;
    while made < size {
        let upto = size.min(made + AT_ONCE);
        let entries: Vec<_> = (made..upto).map(|n| entry(n, objects(size))).collect::<Result<_, _>>()?;
        entries.into_iter().try_for_each(|entry| ledger.follow_blocking(entry))?;
        made = upto;
    }
    let committer = processor().0;
    ledger.close()?;
    let micros = |seconds: f64| seconds * 1e6 / size as f64;
    let rate = size as f64 / (clock.monotonic() - start).as_secs_f64();
    let mib = |name: &str| bytes_below(&folder.join(name)) as f64 / f64::from(1 << 20);
    print!(
        "{size} | {rate:.0} | {:.1} | {:.1} | {:.0} | {:.0} | {:.1} | {:.0} | ",
        micros(processor().1),
        micros(committer),
        memory(true),
        mib("tile"),
        mib("index"),
        mib("segments")
    );
    Ok(())
}

/// The median of what `measure` takes, in microseconds.
fn median(clock: &SystemClock, rounds: u64, mut measure: impl FnMut(u64) -> Outcome<()>) -> Outcome<f64> {
    let mut times = Vec::new();
    for round in 0..rounds {
        let start = clock.monotonic();
        measure(round)?;
        times.push((clock.monotonic() - start).as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(times.len() / 2).copied().unwrap_or(f64::NAN))
}

fn look(folder: &Path) -> Outcome<()> {
    let clock = SystemClock::default();
    let before = memory(false);
    let start = clock.monotonic();
    let key = SigningKey::from_seed(&[1; 32])?;
    let ledger = Ledger::open_with(folder, key, Arc::new(SystemClock::default()), Arc::new(Disk), options())?;
    let start = (clock.monotonic() - start).as_secs_f64() * 1e3;
    let opened = memory(false) - before;
    let size = ledger.size();
    let chain = |round: u64| id("obj", round.wrapping_mul(7_919) % objects(size));
    let head = median(&clock, 500, |round| {
        ledger.head(&chain(round))?.map(|_| ()).ok_or_else(|| "a head is missing".into())
    })?;
    let absent = median(&clock, 500, |round| match ledger.head(&id("smp", round))? {
        None => Ok(()),
        Some(_) => Err("a head that is not there".into()),
    })?;
    let rare = median(&clock, 200, |round| {
        let found = ledger.postings(&format!("request {}", id("req", round * 31)), 0..size)?;
        if found == [round * 31] { Ok(()) } else { Err(format!("a request at {found:?}").into()) }
    })?;
    let person = median(&clock, 5, |round| {
        let found = ledger.postings(&id("usr", round), 0..size)?;
        if found.is_empty() { Err("nobody".into()) } else { Ok(()) }
    })?;
    println!("{start:.0} | {opened:.0} | {head:.1} | {absent:.1} | {rare:.0} | {:.1}", person / 1e3);
    Ok(ledger.close()?)
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let sizes = arguments.next().unwrap_or_else(|| "100000,1000000".to_owned());
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    if sizes == "look" {
        return look(&folder);
    }
    println!("load average: {}", fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    println!("events | appended/s | processor us an event | of these the committer | most memory MiB");
    println!("  | tiles and bundles MiB | index MiB | segments MiB");
    println!(
        "  | start ms | memory after start MiB | head us | absent chain us | one request us | a person's fiftieth ms"
    );
    for size in sizes.split(',') {
        let folder = folder.join(format!("ledger-growth-{size}"));
        let _ = fs::remove_dir_all(&folder);
        fill(&folder, size.parse()?)?;
        std::io::Write::flush(&mut std::io::stdout())?;
        let status =
            std::process::Command::new(std::env::current_exe()?).arg("look").arg(&folder).status()?;
        fs::remove_dir_all(&folder)?;
        if !status.success() {
            return Err("looking failed".into());
        }
    }
    Ok(())
}
