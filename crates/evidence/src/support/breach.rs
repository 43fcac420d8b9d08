//! C-SUP-05: after a breach, whose data it was, which things, who got them and when, from the ledger alone.

use crate::site::{Package, Site, Who, text};
use crate::{Control, Error, Play, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-SUP-05",
    statement: "Whose data an incident touched, which things, who got them, when, and what left the site, stand in a folder that one \
                command writes within ten minutes, from the ledger alone and complete by proof; it names nobody else",
    test: "misuse an account: look at the sample of one person, have an object of another released, list the project; have \
           somebody else look at a third person meanwhile; ask for the incident",
    references: &["G 33", "H 308(a)(6)"],
    scenario,
};

/// Whose reads they are.
const SEEDS: [u32; 3] = [7801, 7802, 7803];
/// How long the folder may take.
const MOST: Duration = Duration::from_secs(600);

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let packages: Vec<Package> =
        SEEDS.iter().map(|seed| site.package(&project, *seed)).collect::<Result<_>>()?;
    let [seen, taken, other] = packages.as_slice() else { return Err(Error::unplayable("no reads came in")) };
    let object = taken.objects.first().ok_or_else(|| Error::unplayable("no object came in"))?;
    let account = site.json(Who::Exporter, &["whoami"])?;
    let id = ["/account/id", "/id", "/account"].iter().find_map(|at| account.pointer(at)?.as_str());
    let thief = id.ok_or_else(|| Error::unplayable("no account acts"))?.to_owned();

    site.recipient(&[9; 32])?;
    // What the account did before is another matter.
    let since = play.clock().now().to_string();
    play.attack("misuse the account of an exporter", || {
        let (to, out) = (site.beside("recipient.pub"), site.beside("loot.c4gh"));
        let why = "for a paper";
        site.json(Who::Exporter, &["sample", "show", &seen.sample])?;
        site.json(
            Who::Exporter,
            &["object", "get", object, "--reason", why, "--to", text(&to)?, "--out", text(&out)?],
        )?;
        site.json(Who::Exporter, &["sample", "list", &project]).map(drop)
    })?;
    site.json(Who::Analyst, &["sample", "show", &other.sample])?;

    let folder = site.beside("breach");
    let began = play.time();
    let words = ["audit", "incident", "--actor", &thief, "--since", &since, "--out", text(&folder)?];
    let head = site.json(Who::Auditor, &words)?;
    let took = play.time().saturating_sub(began);
    let wrote =
        ["incident.md", "incident.jsonl"].map(|name| fs::metadata(folder.join(name)).map_or(0, |m| m.len()));
    let saw = format!("{} ms; {} and {} bytes", took.as_millis(), wrote[0], wrote[1]);
    play.expect("the folder is written within ten minutes", took < MOST && !wrote.contains(&0), saw);
    judge(play, &head, [seen, taken], &thief, &project);
    held_back(play, &site, &folder, &packages)
}

/// What was opened, by whom and when, is all there and nothing else.
fn judge(play: &mut Play, head: &Value, touched: [&Package; 2], thief: &str, project: &str) {
    let incident = head.get("incident").unwrap_or(&Value::Null);
    let ids = |list: &str, key: &str| -> BTreeSet<String> {
        let all = incident.get(list).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(|one| one.get(key)?.as_str()).map(str::to_owned).collect()
    };
    let people = ids("people", "id");
    let expected: BTreeSet<String> = touched.iter().map(|one| one.subject.clone()).collect();
    let told = format!("{} people", people.len());
    play.expect("it names the two people whose data was opened, and nobody else", people == expected, told);
    let left: Vec<&str> = incident
        .get("people")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|one| one.get("left").and_then(Value::as_str) == Some("yes"))
        .filter_map(|one| one.get("id")?.as_str())
        .collect();
    let [_, taken] = touched;
    let things = ids("things", "id");
    let is_told =
        left == [taken.subject.as_str()] && taken.objects.first().is_some_and(|id| things.contains(id));
    play.expect(
        "it says whose data left the site, in which object",
        is_told,
        format!("{} of them", left.len()),
    );
    let who = ids("accounts", "actor");
    let bytes = incident.get("released").and_then(Value::as_u64).unwrap_or_default();
    let is_told = who == BTreeSet::from([thief.to_owned()]) && bytes > 0;
    play.expect(
        "it says who got it, and how much",
        is_told,
        format!("{} accounts, {bytes} bytes", who.len()),
    );
    let lists = incident.get("lists").and_then(Value::as_array).and_then(|all| all.first());
    let listed = lists.and_then(|one| one.get("people")).and_then(Value::as_array).map_or(0, Vec::len);
    let is_told = ids("lists", "project") == BTreeSet::from([project.to_owned()]) && listed == SEEDS.len();
    play.expect(
        "it says that the project was listed, and who stood in it",
        is_told,
        format!("{listed} people"),
    );
    let times = ["first", "last"].iter().all(|time| {
        let all = incident.get("people").and_then(Value::as_array).into_iter().flatten();
        let mut all = all.map(|one| one.get(time).and_then(Value::as_str)).peekable();
        all.peek().is_some() && all.all(|time| time.is_some_and(|time| time.ends_with('Z')))
    });
    let complete = head.get("complete").and_then(Value::as_bool) == Some(true);
    play.expect(
        "it says when, and that it is complete by proof",
        times && complete,
        format!("complete: {complete}"),
    );
}

/// Nothing in the folder says who the people are.
fn held_back(play: &mut Play, site: &Site, folder: &std::path::Path, packages: &[Package]) -> Result<()> {
    let mut hits = 0;
    play.spoil("a label of a sample is written into the folder", || {
        let shown =
            site.json(Who::Analyst, &["sample", "show", packages.first().map_or("", |one| &one.sample)])?;
        let label = shown.get("label").and_then(Value::as_str).unwrap_or_default();
        crate::site::change(&folder.join("incident.md"), |bytes| bytes.extend(label.bytes()))
    })?;
    for package in packages {
        let shown = site.json(Who::Analyst, &["sample", "show", &package.sample])?;
        let label = shown.get("label").and_then(Value::as_str).unwrap_or_default().to_owned();
        for name in ["incident.md", "incident.jsonl"] {
            let path = folder.join(name);
            let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
            hits += usize::from(label.is_empty() || text.contains(&label));
        }
    }
    play.expect("no label of a sample stands in the folder", hits == 0, format!("{hits} hits"));
    Ok(())
}
