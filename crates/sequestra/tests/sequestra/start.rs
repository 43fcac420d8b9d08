//! What refuses to start, and what a killed process leaves.

use crate::site::{PROGRAM, Site, copy_folder, until};
use crate::story::sample_of;
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// A start that is refused with `code`, and the words of the refusal.
fn refused(site: &Site, code: &str) -> String {
    let done = site.run("admin", &["whoami"]);
    assert_ne!(done.exit, 0);
    assert!(done.err.contains(code) && done.err.contains("hint: "), "not {code}: {}", done.err);
    assert!(site.process().is_none(), "a refused site listens");
    done.err
}

fn change(site: &Site) {
    site.invite("newcomer");
    let project = site.last("manager", &["project", "list"]);
    site.json("manager", &["member", "add", &project, "newcomer", "--role", "viewer"]);
}

fn replace(from: &Path, to: &Path) {
    if to.is_dir() {
        fs::remove_dir_all(to).unwrap()
    } else {
        fs::remove_file(to).unwrap()
    }
    copy_folder(from, to);
}

#[test]
fn a_database_put_back_is_named_and_refused() {
    let site = Site::copy();
    let (database, older, newer) =
        (site.folder.join("metadata.db"), site.room.join("older.db"), site.room.join("newer.db"));
    copy_folder(&database, &older);
    change(&site);
    site.lock();
    copy_folder(&database, &newer);
    replace(&older, &database);
    assert!(refused(&site, "AUDIT-005").contains("database was rolled back"));
    replace(&newer, &database);
    site.assert_sound();
}

#[test]
fn a_ledger_put_back_is_named_and_refused() {
    let site = Site::copy();
    let (ledger, older, newer) =
        (site.folder.join("ledger"), site.room.join("older"), site.room.join("newer"));
    copy_folder(&ledger, &older);
    change(&site);
    site.lock();
    copy_folder(&ledger, &newer);
    replace(&older, &ledger);
    assert!(refused(&site, "AUDIT-004").contains("ledger was rolled back"));
    replace(&newer, &ledger);
    site.assert_sound();
}

#[test]
fn a_sealed_file_put_back_alone_is_refused_and_named() {
    let site = Site::copy();
    let sealed = site.folder.join("keys/site.sealed");
    let (older, newer) = (site.room.join("older"), site.room.join("newer"));
    fs::copy(&sealed, &older).unwrap();
    site.json("admin", &["keys", "rotate", "--root"]);
    site.lock();
    fs::copy(&sealed, &newer).unwrap();
    for _ in 0..2 {
        fs::copy(&older, &sealed).unwrap();
        assert!(refused(&site, "AUDIT-008").contains("sealed keys were rolled back"));
        fs::copy(&newer, &sealed).unwrap();
        site.assert_sound();
        // Once more, when the opening alone is what the ledger knows it by.
        site.lock();
    }
    site.assert_sound();
}

/// Only what is kept elsewhere reveals this; the site says so itself.
#[test]
fn both_put_back_are_revealed_by_a_checkpoint_kept_elsewhere() {
    let site = Site::copy();
    let (database, ledger) = (site.folder.join("metadata.db"), site.folder.join("ledger"));
    copy_folder(&database, &site.room.join("database"));
    copy_folder(&ledger, &site.room.join("ledger"));
    change(&site);
    let kept = site.room.join("checkpoint.txt");
    site.json("auditor", &["ledger", "checkpoint", "--out", kept.to_str().unwrap()]);
    site.lock();
    replace(&site.room.join("database"), &database);
    replace(&site.room.join("ledger"), &ledger);
    site.start();
    let against = ["ledger", "verify", "--against", kept.to_str().unwrap()];
    let done = site.run("auditor", &against);
    assert_eq!(done.exit, 7, "{} {}", done.out, done.err);
    let limits = site.json("admin", &["site", "status"])["limits"].to_string();
    assert!(limits.contains("rolled back together"), "{limits}");
}

#[test]
fn locking_again_and_again_changes_nothing() {
    let site = Site::copy();
    for _ in 0..3 {
        site.start();
        site.json("admin", &["account", "list"]);
        site.lock();
    }
    site.assert_sound();
}

#[test]
fn a_wrong_passphrase_opens_nothing() {
    let site = Site::copy();
    let right = fs::read(site.room.join("passphrase")).unwrap();
    fs::write(site.room.join("passphrase"), "not the passphrase of this site").unwrap();
    refused(&site, "KEYS-001");
    fs::write(site.room.join("passphrase"), right).unwrap();
    site.start();
}

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let site = Site::copy();
    let first = site.start();
    let mut second = Command::new(PROGRAM);
    second.args(["internal", "serve"]).arg(&site.folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut second = second.stderr(Stdio::null()).spawn().unwrap();
    let passphrase = fs::read(site.room.join("passphrase")).unwrap();
    second.stdin.take().unwrap().write_all(&passphrase).unwrap();
    let output = second.wait_with_output().unwrap();
    assert!(!output.status.success());
    let problem: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(problem["code"].as_str().unwrap().starts_with("LEDGER-"), "{problem}");
    assert_eq!(site.process(), Some(first));
    site.assert_sound();
}

#[test]
fn a_killed_process_leaves_open_decisions_that_the_next_start_closes_as_unknown() {
    let site = Site::copy();
    let process = site.start();
    let sample = sample_of(&site);
    let reference = site.last("approver", &["reference", "list"]);
    let start = ["run", "start", "germline", "--sample", &sample, "--reference", &reference];
    let began = site.events().len();
    let run = site.json("analyst", &start)["id"].as_str().unwrap().to_owned();
    until("the job starts", || site.events()[began..].iter().any(|e| e["event"]["event"] == "job-started"));
    kill_process(process, Signal::KILL).unwrap();
    site.wait_until_ended();
    let before = site.events();
    let open = open(&before);
    assert!(!open.is_empty());

    // No repair: the next command goes on.
    let shown = site.json("analyst", &["run", "show", &run]);
    assert_eq!(shown["state"], "interrupted", "{shown}");
    let events = site.events();
    let closed: Vec<u64> = events[before.len()..]
        .iter()
        .filter(|e| e["event"]["event"] == "outcome" && e["event"]["result"] == "unknown")
        .map(|e| e["event"]["decision"].as_u64().unwrap())
        .collect();
    assert_eq!(closed, open);
    site.assert_sound();
    site.lock();
    site.assert_sound();
    assert!(self::open(&site.events()).len() <= 1, "only the last question may still be open");
}

fn open(events: &[Value]) -> Vec<u64> {
    let mut open = Vec::new();
    for event in events {
        if event["event"]["event"] == "decision" && event["event"]["allowed"] == true {
            open.push(event["position"].as_u64().unwrap());
        }
        if event["event"]["event"] == "outcome" {
            open.retain(|position| event["event"]["decision"].as_u64() != Some(*position));
        }
    }
    open
}

#[test]
fn settings_that_are_none_are_named_with_their_line() {
    let site = Site::fresh(&[]);
    let path = site.folder.join("site.toml");
    let whole = fs::read_to_string(&path).unwrap();
    for wrong in ["idle_minutess = 3\n", "[[alarm]]\nurl = 7\n", "[door\n"] {
        fs::write(&path, format!("{wrong}{whole}")).unwrap();
        let said = refused(&site, "SEQUESTRA-006");
        assert!(said.contains("site.toml") && said.contains("line "), "{said}");
    }
    fs::write(&path, whole).unwrap();
    site.start();
}
