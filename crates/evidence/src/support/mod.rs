//! Support: what helpers see, and what they never learn.

pub mod answered;
pub mod breach;
pub mod bundle;
pub mod told;
