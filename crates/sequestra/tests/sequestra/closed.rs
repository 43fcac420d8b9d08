//! No record, no act: whatever is wrong with the ledger's disk, nothing is released or changed.

use crate::site::{FILES, Site, copy_folder, made_data, told, until};
use crate::story::sample_of;
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What people see of the site that could have changed.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    members: Value,
    samples: Value,
    objects: Value,
    bodies: usize,
}

struct Acts {
    project: String,
    sample: String,
    object: String,
    sheet: PathBuf,
    manifest: PathBuf,
    out: PathBuf,
}

impl Acts {
    fn of(site: &Site) -> Self {
        let (project, sample) = (site.last("analyst", &["project", "list"]), sample_of(site));
        let objects = site.json("exporter", &["object", "list", &sample]);
        let object = objects.as_array().unwrap().iter().find(|o| o["kind"] == "variants").unwrap();
        site.invite("late");
        let more = site.room.join("more");
        made_data(&more, 2, 1);
        Self {
            project,
            sample,
            object: object["id"].as_str().unwrap().to_owned(),
            sheet: more.join("samplesheet.csv"),
            manifest: more.join("md5sums.txt"),
            out: site.room.join("out.c4gh"),
        }
    }

    /// Who does what.
    fn all(&self, site: &Site) -> Vec<(&'static str, Vec<String>)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut get = words(&format!("object get {} --reason look --to", self.object));
        get.extend([text(&site.room.join("recipient.pub")), "--out".into(), text(&self.out)]);
        let mut put = words(&format!("intake put {} --sheet", self.project));
        put.extend([text(&self.sheet), "--manifest".into(), text(&self.manifest)]);
        vec![
            ("analyst", words(&format!("variant query --sample {}", self.sample))),
            ("viewer", words(&format!("report show {}", self.sample))),
            ("exporter", get),
            ("manager", words(&format!("member add {} late --role viewer", self.project))),
            ("analyst", put),
        ]
    }

    fn seen(&self, site: &Site) -> Seen {
        Seen {
            members: site.json("manager", &["member", "list", &self.project]),
            samples: site.json("analyst", &["sample", "list", &self.project]),
            objects: site.json("analyst", &["object", "list", &self.sample]),
            bodies: files(&site.folder.join("objects")),
        }
    }
}

fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

/// Each act is refused while `hinder` holds, and the site is well again after `heal`.
fn check(hinder: impl Fn(&Site), heal: impl Fn(&Site)) {
    let site = Site::copy();
    let acts = Acts::of(&site);
    let before = acts.seen(&site);
    for (who, words) in acts.all(&site) {
        site.start();
        hinder(&site);
        let args: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = site.run(who, &args);
        assert_ne!(done.exit, 0, "{words:?}");
        assert_eq!(done.out, "", "{words:?}");
        assert!(done.err.contains("AUDIT-001") && done.err.contains("hint: "), "{words:?}: {}", done.err);
        assert!(!acts.out.exists());
        site.wait_until_ended();
        heal(&site);
        // No repair: the next command goes on.
        assert_eq!(acts.seen(&site), before, "{words:?}");
        site.assert_sound();
    }
    for (who, words) in acts.all(&site) {
        let args: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = site.run(who, &args);
        assert_eq!(done.exit, 0, "{words:?}: {}", done.err);
    }
    assert!(acts.out.exists());
    assert_ne!(acts.seen(&site), before);
    site.assert_sound();
}

#[test]
fn a_process_that_can_write_nothing_refuses_everything_and_recovers() {
    check(
        |site| {
            let none = Rlimit { current: Some(0), maximum: None };
            prlimit(site.process(), Resource::Fsize, none).unwrap();
        },
        |_| (),
    );
}

