//! The long comparison: `cargo run -p policy --example differ [REQUESTS [SEED]]`, ten million by default.
//!
//! Every thousand requests it asks another random set of policies, with and without the shipped ones. It ends
//! with 1 at the first request that the compiled form and Cedar do not answer alike, reasons included.

#[path = "../tests/random/mod.rs"]
mod random;

use base::{Clock as _, SystemClock};
use random::{Dice, Found, compare, set};
use std::process::ExitCode;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let wanted = numbers.first().copied().unwrap_or(10_000_000);
    let seed = numbers
        .get(1)
        .copied()
        .unwrap_or_else(|| u64::from_le_bytes(base::entropy::bytes(&base::SystemEntropy)));
    println!("{wanted} requests, seed {seed}");
    let (clock, mut dice, mut found, mut sets) = (SystemClock::default(), Dice(seed), Found::default(), 0u64);
    while found.requests < wanted {
        let (count, shipped, strange) = (1 + dice.roll(24), sets % 2 == 0, dice.one(&[0, 3]));
        let policies = match set(&mut dice, count, shipped, strange) {
            Ok(policies) => policies,
            // A policy that contradicts itself is refused at load, and is none to compare.
            Err(told) if told.contains("policy is impossible") => continue,
            Err(told) => {
                println!("{told}");
                return ExitCode::FAILURE;
            }
        };
        sets += 1;
        compare(&policies, &mut dice, 1000.min(wanted - found.requests), &mut found);
        if let Some(told) = &found.disagreement {
            println!("disagreement in request {} of set {sets}, seed {seed}\n{told}", found.requests);
            return ExitCode::FAILURE;
        }
        if sets % 500 == 0 {
            println!(
                "{:>10} requests, {sets} sets, {:.0} s",
                found.requests,
                clock.monotonic().as_secs_f64()
            );
        }
    }
    println!(
        "{} requests to {sets} random sets: 0 disagreements in decision and reasons; {} answered by the compiled \
         form, {} allowed, {:.0} s",
        found.requests,
        found.compiled,
        found.allowed,
        clock.monotonic().as_secs_f64()
    );
    ExitCode::SUCCESS
}
