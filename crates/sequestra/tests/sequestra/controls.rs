//! Every control holds, and can fail.

use crate::site::{PROGRAM, scratch};
use serde_json::Value;
use std::fs;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

fn controls(words: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("controls").args(words).stdin(Stdio::null()).env("TMPDIR", scratch());
    command.output().unwrap()
}

#[test]
fn every_control_holds_can_fail_and_leaves_its_evidence() {
    let room = TempDir::new_in(scratch()).unwrap();
    let (folder, oscal) = (room.path().join("evidence"), room.path().join("results.json"));
    let out = ["--out", folder.to_str().unwrap(), "--oscal", oscal.to_str().unwrap(), "--json"];
    let output = controls(&[&["run", "--all", "--prove"], &out[..]].concat());
    let judged: Value = serde_json::from_slice(&output.stdout).unwrap();
    let judged = judged.as_array().unwrap();
    assert_eq!(judged.len(), evidence::CONTROLS.len());
    for one in judged {
        let id = one["control"].as_str().unwrap();
        assert_eq!(one["verdict"], "holds", "{id}: {one:#}");
        assert_eq!(one["can_fail"]["broke"], true, "{id}: {:#}", one["can_fail"]);
        let kept: Value =
            serde_json::from_slice(&fs::read(folder.join(format!("{id}.json"))).unwrap()).unwrap();
        assert_eq!(&kept, one);
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results: Value = serde_json::from_slice(&fs::read(&oscal).unwrap()).unwrap();
    let result = &results["assessment-results"]["results"][0];
    for list in ["findings", "observations"] {
        assert_eq!(result[list].as_array().unwrap().len(), judged.len());
    }
    let states = result["findings"].as_array().unwrap().iter().map(|f| &f["target"]["status"]["state"]);
    assert!(states.clone().all(|state| state == "satisfied"));

    // What is there is not replaced.
    let again = controls(&["run", "C-KEY-02", "--out", folder.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(5), "{}", String::from_utf8_lossy(&again.stderr));
    // What cannot be kept is not begun: nothing is played for nothing.
    for (option, place, code) in
        [("--oscal", room.path().join("absent/r.json"), "CLI-020"), ("--out", oscal.clone(), "CLI-021")]
    {
        let refused = controls(&["run", "C-KEY-02", option, place.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.stdout.is_empty() && told.contains(code) && told.contains("hint: "), "{told}");
    }
    let again = controls(&["run", "C-KEY-02", "--oscal", oscal.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(5));
}

#[test]
fn what_is_no_control_is_refused_before_anything_is_played() {
    for words in [&["run", "C-VLT-99"][..], &["show", "C-VLT-99"]] {
        let output = controls(words);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(3) && told.contains("EVIDENCE-001"), "{told}");
        assert!(told.contains("hint: "));
    }
    assert_eq!(controls(&["run"]).status.code(), Some(2));
}

/// A program that is none of ours: nothing can be played, and nothing counts as held.
#[test]
fn a_program_that_does_nothing_holds_nothing() {
    let clock = std::sync::Arc::new(base::SystemClock::default());
    let world = evidence::World { clock, entropy: std::sync::Arc::new(base::SystemEntropy) };
    let runner = evidence::Runner::new("/bin/true".as_ref(), "none", world).unwrap();
    for control in evidence::CONTROLS {
        let judged = runner.play(control, true);
        assert_ne!(judged.verdict, evidence::Verdict::Holds, "{control:?}");
    }
}
