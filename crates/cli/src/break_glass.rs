//! `break-glass`: a project's data in an emergency, with nobody's approval, and its review.

use crate::Failure;
use crate::app::App;
use crate::args::words;
use crate::text;
use api::exception::{BreakGlass as Glass, NewException, NewReview};
use base::{BreakGlassId, Id, ProjectId};
use clap::{Args, Subcommand, ValueEnum};

/// Open a project's data to yourself in an emergency, and have that reviewed
#[derive(Subcommand)]
pub enum BreakGlass {
    Open(Open),
    Close(Close),
    List(List),
    Review(Review),
}

impl BreakGlass {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Open(args) => args.run(app),
            Self::Close(args) => args.run(app),
            Self::List(args) => args.run(app),
            Self::Review(args) => args.run(app),
        }
    }
}

/// Open the project's data to yourself, with nobody's approval, until it ends by itself.
///
/// For whom the project has named for emergencies. You see what a viewer sees; consents and terms hold as ever, and nothing
/// leaves the project by you meanwhile. It takes a second factor, confirmed within the last five minutes (`confirm`). An
/// alarm goes out at once, and a data steward reviews it within 72 hours.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra break-glass open prj_… --reason \"unconscious in the emergency room\"\n\n\
    Role: emergency in the project."
)]
pub struct Open {
    /// The project, prj_…
    project: ProjectId,
    /// Why, in your own words; they are kept sealed
    #[arg(long, value_parser = words)]
    reason: String,
}

impl Open {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = NewException { reason: self.reason };
        let opened: Glass =
            app.client()?.post("break-glass open", &[&self.project.to_string()], &body)?.json()?;
        if app.console.is_json() {
            return app.console.json(&opened);
        }
        app.console.line(opened.id.as_str())?;
        app.console.say(&format!(
            "you are viewer in {} until {}; the alarm is on, and a data steward reviews it within 72 hours",
            opened.project, opened.until
        ));
        app.console.say("tell a data steward yourself where the site sends no alarms (`[[alarm]]`)");
        app.console.say("close it as soon as you can: `break-glass close`");
        Ok(())
    }
}

/// End a break-glass of yours before its time.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra break-glass close bgl_…\n\nRole: emergency in the project, who opened it."
)]
pub struct Close {
    /// The break-glass, bgl_…
    glass: BreakGlassId,
}

impl Close {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let closed: Glass = app.client()?.get("break-glass close", &[self.glass.as_str()])?;
        app.console.say(&format!("closed; you see {} no more by it", closed.project));
        if app.console.is_json() { app.console.json(&closed) } else { Ok(()) }
    }
}

/// List the uses of it in a project, with what was found of each; the reasons are for data stewards and who gave them.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra break-glass list prj_…\n\n\
    Role: any data role, emergency or project-administrator in the project.")]
pub struct List {
    /// The project, prj_…
    project: ProjectId,
}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let all: Vec<Glass> = app.client()?.get("break-glass list", &[&self.project.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&all);
        }
        let rows: Vec<_> = all.iter().map(row).collect();
        app.console.table(&["ID", "WHO", "OPENED", "UNTIL", "STATE", "FOUND", "REASON"], &rows)?;
        let overdue = all.iter().filter(|glass| glass.state == "overdue").count();
        if overdue > 0 {
            app.console.say(&format!(
                "{overdue} not reviewed within 72 hours: a data steward does, with `break-glass review`"
            ));
        }
        Ok(())
    }
}

fn row(glass: &Glass) -> Vec<String> {
    let found = glass.review.as_ref().map(|review| {
        let word = if review.justified { "justified" } else { "NOT justified" };
        format!("{word}, by {} {}", review.by.name, review.at)
    });
    let end = glass.closed.unwrap_or(glass.until);
    vec![
        glass.id.to_string(),
        glass.account.name.clone(),
        glass.opened.to_string(),
        end.to_string(),
        if glass.state == "overdue" { "OVERDUE".to_owned() } else { glass.state.clone() },
        text::or_dash(found),
        text::or_dash(glass.reason.clone()),
    ]
}

/// What somebody found of a break-glass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Finding {
    /// It was an emergency, and what was looked at was needed for it
    Justified,
    /// It was not
    NotJustified,
}

/// Say what you found of a break-glass that has ended: nobody reviews their own.
///
/// `audit search --project prj_… --actor usr_…` and `audit who-saw` show what was looked at under it.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra break-glass review bgl_… --finding justified --reason \"the patient was in theatre\"\n\n\
    Role: data-steward in the project."
)]
pub struct Review {
    /// The break-glass, bgl_…
    glass: BreakGlassId,
    /// What you found
    #[arg(long)]
    finding: Finding,
    /// Why, in your own words; they are kept sealed
    #[arg(long, value_parser = words)]
    reason: String,
}

impl Review {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = NewReview { justified: self.finding == Finding::Justified, reason: self.reason };
        let reviewed: Glass =
            app.client()?.post("break-glass review", &[self.glass.as_str()], &body)?.json()?;
        app.console.say("reviewed; the finding is on record");
        if app.console.is_json() { app.console.json(&reviewed) } else { Ok(()) }
    }
}
