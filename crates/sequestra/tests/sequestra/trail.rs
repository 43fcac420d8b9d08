//! The trail as people ask for it: complete, proven, as far as their right reaches, and free of what they type.

use crate::http;
use crate::question::Things;
use crate::site::{Site, told};
use crate::story::sample_of;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger::{Hash, VerifierKey, verify};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

fn events(answer: &Value) -> &Vec<Value> {
    answer["events"].as_array().unwrap()
}

#[test]
fn waiting_for_a_run_leaves_few_questions_on_record() {
    let site = Site::copy();
    let project = site.last("viewer", &["project", "list"]);
    let runs = site.json("viewer", &["run", "list", &project]);
    let done: Vec<&Value> = runs.as_array().unwrap().iter().filter(|run| run["state"] == "done").collect();
    assert!(!done.is_empty() && told().json["steps"].is_array());
    for run in done {
        let id = run["id"].as_str().unwrap();
        let wall = run["resources"]["wall_seconds"].as_f64().unwrap();
        let asked = site.events().into_iter().filter(|leaf| {
            let about = leaf["event"]["about"].as_array();
            leaf["event"]["action"] == "view-run" && about.is_some_and(|about| about.iter().any(|a| a == id))
        });
        // One in two seconds at most, and those that start and end the story.
        let (asked, most) = (asked.count() as f64, wall / 2.0 + 8.0);
        assert!(asked > 0.0 && asked <= most, "{asked} questions in {wall} s");
    }
}

#[test]
fn every_hit_proves_itself_and_the_chain_proves_the_rest() {
    let site = Site::copy();
    let sample = sample_of(&site);
    let answer = site.json("auditor", &["audit", "search", "--about", &sample, "--proof"]);
    assert_eq!((&answer["complete"], &answer["cursor"]), (&true.into(), &Value::Null));
    let key: VerifierKey =
        fs::read_to_string(site.folder.join("ledger/vkey")).unwrap().trim().parse().unwrap();
    let checkpoint = verify::checkpoint(answer["checkpoint"].as_str().unwrap(), &key).unwrap();
    let check = |event: &Value, leaf: &[u8]| {
        let hashes = event["proof"].as_array().unwrap().iter().map(|hash| {
            let bytes = STANDARD.decode(hash.as_str().unwrap()).unwrap();
            Hash(bytes.try_into().unwrap())
        });
        let (position, hashes) = (event["position"].as_u64().unwrap(), hashes.collect::<Vec<_>>());
        verify::inclusion(leaf, position, checkpoint.size, checkpoint.root, &hashes)
    };
    assert!(events(&answer).len() > 20);
    for event in events(&answer) {
        let leaf = event["leaf"].as_str().unwrap();
        check(event, leaf.as_bytes()).unwrap();
        check(event, leaf.replace("\"usr_", "\"usr-").as_bytes()).unwrap_err();
    }
    // The same without the product's own reader: what names the sample, and its links, is all there.
    let hits: BTreeSet<u64> = events(&answer).iter().map(|e| e["position"].as_u64().unwrap()).collect();
    let chains = answer["chains"].as_array().unwrap();
    let on_chain =
        |leaf: &Value| chains.iter().any(|chain| leaf["previous"].get(chain.as_str().unwrap()).is_some());
    let size = answer["size"].as_u64().unwrap();
    let expected: BTreeSet<u64> = site
        .events()
        .iter()
        .filter(|leaf| on_chain(leaf))
        .map(|leaf| leaf["position"].as_u64().unwrap())
        .filter(|position| *position < size)
        .collect();
    assert_eq!(hits, expected);

    // Pages join, and conditions narrow.
    let mut joined = BTreeSet::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut ask = vec!["audit", "search", "--about", &sample, "--limit", "7"];
        ask.extend(cursor.iter().flat_map(|cursor| ["--cursor", cursor.as_str()]));
        let page = site.json("auditor", &ask);
        joined.extend(events(&page).iter().map(|e| e["position"].as_u64().unwrap()));
        cursor = page["cursor"].as_str().map(str::to_owned);
        assert_eq!(page["complete"], cursor.is_none());
        if cursor.is_none() {
            break;
        }
    }
    assert!(joined.is_superset(&hits));
    let denied =
        site.json("auditor", &["audit", "search", "--decision", "denied", "--action", "download-object"]);
    assert_eq!(denied["complete"], false);
    assert!(!events(&denied).is_empty());
    assert!(events(&denied).iter().all(|e| e["event"]["allowed"] == false));
    let none = site.json("auditor", &["audit", "search", "--about", &sample, "--until", "2020-01-01"]);
    assert_eq!((events(&none).len(), &none["complete"]), (0, &true.into()));
}

