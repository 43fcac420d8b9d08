//! Backups from outside: made, killed, checked, and a lost site put back without what was erased since.

use crate::site::{Site, scratch, until};
use crate::story::sample_of;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Folders beside a site, as text.
struct Places {
    folder: TempDir,
}

impl Places {
    fn new() -> Self {
        Self { folder: TempDir::new_in(scratch()).unwrap() }
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn recovery_file(&self) -> String {
        let file = fs::read_dir(self.at("recovery")).unwrap().next().unwrap().unwrap().path();
        file.to_str().unwrap().to_owned()
    }
}

fn refused(site: &Site, words: &[&str], exit: i32, code: &str) {
    let done = site.run("admin", words);
    assert!(done.exit == exit && done.err.contains(code), "{words:?}: {} {}", done.exit, done.err);
    assert!(exit == 2 || done.err.contains("hint: "), "{words:?}: {}", done.err);
}

fn spawn(site: &Site, words: &[&str]) -> Child {
    let mut command = site.command("admin", words);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_lost_site_comes_back_without_what_was_erased_since() {
    let site = Site::copy();
    let places = Places::new();
    let (backup, recovery, into) = (places.at("backup"), places.at("recovery"), places.at("site"));
    let create = ["backup", "create", &backup, "--recovery", &recovery];
    let sample = sample_of(&site);
    let rows = site.json("analyst", &["variant", "query", "--sample", &sample]);
    let project = "project create --name Gone --class sandbox --purpose methods --term DUO:0000042 \
         --granularity genome --framework none --incidental not-reported --basis board \
         --region EU \
                   --retention 90-days --consent NONE-3 --administrator manager";
    let made = site.json("admin", &project.split_whitespace().collect::<Vec<_>>());
    let gone = made["id"].as_str().unwrap().to_owned();
    site.json("manager", &["member", "add", &gone, "steward", "--role", "data-steward"]);

    for who in ["steward", "auditor", "analyst"] {
        assert_eq!(site.run(who, &create).exit, 4, "{who}");
    }
    refused(&site, &["backup", "create", &backup], 2, "");
    refused(&site, &["backup", "create", &backup, "--recovery", &places.at("backup/in")], 2, "BACKUP-002");
    refused(&site, &["backup", "create", &backup, "--recovery", &recovery, "--days", "0"], 2, "SERVER-003");
    refused(&site, &["backup", "verify", &places.at("none")], 2, "BACKUP-015");
    let made = site.json("admin", &create);
    assert_eq!(
        (&made["set"], &made["done"], &made["absent"]),
        (&1.into(), &true.into(), &serde_json::json!([]))
    );
    let look = site.json("admin", &["backup", "verify", &backup]);
    assert_eq!(look["compared"], made["objects"]);
    refused(&site, &["backup", "verify", &backup, "--set", "7"], 3, "BACKUP-003");

    // Since then: the root is replaced, keys are shredded, an object is held, and somebody leaves.
    site.json("admin", &["keys", "rotate", "--root"]);
    let shredded = site.json("steward", &["keys", "shred", "--project", &gone, "--yes"]);
    let ends: Option<&str> = shredded["complete"].as_str();
    assert_eq!(ends, made["expires"].as_str(), "the certificate names the day of the backup's key");
    let objects = site.json("viewer", &["object", "list", &sample]);
    let object = objects[0]["id"].as_str().unwrap().to_owned();
    site.json("steward", &["object", "hold", &object, "--reason", "a court asks"]);
    let main = site.last("viewer", &["project", "list"]);
    site.json("manager", &["member", "remove", &main, "viewer"]);
    site.lock();

    let file = places.recovery_file();
    let ledger = site.folder.join("ledger").to_str().unwrap().to_owned();
    let restore = ["backup", "restore", &backup, &into, "--recovery", &file, "--ledger", &ledger];
    refused(&site, &restore[..6], 2, "--without-newer-ledger");
    refused(&site, &[&restore[..5], &[backup.as_str()], &restore[6..]].concat(), 6, "BACKUP-001");
    refused(&site, &[&restore[..], &["--set", "2"]].concat(), 3, "BACKUP-003");
    let held = site.folder.to_str().unwrap();
    refused(
        &site,
        &["backup", "restore", &backup, held, "--recovery", &file, "--ledger", &ledger],
        5,
        "BACKUP-009",
    );
    let wrong = site.room.join("wrong");
    fs::write(&wrong, "a sentence that opens nothing").unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600)).unwrap();
    let mut other = site.command("admin", &restore);
    let args: Vec<_> = other.get_args().map(|arg| arg.to_owned()).collect();
    let at = args.iter().position(|arg| arg == "--passphrase-file").unwrap();
    other = std::process::Command::new(crate::site::PROGRAM);
    other.args(&args[..=at]).arg(&wrong).args(&args[at + 2..]).stdin(Stdio::null());
    let refused = other.output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("KEYS-001"));
    assert!(!PathBuf::from(&into).join("site.toml").exists());

    let token = places.at("token");
    let done = site.json("admin", &[&restore[..], &["--token-out", &token]].concat());
    assert_eq!(
        (&done["holds"], &done["lost"], &done["missing"]),
        (&1.into(), &0.into(), &0.into()),
        "{done}"
    );
    assert!(done["shredded"].as_u64().unwrap() >= 1 && done["roles"].as_u64().unwrap() >= 1, "{done}");
    let back = site.restored(PathBuf::from(&into));
    assert_eq!(back.run("admin", &["login", "--token-file", &token]).exit, 0);
    for who in ["analyst", "steward", "viewer", "auditor"] {
        let renewed = back.json("admin", &["account", "token", who]);
        let file = back.room.join(format!("{who}.token"));
        fs::write(&file, renewed["token"].as_str().unwrap()).unwrap();
        assert_eq!(back.run(who, &["login", "--token-file", file.to_str().unwrap()]).exit, 0, "{who}");
    }
    assert_eq!(
        back.json("analyst", &["variant", "query", "--sample", &sample]),
        rows,
        "what was there opens"
    );
    assert_eq!(back.run("viewer", &["variant", "query", "--sample", &sample]).exit, 3, "who left has left");
    assert_eq!(back.json("steward", &["object", "show", &object])["held"], true);
    let again = back.run("steward", &["keys", "shred", "--project", &gone, "--yes"]);
    assert!(
        again.exit == 5 && again.err.contains("KEYS-018") && again.err.contains("hint: "),
        "{}",
        again.err
    );
    let status = back.json("admin", &["keys", "status"]);
    assert!(!status["scopes"].to_string().contains(&gone), "{status}");
    assert_eq!(back.json("admin", &["archive", "scrub", "--all"])["damaged"], serde_json::json!([]));
    let found = back.json("auditor", &["audit", "search", "--action", "site-restored"]);
    assert_eq!(found["events"].as_array().unwrap().len(), 1, "{found}");
    back.assert_sound();
    // It makes backups of its own, in epochs of their own.
    let made = back.json("admin", &["backup", "create", &places.at("next"), "--recovery", &recovery]);
    assert_eq!(made["set"], 1);
    assert_eq!(fs::read_dir(&recovery).unwrap().count(), 2, "no number of an epoch is used again");
}

