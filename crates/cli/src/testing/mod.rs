//! A site of the tests' own: a host, and a process that answers as told.

mod failures;
mod help;
mod ledger;
mod opening;
mod printing;
mod transfer;

use crate::{Console, DemoArgs, DemoDataArgs, Diagnosis, Host, InitArgs, NewSite, Passphrase, run_on};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use base::{Id, SiteId, SystemEntropy};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use tokio::net::UnixListener;
use tokio::runtime::Runtime;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub line: String,
    pub authorization: Option<String>,
    pub length: Option<String>,
    pub body: Vec<u8>,
}

impl Seen {
    fn head(request: &Request) -> Self {
        let text = |name: &str| Some(request.headers().get(name)?.to_str().unwrap().to_owned());
        Self {
            line: format!("{} {}", request.method(), request.uri().path()),
            authorization: text("authorization"),
            length: text("content-length"),
            body: Vec::new(),
        }
    }
}

/// What the process answers.
pub enum Reply {
    Json(u16, serde_json::Value),
    Bytes(Vec<u8>),
    /// Half an answer, then the end of the connection.
    Cut(Vec<u8>),
}

type Answerer = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A site's folder and, once opened, its process.
pub struct Site {
    pub temp: tempfile::TempDir,
    pub folder: PathBuf,
    pub id: SiteId,
    seen: Arc<Mutex<Vec<Seen>>>,
    answerer: Answerer,
    /// Whether a request that is going to be refused is answered before its body was read.
    pub hasty: bool,
    process: Mutex<Option<Runtime>>,
    started_with: Mutex<Vec<String>>,
    environment: Mutex<Vec<(String, OsString)>>,
    /// What opens it.
    pub unsealing: Mutex<crate::host::Unsealing>,
}

/// What a command came to.
#[derive(Debug)]
pub struct Came {
    pub code: u8,
    pub out: String,
    pub err: String,
}

impl Site {
    /// A site whose process is not running.
    pub fn locked(answerer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::locked_in("site", answerer)
    }

    /// As [`Site::locked`], in a folder of this name.
    pub fn locked_in(name: &str, answerer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().canonicalize().unwrap().join(name);
        std::fs::create_dir_all(folder.join("run")).unwrap();
        std::fs::write(folder.join("site.toml"), "").unwrap();
        Self {
            temp,
            folder,
            id: SiteId::mint(&SystemEntropy),
            seen: Arc::default(),
            answerer: Arc::new(answerer),
            hasty: false,
            process: Mutex::default(),
            started_with: Mutex::default(),
            environment: Mutex::default(),
            unsealing: Mutex::new(crate::host::Unsealing::Passphrase),
        }
    }

    /// A site whose process runs, and a session for it.
    pub fn open(answerer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let site = Self::locked(answerer);
        site.serve();
        site.sign_in();
        site
    }

    pub fn set(&self, name: &str, value: impl Into<OsString>) {
        self.environment.lock().unwrap().push((name.to_owned(), value.into()));
    }

    pub fn session(&self) -> PathBuf {
        self.temp.path().join("session")
    }

    pub fn sign_in(&self) {
        let kept = serde_json::json!({"site": self.id, "folder": self.folder, "token": "ses_secret"});
        base::durable::replace(&self.session(), kept.to_string().as_bytes()).unwrap();
    }

