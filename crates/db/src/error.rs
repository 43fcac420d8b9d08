//! What can go wrong with the database.

use base::{Fault, Kind};
use sea_orm::{DbErr, RuntimeErr};
use std::path::PathBuf;

/// Failures of the metadata database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened: wrong key, damaged, or not a database.
    #[error("cannot open the metadata database")]
    Open(#[source] DbErr),
    /// The library is older than what is safe.
    #[error("the database library is version {0}, which is not one this program was tested with")]
    Library(String),
    /// A migration step failed; nothing of it was kept.
    #[error("migration `{step}` failed")]
    Migrate {
        /// The step's name.
        step: &'static str,
        /// The database's own words.
        #[source]
        source: DbErr,
    },
    /// The database holds a step that this program does not know: it was written by a newer one.
    #[error("the database was written by a newer program (step `{0}`)")]
    Newer(String),
    /// A statement failed.
    #[error("the metadata database refused a statement")]
    Statement(#[source] DbErr),
    /// Stored bytes are not what was written.
    #[error("the metadata database is damaged: {0}")]
    Damaged(String),
    /// The settings of the server say too little, or too much.
    #[error("`[database]` is not right: {0}")]
    Setting(String),
    /// A file that the settings name cannot be used.
    #[error("`{path}` cannot be used: {why}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The server is not one that a site may keep its metadata on.
    #[error("the database server is not as a site needs it: {0}")]
    Unfit(String),
    /// The database does not answer, or refuses to talk.
    #[error("the metadata database cannot be reached")]
    Away(#[source] DbErr),
    /// A statement or a lock took longer than it may.
    #[error("the metadata database took too long")]
    Slow(#[source] DbErr),
    /// Another process has the database.
    #[error("another process holds the database: {0}")]
    Held(String),
    /// The database is another site's.
    #[error("the database holds another site")]
    Foreign,
    /// The database went back in time under this process.
    #[error("the database is older than what this process committed to it")]
    WentBack,
    /// Nobody can say whether a commit took effect.
    #[error("the answer to a commit was lost, and the server could not be asked for it since")]
    Undecided,
    /// A sealed value does not open: it was changed, moved to another row, or sealed under another key.
    #[error("a sealed value of the metadata database does not open")]
    Sealed,
    /// Sealed columns or a snapshot are asked for before their keys are there.
    #[error("the keys of sealed columns and snapshots are not there yet")]
    NoColumns,
    /// Two transactions could not be put in an order.
    #[error("the database refused a transaction because of another one")]
    Conflict(#[source] DbErr),
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match cause(&error) {
            Cause::Away => Self::Away(error),
            Cause::Slow => Self::Slow(error),
            Cause::Conflict => Self::Conflict(error),
            Cause::Damaged(said) => Self::Damaged(said),
            Cause::Statement => Self::Statement(error),
        }
    }
}

/// What a failure of the driver means.
enum Cause {
    Away,
    Slow,
    Conflict,
    /// In the database's words, once: the driver's own repeat them.
    Damaged(String),
    Statement,
}

fn cause(error: &DbErr) -> Cause {
    let driver = match error {
        DbErr::ConnectionAcquire(_) => return Cause::Away,
        DbErr::Conn(RuntimeErr::SqlxError(e))
        | DbErr::Exec(RuntimeErr::SqlxError(e))
        | DbErr::Query(RuntimeErr::SqlxError(e)) => e,
        _ => return Cause::Statement,
    };
    match &**driver {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Cause::Away,
        sqlx::Error::Database(said) => match said.code() {
            Some(code) if is_damage(&code) => Cause::Damaged(said.message().to_owned()),
            code => code.map_or(Cause::Statement, |code| of_state(&code)),
        },
        _ => Cause::Statement,
    }
}

/// SQLITE_CORRUPT and SQLITE_NOTADB with their extended codes, and what PostgreSQL says of damaged pages and indexes. A page
/// whose authentication fails is one of the first two.
fn is_damage(code: &str) -> bool {
    let primary = code.parse::<u32>().ok().filter(|code| *code < 10_000).map(|code| code & 0xff);
    matches!(primary, Some(11 | 26)) || matches!(code, "XX001" | "XX002")
}

/// What a state of PostgreSQL's means. SQLite's codes are numbers below 10000 and match none.
fn of_state(code: &str) -> Cause {
    match code {
        // Canceled by a timeout, no lock in time, idle for too long in a transaction.
        "57014" | "55P03" | "25P03" => Cause::Slow,
        "40001" | "40P01" => Cause::Conflict,
        // Shut down, crashed, starting up, no connection left, or who asks is not let in.
        "57P01" | "57P02" | "57P03" | "57P05" | "53300" | "28000" | "28P01" | "3D000" => Cause::Away,
        other if other.len() == 5 && other.starts_with("08") => Cause::Away,
        _ => Cause::Statement,
    }
}

impl Error {
    /// Whether the connection was lost, so that what the server did is not known.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Away(_))
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Open(_) | Self::Damaged(_) | Self::WentBack | Self::Sealed => Kind::Integrity,
            Self::Library(_) | Self::Migrate { .. } | Self::Statement(_) | Self::NoColumns => Kind::Internal,
            Self::Setting(_) | Self::File { .. } => Kind::Invalid,
            Self::Newer(_) | Self::Unfit(_) | Self::Held(_) | Self::Foreign => Kind::Conflict,
            Self::Away(_) | Self::Slow(_) | Self::Undecided | Self::Conflict(_) => Kind::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Open(_) => "DB-001",
            Self::Library(_) => "DB-002",
            Self::Migrate { .. } => "DB-003",
            Self::Newer(_) => "DB-004",
            Self::Statement(_) => "DB-005",
            Self::Setting(_) => "DB-006",
            Self::File { .. } => "DB-007",
            Self::Unfit(_) => "DB-008",
            Self::Away(_) => "DB-009",
            Self::Slow(_) => "DB-010",
            Self::Held(_) => "DB-011",
            Self::Foreign => "DB-012",
            Self::WentBack => "DB-013",
            Self::Undecided => "DB-014",
            Self::Conflict(_) => "DB-015",
            Self::Sealed => "DB-016",
            Self::NoColumns => "DB-017",
            Self::Damaged(_) => "DB-018",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Open(_) | Self::Damaged(_) => {
                "keep the folder as it is, and put the site back from a backup with its newest ledger: docs/guide/backup.md"
            }
            Self::Newer(_) => "use the program version that last opened this site, or a newer one",
            Self::Setting(_) => "see `[database]` in docs/guide/postgresql.md",
            Self::File { .. } => {
                "the files of `[database]` are named in site.toml; see docs/guide/postgresql.md"
            }
            Self::Unfit(_) => "the server's administrator can change it: docs/guide/postgresql.md says how",
            Self::Away(_) => "see that the server runs, and that `[database]` in site.toml names it rightly",
            Self::Slow(_) => "try again; if it stays so, ask the server's administrator what holds it up",
            Self::Held(_) => "one process at a time has a site's database: end the other one first",
            Self::Foreign => "each site needs a database of its own: correct `url` under `[database]`",
            Self::WentBack => {
                "lock the site, and have the server's administrator find out which state is the right one"
            }
            Self::Undecided => "look whether the change is there before you ask for it again",
            Self::Conflict(_) => "try again",
            Self::Sealed => {
                "somebody changed the database behind the site; `site check` and a backup show what is left"
            }
            Self::Library(_) | Self::Migrate { .. } | Self::Statement(_) | Self::NoColumns => return None,
        };
        Some(hint.to_owned())
    }

    fn retry(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Slow(_) | Self::Conflict(_))
    }
}
