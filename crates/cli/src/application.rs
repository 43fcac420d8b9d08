//! `application`: who asks to use a dataset in another project.

use crate::app::App;
use crate::args::words;
use crate::{Error, Failure, ends, file, text};
use api::sharing::{
    Application as Shown, ApplicationAnswer, ApplicationChange, Listed, NewApplication, PeopleChanged,
    PeopleList,
};
use base::{ApplicationId, DatasetId, ProjectId, Sha256, Timestamp};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Who asks to use a dataset of another project, and how that stands
#[derive(Subcommand)]
pub enum Application {
    List(List),
    Show(Show),
    Make(Make),
    Approve(Approve),
    Deny(Deny),
    Renew(Renew),
    Report(Report),
    End(End),
    Import(Import),
}

impl Application {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::Make(args) => args.run(app),
            Self::Approve(args) => args.run(app),
            Self::Deny(args) => args.run(app),
            Self::Renew(Renew { which, until, reason }) => change(app, which, "renew", Some(until), reason),
            Self::Report(Report { which, reason }) => change(app, which, "report", None, reason),
            Self::End(End { which, reason }) => change(app, which, "end", None, reason),
            Self::Import(args) => args.run(app),
        }
    }
}

/// List the applications that a project made, and those that it answers, the newest first.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra application list prj_…\n\nRole: any data role or project-administrator in the project."
)]
pub struct List {
    /// The project, prj_…
    project: ProjectId,
}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let all: Vec<Shown> = app.client()?.get("application list", &[&self.project.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&all);
        }
        let rows: Vec<_> = all
            .into_iter()
            .map(|one| {
                let gives = gives(&one);
                let until = text::until(one.until.unwrap_or(one.asked_until));
                vec![
                    one.id.to_string(),
                    one.dataset.to_string(),
                    one.workspace.to_string(),
                    one.applicant.name,
                    one.state,
                    until,
                    gives,
                ]
            })
            .collect();
        app.console.table(&["APPLICATION", "DATASET", "USED IN", "WHO", "STATE", "UNTIL", "GIVES"], &rows)
    }
}

/// An application, from one of its two projects.
#[derive(Args)]
pub struct Which {
    /// Your project, prj_…
    project: ProjectId,
    /// The application, apl_…
    application: ApplicationId,
}

impl Which {
    fn parts(&self) -> [String; 2] {
        [self.project.to_string(), self.application.to_string()]
    }

    fn find(&self, app: &mut App<'_>) -> Result<Shown, Failure> {
        let all: Vec<Shown> = app.client()?.get("application list", &[&self.project.to_string()])?;
        let found = all.into_iter().find(|one| one.id == self.application);
        found.ok_or_else(|| Error::NotListed(self.application.to_string()).into())
    }
}

/// Show all of an application, and, to who answers it, what terms leave to a person.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra application show prj_… apl_…\n\nRole: any data role or project-administrator in the project."
)]
pub struct Show {
    #[command(flatten)]
    which: Which,
}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let one = self.which.find(app)?;
        tell(app, &one)
    }
}

fn tell(app: &mut App<'_>, one: &Shown) -> Result<(), Failure> {
    if app.console.is_json() {
        return app.console.json(one);
    }
    let names = |all: &[Listed]| all.iter().map(named).collect::<Vec<_>>().join(", ");
    for (name, value) in [
        ("id", one.id.to_string()),
        ("dataset", one.dataset.to_string()),
        ("home", one.home.to_string()),
        ("used in", one.workspace.to_string()),
        ("for", one.use_.join(" ")),
        ("who asked", one.applicant.name.clone()),
        ("why", text::or_dash(one.reason.clone())),
        ("party", one.party.clone()),
        ("people", names(&one.people)),
        ("state", one.state.clone()),
        ("asked until", text::until(one.asked_until)),
        ("until", text::or_dash(one.until.map(text::until))),
        ("report due", text::or_dash(one.report_due)),
        ("reported", text::or_dash(one.report.clone())),
        ("gives", gives(one)),
    ] {
        app.console.line(&format!("{name:<12} {value}"))?;
    }
    for reason in &one.reasons {
        app.console.line(&format!("left to you  {reason}"))?;
    }
    Ok(())
}

