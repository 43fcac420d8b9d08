//! A run from its decision to its receipt, on a thread of its own.

mod admit;
mod files;

use crate::lease::{Lease, lost};
use crate::progress::{Progress, State};
use crate::sealed::{self, Order};
use crate::site::Live;
use crate::table::run;
use crate::{Error, Failure, Resources, Runs, Tool, Workflow};
use access::thing::Object;
use access::verb::Run;
use access::{Action, Ask, Caller, Ended};
use base::{Fault, ProjectId, RunId, Timestamp};
use catalog::{Reference, Sample};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::EntityTrait;
use executor::{Finished, ScratchKind};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{SemaphorePermit, watch};

/// How often a waiting run looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(100);

type RunLease = Lease<Run, Object>;

/// A run with all that it needs.
pub(crate) struct Work {
    pub runs: Runs,
    pub id: RunId,
    /// Where it runs: another project than the sample's, where that lends it.
    pub project: ProjectId,
    pub sample: Sample,
    pub reference: Reference,
    pub workflow: Workflow,
    pub tools: Vec<Tool>,
    pub parameters: BTreeMap<String, String>,
    pub inputs: BTreeMap<&'static str, Json>,
    pub caller: Caller,
    pub live: Live,
    pub progress: watch::Sender<Progress>,
    pub handle: Handle,
    /// The position of the decision that asked for it.
    pub asked: u64,
}

/// What is known of a run's end, whatever the end is.
#[derive(Default)]
struct Account {
    /// The newest decision that it worked under.
    decision: u64,
    /// Whether its job was recorded as started.
    started: bool,
    finished: Option<Finished>,
    made: Vec<String>,
}

impl Work {
    /// Does the work and records its end. The last thing it does is to publish the final state, so
    /// whoever waits for that finds everything in its place.
    pub fn go(self) {
        let mut account = Account { decision: self.asked, ..Account::default() };
        let begun = self.runs.inner.clock.now();
        let perform = || {
            self.perform(&mut account)?;
            self.step("lake and report", || self.after())
        };
        let done = catch_unwind(AssertUnwindSafe(perform)).unwrap_or(Err(Error::Defect));
        let state = match &done {
            Ok(()) => State::Done,
            Err(Error::Cancelled) => State::Cancelled,
            Err(Error::Interrupted) => State::Interrupted,
            Err(Error::Revoked | Error::Unusable(_)) => State::Stopped,
            Err(_) => State::Failed,
        };
        if let Err(error) = &done {
            self.progress.send_modify(|progress| progress.end_all("cancelled"));
            // A failure that cannot be stored is found by the next sweep, as interrupted.
            // State and receipt go together, or the state alone where no receipt can be issued.
            let certified = match error {
                Error::Unusable(_) => self.handle.block_on(self.certify_stop(error, begun, &account)).is_ok(),
                _ => false,
            };
            if !certified {
                let _ = self.handle.block_on(self.store_failure(state, error, &account));
            }
        }
        let code = done.as_ref().err().map(Fault::code);
        let ended = Ended { code, released: None, made: &account.made };
        // An outcome that cannot be recorded is closed as unknown at the next start.
        let _ = self.handle.block_on(self.runs.inner.access.close(&self.caller, ended));
        self.runs.live().remove(&self.id);
        self.progress.send_modify(|progress| progress.state = state);
    }

    fn perform(&self, account: &mut Account) -> Result<(), Error> {
        let _turn = self.wait_for_turn()?;
        let inner = &self.runs.inner;
        let started = inner.clock.now();
        let ask = self.ask();
        let permit = self.handle.block_on(inner.access.decide(&self.caller, ask)).map_err(lost)?;
        account.decision = permit.decision();
        let every = inner.settings.renew_every;
        let lease = Lease::hold(&self.handle, inner.access.clone(), Action::StartRun, permit, every);
        let done = self.under(&lease, started, account);
        self.handle.block_on(lease.end());
        account.decision = lease.permit().decision();
        done
    }

    /// What follows: the run's results are stored, and it is shown as running until this is done.
    fn after(&self) -> Result<(), Error> {
        let Some(after) = self.runs.inner.after.get() else { return Ok(()) };
        let results = self.handle.block_on(self.runs.inner.catalog.results_of_run(&self.id))?;
        let ended = crate::after::Ended {
            run: self.id.clone(),
            sample: self.sample.id.clone(),
            reference: self.reference.id.clone(),
            caller: self.caller.clone(),
            results: results.into_iter().map(|result| (result.kind, result.object)).collect(),
        };
        self.handle.block_on(after.after(&ended)).map_err(|failure| Error::After(Box::new(failure)))
    }

