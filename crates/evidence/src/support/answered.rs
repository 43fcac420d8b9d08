//! C-LIF-06: who asks what is there of them hears all of it, and nothing of anybody else.

use crate::site::{Package, Site, Who, text};
use crate::{Control, Error, Play, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-LIF-06",
    statement: "The report for a person names everything that is stored of them, what they agreed to, every loan and what others made \
                under it, and everybody who saw, received or asked for it; and nothing of a second person",
    test: "take in somebody's reads beside those of somebody else; record a consent, run a workflow on them, look at variants, release an \
           object, ask without a right, lend them to another project and run a workflow there, record a withdrawal; compare \
           the whole sets of ids in the report with what was done, and search it for ids of the other person",
    references: &["G 15"],
    scenario,
};

type Ids = BTreeSet<String>;

/// What the scenario did with somebody, as its commands told it.
struct Golden {
    project: String,
    workspace: String,
    reference: String,
    of: Package,
    objects: Ids,
    consent: String,
    run: String,
    application: String,
    dataset: String,
    /// Until when it is lent.
    until: String,
}

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.story()?;
    let project = first(&site, &["project", "list"])?;
    let other = other_person(&site, &project)?;
    play.does("take in somebody's reads, and do with them what a project does");
    let golden = lived(play, &site, project)?;
    let elsewhere = play.attack("a project that it is lent to runs a workflow on it", || {
        start(&site, &golden, &["--in", &golden.workspace])
    })?;
    let made = all(&elsewhere, "/results", "/object");
    play.expect("it has results of its own", !made.is_empty(), format!("{} results", made.len()));
    stored(play, &site, &golden)?;
    site.json(Who::Steward, &["consent", "withdraw", &golden.of.subject])?;
    said(play, &site, &golden)?;
    lent(play, &site, &golden, made)?;
    seen(play, &site, &golden, &string(&elsewhere, "/id"))?;
    nothing_else(play, &site, &golden, &other)
}

/// Somebody whose reads the story took in and worked on, and who agrees as well: every id of theirs.
fn other_person(site: &Site, project: &str) -> Result<Ids> {
    let sample = first(site, &["sample", "list", project])?;
    let shown = site.json(Who::Analyst, &["sample", "show", &sample])?;
    let subject = string(&shown, "/subject");
    let consent = consented(site, &subject)?;
    let report = site.json(Who::Steward, &["subject", "report", &subject])?;
    let mut ids = all(&report, "/objects", "/id");
    ids.extend([sample, subject, consent]);
    let known = report.to_string();
    if ids.len() > 3 && ids.iter().all(|id| known.contains(id)) {
        return Ok(ids);
    }
    Err(Error::unplayable("the other person has nothing that could be told"))
}

fn lived(play: &Play, site: &Site, project: String) -> Result<Golden> {
    let until = play.clock().now().checked_add(Duration::from_secs(100 * 24 * 3600));
    let mut golden = Golden {
        of: site.package(&project, 61)?,
        reference: first(site, &["reference", "list"])?,
        workspace: site.project("research")?,
        project,
        objects: Ids::new(),
        consent: String::new(),
        run: String::new(),
        application: String::new(),
        dataset: String::new(),
        until: until.map_err(|_| Error::unplayable("there is no such day"))?.to_string(),
    };
    golden.objects.extend(golden.of.objects.iter().cloned());
    golden.consent = consented(site, &golden.of.subject)?;
    let done = start(site, &golden, &[])?;
    golden.run = string(&done, "/id");
    golden.objects.extend(all(&done, "/results", "/object"));
    site.json(Who::Analyst, &["variant", "query", "--sample", &golden.of.sample])?;
    release(site, &golden)?;
    site.invite("stranger", &[])?;
    let denied = site.run_as("stranger", &["variant", "query", "--sample", &golden.of.sample])?;
    if denied.is_done() {
        return Err(Error::unplayable("somebody without a role saw it"));
    }
    site.json(Who::Steward, &["dataset", "verify", &golden.project])?;
    let words = ["--name", "Lent", "--for", "research", "--granularity", "genome", "--framework", "none"];
    let words = [&["dataset", "publish", golden.project.as_str()][..], &words].concat();
    golden.dataset = string(&site.json(Who::Steward, &words)?, "/dataset/id");
    golden.application = approved(site, &golden, &golden.workspace)?;
    Ok(golden)
}

