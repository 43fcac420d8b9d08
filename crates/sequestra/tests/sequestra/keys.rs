//! What the site is sealed under, and its keys, from outside.

use crate::http;
use crate::site::{PROGRAM, Site, told, until};
use crate::story::sample_of;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::authenticator::{ORIGIN, authenticator};
use testkit::vault::Vault;

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

    fn lock(&self) {
        self.json(&["site", "lock"], &[]);
        until("the process ends", || !self.path("site/run/site.sock").exists());
    }

    /// Makes an account and enrols a passkey for it, while the site has pages.
    fn enrol(&self, name: &str) {
        let (settings, shares) = (self.path("site/site.toml"), ["share-1", "share-2"]);
        let before = fs::read_to_string(&settings).unwrap();
        self.lock();
        fs::write(&settings, format!("{before}\n[pages]\norigin = \"{ORIGIN}\"\n")).unwrap();
        let invited = self.json(&["account", "create", name], &shares);
        let call = |token: Option<&str>, path: &str, body: Value| {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let reply = http::call(&self.path("site"), token, "POST", path, body.as_bytes()).unwrap();
            assert!(reply.good(), "{path}: {reply:?}");
            reply.json()
        };
        let session = call(None, "/v1/sessions", json!({"token": invited["token"]}));
        let token = session["token"].as_str();
        let asked = call(token, "/v1/me/passkeys/challenge", Value::Null);
        let credential = authenticator().enrol(&asked["options"]);
        let body = json!({"ceremony": asked["ceremony"], "label": "made", "credential": credential});
        call(token, "/v1/me/passkeys", body);
        self.lock();
        fs::write(&settings, before).unwrap();
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
    "project create --name Clinical --class clinical --purpose care --term DUO:0000042 --term DUO:0000043 \
         --granularity genome --framework none --incidental not-reported --basis board \
         --region EU --retention 90-days \
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
    shared.refused(&clinical(), &[], "ACCESS-052");
    shared.enrol("lead");
    let project =
        shared.json(&[&clinical()[..], &["--administrator", "lead"]].concat(), &["share-1", "share-2"]);
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

    let create = "project create --name Gone --class sandbox --purpose methods --term DUO:0000042 \
         --granularity genome --framework none --incidental not-reported --basis board \
         --region EU --retention \
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

/// A token in software. Where it lies is said by the environment, which a command does not hand on: the site's process
/// is started as a service would start it.
struct Token<'a> {
    site: &'a Site,
    configuration: PathBuf,
    process: Option<Child>,
}

impl<'a> Token<'a> {
    const MODULE: &'static str = "/usr/lib/softhsm/libsofthsm2.so";
    const PIN: &'static str = "12345678";

