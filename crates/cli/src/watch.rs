//! Watching a run until it has ended.

use crate::client::Client;
use crate::{Console, Error, Failure, text};
use api::Problem;
use api::run::{Run, Since, Task};
use base::RunId;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::time::Duration;

/// Asks until the run has ended, showing its step and tasks on stderr: as moving lines for
/// somebody who looks, as one line a change for a log.
///
/// Each question is on record, so the process holds its answer back until there is something new.
pub fn follow(console: &mut Console, client: &mut Client, id: &RunId) -> Result<Run, Failure> {
    let mut shown = Shown::new(console);
    let mut since = Since::default();
    loop {
        let Some(run) = client.await_answer::<Run>("run show", &[&id.to_string()], &since)? else {
            shown.clear();
            console.talk(&format!("the run goes on; `sequestra run show {id} --follow` shows it again"));
            return Err(Failure::Interrupted);
        };
        shown.update(console, &run);
        if run.ended() {
            shown.clear();
            return Ok(run);
        }
        since.after = Some(run.mark);
    }
}

/// What came of a run, as the end of a command that waited for it.
pub fn outcome(console: &mut Console, run: &Run) -> Result<(), Failure> {
    if run.state == "done" {
        for made in &run.results {
            console.say(&format!("{}: {}", made.kind, made.object));
        }
        if let Some(used) = run.resources {
            let (wall, cpu) = (used.wall_seconds, used.cpu_seconds);
            console.say(&format!(
                "done in {wall:.1} s, {cpu:.1} s of CPU, {} at most",
                text::size(used.peak_bytes)
            ));
        }
        return Ok(());
    }
    let Some(failure) = &run.failure else {
        return Err(Failure::from(Error::RunEnded(run.state.clone())).with_findings(run.log.clone()));
    };
    Err(Failure::from(Problem {
        code: failure.code.clone(),
        // The state of the run is what stands in the way; its code says why.
        kind: base::Kind::Conflict,
        message: failure.message.clone(),
        hint: failure.hint.clone(),
        findings: run.log.clone(),
    }))
}

/// What is on stderr so far.
struct Shown {
    bars: Option<(MultiProgress, ProgressBar)>,
    tasks: BTreeMap<usize, ProgressBar>,
    told: Vec<String>,
    step: String,
}

impl Shown {
    fn new(console: &Console) -> Self {
        let bars = console.is_watched().then(|| {
            let all = MultiProgress::new();
            let step = all.add(ProgressBar::new_spinner());
            step.enable_steady_tick(Duration::from_millis(120));
            (all, step)
        });
        Self { bars, tasks: BTreeMap::new(), told: Vec::new(), step: String::new() }
    }

    fn update(&mut self, console: &mut Console, run: &Run) {
        if let Some((all, step)) = &self.bars {
            step.set_message(text::clean(&format!("{}: {}", run.state, run.step)));
            for (at, task) in run.tasks.iter().enumerate() {
                let bar = self.tasks.entry(at).or_insert_with(|| all.add(task_bar()));
                bar.set_message(words(task));
                if task.state != "running" {
                    bar.finish();
                }
            }
            return;
        }
        // Between two tasks there is no step, and nothing to say.
        if run.step != self.step && !run.step.is_empty() {
            self.step.clone_from(&run.step);
            console.say(&format!("{}: {}", run.state, run.step));
        }
        for (at, task) in run.tasks.iter().enumerate() {
            let state = self.told.get(at).cloned().unwrap_or_default();
            if state != task.state {
                console.say(&words(task));
                match self.told.get_mut(at) {
                    Some(told) => told.clone_from(&task.state),
                    None => self.told.push(task.state.clone()),
                }
            }
        }
    }

    fn clear(&self) {
        if let Some((_, step)) = &self.bars {
            self.tasks.values().for_each(ProgressBar::finish);
            step.finish_and_clear();
        }
    }
}

fn task_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("  {msg}");
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

fn words(task: &Task) -> String {
    text::clean(&format!("{:<24} {:<9} {:>7.1} s", task.name, task.state, task.seconds))
}
