//! Progress as JSON lines: what happened, to which task, when.
//!
//! Lines hold names from the workflow's text, exit codes and times; never a value of an input
//! and never what a task printed.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crankshaft_events::{Event, TaskId};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::error::Error;

/// Where progress goes. Clones write to the same place.
#[derive(Clone)]
pub struct Log {
    sink: Arc<Mutex<dyn Write + Send>>,
    now: fn() -> Timestamp,
}

impl Log {
    /// The process's stdout and the system's clock.
    pub fn stdout() -> Self {
        Self { sink: Arc::new(Mutex::new(io::stdout())), now: Timestamp::now }
    }

    /// The workflow is about to be evaluated.
    pub fn workflow_started(&self, workflow: &str) {
        self.write(json!({ "event": "workflow-started", "workflow": workflow }));
    }

    /// The last line of every run: `outcome` is `done`, `failed`, `refused` or `broken`.
    pub fn workflow_finished(&self, error: Option<&Error>, took: Duration) {
        let mut line = json!({
            "event": "workflow-finished",
            "outcome": error.map_or("done", Error::outcome),
            "exit": error.map_or(0, Error::exit_code),
            "seconds": seconds(took),
        });
        if let (Some(Error::Task { task, .. }), Some(line)) = (error, line.as_object_mut()) {
            line.insert("task".to_owned(), json!(task));
        }
        self.write(line);
    }

    /// Writes one line with the time. Progress that cannot be written stops nothing: the exit
    /// code and the output directory are what counts.
    fn write(&self, mut line: Json) {
        if let Some(line) = line.as_object_mut() {
            line.insert("time".to_owned(), json!((self.now)().to_string()));
        }
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = sink.write_all(format!("{line}\n").as_bytes());
        let _ = sink.flush();
    }
}

/// A task that did not end with exit code 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The call, with its scatter index.
    pub task: String,
    /// `exit code 3`, `signal 9`, or the engine's words.
    pub how: String,
}

/// What the watcher saw.
#[derive(Debug, Default)]
pub struct Watched {
    /// How many tasks started.
    pub started: usize,
    /// Tasks that did not end with 0, in the order in which they ended. A task may declare other
    /// exit codes acceptable, so these are candidates, not verdicts.
    pub failures: Vec<Failure>,
}

/// A task between its creation and its end.
struct Live {
    task: String,
    since: Instant,
}

/// Reads the engine's events until the last sender is gone.
pub async fn watch(mut events: Receiver<Event>, log: Log) -> Watched {
    let mut watched = Watched::default();
    let mut live = HashMap::new();
    loop {
        match events.recv().await {
            Ok(event) => note(event, &log, &mut live, &mut watched),
            Err(RecvError::Lagged(count)) => log.write(json!({ "event": "progress-lost", "count": count })),
            Err(RecvError::Closed) => return watched,
        }
    }
}

fn note(event: Event, log: &Log, live: &mut HashMap<TaskId, Live>, watched: &mut Watched) {
    match event {
        Event::TaskCreated { id, name, .. } => {
            live.insert(id, Live { task: call_of(&name), since: Instant::now() });
        }
        Event::TaskStarted { id } => {
            watched.started += 1;
            if let Some(live) = live.get_mut(&id) {
                live.since = Instant::now();
                log.write(json!({ "event": "task-started", "task": live.task }));
            }
        }
        Event::TaskCompleted { id, exit_statuses } => {
            let status = *exit_statuses.last();
            finish(id, json!(code_of(status)), failure_of(status), log, live, watched);
        }
        Event::TaskFailed { id, message } => finish(id, Json::Null, Some(message), log, live, watched),
        Event::TaskCanceled { id } | Event::TaskPreempted { id } => {
            if let Some(live) = live.remove(&id) {
                log.write(json!({ "event": "task-cancelled", "task": live.task }));
            }
        }
        _ => {}
    }
}

fn finish(
    id: TaskId,
    exit: Json,
    failure: Option<String>,
    log: &Log,
    live: &mut HashMap<TaskId, Live>,
    watched: &mut Watched,
) {
    let Some(live) = live.remove(&id) else { return };
    log.write(json!({
        "event": "task-finished",
        "task": live.task,
        "exit": exit,
        "seconds": seconds(live.since.elapsed()),
    }));
    if let Some(how) = failure {
        watched.failures.push(Failure { task: live.task, how });
    }
}

/// The call's name without the random part that the engine adds for each attempt.
fn call_of(name: &str) -> String {
    name.rsplit_once('-').map_or(name, |(call, _)| call).to_owned()
}

/// The exit code, or minus the signal that ended the process.
fn code_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().unwrap_or(0))
}

fn failure_of(status: ExitStatus) -> Option<String> {
    match (status.success(), status.code()) {
        (true, _) => None,
        (false, Some(code)) => Some(format!("exit code {code}")),
        (false, None) => Some(format!("signal {}", status.signal().unwrap_or(0))),
    }
}

/// Seconds to the millisecond.
fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log() -> (Log, Shared) {
        let shared = Shared::default();
        (Log { sink: Arc::new(Mutex::new(shared.clone())), now: || Timestamp::UNIX_EPOCH }, shared)
    }

    fn lines(shared: &Shared) -> Vec<Json> {
        let text = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_failing_task_is_named_with_its_exit_code() {
        let (log, shared) = log();
        let (sender, receiver) = tokio::sync::broadcast::channel(16);
        let created = |id, name: &str| Event::TaskCreated {
            id,
            name: name.to_owned(),
            tes_id: None,
            token: Default::default(),
        };
        sender.send(created(1, "align-0-x7Gh2")).unwrap();
        sender.send(Event::TaskStarted { id: 1 }).unwrap();
        sender.send(Event::TaskFailed { id: 1, message: "ended by signal 9".to_owned() }).unwrap();
        sender.send(created(2, "late-yy")).unwrap();
        sender.send(Event::TaskCanceled { id: 2 }).unwrap();
        drop(sender);
        let watched = watch(receiver, log).await;

        assert_eq!(watched.started, 1);
        let failure = Failure { task: "align-0".to_owned(), how: "ended by signal 9".to_owned() };
        assert_eq!(watched.failures, [failure]);
        let lines = lines(&shared);
        let seen: Vec<_> = lines.iter().map(|line| (line["event"].as_str(), line["task"].as_str())).collect();
        assert_eq!(
            seen,
            [
                (Some("task-started"), Some("align-0")),
                (Some("task-finished"), Some("align-0")),
                (Some("task-cancelled"), Some("late")),
            ]
        );
        assert!(lines.iter().all(|line| line["time"] == "1970-01-01T00:00:00Z"), "{lines:?}");
    }

    #[test]
    fn statuses_are_told_apart() {
        let check = |raw, code, how: Option<&str>| {
            let status = ExitStatus::from_raw(raw);
            assert_eq!((code_of(status), failure_of(status).as_deref()), (code, how));
        };
        check(0, 0, None);
        check(3 << 8, 3, Some("exit code 3"));
        check(9, -9, Some("signal 9"));
    }
}
