//! Notifications: what people want to hear of, by mail or by HTTP. Made from the record, they hold ids and our own words.
//!
//! Promises: each event that a destination asks for is handed over at least once, also over a restart; a burst is one
//! message; what a receiver refuses for good is counted and named, and holds up nothing; a message holds no word that
//! somebody typed. What it is, and what it is not: `docs/spec/notify.md`.
//!
//! * [`settings`]: `[mail]` and `[[notify]]`
//! * [`word`]: the closed list of what is told
//! * inside: `notice`, from an event to what is told of it; `mail`, the message; `smtp`, the dialog with a relay; `way`,
//!   where it goes; `follow`, the loop from the ledger

pub mod settings;
pub mod word;

mod follow;
mod mail;
mod notice;
mod smtp;
mod way;

pub use follow::{Follower, Status};
pub use settings::{Destination, Mail, check_all};
pub use word::Word;

use crate::Error;
use audit::{Actor, Audit};
use base::{Clock, Entropy};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
use way::Way;

/// What a message says of the site that it comes from.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The site.
    pub site: Actor,
    /// Where its pages are, if it has any.
    pub pages: Option<String>,
}

/// The destinations of a site. Cheap to clone.
#[derive(Clone, Default)]
pub struct Notifications {
    all: Arc<Vec<One>>,
}

struct One {
    destination: Destination,
    way: Arc<Way>,
    status: watch::Receiver<Status>,
}

/// A destination as it is shown: nothing of where it leads.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// `mail` or `web`.
    pub by: &'static str,
    /// The project, if it is told of one alone.
    pub project: Option<base::ProjectId>,
    /// What it is told.
    pub what: Vec<Word>,
    /// How far it is.
    pub status: Status,
}

/// What a receiver said to a test message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// Whether it took it.
    pub taken: bool,
    /// In its own words, without any address in them, or why there are none.
    pub answer: String,
}

impl Notifications {
    /// Opens what the settings name; the followers go on where their receivers took something last, and new ones begin
    /// with what happens from now on. `folder` keeps the positions.
    ///
    /// # Errors
    /// Settings that cannot be, and a ledger that is not the one that was followed. A receiver that is away is neither.
    pub fn open(
        mail: Option<&Mail>,
        all: &[Destination],
        folder: &Path,
        audit: &Audit,
        sender: &Sender,
        (clock, entropy): (&Arc<dyn Clock>, &Arc<dyn Entropy>),
    ) -> Result<(Self, Vec<Follower>), Error> {
        check_all(mail, all)?;
        let (mut shown, mut followers) = (Vec::new(), Vec::new());
        for destination in all {
            let way = Way::open(mail, destination, sender.clone(), clock.clone(), entropy.clone())?;
            let way = Arc::new(way);
            let follower =
                Follower::open(destination.clone(), way.clone(), folder, audit.clone(), clock.clone())?;
            let status = follower.status();
            shown.push(One { destination: destination.clone(), way, status });
            followers.push(follower);
        }
        Ok((Self { all: Arc::new(shown) }, followers))
    }

    /// Every destination, and how far it is.
    pub fn list(&self) -> Vec<Shown> {
        let shown = |one: &One| Shown {
            name: one.destination.name.clone(),
            by: one.way.kind(),
            project: one.destination.project.clone(),
            what: one.destination.what.clone(),
            status: one.status.borrow().clone(),
        };
        self.all.iter().map(shown).collect()
    }

    /// Sends a message that says that it is a test.
    ///
    /// # Errors
    /// No destination has the name. What the receiver says is no error.
    pub async fn test(&self, name: &str) -> Result<Tested, Error> {
        let one = self.all.iter().find(|one| one.destination.name == name).ok_or(Error::NoDestination)?;
        Ok(match one.way.test().await {
            Ok(said) => Tested { taken: true, answer: said },
            Err(failed) => Tested { taken: false, answer: failed.told() },
        })
    }
}