/// From little room to none and back: first nothing is changed, then the end is recorded with the reserve, then
/// the site does not open; and no step needs a repair.
#[test]
fn a_disk_that_fills_up_stops_changes_then_the_site_and_leaves_the_end_on_record() {
    let site = Site::copy();
    let acts = Acts::of(&site);
    site.lock();
    let (ledger, aside) = (site.folder.join("ledger"), site.room.join("ledger"));
    fs::rename(&ledger, &aside).unwrap();
    fs::create_dir(&ledger).unwrap();
    let _mounted = Mounted::small(&ledger);
    copy_folder(&aside.join("."), &ledger);
    let settings = site.folder.join("site.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text + "\n[room]\nread_only_mib = 12\nreserve_mib = 4\n").unwrap();
    site.start();
    let before = acts.seen(&site);
    let filler = ledger.join("filler");

    // Little room: what changes is refused and on record, what shows is shown.
    fill(&filler, 6 << 20);
    let limits = || site.json("admin", &["site", "status"])["limits"].to_string();
    until("the site changes nothing", || limits().contains("nothing is changed now"));
    until("somebody was told", || alarms(&site) == ["room-low raised"]);
    for (who, words) in acts.all(&site) {
        let args: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = site.run(who, &args);
        let changes = ["intake", "member"].contains(&args[0]);
        assert_eq!(done.exit, if changes { 6 } else { 0 }, "{words:?}: {}", done.err);
        assert!(!changes || done.err.contains("ACCESS-016") && done.err.contains("hint: "), "{}", done.err);
    }
    fs::remove_file(&acts.out).unwrap();
    assert_eq!(acts.seen(&site), before);
    fs::remove_file(&filler).unwrap();
    until("the site changes things again", || !limits().contains("nothing is changed now"));
    until("somebody was told", || alarms(&site) == ["room-low raised", "room-low over"]);

    // No room at all: the next thing that is published takes the reserve.
    fill(&filler, 0);
    site.run("analyst", &["variant", "query", "--sample", &acts.sample, "--limit", "1"]);
    site.wait_until_ended();
    until("somebody was told", || alarms(&site).contains(&"no-room raised".to_owned()));
    assert!(!ledger.join("reserve").exists());
    let kinds: Vec<String> =
        site.events().iter().map(|leaf| leaf["event"]["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds[kinds.len() - 1], "site-closed");
    let opened = kinds.iter().rposition(|kind| kind == "site-opened").unwrap();
    assert!(kinds[opened..].contains(&"site-stopped".to_owned()), "{kinds:?}");
    assert!(kinds.contains(&"room-low".to_owned()) && kinds.contains(&"room-back".to_owned()));
    // What the reserve gave is taken by somebody else: the site does not open.
    fill(&filler, 0);
    for (who, words) in acts.all(&site) {
        let args: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = site.run(who, &args);
        assert!(done.exit == 6 && done.out.is_empty(), "{words:?}: {}", done.err);
        assert!(done.err.contains("LEDGER-019") && done.err.contains("hint: "), "{}", done.err);
        assert!(!acts.out.exists());
    }
    assert_eq!(site.events().len(), kinds.len());
    fs::remove_file(filler).unwrap();
    assert_eq!(acts.seen(&site), before);
    assert!(ledger.join("reserve").exists());
    site.assert_sound();
    site.lock();
}

/// Cause and state of each alarm that the site's own file has.
fn alarms(site: &Site) -> Vec<String> {
    let text = fs::read_to_string(site.folder.join("run/alarms.jsonl")).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| format!("{} {}", line["alarm"].as_str().unwrap(), line["state"].as_str().unwrap()))
        .collect()
}

/// Fills the disk until so many bytes are left.
fn fill(filler: &Path, left: u64) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(filler).unwrap();
    let chunk = vec![0x55; 4096];
    let free = || {
        let disk = rustix::fs::statvfs(filler).unwrap();
        disk.f_bavail * disk.f_frsize
    };
    while free() > left && file.write_all(&chunk).is_ok() {}
}

/// A small file system in memory, gone with its value.
struct Mounted(PathBuf);

impl Mounted {
    fn small(at: &Path) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=40m,mode=0700", "sequestra-test"]).arg(at);
        let done = mount.output().unwrap();
        assert!(
            done.status.success(),
            "a test that fills a disk mounts a small one, which takes root and CAP_SYS_ADMIN: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        Self(at.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A collector of alarms on loopback, and what it was sent.
fn collector() -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, taken) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<_>>>::default());
    let to = taken.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            to.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            let _ = reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
        }
    });
    (format!("http://{address}/"), taken)
}

/// How long it may take until what fails is heard of.
const LIMIT: Duration = Duration::from_secs(60);

/// C-AUD-05: whatever fails of the record is heard of elsewhere within a minute.
#[test]
fn a_record_that_fails_is_heard_of_on_a_second_channel_within_a_minute() {
    let site = Site::copy();
    let (to, taken) = collector();
    let settings = site.folder.join("site.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let added = format!(
        "\n[[alarm]]\nname = \"pager\"\nto = \"{to}\"\n\n[[audit.stream]]\nname = \"siem\"\n\
         to = \"http://127.0.0.1:1/\"\nlag_seconds = 2\n"
    );
    fs::write(&settings, text + &added).unwrap();
    let heard = |cause: &str| {
        let taken = taken.lock().unwrap();
        taken.iter().any(|alarm| alarm["alarm"] == cause && alarm["state"] == "raised")
    };
    let began = Instant::now();
    site.start();
    until("the stream's outage is heard of", || heard("stream-lags"));
    // The stream may be behind for two seconds; what remains is for the look and the call.
    let heard_after = began.elapsed();
    assert!(heard_after < LIMIT, "stream-lags: heard of {heard_after:?} after the start");
    // The ledger cannot write any more, nor can any other file of the process.
    let none = Rlimit { current: Some(0), maximum: None };
    prlimit(site.process(), Resource::Fsize, none).unwrap();
    let began = Instant::now();
    assert!(site.run("admin", &["whoami"]).exit <= 6);
    assert_ne!(site.run("admin", &["site", "status"]).exit, 0);
    until("the ledger's failure is heard of", || heard("ledger-failed"));
    let heard_after = began.elapsed();
    assert!(heard_after < LIMIT, "ledger-failed: heard of {heard_after:?} after the cause");
    site.wait_until_ended();
    let sent = taken.lock().unwrap();
    assert!(sent.iter().all(|alarm| alarm["site"].as_str().unwrap().starts_with("sit_")));
}

#[test]
fn the_sheet_of_the_other_package_is_another_one() {
    // The packages that the tests above send must be new to the site, or nothing would be refused.
    let sheet = fs::read_to_string(told().data.join("samplesheet.csv")).unwrap();
    assert!(sheet.contains(FILES[0]) && !sheet.contains("CASE-0100"));
}
