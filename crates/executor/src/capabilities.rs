//! What this machine offers for sealed jobs, what is missing, and how to get it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::cgroup::Layout;
use crate::executor::find_program;
use crate::scratch::swap_is_off;
use crate::{confine, spawn};

/// The report: one line for each wall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// In the order in which they matter.
    pub capabilities: Vec<Capability>,
}

/// One thing that the machine offers or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capability {
    /// Its name, stable.
    pub name: String,
    /// Whether it is there.
    pub state: State,
    /// What was found.
    pub found: String,
    /// Why it matters.
    pub why: String,
    /// How to get it; empty when it is there.
    pub remedy: String,
}

/// Whether a wall stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is there.
    Ok,
    /// Another wall covers the same ground, less exactly.
    Degraded,
    /// It is absent. Where jobs need it, they are refused.
    Missing,
}

impl Report {
    /// Whether jobs can run here at all: no capability that they need is missing.
    pub fn jobs_can_run(&self) -> bool {
        let needed = ["bubblewrap", "user-namespaces", "seccomp"];
        self.capabilities.iter().all(|c| c.state != State::Missing || !needed.contains(&c.name.as_str()))
    }
}

/// Looks at this machine. Starts a few short programs; needs no site.
pub fn capabilities() -> Report {
    Report {
        capabilities: vec![
            bubblewrap(),
            user_namespaces(),
            seccomp(),
            landlock(),
            control_groups(),
            limits_tool(),
            user(),
            gocryptfs(),
            fuse(),
            memory_scratch(),
            swap(),
        ],
    }
}

fn capability(name: &str, state: State, found: impl Into<String>, why: &str, remedy: &str) -> Capability {
    let remedy = if state == State::Ok { "" } else { remedy };
    Capability { name: name.into(), state, found: found.into(), why: why.into(), remedy: remedy.into() }
}

fn bubblewrap() -> Capability {
    let said = version("bwrap", "--version");
    let state = if said.is_some() { State::Ok } else { State::Missing };
    let why = "raises the walls around a job; without it no job runs";
    capability("bubblewrap", state, said.unwrap_or("not installed".into()), why, "apt-get install bubblewrap")
}

fn user_namespaces() -> Capability {
    let why = "jobs run without any right over this machine; without them no job runs";
    let remedy = "set sysctl user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1, and \
                  kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for bwrap";
    let (state, found) = match try_walls() {
        Ok(()) => (State::Ok, "a walled program ran".to_owned()),
        Err(said) => (State::Missing, said),
    };
    capability("user-namespaces", state, found, why, remedy)
}

