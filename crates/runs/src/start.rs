//! The verb `start`: everything that can be refused is refused before a run exists.

use crate::progress::{Progress, State};
use crate::site::Live;
use crate::table::run;
use crate::work::Work;
use crate::workflow::{GERMLINE_REFERENCE, Workflow, parameters};
use crate::{Error, Runs};
use access::Permit;
use access::thing::Object;
use access::verb::Run;
use base::{Id, ReferenceId, RunId, SampleId};
use catalog::Sample;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::EntityTrait;
use executor::CancelToken;
use std::collections::BTreeMap;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// What to run on what.
#[derive(Debug, Clone)]
pub struct RunSpec {
    /// The workflow: `germline`.
    pub workflow: String,
    /// The sample.
    pub sample: SampleId,
    /// The reference.
    pub reference: ReferenceId,
    /// Parameters by name; those left out have the workflow's own defaults.
    pub parameters: BTreeMap<String, String>,
}

impl Runs {
    /// Starts a run in the permit's project and returns at once. `permit` covers every read object of the sample
    /// ([`catalog::Catalog::read_objects`]) under [`access::Action::StartRun`].
    ///
    /// The run goes on by a decision of its own, made anew while it works; the site's references
    /// hold nobody's data and are opened under it, named in the record of the job's start.
    ///
    /// Errors: an unknown workflow or parameter, a reference without its indexes, a tool that is
    /// not registered or that changed. Then there is no run.
    pub async fn start(&self, permit: &Permit<Run, Object>, spec: RunSpec) -> Result<RunId, Error> {
        let project = permit.in_project()?.clone();
        let workflow = Workflow::named(&spec.workflow)?;
        let mut inputs = parameters(&spec.parameters, self.inner.settings.cpus.max(2))?;
        let sample = self.inner.catalog.sample(permit, &spec.sample).await?;
        for object in sample.readsets.iter().flat_map(|readset| &readset.objects) {
            permit.covers(object)?;
        }
        let reference = self.inner.catalog.reference(&spec.reference).await?;
        if let Some((role, _)) = GERMLINE_REFERENCE.iter().find(|(role, _)| reference.file(role).is_none()) {
            return Err(Error::ReferenceRole((*role).to_owned()));
        }
        let tools = self.tools_named(&workflow.tools()?).await?;
        inputs.entry("sex").or_insert_with(|| sex_of(&sample).into());

        let id = RunId::mint(&*self.inner.entropy);
        let row = run::ActiveModel {
            id: Set(id.to_string()),
            project: Set(project.to_string()),
            sample: Set(sample.id.to_string()),
            reference: Set(reference.id.to_string()),
            workflow: Set(workflow.name.to_owned()),
            source: Set(workflow.digest().to_string()),
            parameters: Set(serde_json::to_string(&spec.parameters).map_err(|_| Error::Record)?),
            actor: Set(permit.actor().to_string()),
            state: Set(State::Queued.as_str().to_owned()),
            tasks: Set("[]".to_owned()),
            resources: Set(None),
            exit_code: Set(None),
            error: Set(None),
            log: Set("[]".to_owned()),
            position: Set(i64::try_from(permit.decision()).map_err(|_| Error::Record)?),
            created_at: Set(self.inner.clock.now().to_string()),
            started_at: Set(None),
            finished_at: Set(None),
        };
        let tx = self.inner.db.begin(permit.decision()).await?;
        run::Entity::insert(row).exec_without_returning(&*tx).await?;
        permit.live()?;
        tx.commit().await?;

        let (sender, receiver) = watch::channel(Progress::queued());
        let live = Live { cancel: CancelToken::new(), closing: CancelToken::new(), progress: receiver };
        self.live().insert(id.clone(), live.clone());
        let work = Work {
            runs: self.clone(),
            id: id.clone(),
            project,
            sample,
            reference,
            workflow,
            tools,
            parameters: spec.parameters,
            inputs,
            caller: permit.caller().detached(),
            live,
            progress: sender,
            handle: Handle::current(),
            asked: permit.decision(),
        };
        let named = std::thread::Builder::new().name(id.to_string());
        if let Err(error) = named.spawn(move || work.go()) {
            self.live().remove(&id);
            return Err(error.into());
        }
        Ok(id)
    }
}

/// The word of the workflow for the sample's stated sex. Unstated, it changes nothing: the default
/// ploidy is 2 everywhere.
fn sex_of(sample: &Sample) -> &'static str {
    match sample.sex.as_deref() {
        Some("XY" | "xy" | "M" | "m" | "male") => "M",
        _ => "F",
    }
}
