//! Tidy checks and generators for the workspace.
//!
//! Promises: every rule that the rooms agreed on and the compiler does not know is checked here,
//! against lists that stand in this crate alone, and each check has a test that shows it failing.
//! A list may not rot: an exception that nothing needs is itself a finding.
//!
//! * [`workspace`]: the files that are looked at
//! * [`source`]: Rust files as tokens with lines, tests told apart
//! * [`arrows`]: which room may use which
//! * [`shape`]: module docs and sizes
//! * [`banned`]: calls that go around a parameter, a lint or a log
//! * [`exceptions`]: where a banned call is right, and why
//! * [`tables`]: SQL stays with its room's tables
//! * [`codes`]: error codes and their page
//! * [`lints`]: no room drops the workspace's lints
//! * [`plot`]: the picture of how a site grows
//! * [`traces`]: nothing of the machine that built it

pub mod arrows;
pub mod banned;
pub mod codes;
pub mod exceptions;
pub mod lints;
pub mod plot;
pub mod shape;
pub mod source;
pub mod tables;
pub mod traces;
pub mod workspace;

pub use workspace::{Finding, Workspace};

/// Runs every check. Findings come in the order of files and lines.
pub fn tidy(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(arrows::check(workspace));
    findings.extend(shape::check(workspace));
    findings.extend(banned::check(workspace, exceptions::ALL));
    findings.extend(tables::check(workspace));
    findings.extend(codes::check(workspace));
    findings.extend(lints::check(workspace));
    findings.extend(plot::check(workspace));
    findings.extend(traces::check(workspace, exceptions::ALL));
    findings.extend(exceptions::check(exceptions::ALL));
    findings.sort();
    findings.dedup();
    findings
}
