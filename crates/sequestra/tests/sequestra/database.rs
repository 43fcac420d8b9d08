//! A whole site on a PostgreSQL server: made there, moved there and back, restarted under it, backed up.

use crate::site::{FILES, PATIENT, PROGRAM, SAMPLE, Site, copy_folder, scratch};
use crate::story::{sample_of, variants};
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use testkit::Postgres;

const PROJECT: &str = "project create --name Quibbleton-cohort --class sandbox --purpose methods --term DUO:0000042 \
     --granularity genome --framework none --incidental not-reported --basis board \
                       --region EU --retention 90-days --consent QUIXOTIC-9 --administrator manager";

/// The words with which a command names a database of the server.
fn words(name: &str) -> Vec<String> {
    let server = Postgres::shared().settings(name);
    let file = |path: Option<std::path::PathBuf>| path.unwrap().to_str().unwrap().to_owned();
    let words = ["--database", &server.url, "--database-ca", &file(server.ca), "--database-password-file"];
    words.into_iter().map(str::to_owned).chain([file(server.password_file)]).collect()
}

fn with<'a>(first: &[&'a str], more: &'a [String]) -> Vec<&'a str> {
    first.iter().copied().chain(more.iter().map(String::as_str)).collect()
}

fn refused(site: &Site, args: &[&str], exit: i32, code: &str) {
    let done = site.run("admin", args);
    assert!(done.exit == exit && done.err.contains(code), "{args:?}: {} {}", done.exit, done.err);
    assert!(code == "--" || done.err.contains("hint: "), "{args:?}: {}", done.err);
}

/// What people see of the site, whatever it stands on.
fn seen(site: &Site, sample: &str) -> Vec<Value> {
    let mut all = variants(site, sample);
    all.push(site.json("analyst", &["project", "list"]));
    let project = site.last("analyst", &["project", "list"]);
    all.push(site.json("analyst", &["sample", "list", &project]));
    all.push(site.json("viewer", &["object", "list", sample]));
    all.push(site.json("viewer", &["run", "list", &project]));
    all.push(site.json("admin", &["account", "list"]));
    all
}

