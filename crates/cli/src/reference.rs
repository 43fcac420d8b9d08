//! `reference`: genomes that runs align to.

use crate::app::App;
use crate::client::{Body, Upload};
use crate::file;
use crate::intake::upload_bar;
use crate::{Failure, text};
use api::run::{self, NewReference, ReferenceUpload};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Reference genomes with their annotation, indexed once and pinned by digest
#[derive(Subcommand)]
pub enum Reference {
    Add(Add),
    List(List),
}

impl Reference {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Add(args) => args.run(app),
            Self::List(args) => args.run(app),
        }
    }
}

/// Register a reference: send its files, index it in a sealed job, and print its id.
///
/// Gene models let runs name consequences; population frequencies and clinical significance let
/// them rank. Each is optional, and a run without one says so.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra reference add reference.fa --label GRCh38-panel --genes genes.gff3 \\\n    \
    --frequencies frequencies.vcf.gz --significance significance.vcf.gz\n\n\
    Role: pipeline-approver on the site. The tools must be registered (`tool add --all`)."
)]
pub struct Add {
    /// The genome, FASTA
    fasta: PathBuf,
    /// Display label
    #[arg(long)]
    label: String,
    /// Gene models, GFF3
    #[arg(long, value_name = "GFF3")]
    genes: Option<PathBuf>,
    /// Population frequencies, VCF, bgzip
    #[arg(long, value_name = "VCF")]
    frequencies: Option<PathBuf>,
    /// Clinical significance, VCF, bgzip
    #[arg(long, value_name = "VCF")]
    significance: Option<PathBuf>,
}

impl Add {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let files: Vec<(&str, PathBuf)> = [
            ("reference.fa", Some(self.fasta)),
            ("genes.gff3", self.genes),
            ("frequencies.vcf.gz", self.frequencies),
            ("significance.vcf.gz", self.significance),
        ]
        .into_iter()
        .filter_map(|(role, path)| Some((role, path?)))
        .collect();
        // A missing file is told before anything is sent.
        files.iter().try_for_each(|(_, path)| file::open_plain(path).map(|_| ()))?;
        let mut client = app.client()?;
        let begun = client.post("reference begin", &[], &NewReference { label: self.label })?;
        let upload: ReferenceUpload = begun.json()?;
        for (role, path) in &files {
            let (file, length) = file::open_plain(path)?;
            let bar = upload_bar(app, role, length);
            let body = Body::File(Upload::new(file, length, bar.clone()));
            let sent = client.send("reference file", &[&upload.upload, role], body);
            bar.finish_and_clear();
            sent?;
            app.console.say(&format!("{role}: {}", text::size(length)));
        }
        app.console.say("indexing in a sealed job");
        let made: run::Reference = client.get("reference finish", &[&upload.upload])?;
        if app.console.is_json() {
            return app.console.json(&made);
        }
        app.console.line(&made.id.to_string())
    }
}

/// List the registered references.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra reference list\n\nRole: none.")]
pub struct List {}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let references: Vec<run::Reference> = app.client()?.get("reference list", &[])?;
        if app.console.is_json() {
            return app.console.json(&references);
        }
        let rows: Vec<_> = references
            .into_iter()
            .map(|r| {
                let files = r.files.into_keys().collect::<Vec<_>>().join(" ");
                vec![r.id.to_string(), r.label, r.created_at, files]
            })
            .collect();
        app.console.table(&["REFERENCE", "LABEL", "REGISTERED", "FILES"], &rows)
    }
}
