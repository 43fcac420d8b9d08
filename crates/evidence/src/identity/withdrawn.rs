//! C-IDN-04: what somebody takes back is taken back at once, also from what waits and what runs.

use crate::site::{Package, Site, Who, bodies, text};
use crate::{Control, Error, Play, Result};
use serde_json::{Value, json};
use std::time::Duration;

pub const CONTROL: Control = Control {
    id: "C-IDN-04",
    statement: "What somebody agreed to counts for the next decision: after a withdrawal nothing of theirs is shown, released or \
                worked on, no more of their reads come in, runs that wait or are under way end within 60 seconds with a receipt that says so, and a newer consent \
                counts once somebody has reviewed it",
    test: "start a run that takes its time and one that waits behind it, on reads of two people; record that both withdraw, and \
           measure the seconds until both have ended; verify their receipts; bring in more of their reads; ask for data of the one; record a consent, ask again, \
           review it, and ask once more",
    references: &["G 7(3)", "G 21"],
    scenario,
};

/// What is promised.
const WITHIN: Duration = Duration::from_secs(60);
/// How often it is asked whether a run has ended, and for how long where it has to go on.
const EACH: Duration = Duration::from_millis(500);
const SPOILED: Duration = Duration::from_secs(5);
/// Reads for a run that is still at work when its right is asked for again.
const COVERAGE: u32 = 200;

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.story()?;
    let first = |who, words: &[&str]| {
        let found = site.ids(who, words)?.into_iter().next();
        found.ok_or_else(|| Error::unplayable(format!("`{}` is empty", words.join(" "))))
    };
    let project = first(Who::Analyst, &["project", "list"])?;
    let reference = first(Who::Analyst, &["reference", "list"])?;
    play.does("take in reads of two people, and start a run on each");
    let long = site.taken(&project, site.reads_of(98, COVERAGE)?)?;
    let short = site.package(&project, 99)?;
    let runs = [start(&site, &long, &reference)?, start(&site, &short, &reference)?];
    under_way(&site, &runs)?;
    let object = long.objects.first().cloned().unwrap_or_default();
    let (given, _) = site.release(&object)?;
    play.expect("their data is released while nothing was said", given.is_done(), given.told());

    let begun = play.time();
    play.attack("record that both withdraw", || {
        let withdraw =
            |of: &Package| site.json(Who::Steward, &["consent", "withdraw", &of.subject]).map(drop);
        withdraw(&long)?;
        withdraw(&short)
    })?;
    refused(play, &site, &object, "the next request is refused")?;
    let clock = play.clock();
    let within = if play.is_spoiled() { SPOILED } else { WITHIN };
    let over = || clock.monotonic().saturating_sub(begun) >= within;
    for (run, what) in runs.iter().zip(["under way", "waiting"]) {
        let mut shown = state(&site, run)?;
        while !over() && ["queued", "running"].contains(&shown.as_str()) {
            std::thread::sleep(EACH);
            shown = state(&site, run)?;
        }
        let took = clock.monotonic().saturating_sub(begun).as_secs_f64();
        let held = shown == "stopped";
        play.expect(
            &format!("the run that was {what} is stopped within 60 s"),
            held,
            format!("{shown}, {took:.1} s"),
        );
    }
    receipts(play, &site, &runs)?;
    more_reads(play, &site, &project, &short)?;
    agreed_again(play, &site, &long, &object)
}

fn start(site: &Site, package: &Package, reference: &str) -> Result<String> {
    let words = ["run", "start", "germline", "--sample", &package.sample, "--reference", reference];
    let started = site.json(Who::Analyst, &words)?;
    Ok(started.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn state(site: &Site, run: &str) -> Result<String> {
    let shown = site.json(Who::Analyst, &["run", "show", run])?;
    Ok(shown.get("state").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// Waits until the first works, and sees that the second waits.
fn under_way(site: &Site, runs: &[String; 2]) -> Result<()> {
    let [first, second] = runs;
    for _ in 0..120 {
        if state(site, first)? == "running" {
            break;
        }
        std::thread::sleep(EACH);
    }
    match (state(site, first)?.as_str(), state(site, second)?.as_str()) {
        ("running", "queued") => Ok(()),
        other => Err(Error::unplayable(format!("the runs are {other:?}"))),
    }
}

/// Asks for an object of somebody whose data may not be used.
fn refused(play: &mut Play, site: &Site, object: &str, expected: &str) -> Result<()> {
    let (done, _) = site.release(object)?;
    play.expect(expected, done.refused("ACCESS-086"), done.told());
    Ok(())
}

/// Each run has a receipt that it was stopped, and it verifies with the site's public keys alone.
fn receipts(play: &mut Play, site: &Site, runs: &[String; 2]) -> Result<()> {
    play.does("verify the receipts of both runs");
    for run in runs {
        let file = site.beside(&format!("{run}.receipt"));
        let shown = site.run(Who::Analyst, &["receipt", "show", run, "--out", text(&file)?])?;
        let verified = site.run(
            Who::Analyst,
            &["receipt", "verify", text(&file)?, "--site-key", text(&site.folder().join("site.pub"))?],
        )?;
        let told = format!("{} {}", shown.told(), verified.told());
        let said = verified.is_done() && verified.out.contains("was stopped");
        play.expect("it says that the run was stopped", said, told);
    }
    Ok(())
}

/// More reads of somebody who withdrew, from another lane.
fn more_reads(play: &mut Play, site: &Site, project: &str, of: &Package) -> Result<()> {
    play.does("bring in more of their reads");
    let sheet = of.from.join("samplesheet.csv");
    let text_of = std::fs::read_to_string(&sheet).map_err(Error::io(&sheet))?;
    let other = of.from.join("other-lane.csv");
    std::fs::write(&other, text_of.replace(",L001,", ",L002,")).map_err(Error::io(&other))?;
    let stored = bodies(site.folder())?.len();
    let manifest = of.from.join("md5sums.txt");
    let put = site.run(Who::Analyst, &Site::put(project, text(&other)?, text(&manifest)?))?;
    let kept = bodies(site.folder())?.len() - stored;
    let held = put.refused("INTAKE-018") && kept == 0;
    play.expect("they are refused and nothing is stored", held, format!("{kept} stored; {}", put.told()));
    Ok(())
}

fn agreed_again(play: &mut Play, site: &Site, package: &Package, object: &str) -> Result<()> {
    play.does("record a consent after the withdrawal");
    let digest = format!("sha256:{}", "07".repeat(32));
    let words = [
        "consent",
        "record",
        &package.subject,
        "--form",
        "control",
        "--term",
        "DUO:0000042",
        "--document",
        &digest,
    ];
    site.json(Who::Steward, &words)?;
    let path = format!("/v1/samples/{}/runs", package.sample);
    let body = json!({"workflow": "germline", "reference": "ref_00000000000000000000"}).to_string();
    let status = site.ask(&site.session(Who::Analyst)?, "POST", &path, &body)?;
    if !play.is_spoiled() {
        play.expect(
            "nothing is worked on before somebody reviewed it",
            status == 403,
            format!("status {status}"),
        );
        site.json(Who::Steward, &["consent", "review", &package.subject])?;
    }
    let (done, _) = site.release(object)?;
    play.expect("after the review it may be used", done.is_done(), done.told());
    Ok(())
}
