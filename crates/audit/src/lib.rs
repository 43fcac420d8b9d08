//! The closed vocabulary of events, written to the ledger and read back for people.
//!
//! Promises: an event holds opaque ids and closed words, never an identifier, a label or a user's
//! free text in clear; every decision gets an outcome, at the latest at the next start; the
//! history of a thing is complete by the predecessor chains, or it says that it is not.
//!
//! * [`event`]: what can be recorded; `kind`: what it is called
//! * [`write`]: gate and follow events
//! * [`question`]: what a search asks for, and whether an event answers it
//! * [`search`]: searches, along the chains of predecessors where the question names one
//! * `walk`: along the chains that links lead to, some events at a time
//! * [`incident`]: what acts touched, whose data that was, and who got it
//! * [`volume`]: keys unwrapped, by day and account
//! * [`reconcile`]: what start-up compares between ledger and database
//! * [`field`]: readable fields, sealed by keys that can be shredded

pub mod event;
pub mod field;
pub mod incident;
pub mod question;
pub mod reconcile;
pub mod search;
pub mod volume;
pub mod write;

mod error;
mod kind;
mod walk;

pub use error::Error;
pub use event::{Actor, Event, Manifest, Outcome, What};
pub use field::FieldSealer;
pub use incident::Incident;
pub use question::{Question, SearchTerms};
pub use reconcile::Found;
pub use search::{Completeness, Cursor, History, Hit, Page, Recorded};
pub use write::Audit;
