//! `audit`: who did what.

mod export;
mod incident;
mod volume;
mod who_saw;

pub use who_saw::tell as tell_accesses;

use crate::app::App;
use crate::{Error, Failure, receipt, text};
use api::record::{Decision, Erased, History, Search as Asked};
use base::Timestamp;
use clap::{Args, Subcommand, ValueEnum};

/// Who did what, from the ledger
#[derive(Subcommand)]
pub enum Audit {
    Search(Box<Search>),
    Export(Box<export::Export>),
    Incident(incident::Investigate),
    Volume(volume::Volume),
    WhoSaw(who_saw::WhoSaw),
}

impl Audit {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Search(args) => args.run(app),
            Self::Export(args) => args.run(app),
            Self::Incident(args) => args.run(app),
            Self::Volume(args) => args.run(app),
            Self::WhoSaw(args) => args.run(app),
        }
    }
}

/// Show who did what: to a thing and to what is linked to it, by an account, in a project, and more.
///
/// Conditions are combined; each hit was read from the ledger and compared with the question. Where the
/// question names a thing, an account or a project, each event names the one before it, so the answer
/// says whether it is complete; a broken chain ends with exit code 7. The newest events are shown, oldest
/// first; `--cursor` goes on to those before them.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra audit search --about smp_… --since 2026-01-01 --until 2027-01-01\n  \
    sequestra audit search --actor usr_… --decision denied\n  \
    sequestra --json audit search --project prj_… --action download-object --proof\n\n\
    Role: data-steward in the project, or auditor on the site."
)]
pub struct Search {
    #[command(flatten)]
    conditions: Conditions,
    /// Most events to show, up to 10,000 [default: 1000]
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: Option<u32>,
    /// Go on where an answer with the same conditions ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// With each event its leaf and the proof that the named checkpoint holds it; for `--json`
    #[arg(long)]
    proof: bool,
}

/// Conditions that all hold.
#[derive(Args, Clone)]
pub struct Conditions {
    /// A thing or an account, and what is linked to it: smp_…, obj_…, run_…, prj_…, usr_…, …
    #[arg(long, value_name = "ID", value_parser = receipt::id)]
    about: Option<String>,
    /// Who acted: usr_…, svc_…, sit_…
    #[arg(long, value_name = "ID", value_parser = receipt::id)]
    actor: Option<String>,
    /// The person for whom a service account acted, usr_…
    #[arg(long, value_name = "ID", value_parser = receipt::id)]
    on_behalf_of: Option<String>,
    /// The project, prj_…
    #[arg(long, value_name = "ID", value_parser = receipt::id)]
    project: Option<String>,
    /// The request, req_…
    #[arg(long, value_name = "ID", value_parser = receipt::id)]
    request: Option<String>,
    /// What was asked for (`download-object`), or the kind of event (`object-sealed`)
    #[arg(long, value_name = "WORD")]
    action: Option<String>,
    /// Decisions alone: those that allowed, or those that denied
    #[arg(long, value_enum)]
    decision: Option<Word>,
    /// Not before this day (UTC) or time: 2026-01-31, 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Before this day (UTC) or time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
}

impl Conditions {
    /// The question that they make.
    fn asked(self) -> Asked {
        Asked {
            about: self.about,
            actor: self.actor,
            on_behalf_of: self.on_behalf_of,
            project: self.project,
            request: self.request,
            action: self.action,
            decision: self.decision.map(|word| match word {
                Word::Allowed => Decision::Allowed,
                Word::Denied => Decision::Denied,
            }),
            since: self.since,
            until: self.until,
            ..Asked::default()
        }
    }
}

/// How a decision ended.
#[derive(Clone, Copy, ValueEnum)]
enum Word {
    Allowed,
    Denied,
}

impl Search {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let asked = Asked {
            limit: self.limit.and_then(|limit| usize::try_from(limit).ok()),
            cursor: self.cursor,
            proof: self.proof,
            ..self.conditions.asked()
        };
        let history: History = app.client()?.ask("audit search", &[], &asked)?;
        if app.console.is_json() && !history.broken {
            return app.console.json(&history);
        }
        if !app.console.is_json() {
            table(app, &history)?;
        }
        if history.broken {
            return Err(Failure::from(Error::Incomplete).with_findings(history.why_not.into_iter().collect()));
        }
        end(app, &history);
        Ok(())
    }
}

fn table(app: &mut App<'_>, history: &History) -> Result<(), Failure> {
    let rows: Vec<_> = history
        .events
        .iter()
        .rev()
        .map(|event| {
            let who = event.name.clone().unwrap_or_else(|| event.actor.clone());
            let said = event.reason.clone().or_else(|| event.erased.as_ref().map(erased));
            let why = [event.purpose.clone(), said].into_iter().flatten().collect::<Vec<_>>();
            vec![event.position.to_string(), event.time.to_string(), who, event.what.clone(), why.join(": ")]
        })
        .collect();
    app.console.table(&["POSITION", "TIME", "WHO", "WHAT", "WHY"], &rows)
}

/// Says that words were erased, and where the proof is.
fn erased(by: &Erased) -> String {
    let proof = by.certificate.as_ref().map(|id| format!(", certificate {id}")).unwrap_or_default();
    format!("[erased with the keys of {}, decided at {}{proof}]", by.scope, by.position)
}

fn end(app: &mut App<'_>, history: &History) {
    let events = text::many(history.events.len() as u64, "event", "events");
    let chains = text::many(history.chains.len() as u64, "chain", "chains");
    let size = text::count(history.size);
    if history.complete {
        app.console.say(&format!("{events} on {chains}; complete by proof up to ledger size {size}"));
    } else {
        let why = history.why_not.as_deref().unwrap_or("it is not said why");
        app.console.say(&format!("{events} up to ledger size {size}; not proven complete: {why}"));
    }
    if let Some(cursor) = &history.cursor {
        app.console.talk(&format!("earlier ones: the same with `--cursor {cursor}`"));
    }
}

/// A day, which begins at midnight UTC, or a time.
pub fn time(text: &str) -> Result<Timestamp, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole
        .parse()
        .map_err(|_| "expected a day such as 2026-01-31, or a time such as 2026-01-31T08:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_and_a_time_names_its_zone() {
        assert_eq!(time("2026-01-31").unwrap().to_string(), "2026-01-31T00:00:00Z");
        assert_eq!(time("2026-01-31T08:00:00+02:00").unwrap().to_string(), "2026-01-31T06:00:00Z");
        for bad in ["", "2026", "2026-02-31", "2026-01-31T08:00:00", "yesterday"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }
}
