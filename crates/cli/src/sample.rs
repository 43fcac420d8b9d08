//! `sample`: what came in through the door.

use crate::app::App;
use crate::{Console, Failure, text};
use api::project;
use base::{ProjectId, SampleId};
use clap::{Args, Subcommand};

/// Samples with their readsets
#[derive(Subcommand)]
pub enum Sample {
    List(List),
    Show(Show),
}

impl Sample {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
        }
    }
}

/// List a project's samples.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra sample list prj_…\n\nRole: viewer, analyst, data-exporter or data-steward in the project."
)]
pub struct List {
    /// The project, prj_…
    project: ProjectId,
}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let samples: Vec<project::Sample> = app.client()?.get("sample list", &[&self.project.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&samples);
        }
        table(app.console, &samples)
    }
}

/// Show a sample with its readsets.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra sample show smp_…\n\nRole: viewer, analyst, data-exporter or data-steward in the project."
)]
pub struct Show {
    /// The sample, smp_…
    sample: SampleId,
}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let s: project::Sample = app.client()?.get("sample show", &[&self.sample.to_string()])?;
        if app.console.is_json() {
            return app.console.json(&s);
        }
        for (name, value) in [
            ("id", s.id.to_string()),
            ("label", s.label),
            ("subject", s.subject.to_string()),
            ("project", s.project.to_string()),
            ("sex", text::or_dash(s.sex)),
            ("status", text::or_dash(s.status)),
            ("specimen", text::or_dash(s.specimen_type)),
        ] {
            app.console.line(&format!("{name:<9} {value}"))?;
        }
        app.console.line("")?;
        let rows: Vec<_> = s
            .readsets
            .into_iter()
            .map(|r| {
                let [first, second] = r.objects;
                let (reads, bases) = (text::count(r.reads), text::count(r.bases));
                vec![r.id.to_string(), r.lane, reads, bases, first.to_string(), second.to_string()]
            })
            .collect();
        app.console.table(&["READSET", "LANE", "READS", "BASES", "FIRST READS", "SECOND READS"], &rows)
    }
}

/// Samples with their ids.
pub fn table(console: &mut Console, samples: &[project::Sample]) -> Result<(), Failure> {
    let rows: Vec<_> = samples
        .iter()
        .map(|s| {
            let reads = s.readsets.iter().map(|r| r.reads).fold(0, u64::saturating_add);
            let bases = s.readsets.iter().map(|r| r.bases).fold(0, u64::saturating_add);
            let readsets = s.readsets.len().to_string();
            vec![s.id.to_string(), s.label.clone(), readsets, text::count(reads), text::count(bases)]
        })
        .collect();
    console.table(&["SAMPLE", "LABEL", "READSETS", "READS", "BASES"], &rows)
}
