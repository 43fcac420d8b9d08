//! `audit who-saw`: every access to a person's data, in words.

use super::time;
use crate::app::App;
use crate::{Console, Error, Failure, text};
use api::subject::{Accesses, DataAccess, Within};
use base::{SubjectId, Timestamp};
use clap::Args;

/// Show every access to one person's data: when, by whom, for whom, what for, and whether it was allowed.
///
/// Walked along the chains of the person's samples, readsets, runs and objects, so the answer says whether it is complete. What one request
/// asked for again while it went on is one line. Lists of a whole project stand on the project's chain:
/// `audit search --project`.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra audit who-saw sub_… --since 2026-01-01\n\n\
    Role: data-steward in the project, or auditor on the site. What people gave as their reason is shown to the former.")]
pub struct WhoSaw {
    /// The person, sub_…
    subject: SubjectId,
    /// Not before this day (UTC) or time
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Before this day (UTC) or time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
}

impl WhoSaw {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let within = Within { since: self.since, until: self.until };
        let seen: Accesses = app.client()?.ask("audit who-saw", &[&self.subject.to_string()], &within)?;
        if app.console.is_json() {
            app.console.json(&seen)?;
        } else {
            tell(app.console, &seen)?;
        }
        if seen.broken {
            let broken = Failure::from(Error::Incomplete).with_findings(seen.why_not.into_iter().collect());
            return Err(app.after_answer(broken));
        }
        Ok(())
    }
}

/// The list as people read it, and what is known of its completeness.
pub fn tell(console: &mut Console, seen: &Accesses) -> Result<(), Failure> {
    let rows: Vec<_> = seen.accesses.iter().map(row).collect();
    console.table(&["WHEN", "WHO", "WHAT", "FOR", "REASON", "POSITIONS"], &rows)?;
    let (size, chains) = (text::count(seen.size), text::many(seen.chains as u64, "chain", "chains"));
    let count = text::many(seen.accesses.len() as u64, "access", "accesses");
    console.talk(
        "lists of a whole project, which name everybody, are not among them, neither here nor where the person is lent to: \
         `audit search --project`",
    );
    match &seen.why_not {
        None if seen.complete => {
            console.say(&format!("{count} on {chains}; complete by proof up to ledger size {size}"));
        }
        why => {
            let why = why.as_deref().unwrap_or("it is not said why");
            console.say(&format!("{count} up to ledger size {size}; not proven complete: {why}"));
        }
    }
    Ok(())
}

fn row(one: &DataAccess) -> Vec<String> {
    let who = named(one.name.as_deref(), &one.actor);
    let who = match &one.on_behalf_of {
        Some(behind) => format!("{who} for {}", named(one.on_behalf_of_name.as_deref(), behind)),
        None => who,
    };
    let mut what = format!("{} {}", one.did, one.things.join(", "));
    if !one.allowed {
        let by = if one.refused_by.is_empty() {
            "no policy permits it".to_owned()
        } else {
            one.refused_by.join(", ")
        };
        what = format!("tried to {} on {}: REFUSED ({by})", one.action, one.things.join(", "));
    }
    if let Some(under) = &one.under {
        what.push_str(&format!(", under {under}"));
    }
    if let Some(key) = &one.to_key {
        what.push_str(&format!(", to the key {key}"));
    }
    if let Some(bytes) = one.released {
        what.push_str(&format!("; {} left", text::size(bytes)));
    }
    if let Some(ended) = one.ended.as_ref().filter(|ended| *ended != "done") {
        what.push_str(&format!("; {ended}"));
    }
    let positions: Vec<String> = one.positions.iter().map(ToString::to_string).collect();
    vec![
        one.from.to_string(),
        who,
        what,
        text::or_dash(one.purpose.as_ref()),
        text::or_dash(one.reason.as_ref()),
        text::short(&positions.join(" "), 40),
    ]
}

fn named(name: Option<&str>, id: &str) -> String {
    name.map_or_else(|| id.to_owned(), |name| format!("{name} ({id})"))
}
