//! A sheet that carries identifiers, taken apart: who the people are, a clean sheet for the door, and a table for
//! analysis. `docs/spec/identity-map.md`, "What goes where".
//!
//! * `goes`: where each column goes; `people`: who the rows speak of; `write`: the two texts
//! * `age`: dates of birth as ages; `own`: what of a value is somebody's own
//!
//! INVARIANT (nothing-else): a cell comes into a text because its column is one of the door's or was named as harmless, and
//! only after it was screened and compared with what is known of its person. All else goes to the map.

mod age;
mod fault;
mod goes;
mod own;
mod people;
mod write;

pub use age::Day;
pub use fault::{SplitFault, SplitProblem};
pub use goes::{Goes, Heading};
pub use write::Texts;

use crate::Error;
use crate::sheet::{self, Table};
use people::Met;

/// Most bytes of a cell that goes into the map.
const LONGEST: usize = 500;

/// What is asked of a split.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The columns that are harmless, by name.
    pub keep: Vec<String>,
    /// The day at which ages are told; none are, without it.
    pub age_at: Option<Day>,
}

/// A sheet that was judged, and whose people are known by what it says.
pub struct Split {
    columns: Vec<String>,
    table: Table,
    goes: Vec<Goes>,
    met: Met,
    age_at: Option<Day>,
}

impl Split {
    /// Judges a sheet.
    ///
    /// # Errors
    /// [`Error::Split`] with all that is wrong, by row and column and without a value.
    pub fn parse(bytes: &[u8], asked: &Asked) -> Result<Self, Error> {
        let (columns, table) =
            sheet::read(bytes).map_err(|problem| SplitFault::whole(SplitProblem::Sheet { problem }))?;
        let goes = goes::of(&columns, &table, asked)?;
        let met = people::of(&columns, &goes, &table)?;
        Ok(Self { columns, table, goes, met, age_at: asked.age_at })
    }

    /// The people, in the order of the sheet.
    pub fn people(&self) -> &[subjects::Person] {
        &self.met.people
    }

    /// Where each column goes.
    pub fn headings(&self) -> Vec<Heading> {
        let both = (1..).zip(self.columns.iter().zip(&self.goes));
        both.map(|(position, (name, goes))| Heading::of(position, name, *goes, self.age_at.is_some()))
            .collect()
    }
}
