//! A dataset from its checkpoint to the end of its loan, and what it gives meanwhile.

use crate::erasure::pass_the_floor;
use crate::site::{PATIENT, SAMPLE, Site};
use crate::story::sample_of;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::fs;

const PARTY: &str = "ror:05a28rw58";

/// Two projects of a site: one that lends, and one that would use what it has.
struct Two {
    site: Site,
    home: String,
    workspace: String,
    sample: String,
}

impl Two {
    fn new() -> Self {
        let site = Site::copy();
        site.start();
        let home = site.last("analyst", &["project", "list"]);
        for name in ["researcher", "outsider"] {
            site.invite(name);
        }
        let workspace = project(&site, "research", "DUO:0000042");
        for (name, role) in
            [("researcher", "analyst"), ("researcher", "data-exporter"), ("outsider", "analyst")]
        {
            site.json("manager", &["member", "add", &workspace, name, "--role", role]);
        }
        let sample = sample_of(&site);
        Self { site, home, workspace, sample }
    }

    fn offer<'a>(&'a self, verb: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let mut words = vec!["dataset", verb, &self.home, "--for", "research"];
        if !more.contains(&"--name") {
            words.extend(["--name", "Quixotic cohort"]);
        }
        words.extend(["--framework", "none"]);
        if !more.contains(&"--granularity") {
            words.extend(["--granularity", "genome"]);
        }
        words.extend(more);
        words
    }

    /// What the checkpoint finds.
    fn found(&self, more: &[&str]) -> Vec<(String, String)> {
        let mut words = self.offer("check", more);
        words.push("--json");
        let done = self.site.run("steward", &words);
        let told: Value = serde_json::from_str(&done.out).unwrap();
        let all = told["findings"].as_array().cloned().unwrap_or_default();
        assert_eq!(done.exit, if all.is_empty() { 0 } else { 5 }, "{} {}", done.out, done.err);
        all.iter().map(|one| (text(&one["what"]), text(&one["why"]))).collect()
    }

    fn refused(&self, who: &str, words: &[&str], code: &str, why: &str) {
        let done = self.site.run(who, words);
        assert!(
            done.exit != 0 && done.err.contains(code) && done.err.contains(why),
            "{words:?}: {}",
            done.err
        );
    }

    fn query(&self, project: Option<&str>) -> Vec<String> {
        let mut words = vec!["variant", "query", "--sample", &self.sample];
        words.extend(project.iter().flat_map(|project| ["--in", *project]));
        words.into_iter().map(str::to_owned).collect()
    }

    /// Asks for variants in the workspace, and is refused for this.
    fn no_more(&self, why: &str) {
        let words = self.query(Some(&self.workspace));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.refused("researcher", &words, "ACCESS-086", why);
    }

    fn given(&self) -> u64 {
        let words = self.query(Some(&self.workspace));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.site.json("researcher", &words)["total"].as_u64().unwrap()
    }

    fn apply(&self, dataset: &str) -> Vec<String> {
        let words =
            ["application", "make", &self.workspace, dataset, "--party", PARTY, "--person", "researcher"];
        let rest = ["--until", "in 200 days", "--reason", "a second cohort"];
        let until = base::Timestamp::now() + std::time::Duration::from_secs(200 * 24 * 3600);
        let until = until.to_string();
        let all = words.iter().chain(&rest).map(|word| word.replace("in 200 days", &until));
        all.collect()
    }

    fn asked(&self, dataset: &str) -> String {
        let words = self.apply(dataset);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        text(&self.site.json("researcher", &words)["id"])
    }
}

/// A dataset that is lent, and what was made of it: the application, the subject, the objects.
fn used(two: &Two) -> (String, String, Vec<String>) {
    let site = &two.site;
    site.json("steward", &["dataset", "verify", &two.home]);
    let dataset = text(&site.json("steward", &two.offer("publish", &[]))["dataset"]["id"]);
    let asked = two.asked(&dataset);
    site.json("steward", &["application", "approve", &two.home, &asked, "--reason", "committee of 3 May"]);
    let lent = site.json("researcher", &["dataset", "samples", &two.workspace]);
    let reference = site.last("approver", &["reference", "list"]);
    let start = ["run", "start", "germline", "--sample", &two.sample, "--reference", &reference];
    let start: Vec<&str> = start.into_iter().chain(["--in", &two.workspace, "--wait"]).collect();
    let done = site.json("researcher", &start);
    let made = done["results"].as_array().unwrap().iter().map(|one| text(&one["object"])).collect();
    (asked, text(&lent[0]["subject"]), made)
}

