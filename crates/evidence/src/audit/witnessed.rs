//! C-AUD-08: witnessed from outside.

use crate::site::{Done, Site, Who, text};
use crate::{Control, Error, Play, Result};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-AUD-08",
    statement: "Checkpoints are cosigned by a witness outside the site; its silence is named within the time set, and \
                a site that was rolled back or rewritten does not start",
    test: "have a witness on loopback cosign, stop it and look at the site's state; then put the whole site back to \
           yesterday and start it with the witness",
    references: &["53 AU-9(2)", "53 AU-9(3)"],
    scenario,
};

/// How often the state is asked, and how many times.
const ASKED: (Duration, u32) = (Duration::from_millis(100), 600);

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let mut witness = Witness::of(&site)?;
    site.lock()?;
    witness.set(&site)?;
    play.does("name a witness in site.toml and open the site");
    site.open()?;
    let cosigned = ask(|| Ok(witness.has_cosigned(&site)))?;
    play.expect("a checkpoint is cosigned", cosigned, format!("by {}", witness.name()));
    play.attack("stop the witness", || witness.stop())?;
    let named = ask(|| Ok(limits(&site)?.contains("cosigned")))?;
    play.expect("its silence is named in `site status`", named, limits(&site)?);
    site.lock()?;
    let older = site.copy()?;
    witness.start()?;
    site.package(&project, 86)?;
    site.lock()?;
    play.attack("put the whole site back to yesterday", || {
        fs::remove_dir_all(site.folder().join("ledger")).map_err(Error::io(site.folder()))?;
        crate::site::copy(&older.folder().join("ledger"), &site.folder().join("ledger"))?;
        for name in ["metadata.db-wal", "metadata.db-shm"] {
            let _ = fs::remove_file(site.folder().join(name));
        }
        let database = site.folder().join("metadata.db");
        fs::copy(older.folder().join("metadata.db"), &database).map(drop).map_err(Error::io(&database))
    })?;
    let done: Done = site.run(Who::Administrator, &["whoami"])?;
    play.expect("it does not start, WITNESS-009", done.refused("WITNESS-009"), done.told());
    Ok(())
}

pub(super) fn ask(seen: impl Fn() -> Result<bool>) -> Result<bool> {
    for _ in 0..ASKED.1 {
        if seen()? {
            return Ok(true);
        }
        std::thread::sleep(ASKED.0);
    }
    Ok(false)
}

fn limits(site: &Site) -> Result<String> {
    let status = site.json(Who::Administrator, &["site", "status"])?;
    Ok(status.get("limits").map(Value::to_string).unwrap_or_default())
}

const NAME: &str = "witness.example/controls";

/// A witness as a process of its own. It ends with its value.
pub(super) struct Witness<'a> {
    site: &'a Site,
    key: String,
    address: String,
    process: Option<Child>,
}

impl<'a> Witness<'a> {
    pub(super) fn of(site: &'a Site) -> Result<Self> {
        let folder = site.beside("witness");
        let at = text(&folder)?;
        let made = site.done(&mut site.bare(&["witness", "init", at, "--name", NAME]))?;
        let public = site.folder().join("site.pub");
        site.done(&mut site.bare(&["witness", "trust", at, "--site-key", text(&public)?]))?;
        let key = made.out.trim().to_owned();
        let mut witness = Self { site, key, address: "127.0.0.1:0".to_owned(), process: None };
        witness.start()?;
        Ok(witness)
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn start(&mut self) -> Result<()> {
        self.stop()?;
        let folder = self.site.beside("witness");
        let mut command = self.site.bare(&["witness", "serve", text(&folder)?, "--listen", &self.address]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(Error::io(&folder))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(Error::io(&folder))?;
        }
        self.process = Some(child);
        let address = line.trim().strip_prefix("listening on ");
        self.address = address.ok_or_else(|| Error::unplayable("the witness does not listen"))?.to_owned();
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            let folder = self.site.beside("witness");
            process.kill().map_err(Error::io(&folder))?;
            process.wait().map_err(Error::io(&folder))?;
        }
        Ok(())
    }

    pub(super) fn set(&self, site: &Site) -> Result<()> {
        let (url, key) = (&self.address, &self.key);
        site.set(&format!("[witness]\nurl = \"http://{url}\"\nkey = \"{key}\"\nalarm_seconds = 1\n"))
    }

    pub(super) fn has_cosigned(&self, site: &Site) -> bool {
        fs::read_to_string(site.folder().join("ledger/witnessed")).is_ok_and(|note| note.contains(NAME))
    }
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}
