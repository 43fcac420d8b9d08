//! The hierarchy on a small site: its guards, rotation, shredding, backup epochs.

#![cfg(test)]

mod guards;
mod rotation;
mod shredding;
mod site;
