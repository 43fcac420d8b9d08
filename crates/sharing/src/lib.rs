//! What a project lets others use: datasets, who asked to use them and was let, and the agreements that they stand on.
//! Specification: `docs/spec/sharing.md`.
//!
//! Promises: what is offered is never changed; nothing is lent without an answer by a person of its home; what ended
//! lends nothing with the next decision; each step is on record before it is stored; what cannot be read lends nothing.
//!
//! * [`dataset`]: samples that a project offers, and under what terms
//! * [`verified`]: which of their files were compared with what their generator said
//! * [`application`]: who asks to use one in another project, and how that stands
//! * [`agreement`]: contracts with parties
//! * [`loan`]: what an application gives now
//! * [`due`]: what falls due by itself
//! * [`list`]: lists of authorized people, as others give them
//! * [`restored`]: what of it a restored copy does not vouch for

pub mod agreement;
pub mod application;
pub mod dataset;
pub mod due;
pub mod list;
pub mod loan;
pub mod restored;
pub mod verified;

mod error;
mod sealed;
mod table;

pub use agreement::{Agreement, Contract, NewAgreement};
pub use application::{Application, Approval, Change, NewApplication, State};
pub use dataset::{Dataset, NewDataset};
pub use error::Error;
pub use list::Difference;
pub use loan::Loan;
pub use table::MIGRATIONS;

use audit::Audit;
use base::{Clock, Entropy, Timestamp};
use db::Db;
use std::sync::Arc;

/// What the projects of a site let each other use. Cheap to clone.
#[derive(Clone)]
pub struct Sharing {
    db: Db,
    audit: Audit,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Sharing {
    /// What is kept in `db`.
    pub fn new(db: Db, audit: Audit, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { db, audit, clock, entropy }
    }
}

/// A stored value that has the wrong shape was changed by somebody else, or is another program's.
fn kept<T, E>(read: Result<T, E>) -> Result<T, Error> {
    read.map_err(|_| Error::Record)
}

fn moment(second: i64) -> Result<Timestamp, Error> {
    kept(Timestamp::from_second(second))
}
