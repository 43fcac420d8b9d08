//! What can go wrong with objects.

use crate::store::NotOwn;
use crate::watched::Damage;
use base::{Fault, Kind, ObjectId, Timestamp};

/// Failures of the archive.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such object, or nothing the caller may know of.
    #[error("not found")]
    NotFound,
    /// The store's folder could not be written or read.
    #[error("the object store cannot be used")]
    Store(#[source] std::io::Error),
    /// The bucket failed.
    #[error(transparent)]
    Bucket(#[from] bucket::Error),
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
    /// Damage was found in it earlier.
    #[error("`{0}` is in quarantine: damage was found in its stored bytes")]
    Quarantined(ObjectId),
    /// Body or tree of an object is not in the store.
    #[error("the stored bytes of `{0}` are gone")]
    Lost(ObjectId),
    /// It was deleted.
    #[error("`{0}` was deleted")]
    Deleted(ObjectId),
    /// Its retention floor has not passed.
    #[error("`{object}` is kept until {until}")]
    Floor {
        /// The object.
        object: ObjectId,
        /// The moment before which nothing removes it.
        until: Timestamp,
    },
    /// It is kept without end, or how long it is kept is not on record.
    #[error("`{0}` is kept without end")]
    Kept(ObjectId),
    /// It is under a legal hold.
    #[error("`{0}` is under a legal hold")]
    Held(ObjectId),
    /// It is not under a legal hold.
    #[error("`{0}` is not under a legal hold")]
    NotHeld(ObjectId),
    /// The store did not lock what it was told to lock.
    #[error("the store does not lock `{0}` as it was told to")]
    NotLocked(ObjectId),
    /// A next version would be another thing than the one before.
    #[error("the next version of `{0}` has its kind and its subject")]
    Version(ObjectId),
    /// The store holds nothing, and should, or its place is not the site's own.
    #[error("the store is not there: its place holds no body at all, or is not marked as this site's")]
    Away,
    /// The clock is before the site was made.
    #[error("this machine's clock says {now}, and the site was made at {made}")]
    Clock {
        /// What the clock says.
        now: Timestamp,
        /// When the ledger began.
        made: Timestamp,
    },
    /// The record holds it; the store could not be told to.
    #[error("`{object}` is under a legal hold by its record, and the store does not hold all of it yet")]
    HeldOnRecord {
        /// The object.
        object: ObjectId,
        /// What the store answered.
        #[source]
        source: Box<Error>,
    },
    /// Versions came or went while it was asked what keeps it.
    #[error("`{0}` changed while it was asked what keeps it")]
    Moved(ObjectId),
    /// Work on a thread of its own did not end.
    #[error("work on the store did not end")]
    Ended,
    /// The process ends, and what it was reading was not read to its end.
    #[error("the site locks itself: what was being read was not read to its end")]
    Ending,
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
        let error = match error.downcast::<Damage>() {
            Ok(Damage { object, source }) => return Self::Damaged { object, source },
            Err(error) => error,
        };
        let error = match error.downcast::<NotOwn>() {
            Ok(NotOwn) => return Self::Away,
            Err(error) => error,
        };
        match seal::Error::from_io(error) {
            seal::Error::Io(error) => match error.downcast::<bucket::Error>() {
                Ok(error) => Self::Bucket(error),
                Err(error) => Self::Store(error),
            },
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

impl Error {
    /// Whether it says something of one object, and not of the site: what is behind that object may do better.
    pub(crate) fn is_of_one_object(&self) -> bool {
        matches!(
            self,
            Self::Store(_)
                | Self::Bucket(_)
                | Self::Seal(_)
                | Self::Changed(_)
                | Self::Damaged { .. }
                | Self::Record
                | Self::Audit(audit::Error::Unreadable(_))
        )
    }

    /// The same through `Read` or `Write`.
    pub(crate) fn into_io(self) -> std::io::Error {
        match self {
            Self::Store(error) => error,
            Self::Bucket(error) => error.into(),
            Self::Seal(error) => error.into(),
            Self::Away => NotOwn.into(),
            other => std::io::Error::other(other),
        }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound => Kind::NotFound,
            Self::Store(_) | Self::Away | Self::Ending | Self::Clock { .. } => Kind::Unavailable,
            Self::HeldOnRecord { source, .. } => source.kind(),
            Self::Moved(_) => Kind::Conflict,
            Self::Damaged { .. } | Self::Changed(_) | Self::Record => Kind::Integrity,
            Self::Seal(_) => Kind::Internal,
            Self::Form(_) | Self::Version(_) => Kind::Invalid,
            Self::Quarantined(_) | Self::Lost(_) | Self::NotLocked(_) => Kind::Integrity,
            Self::Deleted(_) | Self::Floor { .. } | Self::Kept(_) | Self::Held(_) | Self::NotHeld(_) => {
                Kind::Conflict
            }
            Self::Ended => Kind::Internal,
            Self::Bucket(e) => e.kind(),
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
            Self::Quarantined(_) => "ARCHIVE-008",
            Self::Lost(_) => "ARCHIVE-009",
            Self::Deleted(_) => "ARCHIVE-010",
            Self::Floor { .. } => "ARCHIVE-011",
            Self::Kept(_) => "ARCHIVE-012",
            Self::Held(_) => "ARCHIVE-013",
            Self::NotHeld(_) => "ARCHIVE-014",
            Self::NotLocked(_) => "ARCHIVE-015",
            Self::Version(_) => "ARCHIVE-016",
            Self::Ended => "ARCHIVE-017",
            Self::Away => "ARCHIVE-018",
            Self::HeldOnRecord { .. } => "ARCHIVE-019",
            Self::Moved(_) => "ARCHIVE-020",
            Self::Clock { .. } => "ARCHIVE-021",
            Self::Ending => "ARCHIVE-022",
            Self::Bucket(e) => e.code(),
            Self::Keys(e) => e.code(),
            Self::Access(e) => e.code(),
            Self::Audit(e) => e.code(),
            Self::Db(e) => e.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound => Some("check the id, and that you are a member of its project".into()),
            Self::Store(_) => {
                Some("check space and permissions of the site's `objects` folder, or its bucket".into())
            }
            Self::Floor { .. } | Self::Kept(_) => Some(
                "no role can shorten a floor; `consent withdraw` ends the use of somebody's data before: a hold only keeps it longer"
                    .into(),
            ),
            Self::Held(_) => Some("a data steward lifts a hold with `object lift`".into()),
            Self::NotHeld(_) => Some("`object show` says whether an object is held".into()),
            Self::Deleted(_) => Some("its record is all that is left; the trail says who deleted it".into()),
            Self::Away => Some(
                "mount the site's `objects` folder again, or name the right bucket; see docs/guide/storage.md".into(),
            ),
            Self::Clock { .. } => {
                Some("set the clock; floors are counted from it, so nothing is sealed until then".into())
            }
            Self::HeldOnRecord { .. } => Some(
                "nothing here deletes it; the site tells the store again by itself, see `site status`".into(),
            ),
            Self::Moved(_) => Some("ask again".into()),
            Self::Ending => Some("ask again once the site is open: what was found so far is on record".into()),
            Self::NotLocked(_) => Some("see `doctor --site` for what the store can lock".into()),
            Self::Damaged { .. } | Self::Changed(_) | Self::Quarantined(_) | Self::Lost(_) => {
                Some("what was read of it is not to be used; restore the object from a backup".into())
            }
            Self::Bucket(e) => e.hint(),
            Self::Keys(e) => e.hint(),
            Self::Access(e) => e.hint(),
            Self::Audit(e) => e.hint(),
            Self::Db(e) => e.hint(),
            _ => None,
        }
    }
}
