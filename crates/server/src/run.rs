//! Runs and receipts.

use crate::attend::{Signed, made};
use crate::body::{Asked, Json, id};
use crate::failure::Error;
use crate::{Failure, Site};
use access::thing::{self, Thing};
use access::verb::{Manage, Run as RunVerb, View};
use access::{Action, Ask, Caller, Permit};
use api::run::{Failure as RunFailure, NewRun, Resources, Run, RunResult, Since, Task};
use axum::Json as Answer;
use axum::extract::{Path, State as Of};
use axum::response::{IntoResponse, Response};
use base::{ObjectId, RunId, SampleId};
use runs::{Progress, RunSpec, RunView, State};
use std::time::Duration;
use tokio::sync::watch;

/// How long a question after a run waits for something new: half a permit's life.
const LONGEST: Duration = Duration::from_secs(30);
/// How long it waits for more, once there is something new.
const TOGETHER: Duration = Duration::from_secs(2);

pub(crate) async fn start(
    Of(site): Of<Site>,
    Signed(caller): Signed,
    Path(sample): Path<String>,
    Json(body): Json<NewRun>,
) -> Result<Response, Failure> {
    let sample: SampleId = id(&sample)?;
    let objects = site.catalog.read_objects(&sample).await?;
    if objects.is_empty() {
        // Asking about a sample that is not there is on record as well.
        let _: Permit<RunVerb, thing::Sample> = site.permit(&caller, Action::StartRun, &sample).await?;
        return Err(access::Error::NotFound.into());
    }
    let ask = Ask::<thing::Object>::new(Action::StartRun, objects)
        .about([sample.to_string(), body.reference.to_string()])
        .in_workspace(body.workspace);
    let permit: Permit<RunVerb, thing::Object> = site.access.decide(&caller, ask).await?;
    let spec =
        RunSpec { workflow: body.workflow, sample, reference: body.reference, parameters: body.parameters };
    let run = site.runs.start(&permit, spec).await?;
    let ids = [run.to_string()];
    Ok(made(wire(site.runs.show(&view(&site, &caller, &run).await?, &run).await?), ids))
}

pub(crate) async fn list(
    Of(site): Of<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
) -> Result<Answer<Vec<Run>>, Failure> {
    let permit: Permit<View, thing::Project> = site.permit(&caller, Action::ViewRun, &id(&project)?).await?;
    Ok(Answer(site.runs.list(&permit).await?.into_iter().map(wire).collect()))
}

pub(crate) async fn show(
    Of(site): Of<Site>,
    Signed(caller): Signed,
    Path(run): Path<String>,
    Asked(since): Asked<Since>,
) -> Result<Answer<Run>, Failure> {
    let run: RunId = id(&run)?;
    let permit = view(&site, &caller, &run).await?;
    if let Some(seen) = since.after {
        let news = async {
            match site.runs.watch(&permit, &run)? {
                Some(progress) => beyond(progress, &seen).await,
                // It has ended, or is about to be known: nobody asks again at once.
                None if seen.starts_with("queued") => tokio::time::sleep(TOGETHER).await,
                None => {}
            }
            Ok::<_, Failure>(())
        };
        tokio::select! {
            news = news => news?,
            () = tokio::time::sleep(LONGEST) => {}
            () = site.stopped() => {}
        }
    }
    Ok(Answer(wire(site.runs.show(&permit, &run).await?)))
}

/// Waits until the run is beyond what was seen. An end is told at once; tasks that follow each other
/// fast are told together.
///
/// Why not one answer a change: each answer is a decision and an outcome in the ledger for ever.
async fn beyond(mut progress: watch::Receiver<Progress>, seen: &str) {
    let ended = |p: &Progress| p.state.is_final();
    // An error means that the run's thread is gone: what it stored is the answer.
    if progress.wait_for(|p| ended(p) || mark(p.state, &p.tasks) != seen).await.is_err() {
        return;
    }
    let _ = tokio::time::timeout(TOGETHER, progress.wait_for(ended)).await;
}

