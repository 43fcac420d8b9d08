//! Runs one command of the story and shows it.

use super::people::Role;
use anyhow::{Context, Result, bail};
use base::{Clock, SystemClock};
use cli::Console;
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

/// Lines of a command's output that are shown.
const SHOWN: usize = 24;

/// Where the story plays.
pub struct Stage<'a> {
    console: &'a mut Console,
    program: PathBuf,
    site: PathBuf,
    room: PathBuf,
    json: bool,
    steps: Vec<Step>,
    clock: SystemClock,
}

/// One command and what came of it.
#[derive(Debug, Clone, Serialize)]
struct Step {
    command: String,
    exit: i32,
    expected: bool,
    seconds: f64,
    output: Vec<String>,
}

struct Done {
    exit: i32,
    lines: Vec<String>,
}

/// A path as text, for arguments.
pub fn text_of(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("`{}` is not text", path.display()))
}

impl<'a> Stage<'a> {
    /// A stage for a site to be made at `site`, with `room` for what lies beside it.
    pub fn new(console: &'a mut Console, site: &Path, room: &Path, json: bool) -> Result<Self> {
        let mut passphrase = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(room.join("passphrase"))
            .context("cannot keep a passphrase for the demo")?;
        let random = base::entropy::bytes::<24>(&base::SystemEntropy);
        let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        passphrase.write_all(text.as_bytes())?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let clock = SystemClock::default();
        Ok(Self {
            console,
            program,
            site: site.to_owned(),
            room: room.to_owned(),
            json,
            steps: Vec::new(),
            clock,
        })
    }

    /// The site.
    pub fn site(&self) -> &Path {
        &self.site
    }

    /// The folder for what lies beside the site.
    pub fn room(&self) -> &Path {
        &self.room
    }

    /// Says what comes next.
    pub fn say(&mut self, words: &str) {
        if !self.json {
            let _ = self.console.line("");
            let _ = self.console.line(&format!("# {words}"));
        }
    }

    /// A command of `role` that must succeed. `words` are noun and verb.
    pub fn act(&mut self, role: Role, words: &str, args: &[&str]) -> Result<()> {
        let args: Vec<&str> = words.split(' ').chain(args.iter().copied()).collect();
        self.play(Some(role), &args, false).map(drop)
    }

    /// A command of `role` that must be refused.
    pub fn refused(&mut self, role: Role, words: &str, args: &[&str]) -> Result<Vec<String>> {
        let args: Vec<&str> = words.split(' ').chain(args.iter().copied()).collect();
        Ok(self.play(Some(role), &args, true)?.lines)
    }

    /// A command of nobody in particular that must succeed.
    pub fn alone(&mut self, args: &[&str]) -> Result<()> {
        self.play(None, args, false).map(drop)
    }

    /// A command of nobody in particular that must be refused.
    pub fn refused_alone(&mut self, args: &[&str]) -> Result<()> {
        self.play(None, args, true).map(drop)
    }

    /// The JSON of a command that is shown by its words alone: its answer holds a secret.
    pub fn json(&mut self, role: Role, args: &[&str]) -> Result<serde_json::Value> {
        self.secret(Some(role), args)
    }

    /// The same for a command of nobody in particular.
    pub fn json_alone(&mut self, args: &[&str]) -> Result<serde_json::Value> {
        self.secret(None, args)
    }

    /// The id of the newest thing that a list command gives. Not shown: the command is asked only
    /// to go on.
    pub fn id(&mut self, role: Role, args: &[&str]) -> Result<String> {
        let list = self.quiet(Some(role), args)?;
        let found = list.as_array().and_then(|all| all.last()).and_then(|one| one.get("id")?.as_str());
        Ok(found.context("the list is empty")?.to_owned())
    }

    /// The newest object of a kind about a sample.
    pub fn object(&mut self, role: Role, sample: &str, kind: &str) -> Result<String> {
        let list = self.quiet(Some(role), &["object", "list", sample])?;
        let of_kind = |one: &&serde_json::Value| one.get("kind").and_then(|k| k.as_str()) == Some(kind);
        let found = list
            .as_array()
            .and_then(|all| all.iter().rev().find(of_kind))
            .and_then(|one| one.get("id")?.as_str());
        Ok(found.with_context(|| format!("the sample has no {kind}"))?.to_owned())
    }

    /// The process of the site, by what it says itself.
    pub fn process(&mut self) -> Result<i32> {
        let status = self.quiet(Some(Role::Administrator), &["site", "status"])?;
        let pid =
            status.get("pid").and_then(serde_json::Value::as_i64).context("the site says no process")?;
        Ok(i32::try_from(pid)?)
    }

    /// Locks the site, whatever happened.
    pub fn stop(&mut self) {
        if self.site.join("run").join(crate::layout::Layout::SOCKET).exists() {
            let _ = self.quiet(Some(Role::Administrator), &["site", "lock"]);
        }
    }

