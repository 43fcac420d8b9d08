//! `doctor`: what this machine offers.

use crate::app::App;
use crate::host::State;
use crate::{Error, Failure};
use clap::Args;

/// Show what this machine offers, what is missing and how to get it.
///
/// Looks at the sandbox, scratch space, kernel features, and tools with their digests, and changes nothing.
/// Ends with exit code 6 if something that is needed is missing.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra doctor\n\nRole: none; needs no site.")]
pub struct Doctor {}

impl Doctor {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        // Outside every site it looks at the machine alone; a site that was named must be one.
        let site = match app.site() {
            Ok(site) => Some(site),
            Err(failure) if app.global.site.is_some() => return Err(failure),
            Err(_) => None,
        };
        let found = app.host.doctor(site.as_deref())?;
        if app.console.is_json() {
            // One document also when something is missing: it says what.
            app.console.json(&found)?;
            return if found.is_well() {
                Ok(())
            } else {
                Err(Failure::Told(Box::new(Error::Lacking.into())))
            };
        }
        let rows: Vec<_> = found
            .findings
            .iter()
            .map(|f| {
                let state = match f.state {
                    State::Ok => "ok",
                    State::Limited => "limited",
                    State::Missing => "MISSING",
                };
                vec![f.area.clone(), f.name.clone(), state.to_owned(), f.detail.clone()]
            })
            .collect();
        app.console.table(&["AREA", "WHAT", "STATE", "DETAIL"], &rows)?;
        for f in &found.findings {
            if let Some(remedy) = &f.remedy {
                app.console.line(&format!("{}: {remedy}", f.name))?;
            }
        }
        if found.is_well() { Ok(()) } else { Err(Error::Lacking.into()) }
    }
}
