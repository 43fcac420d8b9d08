//! A user's mistakes: each is told with its code, with what to do next, and with an exit code that blames nobody else.

use crate::http;
use crate::site::{PROGRAM, SAMPLE, Site, made_data, scratch};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Folders of nobody's.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new_in(scratch()).unwrap())
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// A file that is its owner's alone.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.at(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

/// A command without a site. Gives its exit code and what it told.
fn bare(words: &[&str]) -> (i32, String) {
    let output = Command::new(PROGRAM).args(words).stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_site_that_cannot_be_made_is_no_defect_of_the_program() {
    let place = Place::new();
    let (site, full) = (place.at("site"), place.at("full"));
    fs::create_dir(&full).unwrap();
    fs::write(place.at("full/thesis"), "").unwrap();
    let pass = place.file("passphrase", "twelve characters and more\n");
    let (empty, absent) = (place.file("empty", ""), place.at("absent"));
    let mistakes: [(&[&str], i32, &str); 6] = [
        (&["init", &full, "--passphrase-file", &pass], 5, "SEQUESTRA-009"),
        (&["init", &site, "--passphrase-file", &pass, "--name", "Bad Name!"], 2, "SEQUESTRA-010"),
        (&["init", &site, "--passphrase-file", &pass, "--split", "2-of-3"], 2, "CLI-001"),
        (&["init", &site, "--passphrase-file", &empty], 2, "CLI-056"),
        (&["demo", "--data", &absent], 3, "SEQUESTRA-013"),
        (&["demo", "--site", &full], 5, "SEQUESTRA-009"),
    ];
    for (words, exit, code) in mistakes {
        let (found, told) = bare(words);
        assert!(found == exit && told.contains(code) && told.contains("hint: "), "{words:?}: {found} {told}");
        assert!(fs::symlink_metadata(&site).is_err(), "{words:?}: nothing is left");
    }
    // The folder of shares is made, as that of the site is.
    let (shares, token) = (place.at("made/shares"), place.at("token"));
    let words = ["init", &site, "--split", "2-of-3", "--shares-out", &shares, "--token-out", &token];
    let (found, told) = bare(&words);
    assert_eq!(found, 0, "{told}");
    assert_eq!(fs::read_dir(&shares).unwrap().count(), 3);
    assert_eq!(fs::metadata(&shares).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn lines_are_added_at_the_end_of_the_settings() {
    let site = Site::fresh(&[]);
    let path = site.folder.join("site.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains('['), "a table would take the lines that are added: {text}");
    fs::write(&path, text + "clock_corrected = \"2031-05-14T12:00:00Z\"\n[archive]\nscrub_days = 3\n")
        .unwrap();
    site.json("admin", &["whoami"]);
    let status = site.json("admin", &["site", "status"]);
    assert!(status["limits"].to_string().contains("is in the future"), "{status}");
}

#[test]
fn a_doctor_finds_what_a_start_would_refuse() {
    let site = Site::fresh(&[]);
    let path = site.folder.join("site.toml");
    let text = fs::read_to_string(&path).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("[door]\naddress = \"{}\"\n", taken.local_addr().unwrap());
    let spoilt = [
        ("settings", "[door\n"),
        ("settings", "site = \"sit_\"\n"),
        ("address", "[door]\naddress = \"192.0.2.1:8443\"\n"),
        ("address", &port),
        ("log", "[log]\nfile = \"/nowhere/below/log\"\n"),
        ("alarms", "[[alarm]]\nname = \"pager\"\nto = \"command:/nowhere/program\"\n"),
        ("streams", "[[audit.stream]]\nname = \"siem\"\nto = \"https://169.254.169.254/\"\npin = \"00\"\n"),
    ];
    for (name, added) in spoilt {
        fs::write(&path, format!("{text}{added}")).unwrap();
        let done = site.run("admin", &["doctor", "--json"]);
        let found: Value = serde_json::from_str(&done.out).unwrap();
        let all = found["findings"].as_array().unwrap();
        let one = all.iter().find(|one| one["name"] == name && one["state"] == "missing");
        assert!(done.exit == 6 && one.is_some_and(|one| one["remedy"].is_string()), "{added}: {found}");
    }
    fs::write(&path, &text).unwrap();
    let done = site.run("admin", &["doctor", "--json"]);
    let found: Value = serde_json::from_str(&done.out).unwrap();
    let refused = |one: &&Value| {
        ["settings", "address", "log", "alarms", "streams"].iter().any(|name| one["name"] == *name)
            && one["state"] == "missing"
    };
    assert_eq!(found["findings"].as_array().unwrap().iter().find(refused), None);
}

#[test]
fn a_doctor_says_when_browsers_would_refuse_the_pages() {
    let site = Site::fresh(&[]);
    assert_eq!(site.run("admin", &["door", "certificate", "--name", "lab.example"]).exit, 0);
    let path = site.folder.join("site.toml");
    let text = fs::read_to_string(&path).unwrap();
    for (host, why) in [("other.example", "not for the name"), ("lab.example", "signs itself")] {
        let more = format!("[door]\naddress = \"127.0.0.1:0\"\n[pages]\norigin = \"https://{host}:8443\"\n");
        fs::write(&path, format!("{text}{more}")).unwrap();
        let found: Value = serde_json::from_str(&site.run("admin", &["doctor", "--json"]).out).unwrap();
        let pages = found["findings"].as_array().unwrap().iter().find(|one| one["name"] == "pages").unwrap();
        assert!(pages["state"] == "limited" && pages["detail"].as_str().unwrap().contains(why), "{pages}");
    }
}

#[test]
fn what_has_ended_is_not_said_to_be_stopped() {
    let site = Site::copy();
    let project = site.last("analyst", &["project", "list"]);
    let runs = site.json("analyst", &["run", "list", &project]);
    let run = runs.as_array().unwrap().iter().find(|run| run["state"] == "done").unwrap();
    let run = run["id"].as_str().unwrap().to_owned();
    let done = site.run("analyst", &["run", "cancel", &run]);
    assert!(
        done.exit == 5 && done.err.contains("RUNS-022") && done.err.contains("it is done"),
        "{}",
        done.err
    );
    assert_eq!(site.json("analyst", &["run", "show", &run])["state"], "done");
    let done = site.run("admin", &["account", "create", "viewer"]);
    assert!(done.exit == 5 && done.err.contains("ACCESS-008") && done.err.contains("hint: "), "{}", done.err);
    // A program that is not there is no failure of the machine.
    let done = site.run("approver", &["tool", "add", "nothing", "--program", "nothing=/nowhere/program"]);
    assert!(done.exit == 2 && done.err.contains("EXEC-002") && done.err.contains("hint: "), "{}", done.err);
}

#[test]
fn a_sample_of_another_patient_is_named_by_its_row() {
    let site = Site::copy();
    let project = site.last("analyst", &["project", "list"]);
    let folder = site.room.join("package");
    fs::create_dir(&folder).unwrap();
    let names = ["a_R1.fastq.gz", "a_R2.fastq.gz"];
    names.iter().for_each(|name| fs::write(folder.join(name), name).unwrap());
    let sums = Command::new("md5sum").args(names).current_dir(&folder).output().unwrap();
    fs::write(folder.join("md5sums.txt"), sums.stdout).unwrap();
    // The sample came with an earlier package, and with another patient.
    let row = format!("C-2,{SAMPLE},L009,{},{}", names[0], names[1]);
    fs::write(folder.join("sheet.csv"), format!("patient,sample,lane,fastq_1,fastq_2\n{row}\n")).unwrap();
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (sheet, manifest) = (at("sheet.csv"), at("md5sums.txt"));
    let put = ["intake", "put", &project, "--sheet", &sheet, "--manifest", &manifest];
    let done = site.run("analyst", &put);
    assert!(done.exit == 2 && done.err.contains("CATALOG-002"), "{} {}", done.exit, done.err);
    assert!(done.err.contains("of row 1") && done.err.contains("hint: "), "{}", done.err);
}

#[test]
fn who_withdrew_while_their_reads_were_on_the_way_stays_known() {
    let site = Site::copy();
    let project = site.last("analyst", &["project", "list"]);
    let from = site.room.join("from");
    made_data(&from, 78, 1);
    let sheet = from.join("samplesheet.csv");
    let text = fs::read_to_string(&sheet).unwrap().replace("CASE-0100", "CASE-0178");
    fs::write(&sheet, &text).unwrap();
    let sums = fs::read_to_string(from.join("md5sums.txt")).unwrap();
    let body = serde_json::json!({"sheet": text, "manifest": sums}).to_string();
    let path = format!("/v1/projects/{project}/packages");
    let token = site.token("analyst");
    let begun = http::call(&site.folder, Some(&token), "POST", &path, body.as_bytes()).unwrap();
    assert!(begun.good(), "{begun:?}");
    let people = site.json("steward", &["consent", "list", &project]);
    let theirs = people.as_array().unwrap().iter().find(|one| one["label"] == "CASE-0178").unwrap().clone();
    site.json("steward", &["consent", "withdraw", theirs["subject"].as_str().unwrap()]);
    let (sheet, sums) = (sheet.to_str().unwrap(), from.join("md5sums.txt"));
    // The package that was begun is given up; once more, and it is refused as it was.
    for _ in 0..2 {
        let put = ["intake", "put", &project, "--sheet", sheet, "--manifest", sums.to_str().unwrap()];
        let done = site.run("analyst", &put);
        assert!(done.exit == 5 && done.err.contains("INTAKE-018"), "{}", done.err);
    }
}
