//! `ledger`: the record itself.

mod fsck;
mod watch;

use crate::app::App;
use crate::client::Body;
use crate::{Console, Error, Failure, file, text};
use api::record;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The tamper-evident record
#[derive(Subcommand)]
pub enum Ledger {
    Checkpoint(Checkpoint),
    Verify(Verify),
    Prove(Prove),
    Watch(watch::Watch),
    Fsck(fsck::Fsck),
}

impl Ledger {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Checkpoint(args) => args.run(app),
            Self::Verify(args) => args.run(app),
            Self::Prove(args) => args.run(app),
            Self::Watch(args) => args.run(app),
            Self::Fsck(args) => args.run(app),
        }
    }
}

/// Give the signed checkpoint: the ledger's size and root now.
///
/// Kept where the site cannot reach it, it shows later whether history was rewritten since. Where the site has
/// witnesses, it waits some seconds for their cosignatures.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra ledger checkpoint --out checkpoint-may.txt\n\n\
    Role: auditor or platform-administrator on the site.")]
pub struct Checkpoint {
    /// The file to write [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Checkpoint {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let answer = app.client()?.send("ledger checkpoint", &[], Body::empty())?;
        let checkpoint = String::from_utf8_lossy(&answer.bytes);
        if let Some(path) = &self.out {
            file::write_new(path, &answer.bytes)?;
            app.console.say(&format!("wrote {}; keep it where the site cannot reach it", path.display()));
            // The ledger's own signature is a line of the same form.
            match checkpoint.matches("\n\u{2014} ").count().saturating_sub(1) {
                0 => app.console.say("no witness has cosigned it"),
                count => app.console.say(&format!("cosigned by {count} of the site's witnesses")),
            }
        }
        match (app.console.is_json(), self.out) {
            (true, _) => app.console.json(&serde_json::json!({"checkpoint": checkpoint})),
            (false, None) => app.console.bytes(&answer.bytes),
            (false, Some(_)) => Ok(()),
        }
    }
}

/// Check the whole ledger: every event, signed commit and tile, and a checkpoint kept elsewhere.
///
/// A ledger that does not hold ends with exit code 7 and names each place.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra ledger verify --against checkpoint-may.txt\n\n\
    Role: auditor or platform-administrator on the site.")]
pub struct Verify {
    /// A checkpoint that was kept elsewhere
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

impl Verify {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let against = self.against.as_deref().map(file::read_text).transpose()?;
        let body = record::Verify { against };
        let found: record::Verification = app.client()?.post("ledger verify", &[], &body)?.json()?;
        let compared = found.against.is_some();
        tell(app.console, &found)?;
        if !compared {
            app.console.say("not compared with a checkpoint kept elsewhere (`--against FILE`)");
        }
        Ok(())
    }
}

/// Prove that one event is in the ledger: one file that others check offline.
///
/// The file holds the event, its position, a signed checkpoint and the hashes between them. With a checkpoint
/// that was kept, it also proves that nothing before that one changed. `sequestra-verify proof` reads it, and so
/// do other tools for C2SP tlog-proof. It shows the event to whoever has it.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra ledger prove 1204 --against checkpoint-may.txt \\\n    \
    --out event.tlog-proof\n\nRole: auditor on the site.")]
pub struct Prove {
    /// The event's position, as `audit search` shows it
    position: u64,
    /// A checkpoint that was kept elsewhere
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// The file to write [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Prove {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let against = self.against.as_deref().map(file::read_text).transpose()?;
        let body = record::Prove { position: self.position, against };
        let answer = app.client()?.post("ledger prove", &[], &body)?;
        let proof = String::from_utf8_lossy(&answer.bytes);
        if let Some(path) = &self.out {
            file::write_new(path, &answer.bytes)?;
            app.console.say(&format!("wrote {}; `sequestra-verify proof` checks it", path.display()));
        }
        match (app.console.is_json(), self.out) {
            (true, _) => app.console.json(&serde_json::json!({"position": self.position, "proof": proof})),
            (false, None) => app.console.bytes(&answer.bytes),
            (false, Some(_)) => Ok(()),
        }
    }
}

/// What a full check found; what does not hold is a failure that names each place.
fn tell(console: &mut Console, found: &record::Verification) -> Result<(), Failure> {
    if !found.sound() {
        return Err(Failure::from(Error::Unsound).with_findings(reasons(found)));
    }
    if console.is_json() {
        return console.json(found);
    }
    console.line("the ledger holds")?;
    console.line(&format!("  {}, root {}", text::many(found.size, "event", "events"), found.root))?;
    console.line(&format!(
        "  {} and {} checked",
        text::many(found.commits, "signed commit", "signed commits"),
        text::many(found.tiles, "tile", "tiles")
    ))?;
    match found.against {
        Some(_) => console.line("  the checkpoint kept elsewhere is of this ledger's past"),
        None => Ok(()),
    }
}

fn reasons(found: &record::Verification) -> Vec<String> {
    let mut reasons = found.findings.clone();
    match found.against.as_deref() {
        Some("diverged") => reasons.push("the checkpoint kept elsewhere is of another history".to_owned()),
        Some("ahead") => {
            reasons.push("the checkpoint kept elsewhere is ahead: the ledger was rolled back".to_owned());
        }
        _ => {}
    }
    reasons
}
