//! `visa`: which visas a project takes.

use crate::Failure;
use crate::app::App;
use api::passport::{Mapping, NewMapping, Unmapped};
use base::{ProjectId, Role, VisaMappingId};
use clap::{Args, Subcommand};

/// Which visas (GA4GH) a project takes, and for which role
#[derive(Subcommand)]
pub enum Visa {
    Map(Map),
    List(List),
    Unmap(Unmap),
}

impl Visa {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Map(args) => args.run(app),
            Self::List(args) => args.run(app),
            Self::Unmap(args) => args.run(app),
        }
    }
}

/// Have visas for a dataset give a role in a project.
///
/// Whoever presents such a visa of that issuer, and is linked to its subject, has the role until the visa ends. Who makes
/// the mapping gains nothing by it.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra visa map prj_… --issuer ega \\\n    \
    --value https://ega-archive.org/datasets/EGAD00000000432 --role analyst\n\n\
    Roles that a visa can give: viewer, analyst, data-exporter.\n\n\
    Role: project-administrator or data-steward in the project.")]
pub struct Map {
    /// The project, prj_…
    project: ProjectId,
    /// The issuer's name in `site.toml`
    #[arg(long, value_name = "NAME")]
    issuer: String,
    /// The visas' value: the dataset, letter by letter as the issuer names it
    #[arg(long)]
    value: String,
    /// The role
    #[arg(long)]
    role: Role,
}

impl Map {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let Self { project, issuer, value, role } = self;
        let body = NewMapping { issuer, value, role };
        let made: Mapping = app.client()?.post("visa map", &[&project.to_string()], &body)?.json()?;
        app.console
            .say(&format!("visas of {} for {} give {} in {project} now", made.issuer, made.value, made.role));
        if app.console.is_json() { app.console.json(&made) } else { app.console.line(&made.id.to_string()) }
    }
}

/// List the visas that a project takes, for which role, and who said so.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra visa list prj_…\n\nRole: any data role or project-administrator in the project."
)]
pub struct List {
    /// The project, prj_…
    project: ProjectId,
}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let all: Vec<Mapping> = app.client()?.get("visa list", &[&self.project.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&all);
        }
        let row = |one: Mapping| {
            vec![
                one.id.to_string(),
                one.issuer,
                one.value,
                one.role.to_string(),
                one.by,
                one.since.to_string(),
            ]
        };
        let rows: Vec<_> = all.into_iter().map(row).collect();
        app.console.table(&["MAPPING", "ISSUER", "VALUE", "ROLE", "BY", "SINCE"], &rows)
    }
}

/// Have certain visas give nothing in a project any more; the roles that they gave there end.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra visa unmap prj_… vsm_…\n\nRole: project-administrator or data-steward in the project."
)]
pub struct Unmap {
    /// The project, prj_…
    project: ProjectId,
    /// The mapping, vsm_…
    mapping: VisaMappingId,
}

impl Unmap {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let (project, mapping) = (self.project.to_string(), self.mapping.to_string());
        let gone: Unmapped = app.client()?.get("visa unmap", &[&project, &mapping])?;
        app.console.say(&format!(
            "{} gives nothing any more; roles that ended with it: {}",
            self.mapping, gone.roles
        ));
        if app.console.is_json() { app.console.json(&gone) } else { Ok(()) }
    }
}