/// Runs `true` in all namespaces that a job gets, as the current user.
fn try_walls() -> Result<(), String> {
    let bwrap = find_program("bwrap").ok_or("bubblewrap is not installed")?;
    let mut command = Command::new(bwrap);
    command.args([
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--die-with-parent",
        "--uid",
        "1000",
    ]);
    command.args(["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", "true"]);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let output = spawn::job(command).and_then(|child| child.wait_with_output()).map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

fn seccomp() -> Capability {
    let offered = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    let there = offered.split_whitespace().any(|word| word == "errno");
    let state = if there { State::Ok } else { State::Missing };
    let why = "refuses system calls that analysis tools never need; without it no job runs";
    capability("seccomp", state, offered.trim(), why, "use a kernel with CONFIG_SECCOMP_FILTER")
}

fn landlock() -> Capability {
    // Landlock binds a thread for good; asking for a job's start shows what jobs get.
    if let Some(program) = find_program("true") {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        let _ = spawn::job(command).and_then(|mut child| child.wait());
    }
    let (state, found) = match confine::of_jobs() {
        Some((true, what)) => (State::Ok, what),
        Some((false, what)) => (State::Degraded, what),
        None => (State::Degraded, "could not be tried"),
    };
    let why = "a second wall behind the empty network; files are kept apart by mount namespaces alone, Landlock's \
               file rules hold only for the product's own parsers";
    capability("landlock", state, found, why, "use Linux 6.12 or later with landlock in the `lsm=` list")
}

fn control_groups() -> Capability {
    let why = "the kernel itself keeps a job's memory and processes; otherwise each process is limited and the sum \
               is watched five times a second";
    let remedy = "run as root, or as a service with `Delegate=yes` and `DelegateSubgroup=main`";
    let (state, found) = match Layout::find() {
        Some(Layout::V2(folder)) => (State::Ok, format!("version 2 below {}", folder.display())),
        Some(Layout::V1 { memory: Some(_), pids: Some(_), .. }) => {
            (State::Ok, "version 1: memory, pids".to_owned())
        }
        Some(Layout::V1 { memory, .. }) => {
            let what = if memory.is_some() { "memory" } else { "pids" };
            (State::Degraded, format!("version 1: {what} only"))
        }
        None => (State::Degraded, "not writable".to_owned()),
    };
    capability("control-groups", state, found, why, remedy)
}

fn limits_tool() -> Capability {
    let there = find_program("prlimit").is_some();
    let state = if there { State::Ok } else { State::Degraded };
    let found = if there { "prlimit" } else { "not installed" };
    let why =
        "sets limits on jobs when we are root in a container without CAP_SYS_RESOURCE; jobs are refused then";
    capability("limits-tool", state, found, why, "apt-get install util-linux")
}

fn user() -> Capability {
    let root = rustix::process::geteuid().is_root();
    let found = if root { "root: jobs run as another user" } else { "ordinary user: jobs run as the same" };
    let why =
        "root keeps the job's user apart from the product's; an ordinary user relies on the walls alone";
    let state = if root { State::Ok } else { State::Degraded };
    capability("job-user", state, found, why, "run the site as root or in a virtual machine of its own")
}

fn gocryptfs() -> Capability {
    let said = version("gocryptfs", "-version");
    let state = if said.is_some() { State::Ok } else { State::Missing };
    let why = "encrypts a job's scratch on disk under a key that only memory holds";
    capability(
        "gocryptfs",
        state,
        said.unwrap_or("not installed".into()),
        why,
        "apt-get install gocryptfs fuse3",
    )
}

fn fuse() -> Capability {
    let opened = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse");
    let helper = rustix::process::geteuid().is_root() || find_program("fusermount3").is_some();
    let (state, found) = match opened {
        Ok(_) if helper => (State::Ok, "/dev/fuse opens".to_owned()),
        Ok(_) => (State::Missing, "fusermount3 is not installed".to_owned()),
        Err(e) => (State::Missing, format!("/dev/fuse: {e}")),
    };
    let remedy = "apt-get install fuse3; make /dev/fuse readable and writable for this user (mode 0666)";
    capability("fuse", state, found, "the encrypted scratch is mounted through it", remedy)
}

fn memory_scratch() -> Capability {
    let why = "small jobs can keep their scratch in memory, and all can where gocryptfs is missing";
    let root = rustix::process::geteuid().is_root();
    let new_enough = kernel_at_least(6, 4);
    let (state, found) = match (root, new_enough || swap_is_off()) {
        (true, true) if new_enough => (State::Ok, "tmpfs with noswap"),
        (true, true) => (State::Ok, "tmpfs, and no swap is on"),
        (true, false) => (State::Missing, "this kernel cannot keep a tmpfs out of swap, and swap is on"),
        (false, _) => (State::Missing, "needs root"),
    };
    capability("memory-scratch", state, found, why, "run as root on Linux 6.4 or later, or switch swap off")
}

fn swap() -> Capability {
    let off = swap_is_off();
    let state = if off { State::Ok } else { State::Degraded };
    let why = "swapped memory of a job or of the scratch daemon would reach the disk";
    capability("swap", state, if off { "off" } else { "on" }, why, "swapoff -a, or encrypt the swap device")
}

fn kernel_at_least(major: u32, minor: u32) -> bool {
    let text = fs::read_to_string(Path::new("/proc/sys/kernel/osrelease")).unwrap_or_default();
    let mut parts = text.split(|c: char| !c.is_ascii_digit()).filter_map(|p| p.parse::<u32>().ok());
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (major, minor)
}

fn version(program: &str, flag: &str) -> Option<String> {
    let mut command = Command::new(find_program(program)?);
    let output = command.arg(flag).env_clear().stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.chars().filter(|c| !c.is_control()).take(120).collect())
}
