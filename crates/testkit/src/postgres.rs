//! A real PostgreSQL server on this machine alone, with TLS under a certificate of its own.
//!
//! One test binary starts one server, and each test gets a database of its own. A keeper, which waits
//! for the end of the test binary in whatever way it comes, stops the server and removes its folder.

use db::{Db, DbKey, Migration, Server};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The variable that says which database the tests' sites have: `postgres`, or a file.
pub const VARIABLE: &str = "SEQUESTRA_TEST_DATABASE";
/// What remembers the name of a site's database, in its folder.
const NAME: &str = "database.txt";
const PASSWORD: &str = "not-for-anything-but-tests";

/// The server. It stops when the process ends.
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    next: AtomicU32,
    /// Databases, with the folders that they go with.
    made: Mutex<Vec<(PathBuf, String)>>,
    /// The keeper stops the server when this closes.
    _keeper: ChildStdin,
}

/// Opens or creates the database of the site in `folder`: a file, or one on the shared server when
/// [`VARIABLE`] says so, or the folder was [given](Postgres::give) one.
pub async fn database(folder: &Path, key: [u8; 32], rooms: &[&[Migration]]) -> Result<Db, db::Error> {
    let given = folder.join(NAME);
    if !given.exists() && std::env::var(VARIABLE).as_deref() != Ok("postgres") {
        return Db::open(&folder.join("metadata.db"), &DbKey::new(key), rooms).await;
    }
    let server = Postgres::shared();
    let name = fs::read_to_string(&given).unwrap_or_else(|_| server.give(folder));
    Db::connect(&server.settings(&name), "test", rooms).await
}

