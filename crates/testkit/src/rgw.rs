//! A real object store with object lock: Ceph's gateway over one monitor and one daemon that keeps objects in
//! memory, on this machine alone. Takes about four seconds and 150 MB.
//!
//! The programs are started by hand and stopped by their ids when the value goes; the kernel stops them when
//! the thread that started them ends otherwise. One test of a binary starts one, and shares it.

use base::{Clock, SystemClock};
use rusty_s3::{Credentials, Method, UrlStyle, signing};
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long the start of one program may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The store. It stops when this is dropped.
pub struct Rgw {
    folder: tempfile::TempDir,
    children: Vec<Child>,
    port: u16,
    secure: u16,
}

/// An account of the store.
#[derive(Clone)]
pub struct Person {
    /// A file with its access key and secret, as a site reads it.
    pub file: PathBuf,
    credentials: Credentials,
}

impl Rgw {
    /// Starts it.
    ///
    /// # Panics
    /// When a program is missing or does not start: with its name and its last words.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [monitor, port, secure] = free_ports();
        let mut rgw = Self { folder, children: Vec::new(), port, secure };
        rgw.prepare(monitor);
        rgw.spawn("ceph-mon", &["-f", "-i", "a"]);
        let id = fresh_id();
        rgw.run("ceph", &["--connect-timeout", "120", "osd", "new", &id]);
        rgw.run("ceph-osd", &["--mkfs", "-i", "0", "--osd-uuid", &id]);
        rgw.spawn("ceph-osd", &["-f", "-i", "0"]);
        // Makes the pools as well; two programs that made them at once would wait for one another.
        rgw.run("radosgw-admin", &["user", "info", "--uid", "nobody-yet", "--display-name", "x"]);
        rgw.spawn("radosgw", &["-f", "-n", "client.rgw"]);
        let clock = SystemClock::default();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(clock.monotonic() < PATIENCE, "radosgw does not listen: {}", rgw.last_words("radosgw"));
            std::thread::sleep(Duration::from_millis(20));
        }
        rgw
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its address with TLS, under a certificate of [`Rgw::ca`].
    pub fn secure(&self) -> String {
        format!("https://localhost:{}", self.secure)
    }

    /// The authority that its certificate comes from.
    pub fn ca(&self) -> PathBuf {
        self.path("tls.crt")
    }

    /// A new account.
    pub fn person(&self, name: &str) -> Person {
        let (key, secret) = (format!("KEY{}", name.to_uppercase()), format!("secret-of-{name}"));
        self.run(
            "radosgw-admin",
            &[
                "user",
                "create",
                "--uid",
                name,
                "--display-name",
                name,
                "--access-key",
                &key,
                "--secret-key",
                &secret,
            ],
        );
        self.stranger(name, &key, &secret)
    }

    /// An account that the store does not know, or knows under another secret.
    pub fn stranger(&self, name: &str, key: &str, secret: &str) -> Person {
        let file = self.path(&format!("{name}-{}.credentials", secret.len()));
        fs::write(&file, format!("aws_access_key_id = {key}\naws_secret_access_key = {secret}\n"))
            .expect("a file of credentials");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its mode");
        Person { file, credentials: Credentials::new(key, secret) }
    }

    /// A new bucket of `owner`, with object lock or without.
    pub fn bucket(&self, owner: &Person, name: &str, lock: bool) {
        let lock = if lock { "true" } else { "false" };
        let (status, answer) =
            self.ask(owner, Method::Put, name, "", &[], &[("x-amz-bucket-object-lock-enabled", lock)], b"");
        assert_eq!(status, 200, "a bucket: {answer}");
    }

    /// What the store answers to a request of `who` about `key`, or the bucket itself when it is empty.
    #[expect(clippy::too_many_arguments, reason = "a request has as many parts")]
    pub fn ask(
        &self,
        who: &Person,
        method: Method,
        bucket: &str,
        key: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, String) {
        let endpoint = self.endpoint().parse().expect("an address");
        let place = rusty_s3::Bucket::new(endpoint, UrlStyle::Path, bucket.to_owned(), "us-east-1");
        let url = signing::sign(
            &SystemClock::default().now(),
            method,
            place.expect("a bucket").object_url(key),
            who.credentials.key(),
            who.credentials.secret(),
            None,
            "us-east-1",
            60,
            query.iter().copied(),
            headers.iter().copied(),
        );
        let mut request = ureq::http::Request::builder().method(method.to_str()).uri(url.as_str());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let mut answer = agent.run(request.body(body).expect("a request")).expect("an answer of the store");
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap_or_default())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn prepare(&self, monitor: u16) {
        let folder = self.folder.path();
        for name in ["mon", "osd", "run"] {
            fs::create_dir(folder.join(name)).expect("a folder");
        }
        let id = fresh_id();
        let at = format!("[v2:127.0.0.1:{monitor}]");
        let text = configuration(folder, &id, &at, self.port, self.secure);
        fs::write(folder.join("ceph.conf"), text).expect("a configuration");
        self.certify();
        let map = self.path("monmap").display().to_string();
        self.run("monmaptool", &["--create", "--clobber", "--fsid", &id, "--addv", "a", &at, &map]);
        self.run("ceph-mon", &["--mkfs", "-i", "a", "--monmap", &map]);
    }

    /// A certificate that vouches for itself, for this machine.
    fn certify(&self) {
        let (certificate, key) = (self.path("tls.crt"), self.path("tls.key"));
        let done = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .stdin(Stdio::null())
            .output()
            .expect("`openssl` makes a certificate; it is part of the Debian package of that name");
        assert!(done.status.success(), "openssl: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", program]);
        if program != "monmaptool" {
            command.arg("-c").arg(self.path("ceph.conf"));
        }
        command.args(arguments).stdin(Stdio::null()).env_remove("CEPH_ARGS");
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let done = self.command(program, arguments).output().expect("`setpriv` of util-linux");
        let asked = arguments.get(..2) == Some(&["user", "info"]);
        assert!(
            done.status.success() || asked,
            "`{program}` failed; `make deps` installs the packages radosgw, ceph-mon and ceph-osd: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    fn spawn(&mut self, program: &str, arguments: &[&str]) {
        let said = File::create(self.path(&format!("{program}.out"))).expect("a file");
        let errors = said.try_clone().expect("a file");
        let child = self.command(program, arguments).stdout(said).stderr(errors).spawn();
        self.children.push(child.expect("`setpriv` of util-linux"));
    }

    fn last_words(&self, program: &str) -> String {
        fs::read_to_string(self.path(&format!("{program}.out"))).unwrap_or_default()
    }
}

