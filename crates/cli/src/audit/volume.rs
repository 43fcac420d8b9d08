//! `audit volume`: keys unwrapped, by day and account.

use super::time;
use crate::app::App;
use crate::{Failure, text};
use api::record::{Since, Volumes};
use base::Timestamp;
use clap::Args;

/// Show how many keys of objects were unwrapped, by day and account, so that an unusual number shows.
///
/// Each opening of an object takes one unwrapping, counted in the outcome of the decision that allowed it.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra audit volume --since 2026-01-01\n\nRole: auditor on the site.")]
pub struct Volume {
    /// Not before this day (UTC) or time [default: 30 days ago]
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
}

impl Volume {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let found: Volumes = app.client()?.ask("audit volume", &[], &Since { since: self.since })?;
        if app.console.is_json() {
            return app.console.json(&found);
        }
        let rows: Vec<_> = found
            .volumes
            .iter()
            .map(|one| {
                let who = one.name.clone().unwrap_or_else(|| one.actor.clone());
                vec![one.day.clone(), who, text::count(one.unwraps), text::count(one.decisions)]
            })
            .collect();
        app.console.table(&["DAY", "WHO", "KEYS UNWRAPPED", "DECISIONS"], &rows)?;
        if !found.whole {
            app.console.talk("there is more: ask for a later time with `--since`");
        }
        Ok(())
    }
}
