//! What is shown of runs, also while they run, and how one is cancelled.

use crate::progress::{Progress, State, Task};
use crate::table::run;
use crate::{Error, Runs};
use access::Permit;
use access::thing::{Project, Run};
use access::verb::{Manage, Sees, View};
use base::{Blake3, Fault, Id, ObjectId, ProjectId, ReferenceId, RunId, SampleId};
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use screen::Redactor;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio::sync::watch;

/// A run, as it is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunView {
    /// Its id.
    pub id: RunId,
    /// Its project.
    pub project: ProjectId,
    /// The sample.
    pub sample: SampleId,
    /// The reference.
    pub reference: ReferenceId,
    /// The workflow's name.
    pub workflow: String,
    /// BLAKE3 of the workflow's text.
    pub workflow_digest: Blake3,
    /// The parameters that were set.
    pub parameters: BTreeMap<String, String>,
    /// Who started it.
    pub actor: String,
    /// How far it is.
    pub state: State,
    /// Its steps in order of their start.
    pub tasks: Vec<Task>,
    /// When it was asked for.
    pub created_at: String,
    /// When its turn came.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// What it took.
    pub resources: Option<Resources>,
    /// The exit code of its job.
    pub exit: Option<i32>,
    /// Why it did not end well.
    pub error: Option<Failure>,
    /// The last lines of what its tools said, redacted; at most 200.
    pub log: Vec<String>,
    /// Its results: kind and object.
    pub results: Vec<(String, ObjectId)>,
}

/// What a run's job took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Seconds from start to end.
    pub wall_seconds: f64,
    /// Processor seconds, all processes together.
    pub cpu_seconds: f64,
    /// The most memory at one moment, bytes.
    pub max_memory_bytes: u64,
}

/// Why a run did not end well, without any sensitive value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The stable code.
    pub code: String,
    /// The message with its causes, redacted.
    pub message: String,
    /// What the person can do next.
    pub hint: Option<String>,
}

impl Failure {
    pub(crate) fn of(error: &Error, redactor: &Redactor) -> Self {
        Self {
            code: error.code().to_owned(),
            message: redactor.redact(&base::fault::chain(error), 600),
            hint: error.hint().map(|hint| redactor.redact(&hint, 600)),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Runs {
    /// One run.
    pub async fn show(&self, permit: &Permit<View, Run>, id: &RunId) -> Result<RunView, Error> {
        permit.covers(id)?;
        let row = run::Entity::find_by_id(id.as_str()).one(self.inner.db.reader()).await?;
        self.view(row.ok_or(Error::NotFound)?).await
    }

    /// The runs of the permit's project, newest first.
    pub async fn list<V: Sees>(&self, permit: &Permit<V, Project>) -> Result<Vec<RunView>, Error> {
        self.list_in(permit.in_project()?).await
    }

    /// Apart from the permit's kind, so that it is compiled once.
    async fn list_in(&self, project: &ProjectId) -> Result<Vec<RunView>, Error> {
        let rows = run::Entity::find()
            .filter(run::Column::Project.eq(project.as_str()))
            .order_by_desc(run::Column::Position)
            .all(self.inner.db.reader())
            .await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.push(self.view(row).await?);
        }
        Ok(views)
    }

    /// Cancels a run and waits until its scratch is gone.
    ///
    /// # Errors
    /// [`Error::Ended`] for one that ended otherwise, before or meanwhile: it is left as it is.
    pub async fn cancel(&self, permit: &Permit<Manage, Run>, id: &RunId) -> Result<State, Error> {
        permit.covers(id)?;
        let found = self.live().get(id).cloned();
        if let Some(mut live) = found {
            live.cancel.cancel();
            // An error means that the run's thread is gone: what it stored is the answer.
            let _ = live.progress.wait_for(|progress| progress.state.is_final()).await;
        }
        let row = run::Entity::find_by_id(id.as_str()).one(self.inner.db.reader()).await?;
        match State::parse(&row.ok_or(Error::NotFound)?.state).ok_or(Error::Record)? {
            State::Cancelled => Ok(State::Cancelled),
            other => Err(Error::Ended(other.as_str())),
        }
    }

    /// The progress of a run that has not ended, as it changes.
    pub fn watch(
        &self,
        permit: &Permit<View, Run>,
        id: &RunId,
    ) -> Result<Option<watch::Receiver<Progress>>, Error> {
        permit.covers(id)?;
        Ok(self.live().get(id).map(|live| live.progress.clone()))
    }

    /// Waits until a run has ended.
    pub async fn wait(&self, permit: &Permit<View, Run>, id: &RunId) -> Result<(), Error> {
        if let Some(mut progress) = self.watch(permit, id)? {
            let _ = progress.wait_for(|progress| progress.state.is_final()).await;
        }
        Ok(())
    }

    async fn view(&self, row: run::Model) -> Result<RunView, Error> {
        let bad = |_| Error::Record;
        let id: RunId = row.id.parse().map_err(|_| Error::Record)?;
        let results = self.inner.catalog.results_of_run(&id).await?;
        let mut view = RunView {
            project: row.project.parse().map_err(|_| Error::Record)?,
            sample: row.sample.parse().map_err(|_| Error::Record)?,
            reference: row.reference.parse().map_err(|_| Error::Record)?,
            workflow: row.workflow,
            workflow_digest: row.source.parse().map_err(|_| Error::Record)?,
            parameters: serde_json::from_str(&row.parameters).map_err(bad)?,
            actor: row.actor,
            state: State::parse(&row.state).ok_or(Error::Record)?,
            tasks: serde_json::from_str(&row.tasks).map_err(bad)?,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            resources: row.resources.as_deref().map(serde_json::from_str).transpose().map_err(bad)?,
            exit: row.exit_code,
            error: row.error.as_deref().map(serde_json::from_str).transpose().map_err(bad)?,
            log: serde_json::from_str(&row.log).map_err(bad)?,
            results: results.into_iter().map(|result| (result.kind, result.object)).collect(),
            id,
        };
        let live = self.live().get(&view.id).map(|live| live.progress.borrow().clone());
        // Its row may say `done` already while what follows the run is still being made.
        if let Some(progress) = live {
            view.state = progress.state;
            view.tasks = progress.tasks;
            view.log = progress.log.into();
        }
        Ok(view)
    }
}