    pub fn serve(&self) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (seen, answerer, hasty) = (self.seen.clone(), self.answerer.clone(), self.hasty);
        let health = serde_json::json!({"site": self.id, "version": "0", "pid": 1, "recording": true});
        let handler = move |request: Request| {
            let (seen, answerer, health) = (seen.clone(), answerer.clone(), health.clone());
            async move { answer(request, &seen, &answerer, health, hasty).await }
        };
        let (run, app) = (self.folder.join("run"), axum::Router::new().fallback(handler));
        let _ = std::fs::remove_file(run.join("site.sock"));
        // Bound by a short name, which the kernel takes however deep the site lies.
        let handle = std::fs::File::open(&run).unwrap();
        let short = format!("/proc/self/fd/{}/site.sock", std::os::fd::AsRawFd::as_raw_fd(&handle));
        let listener = runtime.block_on(async { UnixListener::bind(short).unwrap() });
        runtime.spawn(async move { axum::serve(listener, app).await });
        *self.process.lock().unwrap() = Some(runtime);
    }

    /// Runs a command line, split at spaces, on this site.
    pub fn run(&self, line: &str) -> Came {
        let site = self.folder.display().to_string();
        let session = self.session().display().to_string();
        let mut args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        args.insert(0, "sequestra".to_owned());
        args.extend(["--site".to_owned(), site, "--session".to_owned(), session]);
        run(&args, self)
    }

    /// The requests other than for health.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    pub fn started_with(&self) -> Vec<String> {
        self.started_with.lock().unwrap().clone()
    }

    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.temp.path().join(name);
        let _ = std::fs::remove_file(&path);
        base::durable::create_once(&path, bytes.as_ref()).unwrap();
        path
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(runtime) = self.process.lock().unwrap().take() {
            runtime.shutdown_background();
        }
    }
}

async fn answer(
    request: Request,
    seen: &Mutex<Vec<Seen>>,
    answerer: &Answerer,
    health: serde_json::Value,
    hasty: bool,
) -> Response<Body> {
    let mut one = Seen::head(&request);
    if one.line == "GET /v1/health" {
        return Response::new(Body::from(health.to_string()));
    }
    if !hasty {
        one.body = to_bytes(request.into_body(), usize::MAX).await.unwrap_or_default().to_vec();
    }
    seen.lock().unwrap().push(one.clone());
    match answerer(&one) {
        Reply::Json(status, value) => {
            let mut response = Response::new(Body::from(value.to_string()));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        }
        Reply::Bytes(bytes) => Response::new(Body::from(bytes)),
        Reply::Cut(bytes) => {
            let pieces = [Ok(Bytes::from(bytes)), Err(io::Error::other("cut"))];
            Response::new(Body::from_stream(futures_util::stream::iter(pieces)))
        }
    }
}

