//! Sealed jobs for real: walls, limits, scratch, tools, filters, crashes, ordinary users.

#![cfg(test)]

mod common;

mod crash;
mod filter;
mod limits;
mod ordinary;
mod scratch;
mod tools;
mod walls;
