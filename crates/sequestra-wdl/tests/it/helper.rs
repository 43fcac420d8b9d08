//! The helper itself: what it prints, hands over, and refuses.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::jail::{Ended, Jail};

const GREET: &str = r#"version 1.2
workflow greet {
    input { Array[String]+ names File letter Int fail = 0 }
    scatter (name in names) { call write { name, letter, fail } }
    output { Array[File] letters = write.out  Int count = length(names)  String? nothing = None }
}
task write {
    input { env String name env File letter env Int fail }
    command <<<
        set -euo pipefail
        { cat "$letter"; printf ' %s\n' "$name"; } > made.txt
        ln -s made.txt linked.tar.gz
        printf 'about to end with %s\n' "$fail" >&2
        exit "$fail"
    >>>
    output { File out = "linked.tar.gz" }
}
"#;

fn greet(workflow: &str, inputs: serde_json::Value) -> (Jail, Ended) {
    let jail = Jail::new(&["bash", "cat", "ln"]);
    jail.write("workflow/greet.wdl", workflow);
    jail.write("in/letter.txt", "dear");
    jail.write("in/inputs.json", inputs.to_string());
    let ended = jail.run("greet.wdl");
    (jail, ended)
}

fn good() -> serde_json::Value {
    json!({ "greet.names": ["a $(id)", "b'\"`"], "greet.letter": "/in/letter.txt" })
}

