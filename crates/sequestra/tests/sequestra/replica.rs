//! A site whose ledger is copied elsewhere, and sites that were put back.

use crate::site::{PROGRAM, Site, copy_folder, until};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn set(site: &Site, name: &str, folder: &Path) {
    let path = site.folder.join("site.toml");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.split("\n[[replica]]").next().unwrap().trim_end().to_owned();
    let folder = folder.display();
    let replica = format!("[[replica]]\nname = \"{name}\"\ndirectory = \"{folder}\"\nevery_seconds = 1\n");
    fs::write(path, format!("{text}\n\n{replica}")).unwrap();
}

fn place(site: &Site, name: &str) -> PathBuf {
    let folder = site.room.join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn status(site: &Site) -> Value {
    site.json("admin", &["site", "status"])
}

fn limits(site: &Site) -> String {
    status(site)["limits"].to_string()
}

fn newest(folder: &Path) -> usize {
    let entries = fs::read_dir(folder.join("checkpoints")).into_iter().flatten();
    // A draft is no checkpoint.
    let sizes = entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    sizes.max().unwrap_or(0)
}

/// Checked by itself, with the site's public key alone.
fn fsck(folder: &Path, key: &Path) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(["ledger", "fsck"]).arg(folder).arg("--site-key").arg(key).stdin(Stdio::null());
    command.output().unwrap()
}

#[test]
fn a_ledger_is_copied_while_the_site_is_open_and_its_copy_is_checked_by_itself() {
    let site = Site::copy();
    let vault = place(&site, "vault");
    set(&site, "vault", &vault);
    site.start();
    site.invite("newcomer");
    let size = site.events().len();
    until("what happened is copied", || newest(&vault) >= size);
    // The status knows once the round has ended.
    until("the status says so", || {
        let shown = &status(&site)["replicas"][0];
        shown["name"] == "vault" && shown["events"].as_u64().unwrap() >= size as u64
    });
    assert!(!limits(&site).contains("vault"), "{}", limits(&site));
    site.lock();
    assert_eq!(newest(&vault), site.events().len(), "the closing is not copied");
    let key = site.folder.join("site.pub");
    let done = fsck(&vault, &key);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    site.start();
    site.assert_sound();
}

/// Everything put back together is consistent in itself; the replica has more.
#[test]
fn a_site_that_was_put_back_is_refused_by_its_replica() {
    let site = Site::copy();
    let vault = place(&site, "vault");
    set(&site, "vault", &vault);
    site.start();
    site.lock();
    let (older, newer) = (site.room.join("older"), site.room.join("newer"));
    copy_folder(&site.folder, &older);
    site.start();
    site.invite("newcomer");
    site.lock();
    fs::rename(&site.folder, &newer).unwrap();
    copy_folder(&older, &site.folder);
    let before = site.events().len();
    let done = site.run("admin", &["whoami"]);
    assert!(
        done.exit == 7 && done.err.contains("REPLICA-006") && done.err.contains("hint: "),
        "{}",
        done.err
    );
    assert_eq!(site.events().len(), before, "a ledger that was put back has grown");

    // Grown while the replica was away, past what it has: another history.
    let away = site.room.join("away");
    fs::rename(&vault, &away).unwrap();
    while site.events().len() <= newest(&away) {
        site.start();
        site.lock();
    }
    fs::rename(&away, &vault).unwrap();
    let done = site.run("admin", &["whoami"]);
    assert!(done.exit == 7 && done.err.contains("REPLICA-007"), "{}", done.err);

    // Back only once the site is open: the process ends, and the next start says why.
    fs::rename(&vault, &away).unwrap();
    site.start();
    fs::rename(&away, &vault).unwrap();
    site.wait_until_ended();

    // The newest copy is well.
    fs::remove_dir_all(&site.folder).unwrap();
    fs::rename(&newer, &site.folder).unwrap();
    site.start();
    site.assert_sound();
}

/// A replica whose tile somebody changed: heard of on the second channel, on record, and named by the status, by the
/// program as it is installed. Without the change none of it.
#[test]
fn a_changed_tile_of_a_replica_is_heard_of_and_named() {
    let site = Site::copy();
    let vault = place(&site, "vault");
    set(&site, "vault", &vault);
    site.start();
    // A tile is full at 256 events.
    while site.events().len() <= 256 {
        status(&site);
    }
    let size = site.events().len();
    until("everything is copied", || newest(&vault) >= size);
    let alarms = || {
        let text = fs::read_to_string(site.folder.join("run/alarms.jsonl")).unwrap_or_default();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.into_iter().filter(|alarm| alarm["alarm"] == "replica-behind").collect::<Vec<_>>()
    };
    let kinds = || site.events().iter().filter(|leaf| leaf["event"]["event"] == "replica-differs").count();
    until("the first round is told", || {
        status(&site)["replicas"][0]["events"].as_u64().unwrap() >= size as u64
    });
    assert!(!limits(&site).contains("vault") && alarms().is_empty() && kinds() == 0);

    let tile = vault.join("tile/0/000");
    let whole = fs::read(&tile).unwrap();
    let mut changed = whole.clone();
    changed[100] ^= 1;
    fs::remove_file(&tile).unwrap();
    fs::write(&tile, &changed).unwrap();
    until("the status names it", || {
        let said = limits(&site);
        said.contains("vault") && said.contains("tile/0/000") && said.contains("REPLICA-004")
    });
    until("it is heard of", || {
        alarms().iter().any(|alarm| alarm["state"] == "raised" && alarm.to_string().contains("vault"))
    });
    assert_eq!(kinds(), 1, "recorded once");
    // The site goes on, and the copy is well again with its bytes.
    assert_eq!(site.run("admin", &["whoami"]).exit, 0);
    fs::remove_file(&tile).unwrap();
    fs::write(&tile, &whole).unwrap();
    until("the status is quiet", || !limits(&site).contains("vault"));
    until("it is over", || alarms().last().is_some_and(|alarm| alarm["state"] == "over"));
    site.assert_sound();
}

#[test]
fn settings_that_name_no_place_are_refused_and_say_which() {
    let site = Site::copy();
    set(&site, "vault", Path::new("relative"));
    let done = site.run("admin", &["whoami"]);
    assert!(
        done.exit == 2 && done.err.contains("REPLICA-001") && done.err.contains("`vault`"),
        "{}",
        done.err
    );
}
