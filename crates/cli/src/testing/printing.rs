//! What commands print, and the offline check of receipts.

use super::*;
use base::{Blake3, ProjectId, ReferenceId, RunId, SampleId};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

fn a_run(state: &str) -> serde_json::Value {
    json!({
        "id": RunId::mint(&SystemEntropy), "project": ProjectId::mint(&SystemEntropy),
        "sample": SampleId::mint(&SystemEntropy), "reference": ReferenceId::mint(&SystemEntropy),
        "workflow": "germline", "workflow_digest": Blake3([1; 32]), "state": state, "step": "align-0",
        "started_at": "2031-05-14T10:00:00Z", "log": ["last \u{1b}]0;line"], "results": [],
        "tasks": [{"name": "trim-0", "state": "done", "seconds": 1.5}, {"name": "align-0", "state": state, "seconds": 2.0}],
    })
}

fn start(site: &Site, more: &str) -> Came {
    let (sample, reference) = (SampleId::mint(&SystemEntropy), ReferenceId::mint(&SystemEntropy));
    site.run(&format!("run start germline --sample {sample} --reference {reference} --set threads=4{more}"))
}

/// A run that ends in `state` at the third look.
fn site_with_run(state: &'static str) -> Site {
    let looks = AtomicUsize::new(0);
    Site::open(move |_| match looks.fetch_add(1, Ordering::SeqCst) {
        0..3 => Reply::Json(200, a_run("running")),
        _ => Reply::Json(200, a_run(state)),
    })
}

#[test]
fn a_run_is_started_and_left_or_waited_for() {
    let site = site_with_run("done");
    let came = start(&site, "");
    assert!(came.code == 0 && came.out.starts_with("run_") && came.out.lines().count() == 1, "{came:?}");
    let body: serde_json::Value = serde_json::from_slice(&site.seen()[0].body).unwrap();
    assert_eq!(body["parameters"], json!({"threads": "4"}));
    assert_eq!(site.seen().len(), 1);

    let site = site_with_run("done");
    let came = start(&site, " --wait");
    assert_eq!((came.code, site.seen().len()), (0, 4), "{came:?}");
    assert!(came.err.contains("align-0                  done"), "{}", came.err);

    let site = site_with_run("failed");
    let came = start(&site, " --wait");
    assert_eq!(came.code, 5, "{came:?}");
    assert!(came.err.contains("the run is failed (CLI-028)\n  - last \\u{1b}]0;line"), "{}", came.err);
    let site = site_with_run("failed");
    let came = start(&site, " --wait --json");
    assert_eq!(serde_json::from_str::<api::Problem>(&came.out).unwrap().code, "CLI-028");
}

#[test]
fn a_run_between_two_steps_says_nothing_of_its_step() {
    let looks = AtomicUsize::new(0);
    let site = Site::open(move |_| {
        let mut run = a_run("running");
        run["step"] = "".into();
        match looks.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::Json(200, run),
            1 => Reply::Json(200, a_run("running")),
            _ => Reply::Json(200, a_run("done")),
        }
    });
    let came = site.run(&format!("run show {} --follow", RunId::mint(&SystemEntropy)));
    let steps: Vec<&str> = came.err.lines().filter(|line| line.starts_with("running:")).collect();
    assert_eq!(steps, ["running: align-0"], "{came:?}");
}

#[test]
fn a_run_is_shown_with_tasks_and_log() {
    let run = a_run("running");
    let site = Site::open(move |_| Reply::Json(200, run.clone()));
    let came = site.run(&format!("run show {}", RunId::mint(&SystemEntropy)));
    assert!(came.code == 0 && came.out.contains("state      running"), "{came:?}");
    assert!(came.out.contains("trim-0") && came.out.contains("last \\u{1b}]0;line"), "{}", came.out);
}

fn an_answer() -> serde_json::Value {
    json!({
        "total": 1, "rule": "rank/1", "notes": ["no gene models"],
        "counts": {"impact": {"high": 1}},
        "rows": [{
            "rank": 1, "score": 90, "contig": "chr1", "position": 1234, "reference": "A".repeat(40), "alternate": "G",
            "genotype": "0/1", "zygosity": "heterozygous", "gene": "GEN1", "transcript": null, "consequence": "stop_gained",
            "impact": "high", "amino_acid_change": "12Q>12*", "quality": 88.4, "filter": "PASS", "depth": 30,
            "frequency": 0.0001, "significance": "pathogenic", "conditions": ["C1"],
            "reasons": [{"factor": "consequence", "value": "stop_gained", "points": 60, "words": "the protein ends early"}],
        }],
    })
}

#[test]
fn variants_are_rows_reasons_counts_or_json() {
    let site = Site::open(|_| Reply::Json(200, an_answer()));
    let sample = SampleId::mint(&SystemEntropy);
    let ask = |more: &str| site.run(&format!("variant query --sample {sample}{more}"));
    let came = ask(" --gene GEN1 --region chr1 --max-frequency 0.01 --passing --limit 7");
    assert!(
        came.out.starts_with("RANK") && came.out.contains("chr1:1234") && came.out.contains("… (40)>G"),
        "{came:?}"
    );
    assert!(came.err.contains("note: no gene models") && came.err.contains("rank/1"));
    let asked: api::variant::Query = serde_json::from_slice(&site.seen()[0].body).unwrap();
    assert_eq!((asked.limit, asked.passing, asked.max_frequency), (Some(7), true, Some(0.01)));
    assert_eq!((asked.genes, asked.regions), (vec!["GEN1".to_owned()], vec!["chr1".to_owned()]));
    assert!(ask(" --why").out.contains("+60  consequence stop_gained: the protein ends early"));
    let came = ask(" --count");
    assert!(came.out.contains("impact") && !came.out.contains("chr1"), "{came:?}");
    let asked: api::variant::Query = serde_json::from_slice(&site.seen()[2].body).unwrap();
    assert_eq!(asked.limit, Some(0));
    let came = ask(" --json");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&came.out).unwrap(), an_answer());
}

