//! `audit`: who did what.

use crate::app::App;
use crate::{Error, Failure, receipt, text};
use api::record::History;
use clap::{Args, Subcommand};

/// Who did what, from the ledger
#[derive(Subcommand)]
pub enum Audit {
    Search(Search),
}

impl Audit {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Search(args) => args.run(app),
        }
    }
}

/// Show everything that was done to a thing and to what is linked to it, in order.
///
/// Each event names its predecessor, so the answer says whether it is complete and up to which
/// position; one that is not ends with exit code 7.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra audit search --about smp_…\n\n\
    Role: data-steward in the project, or auditor on the site.")]
pub struct Search {
    /// The thing: smp_…, obj_…, run_…, prj_…, usr_…, …
    #[arg(long, value_name = "ID", value_parser = receipt::id)]
    about: String,
}

impl Search {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let history: History = app.client()?.get("audit search", &[&self.about])?;
        if app.console.is_json() && history.complete {
            return app.console.json(&history);
        }
        if !app.console.is_json() {
            let rows: Vec<_> = history
                .events
                .iter()
                .map(|event| {
                    let who = event.name.clone().unwrap_or_else(|| event.actor.clone());
                    let why = [event.purpose.clone(), event.reason.clone()]
                        .into_iter()
                        .flatten()
                        .collect::<Vec<_>>();
                    vec![
                        event.position.to_string(),
                        event.time.to_string(),
                        who,
                        event.what.clone(),
                        why.join(": "),
                    ]
                })
                .collect();
            app.console.table(&["POSITION", "TIME", "WHO", "WHAT", "WHY"], &rows)?;
        }
        if !history.complete {
            return Err(Error::Incomplete.into());
        }
        let events = text::count(history.events.len() as u64);
        let chains = history.chains.len();
        app.console.say(&format!(
            "{events} events on {chains} chains; complete by proof up to ledger size {}",
            text::count(history.size)
        ));
        Ok(())
    }
}