impl Drop for Rgw {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn configuration(folder: &Path, id: &str, monitor: &str, port: u16, secure: u16) -> String {
    let folder = folder.display();
    format!(
        "[global]
fsid = {id}
mon_host = {monitor}
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
ms_mon_client_mode = crc
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
mon_data = {folder}/mon
osd_data = {folder}/osd
run_dir = {folder}/run
admin_socket = {folder}/run/$name.$pid.asok
log_file = {folder}/$name.log
keyring = {folder}/keyring
pid_file =
paxos_propose_interval = 0.01
paxos_min_wait = 0.001
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 0
mon_data_avail_warn = 0
osd_objectstore = memstore
memstore_device_bytes = 1073741824
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
rgw_frontends = beast endpoint=127.0.0.1:{port} ssl_endpoint=127.0.0.1:{secure} \
ssl_certificate={folder}/tls.crt ssl_private_key={folder}/tls.key
rgw_enable_ops_log = false
rgw_enable_usage_log = false
rgw_enable_gc_threads = false
rgw_enable_lc_threads = false
rgw_enable_quota_threads = false
rgw_run_sync_thread = false
rgw_dynamic_resharding = false
rgw_thread_pool_size = 32
"
    )
}

/// Ports that nobody listens on now, all different.
fn free_ports() -> [u16; 3] {
    let held = [(); 3].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("a free port"));
    held.map(|listener| listener.local_addr().expect("its address").port())
}

fn fresh_id() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/uuid").expect("a random id of the kernel");
    text.trim().to_owned()
}
