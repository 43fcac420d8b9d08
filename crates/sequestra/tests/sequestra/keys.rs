//! What the site is sealed under, and its keys, from outside.

use crate::http;
use crate::site::{PROGRAM, Site, told};
use crate::story::sample_of;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::str::FromStr;
use tempfile::TempDir;

/// Every file below a folder.
fn bodies(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(bodies(&entry));
        } else {
            let bytes = fs::read(&entry).unwrap_or_default();
            found.insert(entry, bytes);
        }
    }
    found
}

#[test]
fn every_key_is_rotated_and_no_body_is_touched() {
    let site = Site::copy();
    let sample = sample_of(&site);
    let before = (
        bodies(&site.folder.join("objects")),
        site.json("analyst", &["variant", "query", "--sample", &sample]),
    );
    assert!(!before.0.is_empty());
    let sealed = fs::read(site.folder.join("keys/site.sealed")).unwrap();
    let reports = site.json("admin", &["keys", "rotate", "--all"]);
    let reports = reports.as_array().unwrap();
    assert!(reports.len() >= 4, "site, project, subject, root: {reports:?}");
    for report in reports {
        assert_eq!((&report["generation"], &report["left"]), (&2.into(), &0.into()), "{report}");
        assert_eq!(report["destroyed"], serde_json::json!([1]), "{report}");
    }
    assert_eq!(bodies(&site.folder.join("objects")), before.0);
    assert_ne!(fs::read(site.folder.join("keys/site.sealed")).unwrap(), sealed, "the root is another");
    site.lock();
    assert_eq!(
        site.json("analyst", &["variant", "query", "--sample", &sample]),
        before.1,
        "and everything still opens"
    );
    let status = site.json("admin", &["keys", "status"]);
    for scope in status["scopes"].as_array().unwrap() {
        assert_eq!((&scope["generations"], &scope["older"]), (&serde_json::json!([2]), &0.into()), "{scope}");
    }
    let refused = site.run("analyst", &["keys", "rotate", "--shared"]);
    assert_eq!(refused.exit, 4, "{}", refused.err);
    site.assert_sound();
}

