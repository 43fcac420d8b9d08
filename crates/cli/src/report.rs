//! `report`: the page of a case.

use crate::app::App;
use crate::file;
use crate::{Failure, text};
use api::variant::Whose;
use base::{ProjectId, SampleId};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The page of a case
#[derive(Subcommand)]
pub enum Report {
    Show(Show),
}

impl Report {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Show(args) => args.run(app),
        }
    }
}

/// Write the self-contained HTML page of a case: quality figures, ranked variants with their
/// reasons, the receipt and how to check it.
///
/// Goes to stdout when that is a file or a pipe, and in a terminal to a file that only you can read.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra report show smp_… --out case.html\n\nRole: viewer or analyst in the project."
)]
pub struct Show {
    /// The sample, smp_…
    sample: SampleId,
    /// The project whose report it is, prj_…, where another one lends the sample to it [default: the sample's]
    #[arg(long = "in", value_name = "PROJECT")]
    workspace: Option<ProjectId>,
    /// The file to write [default: stdout, or in a terminal the sample's id with `.html`]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let (sample, whose) = (self.sample.to_string(), Whose { workspace: self.workspace });
        let default =
            (app.console.out_is_terminal() || app.console.is_json()).then(|| format!("{sample}.html").into());
        let out = self.out.or(default);
        let mut client = app.client()?;
        let Some(path) = out else {
            let page = client.fetch("report show", &[&sample], &whose)?;
            return app.console.bytes(&page.bytes);
        };
        let mut file = file::NewFile::create(&path)?;
        let page = client.fetch("report show", &[&sample], &whose)?;
        file.write(&page.bytes)?;
        file.keep()?;
        let bytes = page.bytes.len() as u64;
        app.console.say(&format!("wrote {} ({})", path.display(), text::size(bytes)));
        if app.console.is_json() {
            let file = path.display().to_string();
            return app.console.json(&serde_json::json!({"sample": sample, "file": file, "bytes": bytes}));
        }
        Ok(())
    }
}
