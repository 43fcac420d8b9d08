//! What can go wrong on the way out.

use base::{AgreementId, Fault, Kind};
use std::io;

/// Failures of a stream.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A stream in `site.toml` that cannot be one.
    #[error("the stream `{name}` is not valid: {why}")]
    Settings {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// An alarm's destination in `site.toml` that cannot be one.
    #[error("the alarm `{name}` is not valid: {why}")]
    Alarm {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A destination of notifications in `site.toml`, or its relay, that cannot be one.
    #[error("the notification `{name}` is not valid: {why}")]
    Notify {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// No destination of notifications has the name.
    #[error("no destination of notifications has this name")]
    NoDestination,
    /// The sink does not take records now.
    #[error("the sink does not take records: {0}")]
    Sink(String),
    /// The agreement that a stream names does not hold now.
    #[error("closed: the agreement {agreement} that it names is {why}")]
    Closed {
        /// The agreement.
        agreement: AgreementId,
        /// How it stands.
        why: &'static str,
    },
    /// The acknowledged position cannot be read or kept.
    #[error("the acknowledged position cannot be kept")]
    Mark(#[source] io::Error),
    /// The ledger does not hold what was acknowledged.
    #[error("the event at position {0} is not the one that the sink acknowledged")]
    Diverged(u64),
    /// The ledger could not be read.
    #[error(transparent)]
    Audit(#[from] audit::Error),
}

impl Error {
    pub(crate) fn sink(cause: impl std::fmt::Display) -> Self {
        Self::Sink(cause.to_string())
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Settings { .. } | Self::Alarm { .. } | Self::Notify { .. } => Kind::Invalid,
            Self::NoDestination => Kind::NotFound,
            Self::Closed { .. } => Kind::Denied,
            Self::Sink(_) | Self::Mark(_) => Kind::Unavailable,
            Self::Diverged(_) => Kind::Integrity,
            Self::Audit(e) => e.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Settings { .. } => "FEED-001",
            Self::Sink(_) => "FEED-002",
            Self::Mark(_) => "FEED-003",
            Self::Diverged(_) => "FEED-004",
            Self::Alarm { .. } => "FEED-005",
            Self::Notify { .. } => "FEED-006",
            Self::NoDestination => "FEED-007",
            Self::Closed { .. } => "FEED-008",
            Self::Audit(e) => e.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Settings { .. } => Some("see `[[audit.stream]]` in docs/spec/audit.md".into()),
            Self::Alarm { .. } => Some("see `[[alarm]]` in docs/spec/alarm.md".into()),
            Self::Notify { .. } => Some("see `[mail]` and `[[notify]]` in docs/spec/notify.md".into()),
            Self::NoDestination => Some("`sequestra notify list` shows them".into()),
            Self::Sink(_) => {
                Some("the stream goes on by itself when the sink is back; nothing is lost".into())
            }
            Self::Closed { .. } => {
                Some("register another with `sequestra agreement add`, and name it in site.toml".into())
            }
            Self::Mark(_) => Some("make the site's `streams` folder writable".into()),
            Self::Diverged(_) => Some(
                "the ledger was rolled back or rewritten: run `sequestra ledger verify --against FILE`"
                    .into(),
            ),
            Self::Audit(e) => e.hint(),
        }
    }
}
