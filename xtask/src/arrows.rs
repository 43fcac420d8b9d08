//! Which room may use which.

use crate::{Finding, Workspace};
use std::collections::BTreeSet;

/// A room, and the rooms that it may use. The one list.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Folder and crate name.
    pub name: &'static str,
    /// Its level: arrows run to lower levels only.
    pub level: u8,
    /// What it may use.
    pub uses: Uses,
}

/// The rooms that a room may use.
#[derive(Debug, Clone, Copy)]
pub enum Uses {
    /// These and no others.
    These(&'static [&'static str]),
    /// Every room of a lower level that is not [`STANDS_ALONE`].
    AllBelow,
}

const fn room(name: &'static str, level: u8, uses: &'static [&'static str]) -> Room {
    Room { name, level, uses: Uses::These(uses) }
}

/// Every room, in the order of levels. Bytes need keys, keys need a permit, a permit needs a
/// record: `archive` → `keys` → `access` → `audit` → `ledger`. Rooms of level 7 do not use each
/// other; they meet in `catalog` and `archive`.
pub const ROOMS: &[Room] = &[
    room("base", 0, &[]),
    room("crypto", 1, &["base"]),
    room("seal", 2, &["base", "crypto"]),
    room("ledger", 1, &["base"]),
    room("outbound", 1, &["base"]),
    room("bucket", 2, &["base", "outbound"]),
    // Verifies what others signed; their keys come from a file or an address of the settings.
    room("jwt", 2, &["base", "outbound"]),
    room("policy", 1, &["base"]),
    room("screen", 1, &["base"]),
    room("db", 1, &["base"]),
    room("executor", 1, &["base"]),
    room("reports", 1, &["base"]),
    room("demodata", 1, &["base"]),
    // From outside, by the ordinary commands: it knows no room whose work it tests.
    room("evidence", 1, &["base"]),
    room("audit", 2, &["base", "db", "ledger"]),
    // The events as others read them; it sends, and takes nothing in.
    room("feed", 3, &["base", "outbound", "ledger", "audit"]),
    room("receipt", 2, &["base", "ledger"]),
    room("witness", 2, &["base", "ledger"]),
    // Copies go to buckets as bodies do.
    room("replica", 3, &["base", "bucket", "ledger"]),
    // Asks the site's own OpenID Connect provider (`outbound`).
    room("access", 3, &["base", "outbound", "db", "audit", "jwt", "policy"]),
    room("keys", 4, &["base", "outbound", "db", "audit", "access", "seal"]),
    // Who people are lies in a file of its own, sealed under each one's key (`keys`).
    room("subjects", 5, &["base", "db", "audit", "access", "keys", "policy"]),
    room("archive", 5, &["base", "bucket", "db", "audit", "access", "keys", "seal"]),
    // The ledger is mirrored as it lies; what is shredded, deleted or taken away again is each room's own act.
    room("backup", 6, &["base", "seal", "ledger", "db", "audit", "access", "keys", "archive", "subjects"]),
    // Terms that nobody can judge are refused where they are stated (`policy`).
    room("catalog", 6, &["base", "db", "audit", "access", "policy"]),
    // A package is one transaction over catalog, archive and keys (`db`), and with the first reads of a
    // subject its key is made (`keys`).
    room(
        "intake",
        7,
        &["base", "db", "access", "keys", "subjects", "archive", "catalog", "screen", "executor"],
    ),
    // `ledger` for the key that signs receipts, `screen` to redact what tools say.
    room(
        "runs",
        7,
        &["base", "db", "ledger", "audit", "access", "archive", "catalog", "screen", "executor", "receipt"],
    ),
    room("variants", 7, &["base", "access", "archive", "catalog"]),
    // Terms are the policy's words, purposes and laws the catalog's.
    room("sharing", 7, &["base", "db", "audit", "access", "policy", "catalog"]),
    room("exports", 7, &["base", "access", "archive", "catalog", "screen"]),
    room("api", 8, &["base"]),
    Room { name: "server", level: 9, uses: Uses::AllBelow },
    // `policy` for what terms say together, which asks no site.
    room("cli", 9, &["api", "base", "evidence", "receipt", "ledger", "policy", "screen"]),
    Room { name: "sequestra", level: 10, uses: Uses::AllBelow },
    room("sequestra-wdl", 0, &[]),
    // Shares no code with the writer, so that one fault cannot hide on both sides.
    room("sequestra-verify", 0, &[]),
    room("xtask", 0, &[]),
    // A throw-away spine for the tests of the rooms above it.
    room(
        "testkit",
        7,
        &[
            "base",
            "bucket",
            "seal",
            "ledger",
            "receipt",
            "policy",
            "db",
            "audit",
            "access",
            "keys",
            "archive",
            "catalog",
            "witness",
            "sequestra-verify",
            "evidence",
        ],
    ),
];

/// Rooms that nobody uses: a helper program, the second verifier, and this one.
pub const STANDS_ALONE: &[&str] = &["sequestra-wdl", "sequestra-verify", "xtask"];

/// Rooms that stand alone and whose tests use the rooms whose work they check.
pub const CHECKS: &[(&str, &[&str])] = &[("sequestra-verify", &["base", "ledger", "receipt"])];

/// Rooms of made data, which the tests of any room may use.
pub const FOR_TESTS: &[&str] = &["demodata", "testkit"];

/// Arrows in the manifests that the list does not have, and rooms that it does not know.
pub fn check(workspace: &Workspace) -> Vec<Finding> {
    check_against(workspace, ROOMS)
}

fn check_against(workspace: &Workspace, rooms: &[Room]) -> Vec<Finding> {
    let names: BTreeSet<&str> = rooms.iter().map(|room| room.name).collect();
    let mut findings = Vec::new();
    for (name, file, text) in workspace.manifests() {
        let Some(room) = rooms.iter().find(|room| room.name == name) else {
            findings.push(Finding::new(file, 0, format!("room `{name}` is not in the list of arrows")));
            continue;
        };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(_) => {
                findings.push(Finding::new(file, 0, "is not TOML"));
                continue;
            }
        };
        if package_name(&table) != Some(name) {
            findings.push(Finding::new(file, 0, format!("the crate is not named `{name}` like its folder")));
        }
        for (dependency, for_tests) in dependencies(&table) {
            let ours = names.contains(dependency.as_str());
            let checks = CHECKS.iter().any(|(name, of)| *name == room.name && of.contains(&&*dependency));
            let made = FOR_TESTS.contains(&dependency.as_str());
            let in_tests = for_tests && (made || checks || reaches(room, &dependency, rooms));
            if ours && !in_tests && !allows(room, &dependency, rooms) {
                let line = line_of(text, &dependency);
                findings.push(Finding::new(file, line, format!("`{name}` may not use `{dependency}`")));
            }
        }
    }
    findings
}

