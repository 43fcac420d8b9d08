//! Words that tell of a person are put into every field that takes words, and looked for in everything that goes to
//! somebody who must not learn them.

use crate::notified::Notified;
use crate::site::{FILES, PATIENT, SAMPLE, Site, made_data};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// One word for each field, found nowhere else. The story's own labels and names of files come besides.
const FIELDS: &[(&str, &str)] = &[
    ("name of a project", "kan77001"),
    ("consent reference of a project", "KAN77002"),
    ("label of a patient", "KAN77003-Q"),
    ("label of a sample", "KAN77004-QB"),
    ("name of a file", "KAN77005"),
    ("name of a read", "KAN77006"),
    ("reason of a release", "kan77007"),
    ("form of a consent", "kan77008"),
    ("reason of a withdrawal", "kan77009"),
    ("reason of a hold", "kan77010"),
    ("reason of an approval", "kan77011"),
    ("argument that is no id", "kan77012"),
    ("name of a project that is not made", "kan77013"),
];

fn word(field: &str) -> &'static str {
    FIELDS.iter().find(|(name, _)| *name == field).unwrap_or_else(|| panic!("{field}")).1
}

/// What went to whom: by channel, everything that was on it.
#[derive(Default)]
struct Channels(BTreeMap<String, Vec<u8>>);

impl Channels {
    fn take(&mut self, channel: &str, bytes: &[u8]) {
        self.0.entry(channel.to_owned()).or_default().extend(bytes);
    }

    /// All files below a folder: their names and what is in them.
    fn folder(&mut self, channel: &str, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            self.take(channel, entry.file_name().as_encoded_bytes());
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => self.folder(channel, &entry.path()),
                kind if kind.is_file() => {
                    // A file of a process that runs may go meanwhile.
                    self.take(channel, &fs::read(entry.path()).unwrap_or_default());
                }
                _ => {}
            }
        }
    }

    /// Which word is on which channel.
    fn hits(&self) -> Vec<String> {
        let story = [("story's patient", PATIENT), ("story's sample", SAMPLE), ("story's file", "quixotic")];
        let words: Vec<_> = FIELDS.iter().chain(&story).collect();
        let mut hits = Vec::new();
        for (channel, bytes) in &self.0 {
            let text = String::from_utf8_lossy(bytes).to_lowercase();
            let found = words.iter().filter(|(_, word)| text.contains(&word.to_lowercase()));
            hits.extend(found.map(|(field, _)| format!("{field} in {channel}")));
        }
        hits
    }
}

