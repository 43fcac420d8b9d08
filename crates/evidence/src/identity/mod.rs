//! Who somebody is, and for how long.

pub mod ended;
