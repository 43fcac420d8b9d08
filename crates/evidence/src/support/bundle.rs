//! C-SUP-01: whoever helps sees what happened, and not to whom.

use crate::site::{Site, Who, change, text};
use crate::{Control, Error, Play, Result};
use serde_json::Value;
use std::fs;

pub const CONTROL: Control = Control {
    id: "C-SUP-01",
    statement: "Support sees the state of runs and nothing of the people behind them; the bundle that it is sent holds no name, \
                number of a record, address, account or folder, and says what was taken out",
    test: "as a support observer ask for everything that tells of a person; write what a defect could write into the log of \
           the process, have a bundle made of the log and of runs, and search it",
    references: &["G 5(1)(c)", "G 28"],
    scenario,
};

/// What a crash could print of somebody, and what must not be left of it. All of it is made up.
const PLANTED: &[(&str, &[&str])] = &[
    ("thread 'main' panicked: patient MRN 79213340 has no sample", &["79213340"]),
    (
        "ERROR cannot open /srv/cohort/Quibbleton_Zorbina_19900130/reads.bam",
        &["Quibbleton", "cohort", "19900130"],
    ),
    ("notified zorbina.quibbleton@ward.example of accession 26-H-04417", &["zorbina", "ward.example"]),
    ("last line of the sheet: name=Zorbina Quibbleton, dob=1990-01-30", &["Zorbina", "1990-01-30"]),
    ("Authorization: Bearer abc.def.ghi-123456", &["abc.def.ghi"]),
];

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.story()?;
    let first = |who, words: &[&str]| -> Result<String> {
        let found = site.ids(who, words)?.into_iter().next();
        found.ok_or_else(|| Error::unplayable(format!("`{}` is empty", words.join(" "))))
    };
    let project = first(Who::Analyst, &["project", "list"])?;
    let sample = first(Who::Analyst, &["sample", "list", &project])?;
    let run = first(Who::Analyst, &["run", "list", &project])?;
    let shown = site.json(Who::Analyst, &["sample", "show", &sample])?;
    let word = |name: &str| shown.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (subject, label) = (word("subject"), word("label"));
    site.invite("support", &[])?;
    site.json(Who::Manager, &["member", "add", &project, "support", "--role", "support-observer"])?;
    let seen = site.run_as("support", &["run", "show", &run])?;
    play.expect("support sees the run", seen.is_done() && !seen.out.contains(&label), seen.told());

    play.does("ask as support for everything that tells of a person");
    play.spoil("support is made a viewer and a data steward as well", || {
        for role in ["viewer", "data-steward"] {
            site.json(Who::Manager, &["member", "add", &project, "support", "--role", role])?;
        }
        Ok(())
    })?;
    let questions: &[&[&str]] = &[
        &["sample", "list", &project],
        &["sample", "show", &sample],
        &["variant", "query", "--sample", &sample],
        &["report", "show", &sample],
        &["consent", "list", &project],
        &["subject", "report", &subject],
        &["audit", "who-saw", &subject],
    ];
    for words in questions {
        let done = site.run_as("support", words)?;
        let asked = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
        play.expect(&format!("`{asked}` is refused"), done.refused("ACCESS-002"), done.told());
    }
    bundle(play, &site, &run, &label)
}

fn bundle(play: &mut Play, site: &Site, run: &str, label: &str) -> Result<()> {
    let log = site.folder().join("run/process.log");
    play.attack("write what a defect could write into the log of the process", || {
        let lines: String = PLANTED.iter().map(|(line, _)| format!("{line}\n")).collect();
        change(&log, |bytes| bytes.extend(lines.into_bytes()))
    })?;
    let file = site.beside("bundle.json");
    let made = site.run_as("support", &["support", "bundle", run, "--out", text(&file)?])?;
    play.expect("a bundle is written", made.is_done(), made.told());
    let read = fs::read_to_string(&file).map_err(Error::io(&file))?;
    let whole: Value = serde_json::from_str(&read).unwrap_or_default();
    let removed = whole.get("removed").and_then(Value::as_array).map_or(0, |all| {
        all.iter()
            .filter(|one| one.get("at").is_some_and(|at| at.to_string().contains("process_log")))
            .count()
    });
    let all = removed >= PLANTED.len();
    play.expect("it says what was taken out of each line", all, format!("{removed} places of the log"));

    play.spoil("what was planted is written into the bundle", || {
        change(&file, |bytes| bytes.extend(PLANTED.iter().flat_map(|(line, _)| line.bytes())))
    })?;
    let read = fs::read_to_string(&file).map_err(Error::io(&file))?;
    let words = PLANTED.iter().flat_map(|(_, words)| words.iter().copied()).chain([label]);
    let hits: Vec<&str> = words.filter(|word| read.contains(word)).collect();
    let told = hits
        .first()
        .map_or_else(|| "0 hits".to_owned(), |word| format!("`{word}` and others: {}", hits.len()));
    play.expect("it holds nothing of what was planted, and no label", hits.is_empty(), told);
    let state = whole.pointer("/parts/runs/0/state").and_then(Value::as_str).unwrap_or_default();
    play.expect("it says how the run ended", state == "done", format!("`{state}`"));
    Ok(())
}
