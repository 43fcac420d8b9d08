//! Renders the report of a case as one self-contained page.
//!
//! Promises: the page asks for nothing outside itself and holds no script, and its own content
//! security policy says so; text from data is escaped wherever it stands; what was skipped is
//! said as plainly as what was found; a label that may identify a person is shown only where the
//! caller put it, and is never part of a case that is stored or sent as data.
//!
//! *Invariant:* nothing here reads data or decides who may see it: a [`Case`] comes from a caller
//! that had the right to view it.
//!
//! * [`case`]: what a report is made of
//! * [`render`](fn@render): a case becomes a page
//! * `plot`: small vector plots
//! * `words`: numbers as people read them

pub mod case;
mod plot;
mod render;
mod words;

pub use case::Case;
pub use render::render;

use base::{Fault, Kind};

/// The room's result.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong when a page is made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The template failed.
    #[error("the report could not be rendered")]
    Template(#[source] askama::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Internal
    }
    fn code(&self) -> &'static str {
        "REPORTS-001"
    }
}