/// Reads of somebody, with a word in each name and label. Gives sheet and manifest.
fn reads(folder: &Path) -> (String, String) {
    made_data(folder, 77, 12);
    let sheet = fs::read_to_string(folder.join("samplesheet.csv")).unwrap();
    let sheet = sheet
        .replace("CASE-0100-B", word("label of a sample"))
        .replace("CASE-0100", word("label of a patient"))
        .replace("reads_L001", &format!("{}_L001", word("name of a file")));
    for mate in ["R1", "R2"] {
        let from = fs::File::open(folder.join(format!("reads_L001_{mate}.fastq.gz"))).unwrap();
        let mut text = String::new();
        MultiGzDecoder::new(from).read_to_string(&mut text).unwrap();
        let named = text.replace("@SQSIM01:", &format!("@{}:", word("name of a read")));
        assert_ne!(named, text, "the reads have other names");
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(named.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let name = format!("{}_L001_{mate}.fastq.gz", word("name of a file"));
        fs::write(folder.join(name), packed).unwrap();
    }
    let (to, list) = (folder.join("canaries.csv"), folder.join("canaries.md5"));
    fs::write(&to, sheet).unwrap();
    let names = ["R1", "R2"].map(|mate| format!("{}_L001_{mate}.fastq.gz", word("name of a file")));
    let sums = Command::new("sha256sum").args(names).current_dir(folder).output().unwrap();
    fs::write(&list, sums.stdout).unwrap();
    (to.to_str().unwrap().to_owned(), list.to_str().unwrap().to_owned())
}

/// Names and arguments of every process, until told to stop.
fn processes(stop: &AtomicBool) -> Vec<u8> {
    let mut seen = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let number = entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit());
            for file in ["cmdline", "comm", "cgroup", "environ"].iter().filter(|_| number) {
                seen.extend(fs::read(entry.path().join(file)).unwrap_or_default());
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    seen
}

#[test]
fn what_tells_of_a_person_is_on_no_channel_to_others() {
    let site = Site::copy();
    let mut channels = Channels::default();
    let settings = site.folder.join("site.toml");
    let stream = site.room.join("stream.jsonl");
    let alarms = site.room.join("alarms.jsonl");
    let notified = Notified::open(&site);
    let added = format!(
        "{}\n[[audit.stream]]\nname = \"siem\"\nto = \"file:{}\"\nlag_seconds = 1\n\
         \n[[alarm]]\nname = \"desk\"\nto = \"file:{}\"\n",
        notified.settings(),
        stream.display(),
        alarms.display()
    );
    fs::write(&settings, fs::read_to_string(&settings).unwrap() + &added).unwrap();

    let project = project(&site);
    let more = site.room.join("more");
    let (sheet, manifest) = reads(&more);
    site.json("analyst", &["intake", "put", &project, "--sheet", &sheet, "--manifest", &manifest]);
    let sample = site.last("analyst", &["sample", "list", &project]);
    let shown = site.json("analyst", &["sample", "show", &sample]);
    let subject = shown["subject"].as_str().unwrap().to_owned();
    let run = run(&site, &sample, &mut channels);
    entitled(&site, &project, &sample);
    to_others(&site, &project, &sample, &run, &mut channels);

    words_of_people(&site, &project, &subject, &sample);
    refusals(&site, &project, &sample, (&sheet, &manifest), &mut channels);
    to_helpers(&site, &run, &mut channels);
    let (mail, hook) = notified.heard(&site, &run);
    channels.take("mail", mail.as_bytes());
    channels.take("hook", hook.as_bytes());
    site.lock();
    channels.take("stream", &fs::read(&stream).unwrap());
    channels.take("alarms", &fs::read(&alarms).unwrap_or_default());
    for part in ["run", "ledger", "objects"] {
        channels.folder(part, &site.folder.join(part));
    }
    channels.take("database", &fs::read(site.folder.join("metadata.db")).unwrap());

    assert_eq!(channels.hits(), Vec::<String>::new());
    let many = [
        "stream",
        "processes",
        "run",
        "ledger",
        "objects",
        "database",
        "bundle",
        "audit search",
        "receipt",
        "mail",
        "hook",
    ];
    for channel in many {
        assert!(channels.0.get(channel).is_some_and(|bytes| bytes.len() > 500), "{channel} is empty");
    }
    // The search finds what is there.
    for (field, word) in FIELDS {
        let mut planted = Channels::default();
        planted.take("a log", format!("x{}y", word.to_uppercase()).as_bytes());
        assert_eq!(planted.hits(), [format!("{field} in a log")]);
    }
    let mut planted = Channels::default();
    planted.folder("a folder", &more);
    assert!(planted.hits().len() >= 3, "{:?}", planted.hits());
    assert!(FILES[0].starts_with("quixotic"));
}

/// A project whose name and consent reference are canaries, with the story's people.
fn project(site: &Site) -> String {
    site.invite("support");
    site.invite("stranger");
    let words = format!(
        "project create --name {} --class research --purpose research --term DUO:0000042 --term DUO:0000021 \
         --granularity genome --framework none --incidental not-reported --basis board --region EU \
         --retention 90-days --consent {} --administrator manager",
        word("name of a project"),
        word("consent reference of a project")
    );
    let made = site.json("admin", &words.split_whitespace().collect::<Vec<_>>());
    let project = made["id"].as_str().unwrap().to_owned();
    for (who, role) in [
        ("analyst", "analyst"),
        ("viewer", "viewer"),
        ("exporter", "data-exporter"),
        ("steward", "data-steward"),
        ("support", "support-observer"),
    ] {
        site.json("manager", &["member", "add", &project, who, "--role", role]);
    }
    let reason = word("reason of an approval");
    let until = (base::Timestamp::now() + std::time::Duration::from_secs(30 * 86_400)).to_string();
    let until = until.split('T').next().unwrap();
    site.json("steward", &["use", "approve", &project, "--reason", reason, "--until", until, "--yes"]);
    project
}

/// A whole run, while every process of the machine is looked at.
fn run(site: &Site, sample: &str, channels: &mut Channels) -> String {
    let reference = site.last("analyst", &["reference", "list"]);
    let stop = AtomicBool::new(false);
    let (run, seen) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| processes(&stop));
        let words = ["run", "start", "germline", "--sample", sample, "--reference", &reference, "--wait"];
        let run = site.json("analyst", &words)["id"].as_str().unwrap().to_owned();
        stop.store(true, Ordering::Relaxed);
        (run, watcher.join().unwrap())
    });
    channels.take("processes", &seen);
    run
}

/// What the words were put in for: those who may see them do.
fn entitled(site: &Site, project: &str, sample: &str) {
    let shown = site.json("analyst", &["sample", "show", sample]).to_string()
        + &site.json("steward", &["project", "show", project]).to_string();
    for field in
        ["name of a project", "consent reference of a project", "label of a sample", "label of a patient"]
    {
        // A label of a patient is shown with the subject.
        let people = site.json("steward", &["consent", "list", project]).to_string();
        assert!(format!("{shown}{people}").contains(word(field)), "{field}: {shown}");
    }
}

