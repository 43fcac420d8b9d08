//! How much of the machine a job may use.

use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde::{Deserialize, Serialize};

/// The limits of one job, all of them always in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// From start to end.
    pub wall: Duration,
    /// Processor seconds, all processes of the job together.
    pub cpu_seconds: u64,
    /// Bytes of memory, all processes together.
    pub memory_bytes: u64,
    /// Processes and threads at one time.
    pub pids: u64,
    /// Bytes that the job may keep in its scratch (`/work`, `/out`, `/tmp`) together.
    pub output_bytes: u64,
    /// Open files of one process.
    pub open_files: u64,
}

impl Default for Limits {
    /// One hour, one hour of processor, 4 GiB, 256 processes, 64 GiB of scratch, 1024 files.
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(3600),
            cpu_seconds: 3600,
            memory_bytes: 4 << 30,
            pids: 256,
            output_bytes: 64 << 30,
            open_files: 1024,
        }
    }
}

impl Limits {
    /// For a parser of untrusted bytes: 30 s, 1 GiB, 8 processes, no file at all.
    pub fn for_filter() -> Self {
        Self {
            wall: Duration::from_secs(30),
            cpu_seconds: 30,
            memory_bytes: 1 << 30,
            pids: 8,
            output_bytes: 0,
            open_files: 64,
        }
    }

    /// The limits that the kernel keeps for each process by itself.
    ///
    /// `RLIMIT_NPROC` counts inside the job's own user namespace; the namespace's init is one of them.
    /// `RLIMIT_DATA` bounds what one process may ask for. Tools ask for more than they touch, so where
    /// the kernel keeps the sum (`summed`), asking may go to four times the limit.
    pub(crate) fn resources(&self, summed: bool) -> Vec<(Resource, &'static str, u64)> {
        let data = if summed { self.memory_bytes.saturating_mul(4) } else { self.memory_bytes };
        vec![
            (Resource::Nproc, "--nproc", self.pids.saturating_add(1)),
            (Resource::Data, "--data", data),
            (Resource::Cpu, "--cpu", self.cpu_seconds.max(1)),
            (Resource::Fsize, "--fsize", self.output_bytes),
            (Resource::Nofile, "--nofile", self.open_files.max(8)),
            (Resource::Core, "--core", 0),
            (Resource::Memlock, "--memlock", 64 << 10),
        ]
    }

    /// Sets them on a process of the same user, or as a process that may. Lowering is for good.
    pub(crate) fn set_on(&self, pid: Pid, summed: bool) -> rustix::io::Result<()> {
        for (resource, _, value) in self.resources(summed) {
            prlimit(Some(pid), resource, Rlimit { current: Some(value), maximum: Some(value) })?;
        }
        Ok(())
    }
}
