//! C-PRV-06: each decision names the policies that it was made by.

use crate::audit::clock::records;
use crate::site::{Site, Who, text};
use crate::{Control, Error, Play, Result};
use serde_json::Value;
use std::fs;

pub const CONTROL: Control = Control {
    id: "C-PRV-06",
    statement: "Policies are versioned by a digest, each decision on record names the digest of the set that made it, and \
                another set comes into force by two people alone, with both digests on record",
    test: "decide, put a prohibition in force by a proposal and another person's approval, decide again, change one \
           letter of a comment, go back to none, and open the site anew; try to approve as who proposed, by another \
           account of theirs, and as somebody without the role; compare each decision's digest with `policy list`",
    references: &["H 316(b)"],
    scenario,
};

/// What is decided by the shipped policies, whatever a site's own say: the way back.
const WAY_BACK: [&str; 4] = ["view-policy", "propose-policy", "approve-policy", "manage-accounts"];

const PROHIBITION: &str = "// A\n@id(\"control-tools-hidden\")\n@why(\"a made prohibition\")\n\
    forbid (principal, action == Action::\"view-tools\", resource);\n";

/// A decision as it lies in the ledger.
struct Decision {
    position: u64,
    action: String,
    allowed: bool,
    policy: String,
    because: String,
}

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    people(&site)?;
    let shipped = in_force(&site)?;
    expect_tools(play, &site, true)?;
    play.does("propose a prohibition");
    let first = propose(&site, "first", PROHIBITION)?;
    refused(play, &site, &first, &shipped)?;
    let before = end(&site)?;
    play.attack("have somebody else approve it", || by_another(&site, &first))?;
    let other = in_force(&site)?;
    play.expect(
        "another set is in force, under another digest",
        other != shipped,
        format!("{shipped}, {other}"),
    );
    expect_changed(play, &site, before, &shipped, &other)?;
    expect_tools(play, &site, false)?;
    play.does("open the site anew");
    site.lock()?;
    expect_tools(play, &site, false)?;
    play.does("propose the same with one letter of a comment changed");
    let second = propose(&site, "second-set", &PROHIBITION.replace("// A", "// B"))?;
    play.attack("have it approved", || by_another(&site, &second))?;
    let letter = in_force(&site)?;
    let new = ![&shipped, &other].contains(&&letter);
    play.expect("one letter makes another digest", new, format!("{other}, {letter}"));
    play.does("propose and approve to have none of the site's own");
    let third = propose(&site, "third-set", "")?;
    by_another(&site, &third)?;
    let last = in_force(&site)?;
    play.expect("the same set has the same digest", last == shipped, format!("{shipped}, {last}"));
    expect_tools(play, &site, true)?;
    every_decision(play, &site, &shipped)
}

/// Who approves, who may do next to nothing, another administrator, and the first one's other account.
fn people(site: &Site) -> Result<()> {
    for (name, more) in [
        ("second", &["--role", "pipeline-approver"][..]),
        ("third", &["--role", "platform-administrator"]),
        ("other-admin", &["--person", "admin"]),
        ("nobody", &[]),
    ] {
        site.invite(name, more)?;
    }
    // Nobody gives their own other account a role.
    let done = site.run_as("third", &["account", "grant", "other-admin", "--role", "pipeline-approver"])?;
    done.must("account grant")?;
    Ok(())
}

/// One person is not enough, whichever way.
fn refused(play: &mut Play, site: &Site, proposal: &str, shipped: &str) -> Result<()> {
    for (what, name) in [
        ("approve it as who proposed it", "admin"),
        ("approve it by another account of the same person", "other-admin"),
        ("approve it as somebody without a role", "nobody"),
    ] {
        let done = play.attack(what, || site.run_as(name, &["policy", "approve", proposal]))?;
        let now = in_force(site)?;
        let held = done.refused("ACCESS-002") && now == shipped;
        play.expect("it is denied, ACCESS-002, and the same set is in force", held, done.told());
    }
    let folder = site.beside("first");
    let words = ["policy", "propose", text(&folder)?];
    let done = play.attack("propose as who approves", || site.run_as("second", &words))?;
    play.expect("it is denied, ACCESS-002", done.refused("ACCESS-002"), done.told());
    Ok(())
}

/// Proposes a site's own policies, these or none; the proposal.
fn propose(site: &Site, name: &str, policies: &str) -> Result<String> {
    let folder = site.beside(name);
    fs::create_dir(&folder).map_err(Error::io(&folder))?;
    if !policies.is_empty() {
        let file = folder.join("control.cedar");
        fs::write(&file, policies).map_err(Error::io(&file))?;
    }
    let proposed = site.json(Who::Administrator, &["policy", "propose", text(&folder)?])?;
    let id = proposed.get("id").and_then(Value::as_str).map(str::to_owned);
    id.ok_or_else(|| Error::unplayable("no proposal was made"))
}

