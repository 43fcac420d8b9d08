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
        let refused: Vec<Verdict> =
            verdicts.iter().filter(|one| one.outcome == Outcome::Refused).cloned().collect();
        let gives = verdicts.iter().any(|one| one.outcome != Outcome::Refused);
        if app.console.is_json() {
            app.console.json(&verdicts)?;
        } else {
            let rows: Vec<_> = verdicts.into_iter().map(row).collect();
            let head = ["VISA", "ISSUER", "VALUE", "OUTCOME", "PROJECT", "ROLE", "UNTIL", "WHY"];
            app.console.table(&head, &rows)?;
        }
        match refused.split_first() {
            Some((first, others)) if !gives => {
                let failure = Failure::from(problem(first, others));
                Err(if app.console.is_json() { Failure::Told(Box::new(failure)) } else { failure })
            }
            _ => {
                // What is said of the table comes after it.
                app.console.finish()?;
                refused.iter().for_each(|one| app.console.say(&told(one)));
                Ok(())
            }
        }
    }
}

/// How a passport ends that gives nothing: by the first refusal, with what is said of the others.
fn problem(first: &Verdict, others: &[Verdict]) -> Problem {
    Problem {
        code: first.code.clone().unwrap_or_default(),
        kind: Kind::Denied,
        message: why(first),
        hint: first.hint.clone(),
        findings: subject(first).into_iter().chain(others.iter().map(told)).collect(),
    }
}

/// All that is said of a refusal.
fn told(refused: &Verdict) -> String {
    let why = format!("{} ({})", why(refused), refused.code.as_deref().unwrap_or_default());
    let hint = refused.hint.as_ref().map(|hint| format!("hint: {hint}"));
    [Some(why), subject(refused), hint].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn why(refused: &Verdict) -> String {
    let issuer = refused.issuer.as_ref().map(|issuer| format!(" of {issuer}")).unwrap_or_default();
    format!("visa {}{issuer}: {}", refused.visa, refused.why.as_deref().unwrap_or_default())
}

/// Who links it has to know whom.
fn subject(refused: &Verdict) -> Option<String> {
    refused.subject.as_ref().map(|subject| format!("its subject is {subject}"))
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
