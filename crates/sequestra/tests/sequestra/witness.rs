//! A witness as a process on loopback, and sites that were put back.

use crate::site::{PROGRAM, Site, copy_folder, until};
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A witness; its process ends with it.
struct Witness {
    folder: PathBuf,
    key: String,
    process: Option<Child>,
    address: String,
}

impl Witness {
    /// A witness that knows the ledger of `site`, listening.
    fn of(site: &Site) -> Self {
        let folder = site.room.join("witness");
        let run = |args: &[&str]| {
            let output = Command::new(PROGRAM).args(args).stdin(Stdio::null()).output().unwrap();
            assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let (at, public) = (folder.to_str().unwrap(), site.folder.join("site.pub"));
        let key = run(&["witness", "init", at, "--name", "witness.example/w1"]);
        run(&["witness", "trust", at, "--site-key", public.to_str().unwrap()]);
        let mut witness = Self { folder, key, process: None, address: "127.0.0.1:0".to_owned() };
        witness.start();
        witness
    }

    /// Starts it where it listened before.
    fn start(&mut self) {
        let mut command = Command::new(PROGRAM);
        command.args(["witness", "serve"]).arg(&self.folder).args(["--listen", &self.address]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.address = line.trim().strip_prefix("listening on ").expect("it listens").to_owned();
        self.process = Some(child);
    }

    /// Ends it without warning.
    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn set(&self, site: &Site) {
        let mut file = OpenOptions::new().append(true).open(site.folder.join("site.toml")).unwrap();
        writeln!(
            file,
            "\n[witness]\nurl = \"http://{}\"\nkey = \"{}\"\nalarm_seconds = 1",
            self.address, self.key
        )
        .unwrap();
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Size of the newest cosigned checkpoint that the site keeps.
fn cosigned(site: &Site) -> usize {
    let note = fs::read_to_string(site.folder.join("ledger/witnessed")).unwrap_or_default();
    if !note.contains("\n\u{2014} witness.example/w1 ") {
        return 0;
    }
    note.lines().nth(1).unwrap().parse().unwrap()
}

fn limits(site: &Site) -> String {
    site.json("admin", &["site", "status"])["limits"].to_string()
}

#[test]
fn a_site_is_cosigned_while_its_witness_answers_and_says_so_when_it_does_not() {
    let site = Site::copy();
    let mut witness = Witness::of(&site);
    witness.set(&site);
    site.start();
    assert!(cosigned(&site) > 0, "not asked at the start");
    site.invite("newcomer");
    let size = site.events().len();
    until("what happened is cosigned", || cosigned(&site) >= size);
    assert!(!limits(&site).contains("witness"), "{}", limits(&site));
    // A proof takes the cosigned checkpoint.
    let proof = site.json("auditor", &["ledger", "prove", "3"]);
    assert!(proof["proof"].as_str().unwrap().contains("\n\u{2014} witness.example/w1 "), "{proof}");

    witness.kill();
    until("the silence is named", || limits(&site).contains("has not cosigned for"));
    site.lock();
    // Closed and opened without it: it is not refused, and said again.
    site.start();
    until("the silence is named again", || limits(&site).contains("has not cosigned for"));
    witness.start();
    until("it is well again", || !limits(&site).contains("witness"));
    site.lock();
    assert_eq!(cosigned(&site), site.events().len(), "the closing is not cosigned");
}

/// Everything put back together is consistent in itself; the witness remembers.
#[test]
fn a_site_that_was_put_back_as_a_whole_is_refused() {
    let site = Site::copy();
    let mut witness = Witness::of(&site);
    witness.set(&site);
    site.start();
    site.lock();
    let (older, newer) = (site.room.join("older"), site.room.join("newer"));
    copy_folder(&site.folder, &older);
    site.start();
    site.invite("newcomer");
    site.lock();
    fs::rename(&site.folder, &newer).unwrap();
    copy_folder(&older, &site.folder);
    witness.kill();
    witness.start();
    let before = site.events().len();
    let done = site.run("admin", &["whoami"]);
    assert!(
        done.exit == 7 && done.err.contains("WITNESS-009") && done.err.contains("hint: "),
        "{}",
        done.err
    );
    assert!(site.process().is_none());
    assert_eq!(site.events().len(), before, "a ledger that was put back has grown");

    // Grown in the dark past what the witness knows, it is another history.
    let toml = fs::read_to_string(site.folder.join("site.toml")).unwrap();
    fs::write(site.folder.join("site.toml"), toml.split("\n[witness]").next().unwrap()).unwrap();
    let known = cosigned_by_newer(&newer);
    while site.events().len() <= known {
        site.start();
        site.lock();
    }
    fs::write(site.folder.join("site.toml"), toml).unwrap();
    let done = site.run("admin", &["whoami"]);
    assert!(done.exit == 7 && done.err.contains("WITNESS-010"), "{}", done.err);

    // The newest copy is well.
    fs::remove_dir_all(&site.folder).unwrap();
    fs::rename(&newer, &site.folder).unwrap();
    site.start();
    site.assert_sound();
}

fn cosigned_by_newer(newer: &std::path::Path) -> usize {
    let note = fs::read_to_string(newer.join("ledger/witnessed")).unwrap();
    note.lines().nth(1).unwrap().parse().unwrap()
}

/// Also without the witness: what it cosigned lies beside the ledger.
#[test]
fn a_ledger_without_what_was_cosigned_is_refused_by_what_was_kept() {
    let site = Site::copy();
    let witness = Witness::of(&site);
    let (ledger, database) = (site.folder.join("ledger"), site.folder.join("metadata.db"));
    let (old_ledger, old_database) = (site.room.join("ledger"), site.room.join("database"));
    copy_folder(&ledger, &old_ledger);
    copy_folder(&database, &old_database);
    witness.set(&site);
    site.start();
    site.lock();
    drop(witness);
    let kept = fs::read(ledger.join("witnessed")).unwrap();
    fs::remove_dir_all(&ledger).unwrap();
    copy_folder(&old_ledger, &ledger);
    fs::remove_file(&database).unwrap();
    copy_folder(&old_database, &database);
    fs::write(ledger.join("witnessed"), kept).unwrap();
    let done = site.run("admin", &["whoami"]);
    assert!(done.exit == 7 && done.err.contains("WITNESS-009"), "{}", done.err);
}
