//! `demo`, `demo-data`: the whole story on made or given reads.

use crate::app::App;
use crate::{DemoArgs, DemoDataArgs, Failure};
use clap::Args;
use std::path::PathBuf;

/// Run the whole story on a throw-away site, printing each command before it runs.
///
/// Makes a site, signs people in, brings reads in, runs the workflow in a sealed job, queries and
/// ranks variants, verifies receipts and ledger, and shows what is refused. The reads are made on
/// the spot, or taken from a folder in the layout that `demo-data` writes. `--site DIR` says where
/// to make the site.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra demo\n  sequestra demo --site ./demo --data ./reads --keep\n\nRole: none; it makes its own site and people."
)]
pub struct Demo {
    /// A folder with samplesheet.csv, md5sums.txt, FASTQs and reference.fa [default: made reads]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Keep the site afterwards
    #[arg(long)]
    keep: bool,
}

impl Demo {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let args = DemoArgs {
            site: app.global.site.clone(),
            data: self.data,
            keep: self.keep,
            json: app.global.json,
        };
        Ok(app.host.demo(&args, app.console)?)
    }
}

/// Write a made data set: reads with errors, a reference with genes, and known variants.
///
/// The same seed gives the same bytes. One variant among the planted ones causes disease; the files
/// that say where it is are truth.vcf.gz and significance.vcf.gz.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra demo-data ./reads --seed 7 --coverage 30\n\nRole: none; needs no site."
)]
pub struct DemoData {
    /// The folder to write, absent or empty
    folder: PathBuf,
    /// The seed
    #[arg(long)]
    seed: Option<u64>,
    /// Mean depth of the reads
    #[arg(long, value_name = "DEPTH")]
    coverage: Option<u32>,
}

impl DemoData {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let args = DemoDataArgs { folder: self.folder, seed: self.seed, coverage: self.coverage };
        let files = app.host.demo_data(&args)?;
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        if app.console.is_json() {
            return app
                .console
                .json(&serde_json::json!({"folder": args.folder.display().to_string(), "files": files}));
        }
        files.iter().try_for_each(|file| app.console.line(file))
    }
}