fn allows(room: &Room, dependency: &str, rooms: &[Room]) -> bool {
    match room.uses {
        Uses::These(uses) => uses.contains(&dependency),
        Uses::AllBelow => {
            let level = rooms.iter().find(|other| other.name == dependency).map(|other| other.level);
            !STANDS_ALONE.contains(&dependency) && level.is_some_and(|level| level < room.level)
        }
    }
}

/// Whether `room` stands on `dependency`, directly or not: its tests have to set up what it
/// stands on.
fn reaches(room: &Room, dependency: &str, rooms: &[Room]) -> bool {
    rooms
        .iter()
        .filter(|other| other.level < room.level && allows(room, other.name, rooms))
        .any(|other| other.name == dependency || reaches(other, dependency, rooms))
}

fn package_name(manifest: &toml::Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

/// The crates that a manifest names, whatever it calls them, and whether only its tests use them.
fn dependencies(manifest: &toml::Table) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    collect(manifest, &mut found);
    for target in manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten() {
        if let Some(table) = target.1.as_table() {
            collect(table, &mut found);
        }
    }
    found
}

fn collect(table: &toml::Table, found: &mut Vec<(String, bool)>) {
    for (section, for_tests) in
        [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
    {
        for (name, value) in table.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
            let renamed = value.get("package").and_then(toml::Value::as_str);
            let by_path = value.get("path").and_then(toml::Value::as_str);
            let folder = by_path.and_then(|path| path.trim_end_matches('/').rsplit('/').next());
            found.push((renamed.or(folder).unwrap_or(name).to_owned(), for_tests));
        }
    }
}

