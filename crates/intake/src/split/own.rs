//! What of a value is somebody's own: words and values that are known of them, whatever they look like.

use super::people::{LABEL, OTHER, SAMPLE};
use screen::column::unaccented;
use std::collections::BTreeSet;

/// Characters of the shortest word that counts.
const SHORTEST: usize = 4;
/// Characters from which on a value counts also within others, where nobody said what it is.
const LONG: usize = 8;

/// What is known of somebody, as it is looked for.
#[derive(Default)]
pub(super) struct Own {
    words: BTreeSet<String>,
    /// Values without marks between their characters, which count within others too.
    within: BTreeSet<String>,
    /// Those that count alone.
    alone: BTreeSet<String>,
}

impl Own {
    /// Of these facts: kinds and values. What stands in a column that nobody vouched for counts as a whole, not by its words: `blood` there
    /// would keep `blood` out of everything. The sender's code of a patient is no identifier.
    pub fn of<'a>(facts: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut own = Self::default();
        for (kind, value) in facts.filter(|(kind, _)| *kind != SAMPLE && *kind != LABEL) {
            for value in spellings(value) {
                let bare = bare(&value);
                let length = bare.chars().count();
                if kind != OTHER {
                    own.words.extend(words(&value).filter(|word| word.chars().count() >= SHORTEST));
                }
                if length >= if kind == OTHER { LONG } else { SHORTEST + 1 } {
                    own.within.insert(bare);
                } else if length >= SHORTEST {
                    own.alone.insert(bare);
                }
            }
        }
        own
    }

    /// What is known of all of them, as far as it counts by itself.
    pub fn of_all(all: &[Self]) -> Self {
        let alone = all.iter().flat_map(|one| one.alone.iter().chain(&one.within)).cloned().collect();
        Self { alone, ..Self::default() }
    }

    /// Whether a value holds one of them.
    pub fn is_in(&self, value: &str) -> bool {
        let value = unaccented(&value.to_lowercase());
        let bare = bare(&value);
        self.alone.contains(&bare)
            || words(&value).any(|word| self.words.iter().any(|own| holds(&word, own)))
            || self.within.iter().any(|own| bare.contains(own.as_str()))
    }
}

/// Whether a word is one's own, or has it in it: `quibbleton1` has `quibbleton`. Of the shortest words, `anna` is in too many.
fn holds(word: &str, own: &str) -> bool {
    word == own || own.chars().count() > SHORTEST && word.contains(own)
}

/// A value in the letters that a label of the door can have: `müller` is written `muller` or `mueller` there.
fn spellings(value: &str) -> [String; 2] {
    let lower = value.to_lowercase();
    let long = lower.replace('ä', "ae").replace(['ö', 'ø'], "oe").replace('ü', "ue").replace('å', "aa");
    [unaccented(&lower), unaccented(&long)]
}

fn words(value: &str) -> impl Iterator<Item = String> + '_ {
    value.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned)
}

fn bare(value: &str) -> String {
    value.chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(facts: &[(&'static str, &str)]) -> Own {
        Own::of(facts.iter().copied())
    }

    #[test]
    fn what_is_somebodys_own_is_found_in_any_spelling() {
        let zorbina = own(&[
            ("person-name", "Zorbina Quibbleton"),
            ("record-number", "QX 4471"),
            (OTHER, "blood"),
            (LABEL, "CASE-0001"),
        ]);
        let spelt =
            ["quibbleton-1", "quibbleton1", "s_ZORBINA", "QX4471-B", "qx-44-71", "BLOOD", "ward of Zorbina"];
        for value in spelt {
            assert!(zorbina.is_in(value), "{value}");
        }
        for value in ["CASE-0001-B", "71", "blood-1", "Quibble", ""] {
            assert!(!zorbina.is_in(value), "{value}");
        }
        let accented = own(&[("person-name", "Jörg Müller-Ångström"), ("birth-place", "Łódź")]);
        for value in ["Muller_L1", "mueller2", "MÜLLER", "joerg", "xangstromx", "aangstroem", "lodz"] {
            assert!(accented.is_in(value), "{value}");
        }
        let short = own(&[("person-name", "Anna")]);
        assert!(short.is_in("anna_1") && !short.is_in("savannah"));
        let all = Own::of_all(&[zorbina]);
        assert!(all.is_in("QX4471") && !all.is_in("QX4471-B") && !all.is_in("Zorbina"));
    }
}
