//! What can be wrong with a sheet that is to be split, told by place and never by value.

use crate::Error;
use crate::sheet::{MAX_FAULTS, SheetFault, SheetProblem};
use screen::Reason;
use std::fmt;

/// One thing wrong with a sheet. It holds no value of the sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitFault {
    /// The row, counted from 1 after the header; none for the sheet as a whole or its header.
    pub row: Option<usize>,
    /// The column, counted from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub what: SplitProblem,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitProblem {
    /// It cannot be read as a sheet.
    #[error("{problem}")]
    Sheet {
        /// Why.
        problem: SheetProblem,
    },
    /// The clean sheet is none that the door takes.
    #[error("in the clean sheet, {fault}")]
    Clean {
        /// Why.
        fault: SheetFault,
    },
    /// A column that the door needs.
    #[error("the column `{0}` is missing")]
    Missing(&'static str),
    /// Two columns of one name.
    #[error("the column has the name of another one, or none")]
    Repeated,
    /// A column that was named as harmless and is not there.
    #[error("`--keep` names a column that the sheet does not have")]
    NoSuch,
    /// A column that was named as harmless and announces an identifier.
    #[error("`--keep` names a column that would hold {}", .0.phrase())]
    Announces(Reason),
    /// A column that was named as harmless and is the door's.
    #[error("`--keep` names a column of the door's own")]
    Door,
    /// A column that was named as harmless, by a name that may be somebody's.
    #[error("`--keep` names a column whose own name may identify somebody; rename it")]
    Name,
    /// A cell that was to be kept.
    #[error("the value looks like {}, so it is not kept", .0.phrase())]
    Looks(Reason),
    /// A cell that was to be kept.
    #[error("the value holds something that identifies the patient of this row, so it is not kept")]
    Own,
    /// The same of a file or a lane.
    #[error(
        "the value holds something that identifies the patient of this row; rename the file, or the lane"
    )]
    OwnName,
    /// The same, by its shape.
    #[error("the value looks like {}; rename the file, or the lane", .0.phrase())]
    LooksName(Reason),
    /// More or fewer cells than columns.
    #[error("the row does not have one cell for each column")]
    Ragged,
    /// No patient.
    #[error("the cell is empty")]
    Empty,
    /// A cell that is too long.
    #[error("the value is longer than the {} bytes that the map takes", super::LONGEST)]
    Long,
    /// Several columns of record numbers.
    #[error(
        "another column holds record numbers as well: the sheet has to say by one which patients are the same"
    )]
    Numbers,
    /// Names instead of codes, and no record numbers.
    #[error(
        "the patients are called by names, and no column holds record numbers: nothing tells them apart for good"
    )]
    NoNumbers,
    /// Two values for what a person has one of.
    #[error("the value differs from that of row {first} for the same patient")]
    Contradiction {
        /// The earlier row.
        first: usize,
    },
    /// One number for two patients.
    #[error("the record number is that of another patient in row {first}")]
    Shared {
        /// The earlier row.
        first: usize,
    },
    /// A date of birth that cannot be read.
    #[error("the date of birth is none that can be read; write it as 1931-05-03")]
    Unread,
    /// Born after the day at which ages are told.
    #[error("the date of birth lies after the day of `--age-at`, or too long before it")]
    Unborn,
    /// An age that is no whole number.
    #[error("the age is no whole number of years")]
    Age,
    /// There are more.
    #[error("{0} more faults are not listed")]
    More(usize),
}

impl SplitFault {
    /// One of the sheet as a whole.
    pub(crate) fn whole(what: SplitProblem) -> Error {
        Error::Split(vec![Self { row: None, column: None, what }])
    }

    pub(super) const fn at(row: usize, column: usize, what: SplitProblem) -> Self {
        Self { row: Some(row), column: Some(column), what }
    }

    pub(super) const fn of_column(column: usize, what: SplitProblem) -> Self {
        Self { row: None, column: Some(column), what }
    }
}

impl fmt::Display for SplitFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.row, self.column) {
            (Some(row), Some(column)) => write!(f, "row {row}, column {column}: {}", self.what),
            (Some(row), None) => write!(f, "row {row}: {}", self.what),
            (None, Some(column)) => write!(f, "column {column}: {}", self.what),
            (None, None) => write!(f, "{}", self.what),
        }
    }
}

/// All that was found, or nothing.
pub(super) fn unless(mut faults: Vec<SplitFault>) -> Result<(), Error> {
    if faults.is_empty() {
        return Ok(());
    }
    faults.sort_by_key(|fault| (fault.row, fault.column));
    let more = faults.len().saturating_sub(MAX_FAULTS);
    if more > 0 {
        faults.truncate(MAX_FAULTS);
        faults.push(SplitFault { row: None, column: None, what: SplitProblem::More(more) });
    }
    Err(Error::Split(faults))
}
