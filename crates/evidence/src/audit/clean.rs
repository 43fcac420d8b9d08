//! C-AUD-12: nothing of a person in the record, and nothing that breaks it.

use crate::site::{Site, Who, below};
use crate::vault::take_in;
use crate::{Control, Error, Play, Result};
use std::fs;
use std::path::Path;

pub const CONTROL: Control = Control {
    id: "C-AUD-12",
    statement: "Records hold no label, no secret and no words that somebody typed in clear; nothing that is typed \
                breaks a record or a log line",
    test: "release objects for reasons that hold canaries, line breaks, terminal controls, broken JSON and 100,000 \
           characters, and sign in with a canary as the token; then search the ledger and the log",
    references: &["AS V16.4.1", "AS V16.2.5"],
    scenario,
};

const CANARY: &str = "zanzibar-quokka-5501";

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let (_, stored) = take_in(&site, &project, 84)?;
    let object = stored.first().map(|one| one.object.clone()).unwrap_or_default();
    site.release(&object)?;
    let to = site.beside("recipient.pub").display().to_string();
    let long = format!("{CANARY} {}", "x".repeat(100_000));
    let reasons = [
        format!("{CANARY}\r\n{{\"event\":\"decision\",\"allowed\":true}}"),
        format!("{CANARY} \u{1b}[2J\u{1b}[31m"),
        format!("{CANARY}\",\"allowed\":true,\"x\":\""),
        long,
    ];
    for (number, reason) in reasons.iter().enumerate() {
        let out = site.beside(&format!("out-{number}")).display().to_string();
        let words = ["object", "get", &object, "--reason", reason, "--to", &to, "--out", &out];
        let done = site.run(Who::Exporter, &words)?;
        play.does("release an object for a reason with what breaks records");
        let told = done.told();
        play.expect("done or refused, and the site lives", done.exit >= 0 && site.process()?.is_some(), told);
    }
    let token = site.write("bad.token", CANARY.as_bytes())?;
    site.run(Who::Analyst, &["login", "--token-file", &token.display().to_string()])?;
    let before = leaves(&site)?;
    site.lock()?;
    play.spoil("a record holds a typed word", || {
        let folder = site.folder().join("run/process.log");
        crate::site::change(&folder, |log| log.extend(CANARY.as_bytes()))
    })?;
    let hits = hits(site.folder())?;
    play.does("search the ledger's files and the log");
    play.expect(
        "no typed word is found",
        hits.is_empty(),
        hits.first().cloned().unwrap_or_else(|| "0 hits".to_owned()),
    );
    let raw = before.iter().filter(|leaf| leaf.bytes().any(|byte| byte < 0x20)).count();
    play.expect(
        "each record is one line without controls",
        raw == 0 && before.len() > 5,
        format!("{raw} of {} break", before.len()),
    );
    let clear = before.iter().filter(|leaf| leaf.contains(CANARY)).count();
    play.expect("no record holds a typed word", clear == 0, format!("{clear} of {}", before.len()));
    Ok(())
}

fn leaves(site: &Site) -> Result<Vec<String>> {
    let found =
        site.json(Who::Auditor, &["audit", "search", "--action", "decision", "--proof", "--limit", "10000"])?;
    let events = found.get("events").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    Ok(events.iter().filter_map(|event| event.get("leaf")?.as_str().map(str::to_owned)).collect())
}

fn hits(site: &Path) -> Result<Vec<String>> {
    let mut files = below(&site.join("ledger"))?;
    files.extend(below(&site.join("run"))?);
    let mut found = Vec::new();
    for file in files {
        let bytes = fs::read(&file).map_err(Error::io(&file))?;
        if bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()) {
            found.push(format!("in {}", file.strip_prefix(site).unwrap_or(&file).display()));
        }
    }
    Ok(found)
}
