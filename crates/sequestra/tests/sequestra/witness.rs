//! A witness as a process on loopback, and sites that were put back.

use crate::site::{PROGRAM, Site, copy_folder, until};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A witness; its process ends with it.
struct Witness {
    folder: PathBuf,
    key: String,
    process: Option<Child>,
    address: String,
    /// Certificate and key, under TLS.
    tls: Option<(PathBuf, PathBuf)>,
}

impl Witness {
    /// A witness that knows the ledger of `site`, listening.
    fn of(site: &Site) -> Self {
        Self::named(site, "w1")
    }

    /// One of several, `witness.example/NAME`.
    fn named(site: &Site, name: &str) -> Self {
        let mut witness = Self::made(site, name);
        witness.start();
        witness
    }

    /// One that does not listen yet.
    fn made(site: &Site, name: &str) -> Self {
        let folder = site.room.join(format!("witness-{name}"));
        let run = |args: &[&str]| {
            let output = Command::new(PROGRAM).args(args).stdin(Stdio::null()).output().unwrap();
            assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let (at, public) = (folder.to_str().unwrap(), site.folder.join("site.pub"));
        let key = run(&["witness", "init", at, "--name", &format!("witness.example/{name}")]);
        run(&["witness", "trust", at, "--site-key", public.to_str().unwrap()]);
        Self { folder, key, process: None, address: "127.0.0.1:0".to_owned(), tls: None }
    }

    /// Starts it where it listened before.
    fn start(&mut self) {
        let mut command = Command::new(PROGRAM);
        command.args(["witness", "serve"]).arg(&self.folder).args(["--listen", &self.address]);
        if let Some((certificate, key)) = &self.tls {
            command.arg("--tls-cert").arg(certificate).arg("--tls-key").arg(key);
        }
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
        let (address, key) = (&self.address, &self.key);
        add(site, &format!("[witness]\nurl = \"http://{address}\"\nkey = \"{key}\"\nalarm_seconds = 1"));
    }

    /// Among several, at an address that may be somebody else's.
    fn among(&self, site: &Site, url: &str, more: &str) {
        let key = &self.key;
        add(site, &format!("[[witness]]\nurl = \"{url}\"\nkey = \"{key}\"\nalarm_seconds = 1\n{more}"));
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Adds to the settings.
fn add(site: &Site, text: &str) {
    let mut file = OpenOptions::new().append(true).open(site.folder.join("site.toml")).unwrap();
    writeln!(file, "\n{text}").unwrap();
}

/// Events of one kind.
fn count(site: &Site, kind: &str) -> usize {
    site.events().iter().filter(|leaf| leaf["event"]["event"] == kind).count()
}

/// The alarms that the site's own file has.
fn alarms(site: &Site) -> String {
    fs::read_to_string(site.folder.join("run/alarms.jsonl")).unwrap_or_default()
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
    // A checkpoint waits for its own, of no less than there was when it was asked for.
    let before = site.events().len();
    let checkpoint =
        site.json("auditor", &["ledger", "checkpoint"])["checkpoint"].as_str().unwrap().to_owned();
    assert!(checkpoint.contains("\n\u{2014} witness.example/w1 "), "{checkpoint}");
    assert!(checkpoint.lines().nth(1).unwrap().parse::<usize>().unwrap() > before);
    let status = site.json("admin", &["site", "status"]);
    assert!(status["witnesses"][0]["events"].as_u64().unwrap() > before as u64, "{status}");

    witness.kill();
    // Without one it is the ledger's alone, and says so.
    let kept = site.room.join("kept.txt");
    let done = site.run("auditor", &["ledger", "checkpoint", "--out", kept.to_str().unwrap()]);
    assert!(done.exit == 0 && done.err.contains("no witness has cosigned it"), "{}", done.err);
    until("the silence is named", || limits(&site).contains("has not cosigned for"));
    until("the silence is on record", || count(&site, "witness-silent") == 1);
    assert!(alarms(&site).contains("\"alarm\":\"witness-silent\""), "{}", alarms(&site));
    site.lock();
    // Closed and opened without it: it is not refused, and said again.
    site.start();
    until("the silence is named again", || limits(&site).contains("has not cosigned for"));
    witness.start();
    until("it is well again", || !limits(&site).contains("witness"));
    until("the return is on record", || count(&site, "witness-returned") == 1);
    until("the alarm is over", || alarms(&site).contains("\"state\":\"over\""));
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
    assert!(!alarms(&site).contains("\"alarm\":\"not-opened\""), "{}", alarms(&site));
    let done = site.run("admin", &["whoami"]);
    assert!(
        done.exit == 7 && done.err.contains("WITNESS-009") && done.err.contains("hint: "),
        "{}",
        done.err
    );
    assert!(site.process().is_none());
    assert!(alarms(&site).contains("\"alarm\":\"not-opened\""), "{}", alarms(&site));
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

    // Opened while the witness is away, it is caught once that is back: heard of, and ended.
    fs::remove_dir_all(&site.folder).unwrap();
    copy_folder(&older, &site.folder);
    witness.kill();
    site.start();
    assert!(!alarms(&site).contains("\"alarm\":\"witness-refused\""), "{}", alarms(&site));
    witness.start();
    site.wait_until_ended();
    assert!(alarms(&site).contains("\"alarm\":\"witness-refused\""), "{}", alarms(&site));
    let done = site.run("admin", &["whoami"]);
    assert!(done.exit == 7 && done.err.contains("WITNESS-0"), "{}", done.err);

    // The newest copy is well.
    fs::remove_dir_all(&site.folder).unwrap();
    fs::rename(&newer, &site.folder).unwrap();
    site.start();
    site.assert_sound();
}

fn cosigned_by_newer(newer: &Path) -> usize {
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

/// Settings under which a site does not go on without its witnesses.
const STOP: &str = "[witnessing]\nsilence = \"stop\"\nseconds = 2";

#[test]
fn a_quorum_carries_a_site_and_its_loss_stops_it_where_the_settings_say_so() {
    let site = Site::copy();
    let mut three: Vec<Witness> = ["w1", "w2", "w3"].iter().map(|name| Witness::named(&site, name)).collect();
    add(&site, &STOP.replace("silence", "quorum = 2\nsilence"));
    three.iter().for_each(|one| one.among(&site, &one.url(), ""));
    site.start();
    assert!(cosigned(&site) > 0);
    // One of three is lost: named, recorded, and nothing more.
    three[0].kill();
    site.invite("newcomer");
    until("the silence is named", || limits(&site).contains("witness.example/w1 has not cosigned"));
    until("the silence is on record", || count(&site, "witness-silent") == 1);
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(site.process().is_some() && !limits(&site).contains("too few"), "{}", limits(&site));
    let proof = site.json("auditor", &["ledger", "prove", "3"])["proof"].to_string();
    let signed = |name: &str| proof.contains(&format!("\u{2014} witness.example/{name} "));
    assert!(signed("w2") && signed("w3"), "{proof}");
    // Two of three: the site stops, says why, and does not open.
    three[1].kill();
    site.run("admin", &["account", "list"]);
    site.wait_until_ended();
    let events = site.events();
    let stopped = events.iter().find(|leaf| leaf["event"]["event"] == "site-stopped").expect("not on record");
    assert_eq!(stopped["event"]["cause"], "no-quorum");
    assert!(alarms(&site).contains("\"alarm\":\"no-quorum\""), "{}", alarms(&site));
    let done = site.run("admin", &["whoami"]);
    assert!(
        done.exit == 6 && done.err.contains("WITNESS-011") && done.err.contains("hint: "),
        "{}",
        done.err
    );
    assert_eq!(site.events().len(), events.len(), "a start that was refused left an event");
    three[1].start();
    site.start();
    site.assert_sound();
}

/// Somebody between the site and its witness: answers of their own to the site's questions.
struct Between {
    address: String,
}

impl Between {
    /// Answers `POST` with `status` and `body`, and `GET` with `shown`.
    fn answering(status: &'static str, body: &'static str, shown: String) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let (mut first, mut line, mut length) = (String::new(), String::new(), 0u64);
                reader.read_line(&mut first).unwrap();
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                std::io::copy(&mut std::io::Read::take(&mut reader, length), &mut std::io::sink()).unwrap();
                let (status, body) =
                    if first.starts_with("GET ") { ("200 OK", shown.as_str()) } else { (status, body) };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = reader.get_mut().write_all(answer.as_bytes());
            }
        });
        Self { address }
    }
}

