//! Stopping a small process at every call to the file system, and cutting its power there.
//!
//! An [`Actor`] does acts of the product, each through the room's own functions, and says `ack` on
//! standard output for each that it was told is complete. It is run
//! * under `strace`, which fails one call with EIO or kills the process at it ([`inject`]), and
//! * once undisturbed and traced; [`power`] then makes, for any moment of that run, the disks that
//!   a loss of power could have left: what was flushed is there, what was not may be.
//!
//! After each, the folder is opened again and [`check`] asks: is every acknowledged act there, is
//! every other one whole or absent, do all proofs hold, does the full verification find nothing, and
//! can the work go on? [`campaign`] takes samples of the points, or all, and makes one table.

pub mod actor;
pub mod campaign;
pub mod check;
pub mod full;
pub mod inject;
pub mod migration;
pub mod power;
pub mod retention;
pub mod rotation;
pub mod trace;

pub use actor::{Actor, Flaw};
pub use campaign::{Campaign, Row};

use std::path::PathBuf;

/// A sequence of numbers that is the same for the same seed.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number (splitmix64).
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.roll() % end).unwrap_or(0)
    }
}

/// Memory, where there is a file system in it: flushes cost nothing there, and what a flush is
/// worth is the model's matter. Else the folder for temporary files.
pub(crate) fn fast_folder() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}
