//! What sealing, jailing and recording cost: `sequestra run start germline --wait` beside the same
//! commands run bare, in interleaved pairs; then what a command and a start of the site take.
//!
//! `cargo run -p sequestra --example sealed_run [-- --quick]`, after `cargo build --workspace`. With
//! `--quick`, or `SEQUESTRA_BENCH_QUICK` set, one pair on few reads: to try it, not to judge by it.
//!
//! * `case`: the made reads
//! * `site`: a throw-away site, made and used by the ordinary commands
//! * `bare`: the workflow's own commands, run without the product
//! * `waits`: how long a command takes, and a site to start
//! * `measure`: pairs, what they are held to, and the machine's state

mod bare;
mod case;
mod measure;
mod site;
mod waits;

use anyhow::Result;
use bare::Bare;
use base::{Clock, SystemClock};
use case::{Case, Shape};
use measure::{Kind, Pair};
use site::{Sample, Site};
use std::path::Path;

/// A panel of 1.2 Mb at 140-fold depth on four lanes: about a minute and a quarter of the bare tools
/// on two processors.
const LONG: Shape = Shape { name: "long", lanes: 4, coverage: 140, number: 100 };
/// Hardly any reads on the same reference: what remains is what a run costs whatever its size.
const SHORT: Shape = Shape { name: "short", lanes: 1, coverage: 2, number: 101 };

fn main() -> Result<()> {
    let quick =
        std::env::args().any(|word| word == "--quick") || std::env::var_os("SEQUESTRA_BENCH_QUICK").is_some();
    let (pairs, long) = if quick { (1, Shape { coverage: 5, ..LONG }) } else { (5, LONG) };
    let clock = SystemClock::default();
    let room = tempfile::Builder::new().prefix("sequestra-bench-").tempdir()?;
    let cases = case::make(&room.path().join("data"), &[SHORT, long])?;
    // Declared after the room, so that the site's process ends before its folder goes.
    let site = Site::make(&room.path().join("site"))?;
    println!("one moment: registering tools and a reference, taking reads in");
    let reference = site.reference(&cases.reference, &cases.genes, &cases.tables)?;
    let bare_reference = bare::prepare_reference(&room.path().join("reference"), &cases)?;

    waits::commands(&site, &clock)?;
    waits::starts(&site, &clock, pairs)?;
    for (case, kind) in cases.each.iter().zip([Kind::Short, Kind::Long]) {
        let sample = site.take_in(case)?;
        let bare = Bare::new(&bare_reference, case, &sample)?;
        compare(&site, &reference, &sample, &bare, case, (pairs, kind), room.path(), &clock)?;
    }
    Ok(())
}

/// Interleaved pairs. Which of the two goes first alternates, so that neither always finds the
/// machine as the other left it.
#[expect(clippy::too_many_arguments, reason = "one call; a struct for it would only repeat the names")]
fn compare(
    site: &Site,
    reference: &str,
    sample: &Sample,
    bare: &Bare,
    case: &Case,
    (count, kind): (usize, Kind),
    room: &Path,
    clock: &dyn Clock,
) -> Result<()> {
    measure::head(case, kind);
    let mut pairs = Vec::with_capacity(count);
    for number in 1..=count {
        let sealed_first = number % 2 == 1;
        let first = sealed_first.then(|| site.run(reference, sample, clock)).transpose()?;
        let bare = bare.run(&room.join("bare"), clock)?;
        let sealed = match first {
            Some(sealed) => sealed,
            None => site.run(reference, sample, clock)?,
        };
        let pair = Pair { sealed, bare, sealed_first };
        pair.check()?;
        pair.print(number);
        pairs.push(pair);
    }
    measure::verdict(&pairs, kind);
    Ok(())
}
