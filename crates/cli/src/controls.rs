//! `controls`: the product's promises, played on throw-away sites.

use crate::app::App;
use crate::file::{NewFile, folder_for};
use crate::{Error, Failure};
use base::{Clock, SystemClock, SystemEntropy};
use clap::{ArgGroup, Args, Subcommand};
use evidence::{CONTROLS, Control, Evidence, Runner, Verdict, World, oscal};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use std::sync::Arc;

/// What the product promises, each promise with the scenario that tests it
#[derive(Subcommand)]
pub enum Controls {
    List(List),
    Show(Show),
    Run(Run),
}

impl Controls {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::Run(args) => args.run(app),
        }
    }
}

/// List the controls that have a scenario.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra controls list\n\nRole: none; needs no site.")]
pub struct List {}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        if app.console.is_json() {
            return app.console.json(&CONTROLS.iter().map(described).collect::<Vec<_>>());
        }
        let rows: Vec<_> = CONTROLS.iter().map(|c| vec![c.id.to_owned(), c.statement.to_owned()]).collect();
        app.console.table(&["CONTROL", "PROMISE"], &rows)
    }
}

/// Show a control: what is promised, how it is tested, and which laws and standards it serves.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra controls show C-VLT-03\n\nRole: none; needs no site.")]
pub struct Show {
    /// The control's id
    id: String,
}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let control = named(&self.id)?;
        if app.console.is_json() {
            return app.console.json(&described(control));
        }
        app.console.line(control.id)?;
        app.console.line(&format!("promise   {}", control.statement))?;
        app.console.line(&format!("test      {}", control.test))?;
        app.console.line(&format!("serves    {}", control.references.join("; ")))?;
        let of = |short: &str| control.references.iter().any(|r| r.split(' ').next() == Some(short));
        for (short, whole) in evidence::control::SOURCES.iter().filter(|(short, _)| of(short)) {
            app.console.line(&format!("          {short} = {whole}"))?;
        }
        Ok(())
    }
}

/// Play controls on throw-away sites and judge them.
///
/// Each control is a scenario: a site is made in the temporary folder, used and attacked by the ordinary
/// commands of this very program, and what was expected is compared with what was seen. Every play leaves
/// its evidence as a JSON file. With `--prove`, each scenario is played once more with what it rests on
/// taken away, and has to break; one that does not proves nothing and counts as not held. Ends with exit
/// code 7 if a control does not hold.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra controls run C-VLT-03\n  sequestra controls run --all --prove --out ./evidence --oscal ./results.json\n\n\
    Role: none; it makes sites of its own and touches no other.",
    group(ArgGroup::new("which").args(["ids", "all"]).required(true))
)]
pub struct Run {
    /// The controls' ids
    ids: Vec<String>,
    /// Every control that has a scenario
    #[arg(long)]
    all: bool,
    /// Also see each scenario break with what it rests on taken away
    #[arg(long)]
    prove: bool,
    /// The folder for the evidence, one file a control; none that is there is replaced [default: ./evidence-<time>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write OSCAL assessment results over all of them to this file
    #[arg(long, value_name = "FILE")]
    oscal: Option<PathBuf>,
}

