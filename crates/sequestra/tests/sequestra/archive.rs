//! The store from outside: holds, floors, damage that is found and named, and the site's own scrub.

use crate::site::{Site, made_data, until};
use crate::story::sample_of;
use db::sea_orm::{ConnectionTrait, Statement};
use db::{Db, DbKey};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The room's own tables, opened as nothing but the site's process ever does.
fn in_database<T>(site: &Site, act: impl AsyncFnOnce(&Db) -> T) -> T {
    let passphrase = fs::read_to_string(site.room.join("passphrase")).unwrap();
    let credential = keys::Credential::new(passphrase.trim().to_owned());
    let safe = keys::Safe::new(site.folder.join("keys/site.sealed"), keys::Reach::default());
    let (_, secrets, _) = safe.unseal(&credential).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let rooms = [
            access::MIGRATIONS,
            keys::MIGRATIONS,
            archive::MIGRATIONS,
            catalog::MIGRATIONS,
            runs::MIGRATIONS,
            subjects::MIGRATIONS,
            sharing::MIGRATIONS,
        ];
        let path = site.folder.join("metadata.db");
        let db = Db::open(&path, &DbKey::new(*secrets.database), &rooms).await.unwrap();
        let done = act(&db).await;
        db.close().await.unwrap();
        done
    })
}

/// Where the body of an object lies. The site is locked.
fn body_of(site: &Site, object: &str) -> PathBuf {
    let name = in_database(site, async |db| {
        let sql = format!("SELECT body FROM archive_object WHERE id = '{object}'");
        let row = db.reader().query_one_raw(Statement::from_string(db.reader().get_database_backend(), sql));
        row.await.unwrap().unwrap().try_get::<String>("", "body").unwrap()
    });
    site.folder.join("objects").join(name.get(..2).unwrap()).join(name)
}

