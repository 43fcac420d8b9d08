//! `receipt`: signed proof of how a result came to be.

use crate::app::App;
use crate::client::Body;
use crate::{Console, Error, Failure, file};
use ::receipt::{SitePublic, Verified, What};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Signed proof of how a result came to be
#[derive(Subcommand)]
pub enum Receipt {
    Show(Show),
    Verify(Verify),
}

impl Receipt {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Show(args) => args.run(app),
            Self::Verify(args) => args.run(app),
        }
    }
}

/// Give the receipt of a run, object, reference or deletion, byte by byte as signed.
///
/// It names things by id and bytes by the root over their ciphertext: it can be handed to anybody.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra receipt show run_… --out run.receipt.json\n\n\
    Role: viewer, analyst, data-exporter or data-steward in the project, or auditor on the site.")]
pub struct Show {
    /// What it is about: run_…, obj_…, ref_… or del_…
    #[arg(value_parser = id)]
    about: String,
    /// The file to write [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let answer = app.client()?.send("receipt show", &[&self.about], Body::empty())?;
        match self.out {
            // A receipt is JSON in its one form, so `--json` has nothing to add.
            None => app.console.bytes(&answer.bytes),
            Some(path) => {
                file::write_new(&path, &answer.bytes)?;
                app.console.say(&format!("wrote {}", path.display()));
                match app.console.is_json() {
                    true => app
                        .console
                        .json(&serde_json::json!({"about": self.about, "file": path.display().to_string()})),
                    false => Ok(()),
                }
            }
        }
    }
}

/// Check a receipt offline, with its file and the site's public keys alone.
///
/// Needs no site and no account. What was checked is said in words; a receipt of which any byte was changed
/// ends with exit code 7. Get `site.pub` when the site is made, by a way that you trust, and keep it.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra receipt verify run.receipt.json --site-key site.pub\n\nRole: none."
)]
pub struct Verify {
    /// The receipt
    file: PathBuf,
    /// The site's public keys
    #[arg(long, value_name = "FILE")]
    site_key: PathBuf,
}

impl Verify {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let public: SitePublic = file::read_text(&self.site_key)?.parse()?;
        let verified = ::receipt::verify(&file::read(&self.file)?, &public)?;
        if app.console.is_json() {
            return app.console.json(&serde_json::json!({
                "statement": verified.statement,
                "position": verified.position,
                "time": verified.time,
                "ledger_size": verified.ledger_size,
            }));
        }
        tell(app.console, &verified, &public)
    }
}

fn tell(console: &mut Console, verified: &Verified, public: &SitePublic) -> Result<(), Failure> {
    let said = &verified.statement.predicate;
    console.line("the receipt holds")?;
    console.line(&format!("  signed by the receipt key of site {}", public.site))?;
    console.line(&format!(
        "  recorded at position {} of ledger {} on {}, proved against {} events",
        verified.position,
        public.ledger.name(),
        verified.time,
        verified.ledger_size
    ))?;
    console.line("it says")?;
    let what = match said.what {
        What::Intake => "files came in through the controlled door",
        What::Run => "a workflow ran",
        What::Lake => "called variants were loaded into the lake",
        What::Report => "a report was made",
        What::Reference => "a reference was registered",
        What::Tool => "a tool was registered",
        What::Stop => "a run was stopped, and nothing of it was kept",
        What::Erasure => "keys were shredded: what is named here cannot be read again",
    };
    console.line(&format!("  {what}: {}", said.id))?;
    let behalf = said.on_behalf_of.as_ref().map(|who| format!(" on behalf of {who}")).unwrap_or_default();
    console.line(&format!("  by {}{behalf}, from {} to {}", said.actor, said.started, said.finished))?;
    console.line(&format!("  allowed by the decision at position {}", said.ledger.position))?;
    if let Some(project) = &said.project {
        console.line(&format!("  in project {project}"))?;
    }
    if !said.about.is_empty() {
        console.line(&format!("  about {}", said.about.join(", ")))?;
    }
    if let Some(workflow) = &said.workflow {
        console.line(&format!("  workflow {}, source {}", workflow.name, workflow.source))?;
    }
    for tool in &said.tools {
        console.line(&format!("  tool {} {}, closure {}", tool.name, tool.version, tool.closure))?;
    }
    if let Some(reference) = &said.reference {
        console.line(&format!("  reference {}, digest {}", reference.id, reference.digest))?;
    }
    for (name, value) in &said.parameters {
        console.line(&format!("  parameter {name} = {value}"))?;
    }
    for (name, value) in &said.quality {
        console.line(&format!("  quality {name} = {value}"))?;
    }
    for input in &said.inputs {
        console.line(&format!("  input {}, root {}", input.id, input.root))?;
    }
    for output in &verified.statement.subject {
        console.line(&format!("  output {}, root {}", output.name, output.digest.root))?;
    }
    Ok(())
}

/// Any id of the registry.
pub fn id(text: &str) -> Result<String, String> {
    let known = text.split_once('_').is_some_and(|(prefix, rest)| {
        base::id::PREFIXES.iter().any(|(known, _)| *known == prefix)
            && rest.len() == 20
            && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    });
    if known { Ok(text.to_owned()) } else { Err(Error::NotAnId(text.to_owned()).to_string()) }
}
