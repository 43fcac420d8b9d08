//! What can be wrong with a sheet, told by place and never by value.

use crate::name;
use screen::{Finding, Place};
use serde::{Deserialize, Serialize};

/// One thing wrong with a sheet. It holds no value of the sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetFault {
    /// The row, counted from 1 after the header; none for the sheet as a whole or its header.
    pub row: Option<usize>,
    /// The column's name, where it is one of the known ones.
    pub column: Option<String>,
    /// What is wrong.
    pub what: SheetProblem,
}

/// What can be wrong with a sheet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "problem")]
pub enum SheetProblem {
    /// Too long, or not UTF-8.
    #[error("the sheet is longer than 4 MiB or 10,000 rows, or is not UTF-8 text")]
    NotText,
    /// No rows below the header.
    #[error("the sheet has no rows")]
    NoRows,
    /// A required column is not there.
    #[error("the column is missing")]
    MissingColumn,
    /// A known column stands twice.
    #[error("the column stands twice")]
    RepeatedColumn,
    /// A column that is none of the known ones.
    #[error("column {position} is none of those that a sheet may have")]
    UnknownColumn {
        /// Counted from 1.
        position: usize,
    },
    /// More or fewer cells than columns, or broken quotes.
    #[error("the row does not have one cell for each column")]
    Ragged,
    /// A required cell is empty.
    #[error("the cell is empty")]
    Empty,
    /// A label that is no code.
    #[error("a label is 1 to 64 letters, digits and . _ - of ASCII, and starts with a letter or digit")]
    Label,
    /// A value outside a closed list.
    #[error("the value is none of: {}", .allowed.join(", "))]
    Value {
        /// The accepted spellings.
        allowed: Vec<String>,
    },
    /// A file name that is refused.
    #[error("{fault}")]
    Name {
        /// Why.
        fault: name::NameFault,
    },
    /// A file that is not FASTQ by its ending.
    #[error("the name does not end in .fastq.gz, .fq.gz, .fastq or .fq")]
    NotFastq,
    /// Reads of one end only, which nothing downstream takes.
    #[error("second reads are missing: only pairs are taken")]
    SingleEnd,
    /// Sample and lane of an earlier row.
    #[error("sample and lane are those of row {first}")]
    RepeatedLane {
        /// The earlier row.
        first: usize,
    },
    /// A file of an earlier row, or first and second reads in one file.
    #[error("the file is named already in row {first}")]
    RepeatedFile {
        /// The earlier row, or this one.
        first: usize,
    },
    /// One sample label under two patients.
    #[error("the sample belongs to another patient in row {first}")]
    OtherPatient {
        /// The earlier row.
        first: usize,
    },
    /// Two values for what can have one only.
    #[error("the value differs from that of row {first} for the same patient or sample")]
    Contradiction {
        /// The earlier row.
        first: usize,
    },
    /// Looks like a direct identifier.
    #[error("{}", said(.finding))]
    Identifier {
        /// The finding.
        finding: Finding,
    },
    /// A subject's id that the identity map of the project does not have.
    #[error("it begins with `sub_`, and the identity map of this project has no such subject")]
    NotMinted,
    /// Somebody whom the identity map of the project knows by this.
    #[error(
        "the identity map of this project knows somebody by it; use the clean sheet that `intake split` wrote"
    )]
    InMap,
    /// There are more faults than are told.
    #[error("{count} more faults are not listed")]
    More {
        /// How many.
        count: usize,
    },
}

fn said(finding: &Finding) -> String {
    let place = match &finding.place {
        Place::Header { column, .. } => format!("the name of column {column}"),
        _ => "the value".to_owned(),
    };
    format!(
        "{place} looks like {} (shape `{}`): {}",
        finding.reason,
        finding.preview,
        finding.reason.advice()
    )
}

impl SheetFault {
    /// Whether it is about a direct identifier, so that the refusal is to be recorded as one.
    pub fn is_identifier(&self) -> bool {
        matches!(self.what, SheetProblem::Identifier { .. })
    }
}

impl std::fmt::Display for SheetFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.row, &self.column) {
            (Some(row), Some(column)) => write!(f, "row {row}, column `{column}`: {}", self.what),
            (Some(row), None) => write!(f, "row {row}: {}", self.what),
            (None, Some(column)) => write!(f, "column `{column}`: {}", self.what),
            (None, None) => write!(f, "{}", self.what),
        }
    }
}

pub(super) fn fault(row: Option<usize>, column: Option<&str>, what: SheetProblem) -> SheetFault {
    SheetFault { row, column: column.map(str::to_owned), what }
}
