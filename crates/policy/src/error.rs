//! Why a set of policies does not load. A decision has no error: whatever goes wrong denies.

use base::{Fault, Kind};

/// Shorthand for this room's results.
pub type Result<T> = std::result::Result<T, Error>;

/// A set of policies that is refused as a whole.
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
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "POLICY-001",
            Self::SchemaCount { .. } => "POLICY-002",
            Self::Syntax { .. } => "POLICY-003",
            Self::PolicyId { .. } => "POLICY-004",
            Self::Validation { .. } => "POLICY-005",
            Self::Actions { .. } => "POLICY-006",
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
            }
            .to_owned(),
        )
    }
}
