//! The files that are looked at.

use crate::source::Source;
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One thing to put right. Prints as `file:line: message`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path from the root of the workspace.
    pub file: String,
    /// Line from 1; 0 when the finding is about the whole file.
    pub line: usize,
    /// What is wrong, lower case, no full stop.
    pub message: String,
}

impl Finding {
    /// A finding in `file` at `line`.
    pub fn new(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// The text files of the workspace that are tracked or about to be.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Its folder; empty in tests.
    pub root: PathBuf,
    /// Path from the root → text. Files that are not UTF-8 are left out.
    pub files: BTreeMap<String, String>,
    /// Files of modules that are declared as `#[cfg(test)] mod name;`.
    test_files: BTreeSet<String>,
}

impl Workspace {
    /// The workspace that this program was built in.
    ///
    /// # Errors
    /// When git cannot list its files.
    pub fn here() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has a parent folder")?;
        Self::read(root)
    }

    /// Reads what git tracks under `root`, and what it would track: a file is checked before it
    /// is committed, and build output never.
    ///
    /// # Errors
    /// When git cannot list the files.
    pub fn read(root: &Path) -> Result<Self> {
        let listed = Command::new("git")
            .arg("-C")
            .arg(root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .context("cannot run `git ls-files`")?;
        anyhow::ensure!(listed.status.success(), "`git ls-files` fails in the workspace");
        let names = String::from_utf8(listed.stdout).context("a file name is not UTF-8")?;
        let mut files = BTreeMap::new();
        for name in names.split_terminator('\0') {
            // A tracked file may have been deleted and not yet committed.
            if let Ok(bytes) = std::fs::read(root.join(name))
                && let Ok(text) = String::from_utf8(bytes)
            {
                files.insert(name.to_owned(), text);
            }
        }
        anyhow::ensure!(files.contains_key("Cargo.toml"), "no workspace where git lists the files");
        let test_files = test_files(&files);
        Ok(Self { root: root.to_owned(), files, test_files })
    }

    /// A workspace made of the given files, for tests of the checks.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let owned = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let files = owned.collect();
        Self { root: PathBuf::new(), test_files: test_files(&files), files }
    }

    /// Rust files with their room.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &str, Place<'_>)> {
        self.files.iter().filter_map(|(name, text)| {
            let test = self.test_files.contains(name);
            Some((name.as_str(), text.as_str(), Place { test, ..place(name)? }))
        })
    }

    /// `Cargo.toml` of each room, with the room's name, which is its folder's.
    pub fn manifests(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.files.iter().filter_map(|(name, text)| {
            let folder = name.strip_suffix("/Cargo.toml")?;
            let room = folder.strip_prefix("crates/").unwrap_or(folder);
            (!room.contains('/')).then_some((room, name.as_str(), text.as_str()))
        })
    }
}

/// Where a Rust file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The room.
    pub room: &'a str,
    /// The path inside the room, such as `src/lib.rs`.
    pub path: &'a str,
    /// Whether the file is a module that exists in tests only.
    pub test: bool,
}

impl Place<'_> {
    /// Whether the file is part of the room itself, not a test, an example or a build script.
    pub fn is_source(&self) -> bool {
        self.path.starts_with("src/") && !self.test
    }
}

fn place(name: &str) -> Option<Place<'_>> {
    name.strip_suffix(".rs")?;
    let (room, path) = match name.strip_prefix("crates/") {
        Some(inside) => inside.split_once('/')?,
        None => name.split_once('/')?,
    };
    Some(Place { room, path, test: false })
}

fn test_files(files: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, text) in files.iter().filter(|(name, text)| name.ends_with(".rs") && text.contains("mod ")) {
        let Ok(source) = Source::parse(text) else { continue };
        for tokens in source.tokens.windows(3) {
            if let [keyword, module, end] = tokens
                && keyword.text == "mod"
                && keyword.test
                && end.text == ";"
            {
                found.extend(module_files(name, &module.text));
            }
        }
    }
    found
}

/// Where the compiler looks for `mod module;` of the file `name`.
fn module_files(name: &str, module: &str) -> [String; 2] {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let folder = match file {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        other => format!("{folder}/{}", other.trim_end_matches(".rs")),
    };
    [format!("{folder}/{module}.rs"), format!("{folder}/{module}/mod.rs")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_findings() {
        let place_of = |room, path| Some(Place { room, path, test: false });
        assert_eq!(place("crates/seal/src/body/put.rs"), place_of("seal", "src/body/put.rs"));
        assert_eq!(place("xtask/tests/tidy.rs"), place_of("xtask", "tests/tidy.rs"));
        assert_eq!(place("crates/seal/Cargo.toml"), None);
        assert_eq!(Finding::new("a.rs", 3, "is odd").to_string(), "a.rs:3: is odd");
    }

    #[test]
    fn files_of_test_modules_are_told_apart() {
        let workspace = Workspace::of(&[
            ("crates/a/src/lib.rs", "mod one; #[cfg(test)] mod two;"),
            ("crates/a/src/one.rs", "#[cfg(test)] mod tests;"),
            ("crates/a/src/one/tests.rs", ""),
            ("crates/a/src/two.rs", ""),
        ]);
        let sources: Vec<&str> =
            workspace.rust().filter(|(.., place)| place.is_source()).map(|(name, ..)| name).collect();
        assert_eq!(sources, ["crates/a/src/lib.rs", "crates/a/src/one.rs"]);
    }

    #[test]
    fn this_workspace_is_read_without_build_output() {
        let here = Workspace::here().unwrap();
        assert!(here.files.contains_key("xtask/src/workspace.rs"));
        assert!(!here.files.keys().any(|name| name.starts_with("target/")));
        assert!(here.manifests().any(|(room, ..)| room == "base"));
    }
}
