//! Witnesses of ledgers (C2SP tlog-witness): what a witness remembers, what it signs, and how a
//! site asks it.
//!
//! Promises:
//! * A witness never cosigns two roots of one size, nor a tree that does not contain the one that
//!   it cosigned before: also after it was killed at any point. What it cosigned is on stable
//!   storage before the answer leaves.
//! * A failed write of its memory ends the witness for that ledger until it is started again.
//! * A memory that cannot be read refuses to start; it is never taken for an empty one.
//!
//! This room knows texts, not the network: the program carries them. The formats:
//! `docs/spec/witness.md`.
//!
//! In reading order:
//! * [`cosignature`]: the line that a witness adds, and its keys
//! * [`request`]: what a witness is asked
//! * [`memory`]: what it remembers of each ledger
//! * [`Witness`]: the answers
//! * [`ask`]: the side of the site: what to ask, and what an answer means

pub mod ask;
pub mod cosignature;
pub mod error;
pub mod memory;
pub mod request;

mod answer;

pub use answer::{Reply, Witness};
pub use ask::{Asker, Verdict};
pub use cosignature::{Cosigner, WitnessKey};
pub use error::{Error, Result};
pub use request::Request;
