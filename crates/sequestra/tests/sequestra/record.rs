//! The record, shown to those outside: proofs that a second program checks, and its end as it grows.

use crate::site::{PROGRAM, Site, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The second verifier, which lies beside the program.
pub fn verifier() -> PathBuf {
    let program = Path::new(PROGRAM).with_file_name("sequestra-verify");
    let target = program.parent().and_then(Path::parent).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "-p", "sequestra-verify", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success() && program.exists(), "sequestra-verify cannot be built");
    program
}

pub fn exit(program: &Path, args: &[&str], file: &Path, site: &Site) -> i32 {
    let mut command = Command::new(program);
    command.args(args).arg(file).arg("--site-key").arg(site.folder.join("site.pub")).env_clear();
    let output = command.stdin(Stdio::null()).output().unwrap();
    output.status.code().unwrap()
}

#[test]
fn a_proof_and_a_receipt_hold_for_a_second_program() {
    let (site, program) = (Site::copy(), verifier());
    let kept = site.room.join("kept.txt");
    let kept_text = kept.to_str().unwrap();
    site.json("auditor", &["ledger", "checkpoint", "--out", kept_text]);
    let file = site.room.join("event.tlog-proof");
    site.json("auditor", &["ledger", "prove", "4", "--against", kept_text, "--out", file.to_str().unwrap()]);
    assert_eq!(exit(&program, &["proof", "--against", kept_text], &file, &site), 0);
    assert_eq!(exit(&program, &["checkpoint"], &kept, &site), 0);
    let mut changed = fs::read(&file).unwrap();
    changed[60] ^= 1;
    fs::write(&file, changed).unwrap();
    assert_eq!(exit(&program, &["proof"], &file, &site), 1);

    let project = site.last("analyst", &["project", "list"]);
    let run = site.last("viewer", &["run", "list", &project]);
    let receipt = site.room.join("run.receipt.json");
    site.json("auditor", &["receipt", "show", &run, "--out", receipt.to_str().unwrap()]);
    assert_eq!(exit(&program, &["receipt"], &receipt, &site), 0);
    assert_eq!(exit(&program, &["receipt"], &kept, &site), 1);
    // A role that may check the ledger does not read events by way of proofs.
    for who in ["admin", "analyst"] {
        let done = site.run(who, &["ledger", "prove", "4"]);
        assert!(done.exit == 4 && done.out.is_empty(), "{who}: {}", done.err);
    }
}

/// The lines so far.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn the_end_of_the_ledger_is_followed_and_resumed_without_a_gap() {
    let site = Site::copy();
    site.start();
    let follow = |from: &str, name: &str| {
        let path = site.room.join(name);
        let mut command = site.command("auditor", &["ledger", "watch", "--from", from]);
        let child = command.stdout(File::create(&path).unwrap()).stderr(Stdio::null()).spawn().unwrap();
        (child, path)
    };
    let (mut child, path) = follow("0", "first");
    until("the past is shown", || lines(&path).len() > 10);
    site.invite("newcomer");
    let made = |lines: &[Value]| lines.iter().any(|leaf| leaf["event"]["action"] == "manage-accounts");
    let size = site.events().len();
    until("what happens is shown", || lines(&path).len() >= size && made(&lines(&path)));
    let interrupted = Pid::from_child(&child);
    kill_process(interrupted, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let first = lines(&path);
    assert!(first.iter().enumerate().all(|(at, leaf)| leaf["position"] == at), "a gap");
    let next = first.len().to_string();
    let (mut child, path) = follow(&next, "second");
    until("it goes on where it ended", || !lines(&path).is_empty());
    assert_eq!(lines(&path)[0]["position"], first.len());
    // The end of a tail is on record, and the site's end is the tail's.
    site.lock();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let events = site.events();
    let ask = |leaf: &&Value| leaf["event"]["action"] == "search-audit-site";
    for decision in events.iter().filter(ask) {
        let ended = |leaf: &&Value| leaf["event"]["decision"] == decision["position"];
        assert!(events.iter().any(|leaf| ended(&leaf)), "no outcome of {decision}");
    }
    let done = site.run("admin", &["ledger", "watch", "--from", "0"]);
    assert!(done.exit == 4 && done.out.is_empty(), "{}", done.err);
}

#[test]
fn a_question_that_nothing_can_answer_is_refused() {
    let site = Site::fresh(&["auditor"]);
    for (args, word) in [
        (&["--action", "downlod-object"][..], "`downlod-object`"),
        (&["--since", "2031-02-01", "--until", "2031-01-01"][..], "ends before it begins"),
    ] {
        let done = site.run("auditor", &[&["audit", "search"], args].concat());
        assert!(done.exit == 2 && done.err.contains("SERVER-003") && done.err.contains(word), "{}", done.err);
    }
    for known in ["search-audit-site", "decision", "outcome", "session-opened", "hold-changed"] {
        site.json("auditor", &["audit", "search", "--action", known]);
    }
    // What is no checkpoint of this ledger says nothing about it.
    let other = site.room.join("other.txt");
    fs::write(&other, "no checkpoint").unwrap();
    let done = site.run("auditor", &["ledger", "verify", "--against", other.to_str().unwrap()]);
    assert!(done.exit == 2 && done.err.contains("checkpoint kept elsewhere"), "{}", done.err);
    // A site that was locked has no process any more.
    site.start();
    site.json("admin", &["site", "lock"]);
    let lock = File::open(site.folder.join("ledger/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
}
