//! Sign-in through a real OpenID provider, in a real browser.

use crate::browser::Pages;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use testkit::browser::Browser;
use testkit::canaille::Client;
use testkit::{Canaille, vault};

const SECRET: &str = "a-secret-of-the-client_1";
const PASSWORD: &str = "correct horse battery";

/// The provider: named by `SEQUESTRA_CANAILLE`, or where `make deps` puts it.
fn program() -> PathBuf {
    let named = std::env::var_os("SEQUESTRA_CANAILLE").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let made = home.join(".cache/sequestra/venv/bin/canaille");
    named.into_iter().chain([made]).find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("the provider `canaille` is missing: run `make deps`, or name it in `SEQUESTRA_CANAILLE`")
    })
}

/// A site whose pages send browsers to a provider that knows alice and mallory.
struct World {
    pages: Pages,
    browser: Browser,
    _provider: Canaille,
}

impl World {
    fn open(algorithm: &str, secret: Option<&str>) -> Self {
        let mut provider = None;
        let pages = Pages::open_with(|site, origin| {
            let redirect = format!("{origin}/oidc");
            let client = Client { id: "sequestra", secret, redirect: &redirect, algorithm };
            let started = Canaille::start(&program(), &[("alice", PASSWORD), ("mallory", PASSWORD)], &client);
            let file = secret.map(|secret| {
                let path = site.folder.join("oidc.secret");
                fs::write(&path, format!("{secret}\n")).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
                "client_secret_file = \"oidc.secret\"\n"
            });
            let (issuer, ca) = (started.issuer().to_owned(), vault::authority());
            provider = Some(started);
            format!(
                "[oidc]\nname = \"uni\"\nissuer = \"{issuer}\"\nclient_id = \"sequestra\"\nca = \"{}\"\n{}",
                ca.display(),
                file.unwrap_or_default()
            )
        });
        let browser = Browser::trusting_all(&[&pages.pin, &vault::pin()]);
        Self { pages, browser, _provider: provider.unwrap() }
    }

    fn leave(&self) {
        self.browser.open(&self.pages.page("sign-in"));
        self.browser.click("#by-provider");
    }

    fn told(&self, wanted: &str) {
        self.browser.wait("#told", |told| told.contains(wanted));
        // What came back stands in no address any more.
        assert_eq!(self.browser.run("return location.href"), self.pages.page("oidc"));
    }

    /// Links the account of this one-time token to whoever is signed in at the provider.
    fn link(&self, token: &str) {
        self.browser.open(&self.pages.page("oidc"));
        self.browser.fill("#token", token);
        self.browser.click("#link");
        self.told("Linked.");
    }

    /// Why sign-ins were refused, by the site's own log.
    fn reasons(&self) -> Vec<String> {
        let lines = self.pages.door.lines();
        lines.iter().filter_map(|line| line["why"].as_str().map(str::to_owned)).collect()
    }

    /// A request with the token of the browser's tab.
    fn ask(&self, method: &str, path: &str) -> (u16, Value) {
        let token = self.browser.run("return sessionStorage.getItem('session')");
        let reply = self.pages.door.call_with(token.as_str().unwrap(), method, path, b"");
        (reply.status, if reply.body.is_empty() { Value::Null } else { reply.json() })
    }
}

#[test]
fn somebody_links_their_account_and_signs_in_through_their_organisation() {
    let world = World::open("ES256", Some(SECRET));
    let (site, browser) = (world.pages.site(), &world.browser);
    let doctor = site.json("admin", &["doctor"]);
    let finding = doctor["findings"].as_array().unwrap().iter().find(|one| one["name"] == "oidc");
    assert_eq!(finding.unwrap()["state"], "ok", "{doctor}");
    let invited = site.json("admin", &["account", "create", "reader"]);

    // Whom the provider knows is nobody here, by that alone.
    world.leave();
    Canaille::sign_in(browser, "alice", PASSWORD);
    world.told("was not accepted");
    assert_eq!(world.reasons(), ["stranger"]);

    world.link(invited["token"].as_str().unwrap());
    assert_eq!(
        browser.run("return sessionStorage.getItem('session')"),
        Value::Null,
        "the token's session goes on"
    );
    world.leave();
    world.told("You are signed in as reader.");
    assert_eq!(browser.run("return document.cookie"), "");
    browser.open(&world.pages.page("sessions"));
    browser.wait("#sessions", |told| told.contains("oidc"));
    // Who holds nothing of this site's approves no terminal.
    assert_eq!(world.ask("POST", "/v1/me/confirmation/challenge").1["code"], "ACCESS-033");
    assert_eq!(world.ask("POST", "/v1/me/passkeys/challenge").1["code"], "ACCESS-043");

    let links = site.json("admin", &["account", "identities", "reader"]);
    assert_eq!((&links[0]["issuer"], &links[0]["signs_in"]), (&"uni".into(), &true.into()));
    assert_eq!(world.ask("GET", "/v1/me").0, 200);
    site.json("admin", &["account", "unlink", "reader", "--issuer", "uni"]);
    assert_eq!(world.ask("GET", "/v1/me").0, 401, "a session outlives its link");
    world.leave();
    world.told("was not accepted");
    let kinds = |kind: &str| {
        let events = site.events();
        events.iter().filter(|one| one["event"]["event"] == kind).cloned().collect::<Vec<_>>()
    };
    assert_eq!(kinds("credential-added").len(), 1);
    assert_eq!(kinds("credential-removed").len(), 1);
}

/// A client that keeps no secret, and the other algorithm; and two people of one provider.
#[test]
fn a_public_client_tells_people_apart() {
    let world = World::open("RS256", None);
    let invited = world.pages.site().json("admin", &["account", "create", "reader"]);
    let token = invited["token"].as_str().unwrap();
    world.browser.open(&world.pages.page("oidc"));
    world.browser.fill("#token", token);
    world.browser.click("#link");
    Canaille::sign_in(&world.browser, "alice", PASSWORD);
    world.told("Linked.");
    world.leave();
    world.told("You are signed in as reader.");
    // Somebody else at the same provider.
    let other = Browser::trusting_all(&[&world.pages.pin, &vault::pin()]);
    let world = World { browser: other, ..world };
    world.leave();
    Canaille::sign_in(&world.browser, "mallory", PASSWORD);
    world.told("was not accepted");
    assert_eq!(world.reasons(), ["stranger"]);
}
