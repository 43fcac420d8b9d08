//! What can go wrong while a case is made.

use base::{Fault, Kind};
use std::path::PathBuf;

/// A failure of this room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder holds something already; nothing was written.
    #[error("the folder `{}` is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The plan asks for what the simulator cannot make; nothing was written.
    #[error("the plan's {what} is `{given}`, outside {low} to {high}")]
    Plan {
        /// The knob.
        what: &'static str,
        /// What was asked for.
        given: u32,
        /// The lowest value allowed.
        low: u32,
        /// The highest value allowed.
        high: u32,
    },
    /// A file or the folder could not be written. The folder has no sample sheet yet, so nothing
    /// takes it for a complete case.
    #[error("could not write `{}`", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No site for a variant was found in the invented genome.
    #[error("no site for a variant of the kind `{intent}` on seed `{seed}`")]
    NoSite {
        /// The kind of variant.
        intent: &'static str,
        /// The seed.
        seed: u64,
    },
    /// A compressed block came out larger than the format can say.
    #[error("a compressed block is too long for its format")]
    Block,
}

/// What this room's functions return.
pub type Result<T> = std::result::Result<T, Error>;

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotEmpty { .. } => Kind::Conflict,
            Self::Plan { .. } => Kind::Invalid,
            Self::Write { .. } => Kind::Unavailable,
            Self::NoSite { .. } | Self::Block => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotEmpty { .. } => "DEMODATA-001",
            Self::Plan { .. } => "DEMODATA-002",
            Self::Write { .. } => "DEMODATA-003",
            Self::NoSite { .. } => "DEMODATA-004",
            Self::Block => "DEMODATA-005",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotEmpty { .. } => Some("name a folder that is new or empty".into()),
            Self::Plan { low, high, .. } => Some(format!("choose a value from {low} to {high}")),
            Self::Write { .. } => Some("check the folder's permissions and the free space".into()),
            Self::NoSite { .. } => Some("choose another seed".into()),
            Self::Block => None,
        }
    }
}
