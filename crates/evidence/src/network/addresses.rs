//! C-NET-04: the site sends to whom its settings name, and nowhere else.

use crate::site::{Done, KeyService, Receiver, Site, Who, text};
use crate::{Control, Error, Play, Result};
use serde_json::Value;
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-NET-04",
    statement: "The site sends to the addresses of its settings and nowhere else: one that hides where it leads, or leads \
                to a machine's own link, keeps the site from opening, and a redirect is not followed",
    test: "write addresses that hide where they lead, or lead nowhere, into the settings of a stream, an alarm, a \
           witness, a bucket, the key service and an issuer, and open the site; then one that is good; have a receiver \
           of a stream and the key service send the site elsewhere, and see that nobody is asked there",
    references: &["AS V1.3.6", "AS V13.2.4"],
    scenario,
};

/// Each of these is tried in one place, in turn.
const HIDING: &[&str] = &[
    "",
    "siem.example",
    "//siem.example/",
    "ftp://siem.example/",
    "HTTPS://siem.example/",
    "https://",
    "https://:443/",
    "https:/siem.example",
    "https://a@siem.example/",
    "https://siem.example#@169.254.169.254/",
    "https://siem.example\\@10.0.0.1/",
    "https://siem.example:0/",
    "https://siem.example:99999/",
    "https://siem.example:443:443/",
    "https://si em.example/",
    "https://siem.example\n/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://siem.example./",
    "https://%31%32%37.0.0.1/",
    "https://①②⑦.0.0.1/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[fe80::1]/",
    "https://0.0.0.0/",
    "https://[::]/",
    "https://[fd00:ec2::254]/",
    "https://100.100.100.200/",
    "https://224.0.0.1/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:7f00:1::]/",
    "https://[::1%25lo]/",
];

/// Each of these is tried in every place.
const EVERYWHERE: &[&str] = &[
    "https://169.254.169.254/",
    "https://[::ffff:127.0.0.1]/",
    "https://2130706433/",
    "gopher://siem.example/",
];

/// Where settings name an address, and how the site says that it is none.
struct Named {
    what: &'static str,
    code: &'static str,
    /// What stands before the address.
    table: String,
    /// What stands after it.
    rest: String,
}

/// How often it is asked whether something came, and how many times.
const ASKED: (Duration, u32) = (Duration::from_millis(100), 600);

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    play.does("move the site's keys to a key service on loopback");
    let token = play.secret();
    let service = KeyService::start(&token)?;
    site.move_to(&service, &token, "")?;
    expect_open(play, &site, &project)?;
    let own = site.settings()?;
    let places = places(&site)?;
    for (at, place) in places.iter().enumerate() {
        let in_turn = HIDING.iter().skip(at).step_by(places.len());
        for address in EVERYWHERE.iter().chain(in_turn) {
            let settings = place.settings(&own, service.url(), address)?;
            refuses(play, &site, place, address, &settings)?;
        }
    }
    stream(play, &site, &own)?;
    elsewhere(play, &site, &project, &own, service.url())
}

fn places(site: &Site) -> Result<[Named; 6]> {
    let ca = site.write("ca.pem", b"")?;
    let credentials =
        site.write("s3", b"aws_access_key_id = none\naws_secret_access_key = none-of-anybody\n")?;
    let (ca, credentials) = (text(&ca)?, text(&credentials)?);
    let pin = format!("pin = \"{}\"", "00".repeat(32));
    let named = |what, code, table: &str, rest: String| Named { what, code, table: table.to_owned(), rest };
    Ok([
        named("a stream", "FEED-001", "[[audit.stream]]\nname = \"made\"\nto", pin.clone()),
        named("an alarm", "FEED-005", "[[alarm]]\nname = \"made\"\nto", pin.clone()),
        named("a witness", "WITNESS-012", "[[witness]]\nkey = \"none\"\nurl", pin),
        named(
            "a bucket",
            "BUCKET-001",
            "[archive.s3]\nbucket = \"made\"\nendpoint",
            format!("credentials = \"{credentials}\""),
        ),
        named("the key service", "KEYS-014", "", format!("ca = \"{ca}\"")),
        named(
            "an issuer",
            "ACCESS-061",
            "[[passports.issuer]]\nname = \"made\"\nissuer = \"https://visas.example.org/\"\n\
             sources = [\"https://dac.example.org/\"]\nkeys.url",
            format!("keys.ca = \"{ca}\""),
        ),
    ])
}

