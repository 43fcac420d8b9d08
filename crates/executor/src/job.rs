//! A job from start to finish.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cancel::CancelToken;
use crate::error::Result;
use crate::jail::{Inside, Jail};
use crate::limits::Limits;
use crate::lines::{Lines, Stream};
use crate::root::Root;
use crate::scratch::Scratch;
use crate::supervise::{Orders, watch};

/// Receives one line of a job's output.
pub type OnLine<'a> = Box<dyn FnMut(Stream, &str) + 'a>;

/// One job: what stands behind the walls, and what may stop it.
///
/// Inside, the inputs are in `/in` (read-only), the working folder is `/work`, outputs go to `/out`,
/// `/tmp` is writable; nothing else is. The caller wrote the inputs to [`Scratch::inputs`] before.
pub struct Job<'a> {
    /// The tools.
    pub root: &'a Root,
    /// The encrypted folder.
    pub scratch: &'a Scratch,
    /// The program (a name in `/usr/bin` or an absolute path inside) and its arguments.
    pub argv: Vec<String>,
    /// Environment, beyond `PATH`, `HOME`, `LANG`, `TMPDIR` and `USER`, which it may replace.
    pub env: Vec<(String, String)>,
    /// The limits.
    pub limits: Limits,
    /// Stops the job from another thread.
    pub cancel: CancelToken,
    /// Asked at the start and at least once a second: whether the permit still holds. A permit that
    /// was revoked stops the job.
    pub lease: Box<dyn FnMut() -> bool + 'a>,
    /// Receives the lines of both outputs as they come, cut to a length and to a total. They are the
    /// tool's words and may hold anything: redact before they go anywhere.
    pub on_line: OnLine<'a>,
}

/// Why a job was stopped from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// By its token.
    Cancelled,
    /// Its permit ended.
    LeaseLost,
    /// Its time ran out.
    Wall,
    /// Its processor time ran out.
    Cpu,
    /// It took more memory than it may.
    Memory,
    /// It kept more in its scratch than it may, hid a folder from measurement, or the disk ran full.
    Disk,
}

/// How a job ended. Only [`Finished::success`] lets its outputs be looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finished {
    /// The exit code, unless a signal ended it.
    pub exit: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The kernel or the watcher killed something for want of memory.
    pub oom: bool,
    /// Its time ran out.
    pub timed_out: bool,
    /// It was cancelled.
    pub cancelled: bool,
    /// Why it was stopped, if it was.
    pub stopped: Option<Stop>,
    /// From start to end.
    pub wall: Duration,
    /// Processor time of all its processes: exact under a control group, sampled otherwise.
    pub cpu: Duration,
    /// The most bytes of memory at one moment: exact under a control group, sampled otherwise.
    pub max_rss: u64,
    /// The last lines of both outputs.
    pub log_tail: Vec<String>,
}

impl Finished {
    /// It ended by itself with exit code 0 and lost no process to the memory limit. That is not yet
    /// success of the work: the outputs are checked next.
    pub fn success(&self) -> bool {
        self.exit == Some(0) && self.stopped.is_none() && !self.oom
    }
}

/// Starts, watches, and returns after the last process of the job has ended.
pub(crate) fn run(jail: &Jail, mut job: Job<'_>) -> Result<Finished> {
    let limits = job.scratch.added_to(&job.limits);
    let inside = Inside {
        root: job.root,
        scratch: Some(job.scratch),
        argv: &job.argv,
        env: &job.env,
        limits: &limits,
        fed: false,
    };
    job.scratch.check_sealed()?;
    job.scratch.open_inputs()?;
    let mut started = jail.start(&inside)?;
    let lines = Lines::read(started.outer.stdout.take(), started.outer.stderr.take());
    let orders = Orders {
        limits: &job.limits,
        cancel: &job.cancel,
        lease: &mut *job.lease,
        scratch: Some(job.scratch.folder()),
        on_line: &mut *job.on_line,
    };
    watch(started, lines, orders)
}
