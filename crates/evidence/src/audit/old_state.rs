//! C-AUD-09: an old state cannot start as live.

use crate::site::{Done, Site, Who};
use crate::{Control, Error, Play, Result};
use std::fs;
use std::path::Path;

pub const CONTROL: Control = Control {
    id: "C-AUD-09",
    statement: "An older ledger under a newer database, or an older database under a newer ledger, does not start; \
                both together are refused where a witness remembers (C-AUD-08)",
    test: "keep a copy of the locked site, let it go on, then put back the copy's ledger alone and its database alone",
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
    Ok(())
}

fn start(site: &Site) -> Result<Done> {
    site.run(Who::Administrator, &["whoami"])
}

fn put_back(from: &Site, to: &Site, what: &str) -> Result<()> {
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