fn line_of(text: &str, dependency: &str) -> usize {
    let starts =
        |line: &str| line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with(['.', ' ', '=']));
    text.lines().position(|line| starts(line.trim_start())).map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks one manifest of room `name` that has `lines` after its package.
    fn check_one(name: &str, lines: &str) -> Vec<String> {
        let file = format!("crates/{name}/Cargo.toml");
        let text = format!("[package]\nname = \"{name}\"\n{lines}");
        check(&Workspace::of(&[(&file, &text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn undeclared_arrows_are_found() {
        assert!(check_one("seal", "[dependencies]\nbase.workspace = true\nhex = \"1\"\n").is_empty());
        assert_eq!(
            check_one("seal", "[dependencies]\nbase.workspace = true\nkeys.workspace = true\n"),
            ["crates/seal/Cargo.toml:5: `seal` may not use `keys`"]
        );
        assert_eq!(
            check_one("variants", "[dev-dependencies]\nruns = { path = \"../runs\" }\n"),
            ["crates/variants/Cargo.toml:4: `variants` may not use `runs`"]
        );
        for hidden in [
            "[dependencies]\nother = { package = \"archive\", workspace = true }\n",
            "[dependencies]\nother = { path = \"../archive/\" }\n",
            "[target.'cfg(unix)'.dependencies]\narchive.workspace = true\n",
            "[build-dependencies]\narchive.workspace = true\n",
        ] {
            assert_eq!(check_one("cli", hidden).len(), 1, "{hidden}");
        }
    }

    #[test]
    fn tests_may_use_made_data_and_programs_what_is_below() {
        assert!(check_one("intake", "[dev-dependencies]\ndemodata.workspace = true\n").is_empty());
        assert!(check_one("access", "[dev-dependencies]\nledger.workspace = true\n").is_empty());
        assert_eq!(check_one("access", "[dependencies]\nledger.workspace = true\n").len(), 1);
        assert_eq!(check_one("access", "[dev-dependencies]\nkeys.workspace = true\n").len(), 1);
        assert_eq!(check_one("intake", "[dependencies]\ndemodata.workspace = true\n").len(), 1);
        assert!(
            check_one("server", "[dependencies]\nruns.workspace = true\napi.workspace = true\n").is_empty()
        );
        assert_eq!(check_one("server", "[dependencies]\ncli.workspace = true\n").len(), 1);
        assert_eq!(check_one("sequestra", "[dependencies]\nsequestra-wdl.workspace = true\n").len(), 1);
        assert_eq!(check_one("xtask", "[dependencies]\nbase.workspace = true\n").len(), 1);
        assert_eq!(check_one("server", "[dependencies]\nsequestra-verify.workspace = true\n").len(), 1);
    }

    #[test]
    fn the_second_verifier_uses_what_it_checks_in_its_tests_alone() {
        for of in ["base", "ledger", "receipt"] {
            let section = |name: &str| format!("[{name}]\n{of}.workspace = true\n");
            assert!(check_one("sequestra-verify", &section("dev-dependencies")).is_empty());
            assert_eq!(check_one("sequestra-verify", &section("dependencies")).len(), 1);
            assert_eq!(check_one("sequestra-verify", &section("build-dependencies")).len(), 1);
        }
        assert_eq!(check_one("sequestra-verify", "[dev-dependencies]\nkeys.workspace = true\n").len(), 1);
    }

    #[test]
    fn unknown_rooms_and_other_names_are_found() {
        assert_eq!(
            check_one("attic", ""),
            ["crates/attic/Cargo.toml:0: room `attic` is not in the list of arrows"]
        );
        let text = "[package]\nname = \"vault\"\n";
        assert_eq!(check(&Workspace::of(&[("crates/seal/Cargo.toml", text)])).len(), 1);
        assert_eq!(check(&Workspace::of(&[("crates/seal/Cargo.toml", "[package")])).len(), 1);
    }

    #[test]
    fn the_list_runs_downward() {
        for room in ROOMS {
            let Uses::These(uses) = room.uses else { continue };
            for used in uses {
                let below = ROOMS.iter().find(|other| other.name == *used).unwrap();
                assert!(below.level < room.level, "{} → {used}", room.name);
            }
        }
    }
}