    /// Everything that happens under the lease: a job, then its results.
    ///
    /// 1. Inputs, job and outputs in the scratch; outputs sealed as drafts that nobody sees.
    ///    Crash here: drafts and ciphertext without a key, cleared at the next start.
    /// 2. The scratch is destroyed, and the record says so.
    /// 3. One transaction makes results, lineage, receipt and state visible, or nothing.
    fn under(&self, lease: &RunLease, started: Timestamp, account: &mut Account) -> Result<(), Error> {
        self.handle.block_on(self.store_start(lease.permit().decision(), started))?;
        let root = sealed::root(&self.runs, &self.tools)?;
        let scratch = self.runs.executor()?.scratch(ScratchKind::Auto, self.expected_bytes(lease)?)?;
        let produced = self.within(&scratch, &root, lease, account);
        let destroyed = scratch.destroy();
        if account.started {
            let exit = account.finished.as_ref().and_then(|finished| finished.exit);
            let ended = (produced.is_ok(), exit, destroyed.is_ok());
            let permit = lease.permit();
            self.handle.block_on(sealed::record_end(&self.runs, &permit, self.about(), ended))?;
        }
        let produced = produced?;
        destroyed?;
        self.handle.block_on(lease.end());
        self.go_on(lease)?;
        // INVARIANT (kept-by-a-new-decision): the last look may be a whole renewal old, and what is admitted stays.
        let newest = lease.permit();
        let renewed = self.runs.inner.access.renew(&newest, Action::StartRun);
        let permit = self.handle.block_on(renewed).map_err(lost)?;
        account.decision = permit.decision();
        account.made = self.handle.block_on(self.admit(&permit, produced, started, account))?;
        Ok(())
    }

    fn within(
        &self,
        scratch: &executor::Scratch,
        root: &executor::Root,
        lease: &RunLease,
        account: &mut Account,
    ) -> Result<files::Produced, Error> {
        let inputs = self.step("inputs", || self.decrypt_inputs(scratch, lease))?;
        let about = self.about().into_iter().chain(self.opened()).collect();
        self.handle.block_on(sealed::record_start(&self.runs, &lease.permit(), about, &self.tools))?;
        account.started = true;
        let finished = self.run_job(scratch, root, inputs, lease)?;
        account.finished = Some(finished.clone());
        let (task, log) = {
            let progress = self.progress.borrow();
            let failed = progress.tasks.iter().find(|task| task.state == "failed");
            (failed.map(|task| task.name.clone()), progress.log.clone())
        };
        sealed::judge(&finished, task, &log, || self.go_on(lease).err().unwrap_or(Error::Revoked))?;
        self.step("outputs", || self.seal_outputs(scratch, lease))
    }

    fn run_job(
        &self,
        scratch: &executor::Scratch,
        root: &executor::Root,
        inputs: Map<String, Json>,
        lease: &RunLease,
    ) -> Result<Finished, Error> {
        let redactor = self.runs.redactor(Some(&self.sample));
        let on_line = |stream, line: &str| {
            let before = self.progress.borrow().tasks.clone();
            self.progress.send_modify(|progress| progress.take(stream, line, &redactor));
            if self.progress.borrow().tasks != before {
                // Only for what a crash leaves to be read; the end of the run stores it all.
                let _ = self.handle.block_on(self.store_tasks(lease.permit().decision()));
            }
        };
        let order = Order {
            workflow: self.workflow,
            root,
            scratch,
            inputs,
            cancel: self.live.cancel.clone(),
            holds: Box::new(|| lease.holds()),
            on_line: Box::new(on_line),
        };
        sealed::run(&self.runs, order)
    }

    /// Fails when the run was cancelled, the site is closing, or the right was lost.
    fn go_on(&self, lease: &RunLease) -> Result<(), Error> {
        self.not_cancelled()?;
        lease.check()
    }

