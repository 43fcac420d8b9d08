//! What can go wrong with a backup.

use base::{Fault, Kind};
use std::io;
use std::path::{Path, PathBuf};

/// Failures of backups.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error("`{}` cannot be used", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A folder that cannot be what it was named for.
    #[error("`{}` {why}", path.display())]
    Place {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A folder that holds no backup.
    #[error("`{}` {why}", path.display())]
    NoBackup {
        /// Which.
        path: PathBuf,
        /// What is there instead.
        why: &'static str,
    },
    /// A folder that holds no ledger.
    #[error("`{}` holds no ledger", .0.display())]
    NoLedger(PathBuf),
    /// No such set, or none at all.
    #[error("the backup has no such set")]
    NoSet,
    /// A file is not what it was when the backup was made.
    #[error("`{file}` is damaged: {what}")]
    Damaged {
        /// The file, below the folder of the backup.
        file: String,
        /// What is wrong.
        what: String,
    },
    /// The ledger does not know the set.
    #[error("set {0} is not on record in the ledger")]
    NotOnRecord(u32),
    /// A recovery file that does not open this set.
    #[error("the recovery file does not open the set: {0}")]
    Recovery(&'static str),
    /// The epoch has ended.
    #[error("set {set} opens no more since {ended}: its epoch has ended")]
    Ended {
        /// The set.
        set: u32,
        /// When.
        ended: base::Timestamp,
    },
    /// The ledger that was given is not a later one of the same site.
    #[error("the ledger that was given does not go on from the backup's")]
    OtherLedger,
    /// There is something where the site is to be.
    #[error("`{}` is not empty, and no restore of this set was begun there", .0.display())]
    Occupied(PathBuf),
    /// A recovery file of the same name that holds another key.
    #[error("`{}` is there and holds the key of another epoch", .0.display())]
    Taken(PathBuf),
    /// The mirror of the ledger in a backup is not one that the site's own goes on from.
    #[error("the ledger in `{}` holds events that this site's own does not", .0.display())]
    NewerMirror(PathBuf),
    /// How a token or a key service is reached was not said.
    #[error("the set opens by a token or a key service, and it was not said how that is reached")]
    Reach,
    /// Something that is no regular file or folder.
    #[error("`{}` is a link, a pipe or a device where a plain file or folder belongs", .0.display())]
    Odd(PathBuf),
    /// A path that leads this process elsewhere than whoever named it.
    #[error("`{}` is another folder for the site's process than for you", .0.display())]
    Elsewhere(PathBuf),
    /// Of the keys.
    #[error(transparent)]
    Keys(#[from] keys::Error),
    /// Of the archive.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// Of the database.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// Of the trail.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// Of the ledger.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// Of the door.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// Consents could not be read or written.
    #[error(transparent)]
    Subjects(#[from] subjects::Error),
}

impl Error {
    /// For `map_err`, with the path.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn damaged(file: &str, what: impl ToString) -> Self {
        Self::Damaged { file: file.to_owned(), what: what.to_string() }
    }

    /// What to say of it as a finding: damage is one, anything else is a failure of its own.
    pub(crate) fn into_finding(self, file: &str) -> Result<String, Self> {
        match self {
            Self::Damaged { file, what } => Ok(format!("`{file}`: {what}")),
            Self::Io { path, source } if source.kind() == io::ErrorKind::NotFound => {
                Ok(format!("`{}`: it is gone", path.display()))
            }
            other if other.kind() == Kind::Integrity => {
                Ok(format!("`{file}`: {}", base::fault::chain(&other)))
            }
            other => Err(other),
        }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Io { .. } => Kind::Unavailable,
            Self::Place { .. } | Self::NoBackup { .. } | Self::NoLedger(_) | Self::Recovery(_) => {
                Kind::Invalid
            }
            Self::NoSet => Kind::NotFound,
            Self::Damaged { .. } | Self::NotOnRecord(_) | Self::OtherLedger | Self::Odd(_) => Kind::Integrity,
            Self::Ended { .. }
            | Self::Occupied(_)
            | Self::Taken(_)
            | Self::NewerMirror(_)
            | Self::Elsewhere(_) => Kind::Conflict,
            Self::Reach => Kind::Invalid,
            Self::Keys(e) => e.kind(),
            Self::Archive(e) => e.kind(),
            Self::Db(e) => e.kind(),
            Self::Audit(e) => e.kind(),
            Self::Ledger(e) => e.kind(),
            Self::Access(e) => e.kind(),
            Self::Subjects(e) => e.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "BACKUP-001",
            Self::Place { .. } => "BACKUP-002",
            Self::NoSet => "BACKUP-003",
            Self::Damaged { .. } => "BACKUP-004",
            Self::NotOnRecord(_) => "BACKUP-005",
            Self::Recovery(_) => "BACKUP-006",
            Self::Ended { .. } => "BACKUP-007",
            Self::OtherLedger => "BACKUP-008",
            Self::Occupied(_) => "BACKUP-009",
            Self::Taken(_) => "BACKUP-010",
            Self::NewerMirror(_) => "BACKUP-011",
            Self::Reach => "BACKUP-012",
            Self::Odd(_) => "BACKUP-013",
            Self::Elsewhere(_) => "BACKUP-014",
            Self::NoBackup { .. } => "BACKUP-015",
            Self::NoLedger(_) => "BACKUP-016",
            Self::Keys(e) => e.code(),
            Self::Archive(e) => e.code(),
            Self::Db(e) => e.code(),
            Self::Audit(e) => e.code(),
            Self::Ledger(e) => e.code(),
            Self::Access(e) => e.code(),
            Self::Subjects(e) => e.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Io { .. } => "check the path, the permissions of every folder above it, and space",
            Self::NoBackup { .. } => {
                "name the folder that `backup create` made; if it lies on a disk of its own, see that this is mounted"
            }
            Self::NoLedger(_) => {
                "give the `ledger` folder of the site that was lost; if none is left, say `--without-newer-ledger`"
            }
            Self::Place { .. } => {
                "name a folder of its own for the backup, and another one for recovery files"
            }
            Self::NoSet => "`backup create` makes one; without `--set` the newest is taken",
            Self::Damaged { .. } => {
                "take another set or another copy of the backup; `backup verify` names all that is damaged"
            }
            Self::NotOnRecord(_) => {
                "run `backup create` again, which mirrors the ledger, or give the newest ledger with `--ledger`"
            }
            Self::Recovery(_) => "take the recovery file that `backup create` wrote for the set's epoch",
            Self::Ended { .. } => "nothing opens it any more, by design; take a newer set",
            Self::OtherLedger => {
                "give the `ledger` folder of the site that the backup is of, as new as there is"
            }
            Self::Occupied(_) => {
                "name a folder that is absent or empty, or one in which this restore was begun"
            }
            Self::Taken(_) => {
                "it is of the site before a restore: keep it until its day, but elsewhere, and ask again"
            }
            Self::NewerMirror(_) => {
                "it may be the newest that is left of this site, and nothing was written over: keep that backup as it is and make a new one in another folder"
            }
            Self::Reach => {
                "name a `site.toml` of your own with `--settings`: the one in the backup is not believed before it is known whose it is"
            }
            Self::Odd(_) => "nothing of ours makes one: find out who can write there, and take another copy",
            Self::Elsewhere(_) => {
                "nothing was written: it was mounted after the site was opened, where its process does not see it; run `sequestra site lock`, then ask again"
            }
            Self::Keys(e) => return e.hint(),
            Self::Archive(e) => return e.hint(),
            Self::Db(e) => return e.hint(),
            Self::Audit(e) => return e.hint(),
            Self::Ledger(e) => return e.hint(),
            Self::Access(e) => return e.hint(),
            Self::Subjects(e) => return e.hint(),
        };
        Some(hint.to_owned())
    }
}
