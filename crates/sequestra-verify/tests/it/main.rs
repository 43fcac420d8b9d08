//! The second verifier against what the product makes, against others' vectors, and as a program.
//!
//! * `made`: checkpoints, proofs and receipts of the product, and everything that must not pass
//! * `held`: what receivers of events hold, and exports
//! * `vectors`: C2SP's Ed25519 edge cases, and tiles of a public log
//! * `program`: the command line, its words and exit codes

// Tells clippy that the helpers are tests too.
#![cfg(test)]

mod held;
mod made;
mod program;
mod vectors;