#[test]
fn a_locked_site_answers_no_route() {
    let site = Site::copy();
    for route in api::ROUTES {
        assert!(http::call(&site.folder, None, route.method, route.path, b"").is_err(), "{}", route.name);
    }
    // A start that fails leaves nothing that listens.
    let mut child = Command::new(PROGRAM);
    child.args(["internal", "serve"]).arg(&site.folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let output = child.stderr(Stdio::null()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("KEYS-001"));
    for route in api::ROUTES {
        assert!(http::call(&site.folder, None, route.method, route.path, b"").is_err(), "{}", route.name);
    }
    site.start();
    assert!(http::call(&site.folder, None, "GET", "/v1/health", b"").unwrap().good());
}

/// A site of its own under shares, with its first account signed in.
struct Shared {
    folder: TempDir,
}

impl Shared {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, words: &[&str], shares: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(words).arg("--site").arg(self.path("site"));
        command.arg("--session").arg(self.path("session")).stdin(Stdio::null());
        for share in shares {
            command.arg("--share-file").arg(self.path(share));
        }
        command.output().unwrap()
    }

    fn json(&self, words: &[&str], shares: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let output = self.run(&words, shares);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn refused(&self, words: &[&str], shares: &[&str], code: &str) {
        let output = self.run(words, shares);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(code), "{words:?}: {told}");
        for share in shares {
            let text = fs::read_to_string(self.path(share)).unwrap();
            let value = text.split('.').nth(5).unwrap();
            assert!(value.len() == 52 && !told.contains(value), "a share is in the error: {told}");
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = self.run(&["site", "lock"], &[]);
    }
}

fn clinical<'a>() -> Vec<&'a str> {
    "project create --name Clinical --class clinical --purpose care --term DUO:0000042 --region EU --retention 90-days \
     --consent TEST-1"
        .split_whitespace()
        .collect()
}

#[test]
fn a_clinical_project_needs_more_than_a_passphrase_and_shares_need_each_other() {
    let site = Site::copy();
    let refused = site.run("admin", &clinical());
    assert_eq!(refused.exit, 5, "{}", refused.err);
    assert!(refused.err.contains("KEYS-016") && refused.err.contains("keys migrate"), "{}", refused.err);
    drop(site);

    let shared = Shared { folder: TempDir::new_in(crate::site::scratch()).unwrap() };
    let mut init = Command::new(PROGRAM);
    init.arg("init").arg(shared.path("site")).args(["--split", "2-of-3", "--shares-out"]);
    init.arg(shared.folder.path()).arg("--token-out").arg(shared.path("token")).stdin(Stdio::null());
    assert!(init.status().unwrap().success());
    let token = shared.path("token");
    let login = ["login", "--token-file", token.to_str().unwrap()];
    shared.refused(&login, &["share-1"], "KEYS-011");
    shared.refused(&login, &["share-1", "share-1"], "KEYS-010");
    let text = fs::read_to_string(shared.path("share-2")).unwrap();
    let typed = text.replacen(".2of3.", ".2of4.", 1);
    base::durable::create_once(&shared.path("typed"), typed.as_bytes()).unwrap();
    shared.refused(&login, &["share-1", "typed"], "KEYS-008");
    shared.json(&login, &["share-3", "share-1"]);
    let project = shared.json(&clinical(), &[]);
    assert_eq!(project["class"], "clinical");

    // Such a site does not go back to one passphrase.
    let passphrase = told().site.parent().unwrap().join("new-passphrase");
    let _ = base::durable::create_once(&passphrase, b"a sentence that nobody knows");
    let back = ["keys", "migrate", "--to", "passphrase", "--new-file", passphrase.to_str().unwrap()];
    shared.refused(&back, &["share-1", "share-2"], "KEYS-016");

    // It goes to other shares, and only when those were seen to open it.
    let more = shared.path("more");
    fs::create_dir(&more).unwrap();
    let split =
        ["keys", "migrate", "--to", "shares", "--split", "3-of-4", "--shares-out", more.to_str().unwrap()];
    shared.json(&split, &["share-1", "share-2"]);
    let complete = ["keys", "migrate", "--complete"];
    shared.refused(&complete, &["more/share-1", "more/share-2"], "KEYS-011");
    shared.refused(&complete, &["share-1", "share-2", "more/share-2"], "KEYS-009");
    let status = shared.json(&complete, &["more/share-1", "more/share-4", "more/share-2"]);
    assert_eq!((&status["needed"], &status["made"]), (&3.into(), &4.into()));
    shared.json(&["site", "lock"], &[]);
    crate::site::until("the process ends", || !shared.path("site/run/site.sock").exists());
    shared.refused(&["whoami"], &["share-1", "share-2", "share-3"], "KEYS-009");
    shared.json(&["whoami"], &["more/share-3", "more/share-4", "more/share-1"]);

    // No share, old or new, lies in clear anywhere in the site.
    for (entry, bytes) in bodies(&shared.path("site")) {
        assert!(!bytes.windows(7).any(|window| window == b"share1."), "{}", entry.display());
    }
}

#[test]
fn what_its_floor_holds_is_not_shredded_and_a_certificate_verifies() {
    let site = Site::copy();
    let project = site.last("analyst", &["project", "list"]);
    let sample = sample_of(&site);
    let report = site.json("analyst", &["variant", "query", "--sample", &sample]);
    let held = site.run("steward", &["keys", "shred", "--project", &project, "--yes"]);
    assert!(held.exit == 5 && held.err.contains("KEYS-019"), "{}", held.err);
    let subject = base::SubjectId::from_str("sub_00000000000000000000").unwrap().to_string();
    let none = ["keys", "shred", "--project", &project, "--subject", &subject, "--yes"];
    assert_eq!(site.run("steward", &none).exit, 3, "no subject of this project");
    assert_eq!(site.run("analyst", &["keys", "shred", "--project", &project, "--yes"]).exit, 4);
    assert_eq!(site.json("analyst", &["variant", "query", "--sample", &sample]), report);

    let create = "project create --name Gone --class sandbox --purpose methods --term DUO:0000042 --region EU --retention \
                  permanent --consent NONE-3 --administrator manager";
    let made = site.json("admin", &create.split_whitespace().collect::<Vec<_>>());
    let gone = made["id"].as_str().unwrap().to_owned();
    site.json("manager", &["member", "add", &gone, "steward", "--role", "data-steward"]);
    let out = site.room.join("certificates");
    fs::create_dir(&out).unwrap();
    let shred = ["keys", "shred", "--project", &gone, "--yes", "--out", out.to_str().unwrap()];
    let done = site.json("steward", &shred);
    assert_eq!((&done["scopes"], &done["objects"]), (&serde_json::json!([gone]), &0.into()));
    let file = fs::read_dir(&out).unwrap().next().unwrap().unwrap().path();
    let public = site.folder.join("site.pub");
    let verify = ["receipt", "verify", file.to_str().unwrap(), "--site-key", public.to_str().unwrap()];
    let said = site.run("auditor", &verify);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(said.out.contains("keys were shredded") && said.out.contains(&gone), "{}", said.out);
    // Asking for a certificate that nobody made is on record as any other question.
    let before = site.events().len();
    let unknown = site.run("steward", &["receipt", "show", "del_00000000000000000000"]);
    assert!(unknown.exit == 3 && unknown.err.contains("ACCESS-001"), "{}", unknown.err);
    let denied = site.events().split_off(before);
    assert!(denied.iter().any(|leaf| leaf["event"]["allowed"] == false), "{denied:?}");
    let again = site.run("steward", &shred[..5]);
    assert!(again.exit == 5 && again.err.contains("KEYS-018"), "{}", again.err);
    site.lock();
    site.assert_sound();
}
