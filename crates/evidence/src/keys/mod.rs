//! Keys: sealed at start, shared, revoked, rotated, on record, never put back, never used twice, told to nobody.

pub mod nonces;
mod recipient;
pub mod revoked;
pub mod rolled_back;
pub mod rotation;
pub mod sealed;
pub mod secrets;
pub mod shares;
pub mod unwraps;
