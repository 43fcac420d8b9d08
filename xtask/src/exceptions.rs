//! Where a banned call is right, and why.

use crate::Finding;
use crate::banned::RULES;

/// One file that may make the calls of one rule.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// Path from the root of the workspace.
    pub file: &'static str,
    /// The rule's name in [`crate::banned::RULES`], or [`crate::traces::RULE`].
    pub rule: &'static str,
    /// Why the rule's alternative does not serve here.
    pub reason: &'static str,
}

/// Every exception. One that is not needed any more is a finding.
pub const ALL: &[Exception] = &[
    Exception {
        file: "crates/base/src/clock.rs",
        rule: "time",
        reason: "the one place where the machine's clock enters",
    },
    Exception {
        file: "crates/base/src/entropy.rs",
        rule: "randomness",
        reason: "the one place where the machine's randomness enters",
    },
    Exception {
        file: "crates/testkit/src/postgres.rs",
        rule: "environment",
        reason: "one run of the tests says for all of them which database they have",
    },
    Exception {
        file: "crates/executor/src/supervise.rs",
        rule: "time",
        reason: "limits of a running process are measured against the kernel's own clock, never stored",
    },
    Exception {
        file: "crates/executor/src/scratch.rs",
        rule: "time",
        reason: "bounds the wait for the scratch's daemon; the time never reaches a record",
    },
    Exception {
        file: "crates/executor/tests/sealed/crash.rs",
        rule: "trace",
        reason: "`/work` is the folder of a job inside its walls",
    },
    Exception {
        file: "crates/executor/tests/sealed/limits.rs",
        rule: "trace",
        reason: "`/work` is the folder of a job inside its walls",
    },
    Exception {
        file: "crates/executor/tests/sealed/scratch.rs",
        rule: "trace",
        reason: "`/work` is the folder of a job inside its walls",
    },
    Exception {
        file: "crates/executor/tests/sealed/tools.rs",
        rule: "trace",
        reason: "`/work` is the folder of a job inside its walls",
    },
    Exception {
        file: "crates/executor/tests/sealed/walls.rs",
        rule: "trace",
        reason: "`/work` is the folder of a job inside its walls",
    },
    Exception {
        file: "crates/ledger/src/publish.rs",
        rule: "time",
        reason: "waits on a condition variable; the time never reaches a record",
    },
    Exception {
        file: "crates/screen/src/clean.rs",
        rule: "trace",
        reason: "its samples hold invented home folders",
    },
    Exception {
        file: "crates/screen/src/read_name.rs",
        rule: "trace",
        reason: "detects home folders in names; its samples hold invented ones",
    },
    Exception {
        file: "crates/screen/src/redact.rs",
        rule: "trace",
        reason: "redacts home folders; its samples hold invented ones",
    },
    Exception {
        file: "crates/screen/src/sam.rs",
        rule: "trace",
        reason: "detects home folders in headers; its samples hold invented ones",
    },
    Exception {
        file: "crates/screen/src/value.rs",
        rule: "trace",
        reason: "names the shape of home folders that it detects",
    },
    Exception {
        file: "crates/screen/src/vcf.rs",
        rule: "trace",
        reason: "detects home folders in headers; its samples hold invented ones",
    },
];

/// Keeps the findings that no exception of `rule` covers, and adds one for each exception that
/// covers none.
pub fn apply(exceptions: &[Exception], rule: &str, findings: Vec<Finding>) -> Vec<Finding> {
    let own: Vec<&Exception> = exceptions.iter().filter(|exception| exception.rule == rule).collect();
    let stale = own
        .iter()
        .filter(|e| !findings.iter().any(|finding| finding.file == e.file))
        .map(|e| Finding::new(e.file, 0, format!("the exception for `{rule}` is not needed any more")));
    let stale: Vec<Finding> = stale.collect();
    let mut kept: Vec<Finding> =
        findings.into_iter().filter(|finding| !own.iter().any(|e| e.file == finding.file)).collect();
    kept.extend(stale);
    kept
}

/// Exceptions whose rule does not exist.
pub fn check(exceptions: &[Exception]) -> Vec<Finding> {
    let known = |rule: &str| rule == crate::traces::RULE || RULES.iter().any(|known| known.name == rule);
    exceptions
        .iter()
        .filter(|exception| !known(exception.rule) || exception.reason.is_empty())
        .map(|e| {
            Finding::new(e.file, 0, format!("the exception for `{}` has no such rule or no reason", e.rule))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_needs_a_rule_and_a_reason() {
        assert!(check(ALL).is_empty());
        let one = |rule, reason| check(&[Exception { file: "a.rs", rule, reason }]).len();
        assert_eq!(one("time", "why"), 0);
        assert_eq!(one("tine", "why"), 1);
        assert_eq!(one("time", ""), 1);
    }

    #[test]
    fn an_exception_covers_one_file_and_must_be_needed() {
        let exceptions = [Exception { file: "a.rs", rule: "time", reason: "why" }];
        let found = |file| vec![Finding::new(file, 1, "x")];
        assert!(apply(&exceptions, "time", found("a.rs")).is_empty());
        assert_eq!(apply(&exceptions, "time", found("b.rs")).len(), 2);
        assert_eq!(apply(&exceptions, "time", vec![]).len(), 1);
        assert_eq!(apply(&exceptions, "print", found("a.rs")).len(), 1);
    }
}
