//! Why a set of policies does not load, and why data-use terms are refused. A decision has no error: whatever goes
//! wrong denies.

use crate::terms::{Conflict, Wrong};
use base::{Fault, Kind};

/// Shorthand for this room's results.
pub type Result<T> = std::result::Result<T, Error>;

/// What is refused as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that is neither policies nor a schema.
    #[error("policy file `{file}` has an unknown name")]
    Name {
        /// The file's name.
        file: String,
    },
    /// No schema, or more than one.
    #[error("a set of policies has exactly one schema, this one has {found}")]
    SchemaCount {
        /// How many there were.
        found: usize,
    },
    /// A file that cannot be read as what its name says.
    #[error("policy file `{file}` does not parse: {reason}")]
    Syntax {
        /// The file's name.
        file: String,
        /// What the parser says.
        reason: String,
    },
    /// A policy without a usable id, or a second one with the same.
    #[error("policy file `{file}`: {reason}")]
    PolicyId {
        /// The file's name.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A policy that does not fit the schema.
    #[error("the policies do not fit their schema: {reason}")]
    Validation {
        /// What the validator says.
        reason: String,
    },
    /// A schema that speaks of other actions than this program.
    #[error("the schema's actions are not this program's: {reason}")]
    Actions {
        /// Which differ.
        reason: String,
    },
    /// One data-use term of a list.
    #[error("data-use term `{term}`: {wrong}")]
    Term {
        /// As it was written, shortened.
        term: String,
        /// What is wrong, and what to write.
        wrong: Wrong,
    },
    /// A list of data-use terms.
    #[error("data-use terms: {wrong}")]
    Terms {
        /// What is wrong, and what to write.
        wrong: Wrong,
    },
    /// Terms of several datasets that nothing fulfils.
    #[error("the data-use terms contradict each other: {conflict}")]
    Conflict {
        /// In what.
        conflict: Conflict,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Conflict { .. } => Kind::Conflict,
            _ => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "POLICY-001",
            Self::SchemaCount { .. } => "POLICY-002",
            Self::Syntax { .. } => "POLICY-003",
            Self::PolicyId { .. } => "POLICY-004",
            Self::Validation { .. } => "POLICY-005",
            Self::Actions { .. } => "POLICY-006",
            Self::Term { .. } => "POLICY-007",
            Self::Terms { .. } => "POLICY-008",
            Self::Conflict { .. } => "POLICY-009",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::Name { .. } => "name policies `*.cedar` and the schema `*.cedarschema`",
                Self::SchemaCount { .. } => "keep one file that ends in `.cedarschema`",
                Self::Syntax { .. } => "correct the file; what is in force stays so",
                Self::PolicyId { .. } => "give each policy its own `@id(\"…\")` and a `@why(\"…\")`",
                Self::Validation { .. } => "compare the names in the policy with those in the schema",
                Self::Actions { .. } => "use the schema that came with this version",
                Self::Term { .. } => {
                    "write one permission and any modifiers of DUO, such as `DUO:0000042 DUO:0000022=EU`"
                }
                Self::Terms { .. } => "write one permission and any modifiers of DUO in one list",
                Self::Conflict { .. } => "use the datasets in separate projects, or leave one out",
            }
            .to_owned(),
        )
    }
}
