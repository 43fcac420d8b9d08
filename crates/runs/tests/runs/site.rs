//! A site with tools, a reference, and one invented person's reads.

use access::facts::{PlaceAnswer, SubjectAnswer, UseAnswer};
use access::thing::{self, Object, Project};
use access::verb::{Manage, Run, View, Write as WriteVerb};
use access::{Action, Ask, Caller, Facts, Permit, Unusable};
use archive::Spec;
use base::{Class, ReferenceId, Role, RunId, SampleId, UserId};
use catalog::{Catalog, NewRow};
use db::Db;
use executor::Limits;
use receipt::SitePublic;
use runs::{Recipe, ReferenceRole, RunSpec, RunView, Runs, RunsParts, Settings};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use testkit::{Members, Spine};

pub const RECEIPT_SEED: [u8; 32] = [7; 32];

pub struct Site {
    pub spine: Spine,
    pub runs: Runs,
    pub members: Members,
    pub analyst: Caller,
    pub approver: Caller,
    refusals: Refusals,
}

/// The places of runs, beside those of the spine.
struct RunPlaces(Db, Catalog, Refusals);

/// Why data may not be used, as a test says; nothing at first.
type Refusals = Arc<Mutex<Vec<Unusable>>>;

impl Facts for RunPlaces {
    fn place<'a>(&'a self, id: &'a str) -> PlaceAnswer<'a> {
        Box::pin(async move {
            let Ok(id) = id.parse::<RunId>() else { return Ok(None) };
            match runs::place(&self.0, &id).await? {
                Some(project) => Ok(self.1.place_in(&project).await?),
                None => Ok(None),
            }
        })
    }

    fn subject<'a>(&'a self, _: &'a str) -> SubjectAnswer<'a> {
        Box::pin(async { Ok(None) })
    }

    fn usable<'a>(&'a self, _: access::Using<'a>) -> UseAnswer<'a> {
        let refusals = self.2.lock().unwrap().clone();
        Box::pin(async move { Ok(refusals) })
    }
}

impl Site {
    /// A site without tools.
    pub async fn bare() -> Self {
        let refusals = Refusals::default();
        let told = refusals.clone();
        let facts = |db: &Db, catalog: &Catalog| {
            Some(Arc::new(RunPlaces(db.clone(), catalog.clone(), told)) as Arc<dyn Facts>)
        };
        let spine = Spine::with_facts(&[runs::MIGRATIONS], facts).await;
        let members = spine.project(Class::Clinical).await;
        let analyst = members.with(Role::Analyst).clone();
        let (approver, id) = spine.account("approver").await;
        let permit: Permit<Manage, thing::Site> =
            spine.permit(&spine.admin, Action::ManageAccounts, &spine.site).await;
        let tx = spine.db.begin(permit.decision()).await.unwrap();
        spine
            .access
            .grant_on_site(&permit, &tx, &id, Role::PipelineApprover, &Default::default())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let runs = open(&spine);
        runs.sweep().await.unwrap();
        Self { spine, runs, members, analyst, approver, refusals }
    }

    /// A site with every shipped tool.
    pub async fn with_tools() -> Self {
        let site = Self::bare().await;
        let path = std::env::var_os("PATH").unwrap_or_default();
        for name in Recipe::names().unwrap() {
            let recipe = site.runs.recipe(&name, &path).unwrap();
            site.add_tool(&recipe.name, &recipe.programs).await.unwrap();
        }
        site
    }

    /// A site with tools, the case's reference and its reads.
    pub async fn ready() -> (Self, SampleId, ReferenceId) {
        let site = Self::with_tools().await;
        let reference = site.add_reference(&["reference.fa", "genes.gff3"]).await.unwrap();
        let sample = site.take_in(0).await;
        (site, sample, reference)
    }

    pub async fn add_tool(
        &self,
        name: &str,
        programs: &[(String, PathBuf)],
    ) -> Result<runs::Tool, runs::Error> {
        let permit: Permit<Manage, thing::Site> =
            self.spine.permit(&self.approver, Action::RegisterTool, &self.spine.site).await;
        self.runs.add_tool(&permit, name, programs).await
    }

    pub async fn site_view(&self) -> Permit<View, thing::Site> {
        self.spine.permit(&self.approver, Action::ViewTools, &self.spine.site).await
    }

    /// Registers a reference from files of the case.
    pub async fn add_reference(&self, files: &[&str]) -> Result<ReferenceId, runs::Error> {
        let permit: Permit<Manage, thing::Site> =
            self.spine.permit(&self.approver, Action::RegisterReference, &self.spine.site).await;
        let mut upload = self.runs.begin_reference(&permit, "Invented 1").await?;
        for name in files {
            upload.write_file(ReferenceRole::parse(name)?, File::open(case().join(name)).unwrap())?;
        }
        Ok(upload.finish(permit, |_| ()).await?.id)
    }

