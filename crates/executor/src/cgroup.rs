//! Control groups, version 1 or 2, where we may make one below our own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Pid;

use crate::limits::Limits;
use crate::processes::Usage;

/// The group of one job. Removed when dropped, after its processes ended.
#[derive(Debug)]
pub struct Group {
    layout: Layout,
    name: String,
}

/// Folders in which a group can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// One folder for everything.
    V2(PathBuf),
    /// One folder a controller; those that are absent are not used.
    V1 {
        /// `memory`
        memory: Option<PathBuf>,
        /// `pids`
        pids: Option<PathBuf>,
        /// `cpuacct`
        cpu: Option<PathBuf>,
    },
}

const PREFIX: &str = "sequestra-job-";

impl Group {
    /// Makes a group with the limits and puts `pid` in it. `None` where this machine gives us none;
    /// the limits of processes and the watch over them hold all the same.
    pub fn make(limits: &Limits, pid: Pid) -> Option<Self> {
        let layout = Layout::find()?;
        let group = Self { layout, name: format!("{PREFIX}{}", pid.as_raw_nonzero()) };
        // From here on, dropping removes what was begun.
        let folders = group.folders();
        if folders.is_empty() {
            return None;
        }
        for folder in &folders {
            let _ = fs::remove_dir(folder);
            fs::create_dir(folder).ok()?;
        }
        let write = |folder: &Path, file: &str, value: u64| fs::write(folder.join(file), value.to_string());
        let pids = limits.pids.saturating_add(1);
        match &group.layout {
            Layout::V2(base) => {
                let folder = base.join(&group.name);
                write(&folder, "memory.max", limits.memory_bytes).ok()?;
                let _ = write(&folder, "memory.swap.max", 0);
                let _ = write(&folder, "memory.oom.group", 1);
                write(&folder, "pids.max", pids).ok()?;
            }
            Layout::V1 { memory, pids: tasks, .. } => {
                if let Some(base) = memory {
                    write(&base.join(&group.name), "memory.limit_in_bytes", limits.memory_bytes).ok()?;
                }
                if let Some(base) = tasks {
                    write(&base.join(&group.name), "pids.max", pids).ok()?;
                }
            }
        }
        let member = u64::try_from(pid.as_raw_nonzero().get()).ok()?;
        for folder in &folders {
            write(folder, "cgroup.procs", member).ok()?;
        }
        Some(group)
    }

    /// Whether the kernel itself keeps the memory limit.
    pub fn limits_memory(&self) -> bool {
        matches!(&self.layout, Layout::V2(_) | Layout::V1 { memory: Some(_), .. })
    }

    /// What the job has used; the memory is the most at any moment, where the kernel keeps it.
    pub fn usage(&self) -> (Option<Duration>, Option<u64>) {
        let number = |path: PathBuf| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        match &self.layout {
            Layout::V2(base) => {
                let folder = base.join(&self.name);
                let micros = field(&folder.join("cpu.stat"), "usage_usec");
                (micros.map(Duration::from_micros), number(folder.join("memory.peak")))
            }
            Layout::V1 { memory, cpu, .. } => {
                let nanos = cpu.as_ref().and_then(|base| number(base.join(&self.name).join("cpuacct.usage")));
                let peak = memory
                    .as_ref()
                    .and_then(|base| number(base.join(&self.name).join("memory.max_usage_in_bytes")));
                (nanos.map(Duration::from_nanos), peak)
            }
        }
    }

    /// What the group says, completed by what the process tree says.
    pub fn complete(group: Option<&Self>, first: Pid) -> Usage {
        let (cpu, resident) = group.map(Self::usage).unwrap_or_default();
        match (cpu, resident) {
            (Some(cpu), Some(resident)) => Usage { cpu, resident },
            _ => {
                let tree = crate::processes::tree(first);
                Usage { cpu: cpu.unwrap_or(tree.cpu), resident: resident.unwrap_or(tree.resident) }
            }
        }
    }