#[test]
fn a_restored_site_takes_no_sealed_file_of_the_lost_one() {
    let site = Site::copy();
    let places = Places::new();
    let (backup, recovery, into) = (places.at("backup"), places.at("recovery"), places.at("site"));
    let sealed = site.folder.join("keys/site.sealed");
    let mut lost = vec![fs::read(&sealed).unwrap()];
    for _ in 0..2 {
        site.json("admin", &["keys", "rotate", "--root"]);
    }
    site.json("admin", &["backup", "create", &backup, "--recovery", &recovery]);
    lost.push(fs::read(&sealed).unwrap());
    // What is sealed after the set has a higher number, and the same roots and passphrase.
    let passphrase = site.room.join("passphrase").to_str().unwrap().to_owned();
    for words in [["--to", "passphrase"].as_slice(), &["--complete"]] {
        site.json("admin", &[&["keys", "migrate", "--new-file", &passphrase], words].concat());
    }
    lost.push(fs::read(&sealed).unwrap());
    site.lock();
    let (file, token) = (places.recovery_file(), places.at("token"));
    let restore = ["backup", "restore", &backup, &into, "--recovery", &file, "--without-newer-ledger"];
    let told = site.json("admin", &[&restore[..], &["--token-out", &token]].concat());
    assert!(told.get("token").is_none(), "the token is in its file alone");
    let back = site.restored(PathBuf::from(&into));
    let sealed = PathBuf::from(&into).join("keys/site.sealed");
    let own = fs::read(&sealed).unwrap();
    for file in lost {
        fs::write(&sealed, file).unwrap();
        let refused = back.run("admin", &["login", "--token-file", &token]);
        assert!(refused.exit == 7 && refused.err.contains("AUDIT-009"), "{}", refused.err);
    }
    fs::write(&sealed, own).unwrap();
    assert_eq!(back.run("admin", &["login", "--token-file", &token]).exit, 0);
    // The site's own count goes on.
    let older = fs::read(&sealed).unwrap();
    back.json("admin", &["keys", "rotate", "--root"]);
    back.lock();
    let newer = fs::read(&sealed).unwrap();
    fs::write(&sealed, older).unwrap();
    let refused = back.run("admin", &["whoami"]);
    assert!(refused.exit == 7 && refused.err.contains("AUDIT-008"), "{}", refused.err);
    fs::write(&sealed, newer).unwrap();
    back.json("admin", &["keys", "status"]);
}