#[test]
fn a_steward_sees_the_own_project_and_the_auditor_no_words() {
    let site = Site::copy();
    let (sample, project) = (sample_of(&site), site.last("steward", &["project", "list"]));
    let own = site.json("steward", &["audit", "search", "--project", &project]);
    assert_eq!(own["complete"], true);
    assert!(events(&own).iter().all(|e| e["event"]["project"] == project.as_str()));
    let reasons = |answer: &Value| events(answer).iter().filter(|e| e["reason"].is_string()).count();
    assert!(reasons(&own) > 0);
    let all = site.json("auditor", &["audit", "search", "--project", &project]);
    assert_eq!((events(&all).len() >= events(&own).len(), reasons(&all)), (true, 0));
    // The site as a whole is the auditor's.
    for question in [vec!["--decision", "denied"], vec!["--since", "2020-01-01"], vec![]] {
        let ask: Vec<&str> = ["audit", "search"].into_iter().chain(question).collect();
        assert_eq!(site.run("steward", &ask).exit, 4, "{ask:?}");
        assert!(!events(&site.json("auditor", &ask)).is_empty(), "{ask:?}");
    }
    let actor = events(&own)[0]["actor"].as_str().unwrap();
    assert_eq!(site.run("steward", &["audit", "search", "--actor", actor]).exit, 4);
    let acts = site.json("steward", &["audit", "search", "--actor", actor, "--project", &project]);
    assert!(!events(&acts).is_empty() && events(&acts).iter().all(|e| e["actor"] == actor));
    assert_eq!(site.run("viewer", &["audit", "search", "--about", &sample]).exit, 4);
    let bad = site.run("auditor", &["audit", "search", "--about", &sample, "--cursor", "x"]);
    assert!(bad.exit == 2 && bad.err.contains("AUDIT-007") && bad.err.contains("hint: "), "{}", bad.err);
}

/// What people type to break a log: line ends, escapes of terminals, ends of JSON, and a great deal of it.
fn canaries() -> Vec<String> {
    let word = "c4n4ry-7731";
    vec![
        format!("{word}\r\n{{\"position\":0,\"event\":{{}}}}"),
        format!("{word}\u{1b}[2J\u{1b}]0;x\u{7}"),
        format!("{word}\",\"allowed\":true,\"x\":\""),
        format!("{word}\u{2028}\u{202e}\u{0}\\\\u000a"),
        word.repeat(100_000),
        word.to_owned(),
    ]
}

