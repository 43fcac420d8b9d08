//! Names of people by their shape and by what stands around them.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    finding::{Reason, Span},
    value::pattern,
    words,
};

static TITLED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Herr|Frau|Señora?|Sra?|Mme|Mlle|Monsieur|Madame|Sig|Dott|Hr|Fru)\.? ((?:\p{Lu}[\p{L}'’-]*\.? ){0,3}\p{Lu}[\p{L}'’-]+)",
    )
});
static SAID: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:(?i:name is|named|name\?|called|i am|i'm|patient|contact|dear|hi|hello|says?|regards|sincerely|to:|from:|for mr|actor|singer|author|brother|sister|mother|father|signed|by)),? ((?:\p{Lu}[\p{L}'’-]*\.? ){0,3}\p{Lu}[\p{L}'’-]+)",
    )
});
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(\p{Lu}\p{Ll}[\p{L}'’-]*(?: \p{Lu}\.?)?(?: (?:de|da|di|del|van|von|der|den|la|le|bin|al|el|dos))* \p{Lu}[\p{L}'’]*\p{Ll}[\p{L}'’-]*)\b",
    )
});
static INITIALLED: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(\p{Lu}[\p{L}'-]{3,}_\p{Lu}{2})\b"));
static PATIENT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)\b(?:patient|case|subject|proband|pat)[_-](\p{L}{3,}(?:[_.-]\p{L}{2,})*)")
});

/// Names in prose: behind a title, behind words that announce one, or two capitalised words in a row that are
/// no common words.
pub(crate) fn in_text(text: &str, found: &mut Vec<Span>) {
    announced(&TITLED, text, found, true);
    announced(&SAID, text, found, false);
    in_log(text, found);
}

/// Names in a log line: behind a title, in pairs, with initials, or behind `patient_`.
pub(crate) fn in_log(text: &str, found: &mut Vec<Span>) {
    announced(&TITLED, text, found, true);
    pairs(text, found);
    for captures in INITIALLED.captures_iter(text) {
        let Some(hit) = captures.get(1) else { continue };
        let stem = hit.as_str().rsplit_once('_').map_or("", |(stem, _)| stem);
        if !known(stem) && is_pronounceable(stem) {
            found.push(span(hit));
        }
    }
    for captures in PATIENT.captures_iter(text) {
        let Some(hit) = captures.get(1) else { continue };
        let words: Vec<&str> = hit.as_str().split(['_', '.', '-']).collect();
        if words.iter().any(|w| !known(w) && !w.eq_ignore_ascii_case("id")) {
            found.push(span(hit));
        }
    }
}

fn announced(pattern: &Regex, text: &str, found: &mut Vec<Span>, sure: bool) {
    for captures in pattern.captures_iter(text) {
        let Some(hit) = captures.get(1) else { continue };
        let mut end = hit.end();
        // A common word ends the name: `Contact Monday`.
        for (at, word) in word_starts(hit.as_str()) {
            if !sure && words::is_common_word(&word.to_lowercase()) {
                end = hit.start() + at;
                break;
            }
        }
        let end = hit.start() + text.get(hit.start()..end).unwrap_or_default().trim_end().len();
        found.push(Span { start: hit.start(), end, reason: Reason::PersonName });
    }
}

/// Two capitalised words in a row. After a common word at a sentence's start the search goes on from the
/// next word, so that `Contact Firstname Lastname` is not lost.
fn pairs(text: &str, found: &mut Vec<Span>) {
    let mut from = 0;
    while let Some(captures) = PAIR.captures_at(text, from) {
        let Some(hit) = captures.get(1) else { break };
        let common = word_starts(hit.as_str())
            .filter(|(_, w)| w.chars().next().is_some_and(char::is_uppercase))
            .any(|(_, w)| words::is_common_word(&w.to_lowercase()) || words::is_lab_word(&w.to_lowercase()));
        if common {
            let first = hit.as_str().find(' ').unwrap_or(hit.len());
            from = hit.start() + first;
        } else {
            found.push(span(hit));
            from = hit.end();
        }
    }
}

fn word_starts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split(' ').map(move |word| {
        let start = at;
        at += word.len() + 1;
        (start, word.trim_end_matches('.'))
    })
}

fn known(word: &str) -> bool {
    let lower = word.to_lowercase();
    words::is_lab_word(&lower) || words::is_common_word(&lower)
}

/// Whether a word has the vowels and length of something spoken.
pub(crate) fn is_pronounceable(word: &str) -> bool {
    let letters: Vec<char> =
        word.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    let vowels = letters.iter().filter(|c| !c.is_ascii() || "aeiouy".contains(**c)).count();
    letters.len() >= 3 && vowels * 6 >= letters.len() && vowels < letters.len()
}

fn span(hit: regex::Match<'_>) -> Span {
    Span { start: hit.start(), end: hit.end(), reason: Reason::PersonName }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut found = Vec::new();
        in_text(text, &mut found);
        let found = crate::finding::settle(found);
        let got: Vec<_> = found.iter().map(|s| text.get(s.start..s.end).unwrap()).collect();
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn names_are_found_where_they_are_announced() {
        check("seen by Dr. Quibbleton today", &["Quibbleton"]);
        check("My name is Zorbina", &["Zorbina"]);
        check("report for Zorbina Quibbleton (draft)", &["Zorbina Quibbleton"]);
        check("Contact Zorbina van der Quibble on Monday", &["Zorbina van der Quibble"]);
        check("@RG ID patient_quibbleton_zorbina", &["quibbleton_zorbina"]);
        check("#CHROM\tQuibbleton_ZQ", &["Quibbleton_ZQ"]);
    }

    #[test]
    fn machines_and_sentences_are_not_people() {
        check("Java heap space", &[]);
        check("Task Monitor Error", &[]);
        check("patient_id and case-control", &[]);
        check("Nextera Myeloid Val1 Repeat", &[]);
        check("No space left on device", &[]);
    }
}