#[test]
fn a_killed_backup_and_a_killed_restore_go_on() {
    let site = Site::copy();
    let places = Places::new();
    let (backup, recovery, into) = (places.at("backup"), places.at("recovery"), places.at("site"));
    let create = ["backup", "create", &backup, "--recovery", &recovery];
    for delay in [5, 15, 30, 60, 100, 150] {
        let process = site.start();
        let mut child = spawn(&site, &create);
        std::thread::sleep(Duration::from_millis(delay));
        rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
        child.wait().unwrap();
        // A command that had not reached the process yet has started another one.
        if let Some(another) = site.process() {
            rustix::process::kill_process(another, rustix::process::Signal::KILL).unwrap();
        }
        site.wait_until_ended();
    }
    site.json("admin", &create);
    let look = site.json("admin", &["backup", "verify", &backup]);
    assert!(look["compared"].as_u64().unwrap() > 3, "{look}");
    site.lock();
    let (file, ledger) = (places.recovery_file(), places.at("backup/ledger"));
    let token = places.at("token");
    let restore = ["backup", "restore", &backup, &into, "--recovery", &file, "--ledger", &ledger];
    let restore = [&restore[..], &["--token-out", &token]].concat();
    for delay in [20, 60, 100, 150, 200, 250] {
        let mut child = spawn(&site, &restore);
        std::thread::sleep(Duration::from_millis(delay));
        // It may have ended by itself: then it is whole, and the next one is refused.
        let _ = child.kill();
        child.wait().unwrap();
    }
    let whole = PathBuf::from(&into).join("site.toml").exists();
    let last = site.run("admin", &restore);
    assert!(last.exit == 0 || whole && last.err.contains("CLI-021"), "{}", last.err);
    // Wherever it was stopped, the token that is there now signs in.
    let back = site.restored(PathBuf::from(&into));
    until("the restored site opens", || back.run("admin", &["whoami"]).err.contains("CLI-004"));
    assert_eq!(back.run("admin", &["login", "--token-file", &token]).exit, 0);
    let kinds: Vec<Value> = back.events().iter().map(|leaf| leaf["event"]["event"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "site-restored").count(), 1);
}

/// Writes a file of a set and states it in the head, as who can write the backup could.
fn state(set: &Path, name: &str, bytes: &[u8]) {
    fs::write(set.join(name), bytes).unwrap();
    let mut head: Value = serde_json::from_slice(&fs::read(set.join("set.json")).unwrap()).unwrap();
    for stated in head["files"].as_array_mut().unwrap() {
        if stated["name"] == name {
            stated["length"] = bytes.len().into();
            stated["digest"] = blake3::hash(bytes).to_hex().to_string().into();
        }
    }
    fs::write(set.join("set.json"), serde_json::to_vec(&head).unwrap()).unwrap();
}

