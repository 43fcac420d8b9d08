//! One workflow in one sealed job.

use crate::workflow::Workflow;
use crate::{Error, Runs, Tool, plaintext, recipe};
use access::Permit;
use access::thing::Thing;
use access::verb::Verb;
use audit::{Event, What};
use executor::job::Stop;
use executor::{CancelToken, Finished, Job, OnLine, Root, Scratch};
use serde_json::{Map, Value as Json};
use std::collections::VecDeque;

/// Lines of the log that a failure repeats.
const LAST_WORDS: usize = 3;

/// A workflow to be run, its input files already in the scratch.
pub(crate) struct Order<'a> {
    pub workflow: Workflow,
    pub root: &'a Root,
    pub scratch: &'a Scratch,
    /// The workflow's inputs by their bare names.
    pub inputs: Map<String, Json>,
    pub cancel: CancelToken,
    /// Whether the permit still holds.
    pub holds: Box<dyn FnMut() -> bool + 'a>,
    pub on_line: OnLine<'a>,
}

/// The file system of a job with `tools`, every byte hashed again on its way in.
pub(crate) fn root(runs: &Runs, tools: &[Tool]) -> Result<Root, Error> {
    let closures = tools.iter().map(Tool::closure_of).collect::<Result<Vec<_>, _>>()?;
    let references: Vec<_> = closures.iter().collect();
    Ok(runs.executor()?.root(&runs.tool_store(), &references)?)
}

/// Records that a job starts, durably, before it does.
pub(crate) async fn record_start<V: Verb, T: Thing>(
    runs: &Runs,
    permit: &Permit<V, T>,
    about: Vec<String>,
    tools: &[Tool],
) -> Result<(), Error> {
    let what = What::JobStarted { closures: tools.iter().map(|tool| tool.closure).collect() };
    runs.inner.audit.gate(&event(permit, about, what)).await?;
    Ok(())
}

/// Records how a job ended.
pub(crate) async fn record_end<V: Verb, T: Thing>(
    runs: &Runs,
    permit: &Permit<V, T>,
    about: Vec<String>,
    ended: (bool, Option<i32>, bool),
) -> Result<(), Error> {
    let (accepted, exit, scratch_destroyed) = ended;
    let what = What::JobEnded { accepted, exit, scratch_destroyed };
    runs.inner.audit.gate(&event(permit, about, what)).await?;
    Ok(())
}

/// Runs the helper on the workflow. Blocks until the last process of the job is gone.
pub(crate) fn run(runs: &Runs, order: Order<'_>) -> Result<Finished, Error> {
    let folder = order.scratch.inputs();
    let name = order.workflow.name;
    let inputs: Map<String, Json> =
        order.inputs.into_iter().map(|(input, value)| (format!("{name}.{input}"), value)).collect();
    let inputs = serde_json::to_vec(&inputs).map_err(|_| Error::Record)?;
    plaintext::write(&folder.join("workflow.wdl"), &mut order.workflow.source.as_bytes(), &mut || Ok(()))?;
    plaintext::write(&folder.join("inputs.json"), &mut inputs.as_slice(), &mut || Ok(()))?;
    let settings = &runs.inner.settings;
    // The helper and its tasks' shells need some of the job's memory themselves.
    let memory = (settings.limits.memory_bytes / 8).saturating_mul(7).max(1);
    let cpus = settings.cpus.max(2).to_string();
    let memory = memory.to_string();
    let words = [
        recipe::HELPER,
        "run",
        "--workflow",
        "/in/workflow.wdl",
        "--inputs",
        "/in/inputs.json",
        "--work",
        "/work",
        "--out",
        "/out",
        "--cpu",
        &cpus,
        "--memory",
        &memory,
    ];
    let job = Job {
        root: order.root,
        scratch: order.scratch,
        argv: words.into_iter().map(str::to_owned).collect(),
        env: Vec::new(),
        limits: settings.limits.clone(),
        cancel: order.cancel,
        lease: order.holds,
        on_line: order.on_line,
    };
    Ok(runs.executor()?.run(job)?)
}

/// Whether the job's outputs may be looked at. `lost` says why a permit or a token ended it.
pub(crate) fn judge(
    finished: &Finished,
    task: Option<String>,
    log: &VecDeque<String>,
    lost: impl FnOnce() -> Error,
) -> Result<(), Error> {
    match finished.stopped {
        Some(Stop::Cancelled | Stop::LeaseLost) => return Err(lost()),
        Some(Stop::Wall) => return Err(Error::Limit("ran longer than it may")),
        Some(Stop::Cpu) => return Err(Error::Limit("used more processor time than it may")),
        Some(Stop::Memory) => return Err(Error::Limit("took more memory than it may")),
        Some(Stop::Disk) => return Err(Error::Limit("kept more in its scratch than it may")),
        None => {}
    }
    if finished.oom {
        return Err(Error::Limit("took more memory than it may"));
    }
    if finished.success() {
        return Ok(());
    }
    let last = log.len().saturating_sub(LAST_WORDS);
    let said: Vec<&str> = log.iter().skip(last).map(String::as_str).collect();
    Err(Error::Job { task, said: said.join("; ") })
}

fn event<V: Verb, T: Thing>(permit: &Permit<V, T>, about: Vec<String>, what: What) -> Event {
    permit.event(what).in_project(permit.project().cloned()).about(about)
}
