//! A real relay of mail on this machine: aiosmtpd, from PyPI, which `make deps` installs. It is stopped by its id when the
//! value goes, and by the kernel when the thread that started it ends otherwise.

use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = include_str!("aiosmtpd.py");

/// How a relay is set up.
#[derive(Debug, Clone)]
pub struct Setup<'a> {
    /// aiosmtpd's own program; the Python beside it is started.
    pub program: PathBuf,
    /// Where it listens; 0 for any port.
    pub port: u16,
    /// `tls`, `starttls` or `clear`.
    pub speech: &'a str,
    /// PEM files of its certificate and key.
    pub identity: (PathBuf, PathBuf),
    /// Who may hand over mail, by name and password; anybody if none.
    pub login: Option<(&'a str, &'a str)>,
    /// Addresses that it refuses for good.
    pub refuse: &'a [&'a str],
}

impl Setup<'_> {
    /// A relay in clear that takes everything.
    pub fn clear(program: PathBuf) -> Self {
        let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
        let identity = (recordings.join("transit.crt"), recordings.join("transit.key"));
        Self { program, port: 0, speech: "clear", identity, login: None, refuse: &[] }
    }
}

/// The relay. It stops when this is dropped.
pub struct Relay {
    child: Child,
    port: u16,
}

impl Relay {
    /// Starts it; what it takes goes to the file `mailbox`.
    ///
    /// # Panics
    /// When it is missing or does not start: with its last words.
    pub fn start(setup: &Setup<'_>, mailbox: &Path) -> Self {
        let log = mailbox.with_extension("log");
        let said = json!({
            "port": setup.port, "speech": setup.speech, "login": setup.login, "refuse": setup.refuse,
            "certificate": setup.identity.0, "key": setup.identity.1, "mailbox": mailbox,
        });
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(setup.program.with_file_name("python"))
            .args(["-c", PROGRAM, &said.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("`setpriv` of util-linux");
        let mut port = String::new();
        let _ = BufReader::new(child.stdout.take().expect("its output")).read_line(&mut port);
        let Ok(port) = port.trim().parse() else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("aiosmtpd does not start: {}", std::fs::read_to_string(&log).unwrap_or_default());
        };
        Self { child, port }
    }

    /// Its port on this machine.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a relay took: each message with `from`, `to`, `tls` and `text`.
pub fn taken(mailbox: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(mailbox).unwrap_or_default();
    // A line that is being written is not one yet.
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    text.get(..whole)
        .unwrap_or_default()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}