#[test]
fn a_site_moves_to_a_server_and_back_and_is_the_same_site() {
    let site = Site::copy();
    let server = Postgres::shared();
    let name = server.database(&site.folder);
    let to_server = words(&name);
    let sample = sample_of(&site);
    let before = seen(&site, &sample);
    let asked = asked_of(&site, &sample);
    assert!(asked > 0, "a question about a sample is on record");

    // While its process runs, nothing is moved; nor with words that say too little.
    refused(&site, &with(&["database", "move"], &to_server), 6, "LEDGER-006");
    site.lock();
    refused(&site, &["database", "move"], 2, "--");
    refused(&site, &["database", "move", "--to-file"], 2, "DB-006");
    refused(&site, &["database", "move", "--database", "postgres://a:secret@h/d"], 2, "DB-006");
    refused(&site, &["database", "move", "--database", &to_server[1]], 2, "DB-006");
    let moved = site.json("admin", &with(&["database", "move"], &to_server));
    assert!(moved["rows"].as_u64().unwrap() > 50, "{moved}");
    assert!(!site.folder.join("metadata.db").exists(), "no copy stays that keeps keys");
    let settings = fs::read_to_string(site.folder.join("site.toml")).unwrap();
    assert!(settings.contains("[database]") && !settings.contains("not-for-anything"), "{settings}");

    assert_eq!(seen(&site, &sample), before);
    assert_eq!(asked_of(&site, &sample), asked, "on record on a server as often as with a file");
    site.assert_sound();
    let status = site.json("admin", &["site", "status"]);
    assert!(status["database"].as_str().unwrap().starts_with("PostgreSQL"), "{status}");
    assert!(status["limits"].to_string().contains("can change rows"), "{status}");
    let found = site.json("admin", &["doctor"]);
    let own = found["findings"].as_array().unwrap().iter().find(|one| one["name"] == "database").unwrap();
    assert_eq!(own["state"], "ok", "{own}");
    site.json("admin", &PROJECT.split_whitespace().collect::<Vec<_>>());
    let events = site.events();
    let kinds: Vec<_> = events.iter().map(|leaf| leaf["event"]["event"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"database-moved"), "{kinds:?}");

    // Who administers the server reads no word about anybody, and no key.
    let dump = server.dump(&name);
    for word in [PATIENT, SAMPLE, FILES[0], FILES[1], "Quibbleton", "QUIXOTIC-9"] {
        assert!(!dump.contains(word), "{word} is in the dump");
    }
    assert!(dump.contains(&sample), "it is a dump");

    // A server that does not remove what has moved: the site has moved all the same, and is told what is left.
    site.lock();
    let refusal = "AS 'BEGIN RAISE EXCEPTION ''kept here''; END'";
    server.ask(&name, &format!("CREATE FUNCTION keep() RETURNS event_trigger LANGUAGE plpgsql {refusal}"));
    server.ask(&name, "CREATE EVENT TRIGGER keep ON sql_drop EXECUTE FUNCTION keep()");
    let left = &site.json("admin", &["database", "move", "--to-file"])["left"];
    assert!(left["place"].as_str().unwrap().ends_with(&name), "{left}");
    assert!(left["why"].as_str().unwrap().contains("kept here"), "{left}");
    assert_eq!(variants(&site, &sample), variants_of(&before));
    assert_eq!(site.json("admin", &["site", "status"])["database"], "an encrypted file in the site's folder");
    site.lock();
    server.ask(&name, "DROP EVENT TRIGGER keep");
    server.ask(&name, "DROP SCHEMA public CASCADE");
    server.ask(&name, "CREATE SCHEMA public AUTHORIZATION sequestra");

    site.json("admin", &with(&["database", "move"], &to_server));
    let back = site.json("admin", &["database", "move", "--to-file"]);
    assert!(back["rows"].as_u64() > moved["rows"].as_u64() && back["left"].is_null(), "{back}");
    assert_eq!(server.ask(&name, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    assert_eq!(variants(&site, &sample), variants_of(&before));
    let status = site.json("admin", &["site", "status"]);
    assert_eq!(status["database"], "an encrypted file in the site's folder");
    site.assert_sound();
}

/// How often reading a sample's variants puts that sample on record.
fn asked_of(site: &Site, sample: &str) -> usize {
    let about =
        |leaf: &&Value| leaf["event"]["action"] == "view-variants" && leaf.to_string().contains(sample);
    let count = || site.events().iter().filter(about).count();
    let before = count();
    variants(site, sample);
    count() - before
}

fn variants_of(seen: &[Value]) -> Vec<Value> {
    seen.iter().filter(|row| row.get("rank").is_some()).cloned().collect()
}

#[test]
fn a_site_is_made_on_a_server_that_restarts_under_it_and_comes_back_from_a_backup() {
    let server = Postgres::start();
    let folder = TempDir::new_in(scratch()).unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let name = server.database(folder.path());
    let settings = server.settings(&name);
    let room = folder.path().join("room");
    fs::create_dir(&room).unwrap();
    let passphrase = room.join("passphrase");
    fs::copy(Site::copy().room.join("passphrase"), &passphrase).unwrap();
    let (ca, password) = (settings.ca.unwrap(), settings.password_file.unwrap());
    let init = |url: &str, site: &str, token: &str| {
        let mut command = Command::new(PROGRAM);
        command.args(["init", site, "--token-out", token, "--passphrase-file"]).arg(&passphrase);
        command
            .args(["--database", url, "--database-ca"])
            .arg(&ca)
            .arg("--database-password-file")
            .arg(&password);
        command.stdin(Stdio::null()).output().unwrap()
    };
    let nowhere = init(&settings.url.replace(&name, "nowhere"), &at("none"), &at("none.token"));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("DB-009"));
    assert!(!Path::new(&at("none")).exists(), "what was begun is no site");
    let made = init(&settings.url, &at("site"), &at("token"));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let again = init(&settings.url, &at("other"), &at("other.token"));
    assert!(String::from_utf8_lossy(&again.stderr).contains("DB-012"), "one database, one site");

    let site = Site::at(folder.path().join("site"), room);
    assert_eq!(site.run("admin", &["login", "--token-file", &at("token")]).exit, 0);
    site.invite("manager");
    site.json("admin", &PROJECT.split_whitespace().collect::<Vec<_>>());
    let pid = site.process();
    server.crash();
    let lost = site.run("admin", &["account", "list"]);
    assert!(lost.exit == 6 && lost.err.contains("DB-009"), "{} {}", lost.exit, lost.err);
    server.run_again();
    let projects = site.json("manager", &["project", "list"]);
    assert_eq!(projects[0]["name"], "Quibbleton-cohort");
    assert_eq!(site.process(), pid, "the same process");

    let create = ["backup", "create", &at("backup"), "--recovery", &at("recovery")];
    site.json("admin", &create);
    let look = site.json("admin", &["backup", "verify", &at("backup")]);
    assert_eq!(look["findings"].as_array().map_or(0, Vec::len), 0, "{look}");
    site.lock();
    let recovery = fs::read_dir(at("recovery")).unwrap().next().unwrap().unwrap().path();
    let restored = site.restored(folder.path().join("restored"));
    let mut restore = Command::new(PROGRAM);
    restore.args(["backup", "restore", &at("backup"), restored.folder.to_str().unwrap(), "--recovery"]);
    restore.arg(recovery).args(["--without-newer-ledger", "--token-out", &at("restored.token")]);
    let done = restore.arg("--passphrase-file").arg(&passphrase).stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let toml = fs::read_to_string(restored.folder.join("site.toml")).unwrap();
    assert!(!toml.contains("postgres"), "what is restored leaves the server's database alone: {toml}");
    assert_eq!(restored.run("admin", &["login", "--token-file", &at("restored.token")]).exit, 0);
    let names: Vec<_> = restored.json("admin", &["account", "list"]).as_array().unwrap().clone();
    assert!(names.iter().any(|account| account["name"] == "manager"), "{names:?}");
}

/// The connection that holds the lock of a database.
const HOLDER: &str = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// A copy of a site's folder on another machine, as far as the site can tell, with everybody signed in.
fn twin(site: &Site, keep: &TempDir, name: &str) -> Site {
    let (folder, room) = (keep.path().join(name), keep.path().join(format!("{name}.room")));
    copy_folder(&site.folder, &folder);
    copy_folder(&site.room, &room);
    let _ = fs::remove_dir_all(folder.join("run"));
    fs::create_dir(folder.join("run")).unwrap();
    for who in ["admin", "auditor"] {
        let file = room.join(format!("{who}.session"));
        let mut kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        kept["folder"] = folder.to_str().unwrap().into();
        fs::write(file, serde_json::to_vec(&kept).unwrap()).unwrap();
    }
    Site::at(folder, room)
}

#[test]
fn two_servers_on_one_database_do_not_disagree() {
    let (server, keep) = (Postgres::shared(), TempDir::new_in(scratch()).unwrap());
    let name = server.database(keep.path());
    let first = Site::fresh(&["auditor"]);
    first.json("admin", &with(&["database", "move"], &words(&name)));
    let older = twin(&first, &keep, "older");

    // While the first has the database, a second server has nothing, from whatever copy of the folder.
    let process = first.start();
    for second in [&older, &twin(&first, &keep, "same")] {
        refused(second, &["account", "list"], 5, "DB-011");
        assert!(second.process().is_none(), "a second server listens");
    }

    // The first stands still, its connection breaks, and a second takes the database from it.
    kill_process(process, Signal::STOP).unwrap();
    let second = twin(&first, &keep, "second");
    server.ask(&name, HOLDER);
    second.json("admin", &["account", "create", "successor"]);
    let before = second.events().len();
    kill_process(process, Signal::CONT).unwrap();
    // It knows nothing of it yet: reading is refused as changing is, and it ends.
    refused(&first, &["account", "list"], 5, "DB-011");
    first.wait_until_ended();
    refused(&first, &["account", "create", "usurper"], 5, "DB-011");
    let events = first.events();
    let stopped = events.iter().rev().find(|leaf| leaf["event"]["event"] == "site-stopped").unwrap();
    assert_eq!(stopped["event"]["cause"], "database-lost");
    let alarms = fs::read_to_string(first.folder.join("run/alarms.jsonl")).unwrap();
    assert!(alarms.contains("database-lost"), "{alarms}");

    // What the second decided stands, and all of it is on its record.
    let listed = second.json("admin", &["account", "list"]).to_string();
    assert!(listed.contains("successor") && !listed.contains("usurper"), "{listed}");
    assert!(second.events().len() > before);
    second.assert_sound();
    second.lock();

    // Nobody has the database now. The folders that do not know what the second did stay refused; it goes on.
    for stale in [&first, &older] {
        refused(stale, &["account", "list"], 7, "AUDIT-004");
    }
    second.json("admin", &["account", "list"]);
}
