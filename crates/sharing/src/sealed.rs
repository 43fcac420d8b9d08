//! The columns that are sealed: names are typed by people, and reasons can tell of a disease.

use crate::Error;
use db::{Cell, Columns, Db};
use std::sync::Arc;

pub(crate) const NAME: &str = "sharing_dataset.name";
pub(crate) const WHY: &str = "sharing_application.why";
pub(crate) const REPORT: &str = "sharing_application.report";
pub(crate) const REASONS: &str = "sharing_application.reasons";

/// Opens values of rows, and seals them.
pub(crate) struct Words(Arc<Columns>);

impl Words {
    pub fn of(db: &Db) -> Result<Self, Error> {
        Ok(Self(db.columns()?))
    }

    pub fn seal(&self, column: &'static str, row: &str, text: &str) -> Result<String, Error> {
        Ok(self.0.seal(Cell { column, row }, text)?)
    }

    /// What does not open was changed, or never sealed: it is not readable.
    pub fn open(&self, column: &'static str, row: &str, sealed: &str) -> Result<String, Error> {
        self.0.open(Cell { column, row }, sealed).map_err(|_| Error::Record)
    }
}
