//! The process that the crash harness stops, and the long campaigns of it.
//!
//! ```text
//! soak actor NAME FOLDER ACTS FLAW     acts, and acknowledges each act on standard output
//! soak full NAME [ROUNDS]              ten rounds, or so many, on a small disk; needs a mount namespace
//! soak crash [NAME [COUNT]]            every point of every actor, or so many of one, and the table
//! soak fuzz NAME|all SECONDS           changed bytes for a parser, from a seed that is told
//! soak flip STRIDE                     one bit of every so manyth byte of every file of a small site
//! soak corpus FOLDER                   writes the seeds of each target
//! ```

use anyhow::{Context, Result, bail};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use testkit::crash::{Actor, Campaign, Flaw, campaign, full, inject::Fault};
use testkit::{flip, fuzz};

/// Acts of an actor in the long campaign.
const fn acts(actor: Actor) -> u64 {
    match actor {
        Actor::Ledger => 40,
        Actor::Objects => 8,
        Actor::Rotation => 4,
        Actor::Migration => 4,
        Actor::Retention => 5,
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.context("no runtime").and_then(|runtime| runtime.block_on(run(&words)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything held.
async fn run(words: &[&str]) -> Result<bool> {
    match words {
        ["actor", name, folder, acts, flaw] => {
            Actor::named(name)?.act(Path::new(folder), acts.parse()?, Flaw::named(flaw)?).await?;
            Ok(true)
        }
        ["full", name] => fill(Actor::named(name)?, full::ROUNDS).await,
        ["full", name, rounds] => fill(Actor::named(name)?, rounds.parse()?).await,
        ["crash"] => crash(&Actor::ALL, None).await,
        ["crash", name] => crash(&[Actor::named(name)?], None).await,
        ["crash", name, count] => crash(&[Actor::named(name)?], Some(count.parse()?)).await,
        ["fuzz", name, seconds] => fuzz_all(name, Duration::from_secs(seconds.parse()?)),
        ["flip", stride] => flip_all(stride.parse()?).await,
        ["corpus", folder] => write_corpus(Path::new(folder)),
        _ => bail!("which? `actor`, `full`, `crash`, `fuzz` or `corpus`"),
    }
}

async fn fill(actor: Actor, rounds: u64) -> Result<bool> {
    let program = std::env::current_exe()?;
    tell(&[full::fill(&program, actor, rounds).await?])
}

/// All points, or `count` of them for each fault and for the power.
async fn crash(actors: &[Actor], count: Option<usize>) -> Result<bool> {
    let program = std::env::current_exe()?;
    let mut well = true;
    say(&campaign::head())?;
    for actor in actors {
        let campaign = Campaign::new(&program, *actor, acts(*actor), Flaw::None).await?;
        let all = campaign.points();
        for (fault, seed) in [(Fault::Kill, 1), (Fault::Eio, 2), (Fault::Full, 3)] {
            let points = count.map_or_else(|| all.clone(), |count| campaign::sample(&all, count, seed));
            well &= tell(&[campaign.inject(&points, fault).await?])?;
        }
        for seed in 0..if count.is_some() { 1 } else { 3 } {
            well &= tell(&[campaign.cut_power(count, seed, None).await?])?;
        }
        say(&format!("{:<8} {} points in one undisturbed run", actor.word(), all.len()))?;
    }
    Ok(well)
}

/// Each target of this name for `time`, from a seed of its own.
fn fuzz_all(name: &str, time: Duration) -> Result<bool> {
    let seed = u64::from_le_bytes(base::entropy::bytes(&base::SystemEntropy));
    let chosen: Vec<_> =
        fuzz::targets()?.into_iter().filter(|target| name == "all" || target.name == name).collect();
    anyhow::ensure!(!chosen.is_empty(), "no such target");
    let mut well = true;
    for target in chosen {
        let inputs = fuzz::inputs(&target, &fuzz::corpus())?;
        let driven = fuzz::drive(&target, &inputs, seed, fuzz::Until::Time(time));
        say(&format!("{:<16} {:>9} inputs, seed {seed}", target.name, driven.inputs))?;
        if let Some(broken) = driven.broken {
            well = false;
            let kept = fuzz::corpus().join(target.name).join(format!("broken-{seed:016x}"));
            std::fs::write(&kept, &broken.input)?;
            say(&format!("    {}: {}", broken.why, kept.display()))?;
        }
    }
    Ok(well)
}

/// Whether every changed bit is found and named.
async fn flip_all(stride: usize) -> Result<bool> {
    let site = flip::Small::new().await?;
    let mut well = true;
    for (file, length) in site.files()? {
        let places: Vec<usize> = (0..length).step_by(stride).chain(length.checked_sub(1)).collect();
        let missed = site.try_at(&file, &places).await?;
        well &= missed.is_empty();
        say(&format!("{:<70} {:>7} bits {:>4} missed", file.display(), places.len(), missed.len()))?;
        missed.iter().try_for_each(|missed| say(&format!("    {missed}")))?;
    }
    Ok(well)
}

/// The seeds as files, so that a corpus can begin with them.
fn write_corpus(folder: &Path) -> Result<bool> {
    for target in fuzz::targets()? {
        let place = folder.join(target.name);
        std::fs::create_dir_all(&place)?;
        for (number, seed) in target.seeds.iter().enumerate() {
            std::fs::write(place.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(true)
}

fn tell(rows: &[campaign::Row]) -> Result<bool> {
    for row in rows {
        say(&row.to_string())?;
        row.broken.iter().try_for_each(|broken| say(&format!("    {broken}")))?;
    }
    Ok(rows.iter().all(|row| row.broken.is_empty() && row.points > 0))
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
