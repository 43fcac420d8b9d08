//! The walls: how the sandbox program is called, and the moment before the job's first instruction.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::cgroup::Group;
use crate::error::{Error, Result};
use crate::executor::{Who, find_program};
use crate::limits::Limits;
use crate::root::Root;
use crate::scratch::Scratch;
use crate::{seccomp, spawn};

/// The sandbox program and whom it runs as.
#[derive(Debug, Clone)]
pub struct Jail {
    bwrap: PathBuf,
    prlimit: Option<PathBuf>,
    who: Who,
}

/// What stands behind the walls.
pub struct Inside<'a> {
    /// The file system.
    pub root: &'a Root,
    /// The scratch; without one nothing is writable.
    pub scratch: Option<&'a Scratch>,
    /// The program as an absolute path inside, or a name in `/usr/bin`, and its arguments.
    pub argv: &'a [String],
    /// The whole environment.
    pub env: &'a [(String, String)],
    /// The limits.
    pub limits: &'a Limits,
    /// Whether the caller feeds standard input.
    pub fed: bool,
}

/// A started job.
pub struct Started {
    /// The sandbox program outside; its end is the job's end.
    pub outer: Child,
    /// The first process inside, whose death ends all others.
    pub inner: OwnedFd,
    /// Its number here.
    pub inner_pid: Pid,
    /// The control group, where one could be made.
    pub group: Option<Group>,
}

/// Parts of `/proc` that speak of the whole machine. Those that this kernel lacks are left out.
const MASKED: &[&str] = &[
    "kcore",
    "kallsyms",
    "keys",
    "key-users",
    "kmsg",
    "sched_debug",
    "timer_list",
    "latency_stats",
    "modules",
];

impl Jail {
    /// Finds the sandbox program.
    pub fn find(who: Who) -> Result<Self> {
        let bwrap = find_program("bwrap").ok_or(Error::Missing {
            what: "bubblewrap",
            why: "not installed".to_owned(),
            hint: "apt-get install bubblewrap",
        })?;
        Ok(Self { bwrap, prlimit: find_program("prlimit"), who })
    }

