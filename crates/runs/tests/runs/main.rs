//! Runs on a real spine, with the real tools behind real walls, on an invented case.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot set up has failed"
)]

mod damage;
mod germline;
mod places;
mod site;
mod stops;
mod tools;
