//! Whom a site sends to, and how.

pub mod addresses;
pub mod door;
pub mod partner;
