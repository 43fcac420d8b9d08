//! Append-only Merkle log: append, checkpoint, prove, verify.
//!
//! Promises:
//! * What [`Ledger::append`] acknowledged is on stable storage under a signed commit record.
//! * One committer, one flush a batch, no timer. A failed write or flush ends the ledger for this
//!   process: nothing more is acknowledged and nothing is retried. The next open needs no repair.
//! * What [`Ledger::follow`] took is never dropped: it is committed with a next batch, or the ledger
//!   has failed and says so.
//! * Any changed byte of a segment, tile or checkpoint is found and named by [`Ledger::verify_full`].
//!
//! The formats and what is safe if we crash at each step: `docs/spec/ledger.md`.
//!
//! In reading order:
//! * [`entry`]: what a caller appends; [`leaf`]: the line that is hashed
//! * [`log`]: the handle: create, open, append, follow; [`lock`]: one process at a time
//! * [`read`]: records, heads, roots, checkpoints and proofs
//! * [`index`]: where a chain or another term occurs
//! * [`prove`]: the proof of one event as one file
//! * [`check`]: everything recomputed from stored bytes
//! * [`copy`]: what is published, for copies elsewhere, and how a copy is checked by itself
//! * [`verify`]: pure functions for auditors, without a ledger at hand
//! * [`key`]: signing keys and verifier keys
//! * [`storage`]: the system calls of the writer, so that tests can make each one fail
//! * [`reserve`]: room that is set aside, so that the end can be recorded on a full disk
//! * inside: `queue`, `committer`, `heads` (of chains), `frame` (batches on disk), `tree` and `hashes`;
//!   `replay`, `edge` and `recover` (open); `publish` (tiles, bundles and checkpoints, written
//!   behind), `bundle` (their stored form), `leaves`, `stored` and `pieces` (reading
//!   them)

pub mod check;
pub mod copy;
pub mod entry;
pub mod error;
pub mod index;
pub mod key;
pub mod leaf;
pub mod lock;
pub mod log;
pub mod prove;
pub mod read;
pub mod reserve;
pub mod storage;
pub mod verify;

mod bundle;
mod committer;
mod edge;
mod frame;
mod hashes;
mod heads;
mod leaves;
mod pieces;
mod publish;
mod queue;
mod recover;
mod replay;
mod shared;
mod stored;
mod tree;

pub use check::{Finding, Report};
pub use entry::{Body, Entry};
pub use error::{Error, Result};
pub use index::Terms;
pub use key::{SigningKey, VerifierKey};
pub use log::{Committed, Ledger, Options, Ticket};
pub use read::{Comparison, Record};
pub use tlog_tiles::Hash;
