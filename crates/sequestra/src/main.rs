//! The `sequestra` program: configuration and wiring.

fn main() {}
