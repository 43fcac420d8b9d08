//! C-AUD-09: an old state cannot start as live.

use super::witnessed::{Witness, ask};
use crate::site::{Done, Site, Who, text};
use crate::{Control, Error, Play, Result};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

pub const CONTROL: Control = Control {
    id: "C-AUD-09",
    statement: "An older ledger under a newer database, or an older database under a newer ledger, does not start; \
                both together, and yesterday's backup without the newer ledger, are refused where a witness remembers",
    test: "keep a copy of the locked site, let it go on, then put back the copy's ledger alone and its database alone; \
           beside a witness, restore yesterday's backup without the ledger of today, and with it",
    references: &["53 AU-9"],
    scenario,
};

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    site.lock()?;
    let older = site.copy()?;
    site.package(&project, 85)?;
    site.lock()?;
    for (what, code) in [("ledger", "AUDIT-004"), ("metadata.db", "AUDIT-005")] {
        let live = site.copy()?;
        play.attack(&format!("put back yesterday's {what}"), || put_back(&older, &live, what))?;
        let done = start(&live)?;
        play.expect(&format!("does not start, {code}"), done.refused(code), done.told());
    }
    play.does("leave the site as it is");
    let done = start(&site)?;
    play.expect("the site itself starts", done.is_done(), done.told());
    site.lock()?;
    from_backup(play)
}

/// Both together (C-AUD-08) is what a backup holds.
fn from_backup(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let witness = Witness::of(&site)?;
    site.lock()?;
    witness.set(&site)?;
    site.open()?;
    ask(|| Ok(witness.has_cosigned(&site)))?;
    let (backup, recovery) = (site.beside("backup"), site.beside("recovery"));
    let create = ["backup", "create", text(&backup)?, "--recovery", text(&recovery)?];
    let made = site.json(Who::Administrator, &create)?;
    let recovery = made.get("recovery").and_then(Value::as_str).map(PathBuf::from);
    let recovery = recovery.ok_or_else(|| Error::unplayable("the backup has no recovery file"))?;
    site.package(&project, 89)?;
    site.lock()?;
    let newer = site.folder().join("ledger");
    play.attack("restore yesterday's backup without the ledger of today", || Ok(()))?;
    let given = play.is_spoiled().then_some(newer.as_path());
    let (_older, done) = restored(&site, &backup, &recovery, given)?;
    play.expect("does not start, WITNESS-009", done.refused("WITNESS-009"), done.told());
    play.does("restore it with the ledger of today");
    let (back, done) = restored(&site, &backup, &recovery, Some(&newer))?;
    play.expect("starts", done.is_done(), done.told());
    back.lock()
}

/// A site out of a backup, and what came of its first start.
fn restored(site: &Site, backup: &Path, recovery: &Path, newer: Option<&Path>) -> Result<(Site, Done)> {
    let back = site.elsewhere()?;
    let (folder, token) = (text(back.folder())?, back.beside("admin.token"));
    let mut words = vec!["backup", "restore", text(backup)?, folder, "--recovery", text(recovery)?];
    words.extend(["--token-out", text(&token)?]);
    match newer {
        Some(ledger) => words.extend(["--ledger", text(ledger)?]),
        None => words.push("--without-newer-ledger"),
    }
    back.alone(&words)?;
    let done = back.run(Who::Administrator, &["login", "--token-file", text(&token)?])?;
    Ok((back, done))
}

pub(crate) fn start(site: &Site) -> Result<Done> {
    site.run(Who::Administrator, &["whoami"])
}

pub(crate) fn put_back(from: &Site, to: &Site, what: &str) -> Result<()> {
    let (old, live) = (from.folder().join(what), to.folder().join(what));
    if live.is_dir() {
        fs::remove_dir_all(&live).map_err(Error::io(&live))?;
        return crate::site::copy(&old, &live);
    }
    fs::copy(&old, &live).map_err(Error::io(&live))?;
    for side in ["metadata.db-wal", "metadata.db-shm"].map(|name| to.folder().join(name)) {
        remove(&side)?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path)(error)),
        _ => Ok(()),
    }
}
