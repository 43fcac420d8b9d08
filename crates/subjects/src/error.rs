//! What can go wrong with consents.

use base::{Fault, Kind};

/// Failures of consents.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such thing, or nothing the caller may know of.
    #[error("not found")]
    NotFound,
    /// Nobody whom the map knows has the record number.
    #[error("nobody of this project has that record number of that issuer")]
    NobodyHas,
    /// A stated value has the wrong shape.
    #[error("the {field} is not valid: {why}")]
    Invalid {
        /// Which one.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A withdrawal is there already.
    #[error("the subject has withdrawn already")]
    Withdrawn,
    /// Nothing waits for a review.
    #[error("nothing of this subject waits for a review")]
    NothingToReview,
    /// Something else is open than what was shown.
    #[error("something else was said since you looked")]
    OtherReasons,
    /// Nothing is left to a person.
    #[error("nothing of this use is left to a person: it is allowed already, or forbidden")]
    NothingToApprove,
    /// No approval holds.
    #[error("no approval of this use holds")]
    NothingToRevoke,
    /// The identity map is not there, and the metadata database knows of it; or it cannot be opened or made there.
    #[error(
        "the identity map `identities.db` cannot be read where it should be, and identities may be in it"
    )]
    MapMissing,
    /// The identity map is older than the metadata database says.
    #[error(
        "the identity map is older than the site: it ends at position {found}, and was written up to {known}"
    )]
    MapOlder {
        /// Its watermark; -1 when it has none.
        found: i64,
        /// The position that is known.
        known: i64,
    },
    /// It is not clear who somebody in a sheet is.
    #[error("row {row}: {why}")]
    Ambiguous {
        /// The sheet's row, from 1.
        row: usize,
        /// Why.
        why: &'static str,
    },
    /// The map has no such value of somebody.
    #[error("the identity map has no such value of this subject")]
    NothingToCorrect,
    /// Somebody else has the number.
    #[error("another subject of the project has this record number")]
    NumberTaken,
    /// A value of the map is not readable.
    #[error("an entry of the identity map is not readable")]
    Entry,
    /// A stored record is not readable.
    #[error("a record of consents is not readable")]
    Record,
    /// The permit does not allow it.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// Keys could not be used.
    #[error(transparent)]
    Keys(#[from] keys::Error),
    /// The record could not be written.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// The metadata database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl From<db::sea_orm::DbErr> for Error {
    fn from(error: db::sea_orm::DbErr) -> Self {
        Self::Db(error.into())
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound | Self::NothingToCorrect | Self::NobodyHas => Kind::NotFound,
            Self::Invalid { .. } => Kind::Invalid,
            Self::Withdrawn
            | Self::NothingToReview
            | Self::NothingToApprove
            | Self::NothingToRevoke
            | Self::Ambiguous { .. }
            | Self::NumberTaken
            | Self::OtherReasons => Kind::Conflict,
            Self::Record | Self::Entry | Self::MapMissing | Self::MapOlder { .. } => Kind::Integrity,
            Self::Keys(e) => e.kind(),
            Self::Access(e) => e.kind(),
            Self::Audit(e) => e.kind(),
            Self::Db(e) => e.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "SUBJECTS-001",
            Self::NobodyHas => "SUBJECTS-015",
            Self::Invalid { .. } => "SUBJECTS-002",
            Self::Withdrawn => "SUBJECTS-003",
            Self::NothingToReview => "SUBJECTS-004",
            Self::Record => "SUBJECTS-005",
            Self::NothingToApprove => "SUBJECTS-006",
            Self::OtherReasons => "SUBJECTS-007",
            Self::MapMissing => "SUBJECTS-008",
            Self::MapOlder { .. } => "SUBJECTS-009",
            Self::Ambiguous { .. } => "SUBJECTS-010",
            Self::Entry => "SUBJECTS-011",
            Self::Keys(e) => e.code(),
            Self::NothingToRevoke => "SUBJECTS-012",
            Self::NothingToCorrect => "SUBJECTS-013",
            Self::NumberTaken => "SUBJECTS-014",
            Self::Access(e) => e.code(),
            Self::Audit(e) => e.code(),
            Self::Db(e) => e.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound => Some("check the id, and that you are a member of its project".into()),
            Self::NobodyHas => Some(
                "check the number and `--issuer`; the map knows whom `intake split` took out of a sheet of this project".into(),
            ),
            Self::Invalid { .. } => Some("docs/spec/consent.md has the forms".into()),
            Self::Withdrawn => Some("`consent show` has what was said and when".into()),
            Self::NothingToReview => Some("`consent list` shows who waits for one".into()),
            Self::OtherReasons => Some("look again: `use show`, `consent show`".into()),
            Self::NothingToRevoke => Some("`use show` has the approvals that hold".into()),
            Self::NothingToApprove => Some("`use show` has the answer and its reasons".into()),
            Self::MapMissing | Self::MapOlder { .. } => Some(
                "put the newest `identities.db` of this site back, with its `-wal` file, or restore the site from a backup".into(),
            ),
            Self::Ambiguous { .. } => {
                Some("nothing was stored; make it clear in the sheet who this is, and split it again".into())
            }
            Self::NothingToCorrect => {
                Some("nothing was changed; an honest broker sees what the map has: `subject identify`".into())
            }
            Self::NumberTaken => Some(
                "nothing was changed; an honest broker finds out who that is: `subject find`. Two numbers of one person are \
                 two subjects, and nothing joins them"
                    .into(),
            ),
            Self::Entry => Some("restore the site from a backup".into()),
            Self::Keys(e) => e.hint(),
            Self::Record => {
                Some("nothing is used for it meanwhile; restore the database from a backup".into())
            }
            Self::Access(e) => e.hint(),
            Self::Audit(e) => e.hint(),
            Self::Db(e) => e.hint(),
        }
    }
}
