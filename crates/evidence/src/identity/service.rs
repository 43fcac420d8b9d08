//! C-IDN-10: a service account acts for a person who let it, within its scope, from its networks, until its end.

use super::machine::{Machine, expect_refused, now, present, token};
use crate::audit::clock::{Clocked, records};
use crate::site::{Site, Who};
use crate::{Control, Play, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub const CONTROL: Control = Control {
    id: "C-IDN-10",
    statement: "A service account has an owner, a scope, networks and an end within 90 days, and touches data on behalf \
                of a person alone who let it, never beyond what that person may do; both are on record",
    test: "make one with an end too far, a network too wide, an owner nobody is; use one without naming a person, for \
           somebody who did not let it, from another network, outside of its scope, after its person withdrew, after \
           it was closed, and the day after its end (libfaketime)",
    references: &["AS V8.3.3", "53 AC-2(3)", "53 IA-4"],
    scenario,
};

const DAY: i64 = 86_400;

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let (project, other) = (site.project("research")?, site.project("research")?);
    made_wrong(play, &site, &project)?;
    play.does("make a service account for this machine, which an analyst lets act");
    let machine = Machine::make(play, &site, &project, "socket")?;
    let list = format!("/v1/projects/{project}/samples");
    let answer = present(&site, &machine.assertion(play, now(play)))?;
    let status = site.ask(&token(&answer), "GET", &list, "")?;
    play.expect("it sees the samples", status == 200, format!("status {status}"));
    on_record(play, &site, &machine)?;
    outside(play, &site, &token(&answer), &project, &other)?;
    not_let(play, &site, &machine, &project)?;
    ended(play, &site, &project)
}

fn made_wrong(play: &mut Play, site: &Site, project: &str) -> Result<()> {
    let public = STANDARD.encode(play.key());
    let of = |network: &str, days: &str| Machine::words(project, network, &public, days);
    for (what, code, words) in [
        ("make one for 91 days", "ACCESS-039", of("socket", "91")),
        ("make one for all networks", "SERVER-003", of("0.0.0.0/0", "90")),
        (
            "make one whose owner nobody is",
            "ACCESS-015",
            of("socket", "90").replace("--owner analyst", "--owner no-one"),
        ),
        (
            "make one that may administer",
            "ACCESS-039",
            of("socket", "90").replace("view-samples", "administer-project"),
        ),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let done = play.attack(what, || site.run(Who::Administrator, &words))?;
        play.expect(&format!("it is refused, {code}"), done.refused(code), done.told());
    }
    Ok(())
}

/// The last decision names the account and the person.
fn on_record(play: &mut Play, site: &Site, machine: &Machine) -> Result<()> {
    play.does("read who acted from the record");
    let mut person = machine.person.clone();
    play.spoil("another person is looked for", || {
        person = "usr_00000000000000000000".to_owned();
        Ok(())
    })?;
    let decision = records(site.folder())?.into_iter().rfind(|leaf| {
        leaf.pointer("/event/event") == Some(&"decision".into())
            && leaf.pointer("/event/actor").and_then(Value::as_str) == Some(&machine.service)
    });
    let event = decision.and_then(|leaf| leaf.get("event").cloned()).unwrap_or_default();
    let named = event.get("on_behalf_of").and_then(Value::as_str) == Some(&person);
    play.expect("the decision names the account and its person", named, event.to_string());
    Ok(())
}

/// What it was not made for.
fn outside(play: &mut Play, site: &Site, token: &str, project: &str, other: &str) -> Result<()> {
    let run = json!({"sheet": "", "manifest": ""}).to_string();
    for (what, method, path, body) in [
        (
            "bring data in, for which it was not made",
            "POST",
            format!("/v1/projects/{project}/packages"),
            run.as_str(),
        ),
        ("see another project of its person's", "GET", format!("/v1/projects/{other}/samples"), ""),
        ("administer the project", "GET", "/v1/accounts".to_owned(), ""),
    ] {
        let status = play.attack(what, || site.ask(token, method, &path, body))?;
        play.expect("it is refused", matches!(status, 403 | 404), format!("status {status}"));
    }
    Ok(())
}

/// For whom nobody let it, and from where nobody let it.
fn not_let(play: &mut Play, site: &Site, machine: &Machine, project: &str) -> Result<()> {
    let sign = |play: &Play, person: Value| {
        let mut claims = machine.claims(play, now(play));
        if let Some(own) = claims.as_object_mut() {
            own.remove("on_behalf_of");
            if !person.is_null() {
                own.insert("on_behalf_of".to_owned(), person);
            }
        }
        machine.sign(&machine.header().to_string(), &claims.to_string())
    };
    let exporter = site.json(Who::Exporter, &["whoami"])?;
    let exporter = exporter.pointer("/account/id").cloned().unwrap_or_default();
    for (what, person) in
        [("sign in for nobody", Value::Null), ("sign in for somebody who did not let it", exporter)]
    {
        let assertion = sign(play, person);
        let answer = play.attack(what, || present(site, &assertion))?;
        expect_refused(play, &answer);
    }
    let elsewhere = Machine::make(play, site, project, "192.0.2.0/24")?;
    let assertion = elsewhere.assertion(play, now(play));
    let answer = play.attack("sign in from this machine, with an account for another network", || {
        present(site, &assertion)
    })?;
    expect_refused(play, &answer);
    let held = token(&present(site, &machine.assertion(play, now(play)))?);
    play.attack("let its person withdraw what they let it", || {
        site.json(Who::Analyst, &["service", "withdraw", &machine.service]).map(drop)
    })?;
    let status = site.ask(&held, "GET", &format!("/v1/projects/{project}/samples"), "")?;
    play.expect("a token of before is refused", status == 401, format!("status {status}"));
    expect_refused(play, &present(site, &machine.assertion(play, now(play)))?);
    Ok(())
}

/// After it was closed, and after its days.
fn ended(play: &mut Play, site: &Site, project: &str) -> Result<()> {
    let closed = Machine::make(play, site, project, "socket")?;
    play.attack("close an account", || {
        site.json(Who::Administrator, &["service", "close", &closed.service]).map(drop)
    })?;
    expect_refused(play, &present(site, &closed.assertion(play, now(play)))?);
    let machine = Machine::make(play, site, project, "socket")?;
    site.lock()?;
    let mut clock = Clocked::of(site)?;
    clock.start()?;
    play.does("show the site a clock that is 89 days ahead");
    clock.show("+89d")?;
    let answer = present(site, &machine.assertion(play, now(play).saturating_add(89 * DAY)))?;
    play.expect("the account is good", answer.status == 200, format!("status {}", answer.status));
    let mut days = 89;
    play.attack("show it one that is 91 days ahead", || {
        days = 91;
        clock.show("+91d")
    })?;
    expect_refused(play, &present(site, &machine.assertion(play, now(play).saturating_add(days * DAY)))?);
    clock.stop()
}