    /// Whether the kernel killed something of the job for want of memory.
    pub fn was_out_of_memory(&self) -> bool {
        let killed = match &self.layout {
            Layout::V2(base) => field(&base.join(&self.name).join("memory.events"), "oom_kill"),
            Layout::V1 { memory, .. } => memory
                .as_ref()
                .and_then(|base| field(&base.join(&self.name).join("memory.oom_control"), "oom_kill")),
        };
        killed.is_some_and(|count| count > 0)
    }

    fn folders(&self) -> Vec<PathBuf> {
        self.layout.bases().into_iter().map(|base| base.join(&self.name)).collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in self.folders() {
            // The kernel lets go of the last process a moment after its end.
            for _ in 0..50 {
                match fs::remove_dir(&folder) {
                    Err(e) if e.raw_os_error() == Some(libc::EBUSY) => {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    _ => break,
                }
            }
        }
    }
}

impl Layout {
    /// Where we may make groups, tried by making one. The first answer that is not "nowhere" is
    /// looked up anew for every job, since a service manager may change it.
    pub fn find() -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        Self::second(&own, &mounts).or_else(|| Self::first(&own, &mounts))
    }

    /// A folder of version 2 that hands memory and process limits to its children: our own, or the
    /// one above when a service manager put us into a leaf of a delegated part.
    fn second(own: &str, mounts: &str) -> Option<Self> {
        let path = own.lines().find_map(|line| line.strip_prefix("0::"))?;
        let base = locate(mounts, |kind, _| kind == "cgroup2", path)?;
        let above = base.parent().map(Path::to_owned);
        for folder in std::iter::once(base).chain(above) {
            let control = folder.join("cgroup.subtree_control");
            let has = || {
                let text = fs::read_to_string(&control).unwrap_or_default();
                let offers = |name: &str| text.split_whitespace().any(|word| word == name);
                offers("memory") && offers("pids")
            };
            if !has() {
                let _ = fs::write(&control, "+memory +pids");
            }
            if has() && writable(&folder) {
                return Some(Self::V2(folder));
            }
        }
        None
    }

    fn first(own: &str, mounts: &str) -> Option<Self> {
        let find = |controller: &str| {
            let line = own
                .lines()
                .find(|line| line.split(':').nth(1).is_some_and(|c| c.split(',').any(|c| c == controller)))?;
            let path = line.splitn(3, ':').nth(2)?;
            let holds =
                |kind: &str, options: &str| kind == "cgroup" && options.split(',').any(|o| o == controller);
            locate(mounts, holds, path).filter(|folder| writable(folder))
        };
        let layout = Self::V1 { memory: find("memory"), pids: find("pids"), cpu: find("cpuacct") };
        (!layout.bases().is_empty()).then_some(layout)
    }

    fn bases(&self) -> Vec<&PathBuf> {
        match self {
            Self::V2(base) => vec![base],
            Self::V1 { memory, pids, cpu } => [memory, pids, cpu].into_iter().flatten().collect(),
        }
    }
}

/// The folder of the group `path` in the first mount that `is` accepts (by type and options).
fn locate(mounts: &str, is: impl Fn(&str, &str) -> bool, path: &str) -> Option<PathBuf> {
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let mut right = right.split(' ');
        let (kind, options) = (right.next()?, right.nth(1).unwrap_or_default());
        let mut left = left.split(' ').skip(3);
        let (Some(root), Some(point)) = (left.next(), left.next()) else { continue };
        if !is(kind, options) {
            continue;
        }
        let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(path).strip_prefix("/").ok()?);
        let folder = Path::new(point).join(below);
        if folder.is_dir() {
            return Some(folder);
        }
    }
    None
}

/// Whether we may make a group in `folder`. Its mode says nothing: the topmost ones are `r-x` and root
/// writes to them all the same.
fn writable(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Removes groups that a crash left; those with processes stay, the kernel refuses.
pub fn sweep() {
    for base in Layout::find().iter().flat_map(Layout::bases) {
        for item in fs::read_dir(base).into_iter().flatten().flatten() {
            if item.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
                let _ = fs::remove_dir(item.path());
            }
        }
    }
}

/// The number behind `name` in a file of lines `name number`.
fn field(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}
