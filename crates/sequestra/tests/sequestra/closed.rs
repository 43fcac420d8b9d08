//! No record, no act: whatever is wrong with the ledger's disk, nothing is released or changed.

use crate::site::{FILES, Site, copy_folder, made_data, told};
use crate::story::sample_of;
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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

#[test]
fn a_full_ledger_disk_refuses_everything_and_recovers() {
    if !rustix::process::geteuid().is_root() {
        println!("not run: filling the ledger's disk needs root, which mounts a small one");
        return;
    }
    let site = Site::copy();
    let acts = Acts::of(&site);
    site.lock();
    let (ledger, aside) = (site.folder.join("ledger"), site.room.join("ledger"));
    fs::rename(&ledger, &aside).unwrap();
    fs::create_dir(&ledger).unwrap();
    let _mounted = Mounted::small(&ledger);
    copy_folder(&aside.join("."), &ledger);
    let filler = ledger.join("filler");
    let before = acts.seen(&site);
    // What was reserved before may still be written, and a start lets go of segments that are published:
    // the disk is filled again until nothing gives room any more.
    let query = ["variant", "query", "--sample", &acts.sample, "--limit", "1"];
    let mut refused = 0;
    for _ in 0..200 {
        fill(&filler);
        let done = site.run("analyst", &query);
        if done.exit == 0 {
            refused = 0;
            continue;
        }
        assert_eq!(done.out, "");
        assert!(done.err.contains("hint: "), "{}", done.err);
        refused += 1;
        if refused == 3 {
            break;
        }
    }
    assert_eq!(refused, 3, "200 questions were recorded on a full disk");
    for (who, words) in acts.all(&site) {
        let args: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = site.run(who, &args);
        assert!(done.exit != 0 && done.out.is_empty(), "{words:?}: {}", done.err);
        assert!(!acts.out.exists());
    }
    site.wait_until_ended();
    fs::remove_file(filler).unwrap();
    assert_eq!(acts.seen(&site), before);
    site.assert_sound();
    site.lock();
}

fn fill(filler: &Path) {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().create(true).append(true).open(filler).unwrap();
    let chunk = vec![0x55; 4096];
    while file.write_all(&chunk).is_ok() {}
}

/// A small file system in memory, gone with its value.
struct Mounted(PathBuf);

impl Mounted {
    fn small(at: &Path) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=6m,mode=0700", "sequestra-test"]).arg(at);
        assert!(mount.status().unwrap().success());
        Self(at.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn the_sheet_of_the_other_package_is_another_one() {
    // The packages that the tests above send must be new to the site, or nothing would be refused.
    let sheet = fs::read_to_string(told().data.join("samplesheet.csv")).unwrap();
    assert!(sheet.contains(FILES[0]) && !sheet.contains("CASE-0100"));
}
