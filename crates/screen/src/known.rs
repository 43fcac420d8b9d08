//! Values that a program knows to be sensitive: they are replaced by what they are, wherever they stand.

use crate::finding::{Reason, Span};

/// What a known value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// A label of a patient, a sample, a family.
    Label,
    /// A folder or file of the site.
    Path,
    /// An account of a machine.
    User,
    /// A machine.
    Host,
    /// A password, token or key that the program holds.
    Secret,
}

impl Known {
    pub(crate) const fn placeholder(self) -> &'static str {
        match self {
            Self::Label => "<label>",
            Self::Path => "<path>",
            Self::User => "<user>",
            Self::Host => "<host>",
            Self::Secret => "<secret>",
        }
    }

    const fn reason(self) -> Reason {
        match self {
            Self::Label => Reason::PersonName,
            Self::Path => Reason::Path,
            Self::User => Reason::UserName,
            Self::Host => Reason::Host,
            Self::Secret => Reason::Secret,
        }
    }
}

/// A closed list of known values. Nothing of it is ever shown.
#[derive(Clone, Default)]
pub(crate) struct List(Vec<(String, Known)>);

/// Shorter values stand within too many words: these are replaced only where they stand alone.
const ALONE: usize = 4;

impl List {
    pub(crate) fn new<'a>(values: impl IntoIterator<Item = (Known, &'a str)>) -> Self {
        let fold = |(known, value): (Known, &str)| {
            let value = value.trim();
            (!value.is_empty()).then(|| (value.to_ascii_lowercase(), known))
        };
        Self(values.into_iter().filter_map(fold).collect())
    }

    /// Every place of a known value, in either case of ASCII letters. Places that overlap are one.
    pub(crate) fn spans(&self, text: &str) -> Vec<(Span, Known)> {
        let folded = text.to_ascii_lowercase();
        let mut found: Vec<(Span, Known)> = Vec::new();
        for (value, known) in &self.0 {
            // One byte on from each hit, so that a value that overlaps itself leaves no remainder.
            let mut from = 0;
            while let Some(at) = folded.get(from..).and_then(|rest| rest.find(value.as_str())) {
                let (start, end) = (from + at, from + at + value.len());
                if value.len() >= ALONE || stands_alone(&folded, start, end) {
                    found.push((Span { start, end, reason: known.reason() }, *known));
                }
                from = start + value.chars().next().map_or(1, char::len_utf8);
            }
        }
        found.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
        let mut joined: Vec<(Span, Known)> = Vec::new();
        for (span, known) in found {
            match joined.last_mut() {
                Some((last, _)) if span.start < last.end => last.end = last.end.max(span.end),
                _ => joined.push((span, known)),
            }
        }
        joined
    }
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|t| t.chars().next_back());
    let after = text.get(end..).and_then(|t| t.chars().next());
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_values_leave_nothing_of_either() {
        let list = List::new([(Known::Label, "KAN-77"), (Known::Secret, "77-hunter"), (Known::Label, "aba")]);
        let places = |text: &str| -> Vec<String> {
            list.spans(text).iter().map(|(s, _)| text.get(s.start..s.end).unwrap().to_owned()).collect()
        };
        assert_eq!(places("x kan-77-HUNTER y"), ["kan-77-HUNTER"]);
        assert_eq!(places("aba cabal aba."), ["aba", "aba"]);
    }
}