#[test]
fn what_nobody_vouches_for_is_not_acted_on() {
    let site = Site::copy();
    let places = Places::new();
    let (backup, recovery, into) = (places.at("backup"), places.at("recovery"), places.at("site"));
    site.json("admin", &["backup", "create", &backup, "--recovery", &recovery]);
    site.lock();
    let file = places.recovery_file();
    let restore = ["backup", "restore", &backup, &into, "--recovery", &file, "--without-newer-ledger"];
    // Who can write the backup states a `site.toml` of their own, with a bucket that the bodies would go to.
    let set = PathBuf::from(&backup).join("sets/000001");
    let own = [fs::read(set.join("site.toml")).unwrap(), fs::read(set.join("set.json")).unwrap()];
    let evil = format!(
        "{}\n[keys]\npkcs11_module = \"/nowhere/evil.so\"\n",
        String::from_utf8(own[0].clone()).unwrap()
    );
    state(&set, "site.toml", evil.as_bytes());
    refused(&site, &restore, 7, "BACKUP-005");
    for written in ["objects", "tools", "metadata.db", "keys", "site.toml"] {
        assert!(!PathBuf::from(&into).join(written).exists(), "{written}");
    }
    fs::remove_dir_all(&into).unwrap();
    fs::write(set.join("site.toml"), &own[0]).unwrap();
    fs::write(set.join("set.json"), &own[1]).unwrap();
    // Nor a library that it names: how a token is reached, the operator says.
    let sealed = fs::read(set.join("site.sealed")).unwrap();
    let mut token: Value = serde_json::from_slice(&sealed).unwrap();
    token["under"] =
        serde_json::json!({"provider": "pkcs11", "token": "t", "label": "l", "key": "A".repeat(80)});
    state(&set, "site.sealed", &serde_json::to_vec(&token).unwrap());
    state(&set, "site.toml", evil.as_bytes());
    refused(&site, &restore, 2, "BACKUP-012");
    let mine = places.at("mine.toml");
    fs::write(&mine, evil.replace("evil", "mine")).unwrap();
    let said = site.run("admin", &[&restore[..], &["--settings", &mine]].concat());
    assert!(said.exit != 0 && said.err.contains("its library cannot be loaded"), "{}", said.err);
    for (name, bytes) in [("site.sealed", &sealed), ("site.toml", &own[0]), ("set.json", &own[1])] {
        fs::write(set.join(name), bytes).unwrap();
    }

    // A rehearsal makes a site that opens, and knows nobody outside.
    let token = places.at("token");
    site.json("admin", &[&restore[..], &["--rehearse", "--token-out", &token]].concat());
    let back = site.restored(PathBuf::from(&into));
    assert_eq!(back.run("admin", &["login", "--token-file", &token]).exit, 0);
    let text = fs::read_to_string(PathBuf::from(&into).join("site.toml")).unwrap();
    assert!(!text.contains('[') && text.contains("idle_minutes"), "{text}");
}

#[test]
fn who_withdrew_since_the_backup_has_withdrawn_in_the_restored_site() {
    let site = Site::copy();
    let places = Places::new();
    let (backup, recovery, into) = (places.at("backup"), places.at("recovery"), places.at("site"));
    let sample = sample_of(&site);
    let subject = site.json("viewer", &["sample", "show", &sample])["subject"].as_str().unwrap().to_owned();
    site.json("admin", &["backup", "create", &backup, "--recovery", &recovery]);
    site.json("steward", &["consent", "withdraw", &subject]);
    site.lock();
    let ledger = site.folder.join("ledger").to_str().unwrap().to_owned();
    let (file, token) = (places.recovery_file(), places.at("token"));
    let restore = ["backup", "restore", &backup, &into, "--recovery", &file, "--ledger", &ledger];
    let done = site.json("admin", &[&restore[..], &["--token-out", &token]].concat());
    assert_eq!(done["consents"], 1, "{done}");
    let back = site.restored(PathBuf::from(&into));
    assert_eq!(back.run("admin", &["login", "--token-file", &token]).exit, 0);
    for who in ["analyst", "steward"] {
        let renewed = back.json("admin", &["account", "token", who]);
        let file = back.room.join(format!("{who}.token"));
        fs::write(&file, renewed["token"].as_str().unwrap()).unwrap();
        assert_eq!(back.run(who, &["login", "--token-file", file.to_str().unwrap()]).exit, 0, "{who}");
    }
    let project = back.last("steward", &["project", "list"]);
    let people = back.json("steward", &["consent", "list", &project]);
    let of_them = people.as_array().unwrap().iter().find(|one| one["subject"] == subject.as_str()).unwrap();
    assert_eq!((&of_them["standing"], &of_them["usable"]), (&"withdrawn".into(), &false.into()), "{of_them}");
    let asked = back.run("analyst", &["variant", "query", "--sample", &sample]);
    assert!(asked.exit == 4 && asked.err.contains("ACCESS-086"), "{}", asked.err);
}
