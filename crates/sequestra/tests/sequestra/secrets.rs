//! Secrets stand in no output, log, argument, environment, core or error: canaries for each of them.

use crate::site::{PROGRAM, scratch, until};
use ::keys::transit::Service;
use rustix::process::{Pid, Signal};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use testkit::vault::Vault;

const PASSPHRASE: &str = "canary passphrase 0xA1";
const WRONG: &str = "canary wrong passphrase 0xA2";
const SECRET_ID: &str = "canary-secret-id-0xA3";
const ROLE: &str = "db02de05-role";

/// A site of its own, and all that its commands printed.
struct Watched {
    folder: TempDir,
    printed: Vec<u8>,
    /// What must not be found, by name.
    canaries: Vec<(&'static str, Vec<u8>)>,
}

impl Watched {
    fn new() -> Self {
        let folder = TempDir::new_in(scratch()).unwrap();
        let made = Self { folder, printed: Vec::new(), canaries: Vec::new() };
        for (name, text) in [("passphrase", PASSPHRASE), ("wrong", WRONG), ("secret-id", SECRET_ID)] {
            base::durable::create_once(&made.path(name), text.as_bytes()).unwrap();
        }
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn word(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn keep(&mut self, name: &'static str, secret: &str) {
        assert!(secret.len() >= 16, "{name} is too short to look for");
        self.canaries.push((name, secret.as_bytes().to_vec()));
    }

    /// Runs a command in a folder of its own, where a core would lie, and looks at it while it runs.
    fn run(&mut self, words: &[&str]) -> Output {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -c unlimited 2>/dev/null; exec \"$@\"", "sh", PROGRAM]);
        command.args(words).current_dir(self.folder.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        self.printed.extend_from_slice(&output.stdout);
        self.printed.extend_from_slice(&output.stderr);
        output
    }

    fn on_site(&mut self, words: &[&str], credential: &str) -> Output {
        let (site, session, file) = (self.word("site"), self.word("session"), self.word(credential));
        let words: Vec<&str> = words
            .iter()
            .copied()
            .chain(["--site", &site, "--session", &session, "--passphrase-file", &file])
            .collect();
        self.run(&words)
    }

    fn process(&self) -> Option<i32> {
        let reply = crate::http::call(&self.path("site"), None, "GET", "/v1/health", b"").ok()?;
        i32::try_from(reply.json()["pid"].as_i64()?).ok()
    }

    /// Nothing of what is kept stands in `bytes`.
    fn assert_clean(&self, place: &str, bytes: &[u8]) {
        for (name, canary) in &self.canaries {
            let found = bytes.windows(canary.len()).any(|window| window == canary);
            assert!(!found, "the {name} stands in {place}");
        }
    }

    /// Not in anything printed, in no file of the site, in no process.
    fn assert_nowhere(&self) {
        self.assert_clean("what was printed", &self.printed);
        let mut files = vec![self.path("site")];
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else if let Ok(bytes) = fs::read(&path) {
                self.assert_clean(&path.display().to_string(), &bytes);
            }
        }
        if let Some(pid) = self.process() {
            for name in ["cmdline", "environ", "comm", "maps"] {
                self.assert_clean(name, &fs::read(format!("/proc/{pid}/{name}")).unwrap());
            }
        }
        let cores = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let cores: Vec<_> = cores.filter(|name| name.to_string_lossy().starts_with("core")).collect();
        assert!(cores.is_empty(), "{cores:?}");
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(pid) = self.process().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
            let lock = self.path("site").join("run/site.sock");
            until("the site's process ends", || !lock.exists());
        }
    }
}

fn token_in(path: &Path) -> String {
    let kept: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    kept["token"].as_str().unwrap().to_owned()
}

