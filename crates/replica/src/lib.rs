//! Copies of the ledger that are not overwritten: a folder, a bucket with object lock.
//!
//! Promises: what is published goes to a replica in the ledger's order, at least once, each file once and for
//! good; a checkpoint is there only after everything under it; a replica that holds something else than the
//! ledger, less than it took, or another ledger, is told apart from one that is away; a ledger with fewer events
//! than a replica's signed checkpoint, or with others, is named as rolled back or rewritten.
//!
//! This room does not decide what follows from that, and does not hold up the ledger.
//!
//! * [`settings`]: a replica as `site.toml` has it
//! * [`place`]: where copies lie: [`place::Directory`], [`place::InBucket`]
//! * [`copier`]: copies, compares, and keeps its position

pub mod copier;
pub mod place;
pub mod settings;

mod error;

pub use copier::{Copier, Progress};
pub use error::Error;
pub use place::Place;
pub use settings::Settings;
