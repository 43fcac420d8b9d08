//! A whole site whose bodies lie in a bucket of a real server.

use crate::site::{made_data, scratch};
use rusty_s3::Method;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use testkit::Rgw;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sequestra");

/// A site in a folder, by the ordinary commands.
struct Site {
    folder: PathBuf,
    site: PathBuf,
}

impl Site {
    fn run(&self, who: &str, args: &[&str]) -> Output {
        Command::new(PROGRAM)
            .current_dir(&self.folder)
            .args(["--site", self.site.to_str().unwrap(), "--session"])
            .arg(self.folder.join(format!("{who}.session")))
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn done(&self, who: &str, args: &[&str]) -> String {
        let done = self.run(who, args);
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn json(&self, who: &str, args: &[&str]) -> Value {
        serde_json::from_str(&self.done(who, &[&["--json"], args].concat())).unwrap()
    }

    fn refused(&self, args: &[&str]) -> String {
        let done = self.run("admin", args);
        assert!(!done.status.success(), "{args:?}");
        String::from_utf8(done.stderr).unwrap()
    }

    fn settings(&self, text: &str) {
        let path = self.site.join("site.toml");
        let before = fs::read_to_string(&path).unwrap();
        let before = before.split("[archive").next().unwrap().to_owned();
        fs::write(path, format!("{before}{text}")).unwrap();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.run("admin", &["site", "lock"]);
    }
}

fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().map(Result::unwrap);
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

/// The people of the story, signed in.
fn gather(site: &Site) {
    for (name, role) in [("approver", Some("pipeline-approver")), ("manager", None), ("analyst", None)] {
        let mut create = vec!["account", "create", name, "--token-out", name];
        create.extend(role.iter().flat_map(|role| ["--role", role]));
        site.done("admin", &create);
        site.done(name, &["login", "--token-file", name]);
    }
}

fn project(site: &Site) -> String {
    let made = "project create --name P --class research --purpose research --term DUO:0000042 \
         --granularity genome --framework none --incidental not-reported --basis board \
         --region EU \
                --retention 90-days --consent C-1 --administrator manager";
    site.done("admin", &made.split_whitespace().collect::<Vec<_>>());
    let project = first_id(&site.json("manager", &["project", "list"]));
    for role in ["analyst", "data-exporter"] {
        site.done("manager", &["member", "add", &project, "analyst", "--role", role]);
    }
    project
}

fn first_id(rows: &Value) -> String {
    rows[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_site_with_a_bucket_is_made_filled_run_and_read_back() {
    let rgw = Rgw::start();
    let owner = rgw.person("owner");
    rgw.bucket(&owner, "bodies", true);
    rgw.bucket(&owner, "plain", false);
    let folder = tempfile::tempdir_in(scratch()).unwrap();
    let site = Site { folder: folder.path().to_owned(), site: folder.path().join("site") };
    fs::write(folder.path().join("pass"), "correct horse battery\n").unwrap();
    let pass = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(folder.path().join("pass"), pass).unwrap();
    let made = site.done(
        "admin",
        &["init", site.site.to_str().unwrap(), "--passphrase-file", "pass", "--token-out", "admin"],
    );
    assert!(!made.contains("secret"));
    let named = |bucket: &str, endpoint: &str| {
        format!(
            "[archive.s3]\nendpoint = \"{endpoint}\"\nbucket = \"{bucket}\"\nca = \"{}\"\ncredentials = \"{}\"\n",
            rgw.ca().display(),
            owner.file.display()
        )
    };
    // A bucket that cannot lock, one that is not there, and one that cannot be reached: said at start, by code.
    let login = ["login", "--token-file", "admin", "--passphrase-file", "pass"];
    for (bucket, endpoint, code) in [
        ("plain", rgw.secure(), "BUCKET-007"),
        ("absent", rgw.secure(), "BUCKET-004"),
        ("bodies", "http://s3.example".to_owned(), "BUCKET-001"),
    ] {
        site.settings(&named(bucket, &endpoint));
        let said = site.refused(&login);
        assert!(said.contains(code) && said.contains("hint: "), "{said}");
    }
    site.settings(&named("bodies", &rgw.secure()));
    site.done("admin", &login);
    gather(&site);
    let project = project(&site);

    let data = folder.path().join("data");
    made_data(&data, 41, 12);
    let path = |name: &str| data.join(name).to_str().unwrap().to_owned();
    site.done("approver", &["tool", "add", "--all"]);
    let add = ["reference", "add", &path("reference.fa"), "--label", "made", "--genes", &path("genes.gff3")];
    site.done("approver", &add);
    let reference = first_id(&site.json("approver", &["reference", "list"]));
    let put =
        ["intake", "put", &project, "--sheet", &path("samplesheet.csv"), "--manifest", &path("md5sums.txt")];
    site.done("analyst", &put);
    let sample = first_id(&site.json("analyst", &["sample", "list", &project]));
    // Locked in between: the bucket is found again, and reads come from there.
    site.done("admin", &["site", "lock"]);
    site.done("admin", &["whoami", "--passphrase-file", "pass"]);
    let start = ["run", "start", "germline", "--sample", &sample, "--reference", &reference, "--wait"];
    site.done("analyst", &start);
    let rows = site.json("analyst", &["variant", "query", "--sample", &sample, "--limit", "5"]);
    assert!(rows["total"].as_u64().unwrap() > 5, "{rows}");

    // The bodies are there and nowhere else, under names that say nothing, and are locked.
    let (_, listed) = rgw.ask(&owner, Method::Get, "bodies", "", &[("versions", "")], &[], b"");
    let keys: Vec<&str> = listed.split("<Key>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert!(keys.len() > 20 && keys.iter().all(|key| key.starts_with("sit_")), "{keys:?}");
    assert_eq!(files(&site.site.join("objects")), 1, "the bucket's name alone");
    let refused = keys.iter().filter(|key| {
        let (status, head) = rgw.ask(&owner, Method::Get, "bodies", key, &[("retention", "")], &[], b"");
        status == 200 && head.contains("COMPLIANCE")
    });
    assert!(refused.count() >= 4, "the reads of the package are locked");

    // A site whose bodies are in a bucket does not open without it, nor with another.
    site.done("admin", &["site", "lock"]);
    rgw.bucket(&owner, "other", true);
    for (text, code) in [
        ("[archive]\n".to_owned(), "SEQUESTRA-002"),
        (format!("[archive]\nimmutable = true\n{}", named("bodies", &rgw.secure())), "SEQUESTRA-003"),
        (named("other", &rgw.secure()), "SEQUESTRA-004"),
    ] {
        site.settings(&text);
        let said = site.refused(&["whoami", "--passphrase-file", "pass"]);
        assert!(said.contains(code) && said.contains("docs/guide/bucket.md"), "{said}");
    }
    site.settings(&named("bodies", &rgw.secure()));
    site.done("admin", &["whoami", "--passphrase-file", "pass"]);
}
