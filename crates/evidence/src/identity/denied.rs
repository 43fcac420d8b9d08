//! C-IDN-02: what nothing allows is denied.

use super::RECIPIENT;
use crate::audit::routes::{Route, Things, catalogue};
use crate::site::{Done, Package, Site, Who, change, text};
use crate::{Control, Error, Play, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

pub const CONTROL: Control = Control {
    id: "C-IDN-02",
    statement: "What nothing allows is denied: to somebody without a role, about a thing that is not known, when a fact is \
                missing, when a policy cannot be evaluated; policies that cannot be used come into force for nobody",
    test: "ask every route as somebody without a role, and with ids that were never given as an analyst; \
           leave out the reason of a download; propose policies that do not parse, name unknown actions or facts, or \
           hide a letter; put one in force that fails as it is evaluated, and one that permits everything; change the \
           stored policies, with all of the database, by a bit",
    references: &["53 AC-3", "53 AC-6", "AS V16.5.3"],
    scenario,
};

/// What every account may do.
const EVERYBODY: [&str; 4] = ["list-own-projects", "view-datasets", "view-tools", "view-references"];

/// Policies that cannot be a site's own, and the code of their refusal.
const UNUSABLE: [(&str, &str, &str); 6] = [
    ("does not parse", "POLICY-003", "@id(\"made\") @why(\"made\") permit (principal, action, resource"),
    ("has no id", "POLICY-004", "permit (principal, action, resource);"),
    (
        "has a shipped one's id",
        "POLICY-004",
        "@id(\"viewer-views\") @why(\"made\") permit (principal, action, resource);",
    ),
    (
        "names an unknown action",
        "POLICY-005",
        "@id(\"made\") @why(\"made\") permit (principal, action == Action::\"anything\", resource);",
    ),
    (
        "asks for an unknown fact",
        "POLICY-005",
        "@id(\"made\") @why(\"made\") permit (principal, action, resource) when { principal.level > 3 };",
    ),
    (
        "hides a letter",
        "ACCESS-024",
        "@id(\"made\") @why(\"m\u{430}de\") permit (principal, action, resource);",
    ),
];

/// The sum is too large on every day of the week: Cedar cannot evaluate it, and would skip it.
const FAILING: &str = "@id(\"made-to-fail\") @why(\"made\") permit (principal, action, resource) \
    when { 9223372036854775807 + context.weekday > 0 };";
const EVERYTHING: &str = "@id(\"made-to-permit\") @why(\"made\") permit (principal, action, resource);";

/// Bytes of a page of the database.
const PAGE: usize = 4096;

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let package = site.package(&project, 87)?;
    site.invite("stranger", &[])?;
    site.invite("passer-by", &[])?;
    site.invite("approver", &["--role", "pipeline-approver"])?;
    let things = things(&project, &package);
    without_a_role(play, &site, &things)?;
    unknown(play, &site, &things)?;
    without_a_reason(play, &site, &things.object)?;
    unusable(play, &site)?;
    failing(play, &site, &package.sample)?;
    everything(play, &site, &package.sample)?;
    by_hand(play, &site, &package.sample)
}

fn things(project: &str, package: &Package) -> Things {
    let none = |kind: &str| format!("{kind}_{}", "0".repeat(20));
    Things {
        project: project.to_owned(),
        sample: package.sample.clone(),
        subject: package.subject.clone(),
        object: package.objects.first().cloned().unwrap_or_default(),
        run: none("run"),
        reference: none("ref"),
        backup: "/absent".to_owned(),
        recovery: String::new(),
        recipient: String::new(),
    }
}

/// The routes that were answered well, of those that a policy decides.
fn answered(site: &Site, token: &str, routes: &[&Route], things: &Things) -> Result<Vec<String>> {
    let mut well = Vec::new();
    for route in routes {
        let status = site.ask(token, &route.method, &things.fill(&route.path), &things.body(&route.name))?;
        well.extend((status < 400).then(|| route.name.clone()));
    }
    Ok(well)
}

fn without_a_role(play: &mut Play, site: &Site, things: &Things) -> Result<()> {
    play.does("ask every route as somebody without a role");
    play.spoil("they are given one", || {
        let words = ["member", "add", &things.project, "stranger", "--role", "viewer"];
        site.json(Who::Manager, &words).map(drop)
    })?;
    let all = catalogue(site)?;
    let decided = |route: &&Route| route.action.as_deref().is_some_and(|action| !EVERYBODY.contains(&action));
    let routes: Vec<&Route> = all.routes.iter().filter(decided).collect();
    let well = answered(site, &site.session_in("stranger.session")?, &routes, things)?;
    let saw = format!("{} routes, answered: {well:?}", routes.len());
    play.expect("each is refused", well.is_empty() && routes.len() > 40, saw);
    Ok(())
}