    fn not_cancelled(&self) -> Result<(), Error> {
        if self.live.closing.is_cancelled() {
            return Err(Error::Interrupted);
        }
        if self.live.cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// The question whether the run may go on.
    fn ask(&self) -> Ask<Object> {
        let things = self.sample.readsets.iter().flat_map(|readset| readset.objects.iter().cloned());
        Ask::new(Action::StartRun, things).about(self.about()).in_workspace(Some(self.project.clone()))
    }

    /// Waits. What its people say meanwhile is looked at as often as a permit would be renewed; only a look that finds
    /// something becomes a decision, so that a long queue does not fill the record.
    fn wait_for_turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        let inner = &self.runs.inner;
        let mut looked = inner.clock.monotonic();
        loop {
            self.not_cancelled()?;
            if inner.clock.monotonic().saturating_sub(looked) >= inner.settings.renew_every {
                looked = inner.clock.monotonic();
                let ask = self.ask();
                // What cannot be looked at now is looked at again; the decision before the job asks in any case.
                if matches!(self.handle.block_on(inner.access.is_usable(&self.caller, &ask)), Ok(false)) {
                    let _ = self
                        .handle
                        .block_on(inner.access.decide::<Run, _>(&self.caller, ask))
                        .map_err(lost)?;
                }
            }
            match self.runs.inner.slots.try_acquire() {
                Ok(turn) => return Ok(turn),
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    }

    /// A step of our own around the job, shown among its tasks.
    fn step<T>(&self, name: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.progress.send_modify(|progress| progress.begin(name));
        let begun = self.runs.inner.clock.monotonic();
        let done = work();
        let seconds = self.runs.inner.clock.monotonic().saturating_sub(begun).as_secs_f64();
        let state = if done.is_ok() { "done" } else { "failed" };
        self.progress.send_modify(|progress| progress.end(name, state, Some(seconds)));
        done
    }

    /// The things that records of this run stand with.
    fn about(&self) -> Vec<String> {
        vec![self.id.to_string(), self.sample.id.to_string(), self.reference.id.to_string()]
    }

    /// The objects that are opened for it.
    fn opened(&self) -> impl Iterator<Item = String> + '_ {
        let reads = self.sample.readsets.iter().flat_map(|readset| &readset.objects);
        reads.chain(self.reference_files().map(|(_, _, object)| object)).map(ToString::to_string)
    }

    async fn store_start(&self, decision: u64, started: Timestamp) -> Result<(), Error> {
        self.progress.send_modify(|progress| progress.state = State::Running);
        let mut row = self.row();
        row.state = Set(State::Running.as_str().to_owned());
        row.started_at = Set(Some(started.to_string()));
        self.update(decision, row).await
    }

    async fn store_tasks(&self, decision: u64) -> Result<(), Error> {
        let mut row = self.row();
        row.tasks = Set(self.tasks_json());
        self.update(decision, row).await
    }

    async fn store_failure(&self, state: State, error: &Error, account: &Account) -> Result<(), Error> {
        let mut row = self.ended_row(state, account);
        row.error = Set(Some(Failure::of(error, &self.runs.redactor(Some(&self.sample))).to_json()));
        self.update(account.decision, row).await
    }

    async fn update(&self, decision: u64, row: run::ActiveModel) -> Result<(), Error> {
        let tx = self.runs.inner.db.begin(decision).await?;
        run::Entity::update(row).exec(&*tx).await?;
        Ok(tx.commit().await?)
    }

    fn ended_row(&self, state: State, account: &Account) -> run::ActiveModel {
        let mut row = self.row();
        row.state = Set(state.as_str().to_owned());
        row.tasks = Set(self.tasks_json());
        row.log = Set(serde_json::to_string(&self.progress.borrow().log).unwrap_or_default());
        row.finished_at = Set(Some(self.runs.inner.clock.now().to_string()));
        if let Some(finished) = &account.finished {
            let resources = Resources {
                wall_seconds: finished.wall.as_secs_f64(),
                cpu_seconds: finished.cpu.as_secs_f64(),
                max_memory_bytes: finished.max_rss,
            };
            row.resources = Set(serde_json::to_string(&resources).ok());
            row.exit_code = Set(finished.exit);
        }
        row
    }

    fn row(&self) -> run::ActiveModel {
        run::ActiveModel { id: Set(self.id.to_string()), ..Default::default() }
    }

    fn tasks_json(&self) -> String {
        serde_json::to_string(&self.progress.borrow().tasks).unwrap_or_default()
    }
}
