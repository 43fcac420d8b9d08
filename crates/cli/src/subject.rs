//! `subject`: what a project holds of a person, and who that is.

use crate::app::App;
use crate::args::words;
use crate::audit::tell_accesses;
use crate::console::Console;
use crate::{Failure, passphrase, text};
use api::identity::{Corrected, Correction, FoundSubject, Identity, WhoHas, WhyAsked};
use api::subject::{LoanOut, MadeElsewhere, SubjectReport};
use base::{ProjectId, SubjectId};
use clap::{Args, Subcommand};

/// What a project holds of a person, and who that is
#[derive(Subcommand)]
pub enum Subject {
    Report(Report),
    Identify(Who),
    Find(Find),
    Correct(Correct),
}

impl Subject {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Report(args) => args.run(app),
            Self::Identify(args) => args.run(app),
            Self::Find(args) => args.run(app),
            Self::Correct(args) => args.run(app),
        }
    }
}

/// Show what a project holds of one person, what it is used for, and who received or saw it: what article 15 GDPR asks for.
///
/// The report names things by id and by the laboratory's label; whoever hands it over knows whose it is.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra subject report sub_…\n  sequestra --json subject report sub_… > report.json\n\nRole: data-steward in the project."
)]
pub struct Report {
    /// The person, sub_…
    subject: SubjectId,
}

impl Report {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let report: SubjectReport = app.client()?.get("subject report", &[&self.subject.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&report);
        }
        let console = &mut *app.console;
        for (name, value) in [
            ("subject", report.subject.to_string()),
            ("project", report.project.to_string()),
            (
                "identity map",
                match report.identity {
                    0 => "nothing of who they are".to_owned(),
                    entries => format!(
                        "{} entries of who they are; an honest broker is shown them",
                        text::count(entries)
                    ),
                },
            ),
            ("purpose", report.purpose),
            ("terms", report.terms.join(" ")),
            ("kept at least", report.retention),
            (
                "use of the data",
                if report.use_.usable > 0 { "allowed".into() } else { "not allowed".to_owned() },
            ),
        ] {
            console.line(&format!("{name:<16} {value}"))?;
        }
        console.line("")?;
        console.line("what the person said")?;
        crate::consent::table(console, &report.consents)?;
        console.line("")?;
        console.line("what is stored")?;
        let rows: Vec<_> = report
            .objects
            .iter()
            .map(|object| {
                vec![
                    object.id.to_string(),
                    object.kind.clone(),
                    text::size(object.plain_bytes),
                    object.created_at.clone(),
                    text::or_dash(object.kept_until.as_ref()),
                    text::or_dash(object.deleted_at.as_ref()),
                ]
            })
            .collect();
        console.table(&["OBJECT", "KIND", "SIZE", "SINCE", "KEPT UNTIL", "DELETED"], &rows)?;
        let labels: Vec<String> =
            report.samples.iter().map(|sample| format!("{} ({})", sample.label, sample.id)).collect();
        console.line(&format!("of the samples {}", labels.join(", ")))?;
        elsewhere(console, &report.elsewhere, &report.loans)?;
        console.line("")?;
        console.line("what was done with it, and who received it")?;
        tell_accesses(console, &report.accesses)
    }
}

/// What other projects made of it, and whom it is lent to, where there is any.
fn elsewhere(console: &mut Console, made: &[MadeElsewhere], loans: &[LoanOut]) -> Result<(), Failure> {
    if !loans.is_empty() {
        console.line("")?;
        console.line("whom it is or was lent to")?;
        let rows: Vec<_> = loans.iter().map(loan).collect();
        console
            .table(&["APPLICATION", "DATASET", "USED IN", "PARTY", "SINCE", "UNTIL", "USABLE NOW"], &rows)?;
    }
    if !made.is_empty() {
        console.line("")?;
        console.line("what other projects made of it")?;
        let rows: Vec<_> = made.iter().map(made_there).collect();
        console.table(&["OBJECT", "PROJECT", "BY", "SINCE", "DELETED"], &rows)?;
    }
    Ok(())
}

