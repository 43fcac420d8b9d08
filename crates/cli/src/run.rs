//! `run`: workflows on a sample.

use crate::app::App;
use crate::{Console, Failure, text, watch};
use api::run::{self, NewRun};
use base::{ProjectId, ReferenceId, RunId, SampleId};
use clap::{Args, Subcommand};

/// Runs of a workflow, each in one sealed job
#[derive(Subcommand)]
pub enum Run {
    Start(Start),
    List(List),
    Show(Show),
    Cancel(Cancel),
}

impl Run {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Start(args) => args.run(app),
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::Cancel(args) => args.run(app),
        }
    }
}

/// Start a workflow on a sample and print the run's id.
///
/// `germline` trims, aligns, sorts, marks duplicates, measures coverage, calls, normalises and, with
/// gene models, annotates. It runs without network, sees its declared inputs and registered tools
/// only, and what it makes is checked before it is kept. In a terminal the command waits and shows
/// the tasks; Ctrl-C ends the waiting, not the run.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra run start germline --sample smp_… --reference ref_… --set threads=4 --wait\n\n\
    Role: analyst in the project. `--wait` ends with exit code 5 unless the run is done."
)]
pub struct Start {
    /// The workflow: germline
    workflow: String,
    /// The sample, smp_…
    #[arg(long)]
    sample: SampleId,
    /// The reference, ref_…
    #[arg(long)]
    reference: ReferenceId,
    /// A parameter of the workflow that differs from its default; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// The project to run in, prj_…, where another one lends the sample to it [default: the sample's]
    #[arg(long = "in", value_name = "PROJECT")]
    workspace: Option<ProjectId>,
    /// Wait until the run has ended [default in a terminal]
    #[arg(long, conflicts_with = "detach")]
    wait: bool,
    /// Return at once [default elsewhere]
    #[arg(long)]
    detach: bool,
}

impl Start {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = NewRun {
            workflow: self.workflow,
            reference: self.reference,
            parameters: self.parameters.into_iter().collect(),
            workspace: self.workspace,
        };
        let mut client = app.client()?;
        let started: run::Run = client.post("run start", &[&self.sample.to_string()], &body)?.json()?;
        let wait = self.wait || (!self.detach && app.console.is_watched());
        if !app.console.is_json() {
            app.console.line(&started.id.to_string())?;
            app.console.finish()?;
        }
        if !wait {
            app.console.say(&format!("started; `sequestra run show {} --follow` shows it", started.id));
            return if app.console.is_json() { app.console.json(&started) } else { Ok(()) };
        }
        let ended = watch::follow(app.console, &mut client, &started.id)?;
        if app.console.is_json() && ended.state == "done" {
            return app.console.json(&ended);
        }
        watch::outcome(app.console, &ended)
    }
}

/// List a project's runs.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra run list prj_…\n\nRole: viewer, analyst or support-observer in the project."
)]
pub struct List {
    /// The project, prj_…
    project: ProjectId,
}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let runs: Vec<run::Run> = app.client()?.get("run list", &[&self.project.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&runs);
        }
        let rows: Vec<_> = runs
            .into_iter()
            .map(|r| vec![r.id.to_string(), r.workflow, r.sample.to_string(), r.state, r.step, r.started_at])
            .collect();
        app.console.table(&["RUN", "WORKFLOW", "SAMPLE", "STATE", "STEP", "STARTED"], &rows)
    }
}

/// Show a run, also while it runs: state, tasks, resources, exit code, results, end of its log.
///
/// The log is redacted before it is kept.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra run show run_… --follow\n\nRole: viewer, analyst or support-observer in the project."
)]
pub struct Show {
    /// The run, run_…
    run: RunId,
    /// Wait until it has ended, showing the tasks
    #[arg(long, short)]
    follow: bool,
}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.client()?;
        let run = match self.follow {
            true => watch::follow(app.console, &mut client, &self.run)?,
            false => client.get("run show", &[&self.run.to_string()])?,
        };
        if app.console.is_json() { app.console.json(&run) } else { print(app.console, &run) }
    }
}

/// Cancel a run. What it had made by then is dropped.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra run cancel run_…\n\nRole: analyst in the project.")]
pub struct Cancel {
    /// The run, run_…
    run: RunId,
}

impl Cancel {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut client = app.client()?;
        let id = self.run.to_string();
        client.tell("run cancel", &[&id])?;
        app.console.say(&format!("{id} was told to stop"));
        if app.console.is_json() { app.console.json(&serde_json::json!({"id": id})) } else { Ok(()) }
    }
}

fn print(console: &mut Console, r: &run::Run) -> Result<(), Failure> {
    let mut facts = vec![
        ("id", r.id.to_string()),
        ("workflow", format!("{} (BLAKE3 {})", r.workflow, r.workflow_digest)),
        ("project", r.project.to_string()),
        ("sample", r.sample.to_string()),
        ("reference", r.reference.to_string()),
        ("state", r.state.clone()),
        ("step", r.step.clone()),
        ("started", r.started_at.clone()),
        ("ended", text::or_dash(r.ended_at.as_ref())),
        ("exit code", text::or_dash(r.exit)),
    ];
    if let Some(used) = r.resources {
        let peak = text::size(used.peak_bytes);
        let words = format!("{:.1} s wall, {:.1} s CPU, {peak} at most", used.wall_seconds, used.cpu_seconds);
        facts.push(("resources", words));
    }
    if let Some(failure) = &r.failure {
        facts.push(("failure", format!("{} ({})", failure.message, failure.code)));
        facts.extend(failure.hint.iter().map(|hint| ("hint", hint.clone())));
    }
    for (name, value) in facts {
        console.line(&format!("{name:<10} {value}"))?;
    }
    if !r.tasks.is_empty() {
        console.line("")?;
        let row = |t: &run::Task| vec![t.name.clone(), t.state.clone(), format!("{:.1}", t.seconds)];
        console.table(&["TASK", "STATE", "SECONDS"], &r.tasks.iter().map(row).collect::<Vec<_>>())?;
    }
    if !r.results.is_empty() {
        console.line("")?;
        let row = |made: &run::RunResult| vec![made.kind.clone(), made.object.to_string()];
        console.table(&["RESULT", "OBJECT"], &r.results.iter().map(row).collect::<Vec<_>>())?;
    }
    if !r.log.is_empty() {
        console.line("")?;
        console.line("end of the log, redacted:")?;
        r.log.iter().try_for_each(|line| console.line(&format!("  {line}")))?;
    }
    Ok(())
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_split_at_its_first_equals_sign() {
        assert_eq!(parameter("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
        assert_eq!(parameter("a=").unwrap().1, "");
        assert!(parameter("threads").is_err() && parameter("=4").is_err());
    }
}
