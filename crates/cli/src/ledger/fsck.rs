//! `ledger fsck`: a ledger's bytes, without its process.

use super::{Verify, tell};
use crate::app::App;
use crate::{Error, Failure, file};
use ::ledger::lock::Lock;
use ::ledger::{VerifierKey, check, copy, log};
use ::receipt::SitePublic;
use api::record::Verification;
use clap::Args;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Check the bytes of a ledger that no process has open, or of a copy, and name what is damaged.
///
/// Needs no passphrase and no account: a ledger is checked with public keys alone. Every event, signed commit, chain,
/// tile and checkpoint is recomputed; a file that does not hold is named, and the event where one is concerned. A
/// replica is checked by itself: each of its files, and the root of every checkpoint that was copied to it. Of an
/// open site, the site's process does the same (`ledger verify`).
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra ledger fsck /srv/site --site-key site.pub\n\n\
    Role: none; who can read the folder can check it. Auditor or platform-administrator for an open site.")]
pub struct Fsck {
    /// The folder of a site, of a ledger or of a replica [default: the site]
    folder: Option<PathBuf>,
    /// The site's public keys, as you got them [default: `site.pub` in the folder]
    #[arg(long, value_name = "FILE")]
    site_key: Option<PathBuf>,
}

impl Fsck {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let folder = match self.folder {
            Some(folder) => folder,
            None => app.site()?,
        };
        let ledger = if folder.join("ledger").is_dir() { folder.join("ledger") } else { folder.clone() };
        let Some(_quiet) = hold(&ledger)? else {
            if !folder.join("site.toml").is_file() {
                return Err(Failure::of(&::ledger::Error::Locked(ledger)));
            }
            app.console.say("the site is open: its process checks it");
            app.global.site = Some(folder);
            return Verify { against: None }.run(app);
        };
        let verifier = match self.site_key.or_else(|| own_key(&folder)) {
            Some(path) => file::read_text(&path)?.parse::<SitePublic>()?.ledger,
            None => stored(&ledger, app)?,
        };
        let report = match copy::is_copy(&ledger) {
            true => copy::check(&copy::Folder(ledger), &verifier),
            false => check::folder(&ledger, &verifier),
        };
        let report = report.map_err(|error| Failure::of(&error))?;
        if report.unfinished {
            app.console
                .say("a write that nobody was answered for lies at the end; the next opening removes it");
        }
        let findings = report.findings.iter().map(ToString::to_string).collect();
        let (size, commits, tiles) = (report.size, report.commits, report.tiles);
        let root = report.root.map(|root| root.to_string()).unwrap_or_default();
        tell(app.console, &Verification { size, root, commits, tiles, against: None, findings })
    }
}

/// The ledger's lock, for as long as the check takes; none if a process has it. A copy may have no lock.
fn hold(ledger: &Path) -> Result<Option<Option<Lock>>, Failure> {
    let path = ledger.join("lock");
    match File::open(&path).and_then(Lock::take) {
        Ok(held) => Ok(held.map(Some)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Some(None)),
        Err(source) => Err(Error::Read { path, source }.into()),
    }
}

fn own_key(folder: &Path) -> Option<PathBuf> {
    Some(folder.join("site.pub")).filter(|path| path.is_file())
}

/// The key beside the ledger, which proves less: whoever rewrote the one could have replaced the other.
fn stored(ledger: &Path, app: &mut App<'_>) -> Result<VerifierKey, Failure> {
    app.console
        .say("checked against the key that lies beside it; `--site-key FILE` takes the one that you got");
    log::stored_verifier(ledger).map_err(|error| Failure::of(&error))
}
