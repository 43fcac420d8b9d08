//! The ledger as its callers see it.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]
mod basics;
mod common;
mod crash;
mod damage;
mod index;
mod load;