#[test]
fn no_secret_stands_where_it_does_not_belong() {
    let mut site = Watched::new();
    for (name, secret) in [("passphrase", PASSPHRASE), ("wrong passphrase", WRONG), ("secret id", SECRET_ID)]
    {
        site.keep(name, secret);
    }
    let (folder, passphrase, token) = (site.word("site"), site.word("passphrase"), site.word("token"));
    let made = site.run(&["init", &folder, "--passphrase-file", &passphrase, "--token-out", &token]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let one_time = fs::read_to_string(site.path("token")).unwrap();
    site.keep("one-time token", one_time.trim());
    assert!(!site.on_site(&["login", "--token-file", &token], "wrong").status.success());
    assert!(site.on_site(&["login", "--token-file", &token], "passphrase").status.success());
    let session = token_in(&site.path("session"));
    site.keep("session token", &session);
    assert!(!site.on_site(&["login", "--token-file", &token], "passphrase").status.success(), "used");
    site.assert_nowhere();

    // To a key service, by an AppRole, and what refuses on the way.
    let vault = Vault::start("hvs.nobody", None).unwrap();
    let settings = site.path("site").join("site.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let service = Service {
        url: vault.url().to_owned(),
        ca: None,
        network: None,
        namespace: None,
        role: Some(ROLE.into()),
        role_mount: "approle".into(),
    };
    let mut all: toml::Table = text.parse().unwrap();
    let mut keys = toml::Table::new();
    keys.insert("transit".into(), toml::Value::try_from(service).unwrap());
    all.insert("keys".into(), toml::Value::Table(keys));
    fs::write(&settings, toml::to_string(&all).unwrap()).unwrap();
    assert!(site.on_site(&["site", "lock"], "passphrase").status.success());
    let socket = site.path("site").join("run/site.sock");
    until("the process ends", || !socket.exists());
    let secret = site.word("secret-id");
    let to = ["keys", "migrate", "--to", "transit", "--new-file", &secret];
    let refused = site.on_site(&to, "passphrase");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("KEYS-015"), "the role is not known yet");
    vault.add_role(ROLE, SECRET_ID);
    for (words, credential) in [
        (to.as_slice(), "passphrase"),
        (&["keys", "migrate", "--complete", "--new-file", &secret], "passphrase"),
        (&["keys", "status"], "secret-id"),
        (&["keys", "rotate", "--root"], "secret-id"),
        (&["site", "lock"], "secret-id"),
    ] {
        let done = site.on_site(words, credential);
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    until("the process ends", || !socket.exists());
    let wrong = site.on_site(&["whoami"], "passphrase");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("KEYS-015"), "the passphrase opens nothing now");
    vault.answer_always(Some("sealed"));
    let sealed = site.on_site(&["whoami"], "secret-id");
    assert!(String::from_utf8_lossy(&sealed.stderr).contains("KEYS-014"));
    vault.answer_always(None);
    let whoami = site.on_site(&["whoami"], "secret-id");
    assert!(whoami.status.success(), "{}", String::from_utf8_lossy(&whoami.stderr));
    assert_eq!(vault.tokens(), ["hvs.nobody"], "each token that the site got was given back");
    for line in vault.asked() {
        site.assert_clean("a request's address", line.as_bytes());
    }
    site.assert_nowhere();
}

/// Words that run a program as a user without rights, where we may; a site is often run as one.
fn plainly() -> Vec<&'static str> {
    match rustix::process::geteuid().is_root() {
        true => vec!["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"],
        false => vec!["env"],
    }
}

/// A program in `room`, started plainly, whose cores would lie there.
fn start(room: &Path, program: &[&str]) -> std::process::Child {
    let mut words = plainly();
    words.extend(["sh", "-c", "ulimit -c unlimited 2>/dev/null; exec \"$@\"", "sh"]);
    words.extend(program);
    let mut command = Command::new(words.remove(0));
    command.args(words).current_dir(room).env_clear().env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Whether the same user can read a file of another of its processes.
fn can_peek(pid: u32, name: &str) -> bool {
    let mut words = plainly();
    let path = format!("/proc/{pid}/{name}");
    words.extend(["head", "-c", "1", &path]);
    let mut command = Command::new(words.remove(0));
    let output = command.args(words).stdin(Stdio::null()).output().unwrap();
    output.status.success() && !output.stdout.is_empty()
}

fn ended_by_abort(mut child: std::process::Child) -> std::process::ExitStatus {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::ABORT).unwrap();
    child.wait().unwrap()
}

fn cores(room: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(room).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("core")).collect()
}

#[test]
fn a_process_that_crashes_leaves_no_core_and_nobody_reads_its_memory() {
    let room = TempDir::new().unwrap();
    let place = |name: &str| room.path().join(name).to_str().unwrap().to_owned();
    let (program, site, file) = (place("sequestra"), place("site"), place("passphrase"));
    fs::copy(PROGRAM, &program).unwrap();
    base::durable::create_once(Path::new(&file), PASSPHRASE.as_bytes()).unwrap();
    let made = Command::new(&program)
        .args(["init", &site, "--passphrase-file", &file, "--token-out", &place("token")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    if rustix::process::geteuid().is_root() {
        let chown = ["-R", "65534:65534", room.path().to_str().unwrap()];
        assert!(Command::new("chown").args(chown).status().unwrap().success());
    }

    // The control: a program that does nothing about it is read, and leaves a core where any is written.
    let control = start(room.path(), &["sleep", "60"]);
    until("the control runs", || can_peek(control.id(), "environ"));
    let dumps = ended_by_abort(control).core_dumped();
    let of_control = cores(room.path());
    of_control.iter().for_each(|core| fs::remove_file(core).unwrap());

    let mut child = start(room.path(), &[&program, "internal", "serve", &site]);
    child.stdin.take().unwrap().write_all(PASSPHRASE.as_bytes()).unwrap();
    let mut ready = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    assert_eq!(&ready, b"ready\n");
    let pid = child.id();
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    if rustix::process::geteuid().is_root() {
        let limits = read("limits");
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(line.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{line}");
        for name in ["cmdline", "environ"] {
            assert!(!read(name).contains(PASSPHRASE) && !read(name).is_empty(), "{name}");
        }
    }
    for name in ["environ", "maps", "mem", "auxv"] {
        assert!(!can_peek(pid, name), "{name} can be read by another process of the same user");
    }
    let ended = ended_by_abort(child);
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false));
    assert_eq!(cores(room.path()), Vec::<PathBuf>::new());
    println!("a core was {}written for the control", if dumps { "" } else { "not " });
}
