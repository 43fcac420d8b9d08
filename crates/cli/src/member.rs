//! `member`: who does what in a project.

use crate::app::App;
use crate::{Failure, text};
use api::people::{self, NewMember};
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

/// Give a person a role in a project.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra member add prj_… worker --role analyst\n\n\
    Roles in a project: viewer, analyst, data-exporter, project-administrator, data-steward,\nsupport-observer.\n\n\
    Role: project-administrator in the project.")]
pub struct Add {
    /// The project, prj_…
    project: ProjectId,
    /// The person's sign-in name
    name: String,
    /// The role
    #[arg(long)]
    role: Role,
}

impl Add {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = NewMember { account: self.name, role: self.role };
        app.client()?.post("member add", &[&self.project.to_string()], &body)?;
        app.console.say(&format!("{} is {} in {} now", body.account, body.role, self.project));
        if app.console.is_json() { app.console.json(&body) } else { Ok(()) }
    }
}

/// List a project's members with their roles.
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
                vec![m.account.name, m.role.to_string(), text::or_dash(m.until), m.account.id.to_string()]
            })
            .collect();
        app.console.table(&["NAME", "ROLE", "UNTIL", "ID"], &rows)
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
}

impl Remove {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        app.client()?.tell("member remove", &[&self.project.to_string(), &self.name])?;
        app.console.say(&format!("{} holds no role in {} any more", self.name, self.project));
        if app.console.is_json() { app.console.json(&serde_json::json!({})) } else { Ok(()) }
    }
}
