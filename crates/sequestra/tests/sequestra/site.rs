//! A site for a test: a copy of the one on which the whole story was told.

use crate::{clear, http};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_sequestra");
/// What the laboratory calls the person, the sample and the files of the story.
pub const PATIENT: &str = "CASE-7731-QXZV";
pub const SAMPLE: &str = "CASE-7731-QXZV-B";
pub const FILES: [&str; 2] = ["quixotic_L001_R1.fastq.gz", "quixotic_L001_R2.fastq.gz"];

/// The story as it was told once for all tests of this process.
pub struct Told {
    /// The site, locked.
    pub site: PathBuf,
    /// The reads and what is known of them.
    pub data: PathBuf,
    /// What the demo printed.
    pub json: Value,
    /// What was found in scratch right after it.
    pub left: Vec<String>,
    room: PathBuf,
}

/// What a command gave.
pub struct Done {
    pub exit: i32,
    pub out: String,
    pub err: String,
}

/// A site with signed-in people. Its process ends with it.
pub struct Site {
    pub folder: PathBuf,
    pub room: PathBuf,
    _keep: TempDir,
}

/// Tells the story at first use.
pub fn told() -> &'static Told {
    static TOLD: OnceLock<Told> = OnceLock::new();
    TOLD.get_or_init(|| {
        helper();
        // Another test process with the same target folder has a turn of its own, until it ends.
        let turn = fs::File::create(scratch().join("story.lock")).unwrap();
        turn.lock().unwrap();
        std::mem::forget(turn);
        let base = scratch().join("story");
        let _ = fs::remove_dir_all(&base);
        let (site, data, tmp) = (base.join("site"), base.join("data"), base.join("tmp"));
        fs::create_dir_all(&tmp).unwrap();
        // No other demo on this machine has these reads.
        made_data(&data, 7731, 20);
        rename_everything(&data);
        let mut command = Command::new(PROGRAM);
        command
            .args(["demo", "--json", "--keep", "--site"])
            .arg(&site)
            .arg("--data")
            .arg(&data)
            .env("TMPDIR", &tmp);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the demo failed: {error}");
        let json = serde_json::from_slice(&output.stdout).unwrap();
        let room = fs::read_dir(&tmp).unwrap().next().expect("the demo kept its sessions").unwrap().path();
        let left = clear::left_in_scratch(&data);
        Told { site, data, json, left, room }
    })
}

/// Writes made reads with a command.
pub fn made_data(folder: &Path, seed: u64, coverage: u32) {
    let (seed, coverage) = (seed.to_string(), coverage.to_string());
    let mut command = Command::new(PROGRAM);
    command.arg("demo-data").arg(folder).args(["--seed", &seed, "--coverage", &coverage]);
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
}

/// Labels and file names that occur nowhere else.
fn rename_everything(data: &Path) {
    for name in ["samplesheet.csv", "md5sums.txt"] {
        let text = fs::read_to_string(data.join(name)).unwrap();
        let text = text.replace("CASE-0100", PATIENT).replace("reads_L001", "quixotic_L001");
        fs::write(data.join(name), text).unwrap();
    }
    for file in FILES {
        fs::rename(data.join(file.replace("quixotic", "reads")), data.join(file)).unwrap();
    }
    assert!(fs::read_to_string(data.join("samplesheet.csv")).unwrap().contains(SAMPLE));
}

