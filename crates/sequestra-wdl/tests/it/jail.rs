//! A sealed job in miniature: an unprivileged user in a bubblewrap with no network, an empty
//! environment and a read-only root that holds the named programs, their libraries and no more.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use tempfile::TempDir;

/// What the helper is called in the jail, and where it was built.
pub const HELPER: (&str, &str) = ("sequestra-wdl", env!("CARGO_BIN_EXE_sequestra-wdl"));
/// The user of the job when the tests run as root.
const NOBODY: u32 = 65534;

pub struct Jail {
    dir: TempDir,
}

/// How a run ended.
pub struct Ended {
    pub code: i32,
    pub progress: Vec<Json>,
    pub stderr: String,
}

impl Ended {
    /// The `event` and `task` of every line.
    pub fn events(&self) -> Vec<(&str, &str)> {
        let text = |line: &'_ Json, key| {
            line.get(key).and_then(Json::as_str).unwrap_or("").to_owned().leak() as &str
        };
        self.progress.iter().map(|line| (text(line, "event"), text(line, "task"))).collect()
    }
}

impl Jail {
    /// A jail with the helper and these programs of the host.
    pub fn new(programs: &[&str]) -> Self {
        let jail = Self { dir: TempDir::new().unwrap() };
        for name in ["root/usr/bin", "root/usr/lib", "root/usr/lib64", "in", "workflow", "work", "out"] {
            let path = jail.path(name);
            fs::create_dir_all(&path).unwrap();
            open_to_all(&path);
        }
        open_to_all(jail.dir.path());
        let mut files = BTreeMap::from([(HELPER.0.to_owned(), PathBuf::from(HELPER.1))]);
        for program in programs {
            files.insert((*program).to_owned(), on_path(program));
        }
        for (name, from) in &files {
            fs::copy(from, jail.path("root/usr/bin").join(name)).unwrap();
            jail.add_libraries(from);
        }
        if am_root() {
            for name in ["work", "out"] {
                chown(jail.path(name), Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        jail
    }

    /// A path of the host inside the jail's directory: `in/…`, `workflow/…`, `work/…`, `out/…`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
        open_to_all(&self.path(name));
    }

    pub fn copy(&self, from: &Path, name: &str) {
        self.write(name, fs::read(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())));
    }

    /// Puts a script in the place of a program, which stays reachable as `NAME.real`.
    pub fn wrap(&self, program: &str, script: &str) {
        let path = self.path("root/usr/bin").join(program);
        fs::rename(&path, path.with_extension("real")).unwrap();
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs `/workflow/NAME` on `/in/inputs.json`.
    pub fn run(&self, workflow: &str) -> Ended {
        let workflow = format!("/workflow/{workflow}");
        self.helper(&[
            "run",
            "--workflow",
            &workflow,
            "--inputs",
            "/in/inputs.json",
            "--work",
            "/work",
            "--out",
            "/out",
            "--cpu",
            "2",
            "--memory",
            "1073741824",
        ])
    }

    pub fn helper(&self, args: &[&str]) -> Ended {
        let mut command = if am_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "bwrap"]);
            command
        } else {
            Command::new("bwrap")
        };
        command
            .args("--unshare-all --unshare-user --disable-userns --die-with-parent --new-session".split(' '));
        command.args("--as-pid-1 --clearenv --setenv PATH /usr/bin --cap-drop ALL --hostname job".split(' '));
        command.args("--symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64".split(' '));
        command.args("--proc /proc --dev /dev --tmpfs /tmp".split(' '));
        for (flag, from, to) in [
            ("--ro-bind", "root/usr", "/usr"),
            ("--ro-bind", "in", "/in"),
            ("--ro-bind", "workflow", "/workflow"),
            ("--bind", "work", "/work"),
            ("--bind", "out", "/out"),
        ] {
            command.arg(flag).arg(self.path(from)).arg(to);
        }
        command.args(["--chdir", "/work", "--remount-ro", "/", "/usr/bin/sequestra-wdl"]).args(args);
        let output = command.output().expect("these tests need bubblewrap (`bwrap`) on PATH");
        let stdout = String::from_utf8(output.stdout).unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            progress: stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn outputs(&self) -> Json {
        serde_json::from_slice(&fs::read(self.path("out/outputs.json")).unwrap()).unwrap()
    }

    /// Names in the output directory, each of which must be a regular file with one name.
    pub fn handed_over(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path("out")).unwrap().map(|entry| entry.unwrap()).collect();
        names.sort_by_key(fs::DirEntry::file_name);
        names
            .iter()
            .map(|entry| {
                let about = fs::symlink_metadata(entry.path()).unwrap();
                assert!(about.is_file() && about.nlink() == 1, "{}", entry.path().display());
                entry.file_name().into_string().unwrap()
            })
            .collect()
    }

    /// Copies what the loader would open for a program.
    fn add_libraries(&self, program: &Path) {
        let listed = Command::new("ldd").arg(program).output().unwrap();
        for line in String::from_utf8(listed.stdout).unwrap().lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            let (name, from, to) = match words.as_slice() {
                [name, "=>", from, ..] => (*name, *from, "root/usr/lib/x86_64-linux-gnu"),
                [loader, ..] if loader.starts_with("/lib64/") => (*loader, *loader, "root/usr/lib64"),
                _ => continue,
            };
            let to = self.path(to);
            fs::create_dir_all(&to).unwrap();
            let to = to.join(Path::new(name).file_name().unwrap());
            if !to.exists() {
                fs::copy(from, to).unwrap();
            }
        }
    }
}

fn on_path(program: &str) -> PathBuf {
    let path = Path::new("/usr/bin").join(program);
    assert!(path.exists(), "these tests need `{program}` in /usr/bin");
    path
}

fn am_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn open_to_all(path: &Path) {
    let mode = if path.is_dir() { 0o755 } else { 0o644 };
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}