/// Every field of a request that somebody fills in, with something in it that belongs into no log.
fn spoilt(things: &Things, text: &str) -> Vec<(&'static str, &'static str, String, Value)> {
    let (project, sample) = (&things.project, &things.sample);
    let fields = |base: Value, names: &[&str]| -> Vec<Value> {
        let one = |name: &&str| {
            let mut body = base.clone();
            body[*name] = text.into();
            body
        };
        names.iter().map(one).collect()
    };
    let mut all: Vec<(&'static str, &'static str, String, Value)> = Vec::new();
    let mut add = |who, method, path: String, bodies: Vec<Value>| {
        all.extend(bodies.into_iter().map(|body| (who, method, path.clone(), body)));
    };
    let new = json!({
        "name": "n", "class": "research", "purpose": "research", "terms": ["DUO:0000042"], "granularity": "genome",
        "frameworks": ["none"], "incidental": "not-reported", "basis": "board", "region": "EU",
        "retention": "90-days", "consent": "NONE-2",
    });
    let names =
        ["name", "class", "purpose", "region", "retention", "consent", "granularity", "incidental", "basis"];
    add("admin", "POST", "/v1/projects".into(), fields(new.clone(), &names));
    let mut named = new.clone();
    named["administrators"] = json!([text]);
    add("admin", "POST", "/v1/projects".into(), vec![json!({"terms": [text]}), named]);
    let mut stated = new;
    stated["use"] = json!([text]);
    let mut laws = stated.clone();
    laws["use"] = json!([]);
    laws["frameworks"] = json!([text]);
    add("admin", "POST", "/v1/projects".into(), vec![stated, laws]);
    let consent = json!({"form": "f", "terms": ["DUO:0000042"], "document": "07".repeat(32)});
    let path = format!("/v1/subjects/{}/consents", things.subject);
    add("steward", "POST", path.clone(), fields(consent.clone(), &["form", "document", "from", "until"]));
    let mut terms = consent;
    terms["terms"] = json!([text]);
    add("steward", "POST", path, vec![terms]);
    let path = format!("/v1/subjects/{}/review", things.subject);
    add("steward", "POST", path, fields(json!({"newest": 0}), &["reason"]));
    let path = format!("/v1/projects/{project}/use");
    let approval = json!({"reasons": [text], "until": "2999-01-01T00:00:00Z"});
    add("steward", "POST", path, fields(approval, &["reason"]));
    let agreed = json!({
        "contract": "DUA", "party": "p", "document": "07".repeat(32), "until": "2999-01-01T00:00:00Z",
    });
    let path = format!("/v1/projects/{project}/agreements");
    add("steward", "POST", path, fields(agreed, &["contract", "party", "document"]));
    let offer =
        json!({"name": "n", "purposes": ["research"], "granularity": "genome", "frameworks": ["none"]});
    let path = format!("/v1/projects/{project}/datasets");
    add("steward", "POST", path, fields(offer, &["name", "granularity", "agreement"]));
    let asked = json!({
        "dataset": things.offered, "party": "p", "people": [text], "until": "2027-06-01T00:00:00Z", "reason": "r",
    });
    let path = format!("/v1/projects/{project}/applications");
    add("analyst", "POST", path.clone(), fields(asked, &["party", "reason"]));
    let path = format!("{path}/{}", things.application);
    add("analyst", "POST", path, fields(json!({"change": "report", "reason": "r"}), &["change", "reason"]));
    let naming = json!({"project": project, "account": "late"});
    add("admin", "POST", "/v1/administrators".into(), fields(naming, &["project", "account"]));
    add("admin", "POST", "/v1/accounts".into(), fields(json!({}), &["name"]));
    let member = json!({"account": "late", "role": "viewer"});
    add("manager", "POST", format!("/v1/projects/{project}/members"), fields(member, &["account", "role"]));
    let sheet = json!({"sheet": "a,b\n1,2\n", "manifest": "x"});
    add("analyst", "POST", format!("/v1/projects/{project}/packages"), fields(sheet, &["sheet", "manifest"]));
    let release = json!({"recipient": "x", "reason": "r"});
    let path = format!("/v1/objects/{}/release", things.object);
    add("exporter", "POST", path, fields(release, &["recipient", "reason"]));
    add("approver", "POST", "/v1/tools".into(), fields(json!({"name": "bwa"}), &["name"]));
    add("approver", "POST", "/v1/tools".into(), vec![json!({"name": "x", "programs": {text: text}})]);
    add("approver", "POST", "/v1/references".into(), fields(json!({}), &["label"]));
    let run = json!({"workflow": "germline", "reference": things.reference});
    let path = format!("/v1/samples/{sample}/runs");
    add("analyst", "POST", path.clone(), fields(run.clone(), &["workflow", "reference"]));
    let mut parameters = run;
    parameters["parameters"] = json!({"threads": text});
    add("analyst", "POST", path, vec![parameters]);
    let lists = ["regions", "genes", "consequences", "genotypes", "significance"];
    let queries = lists.iter().map(|name| json!({*name: [text]})).collect();
    add("analyst", "POST", format!("/v1/samples/{sample}/variants"), queries);
    add("nobody", "POST", "/v1/sessions".into(), fields(json!({}), &["token"]));
    add("auditor", "POST", "/v1/ledger/verify".into(), fields(json!({}), &["against"]));
    all
}

#[test]
fn nothing_that_somebody_types_stands_in_a_record() {
    let site = Site::copy();
    site.start();
    let things = Things::gather(&site);
    let before = site.events().len();
    let mut asked = 0;
    for text in canaries() {
        for (who, method, path, body) in spoilt(&things, &text) {
            let token = (who != "nobody").then(|| site.token(who));
            let body = serde_json::to_vec(&body).unwrap();
            http::call(&site.folder, token.as_deref(), method, &path, &body).unwrap();
            asked += 1;
        }
        // In paths, queries and the header that says who calls, as far as HTTP takes it.
        let short: String = text.chars().take(60).collect();
        let quoted: String = short.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in ["/v1/samples/", "/v1/runs/", "/v1/receipts/", "/v1/audit?about=", "/v1/audit?action="] {
            let (token, path) = (site.token("auditor"), format!("{path}{quoted}"));
            http::call(&site.folder, Some(&token), "GET", &path, b"").unwrap();
            asked += 1;
        }
    }
    // One that is recorded, so that everything before it is.
    site.json("auditor", &["ledger", "verify"]);
    // `events` finds each record on one line of its own, in order.
    let events = site.events();
    assert!(events.len() > before + asked / 2, "{asked} requests left {} events", events.len() - before);
    for leaf in &events {
        let text = leaf.to_string();
        assert!(!text.contains("c4n4ry") && text.len() < 16_384, "{text:.400}");
    }
    for segment in fs::read_dir(site.folder.join("ledger/segments")).unwrap() {
        let bytes = fs::read(segment.unwrap().path()).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"c4n4ry"));
        let control = bytes.iter().find(|b| **b < 0x20 && **b != b'\n' && **b != 0);
        assert_eq!(control, None);
    }
}
