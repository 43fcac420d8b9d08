//! Tidy checks and generators for the workspace.

fn main() {}
