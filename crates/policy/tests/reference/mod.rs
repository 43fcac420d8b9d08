//! A second model of data-use terms, and the comparison with the first.
//!
//! The model knows a small world: some diseases, regions, names and days. It writes a table for each list of terms:
//! for every atomic use of the world (an aim, a disease, a region, …) yes, a person or no. A use is some of these
//! atoms, and the strictest of them is its answer. A combination is the strictest entry by entry; it is a conflict
//! when no subject, or nobody, is left. The model reads terms by itself, and shares no code with the implementation.

mod compare;
mod table;
mod world;

pub use compare::{Found, laws, pairs, random};

/// SplitMix64 (Steele, Lea, Flood 2014): a seed gives the same cases again.
pub struct Dice(pub u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap_or(0) % sides.max(1)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    fn one<T: Copy + Default>(&mut self, of: &[T]) -> T {
        let number = self.roll(of.len());
        of.get(number).copied().unwrap_or_default()
    }
}