/// Whether it gives anything now, or why not.
fn gives(one: &Shown) -> String {
    match &one.why_not {
        None => "yes".to_owned(),
        Some(why) => format!("no: {why}"),
    }
}

fn named(one: &Listed) -> String {
    let until = one.until.map(|until| format!(" (until {})", text::until(until)));
    format!("{}{}", one.name, until.unwrap_or_default())
}

/// Ask to use a dataset in a project of yours, for what that project states, by named people.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra application make prj_… dst_… --party ror:05a28rw58 --person ada --person bo --until 2027-06-30 --reason \"cardiomyopathy study\"\n\n\
    Role: analyst in the project that would use it."
)]
pub struct Make {
    /// The project that would use it, prj_…
    project: ProjectId,
    /// The dataset, dst_…
    dataset: DatasetId,
    /// Whom you belong to, such as the ROR id of an institution
    #[arg(long)]
    party: String,
    /// Sign-in name of somebody who would use it; may be given several times
    #[arg(long = "person", value_name = "NAME", required = true)]
    people: Vec<String>,
    /// The last day, a year away at most
    #[arg(long, value_name = "DAY", value_parser = ends::day)]
    until: Timestamp,
    /// Why, for who answers; recorded sealed
    #[arg(long, value_parser = words)]
    reason: String,
}

impl Make {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let Self { project, dataset, party, people, until, reason } = self;
        let body = NewApplication { dataset, party, people, until, reason };
        let asked: Shown = app.client()?.post("application make", &[&project.to_string()], &body)?.json()?;
        app.console.say("asked; a data steward of the dataset's home answers");
        if app.console.is_json() {
            return app.console.json(&asked);
        }
        app.console.line(&asked.id.to_string())
    }
}

/// Let an application use the dataset until a day.
///
/// What terms leave to a person is approved as it is shown, with `--yes`. Nobody answers what they asked for, or are named in,
/// themselves.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra application approve prj_… apl_… --until 2027-06-30 --reason \"data access committee, 3 May\"\n\n\
    Role: data-steward in the dataset's home."
)]
pub struct Approve {
    #[command(flatten)]
    which: Which,
    /// The last day [default: the one that was asked for]
    #[arg(long, value_name = "DAY", value_parser = ends::day)]
    until: Option<Timestamp>,
    /// Why; recorded sealed
    #[arg(long, value_parser = words)]
    reason: String,
    /// Approve all that terms leave to you; without it, where there is any, that is shown and nothing is approved
    #[arg(long)]
    yes: bool,
}

impl Approve {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let shown = self.which.find(app)?;
        if !self.yes && !shown.reasons.is_empty() {
            tell(app, &shown)?;
            let why = "nothing was approved: give `--yes` to approve all that terms leave to you".to_owned();
            return Err(app.after_answer(Error::Usage(why)));
        }
        for reason in &shown.reasons {
            app.console.say(&format!("approved as well: {reason}"));
        }
        let (until, reason) = (self.until, self.reason);
        let body = ApplicationAnswer { approve: true, until, reasons: shown.reasons, reason };
        answer(app, &self.which, &body)
    }
}

/// Deny an application, also one that was approved: the next decision refuses.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra application deny prj_… apl_… --reason \"the study ended\"\n\nRole: data-steward in the dataset's home."
)]
pub struct Deny {
    #[command(flatten)]
    which: Which,
    /// Why; recorded sealed
    #[arg(long, value_parser = words)]
    reason: String,
}

impl Deny {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body =
            ApplicationAnswer { approve: false, until: None, reasons: Vec::new(), reason: self.reason };
        answer(app, &self.which, &body)
    }
}

fn answer(app: &mut App<'_>, which: &Which, body: &ApplicationAnswer) -> Result<(), Failure> {
    let [project, application] = which.parts();
    let now: Shown = app.client()?.post("application answer", &[&project, &application], body)?.json()?;
    let until = now.until.filter(|_| body.approve).map(|until| format!(" until {}", text::until(until)));
    app.console.say(&format!("{}{}", now.state, until.unwrap_or_default()));
    if body.approve && !now.gives {
        app.console.say(&format!("it gives nothing now: {}", gives(&now)));
    }
    if app.console.is_json() { app.console.json(&now) } else { Ok(()) }
}

