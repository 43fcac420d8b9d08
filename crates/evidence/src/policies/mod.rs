//! What decides, and who changed it.

pub mod named;
