//! Leaves one after another, in the form of an entry bundle.

use std::ops::Range;

/// Leaves as an entry bundle has them: each after its length in 16 bits, big-endian. One piece of
/// memory for all of them, so that reading many costs no allocation for each.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Leaves {
    bytes: Vec<u8>,
    /// Where each leaf ends.
    ends: Vec<usize>,
}

/// The bytes before each leaf.
const PREFIX: usize = 2;

impl Leaves {
    pub(crate) fn push(&mut self, leaf: &[u8]) {
        // INVARIANT (leaves fit): `Entry::new` refuses longer ones.
        self.bytes.extend_from_slice(&u16::try_from(leaf.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.bytes.extend_from_slice(leaf);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Bytes with prefixes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&[u8]> {
        self.bytes.get(self.begin(at)? + PREFIX..*self.ends.get(at)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).filter_map(|(begin, end)| self.bytes.get(begin + PREFIX..*end))
    }

    /// The encoded bytes of some of the leaves: a bundle.
    pub(crate) fn bundle(&self, leaves: Range<usize>) -> Option<&[u8]> {
        let end = if leaves.end == 0 { 0 } else { *self.ends.get(leaves.end - 1)? };
        self.bytes.get(self.begin(leaves.start)?..end)
    }

    fn begin(&self, at: usize) -> Option<usize> {
        if at == 0 { Some(0) } else { self.ends.get(at - 1).copied() }
    }

    /// Takes the bundle apart that `fill` writes: the whole of it, or nothing. The memory is used again.
    pub(crate) fn take_bundle(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<()> {
        self.clear();
        let taken = fill(&mut self.bytes).and_then(|()| self.find_ends());
        if taken.is_none() {
            self.clear();
        }
        taken
    }

    fn find_ends(&mut self) -> Option<()> {
        let mut at = 0;
        while at < self.bytes.len() {
            let length = self.bytes.get(at..)?.first_chunk::<PREFIX>()?;
            at += PREFIX + usize::from(u16::from_be_bytes(*length));
            self.ends.push(at);
        }
        (at == self.bytes.len()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_taken_apart_whole_or_not_at_all() {
        let mut leaves = Leaves::default();
        for leaf in [&b"one"[..], b"", b"three"] {
            leaves.push(leaf);
        }
        let bytes = leaves.bundle(0..3).unwrap().to_vec();
        assert_eq!(bytes, b"\0\x03one\0\0\0\x05three");
        let mut back = Leaves::default();
        let mut take = |bytes: &[u8]| {
            let taken = back.take_bundle(|into| {
                into.extend_from_slice(bytes);
                Some(())
            });
            (taken, back.iter().map(<[u8]>::to_vec).collect::<Vec<_>>())
        };
        for cut in [1, 4, 6, bytes.len() - 1] {
            assert_eq!(take(&bytes[..cut]), (None, vec![]), "{cut}");
        }
        assert!(take(&bytes).0.is_some());
        assert_eq!(back, leaves);
        assert_eq!(back.iter().collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
        assert_eq!(
            (back.get(2), back.get(3), back.bundle(1..2)),
            (Some(&b"three"[..]), None, Some(&b"\0\0"[..]))
        );
        assert_eq!((back.take_bundle(|_| None), back.len(), back.size()), (None, 0, 0));
    }
}
