//! `policy`: the policies in force, and changes of them by two people.

use crate::Failure;
use crate::app::App;
use crate::ends;
use crate::error::Error;
use api::policy::{Files, NewPolicies, Policies, Proposal, Shown};
use api::rights::Changes;
use base::{ApprovalId, Id};
use clap::{Args, Subcommand};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Longest file that is compared line by line; others are shown whole, before and after.
const MOST_LINES: usize = 3000;

/// The site's policies, and changes of them by two people
#[derive(Subcommand)]
pub enum Policy {
    List(List),
    Propose(Propose),
    Show(Show),
    Approve(Approve),
    Withdraw(Withdraw),
}

impl Policy {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::List(args) => args.run(app),
            Self::Propose(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::Approve(args) => args.run(app),
            Self::Withdraw(args) => args.run(app),
        }
    }
}

/// List what is in force, and what was proposed.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra policy list\n\nRole: platform-administrator, pipeline-approver or auditor on the site."
)]
pub struct List {}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let policies: Policies = app.client()?.get("policy list", &[])?;
        if app.console.is_json() {
            return app.console.json(&policies);
        }
        app.console.line(&format!("in force  {}", policies.policy))?;
        app.console.line(&format!("shipped   {}", policies.shipped.join(", ")))?;
        let own = if policies.own.is_empty() { "none".to_owned() } else { policies.own.join(", ") };
        app.console.line(&format!("own       {own}"))?;
        for one in &policies.interpreted {
            app.console.line(&format!("not compiled: {}, for its {}", one.policy, one.why))?;
        }
        let row = |one: &Proposal| {
            vec![one.id.to_string(), one.state.clone(), one.by.name.clone(), format!("{:.0}", one.at)]
        };
        let rows: Vec<_> = policies.proposals.iter().map(row).collect();
        app.console.table(&["PROPOSAL", "STATE", "BY", "AT"], &rows)
    }
}

/// Propose all of the site's own policies: every `*.cedar` file of a folder.
///
/// They stand beside the shipped ones and can add rights and prohibitions; a shipped file cannot be replaced.
/// What is not in the folder is no longer a policy once it is approved. Nothing changes before that.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra policy propose policies/\n\nRole: platform-administrator on the site."
)]
pub struct Propose {
    /// The folder
    folder: PathBuf,
}

impl Propose {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let (files, passed) = read(&self.folder)?;
        for name in passed {
            app.console
                .say(&format!("passed over, as its name does not end in `.cedar`: {}", name.display()));
        }
        let body = NewPolicies { files };
        let proposal: Proposal = app.client()?.post("policy propose", &[], &body)?.json()?;
        if app.console.is_json() {
            return app.console.json(&proposal);
        }
        app.console.say("proposed; another person, a pipeline approver, approves it with `policy approve`");
        app.console.line(proposal.id.as_str())
    }
}

/// Show what a proposal changes: in the text, and who gains and loses what.
///
/// Every account, action and project is decided before and after, given a reason, from each kind of network, with and
/// without a second factor, and at each hour, day and kind of thing that a policy asks for. The site's own files in
/// force are compared with the proposed ones.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra policy show apr_…\n\nRole: platform-administrator, pipeline-approver or auditor on the site."
)]
pub struct Show {
    /// The proposal, apr_…
    proposal: ApprovalId,
}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let shown: Shown = app.client()?.get("policy show", &[self.proposal.as_str()])?;
        if app.console.is_json() {
            return app.console.json(&shown);
        }
        let Proposal { id, by, at, state, policy, .. } = &shown.proposal;
        app.console.line(&format!("{id} is {state}, proposed by {} at {at:.0}", by.name))?;
        app.console.line(&format!("policies {policy}"))?;
        for line in difference(&shown.before, &shown.after) {
            app.console.line(&line)?;
        }
        for one in &shown.interpreted {
            app.console.line(&format!("not compiled: {}, for its {}", one.policy, one.why))?;
        }
        let Shown { changes, untold, whole, .. } = shown;
        ends::changes(app, &Changes { changes, untold, whole })
    }
}

