//! What the people whose data this is agreed to, and, in a file of its own, who they are. Specifications:
//! `docs/spec/consent.md`, `docs/spec/identity-map.md`.
//!
//! Promises: what a person said is added and never changed; each statement is on record, on the person's own chain,
//! before it is stored; what cannot be read allows nothing; nothing but the map names a person, and no value of the map
//! is opened without a permit that stands on that person's chain, or on that of whoever splits a sheet.
//!
//! * [`consent`]: consents, their withdrawal and review
//! * [`standing`]: what of it holds now
//! * [`restored`]: what a restored copy lacks
//! * [`approval`]: what a steward approved that a program leaves to a person
//! * [`map`]: who subjects are

pub mod approval;
pub mod consent;
pub mod map;
pub mod restored;
pub mod standing;

mod error;
mod sealed;
mod table;

pub use approval::Approval;
pub use consent::{Consent, NewConsent, Said, Statement, said_of, withdrawn_of};
pub use error::Error;
pub use map::{Fact, Learned, Map, Person};
pub use standing::Standing;
pub use table::MIGRATIONS;

use audit::Audit;
use base::{Clock, Entropy};
use db::Db;
use std::sync::Arc;

/// The consents of a site. Cheap to clone.
#[derive(Clone)]
pub struct Subjects {
    db: Db,
    audit: Audit,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Subjects {
    /// The consents kept in `db`.
    pub fn new(db: Db, audit: Audit, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { db, audit, clock, entropy }
    }
}
