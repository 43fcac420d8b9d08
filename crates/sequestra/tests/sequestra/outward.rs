//! Events out to others: standing streams, exports, and what receivers can prove.

use crate::record::{exit, verifier};
use crate::site::{Site, until};
use crate::story::sample_of;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// Adds a stream to the settings.
fn stream(site: &Site, name: &str, to: &str) {
    let settings = site.folder.join("site.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let added = format!("\n[[audit.stream]]\nname = \"{name}\"\nto = \"{to}\"\nlag_seconds = 1\n");
    fs::write(&settings, text + &added).unwrap();
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs an export into a file.
fn export(site: &Site, who: &str, name: &str, args: &[&str]) -> PathBuf {
    let out = site.room.join(name);
    let all: Vec<&str> =
        ["audit", "export", "--out", out.to_str().unwrap()].into_iter().chain(args.iter().copied()).collect();
    let done = site.run(who, &all);
    assert_eq!(done.exit, 0, "{args:?}: {}", done.err);
    out
}

#[test]
fn a_stream_gets_every_event_and_an_export_fills_its_gaps() {
    let site = Site::copy();
    let out = site.room.join("events.jsonl");
    stream(&site, "siem", &format!("file:{}", out.display()));
    site.start();
    site.invite("newcomer");
    site.lock();
    // Also the closing, which is the last event of all.
    let (events, text) = (site.events(), fs::read_to_string(&out).unwrap());
    assert_eq!(lines(&text).len(), events.len());
    for (leaf, record) in events.iter().zip(lines(&text)) {
        let raw: Value = serde_json::from_str(record["raw_data"].as_str().unwrap()).unwrap();
        assert_eq!((&raw, &record["unmapped"]["position"]), (leaf, &leaf["position"]));
        let uid = |name: &str| record[name].as_u64().unwrap();
        assert_eq!(uid("type_uid"), uid("class_uid") * 100 + uid("activity_id"));
        assert_eq!(uid("category_uid"), uid("class_uid") / 1000);
        assert_eq!(record["metadata"]["version"], "1.3.0");
    }
    // Opened again, it goes on, and repeats nothing.
    site.start();
    let checkpoint = site.room.join("kept.txt");
    site.json("auditor", &["ledger", "checkpoint", "--out", checkpoint.to_str().unwrap()]);
    let size: usize = fs::read_to_string(&checkpoint).unwrap().lines().nth(1).unwrap().parse().unwrap();
    let text = || fs::read_to_string(&out).unwrap();
    until("the stream has what the checkpoint holds", || text().lines().count() >= size);
    let program = verifier();
    let held = ["stream", "--checkpoint", checkpoint.to_str().unwrap()];
    assert_eq!(exit(&program, &held, &out, &site), 0);

    // Lost lines are a gap; the export of those positions is what was lost, byte by byte.
    let all = text();
    let gap: Vec<&str> =
        all.lines().enumerate().filter(|(at, _)| !(5..9).contains(at)).map(|(_, l)| l).collect();
    fs::write(&out, gap.join("\n") + "\n").unwrap();
    assert_eq!(exit(&program, &held, &out, &site), 1);
    let filled = export(&site, "auditor", "gap.jsonl", &["--from", "5", "--before", "9"]);
    let lost: String = all.lines().skip(5).take(4).map(|line| format!("{line}\n")).collect();
    assert_eq!(fs::read_to_string(&filled).unwrap(), lost);
    let held = [held[0], held[1], held[2], filled.to_str().unwrap()];
    assert_eq!(exit(&program, &held, &out, &site), 0);
}

#[test]
fn an_export_proves_itself_reaches_as_far_as_a_right_and_is_on_record() {
    let site = Site::copy();
    let (sample, program) = (sample_of(&site), verifier());
    let file = export(&site, "auditor", "range", &["--form", "proof", "--from", "3"]);
    assert_eq!(exit(&program, &["export"], &file, &site), 0);
    let project = site.last("steward", &["project", "list"]);
    let own = export(&site, "steward", "own", &["--form", "proof", "--project", &project]);
    assert_eq!(exit(&program, &["export"], &own, &site), 0);
    let text = fs::read_to_string(&own).unwrap();
    let (head, events) = (lines(&text)[0].clone(), lines(&text)[1..].to_vec());
    assert_eq!((&head["complete"], head["events"].as_u64()), (&true.into(), Some(events.len() as u64)));
    let inner = |line: &Value| serde_json::from_str::<Value>(line["leaf"].as_str().unwrap()).unwrap();
    assert!(
        events.len() > 20 && events.iter().all(|line| inner(line)["event"]["project"] == project.as_str())
    );
    let shown = site.json("steward", &["audit", "search", "--project", &project, "--limit", "10000"]);
    // The search is recorded too, after what was exported.
    assert!(shown["events"].as_array().unwrap().len() > events.len());
    let changed = text.replacen("\"allowed\\\":true", "\"allowed\\\":TRUE", 1);
    fs::write(&own, changed).unwrap();
    assert_eq!(exit(&program, &["export"], &own, &site), 1);

    // Whoever may not search may not export, and neither goes without a record.
    for (who, args) in [
        ("steward", vec![]),
        ("viewer", vec!["--about", &sample]),
        ("admin", vec!["--from", "0"]),
        ("analyst", vec!["--project", &project]),
    ] {
        let all: Vec<&str> = ["audit", "export"].into_iter().chain(args).collect();
        let done = site.run(who, &all);
        assert!(done.exit == 4 && done.out.is_empty(), "{who} {all:?}: {}", done.err);
    }
    for (args, exit) in [
        (vec!["--from", "1", "--about", &sample], 2),
        (vec!["--from", "100000000"], 3),
        (vec!["--from", "9", "--before", "3"], 2),
        (vec!["--about", "nobody"], 2),
    ] {
        let all: Vec<&str> = ["audit", "export"].into_iter().chain(args).collect();
        let done = site.run("auditor", &all);
        assert!(done.exit == exit && done.out.is_empty(), "{all:?}: {} {}", done.exit, done.err);
        assert!(done.err.contains("hint: ") || done.err.contains("--help"), "{all:?}: {}", done.err);
    }
    let events = site.events();
    for decision in events.iter().filter(|leaf| leaf["event"]["action"] == "search-audit-site") {
        let ended = |leaf: &&Value| leaf["event"]["decision"] == decision["position"];
        assert!(
            decision["event"]["allowed"] == false || events.iter().any(|leaf| ended(&leaf)),
            "{decision}"
        );
    }
}

#[test]
fn a_stream_that_cannot_be_is_refused_and_one_whose_sink_is_away_is_named() {
    let site = Site::copy();
    let settings = site.folder.join("site.toml");
    let kept = fs::read_to_string(&settings).unwrap();
    stream(&site, "siem", "http://siem.example/");
    let before = site.events().len();
    let refused = site.run("admin", &["whoami"]);
    assert!(
        refused.exit == 2 && refused.err.contains("FEED-001") && refused.err.contains("hint: "),
        "{}",
        refused.err
    );
    fs::write(&settings, &kept).unwrap();
    stream(&site, "twice", "http://127.0.0.1:1/");
    stream(&site, "twice", "http://127.0.0.1:1/");
    assert!(site.run("admin", &["whoami"]).err.contains("another stream has its name"));
    assert_eq!(site.events().len(), before, "a refused start left an event");

    fs::write(&settings, &kept).unwrap();
    // Nobody listens there.
    stream(&site, "siem", "http://127.0.0.1:1/");
    site.start();
    let status = || site.json("admin", &["site", "status"]);
    until("the outage is named", || status()["limits"].to_string().contains("the stream siem lags"));
    let told = status()["streams"][0].clone();
    assert_eq!((&told["lagging"], told["acknowledged"].as_u64()), (&true.into(), Some(0)), "{told}");
    assert!(told["failure"].as_str().unwrap().contains("FEED-002"), "{told}");
    // Everything goes on, and the outage is on record, once.
    site.invite("newcomer");
    let lags = || site.events().iter().filter(|leaf| leaf["event"]["event"] == "stream-lags").count();
    until("the outage is on record", || lags() == 1);
    site.assert_sound();
    assert_eq!(lags(), 1);
}

#[test]
fn a_stream_is_open_only_while_the_agreement_that_it_names_is_live() {
    let site = Site::copy();
    let settings = site.folder.join("site.toml");
    let kept = fs::read_to_string(&settings).unwrap();
    let out = site.room.join("partner.jsonl");
    let to = format!("file:{}", out.display());
    let named = |agreement: &str| {
        fs::write(&settings, &kept).unwrap();
        stream(&site, "partner", &to);
        let text = fs::read_to_string(&settings).unwrap();
        fs::write(&settings, format!("{text}agreement = \"{agreement}\"\n")).unwrap();
    };
    let sent = || fs::read_to_string(&out).unwrap_or_default().lines().count();
    let status = || site.json("admin", &["site", "status"]);
    let closed = |why: &str| {
        until("the stream is closed", || status()["limits"].to_string().contains("partner sends nothing"));
        let told = status()["streams"][0].clone();
        assert_eq!(told["closed"], true, "{told}");
        assert!(told["failure"].as_str().unwrap().contains(why), "{told}");
    };

    named("agr_nonsense");
    let before = site.events().len();
    assert_ne!(site.run("admin", &["whoami"]).exit, 0);
    assert_eq!(site.events().len(), before, "a refused start left an event");

    named("agr_00000000000000000000");
    site.start();
    closed("agr_00000000000000000000 that it names is unknown");
    assert_eq!(sent(), 0);
    let home = site.last("analyst", &["project", "list"]);
    let document = site.room.join("dua.txt");
    fs::write(&document, "signed").unwrap();
    let document = document.to_str().unwrap();
    let words = ["agreement", "add", &home, "--kind", "DUA", "--party", "ror:05a28rw58"];
    let more = ["--document", document, "--until", "2099-12-31"];
    let made = site.json("steward", &[&words[..], &more].concat());
    let agreement = made["id"].as_str().unwrap();
    site.lock();

    named(agreement);
    site.start();
    until("what waited is sent", || sent() >= before && status()["streams"][0]["closed"] == false);
    site.json("steward", &["agreement", "end", &home, agreement]);
    closed(&format!("{agreement} that it names is ended"));
    let held = sent();
    site.invite("newcomer");
    assert_eq!(sent(), held, "something was sent after the end");
    let about = |event: &str, id: &str| {
        let is = |leaf: &&Value| {
            leaf["event"]["event"] == event && leaf["event"]["about"].to_string().contains(id)
        };
        site.events().iter().filter(is).count()
    };
    assert_eq!(about("stream-closed", agreement), 1);
    assert_eq!(about("stream-closed", "agr_00000000000000000000"), 1);
    site.assert_sound();
}