#[test]
fn each_refused_visa_is_explained_below_the_table() {
    let refused = |visa: u64, code: &str, subject: Option<&str>| json!({"visa": visa, "issuer": "ega", "outcome": "refused", "code": code, "why": "it is not", "hint": "do", "subject": subject});
    let two = [refused(2, "ACCESS-078", Some("7f3a")), refused(3, "JWT-006", None)];
    let present = |first: serde_json::Value| {
        let answer = json!([first, two[0], two[1]]);
        let site = Site::open(move |_| Reply::Json(200, answer.clone()));
        let file = site.file("passport", "a.b.c");
        site.run(&format!("passport present {}", file.display()))
    };
    let lines = [
        "visa 2 of ega: it is not (ACCESS-078); its subject is 7f3a; hint: do",
        "visa 3 of ega: it is not (JWT-006); hint: do",
    ];
    let came = present(json!({"visa": 1, "outcome": "good"}));
    assert_eq!((came.code, came.err), (0, format!("{}\n{}\n", lines[0], lines[1])));
    let came = present(refused(1, "ACCESS-078", Some("first")));
    let all = format!(
        "error: visa 1 of ega: it is not (ACCESS-078)\n  - its subject is first\n  - {}\n  - {}\nhint: do\n",
        lines[0], lines[1]
    );
    assert_eq!((came.code, came.err), (4, all));
}

#[test]
fn quiet_leaves_data_alone_and_raw_answers_stay_as_they_are() {
    let site = Site::open(|_| Reply::Bytes(b"<html>\x1b raw</html>".to_vec()));
    let sample = SampleId::mint(&SystemEntropy);
    let came = site.run(&format!("report show {sample} --quiet"));
    assert_eq!((came.code, came.out.as_str(), came.err.as_str()), (0, "<html>\u{1b} raw</html>", ""));
    let out = site.temp.path().join("case.html");
    assert_eq!(site.run(&format!("report show {sample} --out {}", out.display())).code, 0);
    assert_eq!(std::fs::read(out).unwrap(), b"<html>\x1b raw</html>");
}

#[test]
fn a_receipt_is_checked_offline_and_any_change_is_refused() {
    let site = Site::locked(|_| Reply::Bytes(Vec::new()));
    let (bytes, public) = a_receipt(&site);
    let (file, key) = (site.file("receipt.json", &bytes), site.file("site.pub", public));
    let line = format!("sequestra receipt verify {} --site-key {}", file.display(), key.display());
    let verify = |line: &str| run(&line.split(' ').map(str::to_owned).collect::<Vec<_>>(), &site);
    let came = verify(&line);
    assert!(came.code == 0 && came.out.starts_with("the receipt holds\n"), "{came:?}");
    assert!(came.out.contains("parameter min-quality = 20") && came.out.contains("a workflow ran: run_"));
    let json: serde_json::Value = serde_json::from_str(&verify(&format!("{line} --json")).out).unwrap();
    assert_eq!(json["position"], 1);
    for at in (0..bytes.len()).step_by(97) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        site.file("receipt.json", &changed);
        let came = verify(&line);
        assert!(came.out.is_empty() && came.err.contains("RECEIPT-"), "{at}: {came:?}");
        assert_eq!(came.code, 7, "{at}: {came:?}");
    }
    site.file("site.pub", "no keys");
    assert_eq!(verify(&line).code, 2);
}

fn a_receipt(site: &Site) -> (Vec<u8>, String) {
    const NAME: &str = "site.example/ledger";
    let [key, receipts] = [1, 2].map(|seed| ::ledger::SigningKey::from_seed(&[seed; 32]).unwrap());
    let clock = Arc::new(base::SystemClock::default());
    let log = ::ledger::Ledger::create(&site.temp.path().join("ledger"), NAME, key.clone(), clock).unwrap();
    let place = ::receipt::Ledger { origin: NAME.to_owned(), position: 0 };
    let time = ("2031-05-14T10:00:00Z".parse().unwrap(), "2031-05-14T10:01:00Z".parse().unwrap());
    let actor = base::UserId::mint(&SystemEntropy).to_string();
    let run = RunId::mint(&SystemEntropy).to_string();
    let mut said = ::receipt::Predicate::new(::receipt::What::Run, run, site.id.clone(), actor, time, place);
    said.parameters.insert("min-quality".to_owned(), "20".to_owned());
    let output = ::receipt::Object { id: base::ObjectId::mint(&SystemEntropy), root: Blake3([4; 32]) };
    let envelope = ::receipt::sign(&::receipt::Statement::new([output], said), &receipts).unwrap();
    let append = |body: serde_json::Value| {
        let entry = ::ledger::Entry::new(["run_a"], ::ledger::Body::of(&body).unwrap()).unwrap();
        log.append_blocking(entry).unwrap().position
    };
    append(json!({"event": "decision"}));
    let at = append(json!({"event": "receipt-issued", "payload": envelope.payload_digest().unwrap()}));
    let inclusion = ::receipt::Inclusion::from_ledger(&log, at).unwrap();
    let public = ::receipt::SitePublic {
        site: site.id.clone(),
        ledger: key.verifier(NAME).unwrap(),
        receipts: receipts.verifier("site.example/receipts").unwrap(),
    };
    (::receipt::Receipt { envelope, inclusion }.to_json().unwrap(), public.to_string())
}
