//! What of a value is somebody's own: words and values that are known of them, whatever they look like.

use super::people::{LABEL, OTHER, SAMPLE};
use std::collections::BTreeSet;
use subjects::Fact;

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
    /// Of these facts. What stands in a column that nobody vouched for counts as a whole, not by its words: `blood` there
    /// would keep `blood` out of everything. The sender's code of a patient is no identifier.
    pub fn of<'a>(facts: impl Iterator<Item = &'a Fact>) -> Self {
        let mut own = Self::default();
        for fact in facts.filter(|fact| fact.kind != SAMPLE && fact.kind != LABEL) {
            let value = fact.value.reveal();
            let bare = bare(value);
            let length = bare.chars().count();
            if fact.kind != OTHER {
                own.words.extend(words(value).filter(|word| word.chars().count() >= SHORTEST));
            }
            if length >= if fact.kind == OTHER { LONG } else { SHORTEST + 1 } {
                own.within.insert(bare);
            } else if length >= SHORTEST {
                own.alone.insert(bare);
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
        let bare = bare(value);
        self.alone.contains(&bare)
            || words(value).any(|word| self.words.contains(&word))
            || self.within.iter().any(|own| bare.contains(own.as_str()))
    }
}

fn words(value: &str) -> impl Iterator<Item = String> + '_ {
    value.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

fn bare(value: &str) -> String {
    value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Sensitive;

    fn own(facts: &[(&'static str, &str)]) -> Own {
        let fact = |(kind, value): &(&'static str, &str)| Fact {
            kind,
            column: Sensitive::default(),
            value: Sensitive::new((*value).to_owned()),
        };
        Own::of(facts.iter().map(fact).collect::<Vec<_>>().iter())
    }

    #[test]
    fn what_is_somebodys_own_is_found_in_any_spelling() {
        let zorbina = own(&[
            ("person-name", "Zorbina Quibbleton"),
            ("record-number", "QX 4471"),
            (OTHER, "blood"),
            (LABEL, "CASE-0001"),
        ]);
        for value in ["quibbleton-1", "s_ZORBINA", "QX4471-B", "qx-44-71", "BLOOD", "ward of Zorbina"] {
            assert!(zorbina.is_in(value), "{value}");
        }
        for value in ["CASE-0001-B", "71", "blood-1", "Quibble", ""] {
            assert!(!zorbina.is_in(value), "{value}");
        }
        let all = Own::of_all(&[zorbina]);
        assert!(all.is_in("QX4471") && !all.is_in("QX4471-B") && !all.is_in("Zorbina"));
    }
}
