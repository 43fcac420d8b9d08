//! The columns that are sealed: what somebody agreed to can tell of a disease, and the name of a form of a ward.

use crate::Error;
use db::{Cell, Columns, Db};
use std::sync::Arc;

pub(crate) const FORM: &str = "subjects_statement.form";
pub(crate) const TERMS: &str = "subjects_statement.terms";
pub(crate) const REASONS: &str = "subjects_approval.reasons";

/// Opens values of rows, and seals them; a row is named by its position.
pub(crate) struct Words(Arc<Columns>);

impl Words {
    pub fn of(db: &Db) -> Result<Self, Error> {
        Ok(Self(db.columns()?))
    }

    pub fn seal(&self, column: &'static str, position: u64, text: &str) -> Result<String, Error> {
        Ok(self.0.seal(Cell { column, row: &position.to_string() }, text)?)
    }

    /// What does not open was changed, or never sealed: it is not readable.
    pub fn open(&self, column: &'static str, position: u64, sealed: Option<String>) -> Result<String, Error> {
        let cell = Cell { column, row: &position.to_string() };
        self.0.open(cell, &sealed.ok_or(Error::Record)?).map_err(|_| Error::Record)
    }
}
