//! `administrator`: who administers projects, and how one that nobody administers gets somebody.

use crate::Failure;
use crate::app::App;
use crate::text;
use api::administrator::{Administered, Naming, NewAdministrator};
use api::people::Standing;
use base::{ApprovalId, Id, ProjectId};
use clap::{Args, Subcommand};

/// Who administers projects, and how one that nobody administers gets somebody
#[derive(Subcommand)]
pub enum Administrator {
    List(List),
    Propose(Propose),
    Approve(Approve),
}

impl Administrator {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::List(args) => args.run(app),
            Self::Propose(args) => args.run(app),
            Self::Approve(args) => args.run(app),
        }
    }
}

/// List every project with its administrators, and when the last of their roles ends.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra administrator list\n\nRole: platform-administrator on the site."
)]
pub struct List {}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let projects: Vec<Administered> = app.client()?.get("administrator list", &[])?;
        if app.console.is_json() {
            return app.console.json(&projects);
        }
        let rows: Vec<_> = projects.iter().map(row).collect();
        app.console.table(&["PROJECT", "CLASS", "ADMINISTRATORS", "UNTIL", "STATE", "NAME"], &rows)
    }
}

fn row(one: &Administered) -> Vec<String> {
    let names: Vec<&str> = one.administrators.iter().map(|account| account.name.as_str()).collect();
    let state = match (one.standing, &one.proposed) {
        (Standing::Held, _) => "held".to_owned(),
        (Standing::EndsSoon, _) => "ends soon".to_owned(),
        (Standing::Ended, None) => "nobody".to_owned(),
        (Standing::Ended, Some(proposed)) => {
            let Naming { id, account, by, .. } = proposed;
            format!("nobody; {} proposed {} ({id}){}", by.name, account.name, kept(proposed))
        }
    };
    vec![
        one.project.to_string(),
        one.class.to_string(),
        text::or_dash(Some(names.join(", ")).filter(|names| !names.is_empty())),
        text::or_dash(one.until.map(text::until)),
        state,
        one.name.clone(),
    ]
}

/// Who could have made the account somebody else's.
fn kept(proposed: &Naming) -> String {
    let told = proposed
        .kept
        .as_ref()
        .map(|kept| format!(", whose account {} last changed {}", kept.by.name, kept.at));
    told.unwrap_or_default()
}

/// Propose an administrator for a project that has none: the last one's account was closed, or their role ended.
///
/// It gives nothing until another platform administrator approves it, within seven days; a newer proposal takes its place. Nobody proposes
/// themselves.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra administrator propose prj_… lead\n\nRole: platform-administrator on the site."
)]
pub struct Propose {
    /// The project, prj_…
    project: ProjectId,
    /// The sign-in name of who should administer it
    name: String,
}

impl Propose {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = NewAdministrator { project: self.project, account: self.name };
        let proposed: Naming = app.client()?.post("administrator propose", &[], &body)?.json()?;
        if app.console.is_json() {
            return app.console.json(&proposed);
        }
        app.console
            .say("proposed; another platform administrator approves it with `administrator approve`, within seven days");
        app.console.line(proposed.id.as_str())
    }
}

/// Make who was proposed the project's administrator.
///
/// Nobody approves whom they proposed themselves, or themselves, by whatever account. Ask whoever is proposed in person first:
/// somebody who keeps accounts may have made themselves a token for theirs, and `administrator list` shows who last changed it.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra administrator list\n  sequestra administrator approve apr_…\n\n\
    Role: platform-administrator on the site."
)]
pub struct Approve {
    /// The proposal, apr_…
    proposal: ApprovalId,
}

impl Approve {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let done: Naming = app.client()?.get("administrator approve", &[self.proposal.as_str()])?;
        app.console.say(&format!("{} administers {} now", done.account.name, done.project));
        if app.console.is_json() { app.console.json(&done) } else { Ok(()) }
    }
}