impl Run {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let controls: Vec<&Control> = if self.all {
            CONTROLS.iter().collect()
        } else {
            self.ids.iter().map(|id| named(id)).collect::<Result<_, _>>()?
        };
        let clock = Arc::new(SystemClock::default());
        let world = World { clock: clock.clone(), entropy: Arc::new(SystemEntropy) };
        let out = self
            .out
            .unwrap_or_else(|| PathBuf::from(format!("evidence-{}", clock.now().strftime("%Y%m%dT%H%M%SZ"))));
        // Before minutes of work: what comes of it can be kept.
        let oscal = self.oscal.as_deref().map(NewFile::create).transpose()?;
        folder_for(&out)?;
        for control in &controls {
            evidence::report::vacant(&out, control.id).map_err(|e| Failure::of(&e))?;
        }
        let program = app.host.program()?;
        let runner = Runner::new(&program, env!("CARGO_PKG_VERSION"), world).map_err(|e| Failure::of(&e))?;
        let bar = bar(app, controls.len());
        let mut judged = Vec::new();
        for control in controls {
            bar.set_message(control.id);
            let evidence = runner.play(control, self.prove);
            evidence.write(&out).map_err(|e| Failure::of(&e))?;
            bar.suspend(|| tell(app, &evidence))?;
            bar.inc(1);
            judged.push(evidence);
        }
        bar.finish_and_clear();
        if let Some(mut file) = oscal {
            let document = oscal::document(&judged, clock.now(), &SystemEntropy);
            let text = serde_json::to_vec_pretty(&document).map_err(|e| Error::Output(e.to_string()))?;
            file.write(&text)?;
            file.keep()?;
        }
        app.console.say(&format!("evidence in {}", out.display()));
        if app.console.is_json() {
            app.console.json(&judged)?;
        }
        match (verdict_of(&judged), app.console.is_json()) {
            (None, _) => Ok(()),
            // The document says which.
            (Some(error), true) => Err(Failure::Told(Box::new(error.into()))),
            (Some(error), false) => {
                let open = judged.iter().filter(|one| one.verdict != Verdict::Holds);
                let lines = open.map(|one| format!("{} {}", one.control, word(one.verdict)));
                Err(Failure::from(error).with_findings(lines.collect()))
            }
        }
    }
}

/// What did not hold comes before what could not be played: the first is a promise that is broken.
fn verdict_of(judged: &[Evidence]) -> Option<Error> {
    let not_played = judged.iter().filter(|one| one.verdict == Verdict::NotPlayed).count();
    let held = judged.iter().filter(|one| one.verdict == Verdict::Holds).count();
    match (judged.len() - held - not_played, not_played) {
        (0, 0) => None,
        (0, not_played) => Some(Error::NotPlayed(not_played)),
        (broken, _) => Some(Error::NotHeld(broken)),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "holds",
        Verdict::Broken => "BROKEN",
        Verdict::CannotFail => "CANNOT FAIL",
        Verdict::NotPlayed => "NOT PLAYED",
    }
}

fn named(id: &str) -> Result<&'static Control, Failure> {
    evidence::named(id).map_err(|e| Failure::of(&e))
}

fn described(control: &Control) -> serde_json::Value {
    serde_json::json!({
        "id": control.id,
        "statement": control.statement,
        "test": control.test,
        "references": control.references,
    })
}

fn bar(app: &App<'_>, controls: usize) -> ProgressBar {
    if !app.console.is_watched() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(controls as u64);
    bar.set_style(
        ProgressStyle::with_template("{pos} of {len} {bar:30} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}

/// One line a control, and the steps that say why one does not hold.
fn tell(app: &mut App<'_>, evidence: &Evidence) -> Result<(), Failure> {
    if app.console.is_json() {
        return Ok(());
    }
    let verdict = word(evidence.verdict);
    let (seconds, steps) = (evidence.milliseconds / 1_000, evidence.steps.len());
    let tenths = evidence.milliseconds % 1_000 / 100;
    let proof = match &evidence.can_fail {
        Some(seen) if seen.broke => ", seen to break when spoiled",
        Some(_) => ", did not break everywhere when spoiled",
        None => "",
    };
    app.console.line(&format!(
        "{}  {verdict}  {steps} expectations, {seconds}.{tenths} s{proof}",
        evidence.control
    ))?;
    if let Some(step) = evidence.first_broken() {
        app.console.line(&format!("  {}: expected: {}; seen: {}", step.did, step.expected, step.saw))?;
    }
    for idle in evidence.can_fail.iter().flat_map(|proof| &proof.idle) {
        app.console.line(&format!("  no step broke for it: {idle}"))?;
    }
    let stopped = evidence.can_fail.iter().filter_map(|proof| proof.stopped.as_ref());
    evidence.error.iter().chain(stopped).try_for_each(|why| app.console.line(&format!("  {why}")))
}
