//! Watches a started job until it ends, and stops it when it must.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::cancel::CancelToken;
use crate::cgroup::Group;
use crate::error::{Error, Result};
use crate::jail::Started;
use crate::job::{Finished, Stop};
use crate::limits::Limits;
use crate::lines::{Lines, Stream};
use crate::mounts;

/// What the watcher obeys.
pub struct Orders<'a> {
    pub limits: &'a Limits,
    pub cancel: &'a CancelToken,
    /// Whether the permit under which the job runs still holds.
    pub lease: &'a mut dyn FnMut() -> bool,
    /// The scratch folder, whose job folders are measured.
    pub scratch: Option<&'a Path>,
    pub on_line: &'a mut dyn FnMut(Stream, &str),
}

const TICK: Duration = Duration::from_millis(25);
const MEASURE: Duration = Duration::from_millis(200);
const LEASE: Duration = Duration::from_millis(500);
/// Jobs stop before the disk under the scratch is full: the ledger may live on the same disk.
const RESERVE: u64 = 256 << 20;

/// Waits for the end of the job, passing its lines on. Whatever happens here, the job has ended
/// when this returns.
pub fn watch(started: Started, mut lines: Lines, orders: Orders<'_>) -> Result<Finished> {
    let begun = Instant::now();
    let mut job = Watched { outer: started.outer, inner: started.inner, stop: None };
    let ended = pid_of(&job.outer).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    let Some(ended) = ended else {
        return Err(Error::Walls("the job cannot be watched".to_owned()));
    };
    let mut peak = 0;
    let mut cpu = Duration::ZERO;
    let mut next_measure = begun;
    let mut next_lease = begun;
    while !has_ended(&ended, TICK) {
        lines.drain(orders.on_line);
        let now = Instant::now();
        if orders.cancel.is_cancelled() {
            job.stop(Stop::Cancelled);
        }
        if now >= next_lease {
            next_lease = now + LEASE;
            if !(orders.lease)() {
                job.stop(Stop::LeaseLost);
            }
        }
        if begun.elapsed() >= orders.limits.wall {
            job.stop(Stop::Wall);
        }
        if now >= next_measure {
            let used = Group::complete(started.group.as_ref(), started.inner_pid);
            (peak, cpu) = (peak.max(used.resident), cpu.max(used.cpu));
            if let Some(limit) = exceeded(orders.limits, started.group.as_ref(), peak, cpu, orders.scratch) {
                job.stop(limit);
            }
            // Measuring must not eat the machine either.
            // A short job is looked at often, so that what it used is seen before it ends.
            let pause = MEASURE.min(begun.elapsed() / 2);
            next_measure = Instant::now() + pause.max(now.elapsed() * 10);
        }
    }
    // The sandbox program outside ends on a word from inside, before the last process is gone.
    // INVARIANT (nothing runs on): the first process inside is the namespace's init, which the kernel
    // lets end only after all others.
    let _ = pidfd_send_signal(&job.inner, Signal::KILL);
    while !has_ended(&job.inner, TICK) {}
    let status = job.outer.wait().map_err(Error::io("wait for", Path::new("bwrap")))?;
    let wall = begun.elapsed();
    let log_tail = lines.finish(orders.on_line);
    let (group_cpu, group_peak) = started.group.as_ref().map(Group::usage).unwrap_or_default();
    let oom = started.group.as_ref().is_some_and(Group::was_out_of_memory) || job.stop == Some(Stop::Memory);
    let (exit, signal) = ending(status);
    Ok(Finished {
        exit,
        signal,
        oom,
        timed_out: job.stop == Some(Stop::Wall),
        cancelled: job.stop == Some(Stop::Cancelled),
        stopped: job.stop,
        wall,
        cpu: group_cpu.unwrap_or(cpu).max(cpu),
        max_rss: group_peak.unwrap_or(peak).max(peak),
        log_tail,
    })
}

/// A job that ends when its watcher does, also by an early return.
struct Watched {
    outer: Child,
    inner: OwnedFd,
    stop: Option<Stop>,
}

impl Watched {
    fn stop(&mut self, why: Stop) {
        if self.stop.is_none() {
            self.stop = Some(why);
        }
        // The first process inside is the namespace's init: the kernel ends all others with it.
        let _ = pidfd_send_signal(&self.inner, Signal::KILL);
        let _ = self.outer.kill();
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = pidfd_send_signal(&self.inner, Signal::KILL);
        if let Ok(None) = self.outer.try_wait() {
            let _ = self.outer.kill();
            let _ = self.outer.wait();
        }
    }
}

fn exceeded(
    limits: &Limits,
    group: Option<&Group>,
    peak: u64,
    cpu: Duration,
    scratch: Option<&Path>,
) -> Option<Stop> {
    if cpu.as_secs() >= limits.cpu_seconds.max(1) {
        return Some(Stop::Cpu);
    }
    // Where the kernel keeps the memory limit it may reclaim; the peak alone proves nothing there.
    if peak > limits.memory_bytes && !group.is_some_and(Group::limits_memory) {
        return Some(Stop::Memory);
    }
    let scratch = scratch?;
    let mut used = 0u64;
    for name in ["work", "out", "tmp"] {
        match occupied(&scratch.join(name), 0) {
            Some(bytes) => used = used.saturating_add(bytes),
            // A folder closed against us cannot be measured, so it is not allowed.
            None => return Some(Stop::Disk),
        }
    }
    let on_disk = !mounts::in_memory(scratch).unwrap_or(false);
    let full = on_disk && mounts::free_bytes(scratch).is_none_or(|free| free < RESERVE);
    (used > limits.output_bytes || full).then_some(Stop::Disk)
}

/// Bytes that the files below `folder` occupy; each name costs at least one block.
fn occupied(folder: &Path, depth: u16) -> Option<u64> {
    if depth > 256 {
        return None;
    }
    let mut total = 0u64;
    let items = match fs::read_dir(folder) {
        // It went away between listing and looking.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Some(0),
        items => items.ok()?,
    };
    for item in items.flatten() {
        let Ok(found) = fs::symlink_metadata(item.path()) else { continue };
        total = total.saturating_add(found.blocks().saturating_mul(512).max(512));
        if found.is_dir() {
            total = total.saturating_add(occupied(&item.path(), depth + 1)?);
        }
    }
    Some(total)
}

fn has_ended(ended: &OwnedFd, wait: Duration) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::IN)];
    let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
    matches!(poll(&mut fds, Some(&timeout)), Ok(count) if count > 0)
}

fn pid_of(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()).ok()?)
}

/// The sandbox program reports a signal as 128 and its number, as shells do.
fn ending(status: ExitStatus) -> (Option<i32>, Option<i32>) {
    match (status.code(), status.signal()) {
        (Some(code @ 129..=192), _) => (None, Some(code - 128)),
        other => other,
    }
}
