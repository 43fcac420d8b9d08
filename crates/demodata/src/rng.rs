//! A random number generator whose numbers are the same on every machine.
//!
//! xoshiro256++ with its state filled by SplitMix64, both by Blackman and Vigna
//! (<https://prng.di.unimi.it/>). Only integer arithmetic is used here and by the callers: the
//! rounding of logarithms and roots differs between mathematics libraries.

/// A stream of numbers. Not for secrets.
#[derive(Clone)]
pub struct Rng {
    a: u64,
    b: u64,
    c: u64,
    d: u64,
}

impl Rng {
    /// The stream `label` of `seed`. Streams are independent, so that a change in how reads are
    /// drawn leaves the genome as it was.
    pub fn stream(seed: u64, label: &str) -> Self {
        // FNV-1a, to turn the label into a number.
        let name = label
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let mut mix = SplitMix(seed ^ name);
        Self { a: mix.next(), b: mix.next(), c: mix.next(), d: mix.next() }
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        let out = self.a.wrapping_add(self.d).rotate_left(23).wrapping_add(self.a);
        let t = self.b << 17;
        self.c ^= self.a;
        self.d ^= self.b;
        self.b ^= self.c;
        self.a ^= self.d;
        self.c ^= t;
        self.d = self.d.rotate_left(45);
        out
    }

    /// A number from 0 to `n` − 1; 0 where `n` is 0. The bias is below 2⁻³².
    pub fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).unwrap_or(u64::MAX) & 0xffff_ffff;
        usize::try_from(((self.next() >> 32) * n) >> 32).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True `per_thousand` times in a thousand.
    pub fn chance(&mut self, per_thousand: usize) -> bool {
        self.below(1000) < per_thousand
    }

    /// Puts `items` in random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i + 1);
            items.swap(i, j);
        }
    }

    /// A base, G or C `gc` times in a hundred.
    pub fn base(&mut self, gc: usize) -> u8 {
        let strong = self.below(100) < gc;
        match (strong, self.next() >> 63 == 0) {
            (true, true) => b'G',
            (true, false) => b'C',
            (false, true) => b'A',
            (false, false) => b'T',
        }
    }
}

struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of the authors' reference code.
    #[test]
    fn numbers_are_those_of_the_reference_code() {
        let mut mix = SplitMix(1_234_567);
        assert_eq!(mix.next(), 6_457_827_717_110_365_317);
        assert_eq!(mix.next(), 3_203_168_211_198_807_973);
        let mut rng = Rng { a: 1, b: 2, c: 3, d: 4 };
        let want = [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386];
        assert_eq!([rng.next(), rng.next(), rng.next(), rng.next()], want);
    }

    #[test]
    fn streams_differ_by_seed_and_label() {
        let first = |seed, label| Rng::stream(seed, label).next();
        assert_eq!(first(1, "reads"), first(1, "reads"));
        assert_ne!(first(1, "reads"), first(2, "reads"));
        assert_ne!(first(1, "reads"), first(1, "genome"));
    }

    #[test]
    fn draws_stay_inside_and_reach_both_ends() {
        let mut rng = Rng::stream(1, "test");
        let drawn: Vec<usize> = (0..1000).map(|_| rng.between(3, 7)).collect();
        assert_eq!(drawn.iter().min(), Some(&3));
        assert_eq!(drawn.iter().max(), Some(&7));
        assert_eq!(rng.below(0), 0);
    }
}
