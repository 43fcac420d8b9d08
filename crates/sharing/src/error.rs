//! What can go wrong with what is shared.

use base::{Fault, Kind};

/// Findings that a message tells at most.
const TOLD: usize = 20;

/// Failures of sharing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such thing, or nothing the caller may know of.
    #[error("not found")]
    NotFound,
    /// A stated value has the wrong shape.
    #[error("the {field} is not valid: {why}")]
    Invalid {
        /// Which one.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The checkpoint found something.
    #[error("the dataset is not published: {}", told(.0))]
    Blocked(Vec<String>),
    /// An application that could never hold.
    #[error("the application cannot hold: {}", told(.0))]
    CannotHold(Vec<String>),
    /// It stands otherwise than the act needs.
    #[error("the {what} is {stands}")]
    Stands {
        /// What.
        what: &'static str,
        /// How.
        stands: &'static str,
    },
    /// Something else is open than what was shown.
    #[error("something else is left to a person than what was shown")]
    OtherReasons,
    /// The list is not the one whose difference was shown, or people changed since.
    #[error("the list makes another difference than the one that was confirmed")]
    OtherDifference,
    /// Somebody would lend to themselves.
    #[error("nobody says yes to an application that names them, nor adds themselves to one")]
    OwnUse,
    /// A stored record is not readable.
    #[error("a record of what is shared is not readable")]
    Record,
    /// The permit does not allow it.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The record could not be written.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// The metadata database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

fn told(findings: &[String]) -> String {
    let more = findings.len().saturating_sub(TOLD);
    let mut words = findings.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
    if more > 0 {
        words.push_str(&format!("; and {more} more"));
    }
    words
}

impl From<db::sea_orm::DbErr> for Error {
    fn from(error: db::sea_orm::DbErr) -> Self {
        Self::Db(error.into())
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound => Kind::NotFound,
            Self::Invalid { .. } => Kind::Invalid,
            Self::Blocked(_)
            | Self::CannotHold(_)
            | Self::Stands { .. }
            | Self::OtherReasons
            | Self::OtherDifference => Kind::Conflict,
            Self::OwnUse => Kind::Denied,
            Self::Record => Kind::Integrity,
            Self::Access(e) => e.kind(),
            Self::Audit(e) => e.kind(),
            Self::Db(e) => e.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "SHARING-001",
            Self::Invalid { .. } => "SHARING-002",
            Self::Blocked(_) => "SHARING-003",
            Self::CannotHold(_) => "SHARING-004",
            Self::Stands { .. } => "SHARING-005",
            Self::OtherReasons => "SHARING-006",
            Self::OtherDifference => "SHARING-007",
            Self::Record => "SHARING-008",
            Self::OwnUse => "SHARING-009",
            Self::Access(e) => e.code(),
            Self::Audit(e) => e.code(),
            Self::Db(e) => e.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound => Some("check the id, and that you are a member of its project".into()),
            Self::Invalid { .. } => Some("docs/spec/sharing.md has the forms".into()),
            Self::Blocked(_) => Some(
                "mend what is named, or leave the samples out; `dataset check` says all of it and publishes nothing".into(),
            ),
            Self::CannotHold(_) => Some(
                "`dataset list` has what it is offered for; a workspace that states something else is another project"
                    .into(),
            ),
            Self::Stands { .. } => Some("`application list` and `dataset list` show how it stands".into()),
            Self::OtherReasons => Some("look again: `application show PROJECT APPLICATION`".into()),
            Self::OtherDifference => {
                Some("run it without `--confirm` and look at the difference again".into())
            }
            Self::OwnUse => Some("another data steward of the dataset's home answers".into()),
            Self::Record => Some("nothing is lent by it meanwhile; restore the database from a backup".into()),
            Self::Access(e) => e.hint(),
            Self::Audit(e) => e.hint(),
            Self::Db(e) => e.hint(),
        }
    }
}
