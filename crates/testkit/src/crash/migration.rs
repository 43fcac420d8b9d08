//! Moving a site's secrets from one provider to another, stopped anywhere.
//!
//! The acknowledgements hold the shares: that is what people have in their hands by then.

use super::actor;
use super::check::Acks;
use super::rotation::safe;
use crate::spine::{DATABASE, SHARES, secrets};
use anyhow::{Context, Result, ensure};
use base::{Id, SiteId, SystemEntropy};
use keys::wrap::WrappingKey;
use keys::{Credential, Plan, Roots, Shares};
use std::path::Path;

/// The root of the site.
const ROOT: [u8; 32] = [8; 32];

fn roots() -> Roots {
    Roots::first(WrappingKey::from_bytes(ROOT))
}

/// Seals secrets under shares of two people.
pub fn prepare(folder: &Path) -> Result<()> {
    let site = SiteId::mint(&SystemEntropy);
    let (under, shares) = Shares::mint(&site, 2, 2, &SystemEntropy)?;
    let _ = safe(folder).replace(&site, &secrets(roots()), &under, &SystemEntropy)?;
    Ok(std::fs::write(folder.join(SHARES), line(&shares))?)
}

/// The shares on one line.
fn line(shares: &[keys::Share]) -> String {
    shares.iter().map(|share| share.text().to_string()).collect::<Vec<_>>().join(",")
}

fn credential(line: &str) -> Credential {
    Credential::new(line.replace(',', "\n"))
}

/// Moves it again and again: to two of two, to two of three, and so on.
pub fn act(folder: &Path, acts: u64, early: bool) -> Result<()> {
    let mut now = std::fs::read_to_string(folder.join(SHARES))?;
    for n in 0..acts {
        now = step(folder, n, &now, early, &actor::acknowledge)?;
    }
    Ok(())
}

/// Tells what is complete.
type Tell = dyn Fn(&str) -> std::io::Result<()>;

fn step(folder: &Path, n: u64, now: &str, early: bool, tell: &Tell) -> Result<String> {
    let safe = safe(folder);
    let plan = Plan::Shares { needed: 2, made: if n.is_multiple_of(2) { 3 } else { 2 } };
    let shares = safe.prepare(&credential(now), &plan, &credential(""), &SystemEntropy)?;
    let two = line(shares.get(..2).context("too few shares")?);
    tell(&format!("prepared {n} {two}"))?;
    if early {
        tell(&format!("moved {n}"))?;
    }
    let _ = safe.complete(&credential(&two), &roots(), |_| Ok(()))?;
    if !early {
        tell(&format!("moved {n}"))?;
    }
    Ok(two)
}

/// One of what people hold opens the secrets: the newest that was moved to, or what was prepared after it.
pub fn check(folder: &Path, acks: &Acks) -> Result<()> {
    let held: Vec<(u64, &str)> = acks
        .lines
        .iter()
        .filter_map(|line| line.strip_prefix("prepared ")?.split_once(' '))
        .filter_map(|(n, shares)| Some((n.parse().ok()?, shares)))
        .collect();
    let moved = acks.lines.iter().filter(|line| line.starts_with("moved ")).count();
    let first = std::fs::read_to_string(folder.join(SHARES))?;
    let candidates = [(0, first.as_str())].into_iter().chain(held.iter().map(|(n, shares)| (n + 1, *shares)));
    let mut opening = None;
    for (number, shares) in candidates {
        if let Ok((_, opened, _)) = safe(folder).unseal(&credential(shares)) {
            ensure!(
                opened.roots.same_as(&roots()) && *opened.database == DATABASE,
                "other secrets than were sealed"
            );
            opening = Some((number, shares.to_owned()));
        }
    }
    let (number, shares) = opening.context("nothing that anybody holds opens the secrets: they are lost")?;
    ensure!(number >= moved as u64, "move {moved} was acknowledged and is lost: {number} opens");
    ensure!(number <= moved as u64 + 1, "what was never completed is in force");
    step(folder, 0, &shares, false, &|_| Ok(())).context("going on")?;
    Ok(())
}
