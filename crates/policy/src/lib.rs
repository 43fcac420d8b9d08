//! Pure authorisation: a request and its facts go in, allow or deny with reasons comes out. So do terms of data and a
//! stated use.
//!
//! Promises:
//! * Deny is the default. Only a policy that permits and none that forbids allows.
//! * Whatever goes wrong denies: a missing or contradictory fact, an unknown action, a policy that
//!   fails while it is evaluated. No error can turn into "allowed".
//! * Policies are text that people review (`policies/*.cedar`), checked against the schema
//!   (`policies/sequestra.cedarschema`) when they are loaded. A set that does not pass does not load.
//! * Each decision names the SHA-256 of the set that made it.
//!
//! *Architecture invariant*: this room reads no file, no clock and no database. Callers bring the
//! facts, and `access` alone asks.
//!
//! * [`action`]: every action that there is, with the name that the ledger uses
//! * [`request`]: who wants what, on which thing, under which circumstances
//! * [`set`]: a checked set of policies and its digest
//! * [`decide`]: the decision
//! * [`asked`]: what policies ask about
//! * `compiled`: the same policies in a form that is quick to ask; Cedar stays the truth
//! * [`terms`]: data-use terms: what data may be used for ([`terms::Terms`]), what a request states
//!   ([`terms::Use`]), the [`terms::Answer`] with its reasons, and the terms of several datasets combined
//! * [`error`]: why a set of policies does not load, and why terms are refused

// The differential test is an example as well, and speaks of the room by its name.
#[cfg(test)]
extern crate self as policy;
#[cfg(test)]
#[path = "../tests/random/mod.rs"]
mod random;

pub mod action;
pub mod asked;
mod compiled;
pub mod decide;
pub mod error;
pub mod request;
pub mod set;
pub mod terms;

pub use action::Action;
pub use asked::Asked;
pub use compiled::Interpreted;
pub use decide::Decision;
pub use error::{Error, Result};
pub use request::{Actor, Context, Network, Request, Resource};
pub use set::Policies;
