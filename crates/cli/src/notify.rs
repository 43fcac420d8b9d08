//! `notify`: who hears of what happens.

use crate::app::App;
use crate::{Error, Failure, text};
use api::notify::{Destination, Tested};
use clap::{Args, Subcommand};

/// Who hears of what happens, by mail or over the web
#[derive(Subcommand)]
pub enum Notify {
    List(List),
    Test(Test),
}

impl Notify {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::List(args) => args.run(app),
            Self::Test(args) => args.run(app),
        }
    }
}

/// Show the destinations of `site.toml`, how many events wait for each, and what its receiver refused.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra notify list\n\nRole: platform-administrator on the site.")]
pub struct List {}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let all: Vec<Destination> = app.client()?.get("notify list", &[])?;
        if app.console.is_json() {
            return app.console.json(&all);
        }
        let row = |one: &Destination| {
            let waits = match one.behind_seconds {
                Some(seconds) => format!("{} for {seconds} s", text::count(one.waiting)),
                None => text::count(one.waiting),
            };
            let project = one.project.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string);
            let taken = text::or_dash(one.taken.map(|taken| taken.to_string()));
            vec![one.name.clone(), one.by.clone(), project, waits, taken, text::count(one.lost)]
        };
        let rows: Vec<_> = all.iter().map(row).collect();
        app.console.table(&["NAME", "BY", "PROJECT", "WAITING", "LAST TAKEN", "LOST"], &rows)?;
        for one in &all {
            if let Some(why) = &one.failure {
                app.console.say(&format!("{}: {why}", one.name));
            }
        }
        Ok(())
    }
}

/// Send a destination a message that says that it is a test, and show what its receiver answered.
///
/// Not taken ends with exit code 6.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra notify test stewards\n\nRole: platform-administrator on the site."
)]
pub struct Test {
    /// The destination's name in `site.toml`.
    #[arg(value_name = "NAME")]
    name: String,
}

impl Test {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let tested: Tested =
            app.client()?.post("notify test", &[&self.name], &serde_json::json!({}))?.json()?;
        if app.console.is_json() {
            app.console.json(&tested)?;
        } else if tested.taken {
            app.console.line(&format!("taken: {}", tested.answer))?;
        }
        if tested.taken { Ok(()) } else { Err(app.after_answer(Error::NotTaken(tested.answer))) }
    }
}
