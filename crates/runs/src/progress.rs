//! What is known of a run while it runs.

use executor::Stream;
use screen::{Known, Redactor};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::Path;

/// Lines of the log that are kept.
const LOG_LINES: usize = 200;
/// Characters of a line that are kept.
const LOG_LINE: usize = 400;
/// Characters of a step's name.
const STEP_NAME: usize = 80;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for its turn.
    Queued,
    /// Under way.
    Running,
    /// Its results are sealed and recorded.
    Done,
    /// It failed; nothing was kept.
    Failed,
    /// The right to run it was revoked; nothing was kept.
    Stopped,
    /// Someone cancelled it; nothing was kept.
    Cancelled,
    /// The site's process ended first; nothing was kept.
    Interrupted,
}

impl State {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether it will change no more.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let all = [
            Self::Queued,
            Self::Running,
            Self::Done,
            Self::Failed,
            Self::Stopped,
            Self::Cancelled,
            Self::Interrupted,
        ];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

/// One step of a run: a call of the workflow, or what is done around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The call's name, with its place in a scatter (`align-0`), or `inputs`, `outputs`.
    pub name: String,
    /// `running`, `done`, `failed` or `cancelled`.
    pub state: String,
    /// How long it took, once it ended.
    pub seconds: Option<f64>,
}

/// A run's state, its steps in order of their start, and its redacted log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// How far it is.
    pub state: State,
    /// Its steps.
    pub tasks: Vec<Task>,
    /// The last lines of what its tools said, redacted.
    pub log: VecDeque<String>,
}

impl Progress {
    pub(crate) fn queued() -> Self {
        Self { state: State::Queued, tasks: Vec::new(), log: VecDeque::new() }
    }

    /// Takes a line of the job: the helper's events become steps, all else becomes log, which `redactor` makes fit
    /// to show. A step's name that does not pass it unchanged is not of the workflow's text.
    pub(crate) fn take(&mut self, stream: Stream, line: &str, redactor: &Redactor) {
        let event = if stream == Stream::Out { serde_json::from_str::<Line>(line).ok() } else { None };
        match event {
            Some(Line { event, task: Some(task), seconds, exit })
                if redactor.redact(&task, STEP_NAME) == task =>
            {
                self.step(&event, &task, seconds, exit);
            }
            Some(Line { task: None, .. }) => {}
            _ => self.say(line, redactor),
        }
    }

    /// Adds a line to the log, redacted.
    pub(crate) fn say(&mut self, line: &str, redactor: &Redactor) {
        if line.trim().is_empty() {
            return;
        }
        if self.log.len() == LOG_LINES {
            self.log.pop_front();
        }
        self.log.push_back(redactor.redact(line, LOG_LINE));
    }

    pub(crate) fn begin(&mut self, name: &str) {
        self.tasks.push(Task { name: name.to_owned(), state: "running".to_owned(), seconds: None });
    }

    pub(crate) fn end(&mut self, name: &str, state: &str, seconds: Option<f64>) {
        if let Some(task) = self.tasks.iter_mut().rev().find(|task| task.name == name) {
            state.clone_into(&mut task.state);
            task.seconds = seconds;
        }
    }

    /// Whatever still ran when the run ended did not end well.
    pub(crate) fn end_all(&mut self, state: &str) {
        for task in self.tasks.iter_mut().filter(|task| task.state == "running") {
            state.clone_into(&mut task.state);
        }
    }

    fn step(&mut self, event: &str, task: &str, seconds: Option<f64>, exit: Option<i32>) {
        match event {
            "task-started" => self.begin(task),
            "task-finished" if exit == Some(0) => self.end(task, "done", seconds),
            "task-finished" => self.end(task, "failed", seconds),
            "task-cancelled" => self.end(task, "cancelled", seconds),
            _ => {}
        }
    }
}

/// What makes lines fit to show that were written in the site in `folder`, about the sample of this label.
pub(crate) fn redactor(folder: &Path, label: Option<&str>) -> Redactor {
    let folder = folder.to_string_lossy();
    let label = label.map(|label| (Known::Label, label));
    Redactor::new(label.into_iter().chain([(Known::Path, folder.as_ref())]))
}

/// A line of the helper's progress. Only names of the workflow's own text and numbers stand in it.
#[derive(Deserialize)]
struct Line {
    event: String,
    task: Option<String>,
    seconds: Option<f64>,
    exit: Option<i32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_steps_and_all_else_a_redacted_log() {
        let mut progress = Progress::queued();
        let redactor = Redactor::default();
        progress.take(Stream::Out, r#"{"event":"task-started","task":"trim-0","time":"x"}"#, &redactor);
        progress.take(
            Stream::Out,
            r#"{"event":"task-finished","task":"trim-0","exit":0,"seconds":1.5}"#,
            &redactor,
        );
        progress.take(Stream::Out, r#"{"event":"task-started","task":"align-0"}"#, &redactor);
        progress.take(Stream::Out, r#"{"event":"workflow-finished","outcome":"failed"}"#, &redactor);
        progress.take(
            Stream::Err,
            "error reading /data/x/Doe_Jane/a.bam near ACGTTGCAACGTTGCAACGTTGCAACGTTGCAACGTTGCA",
            &redactor,
        );
        progress.end_all("cancelled");
        let seen: Vec<_> = progress.tasks.iter().map(|t| (t.name.as_str(), t.state.as_str())).collect();
        assert_eq!(seen, [("trim-0", "done"), ("align-0", "cancelled")]);
        assert_eq!(progress.log.len(), 1);
        let line = &progress.log[0];
        assert!(!line.contains("Jane") && !line.contains("ACGTTGCAACGT"), "{line}");
    }

    #[test]
    fn the_log_is_bounded() {
        let mut progress = Progress::queued();
        for n in 0..500 {
            progress.say(&format!("line {n}"), &Redactor::default());
        }
        assert_eq!(progress.log.len(), LOG_LINES);
        assert_eq!(progress.log.back().unwrap(), "line 499");
    }

    /// What the program knows goes first: `tumour` says nothing to a detector, and is this sample's label.
    #[test]
    fn known_labels_and_folders_are_in_no_line_and_no_step() {
        let mut progress = Progress::queued();
        let redactor = redactor(Path::new("/srv/seven"), Some("tumour"));
        progress.take(Stream::Err, "SM:Tumour in /srv/seven: no space", &redactor);
        progress.take(Stream::Out, r#"{"event":"task-started","task":"align-tumour"}"#, &redactor);
        progress.take(Stream::Out, r#"{"event":"task-started","task":"align\u001b[2J"}"#, &redactor);
        progress.take(Stream::Out, r#"{"event":"task-started","task":"align-0"}"#, &redactor);
        assert_eq!(progress.tasks.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["align-0"]);
        assert_eq!(progress.log[0], "SM:<label> in <path>: no space");
        assert_eq!(progress.log.len(), 3);
        assert!(
            progress.log.iter().all(|line| !line.to_lowercase().contains("tumour")),
            "{:?}",
            progress.log
        );
    }
}
