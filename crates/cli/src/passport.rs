//! `passport`: what others granted you, presented to the site.

use crate::app::App;
use crate::{Failure, file, text};
use api::Problem;
use api::passport::{Outcome, Passport as Body, Verdict};
use base::Kind;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Passports (GA4GH) whose visas give you roles
#[derive(Subcommand)]
pub enum Passport {
    Present(Present),
}

impl Passport {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Present(args) => args.run(app),
        }
    }
}

/// Present your passport: each visa that a project takes gives you its role there, until the visa ends.
///
/// The file holds the passport as your broker gave it, one signed token. Each visa gets an answer of its own. One that
/// is refused because it is about nobody who is known here shows its subject: give that to a platform administrator, who
/// links it to your account once. Nothing is presented twice: a visa gives the same until its end, however often it comes.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra passport present passport.jwt\n\nRole: none.")]
pub struct Present {
    /// The passport
    file: PathBuf,
}

impl Present {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let passport = file::read_text(&self.file)?.trim().to_owned();
        let verdicts: Vec<Verdict> =
            app.client()?.post("passport present", &[], &Body { passport })?.json()?;
        let refused = verdicts.iter().find(|one| one.outcome == Outcome::Refused).map(problem);
        let gives = verdicts.iter().any(|one| one.outcome != Outcome::Refused);
        if app.console.is_json() {
            app.console.json(&verdicts)?;
        } else {
            let rows: Vec<_> = verdicts.into_iter().map(row).collect();
            let head = ["VISA", "ISSUER", "VALUE", "OUTCOME", "PROJECT", "ROLE", "UNTIL", "WHY"];
            app.console.table(&head, &rows)?;
        }
        match refused {
            Some(problem) if !gives && app.console.is_json() => {
                Err(Failure::Told(Box::new(Failure::Problem(Box::new(problem)))))
            }
            Some(problem) if !gives => Err(Failure::Problem(Box::new(problem))),
            Some(problem) => {
                app.console.say(&format!("{}: {}", problem.code, problem.message));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// The first refusal, which is how a passport ends that gives nothing.
fn problem(verdict: &Verdict) -> Problem {
    let Verdict { code, why, hint, subject, .. } = verdict.clone();
    // Who links it has to know whom.
    let findings = subject.map(|subject| format!("its subject is {subject}")).into_iter().collect();
    Problem {
        code: code.unwrap_or_default(),
        kind: Kind::Denied,
        message: format!("visa {}: {}", verdict.visa, why.unwrap_or_default()),
        hint,
        findings,
    }
}

fn row(verdict: Verdict) -> Vec<String> {
    let outcome = match verdict.outcome {
        Outcome::Given => "given",
        Outcome::Held => "held",
        Outcome::Good => "good",
        Outcome::Refused => "refused",
    };
    vec![
        verdict.visa.to_string(),
        text::or_dash(verdict.issuer),
        text::or_dash(verdict.value),
        outcome.to_owned(),
        text::or_dash(verdict.project),
        text::or_dash(verdict.role),
        text::or_dash(verdict.until),
        text::or_dash(verdict.code),
    ]
}
