//! How failures are told, and the codes that commands end with.

use super::*;
use base::Kind;
use serde_json::json;

#[test]
fn a_problem_is_told_with_findings_and_hint_and_cannot_drive_the_terminal() {
    let problem = json!({
        "code": "INTAKE-003", "kind": "invalid", "message": "the sheet breaks 2 rules\u{1b}[2J",
        "hint": "remove the column\nerror: forged", "findings": ["row 1, `patient_name`: a name", "row\u{9b}2"],
    });
    let sent = problem.clone();
    let site = Site::open(move |_| Reply::Json(422, sent.clone()));
    let came = site.run("project list");
    assert_eq!((came.code, came.out.as_str()), (2, ""));
    assert_eq!(
        came.err,
        "error: the sheet breaks 2 rules\\u{1b}[2J (INTAKE-003)\n  - row 1, `patient_name`: a name\n  - row\\u{9b}2\n\
         hint: remove the column\\nerror: forged\n"
    );
    let came = site.run("project list --json --quiet");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&came.out).unwrap(), problem);
    assert!(!came.out.contains('\u{9b}') && came.err.contains("INTAKE-003"));
}

#[test]
fn each_kind_of_failure_has_its_exit_code() {
    for (kind, code) in [
        (Kind::Invalid, 2),
        (Kind::NotFound, 3),
        (Kind::Denied, 4),
        (Kind::Conflict, 5),
        (Kind::Unavailable, 6),
        (Kind::Integrity, 7),
        (Kind::Internal, 8),
    ] {
        let status = api::problem::status(kind);
        let site =
            Site::open(move |_| Reply::Json(status, json!({"code": "X-001", "kind": kind, "message": "m"})));
        assert_eq!(site.run("account list").code, code, "{kind}");
    }
    let site = Site::open(|_| Reply::Json(500, json!({"no": "problem"})));
    let came = site.run("account list");
    assert!(came.code == 8 && came.err.contains("(CLI-017)"), "{came:?}");
}

#[test]
fn mistakes_in_the_arguments_end_with_2() {
    let site = Site::open(|_| Reply::Bytes(Vec::new()));
    for line in [
        "frobnicate",
        "project",
        "sample show run_0123456789abcdefghjk",
        "member add prj_0123456789abcdefghjk x --role king",
        "audit search --about nobody",
        "receipt show ../../x",
        "tool add",
        "tool add --all bwa",
        "run start germline --sample smp_0123456789abcdefghjk --reference ref_0123456789abcdefghjk --set x",
        "run start germline --sample smp_0123456789abcdefghjk --reference ref_0123456789abcdefghjk --wait --detach",
        "object get obj_0123456789abcdefghjk --to x",
    ] {
        let came = site.run(line);
        assert_eq!((came.code, came.out.as_str()), (2, ""), "{line}: {came:?}");
        assert!(came.err.starts_with("error: ") || came.err.contains("Usage:"), "{line}: {came:?}");
        let json = site.run(&format!("{line} --json"));
        assert_eq!(json.code, 2);
        assert_eq!(serde_json::from_str::<api::Problem>(&json.out).unwrap().code, "CLI-001", "{line}");
    }
    assert!(site.seen().is_empty());
    let help = run(&["sequestra".to_owned(), "--help".to_owned()], &site);
    assert!(help.code == 0 && help.out.contains("Exit codes:") && help.err.is_empty());
}

