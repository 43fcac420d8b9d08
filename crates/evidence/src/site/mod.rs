//! A throw-away site, made and used by the ordinary commands of the program that is tested.

mod files;
mod http;
mod people;
mod receiver;
mod service;

use files::free;
pub use files::{below, bodies, change, copy, writable};
pub use http::Answer;
pub use people::{Package, Who};
pub use receiver::Receiver;
pub use service::KeyService;

use crate::{Error, Result};
use base::{Entropy, durable, entropy};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How often it is asked whether a process has ended, and how many times.
const ASKED: (Duration, u32) = (Duration::from_millis(20), 3_000);

/// Lines of what a command said that evidence keeps.
const LINES: usize = 3;

/// A site in a temporary folder. Its process ends with it, and the folder goes.
pub struct Site {
    program: PathBuf,
    folder: PathBuf,
    room: PathBuf,
    random: Arc<dyn Entropy>,
    /// Small disks mounted in the site.
    disks: Vec<PathBuf>,
    keep: TempDir,
}

/// What a command gave.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// Its exit code; -1 when a signal ended it.
    pub exit: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Done {
    /// The command ended well.
    pub fn is_done(&self) -> bool {
        self.exit == 0
    }

    /// It was refused with this code, and gave nothing.
    pub fn refused(&self, code: &str) -> bool {
        self.exit != 0 && self.err.contains(code) && self.out.trim().is_empty()
    }

    /// It had to end well, for the scenario to go on.
    pub fn must(self, command: &str) -> Result<()> {
        if self.is_done() {
            return Ok(());
        }
        Err(Error::Command { command: command.to_owned(), exit: self.exit, said: self.told() })
    }

    /// Exit code and the first lines of what was said, without the hint.
    pub fn told(&self) -> String {
        let said = if self.err.trim().is_empty() { &self.out } else { &self.err };
        let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
        let first: Vec<&str> = lines.take_while(|line| !line.starts_with("hint: ")).take(LINES).collect();
        let told = if first.is_empty() { "nothing was said".to_owned() } else { first.join("; ") };
        format!("exit code {}: {told}", self.exit)
    }
}

impl Site {
    pub(crate) fn make(program: &Path, random: &Arc<dyn Entropy>) -> Result<Self> {
        let site = Self::unmade(program, random)?;
        let made = site.alone(&["init", text(site.folder())?, "--name", "controls.example"])?;
        people::gather(&site, &made)?;
        Ok(site)
    }

    /// Room for a site that the scenario makes itself, with a passphrase.
    pub(crate) fn unmade(program: &Path, random: &Arc<dyn Entropy>) -> Result<Self> {
        let site = Self::place(program, random)?;
        let random = entropy::bytes::<24>(&**random);
        site.write("passphrase", hex::encode(random).as_bytes())?;
        Ok(site)
    }

    /// Room for a site that comes out of what is left of this one: under its passphrase, with nobody signed in.
    pub fn elsewhere(&self) -> Result<Self> {
        let site = Self::place(&self.program, &self.random)?;
        let passphrase = self.beside("passphrase");
        let bytes = fs::read(&passphrase).map_err(Error::io(&passphrase))?;
        site.write("passphrase", &bytes)?;
        Ok(site)
    }

    /// A site in which the whole story was played: reads, a reference, runs, reports. It is locked.
    pub(crate) fn story(program: &Path, random: &Arc<dyn Entropy>) -> Result<Self> {
        let mut site = Self::place(program, random)?;
        let words = ["demo", "--site", text(&site.folder)?, "--json", "--quiet"];
        let done = site.done(site.bare(&words).env("TMPDIR", &site.room))?;
        if !done.is_done() {
            return Err(Error::Command { command: "demo".to_owned(), exit: done.exit, said: done.told() });
        }
        // It keeps passphrase and sessions beside the site that it was told to make.
        let beside = fs::read_dir(&site.room).map_err(Error::io(&site.room))?.flatten().map(|one| one.path());
        let story = beside.into_iter().find(|path| path.join("passphrase").exists());
        site.room = story.ok_or_else(|| Error::unplayable("the story left no passphrase"))?;
        Ok(site)
    }

    fn place(program: &Path, random: &Arc<dyn Entropy>) -> Result<Self> {
        let keep = tempfile::Builder::new().prefix("sequestra-control-").tempdir();
        let keep = keep.map_err(Error::io(Path::new("the temporary folder")))?;
        let room = keep.path().join("room");
        fs::create_dir(&room).map_err(Error::io(&room))?;
        Ok(Self {
            program: program.to_owned(),
            folder: keep.path().join("site"),
            room,
            random: Arc::clone(random),
            disks: Vec::new(),
            keep,
        })
    }

    /// Another copy of the site as it lies there, with the same people. The site must be locked.
    pub fn copy(&self) -> Result<Self> {
        let keep = tempfile::Builder::new().prefix("sequestra-control-").tempdir();
        let keep = keep.map_err(Error::io(Path::new("the temporary folder")))?;
        let (folder, room) = (keep.path().join("site"), keep.path().join("room"));
        files::copy(&self.folder, &folder)?;
        files::copy(&self.room, &room)?;
        people::follow(&room, &folder)?;
        let (program, random) = (self.program.clone(), Arc::clone(&self.random));
        Ok(Self { program, folder, room, random, disks: Vec::new(), keep })
    }