fn by_another(site: &Site, proposal: &str) -> Result<()> {
    site.run_as("second", &["policy", "approve", proposal])?.must("policy approve")
}

/// The digest that the site says is in force.
fn in_force(site: &Site) -> Result<String> {
    let listed = site.json(Who::Auditor, &["policy", "list"])?;
    Ok(listed.get("policy").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// Asks for what the prohibition is about. The answer and its record are of the set in force.
fn expect_tools(play: &mut Play, site: &Site, allowed: bool) -> Result<()> {
    let now = in_force(site)?;
    let done = site.run(Who::Analyst, &["tool", "list"])?;
    let (expected, as_it_says) = match allowed {
        true => ("the list of tools is shown, by the set in force", done.is_done()),
        false => ("the list of tools is denied, by the set in force", done.refused("ACCESS-002")),
    };
    let last = decisions(site)?.into_iter().rfind(|one| one.action == "view-tools");
    let last = last.ok_or_else(|| Error::unplayable("no decision is on record"))?;
    let own = last.because.contains("control-tools-hidden");
    let held = as_it_says && last.allowed == allowed && own != allowed && last.policy == now;
    play.expect(expected, held, format!("{}; on record {} by {}", done.told(), last.because, last.policy));
    Ok(())
}

/// The change itself is on record, with both digests.
fn expect_changed(play: &mut Play, site: &Site, since: u64, from: &str, to: &str) -> Result<()> {
    let changed = records(site.folder())?.into_iter().rfind(|leaf| {
        leaf.pointer("/event/event") == Some(&"policy-changed".into())
            && leaf.get("position").and_then(Value::as_u64) >= Some(since)
    });
    let event = changed.and_then(|leaf| leaf.get("event").cloned()).unwrap_or_default().to_string();
    let held = event.contains(from) && event.contains(to) && from != to;
    play.expect("the change is on record with both digests", held, event);
    Ok(())
}

/// Every decision names the set that was in force where it stands.
fn every_decision(play: &mut Play, site: &Site, shipped: &str) -> Result<()> {
    let mut decisions = decisions(site)?;
    play.spoil("one decision names another digest", || {
        if let Some(one) = decisions.iter_mut().rfind(|one| one.action == "view-tools") {
            one.policy = "00".repeat(32);
        }
        Ok(())
    })?;
    let mut changes = changes(site)?.into_iter().peekable();
    let (mut now, mut wrong) = (shipped.to_owned(), 0_usize);
    for one in &decisions {
        while let Some((_, to)) = changes.next_if(|(at, _)| *at < one.position) {
            now = to;
        }
        let expected = if WAY_BACK.contains(&one.action.as_str()) { shipped } else { &now };
        wrong += usize::from(one.policy != expected);
    }
    let saw = format!("{wrong} of {} decisions name another", decisions.len());
    play.expect("each decision on record names the set in force", wrong == 0 && !decisions.is_empty(), saw);
    Ok(())
}

fn end(site: &Site) -> Result<u64> {
    let positions = records(site.folder())?;
    Ok(positions.iter().filter_map(|leaf| leaf.get("position")?.as_u64()).max().unwrap_or_default())
}

/// Where another set came into force, and its digest.
fn changes(site: &Site) -> Result<Vec<(u64, String)>> {
    let mut found = Vec::new();
    for leaf in records(site.folder())? {
        if leaf.pointer("/event/event") == Some(&"policy-changed".into()) {
            let to = leaf.pointer("/event/to").and_then(Value::as_str);
            found.extend(leaf.get("position").and_then(Value::as_u64).zip(to.map(str::to_owned)));
        }
    }
    found.sort();
    Ok(found)
}

fn decisions(site: &Site) -> Result<Vec<Decision>> {
    let mut found = Vec::new();
    for leaf in records(site.folder())? {
        let event = leaf.get("event").cloned().unwrap_or_default();
        if event.get("event") != Some(&"decision".into()) {
            continue;
        }
        let word = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        found.push(Decision {
            position: leaf.get("position").and_then(Value::as_u64).unwrap_or_default(),
            action: word("action"),
            allowed: event.get("allowed") == Some(&true.into()),
            policy: word("policy"),
            because: event.get("policies").map(Value::to_string).unwrap_or_default(),
        });
    }
    found.sort_by_key(|one| one.position);
    Ok(found)
}
