//! No room drops the workspace's lints. A room that must talk to the kernel may lift the ban on
//! unsafe code in its own manifest, and then repeats every other lint.

use crate::{Finding, Workspace};

/// Rooms that may lift the ban on unsafe code, each with its reason.
pub const UNSAFE: &[(&str, &str)] = &[
    ("db", "waits at the end of the process, which the C library takes as a pointer"),
    ("executor", "forks, unshares and mounts before a job starts, which has no safe interface"),
    ("keys", "locks the pages that keys lie in, which is a call with an address"),
];

/// Rooms whose lints are weaker than the workspace's.
pub fn check(workspace: &Workspace) -> Vec<Finding> {
    let shared = workspace.files.get("Cargo.toml").and_then(|text| text.parse::<toml::Table>().ok());
    let shared = shared.as_ref().and_then(|table| table.get("workspace")?.get("lints")?.as_table());
    let Some(shared) = shared else {
        return vec![Finding::new("Cargo.toml", 0, "has no `[workspace.lints]`")];
    };
    let mut findings = Vec::new();
    for (room, file, text) in workspace.manifests() {
        let Ok(manifest) = text.parse::<toml::Table>() else { continue };
        let Some(own) = manifest.get("lints").and_then(toml::Value::as_table) else {
            findings.push(Finding::new(file, 0, "does not take the workspace's lints"));
            continue;
        };
        if own.get("workspace").and_then(toml::Value::as_bool) == Some(true) {
            continue;
        }
        for (tool, lints) in shared {
            for (lint, level) in lints.as_table().into_iter().flatten() {
                let lifted = lint == "unsafe_code" && UNSAFE.iter().any(|(name, _)| *name == room);
                let kept = own.get(tool).and_then(|lints| lints.get(lint)) == Some(level);
                if !lifted && !kept {
                    findings.push(Finding::new(file, 0, format!("does not repeat the lint `{tool}.{lint}`")));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: &str =
        "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n[workspace.lints.clippy]\npanic = \"deny\"\n";

    fn check_one(room: &str, manifest: &str) -> usize {
        let file = format!("crates/{room}/Cargo.toml");
        check(&Workspace::of(&[("Cargo.toml", SHARED), (&file, manifest)])).len()
    }

    #[test]
    fn weaker_lints_are_found() {
        assert_eq!(check_one("seal", "[lints]\nworkspace = true\n"), 0);
        assert_eq!(check_one("seal", ""), 1);
        assert_eq!(check_one("seal", "[lints.clippy]\npanic = \"deny\"\n"), 1);
        assert_eq!(check_one("seal", "[lints.rust]\nunsafe_code = \"allow\"\n"), 2);
        assert_eq!(check_one("executor", "[lints.clippy]\npanic = \"deny\"\n"), 0);
        assert_eq!(check_one("executor", "[lints.clippy]\npanic = \"warn\"\n"), 1);
        assert_eq!(check(&Workspace::of(&[("Cargo.toml", "[workspace]\n")])).len(), 1);
    }
}