impl Named {
    /// The site's settings with this address in them.
    fn settings(&self, own: &str, service: &str, address: &str) -> Result<String> {
        // What JSON escapes in a text TOML does the same way.
        let address =
            serde_json::to_string(address).map_err(|_| Error::unplayable("an address is no text"))?;
        Ok(match self.table.as_str() {
            "" => own.replace(&format!("\"{service}\""), &format!("{address}\n{}", self.rest)),
            table => format!("{own}\n{table} = {address}\n{}\n", self.rest),
        })
    }
}

fn refuses(play: &mut Play, site: &Site, place: &Named, address: &str, settings: &str) -> Result<()> {
    let what = format!("open the site with `{}` as the address of {}", address.escape_debug(), place.what);
    let done: Done = play.attack(&what, || {
        site.settle(settings)?;
        site.run(Who::Administrator, &["whoami"])
    })?;
    // A key service that does not answer has the same code as one that is not asked.
    let for_its_form = if place.table.is_empty() { "`url`" } else { "" };
    let refused = done.refused(place.code) && done.err.contains(for_its_form) && !site.is_held()?;
    play.expect(&format!("it does not open, {}", place.code), refused, done.told());
    site.lock()
}

/// A receiver of a stream takes the record; then it sends the site elsewhere.
fn stream(play: &mut Play, site: &Site, own: &str) -> Result<()> {
    let (receiver, other) = (Receiver::start()?, Receiver::start()?);
    let to =
        |name: &str| format!("{own}\n[[audit.stream]]\nname = \"{name}\"\nto = \"{}/in\"\n", receiver.url());
    play.does("open the site with a stream to a receiver on loopback");
    site.settle(&to("straight"))?;
    let seen = came(site)?;
    play.expect("it takes the record", seen.0 > 0 && receiver.asked() > 0, seen.1);
    site.lock()?;
    // Another name begins at the first event.
    site.settle(&to("astray"))?;
    play.attack("have the receiver send the site to another one", || {
        receiver.redirect(other.url());
        Ok(())
    })?;
    let seen = came(site)?;
    let told = seen.1.contains("307");
    play.expect("that is a failure of the stream, and nothing was taken", seen.0 == 0 && told, seen.1);
    let asked = other.asked();
    play.expect("nobody asks the other one", asked == 0, format!("{asked} connections"));
    site.lock()
}

/// Opens the site, and waits until its stream took something or failed: how much, and in words.
fn came(site: &Site) -> Result<(u64, String)> {
    site.open()?;
    let (pause, times) = ASKED;
    for _ in 0..times {
        let status = site.json(Who::Administrator, &["site", "status"])?;
        let stream = status.pointer("/streams/0").cloned().unwrap_or_default();
        let taken = stream.get("acknowledged").and_then(Value::as_u64).unwrap_or_default();
        match stream.get("failure").and_then(Value::as_str) {
            Some(why) => return Ok((taken, format!("{taken} taken: {why}"))),
            None if taken > 0 => return Ok((taken, format!("{taken} taken"))),
            None => std::thread::sleep(pause),
        }
    }
    Err(Error::unplayable("the stream neither takes anything nor fails"))
}

/// The key service sends the site to another address, where its own keys are.
fn elsewhere(play: &mut Play, site: &Site, project: &str, own: &str, service: &str) -> Result<()> {
    let astray = Receiver::start()?;
    site.settle(&own.replace(service, astray.url()))?;
    let done = play.attack("have the key service's address send the site to where the service is", || {
        astray.redirect(service);
        site.run(Who::Administrator, &["whoami"])
    })?;
    let refused = done.refused("KEYS-014") && !site.is_held()?;
    play.expect("the site does not open, KEYS-014", refused, done.told());
    play.does("put the settings back");
    site.settle(own)?;
    expect_open(play, site, project)
}

fn expect_open(play: &mut Play, site: &Site, project: &str) -> Result<()> {
    let done = site.run(Who::Analyst, &["sample", "list", project])?;
    play.expect("the site opens with a good address, and works", done.is_done(), done.told());
    site.lock()
}
