//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error;

/// Runs one WDL workflow inside a sealed job.
#[derive(Debug, Parser)]
#[command(name = "sequestra-wdl", version, color = clap::ColorChoice::Never)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a workflow: exit code 0 done, 1 a task failed, 2 bad workflow or inputs, 3 other.
    Run(RunArgs),
    /// Parse and type-check a document and what it imports: exit code 0 or 2.
    Check {
        /// The WDL document.
        file: PathBuf,
    },
}

/// What `run` needs.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// The WDL document; it must hold exactly one workflow.
    #[arg(long)]
    pub workflow: PathBuf,
    /// The inputs: a JSON object of `workflow.input` to value.
    #[arg(long)]
    pub inputs: PathBuf,
    /// A directory for everything that the engine and the tasks write.
    #[arg(long)]
    pub work: PathBuf,
    /// The directory that receives the outputs and `outputs.json`.
    #[arg(long)]
    pub out: PathBuf,
    /// Processors that tasks may reserve together; all of them when absent.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub cpu: Option<u64>,
    /// Bytes of memory that tasks may reserve together; the host's when absent.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub memory: Option<u64>,
}

/// Prints what clap has to say; help and version are no error.
pub fn explain(error: &clap::Error) -> ExitCode {
    // Nothing is left to do when even this cannot be written.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(error::BAD_REQUEST) } else { ExitCode::SUCCESS }
}
