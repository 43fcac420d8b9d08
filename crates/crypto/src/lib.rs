//! ChaCha20-Poly1305 by the fastest implementation that the host offers.
//!
//! How fast a body is sealed depends on the library below, and the best one differs from host to host. This
//! room puts them behind one trait, tests each against known answers, times those that pass, and keeps one for
//! the process (`docs/decisions/0017-the-cipher-of-the-host.md`).
//!
//! Promises:
//! * [`Provider`]s give the same bytes for the same input, and refuse the same altered ones: one conformance
//!   suite runs on all of them.
//! * One that does not pass its self-test is not used. The one that is compiled in is always there; if even
//!   that fails, [`choose`] says so and a site does not open.
//!
//! Lacks: other algorithms, nonces of its own making, files, and a way to print a key.
//!
//! * [`provider`]: the contract
//! * [`choose`](mod@choose): self-test, timing, and the choice
//! * inside: `compiled` (aws-lc-rs), `openssl` (the host's libcrypto 3)

pub mod choose;
pub mod provider;

mod compiled;
mod openssl;

pub use choose::{Choice, Error, Timing, choose, current, offered, prefer};
pub use provider::{Failed, Key, NONCE, Provider, TAG};
