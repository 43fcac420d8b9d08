//! `member`: who does what in a project.

use crate::Failure;
use crate::app::App;
use crate::ends::{self, Until, in_project};
use api::people::{self, NewMember};
use api::rights::{Change, Changes, Proposed};
use base::{ProjectId, Role};
use clap::{Args, Subcommand};

/// Who does what in a project
#[derive(Subcommand)]
pub enum Member {
    Add(Add),
    List(List),
    Remove(Remove),
}

impl Member {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Add(args) => args.run(app),
            Self::List(args) => args.run(app),
            Self::Remove(args) => args.run(app),
        }
    }
}

/// Give a person a role in a project, until it ends.
///
/// It ends with its time, or with the first that ends of the training, the agreement and the approval that it
/// stands on. A role that is given again is held until the new end.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra member add prj_… worker --role analyst --until 2031-12-31\n  \
    sequestra member add prj_… worker --role viewer --training-until 2031-05-01 --dry-run\n\n\
    Roles in a project: viewer, analyst, data-exporter, project-administrator, data-steward,\nhonest-broker, support-observer, emergency.\n\n\
    Role: project-administrator in the project.")]
pub struct Add {
    /// The project, prj_…
    project: ProjectId,
    /// The person's sign-in name
    name: String,
    /// The role
    #[arg(long, value_parser = in_project)]
    role: Role,
    #[command(flatten)]
    ends: Until,
    /// Show what it would give and take, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Add {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        if self.dry_run {
            return preview(app, &self.project, self.name, Change::Give, Some(self.role));
        }
        let body = NewMember { account: self.name, role: self.role, ends: self.ends.ends() };
        app.client()?.post("member add", &[&self.project.to_string()], &body)?;
        app.console.say(&format!("{} is {} in {} now", body.account, body.role, self.project));
        if app.console.is_json() { app.console.json(&body) } else { Ok(()) }
    }
}

/// List a project's members with their roles, and which of these end soon or have ended.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra member list prj_…\n\nRole: any data role or project-administrator in the project."
)]
pub struct List {
    /// The project, prj_…
    project: ProjectId,
}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let members: Vec<people::Member> = app.client()?.get("member list", &[&self.project.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&members);
        }
        let rows: Vec<_> = members
            .into_iter()
            .map(|m| {
                let [until, standing] = ends::shown(&m.given);
                vec![m.account.name, m.given.role.to_string(), until, standing, m.account.id.to_string()]
            })
            .collect();
        app.console.table(&["NAME", "ROLE", "UNTIL", "STATE", "ID"], &rows)
    }
}

/// Take every role in a project from a person.
///
/// It holds at once: what the person is reading stops at its next check, within 60 seconds.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra member remove prj_… worker\n\nRole: project-administrator in the project."
)]
pub struct Remove {
    /// The project, prj_…
    project: ProjectId,
    /// The person's sign-in name
    name: String,
    #[arg(long, hide = true, value_parser = one_role)]
    role: Option<Role>,
    /// Show what it would take, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Remove {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        if self.dry_run {
            return preview(app, &self.project, self.name, Change::Take, None);
        }
        app.client()?.tell("member remove", &[&self.project.to_string(), &self.name])?;
        app.console.say(&format!("{} holds no role in {} any more", self.name, self.project));
        if app.console.is_json() { app.console.json(&serde_json::json!({})) } else { Ok(()) }
    }
}

/// Who asks for one role is told that all of them go.
fn one_role(_: &str) -> Result<Role, &'static str> {
    Err("all of a person's roles in the project are taken at once; `member add` gives back what stays")
}

fn preview(
    app: &mut App<'_>,
    project: &ProjectId,
    account: String,
    change: Change,
    role: Option<Role>,
) -> Result<(), Failure> {
    let body = Proposed { account, change, role };
    let changes: Changes = app.client()?.post("member preview", &[&project.to_string()], &body)?.json()?;
    ends::changes(app, &changes)
}
