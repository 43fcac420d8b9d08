//! Tokens that were attacked, and where keys come from.

// Tells clippy that the helpers are tests too.
#![cfg(test)]

mod attacks;
mod maker;
mod source;