impl Postgres {
    /// The server of this process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts one.
    ///
    /// # Panics
    /// When a program is missing or does not start: with its last words.
    pub fn start() -> Self {
        let folder =
            tempfile::Builder::new().prefix("postgres-").tempdir().expect("a temporary folder").keep();
        fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).expect("its mode");
        own(&folder);
        let keeper = keep(&folder);
        let port =
            TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("its address").port();
        let (next, made) = (AtomicU32::new(1), Mutex::default());
        let server = Self { folder, port, next, made, _keeper: keeper };
        server.prepare();
        server.run_again();
        server.ask("postgres", &format!("CREATE ROLE sequestra LOGIN PASSWORD '{PASSWORD}'"));
        server.ask("postgres", "CREATE ROLE certified LOGIN IN ROLE sequestra");
        server
    }

    /// A new database that belongs with `folder`: it goes some time after the folder went.
    pub fn database(&self, folder: &Path) -> String {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|(place, name)| {
            let there = place.exists();
            if !there {
                self.ask("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
            }
            there
        });
        let name = format!("site{}", self.next.fetch_add(1, Ordering::Relaxed));
        self.ask("postgres", &format!("CREATE DATABASE {name} OWNER sequestra"));
        self.ask("postgres", &format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"));
        made.push((folder.to_owned(), name.clone()));
        name
    }

    /// Gives the site in `folder` a database here, whatever the environment says.
    pub fn give(&self, folder: &Path) -> String {
        let name = self.database(folder);
        fs::write(folder.join(NAME), &name).expect("a note");
        name
    }

    /// How a site reaches the database `name`: by TLS, with a password.
    pub fn settings(&self, name: &str) -> Server {
        Server {
            ca: Some(self.path("server.crt")),
            password_file: Some(self.path("password")),
            ..Server::new(&format!("postgres://sequestra@127.0.0.1:{}/{name}", self.port))
        }
    }

    /// The same by the server's socket.
    pub fn by_socket(&self, name: &str) -> Server {
        let folder = self.path("socket").display().to_string();
        Server {
            password_file: Some(self.path("password")),
            ..Server::new(&format!("postgres:///{name}?host={folder}&port={}&user=sequestra", self.port))
        }
    }

    /// The same with a certificate instead of a password.
    pub fn by_certificate(&self, name: &str) -> Server {
        Server {
            ca: Some(self.path("server.crt")),
            client_certificate: Some(self.path("client.crt")),
            client_key: Some(self.path("client.key")),
            ..Server::new(&format!("postgres://certified@127.0.0.1:{}/{name}", self.port))
        }
    }

    /// What the server's administrator gets to see for a statement.
    pub fn ask(&self, database: &str, sql: &str) -> String {
        let mut client = self.client("psql", database);
        let done = client.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]).output();
        text(done.expect("`psql`"), sql)
    }

    /// All that a database holds, as a backup of the server's administrator has it.
    pub fn dump(&self, database: &str) -> String {
        text(self.client("pg_dump", database).arg("--inserts").output().expect("`pg_dump`"), "pg_dump")
    }

    /// Ends the server as a crash would.
    pub fn crash(&self) {
        self.control(&["stop", "-m", "immediate"]);
    }

    /// Ends the server in peace.
    pub fn stop(&self) {
        self.control(&["stop", "-m", "fast"]);
    }

    /// Starts it again.
    pub fn run_again(&self) {
        let (log, data) = (self.path("log"), self.path("data"));
        let started = self.control(&["start", "-w", "-t", "60", "-l", &log.display().to_string()]);
        assert!(
            started.status.success(),
            "PostgreSQL does not start in {}: {}",
            data.display(),
            fs::read_to_string(log).unwrap_or_default()
        );
    }

    /// The folder of its files.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    fn client(&self, name: &str, database: &str) -> Command {
        let mut command = Command::new(program(name));
        command.arg("-h").arg(self.path("socket")).args(["-p", &self.port.to_string(), "-U", "postgres"]);
        command.args(["-d", database]).env("PGPASSWORD", PASSWORD).stdin(Stdio::null());
        command
    }

    fn control(&self, words: &[&str]) -> Output {
        let mut command = as_postgres("pg_ctl");
        let out = fs::File::create(self.path("control.log")).expect("a file");
        let errors = out.try_clone().expect("a file");
        // Into a file: the server keeps what it was given for its output.
        command.arg("-D").arg(self.path("data")).args(words).stdout(out).stderr(errors);
        let status = command.status().expect("`pg_ctl`");
        Output { status, stdout: Vec::new(), stderr: Vec::new() }
    }

    fn prepare(&self) {
        let password = self.path("password");
        fs::write(&password, PASSWORD).expect("a password");
        own(&password);
        let mut made = as_postgres("initdb");
        made.args(["-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-sync"]);
        made.args(["--auth=scram-sha-256", "--pwfile"]).arg(&password).arg("-D").arg(self.path("data"));
        text(made.output().expect("`initdb`"), "initdb");
        // From here on the tests alone read it.
        chown(&password, Some(rustix::process::geteuid().as_raw()), None).expect("its owner");
        fs::set_permissions(&password, PermissionsExt::from_mode(0o600)).expect("its mode");
        fs::create_dir(self.path("socket")).expect("a folder");
        own(&self.path("socket"));
        self.certify("server", "/CN=localhost");
        self.certify("client", "/CN=certified");
        own(&self.path("server.key"));
        fs::write(self.path("data").join("pg_hba.conf"), ENTRANCE).expect("pg_hba.conf");
        let place = self.folder.display();
        let more = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{place}/socket'\nssl = on\n\
             ssl_cert_file = '{place}/server.crt'\nssl_key_file = '{place}/server.key'\n\
             ssl_ca_file = '{place}/client.crt'\nssl_min_protocol_version = 'TLSv1.3'\nmax_connections = 300\n\
             shared_buffers = '32MB'\nwal_level = minimal\nmax_wal_senders = 0\n",
            self.port
        );
        fs::write(self.path("data").join("postgresql.auto.conf"), more).expect("postgresql.auto.conf");
    }

    /// A certificate that vouches for itself, for this machine.
    fn certify(&self, name: &str, subject: &str) {
        let done = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "2", "-subj", subject, "-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .arg("-keyout")
            .arg(self.path(&format!("{name}.key")))
            .arg("-out")
            .arg(self.path(&format!("{name}.crt")))
            .stdin(Stdio::null())
            .output();
        text(done.expect("`openssl`"), "openssl");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Who is let in: nobody without TLS on the network, nobody without a password or a certificate.
const ENTRANCE: &str = "local all all scram-sha-256\nhostssl all certified 127.0.0.1/32 cert\n\
     hostssl all all 127.0.0.1/32 scram-sha-256\n";

/// Waits for the end of this process, then stops the server and removes its folder.
fn keep(folder: &Path) -> ChildStdin {
    let script = "cat >/dev/null; \"$@\" -m immediate -D \"$0/data\" stop >/dev/null 2>&1; rm -rf \"$0\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(folder);
    let control = as_postgres("pg_ctl");
    command.arg(control.get_program()).args(control.get_args());
    // Not of this process's group: what ends that from the terminal must leave the keeper alive.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("`sh`").stdin.take().expect("its input")
}

/// The server refuses to run as root.
fn as_postgres(name: &str) -> Command {
    let path = program(name);
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(path);
        command
    } else {
        Command::new(path)
    };
    command.stdin(Stdio::null()).current_dir("/");
    command
}

/// Gives a file to the account that the server runs under.
fn own(path: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let done = Command::new("chown").arg("postgres:").arg(path).status().expect("`chown`");
    assert!(done.success(), "no account `postgres`; `make deps` installs the package postgresql-15");
}

/// Debian keeps the server's programs by version, outside the usual places.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|v| v.path().join("bin").join(name)).filter(|p| p.exists()).collect();
    found.sort();
    found.pop().expect("the programs of PostgreSQL; `make deps` installs the package postgresql-15")
}

fn text(done: Output, what: &str) -> String {
    assert!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}
