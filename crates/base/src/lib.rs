//! Words that every room speaks.
//!
//! Promises: an id says what it names and nothing else; a [`Sensitive`] value never prints
//! itself; time and randomness come in through [`Clock`] and [`Entropy`], so tests own both.
//!
//! * [`id`]: the registry of typed, opaque ids
//! * [`digest`]: SHA-256, BLAKE3 and MD5 values as text
//! * [`sensitive`]: values that print as `[redacted]`
//! * [`clock`], [`entropy`]: time and randomness as parameters
//! * [`fault`]: what every room's error can say about itself
//! * [`role`]: the roles a person can hold, the classes a project can have, and how long it keeps
//! * [`network`]: addresses under a common prefix
//! * [`boxed`]: futures that are compiled once
//! * [`host`]: where programs of the machine are found
//! * [`durable`]: files written so that a crash leaves the old or the new one, whole

pub mod boxed;
pub mod clock;
pub mod digest;
pub mod durable;
pub mod entropy;
pub mod fault;
pub mod host;
pub mod id;
pub mod network;
pub mod role;
pub mod sensitive;

pub use boxed::Boxed;
pub use clock::{Clock, FixedClock, ForwardClock, SystemClock, Timestamp};
pub use digest::{Blake3, Md5, Sha256};
pub use entropy::{Entropy, SystemEntropy};
pub use fault::{Fault, Kind};
pub use id::*;
pub use network::Network;
pub use role::{Class, Retention, Role};
pub use sensitive::Sensitive;
