//! C-IDN-01: one person, one account, and none given twice.

use crate::site::{Site, Who};
use crate::{Control, Play, Result};
use serde_json::Value;
use std::collections::BTreeSet;

pub const CONTROL: Control = Control {
    id: "C-IDN-01",
    statement: "Each account has a name and an id of its own, and neither is given again, also after it was closed; a \
                closed account is nobody's, and reopened it is the same one without any role",
    test: "make an account under a name that is taken, that is written otherwise, and that a closed account has; use the \
           session of a closed account, give it a role and a token; reopen it, and compare ids and roles",
    references: &["H 312(a)(2)(i)", "SA 3.2.01"],
    scenario,
};

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let id = site.invite("leaver", &["--role", "auditor"])?;
    site.json(Who::Manager, &["member", "add", &project, "leaver", "--role", "viewer"])?;
    play.does("make an account with a role on the site and one in a project");
    expect_ids(play, &site)?;
    taken(play, &site, "make an account under a name that is taken")?;
    for name in ["Leaver", "leaver ", "le\u{430}ver", ""] {
        let what = format!("make an account named `{name}`");
        let done = play.attack(&what, || site.run(Who::Administrator, &["account", "create", name]))?;
        play.expect("it is refused, ACCESS-009", done.refused("ACCESS-009"), done.told());
    }
    closed(play, &site, &project)?;
    taken(play, &site, "make an account under the name of the closed one")?;
    reopened(play, &site, &project, &id)
}

fn taken(play: &mut Play, site: &Site, what: &str) -> Result<()> {
    let done = play.attack(what, || site.run(Who::Administrator, &["account", "create", "leaver"]))?;
    play.expect("it is refused, ACCESS-008", done.refused("ACCESS-008"), done.told());
    Ok(())
}

/// Nothing comes of a closed account.
fn closed(play: &mut Play, site: &Site, project: &str) -> Result<()> {
    let token = site.session_in("leaver.session")?;
    play.attack("close the account", || {
        site.json(Who::Administrator, &["account", "close", "leaver"]).map(drop)
    })?;
    let status = site.ask(&token, "GET", "/v1/me", "")?;
    play.expect("its session has ended", status == 401, format!("status {status}"));
    let words = ["member", "add", project, "leaver", "--role", "viewer"];
    let done = play.attack("give the closed account a role", || site.run(Who::Manager, &words))?;
    play.expect("it is refused, ACCESS-018", done.refused("ACCESS-018"), done.told());
    let done = play.attack("make a one-time token for it", || {
        site.run(Who::Administrator, &["account", "token", "leaver"])
    })?;
    play.expect("it is refused, ACCESS-018", done.refused("ACCESS-018"), done.told());
    Ok(())
}

/// Opened again it is the same one, and has nothing.
fn reopened(play: &mut Play, site: &Site, project: &str, id: &str) -> Result<()> {
    play.does("open it again");
    if play.is_spoiled() {
        // It was never closed there.
        site.json(Who::Administrator, &["account", "close", "leaver"])?;
    }
    let opened = site.json(Who::Administrator, &["account", "reopen", "leaver"])?;
    site.sign_in_as("leaver-again", &opened)?;
    play.spoil("it is given a role", || {
        let words = ["member", "add", project, "leaver", "--role", "viewer"];
        site.json(Who::Manager, &words).map(drop)
    })?;
    let token = site.session_in("leaver-again.session")?;
    let me: Value = serde_json::from_str(&site.answer(&token, "GET", "/v1/me", "")?.body).unwrap_or_default();
    let own = me.pointer("/account/id").and_then(Value::as_str).unwrap_or_default();
    play.expect("it has the id that it had", own == id, own);
    let seen = site.ask(&token, "GET", &format!("/v1/projects/{project}/samples"), "")?;
    let audit = site.ask(&token, "GET", "/v1/audit", "")?;
    let none = matches!((seen, audit), (403 | 404, 403 | 404));
    play.expect("and no role, in the project or on the site", none, format!("statuses {seen} and {audit}"));
    expect_ids(play, site)
}

/// Names and ids of all accounts, each once.
fn expect_ids(play: &mut Play, site: &Site) -> Result<()> {
    let listed = site.json(Who::Administrator, &["account", "list"])?;
    let accounts = listed.as_array().cloned().unwrap_or_default();
    let each = |field: &str| -> BTreeSet<String> {
        let of = |one: &Value| one.get(field).or_else(|| one.pointer(&format!("/account/{field}"))).cloned();
        accounts.iter().filter_map(of).map(|word| word.to_string()).collect()
    };
    let (ids, names) = (each("id").len(), each("name").len());
    let saw = format!("{} accounts, {ids} ids, {names} names", accounts.len());
    play.expect(
        "each account has an id and a name of its own",
        ids == accounts.len() && names == ids && ids > 5,
        saw,
    );
    Ok(())
}