    /// Seals the case's reads as intake does. `more` is added to the first lane's count.
    pub async fn take_in(&self, more: u64) -> SampleId {
        let spine = &self.spine;
        let permit: Permit<WriteVerb, Project> =
            spine.permit(&self.analyst, Action::Ingest, &self.members.project).await;
        let lanes = ["L001", "L002"];
        let rows: Vec<NewRow> = (1..).zip(lanes).map(|(row, lane)| new_row(row, lane)).collect();
        let tx = spine.db.begin(permit.decision()).await.unwrap();
        let (package, fresh) = spine.catalog.begin_package(&permit, &tx, "digest", &rows).await.unwrap();
        for subject in &fresh {
            spine.keys.create_subject_key(&permit, &tx, subject).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut counts: BTreeMap<_, u64> = BTreeMap::new();
        for file in &package.files {
            let path = case().join(file.name.reveal());
            let spec = Spec {
                kind: "fastq",
                subject: Some(file.subject.clone()),
                links: vec![file.sample.to_string(), file.readset.to_string()],
            };
            let mut draft = spine.archive.draft(&permit, spec).unwrap();
            draft.write_all(&fs::read(&path).unwrap()).unwrap();
            let mut sealed = [draft.seal().unwrap()];
            let tx = spine.db.begin(permit.decision()).await.unwrap();
            let ids = spine.archive.admit(&permit, &tx, &mut sealed).await.unwrap();
            spine.catalog.file_sealed(&permit, &tx, &package.id, file.number, &ids[0], "{}").await.unwrap();
            tx.commit().await.unwrap();
            *counts.entry(file.readset.clone()).or_default() += reads_in(&path);
        }
        let package = spine.catalog.package(&permit, &package.id).await.unwrap();
        let counts: Vec<_> = counts
            .into_iter()
            .enumerate()
            .map(|(n, (id, c))| (id, c + if n == 0 { more } else { 0 }, 0))
            .collect();
        let tx = spine.db.begin(permit.decision()).await.unwrap();
        spine.catalog.commit_package(&permit, &tx, &package, &counts).await.unwrap();
        tx.commit().await.unwrap();
        package.files[0].sample.clone()
    }

    /// The permit that a start needs.
    pub async fn run_permit(&self, sample: &SampleId) -> Permit<Run, Object> {
        self.may_run(sample).await.unwrap()
    }

    /// The same, or why not.
    pub async fn may_run(&self, sample: &SampleId) -> Result<Permit<Run, Object>, access::Error> {
        let objects = self.spine.catalog.read_objects(sample).await.unwrap();
        let ask = Ask::<Object>::new(Action::StartRun, objects).about([sample.to_string()]);
        self.spine.access.decide(&self.analyst, ask).await
    }

    pub async fn start(&self, sample: &SampleId, reference: &ReferenceId) -> Result<RunId, runs::Error> {
        let permit = self.run_permit(sample).await;
        self.runs.start(&permit, spec(sample, reference)).await
    }

    pub async fn run_view(&self, id: &RunId) -> Permit<View, thing::Run> {
        self.spine.permit(&self.analyst, Action::ViewRun, id).await
    }

    /// The run after it ended.
    pub async fn ended(&self, id: &RunId) -> RunView {
        let permit = self.run_view(id).await;
        self.runs.wait(&permit, id).await.unwrap();
        let permit = self.run_view(id).await;
        self.runs.show(&permit, id).await.unwrap()
    }

    /// Waits until the run's job works on its first task.
    pub async fn under_way(&self, id: &RunId) {
        let permit = self.run_view(id).await;
        let mut progress = self.runs.watch(&permit, id).unwrap().expect("a run that has not ended");
        let working =
            |p: &runs::Progress| p.state.is_final() || p.tasks.iter().any(|task| task.name != "inputs");
        progress.wait_for(working).await.unwrap();
    }

    /// What an auditor checks its receipts with.
    pub fn public(&self) -> SitePublic {
        let key = ledger::SigningKey::from_seed(&RECEIPT_SEED).unwrap();
        SitePublic {
            site: self.spine.site.clone(),
            ledger: self.spine.audit.ledger().verifier().clone(),
            receipts: key.verifier("test.example/receipts").unwrap(),
        }
    }

    /// From now on the people whose data it is forbid all use.
    pub fn withdraw(&self) {
        let why = Unusable { rule: "consent-withdrawn", why: "the person forbids all use".into() };
        self.refusals.lock().unwrap().push(why);
    }

    /// Takes the analyst out of the project.
    pub async fn revoke_analyst(&self) {
        let id: UserId = self.analyst.user().unwrap().clone();
        let ask = Ask::<Project>::new(Action::AdministerProject, [self.members.project.clone()]).target(&id);
        let manager = self.members.with(Role::ProjectAdministrator);
        let permit: Permit<Manage, Project> = self.spine.access.decide(manager, ask).await.unwrap();
        let tx = self.spine.db.begin(permit.decision()).await.unwrap();
        assert_eq!(self.spine.access.remove_member(&permit, &tx, &id).await.unwrap(), 1);
        tx.commit().await.unwrap();
    }

    /// What stands in the archive's folder.
    pub fn bodies(&self) -> usize {
        let files = files_below(&self.spine.folder.path().join("objects"));
        // Beside them there is the site's mark.
        files.iter().filter(|file| !file.ends_with("site.mark")).count()
    }

    /// Asserts that no scratch is left, neither on disk nor in memory.
    pub fn no_scratch(&self) {
        let settings = executor::Settings::for_site(self.spine.folder.path());
        assert_eq!(files_below(&settings.disk), Vec::<PathBuf>::new());
        let left: Vec<_> = fs::read_dir(&settings.memory)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("mount-") || name.starts_with("config-"))
            .collect();
        assert_eq!(left, Vec::<String>::new());
    }
}