    /// Raises the walls, sets the limits, and only then lets the job run.
    ///
    /// 1. The sandbox program starts and raises the walls, then waits on a pipe.
    /// 2. It tells us its first process; that process gets the limits and the control group.
    /// 3. A byte through the pipe starts the job.
    ///
    /// An error before step 3 kills what was started; the pipe closing would otherwise start it.
    pub fn start(&self, inside: &Inside<'_>) -> Result<Started> {
        check(inside)?;
        if let Some(scratch) = inside.scratch {
            scratch.check_sealed()?;
        }
        let walls = |e: rustix::io::Errno| Error::Walls(e.to_string());
        let (hold, mut go) = pipe_with(PipeFlags::CLOEXEC).map(|(r, w)| (r, File::from(w))).map_err(walls)?;
        let (mut told, tell) =
            pipe_with(PipeFlags::CLOEXEC).map(|(r, w)| (File::from(r), w)).map_err(walls)?;
        let filter = seccomp::handed()?;

        let mut command = Command::new(&self.bwrap);
        command.env_clear();
        for (flag, fd) in [("--seccomp", &filter), ("--block-fd", &hold), ("--info-fd", &tell)] {
            command.arg(flag).arg(fd.as_raw_fd().to_string());
        }
        namespaces(&mut command);
        files(&mut command, inside);
        environment(&mut command, inside);
        command.arg("--").args(inside.argv);
        command.stdin(if inside.fed { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir("/");
        if let Who::Dropped { uid, gid } = self.who {
            // Setting a user also empties the list of further groups.
            command.uid(uid).gid(gid);
        }
        spawn::prepare(&mut command, vec![filter, hold, tell]);
        let mut outer = spawn::job(command).map_err(Error::io("start", &self.bwrap))?;
        match self.settle(inside, &mut told) {
            Ok((inner, inner_pid, group)) => {
                // A failure here means that it died already, which the caller sees as its end.
                let _ = go.write_all(b"1");
                Ok(Started { outer, inner, inner_pid, group })
            }
            Err(e) => {
                let _ = outer.kill();
                let _ = outer.wait();
                // Only now may the pipe close.
                drop(go);
                Err(with_last_words(e, &mut outer))
            }
        }
    }

    /// Puts the limits on the first process inside, which waits.
    fn settle(&self, inside: &Inside<'_>, told: &mut File) -> Result<(OwnedFd, Pid, Option<Group>)> {
        let pid = first_process(told)?;
        let lost = |e: rustix::io::Errno| Error::Walls(format!("the job's first process is gone: {e}"));
        let inner = pidfd_open(pid, PidfdFlags::empty()).map_err(lost)?;
        let limits = inside.limits;
        let group = Group::make(limits, pid);
        // A parser of untrusted bytes gets no more to ask for than it may use.
        let summed = inside.scratch.is_some() && group.as_ref().is_some_and(Group::limits_memory);
        match limits.set_on(pid, summed) {
            Ok(()) => {}
            Err(rustix::io::Errno::PERM) => self.set_as_job_user(limits, pid, summed)?,
            Err(e) => return Err(Error::Walls(format!("the limits cannot be set: {e}"))),
        }
        Ok((inner, pid, group))
    }

    /// A root without the right over others' limits asks a program that runs as the job's user.
    fn set_as_job_user(&self, limits: &Limits, pid: Pid, summed: bool) -> Result<()> {
        let refused = |why: String| Error::Walls(format!("the limits cannot be set: {why}"));
        let program =
            self.prlimit.as_ref().ok_or_else(|| refused("`prlimit` is not installed".to_owned()))?;
        let mut command = Command::new(program);
        command.env_clear().arg("--pid").arg(pid.as_raw_nonzero().to_string());
        for (_, name, value) in limits.resources(summed) {
            command.arg(format!("{name}={value}:{value}"));
        }
        if let Who::Dropped { uid, gid } = self.who {
            command.uid(uid).gid(gid);
        }
        command.stdin(Stdio::null()).current_dir("/");
        let output = command.output().map_err(|e| refused(e.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(refused(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

fn check(inside: &Inside<'_>) -> Result<()> {
    let program = inside.argv.first().ok_or_else(|| Error::Invalid("no program".to_owned()))?;
    let path = if program.starts_with('/') { program.clone() } else { format!("/usr/bin/{program}") };
    if !inside.root.has(&path) {
        return Err(Error::Invalid(format!("`{program}` is not among the job's tools")));
    }
    let words = inside.argv.iter().chain(inside.env.iter().flat_map(|(k, v)| [k, v]));
    if words.into_iter().any(|word| word.contains('\0'))
        || inside.env.iter().any(|(k, _)| k.is_empty() || k.contains('='))
    {
        return Err(Error::Invalid("arguments and environment are plain text without NUL".to_owned()));
    }
    Ok(())
}

fn namespaces(command: &mut Command) {
    command.args([
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--die-with-parent",
        "--new-session",
    ]);
    command.args(["--uid", "1000", "--gid", "1000", "--hostname", "job", "--cap-drop", "ALL"]);
}

fn files(command: &mut Command, inside: &Inside<'_>) {
    command.arg("--ro-bind").arg(inside.root.folder()).arg("/").args(["--proc", "/proc", "--dev", "/dev"]);
    for name in MASKED {
        let path = format!("/proc/{name}");
        if Path::new(&path).exists() {
            command.args(["--ro-bind", "/dev/null"]).arg(path);
        }
    }
    if let Some(scratch) = inside.scratch {
        let below = |name: &str| scratch.folder().join(name);
        command.arg("--ro-bind").arg(below("in")).arg("/in");
        for (name, at) in [("work", "/work"), ("out", "/out"), ("tmp", "/tmp")] {
            command.arg("--bind").arg(below(name)).arg(at);
        }
        command.args(["--size", "67108864", "--tmpfs", "/dev/shm", "--chdir", "/work"]);
    } else {
        command.args(["--chdir", "/"]);
    }
    command.args(["--remount-ro", "/dev"]);
}

fn environment(command: &mut Command, inside: &Inside<'_>) {
    command.arg("--clearenv");
    let home = if inside.scratch.is_some() { "/work" } else { "/" };
    let ours =
        [("PATH", "/usr/bin"), ("HOME", home), ("LANG", "C.UTF-8"), ("TMPDIR", "/tmp"), ("USER", "job")];
    for (name, value) in ours {
        if !inside.env.iter().any(|(k, _)| k == name) {
            command.args(["--setenv", name, value]);
        }
    }
    for (name, value) in inside.env {
        command.arg("--setenv").arg(name).arg(value);
    }
}

/// Reads `{"child-pid": N}` and what follows it, until the closing brace.
fn first_process(told: &mut File) -> Result<Pid> {
    let mut text = Vec::new();
    let mut byte = [0u8; 1];
    while text.len() < 4096 && !text.contains(&b'}') && told.read(&mut byte).is_ok_and(|n| n == 1) {
        text.extend_from_slice(&byte);
    }
    let number = serde_json::from_slice::<serde_json::Value>(&text).ok();
    let number = number.and_then(|v| v.get("child-pid")?.as_i64()).and_then(|n| i32::try_from(n).ok());
    number.and_then(Pid::from_raw).ok_or_else(|| Error::Walls("the sandbox program ended at once".to_owned()))
}

/// What the sandbox program wrote before it ended, added to the error.
fn with_last_words(error: Error, outer: &mut Child) -> Error {
    let mut said = String::new();
    if let Some(pipe) = outer.stderr.take() {
        let _ = pipe.take(4096).read_to_string(&mut said);
    }
    match error {
        Error::Walls(why) if !said.trim().is_empty() => Error::Walls(format!("{why}: {}", said.trim())),
        other => other,
    }
}
