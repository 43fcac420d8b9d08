//! C-ING-11: a dataset states how far it is shared, and no less than its data is.

use crate::site::{Site, Who};
use crate::{Control, Play, Result};

pub const CONTROL: Control = Control {
    id: "C-ING-11",
    statement: "Each dataset states granularity, purposes and laws; what says less than the data shows, or offers what consents and terms \
                forbid, is not published; findings that are reported ask for a stricter class; nothing is published that was not compared \
                with its generator's digests",
    test: "offer the reads of a genome as a panel, for commercial use of somebody who agreed to research that is not, without a law of \
           its project, with looser terms, and before they were compared; leave each statement out; then as it is",
    references: &["G 5(1)(b)", "G 9", "SA 3.1.03"],
    scenario,
};

/// What is offered as it is.
const TRUE: [(&str, &str); 3] = [("--for", "research"), ("--granularity", "genome"), ("--framework", "GDPR")];

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let words = "project create --name Offered --class research --purpose research --term DUO:0000042 --granularity genome \
                 --framework GDPR --incidental not-reported --basis board --region EU --retention 90-days --consent NONE-1 \
                 --administrator manager";
    let made = site.json(Who::Administrator, &words.split_whitespace().collect::<Vec<_>>())?;
    let project = made.get("id").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    for (who, role) in
        [(Who::Steward, "data-steward"), (Who::Analyst, "analyst"), (Who::Exporter, "data-exporter")]
    {
        site.json(Who::Manager, &["member", "add", &project, who.name(), "--role", role])?;
    }
    let package = site.package(&project, 91)?;
    let document = format!("sha256:{}", "07".repeat(32));
    let words = ["consent", "record", &package.subject, "--form", "control", "--document", &document];
    let terms = ["--term", "DUO:0000042", "--term", "DUO:0000046"];
    play.spoil("everything is said as it is, and compared", || Ok(()))?;
    // Whoever agreed to everything is not asked for more.
    let agreed: &[&str] = if play.is_spoiled() { &terms[..2] } else { &terms };
    site.json(Who::Steward, &words.into_iter().chain(agreed.iter().copied()).collect::<Vec<_>>())?;
    if play.is_spoiled() {
        site.json(Who::Steward, &["dataset", "verify", &project])?;
    }
    play.does("offer reads that nobody compared with what their generator said");
    refused(
        play,
        &site,
        &project,
        (&[], &["--term", "DUO:0000042", "--term", "DUO:0000046"]),
        "never compared",
    )?;
    site.json(Who::Steward, &["dataset", "verify", &project])?;
    for (what, change, more, why) in [
        ("offer a genome as a panel", ("--granularity", "panel"), &[][..], "not shared as panel"),
        ("leave out a law of the project", ("--framework", "none"), &[], "does not say so"),
        ("offer it under looser terms", ("", ""), &["--term", "DUO:0000004"], "stricter"),
        (
            "offer it for commerce, where somebody agreed to none",
            ("", ""),
            &["--for", "commercial"],
            "forbids it",
        ),
    ] {
        play.does(what);
        refused(play, &site, &project, (&[change], more), why)?;
    }
    for (left_out, _) in TRUE {
        play.does(&format!("leave out {left_out}"));
        let changes = if play.is_spoiled() { ("", "") } else { (left_out, "") };
        let done = site.run(Who::Steward, &offer(&project, &[changes], &[]))?;
        play.expect("it is refused, and nothing is published", !done.is_done(), done.told());
    }
    play.does("offer it as it is");
    let terms: &[&str] =
        if play.is_spoiled() { &[] } else { &["--term", "DUO:0000042", "--term", "DUO:0000046"] };
    let done = site.run(Who::Steward, &offer(&project, &[], terms))?;
    play.expect("it is published", done.is_done(), done.told());
    Ok(())
}

fn refused(
    play: &mut Play,
    site: &Site,
    project: &str,
    (changes, more): (&[(&str, &str)], &[&str]),
    why: &str,
) -> Result<()> {
    let words = if play.is_spoiled() { offer(project, &[], &[]) } else { offer(project, changes, more) };
    let done = site.run(Who::Steward, &words)?;
    let held = done.refused("SHARING-003") && done.told().contains(why);
    play.expect("it is not published, and the reason is told", held, done.told());
    Ok(())
}

/// The command: what is true, with changes; one that changes to nothing is left out.
fn offer<'a>(project: &'a str, changes: &[(&str, &'a str)], more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["dataset", "publish", project, "--name", "Offered"];
    for (option, value) in TRUE {
        let changed = changes.iter().find(|(own, _)| *own == option).map(|(_, value)| *value);
        match changed.unwrap_or(value) {
            "" => {}
            value => words.extend([option, value]),
        }
    }
    words.extend(more);
    words
}
