//! The identity map from outside: a site takes no other one, a backup carries it, and an erasure erases it.

use crate::site::{Site, scratch};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;

/// Takes a sheet of one person apart; gives the subject.
fn split(site: &Site, project: &str, number: &str) -> String {
    let folder = TempDir::new_in(scratch()).unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let head = "patient,mrn,patient_name,sample,lane,fastq_1,fastq_2";
    let row = format!("C-1,{number},Zorbina Quibbleton,C-1-B,L001,a_R1.fq.gz,a_R2.fq.gz");
    fs::write(at("ward.csv"), format!("{head}\n{row}\n")).unwrap();
    let words = ["intake", "split", &at("ward.csv"), "--project", project, "--issuer", "ward"];
    let done = site
        .run("steward", &[&words[..], &["--clean", &at("clean.csv"), "--table", &at("table.csv")]].concat());
    assert_eq!(done.exit, 0, "{}", done.err);
    let clean = fs::read_to_string(at("clean.csv")).unwrap();
    clean.lines().nth(1).unwrap().split(',').next().unwrap().to_owned()
}

fn identify(site: &Site, subject: &str) -> (i32, String) {
    let done = site.run("broker", &["subject", "identify", subject, "--reason", "a second look"]);
    (done.exit, done.out + &done.err)
}

/// Copies the map with its log, or removes what is not there.
fn copy(from: &Path, to: &Path) {
    for end in ["", "-wal", "-shm"] {
        let name = |folder: &Path| folder.join(format!("identities.db{end}"));
        let _ = fs::remove_file(name(to));
        if name(from).exists() {
            fs::copy(name(from), name(to)).unwrap();
        }
    }
}

fn broker(site: &Site, project: &str) {
    site.invite("broker");
    site.json("manager", &["member", "add", project, "broker", "--role", "honest-broker"]);
}

#[test]
fn a_site_takes_its_own_newest_map_alone() {
    let site = Site::copy();
    let project = site.last("steward", &["project", "list"]);
    broker(&site, &project);
    let aside = TempDir::new_in(scratch()).unwrap();
    let (older, newest, absent) =
        (aside.path().join("older"), aside.path().join("newest"), aside.path().join("no"));
    [&older, &newest].into_iter().for_each(|folder| fs::create_dir(folder).unwrap());
    let first = split(&site, &project, "QX-1");
    site.lock();
    copy(&site.folder, &older);
    let second = split(&site, &project, "QX-2");
    assert_ne!(first, second);
    site.lock();
    copy(&site.folder, &newest);
    for (map, code) in [(&older, "SUBJECTS-009"), (&absent, "SUBJECTS-008")] {
        copy(map, &site.folder);
        let done = site.run("admin", &["whoami"]);
        assert!(done.exit == 7 && done.err.contains(code) && done.err.contains("hint: "), "{}", done.err);
    }
    copy(&newest, &site.folder);
    for (subject, number) in [(&first, "QX-1"), (&second, "QX-2")] {
        let (exit, told) = identify(&site, subject);
        assert!(exit == 0 && told.contains(number) && told.contains("Zorbina Quibbleton"), "{told}");
        let seen = site.json("steward", &["audit", "who-saw", subject]);
        let acts: Vec<&str> =
            seen["accesses"].as_array().unwrap().iter().map(|act| act["action"].as_str().unwrap()).collect();
        assert!(acts.starts_with(&["split-identity", "re-identify"]), "{acts:?}");
        assert_eq!(seen["complete"], true);
    }
}

#[test]
fn a_backup_carries_the_map_without_who_was_erased() {
    let site = Site::copy();
    let project = site.last("steward", &["project", "list"]);
    broker(&site, &project);
    let (gone, kept) = (split(&site, &project, "QX-1"), split(&site, &project, "QX-2"));
    let aside = TempDir::new_in(scratch()).unwrap();
    let at = |name: &str| aside.path().join(name).to_str().unwrap().to_owned();
    site.json("admin", &["backup", "create", &at("backup"), "--recovery", &at("recovery")]);
    site.json("admin", &["backup", "verify", &at("backup")]);
    site.json("steward", &["keys", "shred", "--project", &project, "--subject", &gone, "--yes"]);
    let (exit, told) = identify(&site, &gone);
    assert!(exit == 3 && told.contains("SUBJECTS-001"), "{told}");
    assert_ne!(split(&site, &project, "QX-1"), gone, "the number is free");
    site.lock();
    // What a crash of the shredding would have left in the map is in the set.
    let file = fs::read_dir(at("recovery")).unwrap().next().unwrap().unwrap().path();
    let ledger = site.folder.join("ledger");
    let words = ["backup", "restore", &at("backup"), &at("site"), "--recovery", file.to_str().unwrap()];
    let more = ["--ledger", ledger.to_str().unwrap(), "--token-out", &at("token")];
    let done = site.json("admin", &[&words[..], &more[..]].concat());
    assert!(done["shredded"].as_u64().unwrap() >= 1, "{done}");
    let back = site.restored(PathBuf::from(at("site")));
    assert_eq!(back.run("admin", &["login", "--token-file", &at("token")]).exit, 0);
    let renewed = back.json("admin", &["account", "token", "broker"]);
    fs::write(at("broker.token"), renewed["token"].as_str().unwrap()).unwrap();
    assert_eq!(back.run("broker", &["login", "--token-file", &at("broker.token")]).exit, 0);
    let (exit, told) = identify(&back, &kept);
    assert!(exit == 0 && told.contains("QX-2"), "{told}");
    let (exit, told) = identify(&back, &gone);
    assert!(exit == 3 && !told.contains("QX-1"), "{told}");
}

