//! Keys: sealed at start, shared, revoked, rotated, on record, never used twice.

pub mod nonces;
pub mod revoked;
pub mod rotation;
pub mod sealed;
pub mod shares;
pub mod unwraps;
