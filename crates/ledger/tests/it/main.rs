//! The ledger as its callers see it.
mod basics;
mod common;
