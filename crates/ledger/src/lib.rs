//! Append-only Merkle log: append, checkpoint, prove, verify.