    /// The last words, or the one JSON document.
    pub fn finish(&mut self, kept: bool) -> Result<()> {
        let seconds = self.clock.monotonic().as_secs_f64();
        if self.json {
            let told = serde_json::json!({
                "site": kept.then(|| self.site.display().to_string()),
                "seconds": seconds,
                "steps": self.steps,
            });
            self.console.json(&told).map_err(|_| anyhow::anyhow!("nobody reads the output"))?;
            return Ok(());
        }
        let count = self.steps.len();
        self.say(&format!("{count} commands in {seconds:.1} s, each as it should be."));
        let site = self.site.display().to_string();
        let next = if kept {
            vec![
                format!(
                    "The site stays in {site}; its passphrase is in {}.",
                    self.room.join("passphrase").display()
                ),
                format!("Look around: sequestra --site {site} site status"),
            ]
        } else {
            vec!["The site is gone. Keep one: make demo SITE=./demo-site".to_owned()]
        };
        for line in next.into_iter().chain([
            "Real reads: make demo DATA=DIR, in the layout that `sequestra demo-data` writes.".to_owned(),
            "From here: docs/guide/first-hour.md makes a site of your own, step by step.".to_owned(),
        ]) {
            let _ = self.console.line(&line);
        }
        Ok(())
    }

    fn play(&mut self, role: Option<Role>, args: &[&str], refusal: bool) -> Result<Done> {
        let shown = self.shown(role, args);
        if !self.json {
            let _ = self.console.line(&format!("$ {shown}"));
        }
        let began = self.clock.monotonic();
        let child = self.command(role, args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let done = self.watch(child)?;
        let seconds = self.clock.monotonic().saturating_sub(began).as_secs_f64();
        let expected = (done.exit == 0) != refusal;
        if !self.json {
            let verdict =
                if refusal { format!(", refused with exit code {}", done.exit) } else { String::new() };
            let _ = self.console.line(&format!("  [{seconds:.2} s{verdict}]"));
        }
        let step =
            Step { command: shown.clone(), exit: done.exit, expected, seconds, output: done.lines.clone() };
        self.steps.push(step);
        if !expected {
            let was = if refusal { "was to be refused and was not" } else { "failed" };
            bail!("`{shown}` {was}: {}", done.lines.join(" / "));
        }
        Ok(done)
    }

    /// Shows the lines as they come and keeps them.
    fn watch(&mut self, mut child: Child) -> Result<Done> {
        let (send, receive) = mpsc::channel();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        forward(out.map(|s| Box::new(s) as Box<dyn Read + Send>), send.clone());
        forward(err.map(|s| Box::new(s) as Box<dyn Read + Send>), send);
        let mut lines = Vec::new();
        for line in receive {
            if !self.json && lines.len() < SHOWN {
                let _ = self.console.line(&format!("  {line}"));
            }
            lines.push(line);
        }
        if !self.json && lines.len() > SHOWN {
            let _ = self.console.line(&format!("  … {} more lines", lines.len() - SHOWN));
        }
        let exit = child.wait()?.code().unwrap_or(-1);
        Ok(Done { exit, lines })
    }

    fn secret(&mut self, role: Option<Role>, args: &[&str]) -> Result<serde_json::Value> {
        let shown = self.shown(role, args);
        if !self.json {
            let _ = self.console.line(&format!("$ {shown}"));
        }
        let began = self.clock.monotonic();
        let answer = self.quiet(role, args)?;
        let seconds = self.clock.monotonic().saturating_sub(began).as_secs_f64();
        if !self.json {
            let _ = self.console.line(&format!("  a one-time token, handed to its owner  [{seconds:.2} s]"));
        }
        self.steps.push(Step { command: shown, exit: 0, expected: true, seconds, output: Vec::new() });
        Ok(answer)
    }

    fn quiet(&mut self, role: Option<Role>, args: &[&str]) -> Result<serde_json::Value> {
        let output = self.command(role, args).arg("--json").output()?;
        if !output.status.success() {
            bail!("`{}` failed: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("`{}` gave no JSON", args.join(" ")))
    }

    fn command(&self, role: Option<Role>, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).stdin(Stdio::null());
        command.arg("--passphrase-file").arg(self.room.join("passphrase"));
        if let Some(role) = role {
            command.arg("--site").arg(&self.site);
            command.arg("--session").arg(self.room.join(format!("{}.session", role.name())));
        }
        command
    }

    /// The command as a person would type it, with the session's owner before it.
    fn shown(&self, role: Option<Role>, args: &[&str]) -> String {
        let quoted: Vec<String> = args
            .iter()
            .map(|arg| if arg.contains(' ') { format!("\"{arg}\"") } else { (*arg).to_owned() })
            .collect();
        let who = role.map(|role| format!("[{}] ", role.name())).unwrap_or_default();
        format!("{who}sequestra {}", quoted.join(" "))
    }
}

fn forward(stream: Option<Box<dyn Read + Send>>, send: mpsc::Sender<String>) {
    let Some(stream) = stream else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
}
