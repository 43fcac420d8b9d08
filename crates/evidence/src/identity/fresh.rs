//! C-IDN-06: what proves who somebody is suffices for what they do, and is fresh where it has to be.

use super::RECIPIENT;
use super::codes::Codes;
use super::machine::now;
use super::passkey::{PAGES, Passkey};
use crate::audit::clock::Clocked;
use crate::site::{Answer, KeyService, Site, Who};
use crate::{Control, Error, Play, Result};
use serde_json::{Value, json};

pub const CONTROL: Control = Control {
    id: "C-IDN-06",
    statement: "In controlled and clinical projects people act with a passkey and nothing less; what leaves and what is done \
                to keys takes a proof that is five minutes old at most, where people have one to give",
    test: "with sessions six minutes old (libfaketime) have an object released, rotate the site's keys and shred a \
           project's; confirm by password and code, and do each again; make a clinical project, for \
           somebody without a passkey and with one, and act in it in sessions by a one-time token, by a passkey and by a password",
    references: &["SA 3.2.04", "P11 11.200", "AS V7.5.3"],
    scenario,
};

const MINUTE: i64 = 60;

/// An act that takes a fresh proof.
struct Act {
    what: &'static str,
    who: Who,
    path: String,
    body: Value,
}

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    // Reads that came in are kept for their time: what is shredded has none.
    let (project, empty) = (site.project("research")?, site.project("research")?);
    let package = site.package(&project, 89)?;
    play.does("move the site's keys to a key service on loopback, as a clinical project asks for");
    let token = play.secret();
    let service = KeyService::start(&token)?;
    site.move_to(&service, &token, PAGES)?;
    site.lock()?;
    let mut clock = Clocked::of(&site)?;
    clock.start()?;
    let mut people = Vec::new();
    for who in [Who::Exporter, Who::Administrator, Who::Steward] {
        people.push(Codes::set(play, &site, who.name(), now(play))?);
    }
    let mut passkey = Passkey::enrol(play, &site, Who::Manager.name())?;
    let object = package.objects.first().cloned().unwrap_or_default();
    let acts = [
        Act {
            what: "have an object released",
            who: Who::Exporter,
            path: format!("/v1/objects/{object}/release"),
            body: json!({"recipient": RECIPIENT, "reason": "control"}),
        },
        Act {
            what: "rotate the site's keys",
            who: Who::Administrator,
            path: "/v1/keys/rotate".to_owned(),
            body: json!({"scope": "site", "begin": true}),
        },
        Act {
            what: "shred a project's keys",
            who: Who::Steward,
            path: format!("/v1/projects/{empty}/shred"),
            body: json!({}),
        },
    ];
    clock.show("+6m")?;
    for (act, codes) in acts.iter().zip(&people) {
        stale(play, &site, act, codes)?;
    }
    strict(play, &site, &mut passkey)?;
    // How strict the site is, its process asks each half minute.
    clock.stop()?;
    clock.start()?;
    let now = now(play).saturating_add(8 * MINUTE);
    clock.show("+8m")?;
    let codes = people.first().ok_or_else(|| Error::unplayable("nobody has a password"))?;
    let answer = play.attack("sign in by password and code", || codes.sign_in(&site, now))?;
    let held = answer.status >= 400 && answer.body.contains("ACCESS-045");
    play.expect("it is refused, ACCESS-045", held, told(&answer));
    clock.stop()
}

/// Refused in a session that is six minutes old, and done once it was confirmed.
fn stale(play: &mut Play, site: &Site, act: &Act, codes: &Codes) -> Result<()> {
    let token = site.session(act.who)?;
    let ask = || site.answer(&token, "POST", &act.path, &act.body.to_string());
    let answer = play.attack(&format!("{} in a session that is six minutes old", act.what), ask)?;
    expect_refused(play, "ACCESS-035", &answer);
    play.does("confirm by password and code");
    let status = codes.confirm(site, &token, now(play).saturating_add(6 * MINUTE))?;
    let done = ask()?.status;
    let saw = format!("statuses {status} and {done}");
    play.expect(&format!("then it is done: {}", act.what), (200..300).contains(&status) && done == 200, saw);
    Ok(())
}

/// No session but one by a passkey acts in a clinical project, and nobody without one is given a role there.
fn strict(play: &mut Play, site: &Site, passkey: &mut Passkey) -> Result<()> {
    let words = |administrator| {
        format!(
            "project create --name Throw-away --class clinical --purpose research --term DUO:0000042 \
                 --granularity genome --framework none --incidental not-reported --basis board \
                 --region EU \
             --retention 90-days --consent NONE-1 --administrator {administrator}"
        )
    };
    let named = |who: Who| site.run(Who::Administrator, &words(who.name()).split(' ').collect::<Vec<_>>());
    let done =
        play.attack("make a clinical project whose administrator has no passkey", || named(Who::Analyst))?;
    play.expect("it is refused, ACCESS-052", done.refused("ACCESS-052"), done.told());
    play.does("make a clinical project whose administrator has a passkey");
    let words = words(Who::Manager.name());
    let made = site.json(Who::Administrator, &words.split(' ').collect::<Vec<_>>())?;
    let project = made.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let token = site.session(Who::Manager)?;
    let acts = [
        ("show the project", format!("/v1/projects/{project}")),
        ("list its members", format!("/v1/projects/{project}/members")),
    ];
    for (what, path) in &acts {
        let what = format!("{what} in a session by a one-time token");
        let answer = play.attack(&what, || site.answer(&token, "GET", path, ""))?;
        expect_refused(play, "ACCESS-034", &answer);
    }
    let token = passkey.sign_in(site)?;
    for (what, path) in &acts {
        play.does(&format!("{what} in a session by a passkey"));
        let answer = site.answer(&token, "GET", path, "")?;
        play.expect("it is shown", answer.status == 200, told(&answer));
    }
    Ok(())
}

fn expect_refused(play: &mut Play, code: &str, answer: &Answer) {
    let held = answer.status == 403 && answer.body.contains(code);
    play.expect(&format!("it is refused, {code}"), held, told(answer));
}

fn told(answer: &Answer) -> String {
    format!("status {}: {}", answer.status, answer.body.chars().take(100).collect::<String>())
}
