//! Notifications: people hear of what happens, in ids alone; what cannot be is refused, and what does not arrive is named.

use crate::site::{Site, until};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use testkit::aiosmtpd::{Relay, Setup, taken};

/// The relay: named by `SEQUESTRA_AIOSMTPD`, or where `make deps` puts it.
fn program() -> PathBuf {
    let named = std::env::var_os("SEQUESTRA_AIOSMTPD").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let made = home.join(".cache/sequestra/venv/bin/aiosmtpd");
    named.into_iter().chain([made]).find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("the relay `aiosmtpd` is missing: run `make deps`, or name it in `SEQUESTRA_AIOSMTPD`")
    })
}

/// A receiver of POSTs that keeps every byte that came.
pub struct Hook {
    at: SocketAddr,
    came: Arc<Mutex<Vec<u8>>>,
}

impl Hook {
    /// Listens until the test ends.
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (at, came) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let kept = Arc::clone(&came);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(request) = request(stream) {
                    kept.lock().unwrap().extend(request);
                }
            }
        });
        Self { at, came }
    }

    /// Where it listens.
    pub fn at(&self) -> SocketAddr {
        self.at
    }

    /// Everything that came.
    pub fn said(&self) -> String {
        String::from_utf8(self.came.lock().unwrap().clone()).unwrap()
    }
}

fn request(mut stream: TcpStream) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let mut some = [0; 4096];
    loop {
        let count = stream.read(&mut some).ok().filter(|count| *count > 0)?;
        all.extend(&some[..count]);
        let text = String::from_utf8_lossy(&all).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        if body.len() >= length.parse().ok()? {
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
            return Some(all);
        }
    }
}

/// A team that hears by mail and by a hook.
pub struct Notified {
    relay: Relay,
    mailbox: PathBuf,
    hook: Hook,
}

impl Notified {
    pub fn open(site: &Site) -> Self {
        let mailbox = site.room.join("mailbox");
        Self { relay: Relay::start(&Setup::clear(program()), &mailbox), mailbox, hook: Hook::open() }
    }

    /// Lines for `site.toml`.
    pub fn settings(&self) -> String {
        let (port, at) = (self.relay.port(), self.hook.at);
        format!(
            "\n[mail]\nserver = \"smtp://127.0.0.1:{port}\"\nfrom = \"sequestra@site.example\"\n\
             \n[[notify]]\nname = \"team\"\nto = \"mailto:team@ward.example\"\nwithin_seconds = 1\n\
             \n[[notify]]\nname = \"hook\"\nto = \"http://{at}/in\"\nwithin_seconds = 1\n"
        )
    }

    /// Everything that came by mail and by the hook, once both told of the end of a run and nothing waits.
    pub fn heard(&self, site: &Site, run: &str) -> (String, String) {
        let mail = || fs::read_to_string(&self.mailbox).unwrap_or_default();
        let told = |all: &str| all.contains("a run ended") && all.contains(run);
        until("both hear of the run", || told(&mail()) && told(&self.hook.said()));
        until("nothing waits", || {
            let all = site.json("admin", &["notify", "list"]);
            all.as_array().unwrap().iter().all(|one| one["waiting"] == 0 && one["lost"] == 0)
        });
        (mail(), self.hook.said())
    }
}

fn set(site: &Site, lines: &str) {
    let settings = site.folder.join("site.toml");
    fs::write(&settings, fs::read_to_string(&settings).unwrap() + lines).unwrap();
}