fn project(site: &Site, purpose: &str, term: &str) -> String {
    let create = format!(
        "project create --name Workspace --class research --purpose {purpose} --term {term} --granularity genome \
         --framework none --incidental not-reported --basis board --region EU --retention 90-days --consent NONE-5 \
         --administrator manager"
    );
    text(&site.json("admin", &create.split_whitespace().collect::<Vec<_>>())["id"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_dataset_is_lent_where_it_lies_and_taken_back_at_once() {
    let two = Two::new();
    let site = &two.site;
    // Nothing is published that was not compared, and nothing less than it is.
    let missing = two.found(&[]);
    assert!(missing.len() == 2 && missing.iter().all(|(what, _)| what == "digest"), "{missing:?}");
    two.refused("steward", &two.offer("publish", &[]), "SHARING-003", "never compared");
    let verified = site.json("steward", &["dataset", "verify", &two.home]);
    assert_eq!(
        (verified["matching"].as_u64(), verified["differing"].as_array().unwrap().len()),
        (Some(2), 0)
    );
    assert_eq!(two.found(&[]), []);
    let less = two.found(&["--granularity", "panel"]);
    assert!(matches!(less.as_slice(), [(what, _)] if what == "granularity"), "{less:?}");
    let looser = two.found(&["--term", "DUO:0000004"]);
    assert!(matches!(looser.as_slice(), [(what, _)] if what == "terms"), "{looser:?}");
    let sold = two.found(&["--for", "commercial", "--term", "DUO:0000042", "--term", "DUO:0000046"]);
    assert!(matches!(sold.as_slice(), [(what, _)] if what == "purpose"), "{sold:?}");
    let named = two.found(&["--name", "of zorbina@ward.example"]);
    assert!(matches!(named.as_slice(), [(what, _)] if what == "identifiers"), "{named:?}");
    let published = site.json("steward", &two.offer("publish", &["--agreement", "DUA"]));
    let dataset = text(&published["dataset"]["id"]);
    let listed = site.run("outsider", &["dataset", "list"]).out;
    assert!(listed.contains(&dataset) && !listed.contains(SAMPLE) && !listed.contains(PATIENT), "{listed}");

    // An application that could never hold is refused at once.
    let care = project(site, "methods", "DUO:0000042");
    site.json("manager", &["member", "add", &care, "researcher", "--role", "analyst"]);
    let words = two.apply(&dataset);
    let words: Vec<&str> =
        words.iter().map(|word| if *word == two.workspace { care.as_str() } else { word }).collect();
    two.refused("researcher", &words, "SHARING-004", "not offered for methods");
    let ancestry = project(site, "research", "DUO:0000011");
    site.json("manager", &["member", "add", &ancestry, "researcher", "--role", "analyst"]);
    let asked = two.asked(&dataset);
    let start = ["run", "start", "germline", "--sample", &two.sample, "--reference"];
    let reference = site.last("approver", &["reference", "list"]);
    let start: Vec<&str> = start.into_iter().chain([&*reference, "--in", &two.workspace, "--wait"]).collect();
    let absent = site.run("researcher", &start);
    assert_eq!(absent.exit, 3, "nothing was approved yet: {}", absent.err);

    // A steward answers; the agreement that the dataset asks for is still missing.
    let answer = ["application", "approve", &two.home, &asked, "--reason", "committee of 3 May"];
    site.json("steward", &answer);
    two.refused("researcher", &start, "ACCESS-086", "no DUA with");
    let until = (base::Timestamp::now() + std::time::Duration::from_secs(100 * 24 * 3600)).to_string();
    let document = format!("sha256:{}", "07".repeat(32));
    let words = ["agreement", "add", &two.home, "--kind", "DUA", "--party", PARTY, "--document", &document];
    let agreed = site.json("steward", &words.into_iter().chain(["--until", &until]).collect::<Vec<_>>());
    two.refused("outsider", &start, "ACCESS-086", "does not name you");
    let lent = site.json("researcher", &["dataset", "samples", &two.workspace]);
    assert_eq!((lent[0]["id"].as_str(), lent[0]["dataset"].as_str()), (Some(&*two.sample), Some(&*dataset)));
    assert!(!lent.to_string().contains(SAMPLE) && !lent.to_string().contains(PATIENT), "{lent}");
    assert_eq!(site.json("outsider", &["dataset", "samples", &two.workspace]), serde_json::json!([]));
    let done = site.json("researcher", &start);
    assert_eq!(
        (done["state"].as_str(), done["project"].as_str()),
        (Some("done"), Some(&*two.workspace)),
        "{done}"
    );

    // What it made is the workspace's, the same as at home, and for those alone whom the application names.
    let words = two.query(None);
    let own = site.json("viewer", &words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(two.given(), own["total"].as_u64().unwrap());
    let words = two.query(Some(&two.workspace));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    two.refused("outsider", &words, "ACCESS-086", "does not name you");
    assert_eq!(site.run("viewer", &words).exit, 3, "the home's people are not the workspace's");
    let report = site.room.join("lent.html");
    let words = ["report", "show", &two.sample, "--in", &two.workspace, "--out", report.to_str().unwrap()];
    assert_eq!(site.run("researcher", &words).exit, 0);
    let page = fs::read_to_string(&report).unwrap();
    assert!(!page.contains(SAMPLE) && !page.contains(PATIENT));
    assert_eq!(site.run("researcher", &["sample", "show", &two.sample]).exit, 3);
    let results = done["results"].as_array().unwrap();
    let variants = results.iter().find(|one| one["kind"] == "variants").unwrap();
    let key = site.room.join("recipient.pub");
    let get = ["object", "get", variants["object"].as_str().unwrap(), "--to", key.to_str().unwrap()];
    let get: Vec<&str> = get.into_iter().chain(["--reason", "home"]).collect();
    two.refused("researcher", &get, "ACCESS-086", "used where it lies");

    // The person's own chain has it, and how it stands at home counts.
    let subject = text(&lent[0]["subject"]);
    let seen = site.json("auditor", &["audit", "who-saw", &subject]);
    let by = seen["accesses"].as_array().unwrap().iter().filter(|one| one["name"] == "researcher");
    let did: Vec<String> = by.map(|one| text(&one["did"])).collect();
    assert!(did.iter().any(|words| words.starts_with("asked for a workflow run")), "{seen}");
    assert_eq!(seen["complete"], true);
    site.json("steward", &["consent", "withdraw", &subject]);
    two.no_more("the person forbids all use");
    let lent = site.json("researcher", &["dataset", "samples", &two.workspace]);
    assert_eq!(lent, serde_json::json!([]), "who withdrew is not shown");
    let record = ["consent", "record", &subject, "--form", "broad-1", "--document", &document, "--term"];
    site.json("steward", &record.into_iter().chain(["DUO:0000042"]).collect::<Vec<_>>());
    site.json("steward", &["consent", "review", &subject]);
    two.given();

    // Whoever may end it does, and the next question is refused.
    site.json("steward", &["agreement", "end", &two.home, agreed["id"].as_str().unwrap()]);
    two.no_more("no DUA with");
    let words = ["agreement", "add", &two.home, "--kind", "DUA", "--party", PARTY, "--document", &document];
    site.json("steward", &words.into_iter().chain(["--until", &until]).collect::<Vec<_>>());
    two.given();
    site.json("steward", &["application", "deny", &two.home, &asked, "--reason", "it was misused"]);
    two.no_more("the application is denied");
    let again = two.asked(&dataset);
    site.json("steward", &["application", "approve", &two.home, &again, "--reason", "mended"]);
    two.given();
    site.json("steward", &["dataset", "close", &two.home, &dataset]);
    two.no_more("its home closed the dataset");
    site.assert_sound();
}

#[test]
fn the_report_of_somebody_names_what_others_made_and_whom_it_is_lent_to() {
    let two = Two::new();
    let site = &two.site;
    let subject = text(&site.json("analyst", &["sample", "show", &two.sample])["subject"]);
    let report = || site.json("steward", &["subject", "report", &subject]);
    assert!(report()["elsewhere"].is_null() && report()["loans"].is_null(), "nothing was ever lent");
    let (application, lent, mut made) = used(&two);
    assert_eq!(lent, subject);
    let told = report();
    let loan = &told["loans"][0];
    assert_eq!(
        (&loan["application"], &loan["project"], &loan["party"], &loan["usable"], &loan["samples"]),
        (
            &Value::from(&*application),
            &Value::from(&*two.workspace),
            &Value::from(PARTY),
            &Value::Bool(true),
            &serde_json::json!([two.sample])
        )
    );
    let elsewhere = told["elsewhere"].as_array().unwrap();
    let mut named: Vec<String> = elsewhere.iter().map(|one| text(&one["object"])).collect();
    named.sort();
    made.sort();
    assert_eq!(named, made);
    for one in elsewhere {
        let mut keys: Vec<&String> = one.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(
            keys,
            ["applications", "created_at", "object", "project", "sample"],
            "ids and dates alone"
        );
        assert_eq!(one["project"], two.workspace.as_str());
        assert_eq!(one["applications"], serde_json::json!([application]));
    }
    let stored: Vec<String> =
        told["objects"].as_array().unwrap().iter().map(|one| text(&one["id"])).collect();
    assert!(stored.iter().all(|id| !made.contains(id)), "what is stored at home is told apart");
    let page = site.run("steward", &["subject", "report", &subject]).out;
    assert!(page.contains("what other projects made of it") && page.contains(&made[0]), "{page}");
    // Of others, and for others: the workspace has no such right.
    assert_eq!(site.run("researcher", &["subject", "report", &subject]).exit, 3);
    // How it stands at home counts, and what ended.
    site.json("steward", &["consent", "withdraw", &subject]);
    assert_eq!(report()["loans"][0]["usable"], false);
    let document = format!("sha256:{}", "07".repeat(32));
    let record = ["consent", "record", &subject, "--form", "broad-1", "--document", &document, "--term"];
    site.json("steward", &record.into_iter().chain(["DUO:0000042"]).collect::<Vec<_>>());
    site.json("steward", &["consent", "review", &subject]);
    assert_eq!(report()["loans"][0]["usable"], true);
    site.json("steward", &["application", "deny", &two.home, &application, "--reason", "it was misused"]);
    let ended = report();
    assert_eq!(
        (&ended["loans"][0]["usable"], &ended["elsewhere"]),
        (&Value::Bool(false), &told["elsewhere"])
    );
    // Another loan to the same project gives by itself: the one that ended does not come back.
    let again = two.asked(&text(&loan["dataset"]));
    site.json("steward", &["application", "approve", &two.home, &again, "--reason", "mended"]);
    let both = report();
    let stands = |one: &Value| (text(&one["application"]), one["usable"] == true);
    let stands: Vec<_> = both["loans"].as_array().unwrap().iter().map(stands).collect();
    assert_eq!(stands, [(application, false), (again, true)]);
    site.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_of_an_erasure_names_what_others_made() {
    let two = Two::new();
    let site = &two.site;
    let (_, subject, made) = used(&two);
    site.lock();
    pass_the_floor(site).await;
    let shred = ["keys", "shred", "--project", &two.home, "--subject", &subject, "--yes"];
    let done = site.json("steward", &shred);
    let there = serde_json::json!([{"project": two.workspace, "objects": made.len()}]);
    assert_eq!(done["elsewhere"], there, "{done}");
    let envelope: Value = serde_json::from_str(done["certificates"][0]["receipt"].as_str().unwrap()).unwrap();
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    let named = statement["subject"].as_array().unwrap();
    assert_eq!(Some(named.len() as u64), done["objects"].as_u64());
    let parameters = &statement["predicate"]["parameters"];
    let mut stated: Vec<&str> =
        parameters[format!("made in {}", two.workspace)].as_str().unwrap().split(", ").collect();
    let mut expected: Vec<&str> = made.iter().map(String::as_str).collect();
    stated.sort_unstable();
    expected.sort_unstable();
    assert_eq!(stated, expected);
    assert!(made.iter().all(|id| statement["subject"].to_string().contains(id.as_str())), "{statement}");
    assert_eq!(parameters[format!("made in {}", two.home)], Value::Null, "what is of the home needs no word");
    let words = two.query(Some(&two.workspace));
    assert_ne!(site.run("researcher", &words.iter().map(String::as_str).collect::<Vec<_>>()).exit, 0);
    site.assert_sound();
}

#[test]
fn terms_together_and_lists_of_others() {
    let two = Two::new();
    let site = &two.site;
    site.json("steward", &["dataset", "verify", &two.home]);
    // A dataset for research about origins, and one for research about health: one workspace cannot have both.
    let origins = two.offer("publish", &["--term", "DUO:0000011"]);
    let origins = text(&site.json("steward", &origins)["dataset"]["id"]);
    let health = two.offer("publish", &["--term", "DUO:0000006"]);
    let health = text(&site.json("steward", &health)["dataset"]["id"]);
    let mut wrong = two.apply(&health);
    wrong.extend(["--person".to_owned(), "nobody".to_owned(), "--person".to_owned(), "viewer".to_owned()]);
    let wrong: Vec<&str> = wrong.iter().map(|word| if word == PARTY { "a party" } else { word }).collect();
    let told = site.run("researcher", &wrong);
    assert!(
        told.exit == 2 && ["party", "`nobody`", "`viewer`"].iter().all(|one| told.err.contains(one)),
        "{}",
        told.err
    );
    let told =
        site.run("steward", &two.offer("publish", &["--granularity", "all", "--name", " ", "--term", "x"]));
    assert!(
        told.exit == 2 && ["`all`", "name", "`x`"].iter().all(|one| told.err.contains(one)),
        "{}",
        told.err
    );
    let first = two.asked(&health);
    let answer = ["application", "approve", &two.home, &first, "--reason", "committee"];
    let left = site.json("steward", &["application", "show", &two.home, &first]);
    assert_eq!(left["reasons"].as_array().unwrap().len(), 1, "research that states no subject: {left}");
    assert_eq!(left["reason"], "a second cohort");
    assert!(left["use"].as_array().unwrap().contains(&"research".into()), "{left}");
    let seen = site.json("researcher", &["application", "show", &two.workspace, &first]);
    let theirs = ["reasons", "reason"].map(|field| seen.get(field));
    assert_eq!(theirs, [None, None], "what is left to the home's steward, and said to them, is theirs");
    two.refused("steward", &answer, "CLI-001", "give `--yes`");
    let one = site.run("steward", &[&answer[..], &["--json"]].concat());
    assert!(serde_json::from_str::<Value>(&one.out).is_ok(), "one document: {}", one.out);
    site.json("steward", &[&answer[..], &["--yes"]].concat());
    let words = two.apply(&origins);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    two.refused("researcher", &words, "SHARING-004", &health);
    let alone = site.run("researcher", &["use", "combine", "DUO:0000006", "DUO:0000011"]);
    assert_eq!(alone.exit, 5, "{}", alone.err);
    let stricter =
        site.run("researcher", &["use", "combine", "DUO:0000042 DUO:0000045", "DUO:0000006 DUO:0000046"]);
    assert_eq!(stricter.out.trim(), "DUO:0000006 DUO:0000018");

    // A list of who is authorized is shown, and applied as it was shown.
    let list = site.room.join("authorized.csv");
    let import = |more: &[&str]| {
        let mut words = vec!["application", "import", &two.home, &first, "--list", list.to_str().unwrap()];
        words.extend(["--study", "phs000178"]);
        words.extend(more);
        words.push("--json");
        site.run("steward", &words)
    };
    fs::write(&list, "login,status,phsid\noutsider,active,phs000178.v1.p1.c1\noutsider,active,phs000178.v1.p1.c2\nstranger,active,phs000178\nviewer,active,phs000178\nmanager,active,phs9\n")
        .unwrap();
    let shown: Value = serde_json::from_str(&import(&[]).out).unwrap();
    assert_eq!(
        (&shown["added"], &shown["removed"]),
        (&serde_json::json!([{"name": "outsider"}]), &serde_json::json!(["researcher"]))
    );
    // Who has an account and no role in the workspace is told of as who has none.
    let unknown = serde_json::json!(["stranger", "viewer"]);
    assert_eq!((&shown["unknown"], &shown["applied"]), (&unknown, &Value::Bool(false)));
    assert_eq!(shown["repeated"], serde_json::json!(["outsider"]));
    let digest = text(&shown["digest"]);
    assert!(import(&["--confirm", &"0".repeat(64)]).err.contains("SHARING-007"));
    fs::write(&list, "login,status,phsid,expires\noutsider,active,phs000178,2999-06-30\n").unwrap();
    assert!(import(&["--confirm", &digest]).err.contains("SHARING-007"), "another list was confirmed");
    let shown: Value = serde_json::from_str(&import(&[]).out).unwrap();
    let done = import(&["--confirm", &text(&shown["digest"])]);
    assert_eq!(done.exit, 0, "{}", done.err);
    let now = site.json("steward", &["application", "show", &two.home, &first]);
    assert_eq!(now["people"], serde_json::json!([{"name": "outsider", "until": "2999-06-30T23:59:59Z"}]));
    assert_eq!(site.run("researcher", &["whoami"]).exit, 0, "their account is as it was");
    fs::write(&list, "name\noutsider\n").unwrap();
    assert!(import(&[]).err.contains("SHARING-002"));
}