/// The number of tasks that began and ended: it grows with each change.
fn mark(state: State, tasks: &[runs::Task]) -> String {
    let ended = tasks.iter().filter(|task| task.state != "running").count();
    format!("{}.{}.{ended}", state.as_str(), tasks.len())
}

pub(crate) async fn cancel(
    Of(site): Of<Site>,
    Signed(caller): Signed,
    Path(run): Path<String>,
) -> Result<Answer<()>, Failure> {
    let run: RunId = id(&run)?;
    let permit: Permit<Manage, thing::Run> = site.permit(&caller, Action::CancelRun, &run).await?;
    site.runs.cancel(&permit, &run).await?;
    Ok(Answer(()))
}

/// The receipt of a thing. An object without one of its own is named in its run's.
pub(crate) async fn receipt(
    Of(site): Of<Site>,
    Signed(caller): Signed,
    Path(about): Path<String>,
) -> Result<Response, Failure> {
    let text = match about.get(..4).unwrap_or_default() {
        "run_" => own::<thing::Run>(&site, &caller, &about, &about).await?,
        "obj_" => {
            let object: ObjectId = id(&about)?;
            let of = site.catalog.result(&object).await?;
            match own::<thing::Object>(&site, &caller, &about, &about).await {
                Err(_) if of.is_some() => {
                    let run = of.map(|of| of.run.to_string()).unwrap_or_default();
                    own::<thing::Object>(&site, &caller, &about, &run).await?
                }
                other => other?,
            }
        }
        "ref_" => {
            let permit: Permit<View, thing::Reference> =
                site.permit(&caller, Action::ViewReferences, &id(&about)?).await?;
            site.runs.receipts().receipt(&permit, &about).await?
        }
        "del_" => own::<thing::Deletion>(&site, &caller, &about, &about).await?,
        _ => return Err(Error::Id("not the id of a run, an object, a reference or a deletion".into()).into()),
    };
    Ok(([("content-type", "application/json")], text).into_response())
}

async fn own<T: Thing>(site: &Site, caller: &Caller, thing: &str, about: &str) -> Result<String, Failure>
where
    <T::Id as std::str::FromStr>::Err: std::fmt::Display,
{
    let permit: Permit<View, T> = site.permit(caller, Action::ViewReceipt, &id::<T::Id>(thing)?).await?;
    Ok(site.runs.receipts().receipt(&permit, about).await?)
}

async fn view(site: &Site, caller: &Caller, run: &RunId) -> Result<Permit<View, thing::Run>, Failure> {
    Ok(site.permit(caller, Action::ViewRun, run).await?)
}

fn wire(run: RunView) -> Run {
    let step = run.tasks.iter().rev().find(|task| task.state == "running").map(|task| task.name.clone());
    Run {
        id: run.id,
        project: run.project,
        sample: run.sample,
        reference: run.reference,
        workflow: run.workflow,
        workflow_digest: run.workflow_digest,
        state: run.state.as_str().to_owned(),
        mark: mark(run.state, &run.tasks),
        step: step.unwrap_or_default(),
        started_at: run.started_at.unwrap_or(run.created_at),
        ended_at: run.finished_at,
        tasks: run
            .tasks
            .into_iter()
            .map(|t| Task { name: t.name, state: t.state, seconds: t.seconds.unwrap_or_default() })
            .collect(),
        resources: run.resources.map(|r| Resources {
            wall_seconds: r.wall_seconds,
            cpu_seconds: r.cpu_seconds,
            peak_bytes: r.max_memory_bytes,
        }),
        exit: run.exit,
        failure: run.error.map(|e| RunFailure { code: e.code, message: e.message, hint: e.hint }),
        log: run.log,
        results: run.results.into_iter().map(|(kind, object)| RunResult { kind, object }).collect(),
    }
}