#[test]
fn what_does_not_arrive_is_named_and_a_test_says_what_was_answered() {
    let site = Site::copy();
    let settings = site.folder.join("site.toml");
    let kept = fs::read_to_string(&settings).unwrap();
    let before = site.events().len();
    for bad in [
        "\n[[notify]]\nname = \"team\"\nto = \"mailto:zorbina@ward.example\"\n",
        "\n[[notify]]\nname = \"team\"\nto = \"http://zorbina.example/\"\n",
        "\n[mail]\nserver = \"smtp://relay.example\"\nfrom = \"a@b\"\n",
    ] {
        fs::write(&settings, kept.clone() + bad).unwrap();
        let refused = site.run("admin", &["whoami"]);
        assert!(refused.exit == 2 && refused.err.contains("FEED-006"), "{bad}: {}", refused.err);
        assert!(refused.err.contains("hint: ") && !refused.err.contains("zorbina"), "{}", refused.err);
    }
    assert_eq!(site.events().len(), before, "a refused start left an event");

    fs::write(&settings, &kept).unwrap();
    let mailbox = site.room.join("mailbox");
    let setup = Setup { refuse: &["zorbina@ward.example"], ..Setup::clear(program()) };
    let relay = Relay::start(&setup, &mailbox);
    let port = relay.port();
    set(
        &site,
        &format!(
            "\n[mail]\nserver = \"smtp://127.0.0.1:{port}\"\nfrom = \"sequestra@site.example\"\n\
             \n[[notify]]\nname = \"good\"\nto = \"mailto:team@ward.example\"\nwithin_seconds = 0\n\
             \n[[notify]]\nname = \"bad\"\nto = \"mailto:zorbina@ward.example\"\nwithin_seconds = 0\n\
             \n[[notify]]\nname = \"away\"\nto = \"http://127.0.0.1:1/\"\nwithin_seconds = 0\n"
        ),
    );
    site.start();
    let good = site.run("admin", &["notify", "test", "good"]);
    assert!(good.exit == 0 && good.out.contains("taken: 250 2.0.0 taken"), "{} {}", good.out, good.err);
    assert_eq!(taken(&mailbox).len(), 1);
    let bad = site.run("admin", &["notify", "test", "bad"]);
    assert!(bad.exit == 6 && bad.err.contains("550 5.1.1 [address]"), "{} {}", bad.exit, bad.err);
    let away = site.run("admin", &["notify", "test", "away", "--json"]);
    assert!(away.exit == 6 && away.out.contains("FEED-002"), "{}", away.out);
    assert_eq!(site.run("admin", &["notify", "test", "nobody"]).exit, 3);
    assert_eq!(site.run("analyst", &["notify", "test", "good"]).exit, 4);

    // Something that people want to hear of: a second person is asked.
    site.invite("warden");
    site.json("admin", &["account", "grant", "warden", "--role", "platform-administrator"]);
    let proposal = crate::question::proposal(&site);
    let limits = || site.json("admin", &["site", "status"])["limits"].to_string();
    until("all three were told or failed", || {
        let all = site.json("admin", &["notify", "list"]);
        let named =
            |name: &str| all.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
        taken(&mailbox).len() == 2 && named("bad")["lost"] == 1 && named("away")["waiting"] == 1
    });
    assert!(limits().contains("the notification bad lost 1 events"), "{}", limits());
    assert!(limits().contains("the notification away does not arrive, 1 events wait"), "{}", limits());
    let told = taken(&mailbox)[1]["text"].as_str().unwrap().to_owned();
    assert!(told.contains(&proposal) && told.contains("proposed policies wait for approval"), "{told}");
    let shown = site.run("admin", &["notify", "list"]);
    assert!(shown.out.contains("away") && shown.err.contains("bad: the receiver refused"), "{}", shown.err);
    for all in [shown.out, shown.err, limits(), bad.err] {
        assert!(!all.contains("ward.example"), "{all}");
    }
    // A new one begins with what comes now; what waited for the other is told after a start.
    site.lock();
    let text = fs::read_to_string(&settings).unwrap();
    let hook = Hook::open();
    fs::write(&settings, text.replace("http://127.0.0.1:1/", &format!("http://{}/in", hook.at))).unwrap();
    site.start();
    until("it is told what waited", || hook.said().contains(&proposal));
    let kept: Value =
        serde_json::from_slice(&fs::read(site.folder.join("notifications/bad.json")).unwrap()).unwrap();
    assert_eq!(kept["lost"], 1);
}