#[test]
fn a_forged_refusal_does_not_keep_a_site_closed() {
    let site = Site::copy();
    let witness = Witness::of(&site);
    witness.set(&site);
    site.start();
    site.lock();
    let kept = fs::read_to_string(site.folder.join("ledger/witnessed")).unwrap();
    let settings = fs::read_to_string(site.folder.join("site.toml")).unwrap();
    let size = kept.lines().nth(1).unwrap();
    let larger = kept.replacen(&format!("\n{size}\n"), "\n99999\n", 1);
    for (status, body, shown) in [
        ("409 Conflict", "99999\n", String::new()),
        ("409 Conflict", "99999\n", larger),
        ("422 Unprocessable", "no\n", "the history was rewritten\n".to_owned()),
        ("422 Unprocessable", "no\n", kept.clone()),
    ] {
        let between = Between::answering(status, body, shown);
        fs::write(site.folder.join("site.toml"), settings.replace(&witness.address, &between.address))
            .unwrap();
        site.start();
        until("it counts as silent", || limits(&site).contains("has not cosigned for"));
        site.lock();
    }
    fs::write(site.folder.join("site.toml"), settings).unwrap();
    site.start();
    until("it is well again", || !limits(&site).contains("witness"));
}

/// A certificate for loopback that signs itself, and its key: made for tests and good for nothing else.
fn identity(name: &str) -> (PathBuf, PathBuf) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../feed/tests/feed/identities");
    let file = |what: &str| folder.join(format!("{name}.{what}.pem")).canonicalize().unwrap();
    (file("cert"), file("key"))
}

