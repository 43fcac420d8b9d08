//! Runs an actor under `strace`, undisturbed or with one call that fails or kills.

use super::actor::{Actor, Flaw};
use super::check::Acks;
use super::trace::{self, Call};
use anyhow::{Context, Result, bail};
use base::{Clock, SystemClock};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The calls to a file system. A `?` allows a machine that lacks the call.
pub const CALLS: &[&str] = &[
    "?open",
    "openat",
    "?openat2",
    "?creat",
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "read",
    "pread64",
    "fsync",
    "fdatasync",
    "syncfs",
    "?rename",
    "?renameat",
    "renameat2",
    "?link",
    "linkat",
    "?unlink",
    "unlinkat",
    "?rmdir",
    "?mkdir",
    "mkdirat",
    "ftruncate",
    "fallocate",
    "?chmod",
    "fchmod",
    "fchmodat",
    "lseek",
    "?stat",
    "?lstat",
    "?fstat",
    "?newfstatat",
    "?statx",
    "?getdents",
    "getdents64",
    "flock",
    "fcntl",
    "ioctl",
    "mmap",
    "close",
];

/// Longer than any run of an actor; a process that hangs is ended, and that is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// An actor's program, its acts and what is wrong with it.
#[derive(Debug, Clone)]
pub struct Run {
    /// The program that knows the word `actor`.
    pub program: PathBuf,
    /// Who acts.
    pub actor: Actor,
    /// How often.
    pub acts: u64,
    /// What it does wrong.
    pub flaw: Flaw,
}

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The call fails with EIO.
    Eio,
    /// The call fails with ENOSPC.
    Full,
    /// The process is killed as it makes the call.
    Kill,
}

impl Fault {
    /// Its word in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Eio => "EIO",
            Self::Full => "ENOSPC",
            Self::Kill => "SIGKILL",
        }
    }

    const fn injection(self) -> &'static str {
        match self {
            Self::Eio => "error=EIO",
            Self::Full => "error=ENOSPC",
            Self::Kill => "signal=SIGKILL",
        }
    }
}

/// A call of an actor: the `nth` of its name in a thread, or the `nth` to `path`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The call's name.
    pub call: String,
    /// Which of them, from 1.
    pub nth: usize,
    /// The path, if it is the same in every run.
    pub path: Option<PathBuf>,
}

/// What a run under strace gave.
pub struct Ran {
    /// What the actor said is complete.
    pub acks: Acks,
    /// Its calls, as far as they were traced.
    pub calls: Vec<Call>,
    /// Whether a call to the folder failed, or the process was killed.
    pub hit: bool,
    /// How it ended.
    pub end: End,
}

/// How an actor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With all its acts done.
    Well,
    /// Before that.
    Early,
    /// Not at all: it was ended after a time.
    Hung,
}

impl Run {
    /// Runs it without a fault and with every call traced, in a prepared `folder`.
    pub fn undisturbed(&self, folder: &Path) -> Result<Ran> {
        let trace = format!("trace={}", CALLS.join(","));
        let ran = self.under(folder, &["-e", &trace, "-s", "100000000"])?;
        if ran.end != End::Well {
            bail!("the actor does not come to its end undisturbed");
        }
        Ok(ran)
    }

    /// Runs it with `fault` at `point`, in a prepared `folder`.
    pub fn with_fault(&self, folder: &Path, point: &Point, fault: Fault) -> Result<Ran> {
        let trace = format!("trace={}", point.call);
        let inject = format!("inject={}:{}:when={}", point.call, fault.injection(), point.nth);
        let mut args = vec!["-s", "0", "-e", &trace, "-e", &inject];
        let path = point.path.as_ref().map(|path| folder.join(path).display().to_string());
        if let Some(path) = &path {
            args.extend(["-P", path]);
        }
        self.under(folder, &args)
    }

    fn under(&self, folder: &Path, args: &[&str]) -> Result<Ran> {
        let log = folder.with_extension("strace");
        let mut command = Command::new("strace");
        command.args(["-f", "-y", "-xx", "-o"]).arg(&log).args(args);
        command.arg(&self.program).args(["actor", self.actor.word()]).arg(folder);
        command.args([&self.acts.to_string(), self.flaw.word()]);
        // Of its own group, so that a process that hangs can be ended with its strace.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let child = command.spawn().context("cannot start strace: install the package `strace`")?;
        let (printed, end) = finish(child)?;
        let text = fs::read_to_string(&log).context("strace wrote nothing")?;
        fs::remove_file(&log)?;
        let calls = trace::parse(&text)?;
        // Where threads count by themselves, the fault may meet a call that is none to the folder, such as
        // one that wakes another thread.
        let failed = calls.iter().any(|call| call.injected && call.touches(folder).is_some());
        let killed = end != End::Hung && text.contains("+++ killed by SIGKILL +++");
        Ok(Ran { acks: Acks::of(&printed), calls, hit: failed || killed, end })
    }
}

fn finish(mut child: Child) -> Result<(Vec<u8>, End)> {
    use std::io::Read;
    let mut out = child.stdout.take().context("no standard output")?;
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).map(|_| bytes)
    });
    let clock = SystemClock::default();
    let begun = clock.monotonic();
    let end = loop {
        if let Some(status) = child.try_wait()? {
            break if status.success() { End::Well } else { End::Early };
        }
        if clock.monotonic().saturating_sub(begun) > PATIENCE {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
                rustix::process::kill_process_group(group, rustix::process::Signal::KILL)?;
            }
            child.wait()?;
            break End::Hung;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let printed = reader.join().map_err(|_| anyhow::anyhow!("the reader ended"))??;
    Ok((printed, end))
}

/// Every point of an undisturbed run at which a call touches `folder` or standard output.
///
/// strace counts the calls of each thread by themselves. So a point names the path where it is the
/// same in each run, and all threads' calls to it are reached; bodies have random names, and there
/// the thread that comes first to the number is the one.
pub fn points(calls: &[Call], folder: &Path) -> Vec<Point> {
    let mut in_thread: BTreeMap<(u32, &str), usize> = BTreeMap::new();
    let mut on_path: BTreeMap<(u32, &str, PathBuf), usize> = BTreeMap::new();
    let mut points = std::collections::BTreeSet::new();
    let mut ordered: Vec<&Call> = calls.iter().collect();
    ordered.sort_by_key(|call| call.began);
    for call in ordered {
        let nth = in_thread.entry((call.thread, &call.name)).or_insert(0);
        *nth += 1;
        let Some(path) = call.touches(folder) else { continue };
        let Ok(path) = path.strip_prefix(folder).map(Path::to_owned) else { continue };
        let random = path.components().count() > 1 && path.starts_with("objects");
        let point = if random {
            Point { call: call.name.clone(), nth: *nth, path: None }
        } else {
            let nth = on_path.entry((call.thread, &call.name, path.clone())).or_insert(0);
            *nth += 1;
            Point { call: call.name.clone(), nth: *nth, path: Some(path) }
        };
        points.insert(point);
    }
    points.into_iter().collect()
}