/// Put a proposal of an administrator in force.
///
/// Nobody approves what they proposed themselves, by whatever account. Permits of the policies before end at
/// once; work under way is decided anew.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra policy show apr_…\n  sequestra policy approve apr_…\n\n\
    Role: pipeline-approver on the site.")]
pub struct Approve {
    /// The proposal, apr_…
    proposal: ApprovalId,
}

impl Approve {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let proposal: Proposal = app.client()?.get("policy approve", &[self.proposal.as_str()])?;
        app.console.say(&format!("policies {} are in force", proposal.policy));
        if app.console.is_json() { app.console.json(&proposal) } else { Ok(()) }
    }
}

/// Withdraw or refuse a proposal.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra policy withdraw apr_…\n\nRole: platform-administrator on the site."
)]
pub struct Withdraw {
    /// The proposal, apr_…
    proposal: ApprovalId,
}

impl Withdraw {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let proposal: Proposal = app.client()?.get("policy withdraw", &[self.proposal.as_str()])?;
        app.console.say(&format!("{} is withdrawn", proposal.id));
        if app.console.is_json() { app.console.json(&proposal) } else { Ok(()) }
    }
}

/// The `*.cedar` files of a folder, and what else lies there.
fn read(folder: &Path) -> Result<(Files, Vec<PathBuf>), Failure> {
    let refused = |source: std::io::Error| match source.kind() {
        ErrorKind::NotADirectory => Error::NotAFolder(folder.to_owned()),
        _ => Error::Read { path: folder.to_owned(), source },
    };
    let (mut files, mut passed) = (Files::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".cedar"));
        if let Some(name) = name {
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|source| Error::Read { path: path.clone(), source })?;
            files.insert(name.to_owned(), text);
        } else {
            passed.push(path);
        }
    }
    passed.sort();
    Ok((files, passed))
}

/// The lines that differ, each with its file's name above: `-` before, `+` after.
fn difference(before: &Files, after: &Files) -> Vec<String> {
    let mut told = Vec::new();
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let text = |files: &Files| files.get(name).cloned().unwrap_or_default();
        let (old, new) = (text(before), text(after));
        if old != new {
            told.push(format!("--- {name}"));
            told.extend(lines(&old, &new));
        }
    }
    told
}

/// What is removed and what is added, by a longest common subsequence of lines.
fn lines(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    if old.len() > MOST_LINES || new.len() > MOST_LINES {
        let (old, new) =
            (old.iter().map(|line| format!("-{line}")), new.iter().map(|line| format!("+{line}")));
        return old.chain(new).collect();
    }
    // common[i][j]: how many lines old[i..] and new[j..] have in common, one row after the other.
    let width = new.len() + 1;
    let mut common = vec![0u16; (old.len() + 1) * width];
    let at = |common: &[u16], i: usize, j: usize| common.get(i * width + j).copied().unwrap_or(0);
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let best = match a == b {
                true => at(&common, i + 1, j + 1) + 1,
                false => at(&common, i + 1, j).max(at(&common, i, j + 1)),
            };
            if let Some(cell) = common.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j, mut told) = (0, 0, Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(a), Some(b)) if a == b => (i, j) = (i + 1, j + 1),
            (Some(a), b) if b.is_none() || at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                told.push(format!("-{a}"));
                i += 1;
            }
            (_, Some(b)) => {
                told.push(format!("+{b}"));
                j += 1;
            }
            _ => return told,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_line_by_line() {
        assert_eq!(lines("a\nb\nc\n", "a\nc\nd\n"), ["-b", "+d"]);
        assert_eq!(lines("", "a\nb"), ["+a", "+b"]);
        assert_eq!(lines("a\nb", ""), ["-a", "-b"]);
        assert_eq!(lines("a\nb", "a\nb\n"), Vec::<String>::new());
        assert_eq!(lines("x\ny", "y\nx"), ["-x", "+x"]);
        let file = |text: &str| Files::from([("one.cedar".to_owned(), text.to_owned())]);
        assert_eq!(difference(&file("a"), &file("b")), ["--- one.cedar", "-a", "+b"]);
        assert_eq!(difference(&Files::new(), &file("b")), ["--- one.cedar", "+b"]);
        assert_eq!(difference(&file("b"), &file("b")), Vec::<String>::new());
    }
}
