//! The product dies by force: no job goes on, no key is left, and the next start clears the rest.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::SystemEntropy;
use executor::{Executor, Settings};

use crate::common::processes_with;

#[test]
fn a_killed_host_leaves_no_job_no_key_and_nothing_after_the_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let unique = format!("62{}", std::process::id());
    // The daemon works first: the kernel unties a process that takes on another user from its parent.
    let files = "for n in 1 2 3 4 5 6 7 8 9; do echo x > /work/f$n; echo y > /out/g$n; cat /work/f$n > /tmp/h$n; done";
    let script = format!("{files}; sleep {unique} & echo ready; sleep {unique}");
    let mut host = Command::new(env!("CARGO_BIN_EXE_executor-probe"))
        .arg("host")
        .arg(folder.path())
        .arg(&script)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(host.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let settings = Settings::for_site(folder.path());
    let cipher = settings.disk.to_str().unwrap().to_owned();
    assert!(processes_with(&unique) >= 2 && processes_with(&cipher) >= 1);

    host.kill().unwrap();
    host.wait().unwrap();
    let begun = Instant::now();
    while processes_with(&unique) + processes_with(&cipher) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "the job or the scratch daemon goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(fs::read_dir(&settings.memory).unwrap().count() > 0, "a crash leaves something to sweep");
    assert!(fs::read_dir(&settings.disk).unwrap().count() > 0);

    let point = fs::read_dir(&settings.memory).unwrap().flatten().map(|item| item.path());
    let point = point.filter(|path| path.to_string_lossy().contains("/mount-")).collect::<Vec<_>>();
    assert_eq!(point.len(), 1);
    assert!(fs::read_dir(&point[0]).is_err() || fs::read_dir(&point[0]).unwrap().count() == 0, "plaintext");

    let executor = Executor::open(settings.clone(), Arc::new(SystemEntropy)).unwrap();
    assert_eq!(fs::read_dir(&settings.memory).unwrap().count(), 0);
    assert_eq!(fs::read_dir(&settings.disk).unwrap().count(), 0);
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(settings.memory.to_str().unwrap()));
    drop(executor);
    assert!(!settings.memory.exists());
}
