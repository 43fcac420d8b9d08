//! `agreement`: contracts with parties.

use crate::app::App;
use crate::consent::digest_of;
use crate::{Failure, ends, text};
use api::sharing::{Agreement as Shown, NewAgreement};
use base::{AgreementId, DatasetId, ProjectId, Timestamp};
use clap::{Args, Subcommand};

/// Contracts with parties, on which the use of datasets stands
#[derive(Subcommand)]
pub enum Agreement {
    List(List),
    Add(Add),
    End(End),
}

impl Agreement {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::List(args) => args.run(app),
            Self::Add(args) => args.run(app),
            Self::End(args) => args.run(app),
        }
    }
}

/// List a project's agreements, the newest first.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra agreement list prj_…\n\nRole: any data role or project-administrator in the project."
)]
pub struct List {
    /// The project, prj_…
    project: ProjectId,
}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let all: Vec<Shown> = app.client()?.get("agreement list", &[&self.project.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&all);
        }
        let rows: Vec<_> = all
            .into_iter()
            .map(|one| {
                let about = one.dataset.map_or_else(|| "all".to_owned(), |dataset| dataset.to_string());
                let holds = if one.holds { "yes" } else { "no" };
                let until = text::until(one.ended.unwrap_or(one.until));
                vec![one.id.to_string(), one.contract, one.party, about, until, holds.to_owned()]
            })
            .collect();
        app.console.table(&["AGREEMENT", "KIND", "PARTY", "ABOUT", "UNTIL", "HOLDS"], &rows)
    }
}

/// Register an agreement with a party. The signed document stays where it is: only its digest is recorded.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra agreement add prj_… --kind DUA --party ror:05a28rw58 --document dua.pdf --until 2027-12-31\n\nRole: data-steward in the project."
)]
pub struct Add {
    /// The project that has it, prj_…
    project: ProjectId,
    /// DUA, a data use agreement, or BAA, a business associate agreement
    #[arg(long, value_name = "KIND")]
    kind: String,
    /// With whom, such as the ROR id of an institution
    #[arg(long)]
    party: String,
    /// About one dataset, dst_… [default: all of the project's]
    #[arg(long, value_name = "DATASET")]
    dataset: Option<DatasetId>,
    /// The signed document, whose digest is recorded; or `sha256:` and its digest, where it lies elsewhere
    #[arg(long, value_name = "FILE")]
    document: String,
    /// Its last day
    #[arg(long, value_name = "DAY", value_parser = ends::day)]
    until: Timestamp,
}

impl Add {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let document = digest_of(&self.document)?;
        let Self { project, kind, party, dataset, until, .. } = self;
        let body = NewAgreement { contract: kind, party, dataset, document, until };
        let made: Shown = app.client()?.post("agreement add", &[&project.to_string()], &body)?.json()?;
        app.console.say(&format!("{} with {} until {}", made.contract, made.party, text::until(made.until)));
        if app.console.is_json() {
            return app.console.json(&made);
        }
        app.console.line(&made.id.to_string())
    }
}

/// End an agreement before its day: what stands on it is used no more from the next decision on.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra agreement end prj_… agr_…\n\nRole: data-steward in the project."
)]
pub struct End {
    /// The project that has it, prj_…
    project: ProjectId,
    /// The agreement, agr_…
    agreement: AgreementId,
}

impl End {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let (project, agreement) = (self.project.to_string(), self.agreement.to_string());
        let ended: Shown = app.client()?.get("agreement end", &[&project, &agreement])?;
        app.console.say(&format!("ended at {}", text::or_dash(ended.ended)));
        if app.console.is_json() { app.console.json(&ended) } else { Ok(()) }
    }
}
