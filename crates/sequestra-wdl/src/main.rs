//! The WDL engine as a helper that runs only inside a sealed job.
//!
//! `sequestra-wdl run` parses, type-checks and evaluates one workflow with the engine's local
//! backend: tasks are plain processes of the job that holds this program. The walls are the
//! job's, not ours; what this program promises is that the workflow's text cannot choose how it
//! is run ([`rules`], [`settings`]), that all the engine's writes stay under `--work`, and that
//! `--out` receives regular files and nothing else ([`outputs`]).
//!
//! * stdout: one JSON object a line, what happened when ([`progress`])
//! * stderr: diagnostics for people, ending in an `error:` line when there is one
//! * exit code: 0 done, 1 a task failed, 2 bad workflow or inputs, 3 the helper itself could not
//!   work (see [`error::Error::exit_code`])
//!
//! Reading order: [`args`], [`environment`], [`run`], [`rules`], [`document`], [`inputs`], [`settings`],
//! [`progress`], [`outputs`], [`error`].

mod args;
mod document;
mod environment;
mod error;
mod inputs;
mod outputs;
mod progress;
mod rules;
mod run;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::error::Error;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return args::explain(&error),
    };
    let result = environment::enter(&args.command).and_then(|()| dispatch(&args.command));
    environment::leave(&args.command);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(hint) = error.hint() {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(command: &Command) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { source })?;
    let result = runtime.block_on(async {
        match command {
            Command::Run(args) => run::run(args).await,
            Command::Check { file } => document::load(file).await.map(|_| ()),
        }
    });
    // A task that outlived its cancellation must not keep the helper alive.
    runtime.shutdown_background();
    result
}
