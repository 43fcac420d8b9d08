//! How many events a second the ledger takes here, and how much processor time each costs.
//!
//! `cargo run --release -p ledger --example rate [EVENTS] [FOLDER]`: follow events from two threads,
//! durable and signed, then gate events one after another, then a full check.

use base::SystemClock;
use ledger::{Body, Entry, Ledger, SigningKey};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(serde::Serialize)]
struct Event {
    actor: String,
    event: &'static str,
    object: String,
    purpose: &'static str,
    note: String,
}

fn entry(n: u64) -> Result<Entry, ledger::Error> {
    let actor = format!("usr_{:020}", n % 50);
    let object = format!("obj_{:020}", n % 5_000);
    let event = Event {
        actor: actor.clone(),
        event: "range-read",
        object: object.clone(),
        purpose: "care",
        note: "x".repeat(150),
    };
    Entry::new([object, actor], Body::of(&event)?)
}

/// Processor time of the whole process so far.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let events: u64 = arguments.next().map_or(Ok(400_000), |text| text.parse())?;
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from).join("ledger-rate");
    let key = SigningKey::from_seed(&[1; 32])?;
    let ledger = Ledger::create(&folder, "rate.example/ledger", key, Arc::new(SystemClock::default()))?;

    let half = events / 2;
    let prepare = |range: std::ops::Range<u64>| range.map(entry).collect::<Result<Vec<_>, _>>();
    let parts = [prepare(0..half)?, prepare(half..events)?];
    let (start, processor) = (Instant::now(), processor_time());
    let threads = parts.map(|part| {
        let ledger = ledger.clone();
        std::thread::spawn(move || part.into_iter().try_for_each(|entry| ledger.follow_blocking(entry)))
    });
    for thread in threads {
        thread.join().map_err(|_| "a writer stopped")??;
    }
    ledger.append_blocking(entry(0)?)?;
    let (wall, processor) = (start.elapsed(), processor_time() - processor);
    let per_event = processor.as_secs_f64() * 1e6 / events as f64;
    println!(
        "follow: {:.0} events/s, {per_event:.2} µs of processor each",
        events as f64 / wall.as_secs_f64()
    );

    let mut waits = Vec::new();
    for n in 0..200 {
        let start = Instant::now();
        ledger.append_blocking(entry(n)?)?;
        waits.push(start.elapsed());
    }
    waits.sort();
    println!("gate, one at a time: p50 {:?}, worst {:?}", waits.get(100), waits.last());

    let start = Instant::now();
    ledger.publish()?;
    println!("tiles caught up after {:?}", start.elapsed());
    let start = Instant::now();
    let report = ledger.verify_full()?;
    let rate = report.size as f64 / start.elapsed().as_secs_f64();
    println!("full check: {} events, {rate:.0} events/s, sound: {}", report.size, report.is_sound());
    ledger.close()?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
