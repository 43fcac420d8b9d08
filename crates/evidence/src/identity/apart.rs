//! C-IDN-05: to view, run, download, approve and administer are separate rights.

use super::RECIPIENT;
use crate::audit::clock::records;
use crate::site::{Package, Site, Who};
use crate::{Control, Play, Result};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub const CONTROL: Control = Control {
    id: "C-IDN-05",
    statement: "To view, to run, to download, to approve and to administer are separate rights: no role has two of results \
                and runs, downloads, approvals, administration; nobody gives themselves another role, or approves what they \
                asked for",
    test: "as somebody of each role, and of none, try each act, and compare the decisions on record with the scenario's \
           own matrix; give oneself a role, one's other account too, and approve one's own proposal",
    references: &["53 AC-5", "H 308(a)(4)"],
    scenario,
};

/// Who holds which role, and what that lets them do of [`acts`]; all else is denied.
const MAY: &[(&str, &str, &[&str])] = &[
    ("nobody", "no role", &[]),
    ("viewer", "viewer", &["view-samples", "view-variants", "view-run"]),
    ("analyst", "analyst", &["view-samples", "view-variants", "view-run", "ingest", "start-run"]),
    ("exporter", "data-exporter", &["view-samples", "download-object"]),
    ("steward", "data-steward", &["view-samples", "set-hold"]),
    ("manager", "project-administrator", &["administer-project"]),
    ("observer", "support-observer", &["view-run"]),
    ("broker", "honest-broker", &["re-identify"]),
    ("emergency", "emergency", &[]),
    ("auditor", "auditor", &["search-audit-site"]),
    ("approver", "pipeline-approver", &["approve-policy"]),
    (
        "admin",
        "platform-administrator",
        &["propose-policy", "manage-accounts", "manage-keys", "name-administrator"],
    ),
];

/// Of these, each role has those of one line at most.
const APART: [&[&str]; 5] = [
    &["view-variants", "start-run"],
    &["re-identify"],
    &["download-object"],
    &["approve-policy"],
    &["administer-project", "propose-policy", "manage-accounts", "manage-keys", "name-administrator"],
];

/// One act, by the action that decides it.
struct Act {
    action: &'static str,
    method: &'static str,
    path: String,
    body: Value,
}

/// A decision on record: its action, and whether it was allowed.
type Decided = (String, bool);

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let package = site.package(&project, 85)?;
    site.invite("nobody", &[])?;
    site.invite("approver", &["--role", "pipeline-approver"])?;
    for (name, role) in [
        ("viewer", "viewer"),
        ("observer", "support-observer"),
        ("broker", "honest-broker"),
        ("emergency", "emergency"),
    ] {
        site.invite(name, &[])?;
        site.json(Who::Manager, &["member", "add", &project, name, "--role", role])?;
    }
    let proposal = propose(&site)?;
    let acts = acts(&project, &package, &proposal);
    let mut held = Vec::new();
    for (name, role, may) in MAY {
        let decided = each(play, &site, &acts, name, role, may)?;
        held.push((*role, decided));
    }
    apart(play, held)?;
    oneself(play, &site, &project)
}

fn propose(site: &Site) -> Result<String> {
    let body = json!({"files": {}}).to_string();
    let answer = site.answer(&site.session(Who::Administrator)?, "POST", "/v1/policies", &body)?;
    let proposal: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let id = proposal.get("id").and_then(Value::as_str).map(str::to_owned);
    id.ok_or_else(|| crate::Error::unplayable("no proposal was made"))
}

fn acts(project: &str, package: &Package, proposal: &str) -> Vec<Act> {
    let (sample, object) = (&package.sample, package.objects.first().cloned().unwrap_or_default());
    let act = |action, method, path: String, body| Act { action, method, path, body };
    let reason = || json!({"reason": "control"});
    let run = json!({"workflow": "germline", "reference": "ref_00000000000000000000"});
    let member = json!({"account": "nobody", "role": "viewer"});
    let named = json!({"project": project, "account": "nobody"});
    let release = json!({"recipient": RECIPIENT, "reason": "control"});
    vec![
        act("view-samples", "GET", format!("/v1/samples/{sample}"), Value::Null),
        act("view-variants", "POST", format!("/v1/samples/{sample}/variants"), json!({})),
        act("view-run", "GET", format!("/v1/projects/{project}/runs"), Value::Null),
        act(
            "ingest",
            "POST",
            format!("/v1/projects/{project}/packages"),
            json!({"sheet": "", "manifest": ""}),
        ),
        act("start-run", "POST", format!("/v1/samples/{sample}/runs"), run),
        act("download-object", "POST", format!("/v1/objects/{object}/release"), release),
        act("set-hold", "POST", format!("/v1/objects/{object}/hold"), reason()),
        act("re-identify", "POST", format!("/v1/subjects/{}/identity", package.subject), reason()),
        act("administer-project", "POST", format!("/v1/projects/{project}/members"), member),
        act("search-audit-site", "GET", "/v1/audit".to_owned(), Value::Null),
        act("approve-policy", "POST", format!("/v1/policies/{proposal}/approve"), Value::Null),
        act("propose-policy", "POST", "/v1/policies".to_owned(), json!({"files": {}})),
        act("manage-accounts", "GET", "/v1/accounts".to_owned(), Value::Null),
        act("manage-keys", "POST", "/v1/keys/rotate".to_owned(), json!({"scope": "site", "begin": true})),
        act("name-administrator", "POST", "/v1/administrators".to_owned(), named),
    ]
}