#[test]
fn a_mistake_is_told_with_what_to_do() {
    let site = Site::open(|_| Reply::Bytes(Vec::new()));
    let file = site.file("file", "words").display().to_string();
    let id = "0123456789abcdefghjk";
    for (line, words) in [
        (
            format!("member remove prj_{id} x --role analyst"),
            "all of a person's roles in the project are taken",
        ),
        (
            format!("member add prj_{id} x --role boss"),
            "data-exporter, project-administrator, data-steward, honest-broker, support-observer, emergency",
        ),
        (
            "account grant x --role boss".to_owned(),
            "expected one of auditor, pipeline-approver, platform-administrator",
        ),
        ("door certificate --days 0".to_owned(), "1..=3650"),
        ("audit search --about worker".to_owned(), "`account list`"),
        ("controls run".to_owned(), "--all"),
        ("remote add läb https://lab.example".to_owned(), "hint: `--help` after the command"),
        (format!("policy propose {file}"), "(CLI-061)\nhint: name the folder"),
        (
            format!("service login --key {file} --service svc_{id} --key-id crd_{id} --for usr_{id}"),
            "(CLI-060)\nhint: give the file that `sequestra service enrol",
        ),
    ] {
        let came = site.run(&line);
        assert!(came.code == 2 && came.err.contains(words), "{line}: {came:?}");
    }
    assert!(!site.run(&format!("member remove prj_{id} x --help")).out.contains("--role"));
    let came = site.run(&format!("serve --passphrase-file {file}"));
    assert!(came.code == 5 && came.err.contains("(CLI-053)"), "{came:?}");
    assert!(site.seen().is_empty() && site.started_with().is_empty());
}

#[test]
fn a_record_that_does_not_hold_ends_with_7() {
    let verification = |against: &str, findings: serde_json::Value| json!({"size": 3, "root": "r", "commits": 1, "tiles": 1, "against": against, "findings": findings});
    for (body, words) in [
        (verification("consistent", json!(["tile 2 differs"])), "tile 2 differs"),
        (verification("diverged", json!([])), "another history"),
        (verification("ahead", json!([])), "rolled back"),
    ] {
        let site = Site::open(move |_| Reply::Json(200, body.clone()));
        let came = site.run("ledger verify");
        assert!(came.code == 7 && came.err.contains(words) && came.out.is_empty(), "{came:?}");
    }
    let sound = verification("consistent", json!([]));
    let site = Site::open(move |_| Reply::Json(200, sound.clone()));
    let checkpoint = site.file("checkpoint", "the checkpoint\n");
    let came = site.run(&format!("ledger verify --against {}", checkpoint.display()));
    assert!(came.code == 0 && came.out.contains("of this ledger's past"), "{came:?}");
    assert_eq!(site.seen()[0].body, br#"{"against":"the checkpoint\n"}"#);

    for (complete, broken, code) in [(true, false, 0), (false, false, 0), (false, true, 7)] {
        let history = json!({
            "events": [], "chains": ["a"], "size": 9, "from": 3, "complete": complete, "broken": broken,
            "why_not": (!complete).then_some("a reason"), "cursor": (!complete).then_some("9.3"),
        });
        let site = Site::open(move |_| Reply::Json(200, history.clone()));
        let came = site.run("audit search --about smp_0123456789abcdefghjk");
        assert_eq!(came.code, code);
        assert_eq!(came.err.contains("complete by proof up to ledger size 9"), complete);
        assert_eq!(came.err.contains("a reason"), !complete, "{came:?}");
        assert_eq!(came.err.contains("--cursor 9.3"), !complete && !broken, "{came:?}");
        assert_eq!(site.run("audit search --json --about smp_0123456789abcdefghjk").code, code);
    }
}

#[test]
fn what_the_host_says_is_told_with_its_code() {
    let site = Site::locked(|_| Reply::Bytes(Vec::new()));
    let host = |line: &str| run(&line.split(' ').map(str::to_owned).collect::<Vec<_>>(), &site);
    let came = host("sequestra demo");
    assert_eq!(
        (came.code, came.out.as_str(), came.err.as_str()),
        (3, "story\n", "error: no such run (RUNS-001)\n")
    );
    let came = host("sequestra doctor");
    assert!(came.code == 6 && came.out.contains("MISSING") && !came.out.contains('\u{1b}'), "{came:?}");
    let came = host("sequestra doctor --json");
    let json: serde_json::Value = serde_json::from_str(&came.out).unwrap();
    assert_eq!((came.code, &json["findings"][0]["state"]), (6, &json!("missing")));
    assert_eq!(host("sequestra demo-data made --seed 1").out, "made/reference.fa\n");
    assert!(host("sequestra completion bash").out.contains("_sequestra"));
}
