//! What can go wrong with objects.

use base::{Fault, Kind, ObjectId};

/// Failures of the archive.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such object, or nothing the caller may know of.
    #[error("not found")]
    NotFound,
    /// The store's folder could not be written or read.
    #[error("the object store cannot be used")]
    Store(#[source] std::io::Error),
    /// The stored bytes of an object are not those that were sealed.
    #[error("the stored bytes of `{object}` are not those that were sealed")]
    Damaged {
        /// The object.
        object: ObjectId,
        /// What the check found.
        #[source]
        source: seal::Error,
    },
    /// Bytes that were being read are not those that were sealed; the reader knows no id.
    #[error("the stored bytes of an object are not those that were sealed")]
    Changed(#[source] seal::Error),
    /// Sealing failed.
    #[error("the object could not be sealed")]
    Seal(#[source] seal::Error),
    /// The object has another form than the one asked for.
    #[error("`{0}` is not stored in this form")]
    Form(ObjectId),
    /// Its record is not readable.
    #[error("the record of an object is not readable")]
    Record,
    /// Keys could not be used.
    #[error(transparent)]
    Keys(#[from] keys::Error),
    /// The permit does not allow it.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// It could not be recorded.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// The metadata database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// What comes up through `Read` or `Write` says whether the disk failed or the bytes are others.
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match seal::Error::from_io(error) {
            seal::Error::Io(error) => Self::Store(error),
            source if source.kind() == Kind::Integrity => Self::Changed(source),
            source => Self::Seal(source),
        }
    }
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
            Self::Store(_) => Kind::Unavailable,
            Self::Damaged { .. } | Self::Changed(_) | Self::Record => Kind::Integrity,
            Self::Seal(_) => Kind::Internal,
            Self::Form(_) => Kind::Invalid,
            Self::Keys(e) => e.kind(),
            Self::Access(e) => e.kind(),
            Self::Audit(e) => e.kind(),
            Self::Db(e) => e.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "ARCHIVE-001",
            Self::Store(_) => "ARCHIVE-002",
            Self::Damaged { .. } => "ARCHIVE-003",
            Self::Seal(_) => "ARCHIVE-004",
            Self::Form(_) => "ARCHIVE-005",
            Self::Record => "ARCHIVE-006",
            Self::Changed(_) => "ARCHIVE-007",
            Self::Keys(e) => e.code(),
            Self::Access(e) => e.code(),
            Self::Audit(e) => e.code(),
            Self::Db(e) => e.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound => Some("check the id, and that you are a member of its project".into()),
            Self::Store(_) => Some("check space and permissions of the site's `objects` folder".into()),
            Self::Damaged { .. } | Self::Changed(_) => {
                Some("what was read of it is not to be used; restore the object from a backup".into())
            }
            Self::Keys(e) => e.hint(),
            Self::Access(e) => e.hint(),
            Self::Audit(e) => e.hint(),
            Self::Db(e) => e.hint(),
            _ => None,
        }
    }
}
