//! Why a run ended, and the exit code that says so.

use std::io;
use std::path::PathBuf;

/// Exit code when a task failed or its outputs could not be evaluated.
pub const TASK_FAILED: u8 = 1;
/// Exit code when the command line, the workflow or its inputs are at fault.
pub const BAD_REQUEST: u8 = 2;
/// Exit code when the helper could not do its own work.
pub const HELPER_FAILED: u8 = 3;

/// Everything that ends a run early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The document, or one it imports, does not parse or type-check.
    #[error("`{path}` is not a valid workflow: {count} errors", path = path.display())]
    Invalid {
        /// The document asked for.
        path: PathBuf,
        /// How many errors were printed before this one.
        count: usize,
    },
    /// The text asks for something that only the platform decides.
    #[error("{place}: `{what}` is not for a workflow to set")]
    Forbidden {
        /// `file:line` of the request.
        place: String,
        /// The key or import as written.
        what: String,
    },
    /// The document holds no workflow, or more than one.
    #[error("`{path}` holds {count} workflows, not one", path = path.display())]
    NotOneWorkflow {
        /// The document asked for.
        path: PathBuf,
        /// How many it holds.
        count: usize,
    },
    /// The inputs do not fit the workflow.
    #[error("bad inputs: {reason}")]
    Inputs {
        /// What is wrong, in the words of the check that found it.
        reason: String,
    },
    /// The processors or memory granted cannot be used.
    #[error("bad limits: {reason}")]
    Settings {
        /// The engine's reason.
        reason: String,
    },
    /// A task ended with an exit code that its author does not accept.
    #[error("task `{task}` failed: {how}\n{detail}")]
    Task {
        /// The call, with its scatter index.
        task: String,
        /// `exit code 3`, `signal 9`, or the engine's words.
        how: String,
        /// The engine's account, with the tail of the task's stderr.
        detail: String,
    },
    /// Evaluation failed while or after tasks ran, for instance on a missing output file.
    #[error("evaluation failed: {detail}")]
    Evaluation {
        /// The engine's account.
        detail: String,
    },
    /// An output is not a regular file, or has no name that may leave.
    #[error("output `{output}` cannot be handed over: {reason}")]
    Output {
        /// The workflow's name for it.
        output: String,
        /// Why.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("cannot {verb} `{path}`: {source}", path = path.display())]
    Io {
        /// `read`, `create`, …
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The engine or its runtime did not start.
    #[error("the engine did not start: {reason}")]
    Engine {
        /// The engine's reason.
        reason: String,
    },
    /// Threads could not be started.
    #[error("no threads to run on: {source}")]
    Runtime {
        /// The system's reason.
        source: io::Error,
    },
}

impl Error {
    /// The exit code of the process: [`TASK_FAILED`], [`BAD_REQUEST`] or [`HELPER_FAILED`].
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Task { .. } | Self::Evaluation { .. } | Self::Output { .. } => TASK_FAILED,
            Self::Invalid { .. }
            | Self::Forbidden { .. }
            | Self::NotOneWorkflow { .. }
            | Self::Inputs { .. }
            | Self::Settings { .. } => BAD_REQUEST,
            Self::Io { .. } | Self::Engine { .. } | Self::Runtime { .. } => HELPER_FAILED,
        }
    }

    /// What to do about it, where that is not plain from the message.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Forbidden { .. } => {
                Some("tools, mounts and devices are declared to the platform with the workflow")
            }
            Self::Inputs { .. } => {
                Some("a key is `workflow.input`, a file is a plain absolute path inside the job")
            }
            Self::NotOneWorkflow { .. } => Some("put the others into documents of their own"),
            _ => None,
        }
    }

    /// Why the run ended, for the last progress line.
    pub fn outcome(&self) -> &'static str {
        match self.exit_code() {
            TASK_FAILED => "failed",
            BAD_REQUEST => "refused",
            _ => "broken",
        }
    }
}
