//! The pages in a real browser, over the door: enrolment, sign-in, a terminal that is approved, sessions.

use crate::door::Door;
use crate::site::{PROGRAM, Site};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use testkit::browser::Browser;
use totp_rs::{Builder, Secret};

/// A site that serves its pages, and where.
pub struct Pages {
    pub door: Door,
    origin: String,
    pub pin: String,
}

impl Pages {
    fn open() -> Self {
        Self::open_with(|_, _| String::new())
    }

    /// With further tables of settings, by the pages' origin.
    pub fn open_with(tables: impl FnOnce(&Site, &str) -> String) -> Self {
        let site = Site::fresh(&[]);
        let made = site.json("admin", &["door", "certificate"]);
        let pin = made["pin"].as_str().unwrap().to_owned();
        // The origin names the port, so it is chosen before the door opens.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let origin = format!("https://localhost:{port}");
        let tables = format!("[pages]\norigin = \"{origin}\"\n{}", tables(&site, &origin));
        let door = Door::serve_at(site, port, "", &tables);
        Self { door, origin, pin }
    }

    pub fn site(&self) -> &Site {
        &self.door.site
    }

    pub fn page(&self, name: &str) -> String {
        format!("{}/{name}", self.origin)
    }
}

#[test]
fn somebody_enrols_a_passkey_signs_in_and_approves_their_terminal() {
    let pages = Pages::open();
    let invited = pages.site().json("admin", &["account", "create", "reader"]);
    let browser = Browser::trusting(&pages.pin).with_authenticator();
    enrol(&pages, &browser, invited["token"].as_str().unwrap());
    sign_out_and_in(&pages, &browser);
    approve(&pages, &browser);
    refuse_another(&pages, &browser);
    confined(&pages, &browser);
}

#[test]
fn somebody_sets_a_password_on_the_page_and_signs_in_by_it() {
    let pages = Pages::open();
    let invited = pages.site().json("admin", &["account", "create", "reader"]);
    let browser = Browser::trusting(&pages.pin);
    browser.open(&pages.page("password"));
    browser.fill("#token", invited["token"].as_str().unwrap());
    browser.click("#begin");
    let secret = browser.wait("#secret", |told| told.len() == 32);
    let secret = Secret::try_from_base32(secret).unwrap();
    let totp = Builder::new().with_secret(secret).with_account_name("reader").build().unwrap();
    let now = || base::Timestamp::now().as_second().unsigned_abs();
    browser.fill("#password", "four words in a row");
    browser.fill("#again", "four words in a Row");
    browser.click("#set");
    browser.wait("#told", |told| told.contains("not the same"));
    browser.fill("#again", "four words in a row");
    browser.fill("#code", "000000");
    browser.click("#set");
    browser.wait("#told", |told| told.contains("is not right"));
    browser.fill("#code", &totp.generate(now()).to_string());
    browser.click("#set");
    browser.wait("#told", |told| told.starts_with("Set."));
    assert_eq!(browser.run("return document.body.innerText.includes('otpauth')"), false, "still shown");
    browser.open(&pages.page("sign-in"));
    browser.run("document.querySelector('details').open = true");
    browser.fill("#name", "reader");
    browser.fill("#password", "four words in a row");
    browser.fill("#code", "000000");
    browser.click("#by-password");
    browser.wait("#told", |told| told.contains("is not right"));
    // The code of the setting has counted; that of the step after it counts already.
    browser.fill("#code", &totp.generate(now() + 30).to_string());
    browser.click("#by-password");
    browser.wait("#told", |told| told == "You are signed in as reader.");
    browser.open(&pages.page("sessions"));
    browser.wait("#sessions", |told| told.contains("password-totp"));
}

fn enrol(pages: &Pages, browser: &Browser, token: &str) {
    // A wrong token enrols nothing.
    browser.open(&pages.page("enrol"));
    browser.fill("#token", &format!("once_{}", "0".repeat(64)));
    browser.click("#enrol");
    browser.wait("#told", |told| told.contains("one-time token is not valid"));
    browser.fill("#token", token);
    browser.fill("#label", "test device");
    browser.click("#enrol");
    let told = browser.wait("#told", |told| told.contains("nrolled") || told.contains(':'));
    assert_eq!(told, "Enrolled. You are signed in as reader.");
}

/// Out and in again, by the passkey alone.
fn sign_out_and_in(pages: &Pages, browser: &Browser) {
    browser.open(&pages.page("sessions"));
    browser.wait("#passkeys", |told| told.contains("test device"));
    let listed = browser.wait("#sessions", |told| told.contains("passkey"));
    // What the one-time token began ended with the enrolment.
    assert!(listed.contains("this one") && !listed.contains("one-time-token"), "{listed}");
    assert!(listed.contains("127.0.0.1"), "{listed}");
    browser.click("#sign-out");
    browser.wait("#told", |told| told == "You are signed out.");
    browser.open(&pages.page("sign-in"));
    browser.click("#sign-in");
    browser.wait("#told", |told| told == "You are signed in as reader.");
}

