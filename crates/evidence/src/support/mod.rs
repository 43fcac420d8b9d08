//! Support: what helpers see, and what they never learn.

pub mod breach;
pub mod bundle;
pub mod told;
