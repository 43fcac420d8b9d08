//! Everything recomputed from stored bytes.

use std::fmt;

/// Something stored that is not what was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, below the ledger's folder.
    pub file: String,
    /// The event, or the first event of the batch, if one is concerned.
    pub position: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl Finding {
    pub(crate) fn new(file: &str, position: Option<u64>, what: &str) -> Self {
        Self { file: file.to_owned(), position, what: what.to_owned() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.file)?;
        if let Some(position) = self.position {
            write!(f, " at position {position}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What a full check found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Events that were checked and hold.
    pub size: u64,
    /// Damage, in the order found.
    pub findings: Vec<Finding>,
}
