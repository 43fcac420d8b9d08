//! The verb `run`: from a document and its inputs to files in the output directory.

use std::fs;
use std::time::Instant;

use wdl_engine::{CancellationContext, Engine, EvaluationError, Events, Outputs};

use crate::args::RunArgs;
use crate::error::Error;
use crate::progress::{self, Failure, Log};
use crate::{document, inputs, outputs, settings};

/// Events of tasks that may wait to be written; more than a run of many thousand tasks makes.
const EVENT_CAPACITY: usize = 1 << 16;

/// Runs the workflow and reports how it ended on stdout, whatever happens.
pub async fn run(args: &RunArgs) -> Result<(), Error> {
    let log = Log::stdout();
    let started = Instant::now();
    let result = perform(args, &log).await;
    log.workflow_finished(result.as_ref().err(), started.elapsed());
    result
}

async fn perform(args: &RunArgs, log: &Log) -> Result<(), Error> {
    let document = document::load(&args.workflow).await?;
    let workflow = document::only_workflow(&document, &args.workflow)?;
    let inputs = inputs::load(&document, workflow, &args.inputs)?;
    let root = args.work.join("run");
    fs::create_dir_all(&root).map_err(|source| Error::Io { verb: "create", path: root.clone(), source })?;

    let engine = Engine::new(settings::engine(args)?)
        .await
        .map_err(|error| Error::Settings { reason: format!("{error:#}") })?;
    let events = Events::default().with_crankshaft(EVENT_CAPACITY);
    let tasks = events
        .subscribe_crankshaft()
        .ok_or_else(|| Error::Engine { reason: "it offers no events".to_owned() })?;
    let watcher = tokio::spawn(progress::watch(tasks, log.clone()));

    log.workflow_started(workflow.name());
    let evaluator = engine.create_v1_evaluator(
        events,
        CancellationContext::new(engine.config().failure_mode),
        Default::default(),
    );
    let result = evaluator.evaluate_workflow(&document, workflow.name(), inputs, &root).await;
    // The watcher ends when the last sender is gone, and the evaluator holds one.
    drop(evaluator);
    let watched = watcher.await.map_err(|error| Error::Engine { reason: error.to_string() })?;

    let values: Outputs = result.map_err(|error| explain(&error, watched))?;
    outputs::place(&values, &args.work, &args.out)
}

/// Turns the engine's error into ours, naming the task when one failed.
fn explain(error: &EvaluationError, watched: progress::Watched) -> Error {
    let detail = match error {
        EvaluationError::Canceled => "the run was cancelled".to_owned(),
        EvaluationError::Source(source) => document::describe(&source.document, &source.diagnostic),
        EvaluationError::Other(other) => format!("{other:#}"),
    };
    // Exit codes other than 0 may be acceptable to a task; the engine's account names the one
    // that was not.
    let failed = watched.failures.into_iter().find(|failure| names(&detail, &failure.task));
    match failed {
        Some(Failure { task, how }) => Error::Task { task, how, detail },
        None if watched.started == 0 => Error::Inputs { reason: detail },
        None => Error::Evaluation { detail },
    }
}

fn names(detail: &str, task: &str) -> bool {
    detail.contains(&format!("`{task}`"))
}
