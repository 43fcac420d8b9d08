//! A real OpenID provider on this machine: canaille, from PyPI, which `make deps` installs. Takes about two seconds and
//! 90 MB; it is stopped by its id when the value goes, and by the kernel when the thread that started it ends otherwise.

use crate::browser::Browser;
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = include_str!("canaille.py");

/// How the provider knows a site.
pub struct Client<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its secret; none for a public client.
    pub secret: Option<&'a str>,
    /// Where browsers are sent back to.
    pub redirect: &'a str,
    /// What its tokens are signed by: `RS256` or `ES256`.
    pub algorithm: &'a str,
}

/// The provider. It stops when this is dropped.
pub struct Canaille {
    child: Child,
    issuer: String,
    _folder: tempfile::TempDir,
}

impl Canaille {
    /// Starts it by the Python beside `program`, which is canaille's own, with people by their passwords and one client.
    ///
    /// # Panics
    /// When it is missing or does not start: with its last words.
    pub fn start(program: &Path, people: &[(&str, &str)], client: &Client<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        let people: serde_json::Map<_, _> =
            people.iter().map(|(name, password)| ((*name).to_owned(), json!(password))).collect();
        let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
        let said = json!({
            "people": people,
            "client": {
                "id": client.id, "secret": client.secret, "redirect": client.redirect, "algorithm": client.algorithm,
            },
            "certificate": recordings.join("transit.crt"), "key": recordings.join("transit.key"),
        });
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(program.with_file_name("python"))
            .args(["-c", PROGRAM, &said.to_string()])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("`setpriv` of util-linux");
        let mut issuer = String::new();
        let said = BufReader::new(child.stdout.take().expect("its output")).read_line(&mut issuer);
        let issuer = issuer.trim().to_owned();
        if said.is_err() || issuer.is_empty() {
            let _ = child.kill();
            let _ = child.wait();
            panic!("canaille does not start: {}", std::fs::read_to_string(&log).unwrap_or_default());
        }
        Self { child, issuer, _folder: folder }
    }

    /// Its issuer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs somebody in at the page that a browser was sent to, and agrees where they are asked whether the client may know.
    pub fn sign_in(browser: &Browser, name: &str, password: &str) {
        browser.wait_for("#login");
        browser.fill("#login", name);
        browser.click("#loginform button[type=submit]");
        browser.wait_for("#password");
        browser.fill("#password", password);
        browser.click("#passwordform button[type=submit]");
        browser.wait_for("#accept, [data-page]");
        if browser.run("return document.querySelector('#accept') !== null") == true {
            browser.click("#accept");
        }
    }
}

impl Drop for Canaille {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
