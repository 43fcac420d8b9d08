//! `support`: sessions in which somebody who helps a project sees its data.

use crate::Failure;
use crate::app::App;
use crate::args::words;
use crate::ends;
use crate::text;
use api::exception::{NewApproval, NewException, Support as Session, SupportShown};
use base::{Id, ProjectId, SupportId, Timestamp};
use clap::Args;

/// Ask to see a project's data. It gives nothing until somebody of the project approves it.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra support ask prj_… --reason \"report 12 shows no variants\"\n\n\
    Role: support-observer in the project."
)]
pub struct Ask {
    /// The project, prj_…
    project: ProjectId,
    /// Why, for those who approve it
    #[arg(long, value_parser = words)]
    reason: String,
}

impl Ask {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = NewException { reason: self.reason };
        let asked: Session =
            app.client()?.post("support ask", &[&self.project.to_string()], &body)?.json()?;
        if app.console.is_json() {
            return app.console.json(&asked);
        }
        app.console.line(asked.id.as_str())?;
        app.console.say("a project administrator or data steward approves it within seven days");
        Ok(())
    }
}

/// Let who asked see the project's data, and change nothing, until it ends by itself.
///
/// They see what a viewer sees. Nothing leaves the project by them meanwhile, whatever else they hold. `support show` tells
/// what they did.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra support approve sup_… --until 2031-05-14T18:00:00Z\n\n\
    Role: project-administrator or data-steward in the project, and another person than who asked.")]
pub struct Approve {
    /// The session, sup_…
    #[arg(value_name = "SESSION")]
    asked: SupportId,
    /// Until when [default: for as long as the site allows]
    #[arg(long, value_name = "TIME", value_parser = ends::day)]
    until: Option<Timestamp>,
}

impl Approve {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = NewApproval { until: self.until };
        let session: Session =
            app.client()?.post("support approve", &[self.asked.as_str()], &body)?.json()?;
        let until = text::or_dash(session.until.map(|until| until.to_string()));
        app.console.say(&format!("{} is viewer in {} until {until}", session.account.name, session.project));
        if app.console.is_json() { app.console.json(&session) } else { Ok(()) }
    }
}

/// List a project's support sessions, the newest first.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra support list prj_…\n\nRole: any data role or project-administrator in the project."
)]
pub struct List {
    /// The project, prj_…
    project: ProjectId,
}

impl List {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let all: Vec<Session> = app.client()?.get("support list", &[&self.project.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&all);
        }
        let rows: Vec<_> = all.iter().map(row).collect();
        app.console.table(&["ID", "WHO", "ASKED", "STATE", "FROM", "UNTIL", "BY", "REASON"], &rows)
    }
}

fn row(one: &Session) -> Vec<String> {
    let time = |at: Option<Timestamp>| text::or_dash(at.map(|at| at.to_string()));
    vec![
        one.id.to_string(),
        one.account.name.clone(),
        one.asked.to_string(),
        one.state.clone(),
        time(one.from),
        time(one.ended.or(one.until)),
        text::or_dash(one.by.as_ref().map(|by| by.name.clone())),
        text::or_dash(one.reason.clone()),
    ]
}

/// Show a support session, and everything that was decided for who holds it while it was open.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra support show sup_…\n\nRole: any data role or project-administrator in the project."
)]
pub struct Show {
    /// The session, sup_…
    #[arg(value_name = "SESSION")]
    asked: SupportId,
}

impl Show {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let shown: SupportShown = app.client()?.get("support show", &[self.asked.as_str()])?;
        if app.console.is_json() {
            return app.console.json(&shown);
        }
        let SupportShown { session, decisions, complete, why_not } = &shown;
        let by = session.by.as_ref().map_or("nobody", |by| by.name.as_str());
        let until = session.ended.or(session.until).map(|until| until.to_string());
        let fields = [
            ("session", session.id.to_string()),
            ("project", session.project.to_string()),
            ("who", format!("{} ({})", session.account.name, session.account.id)),
            ("why", text::or_dash(session.reason.clone())),
            ("asked", session.asked.to_string()),
            ("let in by", by.to_owned()),
            ("from", text::or_dash(session.from.map(|from| from.to_string()))),
            ("until", text::or_dash(until)),
            ("state", session.state.clone()),
        ];
        for (name, value) in fields {
            app.console.line(&format!("{name}  {value}"))?;
        }
        let rows: Vec<_> = decisions
            .iter()
            .map(|one| {
                let answer = if one.allowed { "allowed" } else { "REFUSED" };
                let at = one.at.to_string();
                vec![
                    at,
                    one.action.clone(),
                    answer.to_owned(),
                    one.things.join(" "),
                    one.position.to_string(),
                ]
            })
            .collect();
        app.console.table(&["WHEN", "WHAT", "ANSWER", "THINGS", "POSITION"], &rows)?;
        let told = match (complete, why_not) {
            (true, _) => format!("{} decisions; complete by proof", rows.len()),
            (false, why) => {
                format!("{} decisions; NOT PROVEN: {}", rows.len(), why.clone().unwrap_or_default())
            }
        };
        app.console.say(&told);
        Ok(())
    }
}

/// End a support session before its time, or take a request back.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra support end sup_…\n\n\
    Role: support-observer in the project, who asked; project-administrator or data-steward.")]
pub struct End {
    /// The session, sup_…
    #[arg(value_name = "SESSION")]
    asked: SupportId,
}

impl End {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let ended: Session = app.client()?.get("support end", &[self.asked.as_str()])?;
        let (name, project) = (&ended.account.name, &ended.project);
        let told = match ended.from {
            Some(_) => format!("ended; {name} sees {project} no more by it"),
            None => format!("taken back; nobody had let {name} into {project} by it"),
        };
        app.console.say(&told);
        if app.console.is_json() { app.console.json(&ended) } else { Ok(()) }
    }
}