    /// A token for a locked site, whose settings name it and these besides.
    fn of(site: &'a Site, settings: &str) -> Self {
        assert!(Path::new(Self::MODULE).exists(), "SoftHSM2 is missing: apt-get install softhsm2");
        let (tokens, configuration) = (site.room.join("tokens"), site.room.join("softhsm2.conf"));
        fs::create_dir(&tokens).unwrap();
        fs::write(&configuration, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
        add_settings(site, &format!("[keys]\npkcs11_module = \"{}\"\n{settings}", Self::MODULE));
        let token = Self { site, configuration, process: None };
        let words = ["--init-token", "--free", "--label", "lab", "--so-pin", "87654321", "--pin", Self::PIN];
        token.officer("softhsm2-util", &words);
        token
    }

    /// What somebody else does to the token.
    fn officer(&self, tool: &str, words: &[&str]) {
        let made = Command::new(tool).args(words).env("SOFTHSM2_CONF", &self.configuration).output().unwrap();
        assert!(made.status.success(), "{tool}: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// Takes the token away, or puts it back.
    fn is_there(&self, there: bool) {
        let (place, away) = (self.site.room.join("tokens"), self.site.room.join("away"));
        let (from, to) = if there { (away, place) } else { (place, away) };
        fs::rename(from, to).unwrap();
    }

    /// Moves the site to it: open when asked, and open after.
    fn take_over(&mut self, pin: &Path) {
        assert_eq!(self.open(&self.site.room.join("passphrase")).trim(), "ready");
        let new = pin.to_str().unwrap();
        let prepare = ["keys", "migrate", "--to", "pkcs11", "--token", "lab", "--new-file", new];
        self.site.json("admin", &prepare);
        assert_eq!(self.site.json("admin", &complete(pin))["provider"], "token");
    }

    /// Starts the site's process with what a file says, and gives its first line.
    fn open(&mut self, credential: &Path) -> String {
        let mut command = Command::new(PROGRAM);
        command.args(["internal", "serve"]).arg(&self.site.folder).env("SOFTHSM2_CONF", &self.configuration);
        command.stdin(fs::File::open(credential).unwrap()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.trim() == "ready" {
            self.process = Some(child);
        } else {
            child.wait().unwrap();
        }
        line
    }

    fn lock(&mut self) {
        self.site.lock();
        self.ended();
    }

    fn ended(&mut self) {
        self.process.take().unwrap().wait().unwrap();
    }
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn complete(with: &Path) -> [&str; 5] {
    ["keys", "migrate", "--complete", "--new-file", with.to_str().unwrap()]
}

fn add_settings(site: &Site, more: &str) {
    let settings = site.folder.join("site.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(settings, format!("{text}\n{more}")).unwrap();
}

/// A file that only its owner reads.
fn secret(site: &Site, name: &str, text: &str) -> PathBuf {
    let path = site.room.join(name);
    base::durable::create_once(&path, text.as_bytes()).unwrap();
    path
}

/// The states of the alarms of a cause, in order.
fn alarms(site: &Site, cause: &str) -> Vec<String> {
    let text = fs::read_to_string(site.folder.join("run/alarms.jsonl")).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|one| one["alarm"] == cause).map(|one| one["state"].as_str().unwrap().to_owned()).collect()
}

/// The causes for which the site stopped by itself.
fn stops(site: &Site) -> Vec<String> {
    let events = site.events().into_iter().map(|leaf| leaf["event"].clone());
    events
        .filter(|event| event["event"] == "site-stopped")
        .map(|event| event["cause"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_site_moves_to_a_token_and_opens_by_its_pin_alone() {
    let site = Site::copy();
    let sample = sample_of(&site);
    let query = ["variant", "query", "--sample", sample.as_str()];
    let before = site.json("analyst", &query);
    site.lock();
    let (pin, wrong) = (secret(&site, "pin", Token::PIN), secret(&site, "wrong", "11111111"));
    let passphrase = site.room.join("passphrase");
    let mut token = Token::of(&site, "");
    assert_eq!(token.open(&passphrase).trim(), "ready");
    let new = pin.to_str().unwrap();
    let migrate = ["keys", "migrate"];
    let absent = ["--to", "pkcs11", "--token", "absent", "--new-file", new];
    let refused = site.run("admin", &[&migrate[..], &absent].concat());
    assert!(refused.exit != 0 && refused.err.contains("KEYS-014"), "{}", refused.err);
    site.json("admin", &[&migrate[..], &["--to", "pkcs11", "--token", "lab", "--new-file", new]].concat());
    let refused = site.run("admin", &complete(&wrong));
    assert!(refused.exit != 0 && refused.err.contains("KEYS-015"), "{}", refused.err);
    assert_eq!(site.json("admin", &["keys", "status"])["provider"], "passphrase");
    assert_eq!(site.json("admin", &complete(&pin))["provider"], "token");
    token.lock();

    for credential in [&passphrase, &wrong] {
        let told = token.open(credential);
        assert!(told.contains("KEYS-015"), "{told}");
        assert!(site.process().is_none());
    }
    assert_eq!(token.open(&pin).trim(), "ready");
    assert_eq!(site.json("analyst", &query), before);
    let object = site.last("exporter", &["object", "list", &sample]);
    let (to, out) = (site.room.join("recipient.pub"), site.room.join("out.c4gh"));
    let get = ["object", "get", &object, "--to", to.to_str().unwrap(), "--reason", "r", "--out"];
    let done = site.run("exporter", &[&get[..], &[out.to_str().unwrap()]].concat());
    assert!(done.exit == 0 && out.exists(), "{}", done.err);
    site.assert_sound();
    token.lock();

    // The token is gone: nothing else opens the site.
    token.is_there(false);
    let told = token.open(&pin);
    assert!(told.contains("KEYS-014"), "{told}");
}

#[test]
fn an_open_site_locks_itself_when_its_token_is_taken_away() {
    let site = Site::fresh(&["auditor"]);
    let pin = secret(&site, "pin", Token::PIN);
    let mut token = Token::of(&site, "[keys.asking]\nevery_seconds = 1\nsilent_seconds = 15\n");
    token.take_over(&pin);

    let began = Instant::now();
    token.is_there(false);
    until("its silence is heard of", || alarms(&site, "keys-silent") == ["raised"]);
    let limits = site.json("admin", &["site", "status"])["limits"].to_string();
    assert!(limits.contains("the key's token cannot be used"), "{limits}");
    assert!(stops(&site).is_empty() && alarms(&site, "keys-lost").is_empty(), "it is borne for a while");
    site.wait_until_ended();
    assert!(began.elapsed() >= Duration::from_secs(15), "{:?}", began.elapsed());
    token.ended();
    assert_eq!(alarms(&site, "keys-lost"), ["raised"]);
    assert_eq!(stops(&site), ["keys-silent"]);
    let told = token.open(&pin);
    assert!(told.contains("KEYS-014"), "{told}");

    token.is_there(true);
    assert_eq!(token.open(&pin).trim(), "ready");
    site.assert_sound();
    token.lock();
}

#[test]
fn an_open_site_locks_itself_when_its_key_service_refuses() {
    const TOKEN: &str = "hvs.CAESIJ-recorded-token";
    let site = Site::fresh(&["auditor"]);
    let vault = Vault::start(TOKEN, None).unwrap();
    let asking = "[keys.asking]\nevery_seconds = 1\nsilent_seconds = 60\n";
    add_settings(&site, &format!("[keys.transit]\nurl = \"{}\"\n{asking}", vault.url()));
    let credential = secret(&site, "vault", TOKEN);
    let new = credential.to_str().unwrap();
    site.json("admin", &["keys", "migrate", "--to", "transit", "--new-file", new]);
    assert_eq!(site.json("admin", &complete(&credential))["provider"], "service");

    vault.answer_always(Some("sealed"));
    until("its silence is heard of", || alarms(&site, "keys-silent") == ["raised"]);
    vault.answer_always(None);
    until("it answers again", || alarms(&site, "keys-silent") == ["raised", "over"]);
    assert_eq!(site.run("admin", &["whoami"]).exit, 0);

    vault.answer_always(Some("denied"));
    site.wait_until_ended();
    assert_eq!(
        (stops(&site), alarms(&site, "keys-lost")),
        (vec!["keys-refused".to_owned()], vec!["raised".to_owned()])
    );
    // Not by a command either, until the service says yes.
    fs::write(site.room.join("passphrase"), TOKEN).unwrap();
    let refused = site.run("admin", &["whoami"]);
    assert!(refused.exit != 0 && refused.err.contains("KEYS-015"), "{}", refused.err);
    vault.answer_always(None);
    assert_eq!(site.run("admin", &["whoami"]).exit, 0);
    site.assert_sound();
    site.lock();
}

#[test]
fn settings_by_which_nothing_would_be_asked_are_refused() {
    let site = Site::fresh(&[]);
    add_settings(&site, "[keys.asking]\nevery_seconds = 0\n");
    let refused = site.run("admin", &["whoami"]);
    assert!(
        refused.exit != 0 && refused.err.contains("KEYS-024") && refused.err.contains("hint: "),
        "{}",
        refused.err
    );
}
