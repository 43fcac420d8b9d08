//! The command line, from another machine.

use super::{Door, openssl};
use crate::site::{Done, PROGRAM, Site, until};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A person at another machine: a home of their own, and nothing of the site's folder.
struct Person {
    home: TempDir,
}

impl Person {
    fn new() -> Self {
        Self { home: TempDir::new_in(crate::site::scratch()).unwrap() }
    }

    fn run(&self, args: &[&str]) -> Done {
        let mut command = Command::new(PROGRAM);
        command.args(args).stdin(Stdio::null()).env_clear().env("HOME", self.home.path());
        let output = command.current_dir(self.home.path()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Done {
            exit: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let done = self.run(&args);
        assert_eq!(done.exit, 0, "{args:?}: {} {}", done.out, done.err);
        serde_json::from_str(&done.out).unwrap_or(Value::Null)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn remotes(&self) -> PathBuf {
        self.home.path().join(".config/sequestra/remotes.toml")
    }
}

fn refused(done: &Done, exit: i32, code: &str) {
    assert!(
        done.exit == exit && done.err.contains(code) && done.err.contains("hint: "),
        "{code}: {} {}",
        done.exit,
        done.err
    );
}

fn pin(door: &Door) -> String {
    door.site.json("admin", &["site", "status"])["door"]["pin"].as_str().unwrap().to_owned()
}

#[test]
fn a_site_is_reached_by_its_pin_and_by_no_other() {
    let door = Door::open();
    let (address, pin) = (format!("https://127.0.0.1:{}", door.port), pin(&door));
    let person = Person::new();
    let token = door.site.json("admin", &["account", "token", "viewer"]);
    let token = person.file("token", token["token"].as_str().unwrap());
    let log_in = ["login", "--token-file", token.as_str(), "--site", address.as_str()];
    // Unknown, and nobody to ask; wrong; no pin at all. The door has seen no request.
    refused(&person.run(&log_in), 4, "CLI-040");
    let wrong = format!("sha256:{}", "0".repeat(64));
    let with = |pin: &str| person.run(&[&log_in[..], &["--pin", pin]].concat());
    let done = with(&wrong);
    refused(&done, 7, "CLI-041");
    assert!(done.err.contains(&pin), "{}", done.err);
    refused(&with("6c0e"), 2, "CLI-046");
    let requests = |route: &str| {
        door.lines().iter().filter(|line| line["route"] == route && line["over"] == "door").count()
    };
    assert_eq!((requests("health"), requests("session create")), (0, 0));
    assert!(!person.remotes().exists());
    // Right, and kept: the next command needs no pin, and another is refused.
    let done = with(&pin);
    assert_eq!(done.exit, 0, "{}", done.err);
    assert_eq!(person.remotes().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let me = person.json(&["whoami", "--site", &address]);
    assert_eq!(me["account"]["name"], "viewer");
    refused(&person.run(&["whoami", "--site", &address, "--pin", &wrong]), 5, "CLI-043");
    // The session is a file of its own, and its owner's.
    let session =
        fs::read_dir(person.home.path().join(".local/state/sequestra")).unwrap().next().unwrap().unwrap();
    assert!(session.file_name().to_str().unwrap().ends_with(&format!("@127.0.0.1-{}.session", door.port)));
    assert_eq!(session.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // Under a name.
    let added = person.json(&["remote", "add", "lab", &address]);
    assert_eq!((&added["name"], &added["pin"]), (&"lab".into(), &pin.as_str().into()));
    assert_eq!(person.json(&["whoami", "--site", "lab"])["account"]["name"], "viewer");
    assert_eq!(person.json(&["remote", "list"]).as_array().unwrap().len(), 1);
    // What needs the folder says so.
    refused(&person.run(&["door", "certificate", "--site", "lab"]), 2, "CLI-042");
    refused(&person.run(&["serve", "--site", &address]), 2, "CLI-042");
    refused(&person.run(&["keys", "migrate", "--complete", "--site", "lab"]), 2, "CLI-042");
    // Mistakes.
    refused(&person.run(&["whoami", "--site", "http://127.0.0.1:1"]), 2, "CLI-045");
    refused(&person.run(&["whoami", "--site", "nowhere"]), 2, "CLI-003");
    refused(&person.run(&["remote", "remove", "nowhere"]), 3, "CLI-048");
    refused(&person.run(&["whoami", "--site", "https://127.0.0.1:1", "--pin", &pin]), 6, "CLI-044");
    assert_eq!(person.run(&["remote", "add", "A B", &address]).exit, 2);
    // Pins that others may change are no pins.
    fs::set_permissions(person.remotes(), Permissions::from_mode(0o620)).unwrap();
    refused(&person.run(&["whoami", "--site", &address]), 4, "CLI-050");
    fs::set_permissions(person.remotes(), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(person.run(&["logout", "--site", "lab"]).exit, 0);
    refused(&person.run(&["whoami", "--site", "lab"]), 4, "CLI-004");
    assert_eq!(person.run(&["remote", "remove", "lab"]).exit, 0);
    refused(&person.run(&["whoami", "--site", &address]), 4, "CLI-040");
}

#[test]
fn another_key_at_a_known_address_gets_nothing() {
    let mut door = Door::open();
    let (address, first) = (format!("https://127.0.0.1:{}", door.port), pin(&door));
    let person = Person::new();
    assert_eq!(person.run(&["remote", "add", "lab", &address, "--pin", &first]).exit, 0);
    // The same site and address with another key: as somebody who stands between would.
    let (certificate, key) =
        (door.site.folder.join("door/certificate.pem"), door.site.folder.join("door/key.pem"));
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=x",
        "-keyout",
        key.to_str().unwrap(),
        "-out",
        certificate.to_str().unwrap(),
    ]);
    until("the door shows the other key", || pin(&door) != first);
    let seen = door.lines().len();
    refused(&person.run(&["whoami", "--site", "lab"]), 7, "CLI-041");
    assert!(door.lines()[seen..].iter().all(|line| line["over"] == "socket"));
    // And a socket that is no door: nothing of TLS, or nobody.
    assert_eq!(door.stop(), 0);
    refused(&person.run(&["whoami", "--site", "lab"]), 6, "CLI-044");
}

#[test]
fn a_certificate_opens_a_door_that_asks_for_one() {
    let site = Site::fresh(&[]);
    assert_eq!(site.run("admin", &["door", "certificate"]).exit, 0);
    let (person, room) = (Person::new(), site.room.clone());
    let path = |name: &str| room.join(name).to_str().unwrap().to_owned();
    super::tls::authority(&room, "ours");
    super::tls::issue(&room, "known", "ours");
    let door = Door::serve(site, &format!("client_ca = \"{}\"", path("ours.pem")), "");
    let (address, pin) = (format!("https://127.0.0.1:{}", door.port), pin(&door));
    let add = ["remote", "add", "lab", &address, "--pin", &pin];
    refused(&person.run(&add), 4, "CLI-058");
    let shown = |name: &str| {
        let (certificate, key) = (path(&format!("{name}.pem")), path(&format!("{name}.key")));
        person.run(&[&add[..], &["--client-certificate", &certificate, "--client-key", &key]].concat())
    };
    super::tls::authority(&room, "theirs");
    super::tls::issue(&room, "stranger", "theirs");
    refused(&shown("stranger"), 4, "CLI-059");
    let (certificate, key) = (path("known.pem"), path("known.key"));
    let first =
        ["x509", "-req", "-in", &path("known.csr"), "-CA", &path("ours.pem"), "-CAkey", &path("ours.key")];
    super::openssl(&[&first[..], &["-CAcreateserial", "-out", &path("first.pem")]].concat());
    fs::copy(&key, path("first.key")).unwrap();
    let done = shown("first");
    refused(&done, 2, "CLI-052");
    assert!(done.err.contains("version 3"), "{}", done.err);
    let papers = ["--client-certificate", certificate.as_str(), "--client-key", key.as_str()];
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    refused(&person.run(&[&add[..], &papers].concat()), 2, "CLI-010");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let done = person.run(&[&add[..], &papers].concat());
    assert_eq!(done.exit, 0, "{}", done.err);
    // Kept with the remote: the next command shows it without being told.
    refused(&person.run(&["whoami", "--site", "lab"]), 4, "CLI-004");
}

#[test]
fn the_contract_is_valid_openapi_and_the_same_everywhere() {
    let door = Door::open();
    let person = Person::new();
    let printed = person.run(&["api", "openapi"]);
    assert_eq!(printed.exit, 0);
    let printed: Value = serde_json::from_str(&printed.out).unwrap();
    assert_eq!(door.call(None, "GET", "/v1/openapi.json", b"").json(), printed);
    // The field's own validator, which lies beside the other tools of Python.
    let tool = std::env::var_os("SEQUESTRA_CRYPT4GH")
        .map(PathBuf::from)
        .expect("set SEQUESTRA_CRYPT4GH, as `make test` does");
    let check = |document: &Value| {
        let file = person.file("openapi.json", &document.to_string());
        let mut command = Command::new(tool.with_file_name("python"));
        let output =
            command.args(["-m", "openapi_spec_validator", &file]).stdin(Stdio::null()).output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (valid, words) = check(&printed);
    assert!(valid, "{words}");
    let mut broken = printed;
    broken["paths"]["/v1/health"]["get"]["responses"] = Value::from(7);
    assert!(!check(&broken).0);
}
