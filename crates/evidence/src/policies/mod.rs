//! What decides, and who changed it.

pub mod named;
pub mod stated;
pub mod uses;