/// Changes one bit in the middle of a file that is read-only.
fn flip(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn object_of(site: &Site, kind: &str) -> String {
    let objects = site.json("viewer", &["object", "list", &sample_of(site)]);
    let found = objects.as_array().unwrap().iter().find(|o| o["kind"] == kind).unwrap();
    found["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_steward_holds_and_lifts_and_nobody_deletes_before_the_floor() {
    let site = Site::copy();
    let object = object_of(&site, "variants");
    let refused = |who: &str, words: &[&str], exit: i32, code: &str| {
        let done = site.run(who, words);
        assert!(done.exit == exit && done.err.contains(code), "{words:?}: {} {}", done.exit, done.err);
        assert!(done.err.contains("hint: ") || exit == 3, "{}", done.err);
    };
    let verb = |verb: &'static str| ["object", verb, object.as_str(), "--reason", "a court asks"];
    refused("analyst", &verb("hold"), 4, "ACCESS-002");
    let blank = site.run("steward", &["object", "hold", &object, "--reason", " "]);
    assert!(blank.exit == 2 && blank.err.contains("say why"), "{}", blank.err);
    assert_eq!(site.run("steward", &["object", "hold", "obj_x", "--reason", "r"]).exit, 2);
    assert_eq!(site.run("steward", &["object", "hold", &object]).exit, 2, "without a reason");
    refused("steward", &verb("lift"), 5, "ARCHIVE-014");
    assert_eq!(site.json("steward", &verb("hold"))["held"], true);
    assert_eq!(site.json("steward", &["object", "show", &object])["held"], true);
    refused("steward", &verb("delete"), 5, "ARCHIVE-013");
    let project = site.last("steward", &["project", "list"]);
    refused("steward", &["keys", "shred", "--project", &project, "--yes"], 5, "KEYS-019");
    let stat = site.json("admin", &["archive", "stat"]);
    let of =
        stat["projects"].as_array().unwrap().iter().find(|of| of["project"] == project.as_str()).unwrap();
    assert_eq!((&of["held"], &of["quarantined"]), (&1.into(), &0.into()), "{stat}");
    assert_eq!(site.json("steward", &verb("lift"))["held"], false);
    refused("steward", &verb("delete"), 5, "ARCHIVE-011");
    assert!(site.json("steward", &["object", "show", &object])["kept_until"].is_string());
    let kinds: Vec<Value> = site.events().iter().map(|leaf| leaf["event"]["event"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "hold-changed").count(), 2);
    assert!(!kinds.iter().any(|kind| kind == "object-deleted"));
    let text = site.events().iter().map(Value::to_string).collect::<String>();
    assert!(!text.contains("court"), "the reason is sealed");
    site.assert_sound();
}

#[test]
fn damage_is_named_recorded_and_given_to_nobody() {
    let site = Site::copy();
    let (object, other) = (object_of(&site, "variants"), object_of(&site, "alignment"));
    let project = site.last("viewer", &["project", "list"]);
    let whole = site.json("admin", &["archive", "scrub", "--all"]);
    assert!(whole["objects"].as_u64().unwrap() > 3 && whole["due"] == 0, "{whole}");
    assert_eq!(site.json("admin", &["archive", "scrub"])["objects"], 0, "nothing is due");
    for (words, exit) in [
        (vec!["archive", "scrub", "--before", "tomorrow"], 2),
        (vec!["archive", "scrub", "--before", "2999-01-01T00:00:00Z"], 2),
        (vec!["archive", "check", "obj_00000000000000000000"], 3),
        (vec!["archive", "check"], 2),
    ] {
        assert_eq!(site.run("admin", &words).exit, exit, "{words:?}");
    }
    assert_eq!(site.run("auditor", &["archive", "scrub"]).exit, 4);
    assert_eq!(site.run("support", &["archive", "stat"]).exit, 4);

    site.lock();
    let heard = || {
        let text = fs::read_to_string(site.folder.join("run/alarms.jsonl")).unwrap_or_default();
        text.contains("\"alarm\":\"objects-damaged\"")
    };
    assert!(!heard());
    let body = body_of(&site, &object);
    flip(&body);
    let found = site.run("admin", &["archive", "scrub", "--all"]);
    assert_eq!(found.exit, 7, "{}", found.err);
    until("the damage is heard of", heard);
    for word in [object.as_str(), project.as_str(), "version 1", "bytes", "CLI-033", "hint: "] {
        assert!(found.err.contains(word), "{word}: {}", found.err);
    }
    let again = site.run("admin", &["archive", "scrub", "--all"]);
    assert_eq!(again.exit, 7, "what is in quarantine stays the answer: {}", again.err);
    let listed = &site.json("admin", &["archive", "stat"])["quarantine"];
    assert_eq!((&listed[0]["object"], &listed[0]["damage"]), (&object.as_str().into(), &"bytes".into()));
    assert!(site.run("admin", &["site", "status"]).out.contains("DAMAGE"));
    let damaged: Vec<Value> =
        site.events().into_iter().filter(|leaf| leaf["event"]["event"] == "object-damaged").collect();
    assert_eq!(damaged.len(), 1);
    assert!(damaged[0].to_string().contains(&object) && damaged[0]["event"]["project"] == project.as_str());
    let out = site.room.join("out.c4gh");
    let recipient = site.room.join("recipient.pub");
    let get = |id: &str| {
        let words = ["object", "get", id, "--to", recipient.to_str().unwrap(), "--reason", "r", "--out"];
        site.run("exporter", &[&words[..], &[out.to_str().unwrap()]].concat())
    };
    let refused = get(&object);
    assert!(refused.exit == 7 && refused.err.contains("ARCHIVE-008"), "{}", refused.err);
    assert!(!out.exists());
    assert_eq!(site.run("admin", &["archive", "check", &object, &other]).exit, 7);
    assert_eq!(site.run("admin", &["archive", "check", &other]).exit, 0);
    assert_eq!(get(&other).exit, 0);
    site.assert_sound();
}

#[test]
fn a_site_that_is_left_alone_finds_damage_by_itself() {
    let site = Site::copy();
    let object = object_of(&site, "report");
    site.lock();
    flip(&body_of(&site, &object).with_extension("tree"));
    // As if nobody had looked for years: the site's clock cannot be moved from here, its records can.
    in_database(&site, async |db| {
        let sql = "UPDATE archive_object SET scrubbed_at = '2020-01-01T00:00:00Z'";
        db.reader().execute_unprepared(sql).await.unwrap();
    });
    site.start();
    until("the site reads everything", || {
        let stat = site.json("admin", &["archive", "stat"]);
        let checked = |of: &Value| of["oldest_check"].as_str().is_some_and(|at| !at.starts_with("2020"));
        stat["quarantine"].as_array().unwrap().len() == 1
            && stat["projects"].as_array().unwrap().iter().filter(|of| checked(of)).count() >= 1
    });
    let stat = site.json("admin", &["archive", "stat"]);
    assert_eq!(
        (&stat["quarantine"][0]["object"], &stat["quarantine"][0]["damage"]),
        (&object.as_str().into(), &"tree".into())
    );
    let by_site = |leaf: &Value| {
        leaf["event"]["event"] == "object-damaged"
            && leaf["event"]["actor"].as_str().unwrap().starts_with("sit_")
    };
    assert_eq!(site.events().iter().filter(|leaf| by_site(leaf)).count(), 1);
}

#[test]
fn a_site_with_bodies_in_its_folder_takes_no_bucket_and_says_what_to_write() {
    let site = Site::copy();
    site.lock();
    let settings = site.folder.join("site.toml");
    let text = fs::read_to_string(&settings).unwrap();
    // Nothing listens there: the site is refused before it asks.
    let s3 = "[archive.s3]\nendpoint = \"http://127.0.0.1:1\"\nbucket = \"genomes\"\n";
    fs::write(&settings, format!("{text}\n{s3}")).unwrap();
    let done = site.run("admin", &["whoami"]);
    assert_eq!(done.exit, 2, "{}", done.err);
    for word in ["SEQUESTRA-005", "`genomes`", "hint: ", "remove `[archive.s3]`", "docs/guide/bucket.md"] {
        assert!(done.err.contains(word), "{word}: {}", done.err);
    }
    fs::write(&settings, text).unwrap();
    assert_eq!(site.run("admin", &["whoami"]).exit, 0);
}

/// Another file system in the place of a folder, as the site's process sees it: it has mounts of its own.
struct Over(PathBuf, String);

impl Over {
    fn mount(site: &Site, at: &Path) -> Self {
        let over = Self(at.to_owned(), site.process().unwrap().as_raw_nonzero().to_string());
        let done = over.enter(&["mount", "-t", "tmpfs", "sequestra-test"]);
        assert!(
            done.status.success(),
            "a test of a mount that goes takes root and CAP_SYS_ADMIN: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        over
    }

    fn enter(&self, words: &[&str]) -> Output {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.1, "--mount"]).args(words).arg(&self.0);
        command.stdin(Stdio::null()).output().expect("`nsenter` of util-linux")
    }

    /// What lies there.
    fn entries(&self) -> usize {
        let path = format!("/proc/{}/root{}", self.1, self.0.display());
        fs::read_dir(path).unwrap().count()
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        let _ = self.enter(&["umount", "-l"]);
    }
}

#[test]
fn a_mount_that_goes_while_the_site_is_open_takes_no_body_under_it() {
    let site = Site::copy();
    let more = site.room.join("more");
    made_data(&more, 5, 1);
    let path = |name: &str| more.join(name).to_str().unwrap().to_owned();
    let project = site.last("analyst", &["project", "list"]);
    let (sheet, manifest) = (path("samplesheet.csv"), path("md5sums.txt"));
    let put = ["intake", "put", &project, "--sheet", &sheet, "--manifest", &manifest];
    let limits = || site.json("admin", &["site", "status"])["limits"].to_string();
    let over = Over::mount(&site, &site.folder.join("objects"));
    let refused = site.run("analyst", &put);
    assert!(refused.exit == 6 && refused.err.contains("ARCHIVE-018"), "{}: {}", refused.exit, refused.err);
    assert!(refused.err.contains("hint: "), "{}", refused.err);
    assert_eq!(over.entries(), 0, "bytes lie in another place");
    assert!(limits().contains("the store is not there"), "{}", limits());
    drop(over);
    let done = site.run("analyst", &put);
    assert_eq!(done.exit, 0, "{}", done.err);
    assert!(!limits().contains("the store is not there"), "{}", limits());
    let swept = &site.json("admin", &["archive", "stat"])["swept"];
    assert_eq!((&swept["of"], &swept["failing"]), (&256.into(), &false.into()), "{swept}");
    site.lock();
}
