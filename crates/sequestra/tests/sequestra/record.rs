//! The record, shown to those outside: proofs that a second program checks, and its end as it grows.

use crate::site::{PROGRAM, Site, until};
use crate::story::sample_of;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
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

#[test]
fn what_an_account_touched_is_told_from_the_record_and_holds_for_a_second_program() {
    let (site, program) = (Site::copy(), verifier());
    let sample = sample_of(&site);
    let subject = site.json("analyst", &["sample", "show", &sample])["subject"].as_str().unwrap().to_owned();
    let project = site.last("analyst", &["project", "list"]);
    let accounts = site.json("admin", &["account", "list"]);
    let id = |name: &str| {
        let all = accounts.as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let folder = site.room.join("breach");
    let out = folder.to_str().unwrap();
    let analyst = id("analyst");
    let head = site.json("auditor", &["audit", "incident", "--actor", &analyst, "--out", out]);
    let incident = &head["incident"];
    assert_eq!(
        (&head["complete"], head["suspected"]["actor"].as_str()),
        (&json!(true), Some(analyst.as_str()))
    );
    let people: Vec<&str> =
        incident["people"].as_array().unwrap().iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(people, [subject.as_str()], "{incident:#}");
    let found = site.json("auditor", &["audit", "search", "--actor", &analyst, "--limit", "10000"]);
    let allowed = site.events().into_iter().filter(|leaf| {
        leaf["event"]["event"] == "decision"
            && leaf["event"]["actor"] == analyst.as_str()
            && leaf["event"]["allowed"] == true
    });
    assert_eq!(incident["acts"].as_u64().unwrap(), allowed.count() as u64, "{}", found["size"]);
    let [events, words] = ["incident.jsonl", "incident.md"].map(|name| folder.join(name));
    let said = fs::read_to_string(&words).unwrap();
    assert!(
        said.contains(&subject) && said.contains("Complete by proof") && said.contains(&analyst),
        "{said}"
    );
    assert_eq!(exit(&program, &["export"], &events, &site), 0);
    // One act more than follow, and one person fewer.
    let whole = fs::read_to_string(&events).unwrap();
    let acts = format!("\"acts\":{}", incident["acts"]);
    for (from, to) in [(acts.as_str(), "\"acts\":1"), (subject.as_str(), "sub_00000000000000000000")] {
        let changed = site.room.join("changed.jsonl");
        fs::write(&changed, whole.replacen(from, to, 1)).unwrap();
        assert_eq!(exit(&program, &["export"], &changed, &site), 1, "{to}");
    }

    // What is there is kept, and nothing is asked for.
    let again = site.run("auditor", &["audit", "incident", "--actor", &analyst, "--out", out]);
    assert!(again.exit != 0 && fs::read_to_string(&events).unwrap() == whole, "{}", again.err);
    // In a project, by its steward, about a person; the accounts that had anything of theirs.
    let about = site.json("steward", &["audit", "incident", "--about", &subject]);
    let who = about["incident"]["accounts"].as_array().unwrap();
    assert!(who.iter().any(|one| one["actor"] == analyst.as_str()), "{about:#}");
    assert!(about["incident"]["people"].as_array().unwrap().iter().all(|one| one["id"] == subject.as_str()));
    for (who, words, exit) in [
        ("auditor", vec![], 2),
        ("auditor", vec!["--since", "2030-01-01"], 2),
        ("auditor", vec!["--actor", &analyst, "--since", "2030-02-01", "--until", "2030-01-01"], 2),
        ("viewer", vec!["--project", &project], 4),
        ("analyst", vec!["--actor", &analyst], 4),
    ] {
        let done = site.run(who, &[vec!["audit", "incident"], words].concat());
        assert!(done.exit == exit && done.out.is_empty(), "{}: {}", done.exit, done.err);
    }
    let nothing = site.json("auditor", &["audit", "incident", "--actor", &analyst, "--until", "2020-01-01"]);
    assert_eq!((&nothing["incident"]["acts"], &nothing["incident"]["people"]), (&json!(0), &json!([])));
}