fn approved(site: &Site, golden: &Golden, workspace: &str) -> Result<String> {
    let Golden { project, dataset, until, .. } = golden;
    let words = ["application", "make", workspace, dataset, "--party", "control", "--person", "analyst"];
    let asked = [&words[..], &["--reason", "control", "--until", until]].concat();
    let id = string(&site.json(Who::Analyst, &asked)?, "/id");
    site.json(Who::Steward, &["application", "approve", project, &id, "--reason", "control"])?;
    Ok(id)
}

/// Samples and objects, each by its id.
fn stored(play: &mut Play, site: &Site, golden: &Golden) -> Result<()> {
    play.does("compare what the report has as stored with what came in and what was made");
    play.spoil("more of their reads come in, which nobody noted", || {
        let from = site.reads(62)?;
        let sheet = from.join("samplesheet.csv");
        let cells = fs::read_to_string(&sheet).map_err(Error::io(&sheet))?;
        let theirs = cells.replace("CASE-0062", "CASE-0061").replace(",L001,", ",L002,");
        fs::write(&sheet, theirs).map_err(Error::io(&sheet))?;
        let manifest = from.join("md5sums.txt");
        site.json(Who::Analyst, &Site::put(&golden.project, text(&sheet)?, text(&manifest)?)).map(drop)
    })?;
    let report = report(site, golden)?;
    let ids = [all(&report, "/samples", "/id"), all(&report, "/objects", "/id")];
    let done = [Ids::from([golden.of.sample.clone()]), golden.objects.clone()];
    let saw = ids.each_ref().map(Ids::len);
    play.expect(
        "their sample and every object are named, and no other",
        ids == done,
        format!("{saw:?} of {:?}", done.each_ref().map(Ids::len)),
    );
    Ok(())
}

/// Consents, and what follows from them for the use.
fn said(play: &mut Play, site: &Site, golden: &Golden) -> Result<()> {
    play.does("compare what the report says of consent with what was recorded");
    play.spoil("they agree once more, which nobody noted", || {
        consented(site, &golden.of.subject)?;
        site.json(Who::Steward, &["consent", "review", &golden.of.subject]).map(drop)
    })?;
    let report = report(site, golden)?;
    let list = report.get("consents").and_then(Value::as_array).cloned().unwrap_or_default();
    let said: Vec<[String; 2]> =
        list.iter().map(|one| [string(one, "/said"), string(one, "/consent/id")]).collect();
    let done = [["given", golden.consent.as_str()], ["withdrawn", ""]];
    play.expect("consent and withdrawal are told, in their order", said == done, format!("{said:?}"));
    let usable = report.pointer("/use/usable").cloned().unwrap_or_default();
    play.expect("the data may not be used any more", usable == 0, format!("usable: {usable}"));
    let lent: Vec<bool> =
        loans(&report).iter().map(|loan| loan.get("usable") == Some(&true.into())).collect();
    play.expect("nor where it is lent to", lent == [false], format!("usable there: {lent:?}"));
    Ok(())
}

/// Loans, and what was made under them.
fn lent(play: &mut Play, site: &Site, golden: &Golden, mut made: Ids) -> Result<()> {
    play.does("compare whom the report has it lent to with what was approved, and what they made");
    play.spoil("it is lent once more, and something is made, which nobody noted", || {
        made.insert("obj_".to_owned());
        approved(site, golden, &site.project("research")?).map(drop)
    })?;
    let report = report(site, golden)?;
    let named = |loan: &Value| {
        ["/application", "/dataset", "/project", "/party", "/samples/0"].map(|field| string(loan, field))
    };
    let loans: Vec<[String; 5]> = loans(&report).iter().map(named).collect();
    let Golden { application, dataset, workspace, of, .. } = golden;
    let done = [[application.as_str(), dataset, workspace, "control", &of.sample]];
    play.expect("the loan is named, with who has it and the sample", loans == done, format!("{loans:?}"));
    let objects = all(&report, "/elsewhere", "/object");
    let where_ = all(&report, "/elsewhere", "/project");
    let held = objects == made && where_ == Ids::from([workspace.clone()]);
    play.expect("every object that was made there is named, and no other", held, format!("{objects:?}"));
    Ok(())
}