/// A folder for tests, on the disk that the build lies on.
pub fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The workflow engine's program must lie beside the program, as in an installation.
fn helper() {
    let helper = Path::new(PROGRAM).with_file_name("sequestra-wdl");
    if helper.exists() {
        return;
    }
    println!("building sequestra-wdl, which lies beside the program and is not there yet");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = helper.parent().and_then(Path::parent).unwrap();
    let built = Command::new(cargo)
        .args(["build", "-p", "sequestra-wdl", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success() && helper.exists(), "sequestra-wdl cannot be built");
}

impl Site {
    /// A copy of the story's site, locked, with everybody signed in.
    pub fn copy() -> Self {
        let told = told();
        let keep = TempDir::new_in(scratch()).unwrap();
        let (folder, room) = (keep.path().join("site"), keep.path().join("room"));
        copy_folder(&told.site, &folder);
        fs::create_dir(&room).unwrap();
        fs::copy(told.room.join("passphrase"), room.join("passphrase")).unwrap();
        fs::copy(told.room.join("recipient.pub"), room.join("recipient.pub")).unwrap();
        for entry in fs::read_dir(&told.room).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "session") {
                // A session is good for its site in its folder; the folder is another one now.
                let mut kept: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                kept["folder"] = folder.to_str().unwrap().into();
                let to = room.join(path.file_name().unwrap());
                fs::copy(&path, &to).unwrap();
                fs::write(to, serde_json::to_vec(&kept).unwrap()).unwrap();
            }
        }
        Self { folder, room, _keep: keep }
    }

    /// The site in another folder, restored from this one's backup; nobody is signed in.
    pub fn restored(&self, folder: PathBuf) -> Self {
        let keep = TempDir::new_in(scratch()).unwrap();
        let room = keep.path().join("room");
        fs::create_dir(&room).unwrap();
        fs::copy(self.room.join("passphrase"), room.join("passphrase")).unwrap();
        Self { folder, room, _keep: keep }
    }

    /// A new site without any data, locked, with the administrator and these people signed in; `auditor` holds
    /// that role.
    pub fn fresh(people: &[&str]) -> Self {
        let keep = TempDir::new_in(scratch()).unwrap();
        let (folder, room) = (keep.path().join("site"), keep.path().join("room"));
        fs::create_dir(&room).unwrap();
        let site = Self { folder, room, _keep: keep };
        let (passphrase, token) = (site.room.join("passphrase"), site.room.join("admin.token"));
        fs::write(&passphrase, "twelve characters and more").unwrap();
        fs::set_permissions(&passphrase, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("init").arg(&site.folder).arg("--passphrase-file").arg(&passphrase);
        let output = command.arg("--token-out").arg(&token).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(site.run("admin", &["login", "--token-file", token.to_str().unwrap()]).exit, 0);
        people.iter().for_each(|name| site.invite(name));
        if people.contains(&"auditor") {
            site.json("admin", &["account", "grant", "auditor", "--role", "auditor"]);
        }
        site.lock();
        site
    }

    /// A site that was made in `folder`, with what its people hold in `room`.
    pub fn at(folder: PathBuf, room: PathBuf) -> Self {
        Self { folder, room, _keep: TempDir::new_in(scratch()).unwrap() }
    }

    /// A command of `who`.
    pub fn run(&self, who: &str, args: &[&str]) -> Done {
        let output = self.command(who, args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Done {
            exit: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// The same, not started.
    pub fn command(&self, who: &str, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(args).stdin(Stdio::null()).arg("--site").arg(&self.folder);
        command.arg("--passphrase-file").arg(self.room.join("passphrase"));
        command.arg("--session").arg(self.room.join(format!("{who}.session")));
        command
    }

    /// A command that must succeed, and its JSON.
    pub fn json(&self, who: &str, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let done = self.run(who, &args);
        assert_eq!(done.exit, 0, "[{who}] {args:?}: {} {}", done.out, done.err);
        if done.out.trim().is_empty() { Value::Null } else { serde_json::from_str(&done.out).unwrap() }
    }

    /// The id of the last thing that a list gives.
    pub fn last(&self, who: &str, args: &[&str]) -> String {
        let list = self.json(who, args);
        list.as_array().unwrap().last().expect("the list is empty")["id"].as_str().unwrap().to_owned()
    }

    /// Invites an account and signs it in.
    pub fn invite(&self, name: &str) {
        let invited = self.json("admin", &["account", "create", name]);
        let file = self.room.join(format!("{name}.token"));
        fs::write(&file, invited["token"].as_str().unwrap()).unwrap();
        assert_eq!(self.run(name, &["login", "--token-file", file.to_str().unwrap()]).exit, 0);
    }

    /// The session's token of `who`.
    pub fn token(&self, who: &str) -> String {
        let kept = fs::read(self.room.join(format!("{who}.session"))).unwrap();
        serde_json::from_slice::<Value>(&kept).unwrap()["token"].as_str().unwrap().to_owned()
    }

    /// The process, if one listens.
    pub fn process(&self) -> Option<rustix::process::Pid> {
        let health = http::call(&self.folder, None, "GET", "/v1/health", b"").ok()?;
        let pid = health.json()["pid"].as_i64()?;
        rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)
    }

    /// Starts the process, if none listens, and gives it.
    pub fn start(&self) -> rustix::process::Pid {
        self.json("admin", &["whoami"]);
        self.process().expect("the process listens")
    }

    /// Ends the process in good order.
    pub fn lock(&self) {
        self.json("admin", &["site", "lock"]);
        self.wait_until_ended();
    }

    /// Waits until no process holds the site.
    pub fn wait_until_ended(&self) {
        let lock = fs::File::open(self.folder.join("ledger").join("lock")).unwrap();
        until("the site's process ends", || {
            use rustix::fs::FlockOperation::{NonBlockingLockExclusive, Unlock};
            rustix::fs::flock(&lock, NonBlockingLockExclusive)
                .is_ok_and(|()| rustix::fs::flock(&lock, Unlock).is_ok())
        });
    }

    /// What the ledger holds on disk, in order. Read without the product's own reader.
    pub fn events(&self) -> Vec<Value> {
        let mut leaves: Vec<Value> = Vec::new();
        let mut segments: Vec<PathBuf> =
            fs::read_dir(self.folder.join("ledger/segments")).unwrap().map(|e| e.unwrap().path()).collect();
        segments.sort();
        for segment in segments {
            let bytes = fs::read(segment).unwrap();
            let lines = bytes.split(|b| *b == b'\n').filter(|line| line.starts_with(b"{\"position\":"));
            leaves.extend(lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok()));
        }
        for (position, leaf) in leaves.iter().enumerate() {
            assert_eq!(leaf["position"].as_u64(), Some(position as u64), "the ledger has a gap");
        }
        leaves
    }

    /// `ledger verify` finds nothing.
    pub fn assert_sound(&self) {
        let found = self.json("auditor", &["ledger", "verify"]);
        assert_eq!(found["findings"].as_array().map(Vec::len), Some(0), "{found}");
        assert!(found["size"].as_u64().unwrap() > 0);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(process) = self.process() {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
            if !std::thread::panicking() {
                self.wait_until_ended();
            }
        }
    }
}

/// Copies a folder as it is.
pub fn copy_folder(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg("--").args([from, to]).status().unwrap().success());
}

/// Waits for `done`, 60 s at most.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(180), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