/// What the results themselves say to whoever they are handed to.
fn to_others(site: &Site, project: &str, sample: &str, run: &str, channels: &mut Channels) {
    for (channel, who, words) in [
        ("run", "support", vec!["run", "show", run]),
        ("run", "support", vec!["run", "list", project]),
        ("receipt", "viewer", vec!["receipt", "show", run]),
        ("report", "viewer", vec!["report", "show", sample]),
        ("variants", "viewer", vec!["variant", "query", "--sample", sample, "--json"]),
    ] {
        let done = site.run(who, &words);
        assert_eq!(done.exit, 0, "{words:?}: {}", done.err);
        channels.take(channel, done.out.as_bytes());
        channels.take(channel, done.err.as_bytes());
    }
    let vcf = site.json("exporter", &["object", "list", sample]);
    let vcf = vcf.as_array().unwrap().iter().find(|object| object["kind"] == "variants").unwrap().clone();
    let (id, reason) = (vcf["id"].as_str().unwrap(), word("reason of a release"));
    let to = site.room.join("recipient.pub").to_str().unwrap().to_owned();
    let out = site.room.join("released.c4gh");
    let words = ["object", "get", id, "--reason", reason, "--to", &to, "--out", out.to_str().unwrap()];
    site.json("exporter", &words);
    channels.take("release", &fs::read(out).unwrap());
}

fn words_of_people(site: &Site, project: &str, subject: &str, sample: &str) {
    let digest = format!("sha256:{}", "07".repeat(32));
    let form = word("form of a consent");
    let words =
        ["consent", "record", subject, "--form", form, "--term", "DUO:0000042", "--document", &digest];
    site.json("steward", &words);
    let object = site.json("viewer", &["object", "list", sample])[0]["id"].as_str().unwrap().to_owned();
    site.json("steward", &["object", "hold", &object, "--reason", word("reason of a hold")]);
    site.json("steward", &["consent", "withdraw", subject, "--reason", word("reason of a withdrawal")]);
    let people = site.json("steward", &["consent", "list", project]).to_string();
    assert!(people.contains("withdrawn"), "{people}");
}

/// What is said to those who are refused. Somebody's own words come back to themselves alone.
fn refusals(
    site: &Site,
    project: &str,
    sample: &str,
    (sheet, manifest): (&str, &str),
    channels: &mut Channels,
) {
    let other = fs::read_to_string(sheet).unwrap().replace(",L001,", ",L002,");
    let again = format!("{sheet}.again.csv");
    fs::write(&again, other).unwrap();
    let object = site.json("viewer", &["object", "list", sample])[0]["id"].as_str().unwrap().to_owned();
    for (who, words, code) in [
        ("analyst", vec!["variant", "query", "--sample", sample], "ACCESS-086"),
        ("analyst", vec!["intake", "put", project, "--sheet", &again, "--manifest", manifest], "INTAKE-018"),
        ("support", vec!["sample", "show", sample], "ACCESS-002"),
        ("support", vec!["report", "show", sample], "ACCESS-002"),
        ("admin", vec!["sample", "list", project], "ACCESS-00"),
        ("stranger", vec!["sample", "show", sample], "ACCESS-001"),
        ("stranger", vec!["project", "show", project], "ACCESS-001"),
        ("steward", vec!["object", "delete", &object, "--reason", "kan77010"], "hint: "),
    ] {
        let done = site.run(who, &words);
        assert!(done.exit != 0 && done.err.contains(code), "{who} {words:?}: {}", done.err);
        channels.take(&format!("refusal of {who}"), done.out.as_bytes());
        channels.take(&format!("refusal of {who}"), done.err.as_bytes());
    }
    // What somebody typed wrongly is told to them, and kept nowhere.
    site.run("stranger", &["sample", "show", word("argument that is no id")]);
    let words = format!(
        "project create --name {} --class research --purpose nothing --term x --granularity genome --framework none \
         --incidental not-reported --basis board --region EU --retention 90-days --consent x --administrator manager",
        word("name of a project that is not made")
    );
    assert_ne!(site.run("admin", &words.split_whitespace().collect::<Vec<_>>()).exit, 0);
}

/// What goes to whoever keeps the machine, helps or checks.
fn to_helpers(site: &Site, run: &str, channels: &mut Channels) {
    let bundle = site.room.join("bundle.json");
    let path = bundle.to_str().unwrap();
    assert_eq!(site.run("support", &["support", "bundle", run, "--out", path]).exit, 0);
    channels.take("bundle", &fs::read(&bundle).unwrap());
    for (channel, who, words) in [
        ("audit search", "auditor", vec!["audit", "search", "--limit", "10000", "--json"]),
        ("audit search", "auditor", vec!["audit", "search", "--limit", "10000", "--proof", "--json"]),
        ("audit export", "auditor", vec!["audit", "export"]),
        ("ledger", "auditor", vec!["ledger", "verify", "--json"]),
        ("status", "admin", vec!["site", "status", "--json"]),
        ("doctor", "admin", vec!["doctor", "--json"]),
        ("storage", "admin", vec!["archive", "stat", "--json"]),
        ("accounts", "admin", vec!["account", "list", "--json"]),
    ] {
        let done = site.run(who, &words);
        // A doctor may find something missing on this machine.
        assert!(done.exit == 0 || channel == "doctor", "{words:?}: {}", done.err);
        channels.take(channel, done.out.as_bytes());
        channels.take(channel, done.err.as_bytes());
    }
    let backup = site.room.join("backup");
    let recovery = site.room.join("recovery");
    let words = ["backup", "create", backup.to_str().unwrap(), "--recovery", recovery.to_str().unwrap()];
    site.json("admin", &words);
    channels.folder("backup", &backup);
}
