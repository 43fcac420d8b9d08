//! C-IDN-03: data is used for what its terms allow.

use crate::site::{Site, Who};
use crate::{Control, Error, Play, Result};
use serde_json::Value;

pub const CONTROL: Control = Control {
    id: "C-IDN-03",
    statement: "Each request that opens data is judged by the data-use terms that the data came under: what they forbid is refused, \
                what they leave to a person waits for a data steward's approval, and the reasons are told in words",
    test: "make projects with terms and uses of a table and compare the answers with the table; take reads into a project whose terms \
           leave its use to a person, ask for them, have a steward approve, and ask again; the same where terms forbid the use",
    references: &["G 5(1)(b)", "NIH GDS"],
    scenario,
};

/// Terms, a purpose with what is stated beside it, and the answer: worked out by hand from the definitions of DUO.
const TABLE: &[(&str, &str, &str)] = &[
    ("DUO:0000004", "care", "approve"),
    ("DUO:0000004", "methods", "approve"),
    ("DUO:0000042", "research", "approve"),
    ("DUO:0000042", "methods", "approve"),
    ("DUO:0000042", "care", "deny"),
    ("DUO:0000042 DUO:0000043", "care", "approve"),
    ("DUO:0000042", "teaching", "needs-person"),
    ("DUO:0000006", "research", "needs-person"),
    ("DUO:0000006", "research health", "approve"),
    ("DUO:0000006", "research ancestry", "deny"),
    ("DUO:0000007=MONDO:0005148", "research disease=MONDO:0005148", "approve"),
    ("DUO:0000007=MONDO:0005148", "research", "needs-person"),
    ("DUO:0000007=MONDO:0005148", "research disease=MONDO:0007254", "needs-person"),
    ("DUO:0000042 DUO:0000015", "methods", "deny"),
    ("DUO:0000042 DUO:0000046", "research commercial", "deny"),
    ("DUO:0000042 DUO:0000046", "research non-commercial", "approve"),
    ("DUO:0000042 DUO:0000046", "research", "needs-person"),
    ("DUO:0000042 DUO:0000045", "research for-profit", "deny"),
    ("DUO:0000042 DUO:0000021", "research", "needs-person"),
    ("DUO:0000042 DUO:0000021", "research ethics", "approve"),
    ("DUO:0000042 DUO:0000022=EU", "research country=DE", "approve"),
    ("DUO:0000042 DUO:0000022=EU", "research country=US", "deny"),
    ("DUO:0000042 DUO:0000025=2020-01-01", "research", "deny"),
    ("DUO:0000042 DUO:0000025=2999-01-01", "research", "approve"),
    ("DUO:0000020", "research", "needs-person"),
];

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    play.does("make a project for each line of the table, and ask what its terms say");
    let mut wrong = Vec::new();
    for (terms, used, expected) in TABLE {
        let answer = answer(&site, &project(&site, terms, used)?)?;
        if answer != *expected {
            wrong.push(format!("{terms}, {used}: {answer} instead of {expected}"));
        }
    }
    let told = wrong.first().cloned().unwrap_or_else(|| format!("{} lines", TABLE.len()));
    play.expect("each answer is the table's", wrong.is_empty(), told);
    left_to_a_person(play, &site)?;
    forbidden(play, &site)
}

/// Makes a project; gives its id.
fn project(site: &Site, terms: &str, used: &str) -> Result<String> {
    let (purpose, facts) = used.split_once(' ').unwrap_or((used, ""));
    let mut words = vec!["project", "create", "--name", "Terms", "--class", "research", "--purpose", purpose];
    for term in terms.split(' ') {
        words.extend(["--term", term]);
    }
    for fact in facts.split_whitespace() {
        words.extend(["--use", fact]);
    }
    let rest = "--granularity genome --framework none --incidental not-reported --basis board --region EU --retention 90-days \
                --consent NONE-1 --administrator manager";
    words.extend(rest.split_whitespace());
    let made = site.json(Who::Administrator, &words)?;
    Ok(made.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// Makes one in which people work: steward, analyst and exporter are members.
fn staffed(site: &Site, terms: &str, used: &str) -> Result<String> {
    let id = project(site, terms, used)?;
    for (who, role) in
        [(Who::Steward, "data-steward"), (Who::Analyst, "analyst"), (Who::Exporter, "data-exporter")]
    {
        site.json(Who::Manager, &["member", "add", &id, who.name(), "--role", role])?;
    }
    Ok(id)
}

fn answer(site: &Site, project: &str) -> Result<String> {
    let shown = site.json(Who::Manager, &["use", "show", project])?;
    Ok(shown.get("answer").and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn left_to_a_person(play: &mut Play, site: &Site) -> Result<()> {
    let project = staffed(site, "DUO:0000042 DUO:0000021", "research")?;
    let object = object(site, &project, 61)?;
    play.does("ask for data whose terms ask for an ethics approval, before anybody saw one");
    play.spoil("a steward approves the use", || approve(site, &project))?;
    let (done, _) = site.release(&object)?;
    play.expect("it is refused, and the reason is told", done.refused("ACCESS-086"), done.told());
    play.does("have a steward approve what is left to a person");
    if !play.is_spoiled() {
        approve(site, &project)?;
    }
    let (done, _) = site.release(&object)?;
    play.expect("it is given", done.is_done(), done.told());
    Ok(())
}

fn approve(site: &Site, project: &str) -> Result<()> {
    let words = ["use", "approve", project, "--reason", "control", "--until", "2999-01-01", "--yes"];
    site.json(Who::Steward, &words).map(drop)
}

fn forbidden(play: &mut Play, site: &Site) -> Result<()> {
    play.does("ask for data whose terms forbid the use, and have a steward try to approve it");
    let terms = if play.is_spoiled() { "DUO:0000042 DUO:0000043" } else { "DUO:0000042" };
    play.spoil("the terms are those that allow it", || Ok(()))?;
    let project = staffed(site, terms, "care")?;
    let object = object(site, &project, 62)?;
    let (done, _) = site.release(&object)?;
    play.expect("it is refused", done.refused("ACCESS-086"), done.told());
    let words = ["use", "approve", &project, "--reason", "control", "--until", "2999-01-01", "--yes"];
    let done = site.run(Who::Steward, &words)?;
    play.expect("nobody approves what terms forbid", done.refused("SUBJECTS-006"), done.told());
    Ok(())
}

fn object(site: &Site, project: &str, seed: u32) -> Result<String> {
    let object = site.package(project, seed)?.objects.into_iter().next();
    object.ok_or_else(|| Error::unplayable("the package has no object"))
}
