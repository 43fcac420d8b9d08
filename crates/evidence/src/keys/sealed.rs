//! C-KEY-01: sealed at start.

use crate::site::{Site, Who};
use crate::{Control, Play, Result};
use std::os::unix::net::UnixStream;
use std::process::Command;

pub const CONTROL: Control = Control {
    id: "C-KEY-01",
    statement: "A site starts sealed: until it is unsealed no route answers and no command reaches data",
    test: "lock the site; try its socket and a command on every path to data without the passphrase, and with a \
           wrong one",
    references: &["53 SC-12"],
    scenario,
};

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let package = site.package(&project, 70)?;
    let object = package.objects.first().map(String::as_str).unwrap_or_default();
    play.attack("lock the site", || site.lock())?;
    let socket = UnixStream::connect(site.folder().join("run/site.sock"));
    let said = socket.as_ref().map_or_else(ToString::to_string, |_| "it answers".to_owned());
    play.expect("nothing listens, so no route can be asked", socket.is_err(), said);
    let wrong = site.write("wrong", b"a passphrase that nobody chose")?;
    let paths: [(Who, &[&str]); 8] = [
        (Who::Analyst, &["sample", "list", &project]),
        (Who::Exporter, &["object", "list", &package.sample]),
        (Who::Exporter, &["object", "show", object]),
        (Who::Analyst, &["variant", "query", "--sample", &package.sample]),
        (Who::Steward, &["audit", "search", "--about", &package.sample]),
        (Who::Auditor, &["ledger", "verify"]),
        (Who::Administrator, &["keys", "status"]),
        (Who::Administrator, &["account", "list"]),
    ];
    for (who, words) in paths {
        let none = site.done(&mut signed(&site, who, words))?;
        let shown = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
        play.expect(&format!("`{shown}` without a passphrase is refused"), refused(&none), none.told());
        let tried = site.done(signed(&site, who, words).arg("--passphrase-file").arg(&wrong))?;
        let held = tried.refused("KEYS-001");
        play.expect(&format!("`{shown}` with a wrong passphrase is refused"), held, tried.told());
    }
    Ok(())
}

/// A command of somebody who is signed in and has nothing that unseals the site.
fn signed(site: &Site, who: Who, words: &[&str]) -> Command {
    let mut command = site.bare(words);
    command.arg("--site").arg(site.folder());
    command.arg("--session").arg(site.beside(&format!("{}.session", who.name())));
    command
}

fn refused(done: &crate::site::Done) -> bool {
    !done.is_done() && done.out.trim().is_empty()
}
