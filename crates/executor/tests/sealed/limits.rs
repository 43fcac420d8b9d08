//! A job that takes too much is stopped, and only that job.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use executor::job::Stop;
use executor::{CancelToken, Job, Limits};

use crate::common::{Site, quick};

fn words(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

#[test]
fn a_fork_bomb_ends() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&[]), site.scratch());
    let limits = Limits { wall: Duration::from_secs(3), pids: 32, ..quick() };
    let script =
        "b() { b | b & }; b; sleep 1; n=0; for p in /proc/[0-9]*; do n=$((n+1)); done; echo $n; sleep 60";
    let begun = Instant::now();
    let (finished, said) = site.limited(&root, &scratch, script, limits);
    assert!(finished.stopped.is_some() || !finished.success(), "{finished:?}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    for count in said.lines().filter_map(|line| line.parse::<u64>().ok()) {
        assert!(count <= 34, "{count} processes");
    }
    assert!(site.sh(&root, &scratch, "exit 0").0.success(), "the next job runs");
}

#[test]
fn more_processes_than_allowed_cannot_be_made() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&[]), site.scratch());
    let script = "i=0; while [ $i -lt 20 ]; do sleep 5 & i=$((i+1)); done; echo all of them";
    let tight = Limits { pids: 8, ..quick() };
    let (finished, said) = site.limited(&root, &scratch, script, tight);
    assert!(!finished.success() && !said.contains("all of them"), "{finished:?} {said}");
    let (_, said) = site.limited(&root, &scratch, script, quick());
    assert!(said.contains("all of them"), "{said}");
}

#[test]
fn a_memory_hog_is_refused_or_killed() {
    let site = Site::new();
    let (root, scratch) = (site.probe(), site.scratch());
    let limits = || Limits { memory_bytes: 64 << 20, ..quick() };
    let (_, said) = site.limited(&root, &scratch, "probe hog 33554432", limits());
    assert_eq!(said.trim(), "8192", "half of it is fine");
    let (_, said) = site.limited(&root, &scratch, "probe hog 19000000000", limits());
    assert!(said.contains("refused"), "{said}");
    // Each process stays below what it may ask for; only the sum is above the limit.
    let script = "for i in 1 2 3 4; do probe hold 40000000 & done; wait";
    let (finished, said) = site.limited(&root, &scratch, script, limits());
    assert!(finished.oom, "{finished:?} {said}");
}

#[test]
fn time_ends() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&[]), site.scratch());
    let limits = Limits { wall: Duration::from_millis(700), ..quick() };
    let (finished, _) = site.limited(&root, &scratch, "sleep 100 & sleep 100", limits);
    assert_eq!((finished.timed_out, finished.stopped, finished.success()), (true, Some(Stop::Wall), false));
    assert!(finished.wall < Duration::from_secs(5), "{:?}", finished.wall);
}

#[test]
fn processor_time_ends() {
    let site = Site::new();
    let (root, scratch) = (site.probe(), site.scratch());
    let limits = Limits { cpu_seconds: 1, ..quick() };
    let (finished, _) = site.limited(&root, &scratch, "probe spin & probe spin & wait", limits);
    assert!(!finished.success(), "{finished:?}");
    assert!(
        finished.cpu >= Duration::from_millis(900) && finished.cpu < Duration::from_secs(4),
        "{finished:?}"
    );
}

#[test]
fn a_disk_filler_is_stopped() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&[]), site.scratch());
    let limits = || Limits { output_bytes: 4 << 20, ..quick() };
    let (finished, _) =
        site.limited(&root, &scratch, "dd if=/dev/zero of=/out/x bs=1M count=64 2>/dev/null", limits());
    assert!(!finished.success(), "one large file: {finished:?}");
    let script = "i=0; while :; do dd if=/dev/zero of=/work/$i bs=1M count=1 2>/dev/null; i=$((i+1)); done";
    let (finished, _) = site.limited(&root, &scratch, script, limits());
    assert_eq!(finished.stopped, Some(Stop::Disk), "many files: {finished:?}");
    let (finished, _) = site.limited(&root, &site.scratch(), "echo x > /out/x", limits());
    assert!(finished.success(), "{finished:?}");
}

#[test]
fn a_cancelled_job_ends_with_all_its_processes() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&[]), site.scratch());
    let token = CancelToken::new();
    let unique = format!("61{}", std::process::id());
    let mut lines = vec![];
    let canceller = token.clone();
    let finished = site
        .executor
        .run(Job {
            root: &root,
            scratch: &scratch,
            argv: words(&format!("sleep {unique} & echo ready; sleep {unique}")),
            env: vec![],
            limits: quick(),
            cancel: token,
            lease: Box::new(|| true),
            on_line: Box::new(move |_, line| {
                lines.push(line.to_owned());
                canceller.cancel();
            }),
        })
        .unwrap();
    assert_eq!((finished.cancelled, finished.log_tail), (true, vec!["ready".to_owned()]));
    assert!(finished.wall < Duration::from_secs(5));
    assert_eq!(crate::common::processes_with(&unique), 0);
}

#[test]
fn a_revoked_permit_stops_the_job() {
    let site = Site::new();
    let (root, scratch) = (site.shell(&[]), site.scratch());
    let holds = AtomicBool::new(true);
    let finished = site
        .executor
        .run(Job {
            root: &root,
            scratch: &scratch,
            argv: words("echo ready; sleep 100"),
            env: vec![],
            limits: quick(),
            cancel: CancelToken::new(),
            lease: Box::new(|| holds.load(Ordering::SeqCst)),
            on_line: Box::new(|_, _| holds.store(false, Ordering::SeqCst)),
        })
        .unwrap();
    assert_eq!((finished.stopped, finished.log_tail), (Some(Stop::LeaseLost), vec!["ready".to_owned()]));
    assert!(finished.wall < Duration::from_secs(60), "not by its own end: {:?}", finished.wall);
}
