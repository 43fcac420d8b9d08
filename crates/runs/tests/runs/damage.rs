//! Tools that lie, and counts that disagree: the run fails and nothing is kept.

use crate::site::{Site, spec};
use base::{Fault, Id};
use runs::{RunView, State};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A `bcftools` that works until it has counted the last file, then cuts it short and exits with 0.
const CUTTER: &str = r#"#!/bin/bash
bcftools.real "$@" || exit $?
if [[ $1 == index && $2 == -n && $3 == variants.vcf.gz ]]; then
    truncate -s -28 variants.vcf.gz
fi
exit 0
"#;

fn wrapped(folder: &std::path::Path) -> Vec<(String, PathBuf)> {
    let (script, real) = (folder.join("bcftools"), folder.join("bcftools.real"));
    fs::write(&script, CUTTER).unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    fs::copy("/usr/bin/bcftools", &real).unwrap();
    let truncate = PathBuf::from("/usr/bin/truncate");
    vec![("bcftools".into(), script), ("bcftools.real".into(), real), ("truncate".into(), truncate)]
}

fn failed_without_trace(site: &Site, run: &RunView, bodies: usize, code: &str) {
    assert_eq!(run.state, State::Failed);
    assert_eq!(run.error.as_ref().unwrap().code, code, "{:?}", run.error);
    assert!(run.results.is_empty());
    assert_eq!(site.bodies(), bodies);
    site.no_scratch();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_is_not_whole_fails_the_run_though_every_tool_exits_with_0() {
    let (site, sample, reference) = Site::ready().await;
    let bodies = site.bodies();
    let folder = tempfile::tempdir().unwrap();
    site.add_tool("bcftools", &wrapped(folder.path())).await.unwrap();
    let id = site.start(&sample, &reference).await.unwrap();
    let run = site.ended(&id).await;
    failed_without_trace(&site, &run, bodies, "EXEC-010");
    assert!(run.tasks.iter().any(|task| task.name == "outputs" && task.state == "failed"));
    assert_eq!(run.exit, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_that_disagree_with_intake_fail_the_run() {
    let site = Site::with_tools().await;
    let reference = site.add_reference(&["reference.fa"]).await.unwrap();
    let sample = site.take_in(2).await;
    let bodies = site.bodies();
    let id = site.start(&sample, &reference).await.unwrap();
    let run = site.ended(&id).await;
    failed_without_trace(&site, &run, bodies, "RUNS-016");

    let permit = site.run_permit(&sample).await;
    let mut unknown = spec(&sample, &reference);
    unknown.workflow = "somatic".into();
    assert_eq!(site.runs.start(&permit, unknown).await.unwrap_err().code(), "RUNS-002");
    let mut unknown = spec(&sample, &reference);
    unknown.parameters.insert("sample_id".into(), "smp_x".into());
    assert_eq!(site.runs.start(&permit, unknown).await.unwrap_err().code(), "RUNS-007");
    let mut other = spec(&sample, &reference);
    other.reference = base::ReferenceId::mint(&base::SystemEntropy);
    assert_eq!(site.runs.start(&permit, other).await.unwrap_err().kind(), base::Kind::NotFound);
}