/// Everybody who brought it in, saw it, received it or asked for it.
const SEEN: &[(&str, &str, bool)] = &[
    ("analyst", "ingest", true),
    ("analyst", "start-run", true),
    ("analyst", "view-run", true),
    ("analyst", "view-samples", true),
    ("analyst", "view-variants", true),
    ("exporter", "download-object", true),
    ("exporter", "view-samples", true),
    ("steward", "record-consent", true),
    ("steward", "search-audit", true),
    ("steward", "verify-dataset", true),
    ("steward", "view-consents", true),
    ("steward", "view-samples", true),
    ("steward", "withdraw-consent", true),
    ("stranger", "view-variants", false),
];

fn seen(play: &mut Play, site: &Site, golden: &Golden, elsewhere: &str) -> Result<()> {
    play.does("compare who the report says saw it with who did");
    play.spoil("somebody else asks for it, and more is released, which nobody noted", || {
        site.run(Who::Manager, &["variant", "query", "--sample", &golden.of.sample])?;
        release(site, golden)
    })?;
    let report = report(site, golden)?;
    let list = report.pointer("/accesses/accesses").and_then(Value::as_array).cloned().unwrap_or_default();
    let allowed = |one: &Value| one.get("allowed") == Some(&true.into());
    let who: BTreeSet<(String, String, bool)> =
        list.iter().map(|one| (string(one, "/name"), string(one, "/action"), allowed(one))).collect();
    let done = SEEN.iter().map(|(who, action, allowed)| ((*who).to_owned(), (*action).to_owned(), *allowed));
    let done: BTreeSet<_> = done.collect();
    let saw = who.symmetric_difference(&done).map(|one| format!("{one:?}")).collect::<Vec<_>>().join(", ");
    let saw = if saw.is_empty() { format!("{} acts", who.len()) } else { saw };
    play.expect("each who saw it, received it or was refused is named, and nobody else", who == done, saw);
    let things =
        list.iter().flat_map(|one| one.get("things").and_then(Value::as_array).into_iter().flatten());
    let used: Ids =
        things.filter_map(Value::as_str).map(str::to_owned).filter(|id| id.starts_with("run_")).collect();
    let done = Ids::from([golden.run.clone(), elsewhere.to_owned()]);
    play.expect("both runs are named, and no other", used == done, format!("{used:?}"));
    let left: Vec<u64> = list.iter().filter_map(|one| one.get("released")?.as_u64()).collect();
    play.expect(
        "what left is told by its size",
        matches!(left[..], [bytes] if bytes > 0),
        format!("{left:?} bytes"),
    );
    Ok(())
}

fn nothing_else(play: &mut Play, site: &Site, golden: &Golden, other: &Ids) -> Result<()> {
    play.does("search the report for ids of the other person");
    let mut told = report(site, golden)?.to_string();
    play.spoil("one of the other's ids stands in it", || {
        told.extend(other.first().cloned());
        Ok(())
    })?;
    let hits = other.iter().filter(|id| told.contains(id.as_str())).count();
    play.expect("none is in it", hits == 0, format!("{hits} of {} ids", other.len()));
    Ok(())
}

fn release(site: &Site, golden: &Golden) -> Result<()> {
    let (released, _) = site.release(golden.of.objects.first().map_or("", String::as_str))?;
    released.must("object get")
}

fn report(site: &Site, golden: &Golden) -> Result<Value> {
    site.json(Who::Steward, &["subject", "report", &golden.of.subject])
}

fn loans(report: &Value) -> &[Value] {
    report.get("loans").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn consented(site: &Site, subject: &str) -> Result<String> {
    let document = format!("sha256:{}", "07".repeat(32));
    let words = ["consent", "record", subject, "--form", "control", "--term", "DUO:0000042"];
    let given = site.json(Who::Steward, &[&words[..], &["--document", &document]].concat())?;
    Ok(string(&given, "/id"))
}

fn start(site: &Site, golden: &Golden, more: &[&str]) -> Result<Value> {
    let words = ["run", "start", "germline", "--sample", &golden.of.sample, "--reference", &golden.reference];
    site.json(Who::Analyst, &[&words[..], more, &["--wait"]].concat())
}

fn first(site: &Site, list: &[&str]) -> Result<String> {
    let found = site.ids(Who::Analyst, list)?.into_iter().next();
    found.ok_or_else(|| Error::unplayable(format!("`{}` is empty", list.join(" "))))
}

/// What each thing of a list has in a field.
fn all(of: &Value, list: &str, field: &str) -> Ids {
    let list = of.pointer(list).and_then(Value::as_array);
    list.into_iter().flatten().map(|one| string(one, field)).collect()
}

fn string(of: &Value, field: &str) -> String {
    of.pointer(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}