/// Runs a command on a console that is kept.
pub fn run(args: &[String], host: &dyn Host) -> Came {
    let (out, err) = (Kept::default(), Kept::default());
    let mut console = Console::to(Box::new(out.clone()), Box::new(err.clone()));
    let code = run_on(args.iter().map(OsString::from), host, &mut console);
    Came { code, out: out.text(), err: err.text() }
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Host for Site {
    fn init(&self, args: &InitArgs, passphrase: Option<&Passphrase>) -> anyhow::Result<NewSite> {
        let text = passphrase.map(Passphrase::reveal).unwrap_or_default();
        self.started_with.lock().unwrap().push(text.to_owned());
        Ok(NewSite {
            site: self.id.clone(),
            folder: args.site.clone(),
            ledger: args.name.clone().unwrap_or_default(),
            administrator: "admin".to_owned(),
            token: "once_first".to_owned(),
            shares: (0..args.split.map_or(0, |split| split.1)).map(|n| format!("share1.{n}")).collect(),
        })
    }

    fn start_site(&self, site: &Path, passphrase: &Passphrase) -> anyhow::Result<()> {
        assert_eq!(site, self.folder);
        self.started_with.lock().unwrap().push(passphrase.reveal().to_owned());
        anyhow::ensure!(passphrase.reveal() != "wrong", "the passphrase does not open this site");
        self.serve();
        Ok(())
    }

    fn unsealing(&self, _: &Path) -> anyhow::Result<crate::host::Unsealing> {
        Ok(*self.unsealing.lock().unwrap())
    }

    fn doctor(&self, _: Option<&Path>) -> anyhow::Result<Diagnosis> {
        let finding = |name: &str, state| crate::Finding {
            area: "tool".to_owned(),
            name: name.to_owned(),
            state,
            detail: "\u{1b}[31mred".to_owned(),
            remedy: Some(format!("install {name}")),
        };
        Ok(Diagnosis { findings: vec![finding("bwa", crate::host::State::Missing)] })
    }

    fn hosts(&self, _: &Path) -> Vec<String> {
        Vec::new()
    }

    fn demo(&self, _: &DemoArgs, console: &mut Console) -> anyhow::Result<()> {
        console.line("story")?;
        let problem = api::Problem {
            code: "RUNS-001".to_owned(),
            kind: base::Kind::NotFound,
            message: "no such run".to_owned(),
            hint: None,
            findings: Vec::new(),
        };
        Err(crate::Failure::from(problem).into())
    }

    fn program(&self) -> anyhow::Result<PathBuf> {
        Ok(std::env::current_exe()?)
    }

    fn demo_data(&self, args: &DemoDataArgs) -> anyhow::Result<Vec<PathBuf>> {
        Ok(vec![args.folder.join("reference.fa")])
    }

    fn witness_init(&self, _: &Path, name: &str) -> anyhow::Result<String> {
        Ok(format!("{name}+00000000+key"))
    }

    fn witness_trust(&self, _: &Path, key: &str) -> anyhow::Result<()> {
        self.started_with.lock().unwrap().push(key.to_owned());
        Ok(())
    }

    fn witness_serve(
        &self,
        _: &Path,
        listen: std::net::SocketAddr,
        tls: Option<&crate::host::Tls>,
        ready: &mut dyn FnMut(std::net::SocketAddr, Option<String>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        ready(listen, tls.map(|_| "00".repeat(32)))
    }

    fn move_database(
        &self,
        _: &std::path::Path,
        to: Option<&crate::DatabaseArgs>,
        _: &Passphrase,
    ) -> anyhow::Result<crate::MovedDatabase> {
        let place = to.map_or("a file in the site's folder".to_owned(), |to| to.url.clone());
        Ok(crate::MovedDatabase { place, rows: 12, left: None })
    }

    fn restore(
        &self,
        args: &crate::RestoreArgs,
        _: &Passphrase,
        say: &mut dyn FnMut(u64, u64),
        hand: &mut dyn FnMut(&crate::RestoredSite) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        say(1, 1);
        hand(&crate::RestoredSite {
            site: self.id.clone(),
            folder: args.site.clone(),
            set: args.set.unwrap_or(1),
            made: "2031-05-14T12:00:00Z".to_owned(),
            shredded: 1,
            deleted: 2,
            holds: 3,
            roles: 4,
            consents: 0,
            policies: 0,
            lost: 5,
            missing: 0,
            administrator: args.administrator.clone(),
            token: "once_again".to_owned(),
        })
    }

    fn serve(
        &self,
        _: &Path,
        passphrase: &Passphrase,
        ready: &mut dyn FnMut(&crate::host::Listening) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.started_with.lock().unwrap().push(passphrase.reveal().to_owned());
        let (address, pin) = ("https://127.0.0.1:8443".to_owned(), format!("sha256:{}", "00".repeat(32)));
        ready(&crate::host::Listening { address, pin })
    }

    fn door_certificate(
        &self,
        site: &Path,
        args: &crate::host::CertificateArgs,
    ) -> anyhow::Result<crate::host::Made> {
        anyhow::ensure!(args.days > 0, "no days");
        Ok(crate::host::Made {
            certificate: site.join("door/certificate.pem"),
            key: site.join("door/key.pem"),
            pin: format!("sha256:{}", "00".repeat(32)),
            until: "2027-01-01T00:00:00Z".to_owned(),
        })
    }

    fn recover(
        &self,
        _: &Path,
        name: &str,
        passphrase: &Passphrase,
    ) -> anyhow::Result<crate::NewAdministrator> {
        self.started_with.lock().unwrap().push(passphrase.reveal().to_owned());
        let (account, token) = (base::Id::mint(&base::SystemEntropy), "once_again".to_owned());
        Ok(crate::NewAdministrator { account, name: name.to_owned(), token })
    }

    fn internal(&self, _: &[OsString]) -> ExitCode {
        ExitCode::SUCCESS
    }

    fn environment(&self, name: &str) -> Option<OsString> {
        self.environment
            .lock()
            .unwrap()
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }
}
