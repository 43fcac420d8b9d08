//! What can go wrong when controls are played.

use base::{Fault, Kind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The room's result.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure to play a control. A control that does not hold is no failure: it is a verdict.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// There is no such control.
    #[error("there is no control `{0}`")]
    Unknown(String),
    /// A file or a process cannot be used.
    #[error("cannot use `{}`", path.display())]
    Io {
        /// The file or program.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// A command that the scenario needs did not do what it had to.
    #[error("`{command}` ended with {exit}: {said}")]
    Command {
        /// Its words.
        command: String,
        /// Its exit code.
        exit: i32,
        /// The first lines of what it said.
        said: String,
    },
    /// The site did not come to where the scenario needs it.
    #[error("the throw-away site is not as the scenario needs it: {0}")]
    Unplayable(String),
    /// The folder for evidence holds something already.
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source: Arc::new(source) }
    }

    pub(crate) fn unplayable(why: impl Into<String>) -> Self {
        Self::Unplayable(why.into())
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown(_) => Kind::NotFound,
            Self::Io { .. } | Self::Command { .. } | Self::Unplayable(_) => Kind::Unavailable,
            Self::Exists(_) => Kind::Conflict,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "EVIDENCE-001",
            Self::Io { .. } => "EVIDENCE-002",
            Self::Command { .. } => "EVIDENCE-003",
            Self::Unplayable(_) => "EVIDENCE-004",
            Self::Exists(_) => "EVIDENCE-005",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unknown(_) => "`sequestra controls list` shows them all",
            Self::Io { .. } => {
                "see that there is room in the temporary folder (TMPDIR), and that it may be written"
            }
            Self::Command { .. } => "run `sequestra doctor`: the machine may lack what the scenario needs",
            Self::Unplayable(_) => "run the control again; if it stays so, it is a defect of the scenario",
            Self::Exists(_) => "name a folder that is not there yet with `--out`",
        };
        Some(hint.to_owned())
    }
}
