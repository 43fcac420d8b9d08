//! The room's parts, and what it does when a site opens and closes.

use crate::progress::{Progress, State, redactor};
use crate::table::run;
use crate::{AfterRun, Error, Receipts};
use access::Access;
use archive::Archive;
use audit::Audit;
use base::{Clock, Entropy, ProjectId, RunId, SiteId};
use catalog::{Catalog, Sample};
use db::Db;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use executor::{CancelToken, Executor, Limits};
use screen::Redactor;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// Tools, references, runs and receipts of a site. Cheap to clone.
#[derive(Clone)]
pub struct Runs {
    pub(crate) inner: Arc<Inner>,
}

/// What [`Runs::new`] needs.
pub struct RunsParts {
    /// The metadata database, with [`crate::MIGRATIONS`].
    pub db: Db,
    /// The trail.
    pub audit: Audit,
    /// The door.
    pub access: Access,
    /// The archive.
    pub archive: Archive,
    /// The catalog.
    pub catalog: Catalog,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The site.
    pub site: SiteId,
    /// Signs receipts.
    pub receipt_key: ledger::SigningKey,
    /// The site's folder: `tools/` and `scratch/` in it are this room's.
    pub folder: PathBuf,
    /// The executable of the workflow helper, `sequestra-wdl`.
    pub helper: PathBuf,
    /// How much of the machine runs may use.
    pub settings: Settings,
}

/// How much of the machine runs may use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Limits of one job.
    pub limits: Limits,
    /// Processors of one job.
    pub cpus: u32,
    /// Runs at one time; the others wait.
    pub at_once: usize,
    /// How long a run works under one decision before the next. Below 60 s.
    pub renew_every: Duration,
    /// Whether the process has mounts of its own; see [`executor::Settings::own_mounts`].
    pub own_mounts: bool,
}

impl Default for Settings {
    /// Half a day, 8 GiB, 512 processes and 512 GiB of scratch for one run at a time on all
    /// processors, decided anew every 20 s.
    fn default() -> Self {
        let cpus =
            std::thread::available_parallelism().map_or(2, |n| u32::try_from(n.get()).unwrap_or(2)).max(2);
        let wall = Duration::from_secs(12 * 3600);
        Self {
            limits: Limits {
                wall,
                cpu_seconds: wall.as_secs().saturating_mul(u64::from(cpus)),
                memory_bytes: 8 << 30,
                pids: 512,
                output_bytes: 512 << 30,
                ..Limits::default()
            },
            cpus,
            at_once: 1,
            renew_every: Duration::from_secs(20),
            own_mounts: false,
        }
    }
}

pub(crate) struct Inner {
    pub db: Db,
    pub audit: Audit,
    pub access: Access,
    pub archive: Archive,
    pub catalog: Catalog,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub receipts: Receipts,
    pub folder: PathBuf,
    pub helper: PathBuf,
    pub settings: Settings,
    pub after: OnceLock<Arc<dyn AfterRun>>,
    pub slots: Semaphore,
    executor: Mutex<Option<Arc<Executor>>>,
    live: Mutex<BTreeMap<RunId, Live>>,
}

/// A run that has not ended.
#[derive(Clone)]
pub(crate) struct Live {
    pub cancel: CancelToken,
    /// Set when the site stops, so that the run ends as interrupted and not as cancelled.
    pub closing: CancelToken,
    pub progress: watch::Receiver<Progress>,
}

impl Runs {
    /// What makes lines of a run fit to show: it knows the site's folder, and the label of the run's sample.
    pub(crate) fn redactor(&self, sample: Option<&Sample>) -> Redactor {
        redactor(&self.inner.folder, sample.map(|sample| sample.label.reveal().as_str()))
    }