fn loan(loan: &LoanOut) -> Vec<String> {
    vec![
        loan.application.to_string(),
        loan.dataset.to_string(),
        loan.project.to_string(),
        loan.party.clone(),
        text::or_dash(loan.since.as_ref()),
        text::or_dash(loan.until.map(text::until)),
        if loan.usable { "yes" } else { "no" }.to_owned(),
    ]
}

fn made_there(made: &MadeElsewhere) -> Vec<String> {
    let by: Vec<String> = made.applications.iter().map(ToString::to_string).collect();
    vec![
        made.object.to_string(),
        made.project.to_string(),
        text::or_dash(Some(by.join(" ")).filter(|by| !by.is_empty())),
        made.created_at.clone(),
        text::or_dash(made.deleted_at.as_ref()),
    ]
}

/// Show who a subject is. On record, with the reason, for whoever asks who saw this person.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra subject identify sub_… --reason \"a finding that her doctor has to know of\"\n\n\
    Role: honest-broker in the project."
)]
pub struct Who {
    /// The person, sub_…
    subject: SubjectId,
    /// Why, in your own words; recorded sealed, so that few can read it
    #[arg(long, value_parser = words)]
    reason: String,
}

impl Who {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let body = WhyAsked { reason: Some(self.reason) };
        let subject = self.subject.to_string();
        let shown: Identity = app.client()?.post("subject identify", &[&subject], &body)?.json()?;
        if app.console.is_json() {
            return app.console.json(&shown);
        }
        let rows: Vec<_> = shown
            .known
            .into_iter()
            .map(|one| vec![one.kind, one.value, one.column, text::or_dash(one.shown)])
            .collect();
        app.console.table(&["KIND", "VALUE", "COLUMN", "SHOWN AS"], &rows)
    }
}

/// Show which subject has a record number. The number is typed, or comes by standard input: never as an argument.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra subject find prj_… --issuer general-hospital --reason \"she withdraws\" < number.txt\n\n\
    Role: honest-broker in the project."
)]
pub struct Find {
    /// The project, prj_…
    project: ProjectId,
    /// Who gave the number
    #[arg(long, value_name = "NAME")]
    issuer: String,
    /// Why, in your own words; recorded sealed, so that few can read it
    #[arg(long, value_parser = words)]
    reason: String,
}

impl Find {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let number = passphrase::prompt_or_line(app, "Record number: ")?.trim().to_owned();
        let body = WhoHas { number, issuer: self.issuer, reason: Some(self.reason) };
        let project = self.project.to_string();
        let found: FoundSubject = app.client()?.post("subject find", &[&project], &body)?.json()?;
        if app.console.is_json() {
            return app.console.json(&found);
        }
        app.console.line(&found.subject.to_string())
    }
}

/// Correct what the identity map has of somebody: a name, a date of birth, the record number. The right value is typed, or comes
/// by standard input: never as an argument.
///
/// It takes the place of what was there, which is not shown and not kept. That something was corrected, by whom and why is on
/// record. A record number that somebody else in the project has is refused.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra subject correct sub_… --field birth-date --reason \"her letter of 3 May\" < right.txt\n\n\
    Role: data-steward in the project."
)]
pub struct Correct {
    /// The person, sub_…
    subject: SubjectId,
    /// What is wrong
    #[arg(long, value_name = "FIELD", value_parser = ["person-name", "birth-date", "record-number"])]
    field: String,
    /// The sheet's column that it came from, where names or dates came from several
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
    /// Who gave the record number; needed with `record-number`
    #[arg(long, value_name = "NAME", required_if_eq("field", "record-number"))]
    issuer: Option<String>,
    /// Why, in your own words; recorded sealed, so that few can read it
    #[arg(long, value_parser = words)]
    reason: String,
}

impl Correct {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let value = passphrase::prompt_twice_or_text(app, "Right value: ")?.to_string();
        let Self { subject, field, column, issuer, reason } = self;
        let body = Correction { field, column, issuer, value, reason: Some(reason) };
        let subject = subject.to_string();
        let done: Corrected = app.client()?.post("subject correct", &[&subject], &body)?.json()?;
        if app.console.is_json() {
            return app.console.json(&done);
        }
        let Corrected { subject, field, entries } = done;
        app.console.say(&format!("{field} of {subject} corrected, in {entries} of the map's entries"));
        Ok(())
    }
}
