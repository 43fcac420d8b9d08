//! A throw-away site, made and used by the ordinary commands.

use crate::case::Case;
use crate::measure::{self, Sealed};
use anyhow::{Context, Result, bail, ensure};
use base::{Clock, SystemEntropy, durable, entropy};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A site. Dropping it ends its process.
pub struct Site {
    program: PathBuf,
    folder: PathBuf,
}

/// A sample that was taken in.
pub struct Sample {
    /// Its id.
    pub id: String,
    /// The ids of its readsets and their lanes, in the order in which a run takes them.
    pub readsets: Vec<(String, String)>,
}

/// The project's analyst, who does what is measured.
pub const ANALYST: &str = "analyst";
const ADMINISTRATOR: &str = "admin";
const APPROVER: &str = "approver";
const MANAGER: &str = "manager";

impl Site {
    /// Makes a site in `folder`, signs people in, makes a project and registers the tools.
    pub fn make(folder: &Path) -> Result<Self> {
        let site = Self { program: program("sequestra")?, folder: folder.to_owned() };
        program("sequestra-wdl")?;
        let random = entropy::bytes::<24>(&SystemEntropy);
        let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        durable::create_once(&site.passphrase_file(), text.as_bytes())?;
        let made = json(site.command(None, &["init", text_of(folder)?]))?;
        site.sign_in(ADMINISTRATOR, &made)?;
        for (name, role) in [(APPROVER, Some("pipeline-approver")), (MANAGER, None), (ANALYST, None)] {
            let mut words = vec!["account", "create", name];
            words.extend(role.iter().flat_map(|role| ["--role", role]));
            site.sign_in(name, &site.ask(ADMINISTRATOR, &words)?)?;
        }
        let words = [
            "project",
            "create",
            "--name",
            "Bench",
            "--class",
            "research",
            "--purpose",
            "research",
            "--term",
            "DUO:0000042",
            "--granularity",
            "genome",
            "--framework",
            "none",
            "--incidental",
            "not-reported",
            "--basis",
            "board",
            "--region",
            "EU",
            "--retention",
            "90-days",
            "--consent",
            "BENCH-1",
            "--administrator",
            MANAGER,
        ];
        site.ask(ADMINISTRATOR, &words)?;
        site.ask(MANAGER, &["member", "add", &site.project()?, ANALYST, "--role", "analyst"])?;
        site.ask(APPROVER, &["tool", "add", "--all"])?;
        Ok(site)
    }

    /// Registers a reference with its companions; gives its id.
    pub fn reference(
        &self,
        fasta: &Path,
        genes: &Path,
        [frequencies, significance]: &[PathBuf; 2],
    ) -> Result<String> {
        let mut words =
            vec!["reference", "add", text_of(fasta)?, "--label", "bench", "--genes", text_of(genes)?];
        words.extend(["--frequencies", text_of(frequencies)?, "--significance", text_of(significance)?]);
        self.ask(APPROVER, &words)?;
        last_id(&self.ask(APPROVER, &["reference", "list"])?)
    }

    /// Takes a case in.
    pub fn take_in(&self, case: &Case) -> Result<Sample> {
        let words = [
            "intake",
            "put",
            &self.project()?,
            "--sheet",
            text_of(&case.sheet)?,
            "--manifest",
            text_of(&case.manifest)?,
        ];
        let committed = self.ask(ANALYST, &words)?;
        let sample = committed.pointer("/samples/0").context("the package has no sample")?;
        let readsets =
            sample.get("readsets").and_then(Json::as_array).context("the sample has no readsets")?;
        let readsets = readsets.iter().map(|one| Ok((field(one, "id")?, field(one, "lane")?)));
        Ok(Sample { id: field(sample, "id")?, readsets: readsets.collect::<Result<_>>()? })
    }

    /// One run, from the command to its end, lake and report included.
    pub fn run(&self, reference: &str, sample: &Sample, clock: &dyn Clock) -> Result<Sealed> {
        let words = ["run", "start", "germline", "--sample", &sample.id, "--reference", reference, "--wait"];
        let stretch = measure::Stretch::begin(clock);
        let run = self.ask(ANALYST, &words)?;
        let stretch = stretch.end(clock);
        let run = self.ask(ANALYST, &["run", "show", &field(&run, "id")?])?;
        let objects = self.ask(ANALYST, &["object", "list", &sample.id])?;
        let calls = self.ask(ANALYST, &["variant", "query", "--sample", &sample.id, "--count"])?;
        Sealed::read(stretch, &run, &objects, &calls)
    }

    /// A command of `who`, its answer read.
    pub fn ask(&self, who: &str, words: &[&str]) -> Result<Json> {
        json(self.command(Some(who), words))
    }

    /// Locks the site and waits until its process is gone.
    pub fn lock(&self) -> Result<()> {
        let status = self.ask(ADMINISTRATOR, &["site", "status"])?;
        let process = status.get("pid").and_then(Json::as_u64).context("the site says no process")?;
        self.ask(ADMINISTRATOR, &["site", "lock"])?;
        let gone = || !Path::new(&format!("/proc/{process}")).exists();
        for _ in 0..600 {
            if gone() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("the site's process goes on after the site was locked")
    }

    /// The site's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file with the site's passphrase.
    pub fn passphrase_file(&self) -> PathBuf {
        self.folder.with_extension("passphrase")
    }

    fn project(&self) -> Result<String> {
        last_id(&self.ask(MANAGER, &["project", "list"])?)
    }

    fn sign_in(&self, name: &str, invitation: &Json) -> Result<()> {
        let file = self.folder.with_extension(format!("{name}.token"));
        durable::create_once(&file, field(invitation, "token")?.as_bytes())?;
        self.ask(name, &["login", "--token-file", text_of(&file)?]).map(drop)
    }

    fn command(&self, who: Option<&str>, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).arg("--json").arg("--passphrase-file").arg(self.passphrase_file());
        if let Some(who) = who {
            command.arg("--site").arg(&self.folder);
            command.arg("--session").arg(self.folder.with_extension(format!("{who}.session")));
        }
        command
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if self.folder.join("run").join("site.sock").exists() {
            let _ = self.lock();
        }
    }
}

/// A program of this build.
fn program(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let built = here.parent().and_then(Path::parent).context("this program lies in no target folder")?;
    let found = built.join(name);
    ensure!(found.is_file(), "`{}` is not there; build it first: cargo build --workspace", found.display());
    Ok(found)
}

fn json(mut command: Command) -> Result<Json> {
    let output = command.stdin(Stdio::null()).output().context("cannot start the program")?;
    if !output.status.success() {
        let words: Vec<_> = command.get_args().take(3).map(|word| word.to_string_lossy()).collect();
        let said =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).trim().to_owned());
        bail!("`{}` failed: {}", words.join(" "), said.join(" "));
    }
    if output.stdout.is_empty() { Ok(Json::Null) } else { Ok(serde_json::from_slice(&output.stdout)?) }
}

fn last_id(list: &Json) -> Result<String> {
    field(list.as_array().and_then(|all| all.last()).context("the list is empty")?, "id")
}

fn field(of: &Json, name: &str) -> Result<String> {
    Ok(of.get(name).and_then(Json::as_str).with_context(|| format!("there is no `{name}`"))?.to_owned())
}

fn text_of(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("`{}` is not text", path.display()))
}