/// A terminal on the site's machine asks; the page shows what to type there.
fn approve(pages: &Pages, browser: &Browser) {
    let site = pages.site();
    let mut login = terminal(site, &["--site", site.folder.to_str().unwrap()]);
    let mut lines = BufReader::new(login.stderr.take().unwrap()).lines();
    let code = code_of(&mut lines, pages);
    browser.open(&pages.page("device"));
    browser.fill("#code", "BBBB-BBBB");
    browser.click("#look");
    browser.wait("#told", |told| told.contains("code is not valid"));
    browser.fill("#code", &code);
    browser.click("#look");
    let shown = browser.wait("#asks", |told| told.contains("signed in as you"));
    assert!(shown.contains("the site's own machine"), "{shown}");
    browser.click("#approve");
    let answer = browser.wait("#answer", |told| told.len() == 6);
    login.stdin.take().unwrap().write_all(format!("{answer}\n").as_bytes()).unwrap();
    assert!(login.wait().unwrap().success(), "{:?}", lines.collect::<Vec<_>>());
    let me = site.json("reader", &["whoami"]);
    assert_eq!(me["account"]["name"], "reader");
    let sessions = site.json("reader", &["session", "list"]);
    let own = sessions.as_array().unwrap().iter().find(|one| one["current"] == true).unwrap();
    assert_eq!(own["proof"], "passkey");
    assert_eq!(site.json("reader", &["passkey", "list"])[0]["label"], "test device");
}

/// The policy of the pages was kept to, it holds, and nothing came from elsewhere.
fn confined(pages: &Pages, browser: &Browser) {
    let log = browser.log().to_string();
    assert!(!log.contains("Content Security Policy"), "{log}");
    let loaded =
        browser.run("return performance.getEntriesByType('resource').map((one) => new URL(one.name).origin)");
    assert!(loaded.as_array().unwrap().iter().all(|from| from == pages.origin.as_str()), "{loaded}");
    // Text becomes no script by itself, and one that somebody vouched for does not run inline.
    let inline = "const s = document.createElement('script'); \
                  try { s.textContent = 'window.ran = 1'; return 'taken' } catch (e) {} \
                  const own = trustedTypes.createPolicy('own', { createScript: (text) => text }); \
                  s.textContent = own.createScript('window.ran = 1'); document.body.append(s); \
                  return window.ran === undefined ? 'refused' : 'ran'";
    assert_eq!(browser.run(inline), "refused");
    let elsewhere = "return fetch('https://127.0.0.1:1/').then(() => 'sent', (e) => 'refused')";
    assert_eq!(browser.run(elsewhere), "refused");
    let log = browser.log().to_string();
    assert!(log.contains("Content Security Policy"), "refused for another reason: {log}");
}

/// A code that is refused on the page signs no terminal in, here one on another machine.
fn refuse_another(pages: &Pages, browser: &Browser) {
    let mut login = terminal(pages.site(), &["--site", &pages.origin, "--pin", &pages.pin]);
    let mut lines = BufReader::new(login.stderr.take().unwrap()).lines();
    let code = code_of(&mut lines, pages);
    browser.open(&pages.page("device"));
    browser.fill("#code", &code);
    browser.click("#look");
    let shown = browser.wait("#asks", |told| told.contains("signed in as you"));
    assert!(shown.contains("127.0.0.1"), "{shown}");
    browser.click("#refuse");
    browser.wait("#told", |told| told.contains("Refused"));
    login.stdin.take().unwrap().write_all(b"BBBBBB\n").unwrap();
    assert_eq!(login.wait().unwrap().code(), Some(4));
    let mut rest = String::new();
    for line in lines {
        rest.push_str(&line.unwrap());
    }
    assert!(rest.contains("ACCESS-036"), "{rest}");
}

fn terminal(site: &Site, place: &[&str]) -> Child {
    let mut command = Command::new(PROGRAM);
    command.args(["login", "--passkey"]).args(place);
    command.arg("--session").arg(site.room.join("reader.session")).env("XDG_CONFIG_HOME", &site.room);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The code that a terminal shows, and that it names the page.
fn code_of<R: Read>(lines: &mut std::io::Lines<BufReader<R>>, pages: &Pages) -> String {
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains(&pages.page("device")), "{first}");
    lines.next().unwrap().unwrap().trim().to_owned()
}
