//! The process that the crash harness stops, and the long campaigns of it.
//!
//! ```text
//! soak actor NAME FOLDER ACTS FLAW     acts, and acknowledges each act on standard output
//! soak full NAME                       ten rounds on a small disk; needs a mount namespace
//! soak crash [NAME]                    every point of every actor, and the table
//! ```

use anyhow::{Context, Result, bail};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use testkit::crash::{Actor, Campaign, Flaw, campaign, full, inject::Fault};

/// Acts of an actor in the long campaign.
const fn acts(actor: Actor) -> u64 {
    match actor {
        Actor::Ledger => 40,
        Actor::Objects => 8,
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
        ["full", name] => {
            let program = std::env::current_exe()?;
            let row = full::fill(&program, Actor::named(name)?).await?;
            tell(&[row])
        }
        ["crash"] => crash(&Actor::ALL).await,
        ["crash", name] => crash(&[Actor::named(name)?]).await,
        _ => bail!("which? `actor`, `full` or `crash`"),
    }
}

async fn crash(actors: &[Actor]) -> Result<bool> {
    let program = std::env::current_exe()?;
    let mut well = true;
    say(&campaign::head())?;
    for actor in actors {
        let campaign = Campaign::new(&program, *actor, acts(*actor), Flaw::None).await?;
        let points = campaign.points();
        for fault in [Fault::Kill, Fault::Eio, Fault::Full] {
            well &= tell(&[campaign.inject(&points, fault).await?])?;
        }
        for seed in 0..3 {
            well &= tell(&[campaign.cut_power(None, seed, None).await?])?;
        }
    }
    Ok(well)
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