/// Which subject has a number; gives the exit code.
fn find(site: &Site, project: &str, number: &str, why: &str) -> i32 {
    let mut command =
        site.command("broker", &["subject", "find", project, "--issuer", "ward", "--reason", why]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(number.as_bytes()).unwrap();
    child.wait().unwrap().code().unwrap()
}

#[test]
fn why_somebody_was_searched_for_is_kept_under_the_key_of_whom_it_found() {
    let site = Site::copy();
    let project = site.last("steward", &["project", "list"]);
    broker(&site, &project);
    let found = split(&site, &project, "QX-1");
    assert_eq!(find(&site, &project, "QX-1", "she asked"), 0);
    assert_eq!(find(&site, &project, "QX-9", "nobody knows them"), 3);
    site.lock();
    let events = site.events();
    let asked = events.iter().map(|one| &one["event"]).filter(|event| event["action"] == "re-identify");
    let of_words = asked.map(|event| {
        let about: Vec<&str> =
            event["about"].as_array().unwrap().iter().filter_map(|id| id.as_str()).collect();
        (about.contains(&found.as_str()), event["sealed_reason"].is_string(), event["sealed_under"].as_str())
    });
    let expected = [
        // Of whom it finds nobody knows yet; then it is known.
        (false, false, None),
        (true, true, Some(found.as_str())),
        (false, false, None),
        (false, true, None),
    ];
    assert_eq!(of_words.collect::<Vec<_>>(), expected);
}

/// Corrects something of a subject; gives the exit code and what was said.
fn correct(site: &Site, subject: &str, more: &[&str], right: &str) -> (i32, String) {
    let words = [&["subject", "correct", subject][..], more].concat();
    let mut command = site.command("steward", &words);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(right.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let told = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (done.status.code().unwrap(), told)
}

#[test]
fn a_steward_corrects_what_the_map_has_and_reads_nothing_of_it() {
    let site = Site::copy();
    let project = site.last("steward", &["project", "list"]);
    broker(&site, &project);
    let (hers, other) = (split(&site, &project, "QX-1"), split(&site, &project, "QX-2"));
    let because = ["--reason", "her letter"];
    let number = [&["--field", "record-number", "--issuer", "ward"][..], &because].concat();
    let name = [&["--field", "person-name"][..], &because].concat();
    let (exit, told) = correct(&site, &hers, &name, "Zorbine Quibbleton\n");
    assert!(exit == 0 && !told.contains("Zorbin"), "{told}");
    for (words, right, exit, code) in [
        (&number[..], "qx-2", 5, "SUBJECTS-014"),
        (&["--field", "birth-date", "--reason", "her letter"], "in May", 2, "right value"),
        (&["--field", "birth-date", "--reason", "her letter"], "1931-05-03", 3, "SUBJECTS-013"),
        (&name[..], " ", 2, "CLI-011"),
    ] {
        let (got, told) = correct(&site, &hers, words, right);
        assert!(got == exit && told.contains(code) && told.contains("hint: "), "{got} {told}");
        assert!(!told.contains(&other) && !told.contains("Quibbleton"), "{told}");
    }
    let (exit, told) = correct(&site, &hers, &name[..2], "Zorba");
    assert!(exit == 2 && told.contains("--reason"), "{told}");
    assert_eq!(find(&site, &project, "\u{feff}QX-1\r\n", "a file of a spreadsheet"), 0);
    let blank = ["subject identify", "consent review", "consent withdraw"].map(|verb| {
        let words: Vec<&str> = verb.split(' ').chain([hers.as_str(), "--reason", " "]).collect();
        let done = site.run("steward", &words);
        (done.exit, done.err.contains("say why"))
    });
    assert_eq!(blank, [(2, true); 3], "blanks say nothing, wherever they are given");
    let (exit, told) = correct(&site, &hers, &number, "QX-3");
    assert!(exit == 0 && !told.contains("QX-"), "{told}");
    let (_, told) = identify(&site, &hers);
    assert!(told.contains("Zorbine") && !told.contains("Zorbina"), "{told}");
    assert!(told.contains("QX-3") && !told.contains("QX-1"), "{told}");
    assert_eq!(find(&site, &project, "QX-1", "she asked"), 3);
    let seen = site.json("steward", &["audit", "who-saw", &hers]);
    let acts = seen["accesses"].as_array().unwrap().iter();
    let corrected: Vec<_> = acts.filter(|act| act["did"] == "corrected who is behind").collect();
    assert!(corrected.len() > 1 && corrected[0]["reason"] == "her letter", "{seen}");
    let chain = site.json("steward", &["audit", "search", "--about", &other]).to_string();
    assert!(!chain.contains("identity-corrected") && !chain.contains(&hers), "{chain}");
    site.lock();
    let events = site.events();
    let ours: Vec<_> =
        events.iter().map(|one| &one["event"]).filter(|one| one["event"] == "identity-corrected").collect();
    let fields: Vec<_> = ours.iter().map(|one| one["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["person-name", "record-number"]);
    assert!(!format!("{events:?}").contains("Zorbin") && !format!("{events:?}").contains("QX-3"));
}
