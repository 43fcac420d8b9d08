//! C-AUD-07: order by sequence, and a clock that is set back or forward.

use crate::site::{Site, Who, below, text};
use crate::{Control, Error, Play, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

pub const CONTROL: Control = Control {
    id: "C-AUD-07",
    statement: "Records are ordered by their sequence, whatever the clock shows; a clock that is set forward or back \
                reorders none, and gives nobody a session or a token again that had ended",
    test: "show the site's process a clock of its own (libfaketime), a year ahead and then two years behind that, \
           while it is open and over two starts; each time use a session and an unspent one-time token; then read \
           positions and times of the ledger",
    references: &["53 AU-8"],
    scenario,
};

/// Where the library lies that shows a process another clock. The product has no way to be given one:
/// a test that needed it would be a hole.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// What the clock is set to, against the machine's own.
const AHEAD: &str = "+1y";
const BEHIND: &str = "-1y";

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let invited = site.json(Who::Administrator, &["account", "create", "late"])?;
    let token = invited.get("token").and_then(Value::as_str).unwrap_or_default();
    let token = site.write("late.token", token.as_bytes())?;
    let words = ["sample", "list", &project];
    site.lock()?;
    let mut clock = Clocked::of(&site)?;
    clock.start()?;
    play.does("open the site under a clock that shows the right time");
    let done = site.run(Who::Analyst, &words)?;
    play.expect("a session is good", done.is_done(), done.told());
    clock.stop()?;
    play.attack("set the clock a year forward and open the site", || clock.show(AHEAD))?;
    clock.start()?;
    expect_ended(play, &site, &words, &token)?;
    play.attack("set the clock back while it is open, to a year ago", || clock.show(BEHIND))?;
    expect_ended(play, &site, &words, &token)?;
    for _ in 0..2 {
        clock.stop()?;
        clock.start()?;
        play.attack("start it again under that clock", || Ok(()))?;
        expect_ended(play, &site, &words, &token)?;
    }
    clock.stop()?;
    let (leaves, back) = (leaves(site.folder())?, "the times went back, and the positions did not");
    let ordered = leaves.iter().enumerate().all(|(at, leaf)| leaf.0 == at as u64);
    let stepped = leaves.windows(2).any(|pair| matches!(pair, [one, two] if two.1 < one.1));
    play.does("read the ledger");
    play.expect(back, ordered && stepped, format!("{} records", leaves.len()));
    let done = site.done(&mut site.bare(&["ledger", "fsck", text(site.folder())?, "--json"]))?;
    play.expect("the ledger is sound", done.is_done(), done.told());
    Ok(())
}

fn expect_ended(play: &mut Play, site: &Site, words: &[&str], token: &Path) -> Result<()> {
    let done = site.run(Who::Analyst, words)?;
    play.expect("the session has ended, ACCESS-003", done.refused("ACCESS-003"), done.told());
    // With a session file of its own, which it must not get.
    let mut login = site.bare(&["login", "--token-file", text(token)?]);
    login.arg("--site").arg(site.folder()).arg("--session").arg(site.beside("late.session"));
    if play.is_spoiled() {
        return Ok(());
    }
    let done = site.done(&mut login)?;
    play.expect("the one-time token has ended, ACCESS-004", done.refused("ACCESS-004"), done.told());
    Ok(())
}

/// Position and time of every record.
fn leaves(site: &Path) -> Result<Vec<(u64, String)>> {
    let mut found = Vec::new();
    for leaf in records(site)? {
        let position = leaf.get("position").and_then(Value::as_u64);
        let time = leaf.get("time").and_then(Value::as_str);
        found.extend(position.zip(time.map(str::to_owned)));
    }
    found.sort();
    Ok(found)
}

/// Every record, as it lies in the segments: for a site that lets nobody in.
pub(crate) fn records(site: &Path) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for file in below(&site.join("ledger").join("segments"))? {
        let bytes = fs::read(&file).map_err(Error::io(&file))?;
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{"));
        found.extend(lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok()));
    }
    Ok(found)
}

/// The site's process under a clock of its own. It ends with its value.
pub(crate) struct Clocked<'a> {
    site: &'a Site,
    library: &'static str,
    shown: PathBuf,
    process: Option<Child>,
}

impl<'a> Clocked<'a> {
    pub(crate) fn of(site: &'a Site) -> Result<Self> {
        let library = LIBRARIES.into_iter().find(|path| Path::new(path).exists());
        let library = library.ok_or_else(|| {
            Error::unplayable(
                "libfaketime is not installed, and a process can be shown another clock by nothing else",
            )
        })?;
        let clock = Self { site, library, shown: site.beside("clock"), process: None };
        clock.show("+0")?;
        Ok(clock)
    }

    /// What is shown from the next look on.
    pub(crate) fn show(&self, offset: &str) -> Result<()> {
        let next = self.site.beside("clock.next");
        fs::write(&next, offset).map_err(Error::io(&next))?;
        fs::rename(&next, &self.shown).map_err(Error::io(&next))
    }

    /// Starts the process as the commands do, but for the library: they clear the environment.
    pub(crate) fn start(&mut self) -> Result<()> {
        let mut command = self.site.bare(&["internal", "serve", text(self.site.folder())?]);
        command.env("LD_PRELOAD", self.library).env("FAKETIME_TIMESTAMP_FILE", &self.shown);
        for setting in ["FAKETIME_NO_CACHE", "FAKETIME_DONT_FAKE_MONOTONIC", "NO_FAKE_STAT"] {
            command.env(setting, "1");
        }
        let passphrase = self.site.beside("passphrase");
        let passphrase = File::open(&passphrase).map_err(Error::io(&passphrase))?;
        command.stdin(passphrase).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(Error::io(self.site.folder()))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(Error::io(self.site.folder()))?;
        }
        self.process = Some(child);
        if line.trim() == "ready" { Ok(()) } else { Err(Error::unplayable(line.trim())) }
    }

    /// Ends it in good order.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.process.take() else { return Ok(()) };
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        child.wait().map(drop).map_err(Error::io(self.site.folder()))
    }
}

impl Drop for Clocked<'_> {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}