/// One role tries everything: what it is for, and the rest.
fn each(
    play: &mut Play,
    site: &Site,
    acts: &[Act],
    name: &str,
    role: &str,
    may: &[&str],
) -> Result<Vec<Decided>> {
    let token = site.session_in(&format!("{name}.session"))?;
    let before = last(site)?;
    let (own, others): (Vec<&Act>, Vec<&Act>) = acts.iter().partition(|act| may.contains(&act.action));
    let ask = |acts: &[&Act]| -> Result<Vec<u16>> {
        let body = |act: &Act| if act.body.is_null() { String::new() } else { act.body.to_string() };
        acts.iter().map(|act| site.ask(&token, act.method, &act.path, &body(act))).collect()
    };
    let refused = play
        .attack(&format!("as {role}, try the {} acts that are not for it", others.len()), || ask(&others))?;
    let mut decided = decisions(site, before, &token_account(site, name)?)?;
    let denied: Vec<&str> = decided.iter().map(|(action, _)| action.as_str()).collect();
    let expected: Vec<&str> = others.iter().map(|act| act.action).collect();
    let all = denied == expected && decided.iter().all(|(_, allowed)| !allowed);
    let statuses = refused.iter().all(|status| matches!(status, 403 | 404));
    let saw = format!("{} denied on record, statuses {:?}", denied.len(), BTreeSet::from_iter(&refused));
    play.expect("each is denied, and on record as that", all && statuses, saw);
    let before = last(site)?;
    let statuses = ask(&own)?;
    let allowed = decisions(site, before, &token_account(site, name)?)?;
    let as_meant = allowed.iter().map(|(action, _)| action.as_str()).eq(own.iter().map(|act| act.action))
        && allowed.iter().all(|(_, allowed)| *allowed);
    if !own.is_empty() {
        let saw = format!("{} allowed on record, statuses {statuses:?}", allowed.len());
        play.expect(&format!("{} are for it", may.join(", ")), as_meant, saw);
    }
    decided.extend(allowed);
    Ok(decided)
}

/// No role has two of what is to be apart.
fn apart(play: &mut Play, mut held: Vec<(&str, Vec<Decided>)>) -> Result<()> {
    play.does("read from the record what each role was allowed");
    play.spoil("an analyst is allowed to download, in what is read", || {
        held.iter_mut().filter(|(role, _)| *role == "analyst").for_each(|(_, decided)| {
            decided.push(("download-object".to_owned(), true));
        });
        Ok(())
    })?;
    let several = held.iter().filter(|(_, decided)| {
        let has = |action: &&str| decided.iter().any(|(one, allowed)| one == action && *allowed);
        APART.iter().filter(|kind| kind.iter().any(&has)).count() > 1
    });
    let several: Vec<&str> = several.map(|(role, _)| *role).collect();
    let saw = format!("{} roles, {several:?} have two", held.len());
    play.expect(
        "none has two of results and runs, downloads, approvals, administration",
        several.is_empty(),
        saw,
    );
    Ok(())
}

/// Nobody raises themselves, nor approves their own.
fn oneself(play: &mut Play, site: &Site, project: &str) -> Result<()> {
    site.invite("other-admin", &["--person", "admin"])?;
    for (what, who, words) in [
        (
            "as project administrator, make oneself a data exporter",
            Who::Manager,
            vec!["member", "add", project, "manager", "--role", "data-exporter"],
        ),
        (
            "as platform administrator, make oneself an approver",
            Who::Administrator,
            vec!["account", "grant", "admin", "--role", "pipeline-approver"],
        ),
        (
            "as platform administrator, propose oneself as a project's administrator",
            Who::Administrator,
            vec!["administrator", "propose", project, "admin"],
        ),
        (
            "make one's other account an approver",
            Who::Administrator,
            vec!["account", "grant", "other-admin", "--role", "pipeline-approver"],
        ),
    ] {
        let done = play.attack(what, || site.run(who, &words))?;
        play.expect("it is denied, ACCESS-002", done.refused("ACCESS-002"), done.told());
    }
    site.invite("second-admin", &["--role", "platform-administrator"])?;
    site.run_as("second-admin", &["account", "grant", "admin", "--role", "pipeline-approver"])?
        .must("account grant")?;
    let proposal = propose(site)?;
    let what = "propose policies and approve them, with both roles in one hand";
    let done = play.attack(what, || site.run(Who::Administrator, &["policy", "approve", &proposal]))?;
    play.expect("it is denied, ACCESS-002", done.refused("ACCESS-002"), done.told());
    Ok(())
}

fn token_account(site: &Site, name: &str) -> Result<String> {
    let me = site.answer(&site.session_in(&format!("{name}.session"))?, "GET", "/v1/me", "")?;
    let me: Value = serde_json::from_str(&me.body).unwrap_or_default();
    Ok(me
        .get("id")
        .or_else(|| me.pointer("/account/id"))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned())
}

fn last(site: &Site) -> Result<u64> {
    let all = records(site.folder())?;
    Ok(all.iter().filter_map(|leaf| leaf.get("position")?.as_u64()).max().unwrap_or_default())
}

/// What was decided for an account after this position.
fn decisions(site: &Site, after: u64, account: &str) -> Result<Vec<Decided>> {
    let mut found = Vec::new();
    for leaf in records(site.folder())? {
        let position = leaf.get("position").and_then(Value::as_u64).unwrap_or_default();
        let word =
            |name: &str| leaf.pointer(&format!("/event/{name}")).and_then(Value::as_str).unwrap_or_default();
        if position > after && word("event") == "decision" && word("actor") == account {
            let allowed = leaf.pointer("/event/allowed") == Some(&true.into());
            found.push((position, (word("action").to_owned(), allowed)));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, decided)| decided).collect())
}
