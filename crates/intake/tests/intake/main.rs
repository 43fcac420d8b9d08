//! The door on a real spine, with the check in a walled process: what comes in, and what leaves no trace.

// Tells clippy that the helpers are tests too.
#![cfg(test)]

mod arrivals;
mod leases;
mod minted;
mod refusals;
mod site;
