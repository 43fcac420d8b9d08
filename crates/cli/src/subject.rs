//! `subject`: what a project holds of a person, for that person.

use crate::app::App;
use crate::audit::tell_accesses;
use crate::{Failure, text};
use api::subject::SubjectReport;
use base::SubjectId;
use clap::{Args, Subcommand};

/// What a project holds of a person
#[derive(Subcommand)]
pub enum Subject {
    Report(Report),
}

impl Subject {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Report(args) => args.run(app),
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
        console.line("")?;
        console.line("what was done with it, and who received it")?;
        tell_accesses(console, &report.accesses)
    }
}
