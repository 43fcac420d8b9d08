//! Runs one sealed job: no network, encrypted scratch, declared inputs and outputs.
