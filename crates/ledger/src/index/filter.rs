//! Which chains a part may hold: a Bloom filter in blocks of one cache line.
//!
//! A key has eight bits in one block, one in each word, so that a chain costs one line of memory a part,
//! and no page of it.

use super::part::Key;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;
/// Bits of filter a key: of a thousand chains that are not there about five seem to be.
const BITS: u64 = 12;
/// Room is a multiple of so many blocks: it can be halved three times, as often as parts can be eight.
const FOLDS: u64 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(64))]
struct Block([u64; 8]);

/// A key as every filter is asked for it.
pub(crate) struct Probe {
    pub key: Key,
    bits: Block,
}

impl Probe {
    pub(crate) fn of(key: Key) -> Self {
        // The block takes the high bits of the key, which is a hash: the bits in it come from another
        // (the last steps of SplitMix64), or keys of one block would share them too.
        let mut mixed = (key ^ key >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        Self { key, bits: Block(std::array::from_fn(|word| 1 << (mixed >> (6 * word) & 63))) }
    }

    /// Ascending with the key, and the same part of the whole in a filter of any size.
    fn block(&self, blocks: usize) -> usize {
        let place = (u128::from(self.key) * blocks as u128) >> 64;
        usize::try_from(place).unwrap_or(0)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter(Vec<Block>);

impl Filter {
    /// Room for `keys`, empty.
    pub(crate) fn with_room(keys: u64) -> Self {
        let blocks = keys.saturating_mul(BITS).div_ceil(8 * BLOCK as u64).next_multiple_of(FOLDS);
        Self(vec![Block([0; 8]); usize::try_from(blocks).unwrap_or(usize::MAX)])
    }

    pub(crate) fn put(&mut self, key: Key) {
        let probe = Probe::of(key);
        let place = probe.block(self.0.len());
        if let Some(Block(words)) = self.0.get_mut(place) {
            words.iter_mut().zip(probe.bits.0).for_each(|(word, bit)| *word |= bit);
        }
    }

    /// `false`: the key was not put in.
    pub(crate) fn may_have(&self, probe: &Probe) -> bool {
        self.0.get(probe.block(self.0.len())).is_some_and(|Block(words)| {
            words.iter().zip(probe.bits.0).fold(0, |missing, (word, bit)| missing | (!word & bit)) == 0
        })
    }

    /// Halves the room while that leaves enough for `keys`: several parts that become one may have held the
    /// same ones. Two blocks side by side become one, where [`Probe::block`] looks then.
    pub(crate) fn fit(&mut self, keys: u64) {
        let enough = keys.saturating_mul(BITS).div_ceil(8 * BLOCK as u64);
        while self.0.len().is_multiple_of(2) && self.0.len() as u64 / 2 >= enough.max(1) {
            let or =
                |one: &Block, two: &Block| Block(std::array::from_fn(|at| word(one, at) | word(two, at)));
            self.0 = self.0.chunks_exact(2).filter_map(|two| Some(or(two.first()?, two.last()?))).collect();
        }
    }

    /// Blocks of this filter.
    pub(crate) fn blocks(&self) -> u64 {
        self.0.len() as u64
    }

    /// The blocks as bytes, so many at a time.
    pub(crate) fn bytes(&self, blocks: usize) -> impl Iterator<Item = Vec<u8>> {
        let bytes =
            |Block(words): &Block| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        self.0.chunks(blocks).map(move |blocks| blocks.iter().flat_map(bytes).collect())
    }

    /// Puts blocks behind those that are here.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let word = |bytes: &[u8]| bytes.first_chunk().copied().map(u64::from_le_bytes).unwrap_or_default();
        self.0.extend(bytes.chunks_exact(BLOCK).map(|block| {
            let mut words = block.chunks_exact(8).map(word);
            Block(std::array::from_fn(|_| words.next().unwrap_or_default()))
        }));
    }

    /// Leaves out what fills up the last page.
    pub(crate) fn end_at(&mut self, blocks: u64) {
        self.0.truncate(usize::try_from(blocks).unwrap_or(usize::MAX));
    }

    /// As if every key had been put in.
    #[cfg(test)]
    pub(crate) fn fill(&mut self) {
        self.0.fill(Block([u64::MAX; 8]));
    }
}

fn word(Block(words): &Block, at: usize) -> u64 {
    words.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::part::key_of_chain;
    use super::*;

    fn filled(room: u64, keys: u64) -> Filter {
        let mut filter = Filter::with_room(room);
        (0..keys).for_each(|n| filter.put(key_of_chain(format!("obj_{n}"))));
        filter
    }

    /// How many of 100,000 chains that are not there seem to be.
    fn mistaken(filter: &Filter) -> usize {
        let absent = (0..100_000).map(|n| Probe::of(key_of_chain(format!("smp_{n}"))));
        absent.filter(|probe| filter.may_have(probe)).count()
    }

    #[test]
    fn every_key_is_found_and_one_of_two_hundred_others() {
        let filter = filled(50_000, 50_000);
        assert!((0..50_000).all(|n| filter.may_have(&Probe::of(key_of_chain(format!("obj_{n}"))))));
        let found = mistaken(&filter);
        assert!((300..700).contains(&found), "{found} of 100,000");
        // What the bits of a key are for: with half the room far more are taken for present.
        assert!(mistaken(&filled(25_000, 50_000)) > 4_000);
        assert!(!Filter::with_room(0).may_have(&Probe::of(1)));
    }

    #[test]
    fn a_filter_with_room_for_eight_times_its_keys_folds_to_one_that_fits() {
        for times in 1..=9 {
            let mut filter = filled(5_000 * times, 5_000);
            filter.fit(5_000);
            assert!((0..5_000).all(|n| filter.may_have(&Probe::of(key_of_chain(format!("obj_{n}"))))));
            assert!(filter.blocks() * 512 <= 2 * 5_000 * BITS + FOLDS * 512, "{times}: {}", filter.blocks());
            assert!(mistaken(&filter) < 700, "{times}");
        }
        let mut folded = filled(40_000, 5_000);
        folded.fit(5_000);
        assert_eq!(folded.blocks(), Filter::with_room(40_000).blocks() / 8);
    }

    #[test]
    fn its_bytes_are_the_filter() {
        let filter = filled(1_000, 1_000);
        let mut read = Filter::default();
        filter.bytes(7).for_each(|bytes| read.extend(&bytes));
        assert_eq!(read, filter);
    }
}
