//! The Crypt4GH edit list: which parts of the plaintext a reader keeps.

use crate::segment::PLAIN;
use std::ops::Range;

/// Byte counts, to discard and to keep in turn, starting with one to discard. After a last count
/// to discard, the rest is kept; after a last count to keep, the rest is discarded. A list
/// without counts keeps everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EditList(Vec<u64>);

impl EditList {
    /// The list with these counts.
    pub fn new(lengths: Vec<u64>) -> Self {
        Self(lengths)
    }

    /// The segments that plaintext `range` touches, and the list that keeps just `range` when
    /// only those segments are sent. An empty range touches none.
    pub fn cut(range: Range<u64>) -> (Range<u64>, Self) {
        if range.is_empty() {
            return (0..0, Self(vec![0, 0]));
        }
        let segment = PLAIN as u64;
        let first = range.start / segment;
        (first..range.end.div_ceil(segment), Self(vec![range.start % segment, range.end - range.start]))
    }

    /// The counts.
    pub fn lengths(&self) -> &[u64] {
        &self.0
    }
}

/// An edit list on its way through a plaintext.
#[derive(Debug)]
pub(crate) struct Cursor {
    rest: std::vec::IntoIter<u64>,
    /// Whether bytes are kept now, and how many more; `None` means all that follow.
    keep: bool,
    left: Option<u64>,
}

impl Cursor {
    pub(crate) fn new(list: Option<EditList>) -> Self {
        let mut rest = list.unwrap_or_default().0.into_iter();
        match rest.next() {
            None => Self { rest, keep: true, left: None },
            left => Self { rest, keep: false, left },
        }
    }

    /// How many of the next `available` bytes share one fate, and whether they are kept.
    /// `None`: nothing that follows is kept. The counts must then be told to [`Cursor::pass`].
    pub(crate) fn next(&mut self, available: usize) -> Option<(usize, bool)> {
        while self.left == Some(0) {
            self.keep = !self.keep;
            self.left = self.rest.next();
        }
        match self.left {
            None if !self.keep => None,
            None => Some((available, true)),
            Some(left) => {
                Some((usize::try_from(left).map_or(available, |left| left.min(available)), self.keep))
            }
        }
    }

    /// Notes that `count` bytes, no more than [`Cursor::next`] named, went by.
    pub(crate) fn pass(&mut self, count: usize) {
        self.left = self.left.map(|left| left.saturating_sub(count as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(list: &[u64], mut input: &[u8]) -> Vec<u8> {
        let mut cursor = Cursor::new(Some(EditList::new(list.to_vec())));
        let mut out = Vec::new();
        while let Some((count, keep)) = cursor.next(input.len()) {
            if input.is_empty() {
                break;
            }
            let (part, rest) = input.split_at(count);
            if keep {
                out.extend_from_slice(part);
            }
            cursor.pass(count);
            input = rest;
        }
        out
    }

    #[test]
    fn discards_and_keeps_in_turn() {
        for (list, kept) in [
            (&[][..], "abcdefgh"),
            (&[0], "abcdefgh"),
            (&[3], "defgh"),
            (&[3, 2], "de"),
            (&[3, 2, 1], "degh"),
            (&[0, 1, 1, 1, 1, 1], "ace"),
            (&[0, 2, 0, 2], "abcd"),
            (&[2, 0, 2, 2], "ef"),
            (&[2, 0], ""),
            (&[6, 100], "gh"),
            (&[u64::MAX, u64::MAX], ""),
            (&[0, u64::MAX, 5], "abcdefgh"),
        ] {
            assert_eq!(String::from_utf8(apply(list, b"abcdefgh")).unwrap(), kept, "{list:?}");
        }
    }

    #[test]
    fn a_cut_names_its_segments() {
        let cut = |range| {
            let (segments, list) = EditList::cut(range);
            (segments, list.0)
        };
        assert_eq!(cut(0..1), (0..1, vec![0, 1]));
        assert_eq!(cut(65_535..65_537), (0..2, vec![65_535, 2]));
        assert_eq!(cut(65_536..131_072), (1..2, vec![0, 65_536]));
        assert_eq!(cut(7..7), (0..0, vec![0, 0]));
    }
}
