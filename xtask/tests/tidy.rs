//! The workspace itself passes its checks.

use xtask::{Workspace, tidy};

#[test]
fn the_workspace_is_tidy() {
    let workspace = Workspace::here().unwrap();
    let findings: Vec<String> = tidy(&workspace).iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}
