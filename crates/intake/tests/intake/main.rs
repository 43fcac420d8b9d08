//! The door on a real spine, with the check in a walled process: what comes in, and what leaves no trace.

mod arrivals;
mod leases;
mod refusals;
mod site;
