//! Module docs and sizes.

use crate::source::Source;
use crate::{Finding, Workspace};

/// Code lines of a file, without its tests.
pub const FILE_LINES: usize = 700;
/// Code lines of a function, from `fn` to its closing brace.
pub const FUNCTION_LINES: usize = 70;
/// All lines of a room's `lib.rs`: it is a table of contents.
pub const CONTENTS_LINES: usize = 150;

/// Files without a module doc, and files and functions that are too long to be read at once.
pub fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, text, place) in workspace.rust() {
        if !starts_with_doc(text) {
            findings.push(Finding::new(file, 1, "does not start with a `//!` doc"));
        }
        let lines = text.lines().count();
        if place.path == "src/lib.rs" && lines > CONTENTS_LINES {
            findings.push(Finding::new(
                file,
                0,
                format!("has {lines} lines, a `lib.rs` has at most {CONTENTS_LINES}"),
            ));
        }
        let source = match Source::parse(text) {
            Ok(source) => source,
            Err(reason) => {
                findings.push(Finding::new(file, 0, reason));
                continue;
            }
        };
        if place.is_source() {
            sizes(file, &source, &mut findings);
        }
    }
    findings
}

fn sizes(file: &str, source: &Source, findings: &mut Vec<Finding>) {
    let lines = source.code_lines(0..source.tokens.len());
    if lines > FILE_LINES {
        findings.push(Finding::new(
            file,
            0,
            format!("has {lines} code lines, a file has at most {FILE_LINES}"),
        ));
    }
    for (name, range) in source.functions() {
        let line = source.tokens.get(range.start).map_or(0, |token| token.line);
        let lines = source.code_lines(range);
        if lines > FUNCTION_LINES {
            let message = format!("`{name}` has {lines} code lines, a function has at most {FUNCTION_LINES}");
            findings.push(Finding::new(file, line, message));
        }
    }
}

/// Inner attributes may come before the doc: they are about the whole file too.
fn starts_with_doc(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("#!"))
        .is_some_and(|line| line.starts_with("//!") && line.len() > 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(name: &str, text: &str) -> Vec<String> {
        check(&Workspace::of(&[(name, text)])).iter().map(ToString::to_string).collect()
    }

    fn function(lines: usize) -> String {
        format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2))
    }

    #[test]
    fn a_file_without_a_doc_is_found() {
        assert!(check_one("crates/a/src/b.rs", "//! Says what.\n").is_empty());
        assert!(check_one("crates/a/src/b.rs", "#![no_std]\n//! Says what.\n").is_empty());
        for text in ["", "//!\n", "// Says what.\n", "use a::b;\n//! Late.\n"] {
            assert_eq!(check_one("crates/a/src/b.rs", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn long_functions_files_and_contents_are_found() {
        let file = |body: &str| format!("//! Says what.\n{body}");
        assert!(check_one("crates/a/src/b.rs", &file(&function(70))).is_empty());
        assert_eq!(
            check_one("crates/a/src/b.rs", &file(&function(71))),
            ["crates/a/src/b.rs:2: `f` has 71 code lines, a function has at most 70"]
        );
        let many = |times| file(&"const A: u8 = 0;\n".repeat(times));
        assert!(check_one("crates/a/src/b.rs", &many(700)).is_empty());
        assert_eq!(
            check_one("crates/a/src/b.rs", &many(701)),
            ["crates/a/src/b.rs:0: has 701 code lines, a file has at most 700"]
        );
        assert!(check_one("crates/a/src/lib.rs", &many(149)).is_empty());
        assert_eq!(check_one("crates/a/src/lib.rs", &many(150)).len(), 1);
    }

    #[test]
    fn comments_and_tests_do_not_count() {
        let long = function(500);
        let tests = format!("//! Says what.\n#[cfg(test)]\nmod tests {{\n{long}{long}}}\n");
        assert!(check_one("crates/a/src/b.rs", &tests).is_empty());
        assert!(check_one("crates/a/tests/b.rs", &format!("//! Says what.\n{long}{long}")).is_empty());
        let comments = format!("//! Says what.\nfn f() {{\n{}}}\n", "    // Why.\n\n".repeat(900));
        assert!(check_one("crates/a/src/b.rs", &comments).is_empty());
    }
}