    /// The site's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file beside the site.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.room.join(name)
    }

    /// Writes a file beside the site, for its owner alone.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.beside(name);
        durable::create_once(&path, bytes).map_err(Error::io(&path))?;
        Ok(path)
    }

    /// Adds lines to the site's settings. The site must be locked.
    pub fn set(&self, lines: &str) -> Result<()> {
        self.settle(&format!("{}\n{lines}", self.settings()?))
    }

    /// The site's settings.
    pub fn settings(&self) -> Result<String> {
        let path = self.folder.join("site.toml");
        fs::read_to_string(&path).map_err(Error::io(&path))
    }

    /// Puts other settings in their place. The site must be locked.
    pub fn settle(&self, settings: &str) -> Result<()> {
        let path = self.folder.join("site.toml");
        fs::write(&path, settings).map_err(Error::io(&path))
    }

    /// A command of `who`, whatever comes of it.
    pub fn run(&self, who: Who, words: &[&str]) -> Result<Done> {
        self.done(&mut self.command(who, words))
    }

    /// A command of somebody who has no part of their own.
    pub fn run_as(&self, name: &str, words: &[&str]) -> Result<Done> {
        self.done(&mut self.command_as(name, words))
    }

    /// A command of `who`, not started.
    pub fn command(&self, who: Who, words: &[&str]) -> Command {
        self.command_as(who.name(), words)
    }

    fn command_as(&self, name: &str, words: &[&str]) -> Command {
        let mut command = self.bare(words);
        command.arg("--site").arg(&self.folder);
        command.arg("--passphrase-file").arg(self.beside("passphrase"));
        command.arg("--session").arg(self.beside(&format!("{name}.session")));
        command
    }

    /// A command of the program without site, session and passphrase.
    pub fn bare(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn done(&self, command: &mut Command) -> Result<Done> {
        let output = command.output().map_err(Error::io(&self.program))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Done {
            exit: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        })
    }

    /// A command of `who` that must succeed, and its JSON.
    pub fn json(&self, who: Who, words: &[&str]) -> Result<Value> {
        self.must(self.command(who, words).arg("--json"), words)
    }

    /// The same for a command that needs no site.
    pub fn alone(&self, words: &[&str]) -> Result<Value> {
        let mut command = self.bare(words);
        command.arg("--passphrase-file").arg(self.beside("passphrase")).arg("--json");
        self.must(&mut command, words)
    }

    /// The ids of what a list gives.
    pub fn ids(&self, who: Who, words: &[&str]) -> Result<Vec<String>> {
        let list = self.json(who, words)?;
        let ids = list.as_array().into_iter().flatten().filter_map(|one| one.get("id")?.as_str());
        Ok(ids.map(str::to_owned).collect())
    }

    fn must(&self, command: &mut Command, words: &[&str]) -> Result<Value> {
        let done = self.done(command)?;
        if !done.is_done() {
            // The words alone: arguments may name files beside the site.
            let command = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
            return Err(Error::Command { command, exit: done.exit, said: done.told() });
        }
        if done.out.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&done.out).map_err(|_| Error::unplayable("a command gave no JSON"))
    }

    /// The site's process, if one holds the site.
    pub fn process(&self) -> Result<Option<Pid>> {
        if !self.is_held()? {
            return Ok(None);
        }
        let status = self.json(Who::Administrator, &["site", "status"])?;
        let pid = status.get("pid").and_then(Value::as_i64).and_then(|pid| i32::try_from(pid).ok());
        Ok(pid.and_then(Pid::from_raw))
    }

    /// Starts the process, if none holds the site, and gives it.
    pub fn open(&self) -> Result<Pid> {
        self.json(Who::Administrator, &["whoami"])?;
        self.process()?.ok_or_else(|| Error::unplayable("no process holds the site"))
    }

    /// Ends the process in good order, if one holds the site.
    pub fn lock(&self) -> Result<()> {
        if self.is_held()? {
            self.json(Who::Administrator, &["site", "lock"])?;
        }
        self.ended()
    }

    /// Ends the process without warning, if one holds the site.
    pub fn kill(&self) -> Result<()> {
        if let Some(process) = self.process()? {
            let _ = kill_process(process, Signal::KILL);
        }
        self.ended()
    }

    /// Waits until no process holds the site.
    pub fn ended(&self) -> Result<()> {
        let (pause, times) = ASKED;
        for _ in 0..times {
            if !self.is_held()? {
                return Ok(());
            }
            std::thread::sleep(pause);
        }
        Err(Error::unplayable("the site's process does not end"))
    }

    /// Mounts a small file system in memory of so many mebibytes. It goes with the site.
    pub fn mount(&mut self, at: &Path, mebibytes: u32) -> Result<()> {
        let size = format!("size={mebibytes}m,mode=0700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "sequestra-control", text(at)?]);
        match mount.output() {
            Ok(output) if output.status.success() => {
                self.disks.push(at.to_owned());
                Ok(())
            }
            _ => Err(Error::unplayable(
                "a small disk cannot be mounted: this takes root and the right to mount",
            )),
        }
    }

    /// Whether a process has the site's ledger open.
    pub fn is_held(&self) -> Result<bool> {
        let path = self.folder.join("ledger").join("lock");
        let Ok(lock) = File::open(&path) else { return Ok(false) };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(true);
        }
        flock(&lock, FlockOperation::Unlock).map_err(|e| Error::io(&path)(e.into()))?;
        Ok(false)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if self.keep.path().exists() {
            let _ = self.lock().or_else(|_| self.kill());
            for disk in &self.disks {
                let _ = Command::new("umount").arg("-l").arg(disk).status();
            }
            let _ = free(&self.folder);
        }
    }
}

/// A path as text, for arguments.
pub fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::unplayable("the temporary folder's path is not text"))
}
