//! C-AUD-06: room for the end.

use crate::site::{Who, below};
use crate::vault::{expect_whole, take_in};
use crate::{Control, Error, Play, Result};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

pub const CONTROL: Control = Control {
    id: "C-AUD-06",
    statement: "With little room the site changes nothing and goes on showing; on a full disk it still records that it \
                stops",
    test: "set the limit above what is free, and ask for changes and for data; then fill the ledger's own small disk \
           until the site stops, make room, and look for its last record",
    references: &["53 AU-4"],
    scenario,
};

/// The ledger's disk in the second part, and the limit there, in mebibytes.
const DISK: u32 = 24;

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let (_, stored) = take_in(&site, &project, 87)?;
    let object = stored.first().map(|one| one.object.clone()).unwrap_or_default();
    site.lock()?;
    play.attack("set the limit above what is free", || site.set("[room]\nread_only_mib = 1000000000\n"))?;
    site.open()?;
    let done = site.run(Who::Administrator, &["account", "create", "late"])?;
    play.expect("a change is refused, ACCESS-016", done.refused("ACCESS-016"), done.told());
    let member = ["member", "add", &project, "auditor", "--role", "viewer"];
    let done = site.run(Who::Manager, &member)?;
    play.expect("and another", done.refused("ACCESS-016"), done.told());
    let done = site.run(Who::Analyst, &["sample", "list", &project])?;
    play.expect("what shows is shown", done.is_done(), done.told());
    expect_whole(play, &site, &object)?;
    site.lock()?;
    full_disk(play)
}

fn full_disk(play: &mut Play) -> Result<()> {
    let mut site = play.site()?;
    site.lock()?;
    site.set("[room]\nread_only_mib = 0\nreserve_mib = 8\n")?;
    let (ledger, aside) = (site.folder().join("ledger"), site.beside("ledger"));
    fs::rename(&ledger, &aside).map_err(Error::io(&ledger))?;
    fs::create_dir(&ledger).map_err(Error::io(&ledger))?;
    site.mount(&ledger, DISK)?;
    for file in below(&aside)? {
        let to = ledger.join(file.strip_prefix(&aside).unwrap_or(&file));
        let folder = to.parent().unwrap_or(&ledger);
        fs::create_dir_all(folder).map_err(Error::io(folder))?;
        fs::copy(&file, &to).map_err(Error::io(&to))?;
    }
    site.open()?;
    let filler = ledger.join("filler");
    play.attack("fill the ledger's disk", || fill(&filler))?;
    let mut told = "it never stopped".to_owned();
    for round in 0..400 {
        let done = site.run(Who::Administrator, &["account", "list"])?;
        if !done.is_done() {
            told = format!("after {round} more acts: {}", done.told());
            break;
        }
        if play.is_spoiled() {
            break;
        }
        // What the site gives up for its end is the site's: nobody else writes to this disk then.
        if ledger.join("reserve").exists() {
            fill(&filler)?;
        }
    }
    play.expect("the site stops", told.starts_with("after"), told.clone());
    if !play.is_spoiled() {
        site.ended()?;
        fs::remove_file(&filler).map_err(Error::io(&filler))?;
    }
    play.does("make room and open the site again");
    let found = site.json(Who::Auditor, &["audit", "search", "--action", "site-stopped"])?;
    let recorded = found.to_string().contains("no-room") || found.to_string().contains("no room");
    play.expect(
        "its stop is on record",
        recorded,
        if recorded { "site-stopped: no room" } else { "no such record" },
    );
    site.lock()
}

fn fill(filler: &Path) -> Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(filler).map_err(Error::io(filler))?;
    let chunk = vec![0x55; 4096];
    while file.write_all(&chunk).is_ok() {}
    Ok(())
}