/// Ask for longer. It holds as before until that is answered, or its day comes.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra application renew prj_… apl_… --until 2028-06-30 --reason \"second cohort\"\n\nRole: analyst in the project that uses it."
)]
pub struct Renew {
    #[command(flatten)]
    which: Which,
    /// The last day, a year away at most
    #[arg(long, value_name = "DAY", value_parser = ends::day)]
    until: Timestamp,
    /// Why; recorded sealed
    #[arg(long, value_parser = words)]
    reason: String,
}

/// Report on what was done with it. Due once a year; without it nothing is given from 30 days later on.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra application report prj_… apl_… --reason \"two papers, no incident\"\n\nRole: analyst in the project that uses it."
)]
pub struct Report {
    #[command(flatten)]
    which: Which,
    /// What became of it, for data stewards of its home; recorded sealed
    #[arg(long, value_name = "WORDS", value_parser = words)]
    reason: String,
}

/// Give it up: what was made from it is used no more either.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra application end prj_… apl_… --reason \"the study is over\"\n\nRole: analyst in the project that uses it."
)]
pub struct End {
    #[command(flatten)]
    which: Which,
    /// Why; recorded sealed
    #[arg(long, value_parser = words)]
    reason: String,
}

fn change(
    app: &mut App<'_>,
    which: Which,
    change: &str,
    until: Option<Timestamp>,
    reason: String,
) -> Result<(), Failure> {
    let [project, application] = which.parts();
    let body = ApplicationChange { change: change.to_owned(), until, reason };
    let now: Shown = app.client()?.post("application change", &[&project, &application], &body)?.json()?;
    let due = now.report_due.filter(|_| now.state != "ended");
    let due = due.map(|due| format!("; the next report is due at {due}")).unwrap_or_default();
    app.console.say(&format!("{}{due}", now.state));
    if app.console.is_json() { app.console.json(&now) } else { Ok(()) }
}

/// Take over who may use a dataset from a list of authorized people, as dbGaP gives it to repositories.
///
/// Without `--confirm` it shows who would be added (+), stay until another day (*) and be taken out (-), and which names hold
/// no role in the workspace (?). Who stands in the list more than once is named (=): the latest of their days counts. No
/// account is made, closed or changed.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra application import prj_… apl_… --list authorized.csv --study phs000178\n  \
    sequestra application import prj_… apl_… --list authorized.csv --study phs000178 --confirm 9f86…\n\n\
    Role: data-steward in the dataset's home."
)]
pub struct Import {
    #[command(flatten)]
    which: Which,
    /// The list: CSV with the columns login and status, and phsid and expires where they are
    #[arg(long, value_name = "FILE")]
    list: PathBuf,
    /// Only rows of this study, such as phs000178
    #[arg(long)]
    study: Option<String>,
    /// The digest of the difference that you looked at
    #[arg(long, value_name = "DIGEST")]
    confirm: Option<Sha256>,
}

impl Import {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let list = file::read_text(&self.list)?;
        let [project, application] = self.which.parts();
        let body = PeopleList { list, study: self.study, confirm: self.confirm };
        let made: PeopleChanged =
            app.client()?.post("application import", &[&project, &application], &body)?.json()?;
        if app.console.is_json() {
            return app.console.json(&made);
        }
        let signed =
            |sign: &str, all: &[Listed]| all.iter().map(|one| format!("{sign} {}", named(one))).collect();
        let bare = |sign: &str, all: &[String]| all.iter().map(|name| format!("{sign} {name}")).collect();
        let lines: [Vec<String>; 5] = [
            signed("+", &made.added),
            signed("*", &made.changed),
            bare("-", &made.removed),
            bare("?", &made.unknown),
            bare("=", &made.repeated),
        ];
        for line in lines.iter().flatten() {
            app.console.line(line)?;
        }
        let said =
            match (made.applied, made.added.is_empty() && made.changed.is_empty() && made.removed.is_empty())
            {
                (true, _) => "applied; accounts are as they were".to_owned(),
                (false, true) => "nothing changes; names with ? hold no role in the workspace".to_owned(),
                (false, false) => format!("nothing was changed; to apply it: --confirm {}", made.digest),
            };
        app.console.say(&said);
        Ok(())
    }
}