fn unknown(play: &mut Play, site: &Site, things: &Things) -> Result<()> {
    play.does("ask every route that names a sample or an object by ids that were never given, as an analyst");
    let none = |kind: &str| format!("{kind}_{}", "0".repeat(20));
    let mut absent =
        Things { sample: none("smp"), subject: none("sub"), object: none("obj"), ..things.clone() };
    play.spoil("the sample is one that is there", || {
        absent.sample.clone_from(&things.sample);
        Ok(())
    })?;
    let all = catalogue(site)?;
    let of_things = |route: &&Route| {
        ["{sample}", "{subject}", "{object}", "{thing}", "{run}", "{about}"]
            .iter()
            .any(|name| route.path.contains(name))
    };
    let routes: Vec<&Route> = all.routes.iter().filter(of_things).collect();
    let well = answered(site, &site.session(Who::Analyst)?, &routes, &absent)?;
    let saw = format!("{} routes, answered: {well:?}", routes.len());
    play.expect("each is refused", well.is_empty() && routes.len() > 10, saw);
    Ok(())
}

fn without_a_reason(play: &mut Play, site: &Site, object: &str) -> Result<()> {
    let path = format!("/v1/objects/{object}/release");
    let token = site.session(Who::Exporter)?;
    for (what, body) in [
        ("download without a reason", json!({"recipient": RECIPIENT})),
        ("download with blanks as the reason", json!({"recipient": RECIPIENT, "reason": "  "})),
    ] {
        let answer = play.attack(what, || site.answer(&token, "POST", &path, &body.to_string()))?;
        let refused = (400..500).contains(&answer.status);
        play.expect("it is refused", refused, format!("status {}: {}", answer.status, answer.body));
    }
    play.does("download with a reason");
    let body = json!({"recipient": RECIPIENT, "reason": "control"}).to_string();
    let status = site.ask(&token, "POST", &path, &body)?;
    play.expect("it is released", status == 200, format!("status {status}"));
    Ok(())
}

fn unusable(play: &mut Play, site: &Site) -> Result<()> {
    for (at, (what, code, policy)) in UNUSABLE.iter().enumerate() {
        let folder = folder(site, &format!("unusable-{at}"), policy)?;
        let propose = ["policy", "propose", text(&folder)?];
        let done: Done =
            play.attack(&format!("propose a policy that {what}"), || site.run(Who::Administrator, &propose))?;
        play.expect(&format!("the proposal is refused, {code}"), done.refused(code), done.told());
    }
    Ok(())
}

/// A policy that cannot be evaluated: denied, also what another one permits; and the way back is open.
fn failing(play: &mut Play, site: &Site, sample: &str) -> Result<()> {
    expect_shown(play, site, sample)?;
    play.attack("put a policy in force, by two people, that fails as it is evaluated", || {
        in_force(site, "failing", FAILING)
    })?;
    let done = site.run(Who::Analyst, &["sample", "show", sample])?;
    play.expect("what another policy permits is denied", done.refused("ACCESS-002"), done.told());
    play.does("put the site's own policies out of force, by two people");
    in_force(site, "none-after-failing", "")?;
    expect_shown(play, site, sample)
}

/// A permission for everybody and everything: data still takes a role in its project.
fn everything(play: &mut Play, site: &Site, sample: &str) -> Result<()> {
    play.does("put a policy in force, by two people, that permits everything to everybody");
    in_force(site, "everything", EVERYTHING)?;
    let done = play.attack("ask for a sample as somebody without a role", || {
        site.run_as("passer-by", &["sample", "show", sample])
    })?;
    play.expect("it is denied", done.refused("ACCESS-00"), done.told());
    in_force(site, "none-after-everything", "")
}

/// Policies are part of the program and of the encrypted database: whoever changes that by hand has no site.
fn by_hand(play: &mut Play, site: &Site, sample: &str) -> Result<()> {
    site.lock()?;
    let database = site.folder().join("metadata.db");
    let kept = fs::read(&database).map_err(Error::io(&database))?;
    let done = play.attack(
        "change a bit of every page of the database but the first, where a site's own policies lie",
        || {
            change(&database, |bytes| bytes.chunks_mut(PAGE).skip(1).for_each(flip))?;
            site.run(Who::Administrator, &["whoami"])
        },
    )?;
    play.expect("the site does not open", done.exit > 0 && !site.is_held()?, done.told());
    play.does("put it back");
    change(&database, |bytes| *bytes = kept)?;
    expect_shown(play, site, sample)
}

fn flip(page: &mut [u8]) {
    let middle = page.len() / 2;
    if let Some(byte) = page.get_mut(middle) {
        *byte ^= 1;
    }
}

fn expect_shown(play: &mut Play, site: &Site, sample: &str) -> Result<()> {
    let done = site.run(Who::Analyst, &["sample", "show", sample])?;
    play.expect("an analyst sees the sample", done.is_done(), done.told());
    Ok(())
}

/// Proposes these policies, or none, and has somebody else approve them.
fn in_force(site: &Site, name: &str, policies: &str) -> Result<()> {
    let folder = folder(site, name, policies)?;
    let proposed = site.json(Who::Administrator, &["policy", "propose", text(&folder)?])?;
    let id = proposed.get("id").and_then(Value::as_str).unwrap_or_default();
    site.run_as("approver", &["policy", "approve", id])?.must("policy approve")
}

/// A folder of policies beside the site.
fn folder(site: &Site, name: &str, policies: &str) -> Result<PathBuf> {
    let folder = site.beside(name);
    fs::create_dir(&folder).map_err(Error::io(&folder))?;
    if !policies.is_empty() {
        let file = folder.join("made.cedar");
        fs::write(&file, policies).map_err(Error::io(&file))?;
    }
    Ok(folder)
}
