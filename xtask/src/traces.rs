//! Nothing of the machine that built it: no home folders, no name of this host.

use crate::exceptions::{self, Exception};
use crate::{Finding, Workspace};

/// Starts of paths that exist on somebody's machine only. Written in halves, so that this file
/// does not find itself.
const FOLDERS: &[&str] =
    &[concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];

/// The name that exceptions use.
pub const RULE: &str = "trace";

/// Lines that name a home folder or this machine.
pub fn check(workspace: &Workspace, exceptions: &[Exception]) -> Vec<Finding> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    exceptions::apply(exceptions, RULE, check_for(workspace, host.trim()))
}

fn check_for(workspace: &Workspace, host: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, text) in &workspace.files {
        for (at, line) in text.lines().enumerate() {
            for folder in FOLDERS {
                if names_folder(line, folder) {
                    findings.push(Finding::new(
                        file,
                        at + 1,
                        format!("names a folder of one machine, `{folder}`"),
                    ));
                }
            }
            if is_telling(host) && has_word(line, host) {
                findings.push(Finding::new(file, at + 1, "names the machine that this check runs on"));
            }
        }
    }
    findings
}

/// A folder at the start of a path, not in the middle of another one or of an address.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default().chars().next_back();
        !before.is_some_and(|c| {
            c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '$' | '}' | '*' | '…')
        })
    })
}

/// A name like `localhost` or `debian` says nothing; one with a digit or a dash was given to one
/// machine.
fn is_telling(host: &str) -> bool {
    host.len() >= 6 && host.contains(|c: char| c.is_ascii_digit() || c == '-' || c == '.')
}

fn has_word(line: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-');
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default().chars().next_back();
        let after = line.get(at + word.len()..).unwrap_or_default().chars().next();
        !part(before) && !part(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_line(line: &str) -> usize {
        check_for(&Workspace::of(&[("docs/a.md", line)]), "build-7").len()
    }

    #[test]
    fn paths_and_hosts_are_found() {
        for folder in FOLDERS {
            assert_eq!(check_line(&format!("open {folder}me/x")), 1);
            assert_eq!(check_line(&format!("\"{folder}me\"")), 1);
        }
        assert_eq!(check_line("made on build-7."), 1);
    }

    #[test]
    fn other_words_are_not() {
        assert_eq!(check_line("$HOME/.cache/sequestra, prebuild-7, build-77"), 0);
        for folder in FOLDERS {
            assert_eq!(check_line(&format!("/proc/1{folder}x")), 0);
            assert_eq!(check_line(&format!("https://example.org{folder}x")), 0);
        }
        assert!(!is_telling("localhost") && is_telling("node-12"));
    }
}