/// SHA-256 of a certificate, by another program than ours.
fn pin(certificate: &Path, room: &Path) -> String {
    let text = fs::read_to_string(certificate).unwrap();
    let inner: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = room.join("certificate.der");
    fs::write(&der, STANDARD.decode(inner).unwrap()).unwrap();
    let output = Command::new("sha256sum").arg(&der).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_witness_behind_tls_is_known_by_its_authority_or_its_pin_and_by_nothing_else() {
    let site = Site::copy();
    let mut witness = Witness::made(&site, "w1");
    let (own, other) = (identity("known"), identity("other"));
    witness.tls = Some(own.clone());
    witness.start();
    let settings = fs::read_to_string(site.folder.join("site.toml")).unwrap();
    let url = format!("https://{}", witness.address);
    let pin = |certificate: &Path| pin(certificate, &site.room);
    let key = witness.key.clone();
    let known = |more: String| {
        fs::write(site.folder.join("site.toml"), &settings).unwrap();
        add(&site, &format!("[[witness]]\nurl = \"{url}\"\nkey = \"{key}\"\nalarm_seconds = 1\n{more}"));
    };
    known(format!("pin = \"{}\"", pin(&own.0)));
    site.start();
    assert!(cosigned(&site) > 0, "not cosigned under TLS");
    site.lock();
    known(format!("ca = \"{}\"", own.0.display()));
    site.start();
    site.invite("newcomer");
    let size = site.events().len();
    until("what happened is cosigned", || cosigned(&site) >= size);
    site.lock();
    let before = cosigned(&site);
    for more in [format!("pin = \"{}\"", pin(&other.0)), format!("ca = \"{}\"", other.0.display())] {
        known(more);
        site.start();
        until("it counts as silent", || limits(&site).contains("has not cosigned for"));
        site.lock();
        assert_eq!(cosigned(&site), before);
    }
    // What cannot be is refused: TLS to nobody known, and a pin without TLS.
    let refused = || {
        let done = site.run("admin", &["whoami"]);
        assert!(
            done.exit == 2 && done.err.contains("WITNESS-012") && done.err.contains("hint: "),
            "{}",
            done.err
        );
    };
    known(String::new());
    refused();
    fs::write(site.folder.join("site.toml"), &settings).unwrap();
    witness.among(&site, &format!("http://{}", witness.address), &format!("pin = \"{}\"", pin(&own.0)));
    refused();
    // One witness counts once, and a quorum is one of witnesses that are there.
    fs::write(site.folder.join("site.toml"), &settings).unwrap();
    (0..2).for_each(|_| witness.among(&site, "http://127.0.0.1:1", ""));
    refused();
    fs::write(site.folder.join("site.toml"), &settings).unwrap();
    add(&site, "[witnessing]\nsilence = \"stop\"");
    refused();
    // A witness does not serve with a key that is not its certificate's.
    let mut command = Command::new(PROGRAM);
    command
        .args(["witness", "serve", "--listen", "127.0.0.1:0"])
        .arg(&witness.folder)
        .arg("--tls-cert")
        .arg(&own.0);
    witness.kill();
    let output = command.arg("--tls-key").arg(&other.1).stdin(Stdio::null()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && error.contains("WITNESS-013"), "{error}");
}

/// Each machine runs a witness for the other's ledger.
#[test]
fn two_sites_witness_each_other_and_each_catches_the_other() {
    let (one, two) = (Site::copy(), Site::copy());
    let (at_one, at_two) = (Witness::named(&two, "one"), Witness::named(&one, "two"));
    for (site, witness) in [(&one, &at_two), (&two, &at_one)] {
        witness.among(site, &witness.url(), "");
        site.start();
        site.lock();
    }
    let older = one.room.join("older");
    copy_folder(&one.folder, &older);
    for site in [&one, &two] {
        site.start();
        site.invite("newcomer");
        site.lock();
    }
    fs::remove_dir_all(&one.folder).unwrap();
    copy_folder(&older, &one.folder);
    let done = one.run("admin", &["whoami"]);
    assert!(done.exit == 7 && done.err.contains("WITNESS-009"), "{}", done.err);
    // The other is well.
    two.start();
    two.assert_sound();
}