/// Every file below a directory, for comparing before and after.
fn below(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() && !entry.path().is_symlink() {
            found.extend(below(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn a_workflow_runs_and_hands_over_regular_files() {
    let (jail, ended) = greet(GREET, good());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        jail.outputs(),
        json!({ "letters": ["letters_0.tar.gz", "letters_1.tar.gz"], "count": 2, "nothing": null })
    );
    assert_eq!(jail.handed_over(), ["letters_0.tar.gz", "letters_1.tar.gz", "outputs.json"]);
    let text = |name: &str| fs::read_to_string(jail.path("out").join(name)).unwrap();
    assert_eq!(text("letters_0.tar.gz"), "dear a $(id)\n");
    assert_eq!(text("letters_1.tar.gz"), "dear b'\"`\n");

    let mut events = ended.events();
    assert_eq!(events.first(), Some(&("workflow-started", "")));
    assert_eq!(events.last(), Some(&("workflow-finished", "")));
    events.sort_unstable();
    for event in ["task-started", "task-finished"] {
        for task in ["write-0", "write-1"] {
            assert!(events.contains(&(event, task)), "{events:?}");
        }
    }
    assert!(ended.progress.iter().all(|line| line["time"].is_string()));
    let finished = ended.progress.iter().find(|line| line["event"] == "task-finished").unwrap();
    assert_eq!(finished["exit"], 0);
    assert!(finished["seconds"].as_f64().unwrap() >= 0.0);
    assert_eq!(ended.progress.last().unwrap()["outcome"], "done");
    // Progress never repeats a value.
    assert!(
        !ended.progress.iter().any(|line| line.to_string().contains("letter.txt")),
        "{:?}",
        ended.progress
    );
}

#[test]
fn a_failing_task_is_named_with_the_tail_of_its_stderr() {
    let mut inputs = good();
    inputs["greet.names"] = json!(["only"]);
    inputs["greet.fail"] = json!(7);
    let (jail, ended) = greet(GREET, inputs);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("error: task `write-0` failed: exit code 7"), "{}", ended.stderr);
    assert!(ended.stderr.contains("about to end with 7"), "{}", ended.stderr);
    assert!(jail.handed_over().is_empty());
    let finished = ended.progress.iter().find(|line| line["event"] == "task-finished").unwrap();
    assert_eq!(finished["exit"], 7);
    let last = ended.progress.last().unwrap();
    assert_eq!(
        (&last["outcome"], &last["task"], &last["exit"]),
        (&json!("failed"), &json!("write-0"), &json!(1))
    );
}

#[test]
fn a_missing_output_fails_the_run_though_the_task_ended_with_0() {
    let (jail, ended) = greet(&GREET.replace("out = \"linked", "out = \"other"), good());
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(jail.handed_over().is_empty());
    assert_eq!(ended.progress.last().unwrap()["outcome"], "failed");
}

#[test]
fn bad_inputs_are_refused_before_any_task_starts() {
    let change = |key: &str, value: serde_json::Value| {
        let mut inputs = good();
        inputs[key] = value;
        inputs
    };
    for (inputs, why) in [
        (json!({}), "missing required input"),
        (change("greet.unknown", json!(1)), "unknown"),
        (change("greet.names", json!(3)), "names"),
        (change("greet.names", json!([])), "empty"),
        (change("greet.letter", json!("/in/none.txt")), "not there"),
        (change("greet.letter", json!("https://example.org/letter")), "absolute path"),
        (change("greet.write.requirements.container", json!("docker://x")), "not of the form"),
    ] {
        let (jail, ended) = greet(GREET, inputs);
        assert_eq!(ended.code, 2, "{why}: {}", ended.stderr);
        assert!(ended.stderr.contains(why), "{why}: {}", ended.stderr);
        assert!(!ended.events().iter().any(|(event, _)| *event == "task-started"));
        assert_eq!(ended.progress.last().unwrap()["outcome"], "refused");
        assert!(jail.handed_over().is_empty());
    }
}

#[test]
fn a_bad_workflow_is_refused() {
    for (from, to, why) in [
        ("version 1.2", "version 9.9", "version"),
        ("Int count = length", "String count = length", "type"),
        ("workflow greet {", "workflow {", "expected"),
        (
            "    output { File out",
            "    requirements { container: \"x\" }\n    output { File out",
            "`container`",
        ),
        ("version 1.2", "version 1.2\nimport \"https://example.org/a.wdl\" as a", "`import`"),
    ] {
        let (_, ended) = greet(&GREET.replacen(from, to, 1), good());
        assert_eq!(ended.code, 2, "{to}: {}", ended.stderr);
        assert!(ended.stderr.contains(why), "{to}: {}", ended.stderr);
    }
}

#[test]
fn the_engine_writes_below_work_only_and_tasks_get_our_environment() {
    let workflow = r#"version 1.2
workflow look { call see  output { File seen = see.seen } }
task see {
    command <<<
        set -euo pipefail
        shopt -s dotglob nullglob
        for file in /tmp/* /root /home /etc /var; do
            if [[ -e $file ]]; then printf 'there %s\n' "$file"; fi
        done > seen.txt
        compgen -e >> seen.txt
    >>>
    output { File seen = "seen.txt" }
}
"#;
    let jail = Jail::new(&["bash"]);
    jail.write("workflow/look.wdl", workflow);
    jail.write("in/inputs.json", "{}");
    let ended = jail.run("look.wdl");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let seen = fs::read_to_string(jail.path("out/seen.txt")).unwrap();
    let mut seen: Vec<_> =
        seen.lines().filter(|line| !matches!(*line, "PWD" | "SHLVL" | "_" | "OLDPWD")).collect();
    seen.sort_unstable();
    assert_eq!(seen, ["LC_ALL", "PATH", "SEQUESTRA_WDL_STARTED", "SSL_CERT_FILE", "TMPDIR"]);
    assert!(!below(&jail.path("work")).is_empty());
}

#[test]
fn check_and_version_answer_without_a_run() {
    let jail = Jail::new(&["bash"]);
    jail.write("workflow/good.wdl", GREET);
    jail.write("workflow/bad.wdl", GREET.replace("length(names)", "length(nobody)"));
    assert_eq!(jail.helper(&["check", "/workflow/good.wdl"]).code, 0);
    let bad = jail.helper(&["check", "/workflow/bad.wdl"]);
    assert_eq!(bad.code, 2);
    assert!(bad.stderr.contains("/workflow/bad.wdl:5: error: unknown name `nobody`"), "{}", bad.stderr);
    assert_eq!(jail.helper(&["check", "/workflow/none.wdl"]).code, 3);
    assert_eq!(jail.helper(&["--version"]).code, 0);
    assert_eq!(jail.helper(&["run", "--cpu", "0"]).code, 2);
}
