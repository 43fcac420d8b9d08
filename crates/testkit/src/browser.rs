//! A real browser, driven over WebDriver, with a virtual authenticator where passkeys are asked for.
#![expect(clippy::indexing_slicing, reason = "a test that gets another shape has failed")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The browser.
const CHROMIUM: &str = "/usr/bin/chromium";
/// The name that WebDriver gives the id of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How long something may take to be on a page.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long until it is looked at again.
const PAUSE: Duration = Duration::from_millis(50);

/// Chromium without a window, with a folder of its own.
pub struct Browser {
    driver: Child,
    agent: ureq::Agent,
    base: String,
    _folder: tempfile::TempDir,
}

impl Browser {
    /// Starts one that takes a certificate with the key of this pin (`sha256:` and hexadecimal digits) for a
    /// trusted one, and no other. Both programs are Debian's `chromium` and `chromium-driver`.
    pub fn trusting(pin: &str) -> Self {
        Self::trusting_all(&[pin])
    }

    /// The same, with several.
    pub fn trusting_all(pins: &[&str]) -> Self {
        assert!(Path::new(CHROMIUM).exists(), "no {CHROMIUM}: apt-get install chromium chromium-driver");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut driver = driver.expect("`chromedriver` starts: apt-get install chromium chromium-driver");
        let mut lines = BufReader::new(driver.stdout.take().expect("its output")).lines();
        let port = loop {
            let line = lines.next().expect("chromedriver says its port").expect("a line");
            if let Some((_, rest)) = line.split_once("successfully on port ") {
                break rest.trim_end_matches('.').to_owned();
            }
        };
        // Its output is read to the end, or it would stop when the pipe is full.
        std::thread::spawn(move || lines.count());
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        let mut browser =
            Self { driver, agent: config.into(), base: format!("http://127.0.0.1:{port}"), _folder: folder };
        let pins: Vec<String> = pins.iter().map(|pin| spki(pin)).collect();
        let trusted = format!("--ignore-certificate-errors-spki-list={}", pins.join(","));
        let data = format!("--user-data-dir={}", browser._folder.path().display());
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            &data,
            &trusted,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "webauthn:virtualAuthenticators": true,
            "goog:chromeOptions": {"binary": CHROMIUM, "args": args},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let begun = browser.call("POST", "/session", &wanted);
        let session = begun["sessionId"].as_str().unwrap_or_else(|| panic!("no browser: {begun}")).to_owned();
        browser.base.push_str(&format!("/session/{session}"));
        browser
    }

    /// Gives it a passkey device of its own that verifies its user.
    pub fn with_authenticator(self) -> Self {
        let device = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "isUserConsenting": true,
        });
        let id = self.call("POST", "/webauthn/authenticator", &device);
        assert!(id.is_string(), "no authenticator: {id}");
        self
    }

    /// Opens a page.
    pub fn open(&self, url: &str) {
        self.call("POST", "/url", &json!({"url": url}));
    }

    /// Presses something.
    pub fn click(&self, css: &str) {
        let element = self.element(css);
        self.call("POST", &format!("/element/{element}/click"), &json!({}));
    }

    /// Types into something.
    pub fn fill(&self, css: &str, text: &str) {
        let element = self.element(css);
        self.call("POST", &format!("/element/{element}/clear"), &json!({}));
        self.call("POST", &format!("/element/{element}/value"), &json!({"text": text}));
    }

    /// What something shows.
    pub fn text(&self, css: &str) -> String {
        self.text_of(&self.element(css))
    }

    /// What something shows, once it shows what is wanted, on whichever page it comes to be.
    pub fn wait(&self, css: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut left = PATIENCE.as_millis() / PAUSE.as_millis();
        loop {
            let text = self.found(css).map(|element| self.text_of(&element)).unwrap_or_default();
            if wanted(&text) {
                return text;
            }
            left = left.saturating_sub(1);
            assert!(left > 0, "{css} shows `{text}`; {}", self.log());
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until something is on the page, whichever page comes.
    pub fn wait_for(&self, css: &str) {
        let mut left = PATIENCE.as_millis() / PAUSE.as_millis();
        loop {
            if self.found(css).is_some() {
                return;
            }
            left = left.saturating_sub(1);
            assert!(left > 0, "no `{css}` at {}: {}", self.run("return location.href"), self.log());
            std::thread::sleep(PAUSE);
        }
    }

    /// What a script gives.
    pub fn run(&self, script: &str) -> Value {
        self.call("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// What the browser complained of.
    pub fn log(&self) -> Value {
        self.call("POST", "/se/log", &json!({"type": "browser"}))
    }

    fn element(&self, css: &str) -> String {
        self.found(css).unwrap_or_else(|| panic!("no `{css}` at {}", self.run("return location.href")))
    }

    fn found(&self, css: &str) -> Option<String> {
        let found = self.call("POST", "/element", &json!({"using": "css selector", "value": css}));
        found[ELEMENT].as_str().map(str::to_owned)
    }

    fn text_of(&self, element: &str) -> String {
        let text = self.call("GET", &format!("/element/{element}/text"), &Value::Null);
        text.as_str().unwrap_or_default().to_owned()
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.base);
        let answer = match method {
            "GET" => self.agent.get(&url).call(),
            "DELETE" => self.agent.delete(&url).call(),
            _ => self.agent.post(&url).header("content-type", "application/json").send(body.to_string()),
        };
        let text = answer.expect("chromedriver answers").body_mut().read_to_string().expect("its answer");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        answer["value"].clone()
    }
}

/// A pin as Chromium writes it: the same digest in base64.
fn spki(pin: &str) -> String {
    let digest: base::Sha256 = pin.trim_start_matches("sha256:").parse().expect("a pin");
    STANDARD.encode(digest.0)
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session, the driver with its process.
        if !std::thread::panicking() {
            self.call("DELETE", "", &Value::Null);
        } else {
            let _ = self.agent.delete(&self.base).call();
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