    /// The room. Nothing is touched until [`Runs::sweep`] or the first verb.
    pub fn new(parts: RunsParts) -> Self {
        let receipts = Receipts::new(
            parts.db.clone(),
            parts.audit.clone(),
            parts.clock.clone(),
            parts.site.clone(),
            parts.receipt_key,
        );
        let inner = Inner {
            db: parts.db,
            audit: parts.audit,
            access: parts.access,
            archive: parts.archive,
            catalog: parts.catalog,
            clock: parts.clock,
            entropy: parts.entropy,
            receipts,
            folder: parts.folder,
            helper: parts.helper,
            after: OnceLock::new(),
            slots: Semaphore::new(parts.settings.at_once.max(1)),
            settings: parts.settings,
            executor: Mutex::default(),
            live: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Part of opening a site, before the first verb: clears what a crash left in the scratch and
    /// marks the runs that it cut off, and forgets what headers said of results that an older copy of the database brought
    /// back. Gives how many runs there were of those.
    pub async fn sweep(&self) -> Result<u64, Error> {
        let settings = executor::Settings::for_site(&self.inner.folder);
        tokio::task::spawn_blocking(move || {
            executor::scratch::sweep(&settings.memory)?;
            executor::scratch::sweep(&settings.disk)
        })
        .await
        .map_err(|_| Error::Defect)??;
        let error = crate::show::Failure::of(&Error::Interrupted, &self.redactor(None));
        let tx = self.inner.db.begin_without_decision().await?;
        let changed = run::Entity::update_many()
            .col_expr(run::Column::State, Expr::value(State::Interrupted.as_str()))
            .col_expr(run::Column::Error, Expr::value(error.to_json()))
            .col_expr(run::Column::FinishedAt, Expr::value(self.inner.clock.now().to_string()))
            .filter(run::Column::State.is_in([State::Queued.as_str(), State::Running.as_str()]))
            .exec(&*tx)
            .await?;
        tx.commit().await?;
        self.forget_unreadable_headers(None).await?;
        Ok(changed.rows_affected)
    }

    /// Stops every run and waits until the last one has destroyed its scratch. Part of closing a
    /// site; the runs end as interrupted.
    pub async fn stop_all(&self) {
        let live: Vec<Live> = self.live().values().cloned().collect();
        for run in &live {
            run.closing.cancel();
            run.cancel.cancel();
        }
        for mut run in live {
            // An error means that the run's thread is gone, which is what is waited for.
            let _ = run.progress.wait_for(|progress| progress.state.is_final()).await;
        }
    }

    /// Whether a run is under way or waits for its turn.
    pub fn is_busy(&self) -> bool {
        !self.live().is_empty()
    }

    /// The one executor of the site, opened at its first use: two would sweep one another's
    /// scratch. Blocks.
    pub fn executor(&self) -> Result<Arc<Executor>, Error> {
        let mut slot = self.inner.executor.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(executor) = &*slot {
            return Ok(executor.clone());
        }
        let settings = executor::Settings {
            own_mounts: self.inner.settings.own_mounts,
            ..executor::Settings::for_site(&self.inner.folder)
        };
        let opened = Arc::new(Executor::open(settings, self.inner.entropy.clone())?);
        *slot = Some(opened.clone());
        Ok(opened)
    }

    /// Signed receipts, for what other rooms make: intake and reports.
    pub fn receipts(&self) -> &Receipts {
        &self.inner.receipts
    }

    /// The project of a run, for decisions.
    pub async fn place(&self, id: &RunId) -> Result<Option<ProjectId>, Error> {
        place(&self.inner.db, id).await
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, BTreeMap<RunId, Live>> {
        self.inner.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tool_store(&self) -> PathBuf {
        self.inner.folder.join("tools")
    }
}

/// The project of a run, for decisions that are wired before the room is.
pub async fn place(db: &Db, id: &RunId) -> Result<Option<ProjectId>, Error> {
    use base::Id;
    let row = run::Entity::find_by_id(id.as_str()).one(db.reader()).await?;
    row.map(|row| row.project.parse().map_err(|_| Error::Record)).transpose()
}