/// The room of a spine, with short leases and small limits.
pub fn open(spine: &Spine) -> Runs {
    let settings = Settings {
        limits: Limits {
            wall: Duration::from_secs(600),
            cpu_seconds: 1200,
            memory_bytes: 3 << 30,
            output_bytes: 4 << 30,
            ..Settings::default().limits
        },
        cpus: 2,
        at_once: 1,
        renew_every: Duration::from_millis(300),
        own_mounts: false,
    };
    Runs::new(RunsParts {
        db: spine.db.clone(),
        audit: spine.audit.clone(),
        access: spine.access.clone(),
        archive: spine.archive.clone(),
        catalog: spine.catalog.clone(),
        clock: spine.clock.clone(),
        entropy: spine.entropy.clone(),
        site: spine.site.clone(),
        receipt_key: ledger::SigningKey::from_seed(&RECEIPT_SEED).unwrap(),
        folder: spine.folder.path().to_owned(),
        helper: helper().to_owned(),
        settings,
    })
}

pub fn spec(sample: &SampleId, reference: &ReferenceId) -> RunSpec {
    RunSpec {
        workflow: "germline".into(),
        sample: sample.clone(),
        reference: reference.clone(),
        parameters: BTreeMap::new(),
    }
}

/// The invented case, made once: 12 reads over each base, two lanes.
pub fn case() -> &'static Path {
    static CASE: OnceLock<tempfile::TempDir> = OnceLock::new();
    CASE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let plan = demodata::Plan { coverage: 12, lanes: 2, ..demodata::Plan::default() };
        demodata::write(folder.path(), 11, &plan).unwrap();
        folder
    })
    .path()
}

/// The workflow helper of this build, built when it is absent.
pub fn helper() -> &'static Path {
    static HELPER: OnceLock<PathBuf> = OnceLock::new();
    HELPER.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let path = test.parent().unwrap().parent().unwrap().join("sequestra-wdl");
        if !path.is_file() {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let built = Command::new(cargo).args(["build", "-p", "sequestra-wdl"]).status().unwrap();
            assert!(built.success() && path.is_file(), "these tests need `cargo build -p sequestra-wdl`");
        }
        path
    })
}

fn new_row(row: usize, lane: &str) -> NewRow {
    let name = |mate: u8| (format!("reads_{lane}_R{mate}.fastq.gz").into(), "00".to_owned());
    NewRow {
        row,
        subject: "CASE-0100".to_owned().into(),
        sample: "CASE-0100-B".to_owned().into(),
        lane: lane.to_owned(),
        files: [name(1), name(2)],
        sex: Some("XX".into()),
        status: Some("0".into()),
        specimen_type: Some("blood".into()),
    }
}

fn reads_in(path: &Path) -> u64 {
    let lines = BufReader::new(flate2::read::MultiGzDecoder::new(File::open(path).unwrap())).lines();
    lines.inspect(|line| assert!(line.is_ok())).count() as u64 / 4
}

/// A stretch of the first read: what must be found nowhere in clear.
pub fn a_read() -> String {
    let file = File::open(case().join("reads_L001_R1.fastq.gz")).unwrap();
    let mut lines = BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines();
    lines.nth(1).unwrap().unwrap()[20..60].to_owned()
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

pub fn holds(path: &Path, text: &str) -> bool {
    let bytes = fs::read(path).unwrap_or_default();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
