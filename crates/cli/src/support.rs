//! `support`: what is handed to whoever helps, without learning who the patients are.

use crate::app::App;
use crate::bundle::{Bundle, Known};
use crate::client::Client;
use crate::place::Place;
use crate::support_session::{Approve, Ask, End, List, Show};
use crate::{Error, Failure, file};
use api::run::Run;
use base::{Clock, Id, ProjectId, RunId, SystemClock};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Runs of a project that go into a bundle at most, the newest.
const RUNS: usize = 50;
/// Lines of the process's log, and the bytes that they are looked for in.
const LINES: usize = 500;
const TAIL: u64 = 256 << 10;

/// What is handed to whoever helps, and sessions in which they see a project's data
#[derive(Subcommand)]
pub enum Support {
    Bundle(MakeBundle),
    Ask(Ask),
    Approve(Approve),
    List(List),
    Show(Show),
    End(End),
}

impl Support {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Bundle(args) => args.run(app),
            Self::Ask(args) => args.run(app),
            Self::Approve(args) => args.run(app),
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::End(args) => args.run(app),
        }
    }
}

/// Write what explains a failure into one file, redacted, with a list of what was taken out.
///
/// It holds what `doctor`, `site status` and `run show` say, as far as you may ask, and the end of the process's log where the site is in a
/// folder of this machine. Names, numbers of records, paths, accounts and hosts are taken out before it is written. Read it before you send it.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra support bundle run_… --out bundle.json\n\n\
    Role: none for the machine; support-observer, viewer or analyst in the project of a run; platform-administrator for the status.")]
pub struct MakeBundle {
    /// Runs, run_…, and projects, prj_…, whose newest 50 runs are taken
    #[arg(value_name = "RUN|PROJECT")]
    of: Vec<String>,
    /// The file to write; refused if it exists
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl MakeBundle {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let asked = self.of.iter().map(|text| Asked::parse(text)).collect::<Result<Vec<_>, _>>()?;
        // Begun first: a place that cannot be written is told before the site is asked for anything.
        let mut file = file::NewFile::create(&self.out)?;
        let folder = match app.place() {
            Ok(Place::Folder(folder)) => Some(folder),
            Ok(Place::Door(_)) => None,
            // The machine alone can be what fails; what was named has to be there.
            Err(failure) if app.global.site.is_some() || !asked.is_empty() => return Err(failure),
            Err(_) => None,
        };
        let mut bundle = Bundle::new(known(app, folder.as_deref()));
        let found = app.host.doctor(folder.as_deref())?;
        bundle.add("machine", serde_json::to_value(found).unwrap_or_default());
        status(app, &mut bundle);
        if !asked.is_empty() {
            let mut client = app.client()?;
            bundle.add("runs", Value::Array(runs(&mut client, &asked)?));
        }
        match folder.as_deref().map(process_log) {
            Some(Ok(lines)) => bundle.add("process_log", json!(lines)),
            Some(Err(_)) => {
                bundle.lacks("process_log", "there is none that this account of the machine can read")
            }
            None => bundle.lacks("process_log", "no folder of the site is on this machine"),
        }
        let whole = bundle.finish(SystemClock::default().now());
        let mut bytes = serde_json::to_vec_pretty(&whole.document).unwrap_or_default();
        bytes.push(b'\n');
        file.write(&bytes)?;
        file.keep()?;
        let counts: Vec<String> =
            whole.counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let taken = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
        app.console.say(&format!("wrote {}; taken out: {taken}", self.out.display()));
        app.console.say("read it before you send it: a name that looks like a code is not seen by any rule");
        if app.console.is_json() {
            let file = self.out.display().to_string();
            return app.console.json(&json!({"file": file, "bytes": bytes.len(), "removed": whole.counts}));
        }
        Ok(())
    }
}

/// What a bundle is asked to explain.
enum Asked {
    Run(RunId),
    Project(ProjectId),
}

impl Asked {
    fn parse(text: &str) -> Result<Self, Failure> {
        let run = text.parse().map(Self::Run);
        let either = run.or_else(|_| text.parse().map(Self::Project));
        either.map_err(|_| {
            let expected = format!("{}_… or {}_…", RunId::PREFIX, ProjectId::PREFIX);
            Error::Usage(format!("a bundle is about runs and projects: expected {expected}")).into()
        })
    }
}

/// What this machine knows to be nobody's business.
fn known(app: &App<'_>, folder: Option<&Path>) -> Vec<(Known, String)> {
    let text = |path: &Path| path.display().to_string();
    let mut known: Vec<(Known, String)> = folder.iter().map(|folder| (Known::Path, text(folder))).collect();
    // Of a home that is `/`, every path would be one.
    let home = app.host.environment_path("HOME").map(|home| text(&home)).filter(|home| home.len() > 1);
    known.extend(home.map(|home| (Known::Path, home)));
    for name in ["USER", "LOGNAME"] {
        // Not the account that every machine has.
        let user = app.host.environment(name).and_then(|user| user.into_string().ok());
        known.extend(user.filter(|user| user != "root").map(|user| (Known::User, user)));
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    // Log lines have the short name of a machine whose own is a whole one.
    let short = host.split('.').next().unwrap_or(host);
    let names = [host, short].into_iter().filter(|name| !name.is_empty() && *name != "localhost");
    known.extend(names.map(|name| (Known::Host, name.to_owned())));
    known.extend(
        folder
            .map(|folder| app.host.hosts(folder))
            .unwrap_or_default()
            .into_iter()
            .map(|host| (Known::Host, host)),
    );
    known
}

fn status(app: &mut App<'_>, bundle: &mut Bundle) {
    let asked = app.client_if_open().and_then(|client| match client {
        Some(mut client) => client.get::<Value>("site status", &[]),
        None => Err(Error::Locked.into()),
    });
    match asked {
        Ok(status) => bundle.add("status", status),
        Err(Failure::Problem(problem)) => bundle.lacks("status", &problem.code),
        Err(_) => bundle.lacks("status", "it was not answered"),
    }
}

fn runs(client: &mut Client, asked: &[Asked]) -> Result<Vec<Value>, Failure> {
    let mut all = Vec::new();
    for one in asked {
        match one {
            Asked::Run(run) => all.push(client.get::<Value>("run show", &[&run.to_string()])?),
            Asked::Project(project) => {
                let mut listed: Vec<Run> = client.get("run list", &[&project.to_string()])?;
                listed.sort_by(|a, b| b.started_at.cmp(&a.started_at));
                for run in listed.iter().take(RUNS) {
                    let whole = match run.state.as_str() {
                        "done" | "queued" | "running" => serde_json::to_value(run).unwrap_or_default(),
                        _ => client.get::<Value>("run show", &[&run.id.to_string()])?,
                    };
                    all.push(whole);
                }
            }
        }
    }
    Ok(all)
}

/// The last lines. One that was cut is left out: what announces a value may be what it lacks.
fn process_log(site: &Path) -> Result<Vec<String>, Failure> {
    let path = site.join("run").join("process.log");
    let (mut log, length) = file::open_plain(&path)?;
    let mut bytes = Vec::new();
    log.seek(SeekFrom::Start(length.saturating_sub(TAIL)))
        .and_then(|_| log.take(TAIL).read_to_end(&mut bytes))
        .map_err(|error| file::unreadable(&path, error))?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let skip = usize::from(length > TAIL).max(lines.len().saturating_sub(LINES));
    Ok(lines.iter().skip(skip).map(|line| (*line).to_owned()).collect())
}
