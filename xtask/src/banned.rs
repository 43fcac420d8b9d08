//! Calls that go around a parameter, a lint or a log.

use crate::exceptions::{self, Exception};
use crate::source::Source;
use crate::workspace::Place;
use crate::{Finding, Workspace};

/// A sequence of tokens that may not stand in the code.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The name that exceptions use.
    pub name: &'static str,
    /// Any of these sequences.
    pub patterns: &'static [&'static [&'static str]],
    /// Whether tests and examples are looked at too.
    pub in_tests: bool,
    /// Rooms that may.
    pub rooms: &'static [&'static str],
    /// What to do instead.
    pub instead: &'static str,
}

/// The programs: they talk to people and to the environment.
const PROGRAMS: &[&str] = &["cli", "sequestra", "sequestra-verify", "sequestra-wdl", "xtask"];

/// Programs that use no room of ours, and so have no `base::Clock` to take.
const STANDS_ALONE: &[&str] = crate::arrows::STANDS_ALONE;

/// Every rule.
pub const RULES: &[Rule] = &[
    Rule {
        name: "allow",
        patterns: &[&["#", "[", "allow", "("], &["#", "!", "[", "allow", "("]],
        in_tests: true,
        rooms: &[],
        instead: "`#[expect(lint, reason = \"…\")]` says why and ends when the cause does",
    },
    Rule {
        name: "unfinished",
        patterns: &[&["todo", "!"], &["unimplemented", "!"], &["dbg", "!"]],
        in_tests: true,
        rooms: &[],
        instead: "finish it or leave it out",
    },
    Rule {
        name: "ignored-test",
        patterns: &[&["#", "[", "ignore"]],
        in_tests: true,
        rooms: &[],
        instead: "a test that does not run is no test",
    },
    Rule {
        name: "print",
        patterns: &[&["println", "!"], &["eprintln", "!"], &["print", "!"], &["eprint", "!"]],
        in_tests: false,
        rooms: PROGRAMS,
        instead: "a room returns values, the programs print",
    },
    Rule {
        name: "time",
        patterns: &[
            &["SystemTime", ":", ":", "now"],
            &["Instant", ":", ":", "now"],
            &["Timestamp", ":", ":", "now"],
            &["Zoned", ":", ":", "now"],
        ],
        in_tests: false,
        rooms: STANDS_ALONE,
        instead: "take a `base::Clock`",
    },
    Rule {
        name: "randomness",
        patterns: &[&["getrandom", ":", ":"], &["rand", ":", ":", "rng"], &["thread_rng", "("]],
        in_tests: false,
        rooms: &[],
        instead: "take a `base::Entropy`",
    },
    Rule {
        name: "environment",
        patterns: &[
            &["env", ":", ":", "var"],
            &["env", ":", ":", "var_os"],
            &["env", ":", ":", "vars"],
            &["env", ":", ":", "vars_os"],
        ],
        in_tests: false,
        rooms: PROGRAMS,
        instead: "take it as a parameter; the programs read the environment",
    },
];

/// Banned calls that no exception covers, and exceptions that cover nothing.
pub fn check(workspace: &Workspace, exceptions: &[Exception]) -> Vec<Finding> {
    let sources: Vec<_> = workspace
        .rust()
        .filter_map(|(file, text, place)| Some((file, Source::parse(text).ok()?, place)))
        .collect();
    let mut findings = Vec::new();
    for rule in RULES {
        let mut of_rule = Vec::new();
        for (file, source, place) in &sources {
            for (line, found) in calls(source, rule, *place) {
                of_rule.push(Finding::new(file, line, format!("`{found}`: {}", rule.instead)));
            }
        }
        findings.extend(exceptions::apply(exceptions, rule.name, of_rule));
    }
    findings
}

fn calls(source: &Source, rule: &Rule, place: Place<'_>) -> Vec<(usize, String)> {
    if rule.rooms.contains(&place.room) || (!rule.in_tests && !place.is_source()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for pattern in rule.patterns {
        for tokens in source.find(pattern) {
            let Some(first) = tokens.first() else { continue };
            if rule.in_tests || !first.test {
                found.push((first.line, pattern.concat()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(name: &str, text: &str) -> Vec<String> {
        check(&Workspace::of(&[(name, text)]), &[]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_rule_finds_its_calls() {
        for (text, found) in [
            ("#[allow(dead_code)] fn f() {}", "#[allow("),
            ("#![allow(dead_code)]", "#![allow("),
            ("fn f() { todo!() }", "todo!"),
            ("fn f() { dbg!(1); }", "dbg!"),
            ("#[test] #[ignore = \"slow\"] fn f() {}", "#[ignore"),
            ("fn f() { println!(\"x\") }", "println!"),
            ("fn f() { eprintln!(\"x\") }", "eprintln!"),
            ("fn f() { std::time::SystemTime::now(); }", "SystemTime::now"),
            ("fn f() { Instant::now(); }", "Instant::now"),
            ("fn f() { jiff::Timestamp::now(); }", "Timestamp::now"),
            ("fn f() { getrandom::fill(x); }", "getrandom::"),
            ("fn f() { std::env::var(\"HOME\"); }", "env::var"),
            ("macro_rules! m { () => { std::env::var_os(\"HOME\") } }", "env::var_os"),
        ] {
            let findings = check_one("crates/seal/src/a.rs", text);
            assert_eq!(findings.len(), 1, "{text}: {findings:?}");
            assert!(findings[0].starts_with(&format!("crates/seal/src/a.rs:1: `{found}`: ")), "{findings:?}");
        }
    }

    #[test]
    fn words_in_strings_comments_and_other_places_are_not_calls() {
        for (name, text) in [
            (
                "crates/seal/src/a.rs",
                "// todo!()\nconst A: &str = \"dbg!(println!)\"; #[expect(x)] fn f() {}",
            ),
            ("crates/cli/src/a.rs", "fn f() { println!(\"{:?}\", std::env::var(\"HOME\")) }"),
            (
                "crates/seal/src/a.rs",
                "#[cfg(test)] mod tests { fn f() { println!(\"x\"); Instant::now(); } }",
            ),
            ("crates/seal/tests/a.rs", "fn f() { println!(\"x\"); std::env::var(\"HOME\"); }"),
            ("crates/seal/src/a.rs", "fn f(clock: &dyn Clock) { clock.now(); env!(\"CARGO_PKG_NAME\"); }"),
        ] {
            assert_eq!(check_one(name, text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(check_one("crates/seal/tests/a.rs", "fn f() { todo!() }").len(), 1);
    }

    #[test]
    fn an_exception_covers_its_file_and_must_be_needed() {
        let workspace = Workspace::of(&[("crates/seal/src/a.rs", "fn f() { Instant::now(); }")]);
        let exception = |file, rule| [Exception { file, rule, reason: "a test" }];
        assert!(check(&workspace, &exception("crates/seal/src/a.rs", "time")).is_empty());
        assert_eq!(check(&workspace, &exception("crates/seal/src/a.rs", "print")).len(), 2);
        assert_eq!(check(&workspace, &exception("crates/seal/src/b.rs", "time")).len(), 2);
    }
}
