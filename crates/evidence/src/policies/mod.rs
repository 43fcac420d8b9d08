//! What decides, and who changed it.

pub mod combined;
pub mod named;
pub mod offered;
pub mod stated;
pub mod uses;
