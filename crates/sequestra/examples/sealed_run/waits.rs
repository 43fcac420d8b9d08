//! How long a command to a running site takes, and how long a site takes to start.

use crate::measure::{self, Spread};
use crate::site::{ANALYST, Site};
use anyhow::Result;
use base::Clock;
use keys::{Passphrase, SealedFile};
use std::fs;

const COMMANDS: usize = 20;
/// Seconds that a command to a running site may take.
const COMMAND: f64 = 0.030;
/// Seconds that a start may take after unsealing.
const START: f64 = 1.0;

/// `whoami` to a running site, the start of the program included.
pub fn commands(site: &Site, clock: &dyn Clock) -> Result<()> {
    println!("\na command to a running site (`whoami`, {COMMANDS} times; load {})", measure::load());
    let spread = whoami(site, clock)?;
    println!("  {}", spread.milliseconds());
    measure::bound("median", spread.median, COMMAND);
    Ok(())
}

/// The first command to a locked site, less the derivation of its key (Argon2id, which is slow so
/// that guessing is) and less what the command takes when the site runs.
pub fn starts(site: &Site, clock: &dyn Clock, rounds: usize) -> Result<()> {
    println!("\nthe start of a site's process after unsealing ({rounds} rounds; load {})", measure::load());
    let (mut derivations, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let sealed = fs::read(site.folder().join("keys").join("site.sealed"))?;
        let passphrase = Passphrase::new(fs::read_to_string(site.passphrase_file())?);
        let begun = clock.monotonic();
        SealedFile::parse(&sealed)?.open(&passphrase)?;
        derivations.push((clock.monotonic() - begun).as_secs_f64());
        site.lock()?;
        let begun = clock.monotonic();
        site.ask(ANALYST, &["whoami"])?;
        whole.push((clock.monotonic() - begun).as_secs_f64());
    }
    let command = whoami(site, clock)?.median;
    let starts =
        whole.iter().zip(&derivations).map(|(whole, derivation)| whole - derivation - command).collect();
    println!("  first command        {}", Spread::of(whole).milliseconds());
    println!("  Argon2id             {}", Spread::of(derivations).milliseconds());
    let starts = Spread::of(starts);
    println!("  the start alone      {}", starts.milliseconds());
    measure::bound("median", starts.median, START);
    Ok(())
}

fn whoami(site: &Site, clock: &dyn Clock) -> Result<Spread> {
    let mut seconds = Vec::new();
    for _ in 0..COMMANDS {
        let begun = clock.monotonic();
        site.ask(ANALYST, &["whoami"])?;
        seconds.push((clock.monotonic() - begun).as_secs_f64());
    }
    Ok(Spread::of(seconds))
}
