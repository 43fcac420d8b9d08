//! The line that is hashed:
//! `{"position":12,"time":"2026-01-02T03:04:05.678901Z","previous":{"smp_…":3,"usr_…":null},"event":{…}}`

use crate::entry::names_chain;

/// A leaf taken apart. Borrowed from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// The position in the ledger, from 0.
    pub position: u64,
    /// When its batch was committed, RFC 3339 in UTC with microseconds.
    pub time: &'a str,
    /// For each chain of the event, sorted: the position of the event before it on that chain.
    pub previous: Vec<(&'a str, Option<u64>)>,
    /// The event's body, verbatim.
    pub event: &'a str,
}

impl<'a> Leaf<'a> {
    /// Parses a leaf and accepts only the one text that encodes it.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut previous = Vec::new();
        let parts = scan(bytes, |chain, before| previous.push((chain, before)))?;
        let text = |bytes| std::str::from_utf8(bytes).ok();
        let previous = previous.into_iter().map(|(chain, before)| Some((text(chain)?, before)));
        Some(Self {
            position: parts.position,
            time: text(parts.time)?,
            previous: previous.collect::<Option<_>>()?,
            event: text(parts.event)?,
        })
    }
}

/// A leaf without its predecessors: parts of one text.
pub(crate) struct Parts<'a> {
    pub position: u64,
    pub time: &'a [u8],
    pub event: &'a [u8],
}

/// As [`Leaf::parse`], handing over each chain and its predecessor in order. What was handed over
/// counts only if the whole leaf is of the one form. One pass: a full check asks this of every leaf.
pub(crate) fn scan<'a>(bytes: &'a [u8], mut link: impl FnMut(&'a [u8], Option<u64>)) -> Option<Parts<'a>> {
    // What is cut below at bytes of ASCII stays a text.
    (bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()).then_some(())?;
    let (position, rest) = leading(bytes.strip_prefix(b"{\"position\":")?)?;
    let (time, rest) = split(rest.strip_prefix(b",\"time\":\"")?, b'"')?;
    let mut rest = rest.strip_prefix(b",\"previous\":{")?;
    let mut last: &[u8] = b"";
    while let Some(pair) = rest.strip_prefix(b"\"") {
        let (chain, after) = chain(pair, last.len())?;
        // Sorted, and each once; the first is greater than nothing.
        is_behind(chain, last).then_some(())?;
        let after = after.strip_prefix(b":")?;
        let (before, after) = match after.strip_prefix(b"null") {
            Some(after) => (None, after),
            None => leading(after).map(|(before, after)| (Some(before), after))?,
        };
        link(chain, before);
        last = chain;
        match after.strip_prefix(b",") {
            // A comma stands between two.
            Some(next) if next.starts_with(b"\"") => rest = next,
            Some(_) => return None,
            None => {
                rest = after;
                break;
            }
        }
    }
    let event = rest.strip_prefix(b"},\"event\":")?.strip_suffix(b"}")?;
    let event_is_object = event.starts_with(b"{") && event.ends_with(b"}");
    event_is_object.then_some(())?;
    Some(Parts { position, time, event })
}

/// The chain before the first quote, and what is behind that. Most ids are of one length: that of the one before is
/// tried first. No byte of a chain is a quote, so one that fits is the one that ends at the first.
#[inline]
fn chain(text: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let as_long = text.split_at_checked(length).filter(|(_, rest)| rest.starts_with(b"\""));
    let (chain, rest) = match as_long.filter(|(chain, _)| names_chain(chain)) {
        Some(found) => found,
        None => {
            let found = text.split_at_checked(memchr::memchr(b'"', text)?)?;
            names_chain(found.0).then_some(found)?
        }
    };
    Some((chain, rest.get(1..)?))
}

/// Whether `chain` comes after `last` by its bytes. Most differ within the first eight.
#[inline]
fn is_behind(chain: &[u8], last: &[u8]) -> bool {
    match (chain.first_chunk::<8>(), last.first_chunk::<8>()) {
        (Some(one), Some(other)) if one != other => u64::from_be_bytes(*one) > u64::from_be_bytes(*other),
        _ => chain > last,
    }
}

/// What stands before the first `stop`, and what behind it.
fn split(text: &[u8], stop: u8) -> Option<(&[u8], &[u8])> {
    let (before, rest) = text.split_at_checked(memchr::memchr(stop, text)?)?;
    Some((before, rest.get(1..)?))
}

/// The number that `text` begins with, and what is behind it: no further digit.
#[inline]
fn leading(text: &[u8]) -> Option<(u64, &[u8])> {
    let (mut value, mut length) = (0u64, 0);
    for digit in text {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        length += 1;
    }
    let has_one_form = length == 1 || (length > 1 && !text.starts_with(b"0"));
    has_one_form.then_some((value, text.get(length..)?))
}

/// A decimal number without sign or leading zero.
pub(crate) fn number(text: &str) -> Option<u64> {
    let digits = text.as_bytes();
    if digits.is_empty() || (digits.len() > 1 && digits.first() == Some(&b'0')) {
        return None;
    }
    digits.iter().try_fold(0u64, |value, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 { None } else { value.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

/// Appends a leaf to `out`. `previous` must be sorted by chain.
pub(crate) fn encode<'a>(
    out: &mut Vec<u8>,
    position: u64,
    time: &str,
    previous: impl Iterator<Item = (&'a str, Option<u64>)>,
    body: &[u8],
) {
    out.extend_from_slice(b"{\"position\":");
    decimal(out, position);
    out.extend_from_slice(b",\"time\":\"");
    out.extend_from_slice(time.as_bytes());
    out.extend_from_slice(b"\",\"previous\":{");
    for (at, (chain, before)) in previous.enumerate() {
        out.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
        out.extend_from_slice(chain.as_bytes());
        out.extend_from_slice(b"\":");
        match before {
            Some(before) => decimal(out, before),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(b"},\"event\":");
    out.extend_from_slice(body);
    out.push(b'}');
}

fn decimal(out: &mut Vec<u8>, mut value: u64) {
    let start = out.len();
    loop {
        out.push(b'0' + u8::try_from(value % 10).unwrap_or(0));
        value /= 10;
        if value == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-01-02T03:04:05.678901Z";

    #[test]
    fn a_leaf_parses_back_and_is_json() {
        for (position, previous) in
            [(0, vec![]), (1_090, vec![("smp_a", None)]), (u64::MAX, vec![("a", Some(10)), ("b", Some(0))])]
        {
            let mut out = Vec::new();
            encode(&mut out, position, TIME, previous.iter().copied(), br#"{"x":"},\"event\":{"}"#);
            let leaf = Leaf::parse(&out).unwrap();
            assert_eq!((leaf.position, leaf.time, &leaf.previous), (position, TIME, &previous));
            assert_eq!(leaf.event, r#"{"x":"},\"event\":{"}"#);
            let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(json["position"], position);
        }
    }

    #[test]
    fn numbers_have_one_form() {
        for (text, value) in [("0", 0), ("7", 7), ("10", 10), ("18446744073709551615", u64::MAX)] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for bad in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            "1 ",
            "1_0",
            "a",
            ":",
            "/",
            "18446744073709551616",
            "99999999999999999999",
        ] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    /// The form of a leaf word by word, without any of the scanner's short cuts.
    fn by_the_book(bytes: &[u8]) -> Option<Leaf<'_>> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (position, rest) = text.strip_prefix("{\"position\":")?.split_once(',')?;
        let (time, rest) = rest.strip_prefix("\"time\":\"")?.split_once('"')?;
        let (pairs, event) = rest.strip_prefix(",\"previous\":{")?.split_once("},\"event\":")?;
        let mut previous: Vec<(&str, Option<u64>)> = Vec::new();
        for pair in pairs.split(',').filter(|_| !pairs.is_empty()) {
            let (chain, before) = pair.strip_prefix('"')?.split_once("\":")?;
            let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.:-".contains(c);
            let is_chain = (1..=64).contains(&chain.len()) && chain.chars().all(known);
            (is_chain && previous.last().is_none_or(|(last, _)| *last < chain)).then_some(())?;
            previous.push((chain, if before == "null" { None } else { Some(number(before)?) }));
        }
        let event = event.strip_suffix('}')?;
        (event.len() > 1 && event.starts_with('{') && event.ends_with('}')).then_some(())?;
        Some(Leaf { position: number(position)?, time, previous, event })
    }

    #[test]
    fn the_scanner_takes_and_refuses_what_the_form_word_by_word_does() {
        const PIECES: &[&[u8]] = &[
            b"\"",
            b",",
            b":",
            b"}",
            b"{",
            b"0",
            b"00",
            b"1",
            b"9",
            b"null",
            b"nul",
            b"-",
            b"+",
            b" ",
            b"a",
            b"A",
            b"\\",
            b"\x00",
            b"\x1f",
            b"\x7f",
            b"\xc3\xa9",
            b"\xff",
            b"\",\"",
            b"},",
            b"\":",
            b"},\"event\":",
            b"18446744073709551615",
            b"18446744073709551616",
            b"99999999999999999999999",
        ];
        let long = "x".repeat(64);
        let chains: [Vec<(&str, Option<u64>)>; 5] = [
            vec![],
            vec![("a", None)],
            vec![
                ("obj_0123456789abcdefghij", Some(7)),
                ("prj_0123456789abcdefghij", None),
                ("usr_b", Some(0)),
            ],
            vec![("-", Some(u64::MAX)), (".x", Some(10)), (":y", None), ("_z", Some(3)), (&long, Some(1))],
            vec![("ab", Some(1)), ("abc", Some(12)), ("b", Some(123)), ("bb", None)],
        ];
        let (mut taken, mut refused) = (0u32, 0u32);
        let mut same = |bytes: &[u8]| {
            let found = Leaf::parse(bytes);
            assert_eq!(found, by_the_book(bytes), "{}", String::from_utf8_lossy(bytes));
            assert_eq!(found.is_some(), scan(bytes, |_, _| ()).is_some(), "{bytes:?}");
            if found.is_some() { taken += 1 } else { refused += 1 }
        };
        for (previous, position) in chains.iter().zip([0, 9, 10, 1_234_567, u64::MAX]) {
            let mut leaf = Vec::new();
            encode(&mut leaf, position, TIME, previous.iter().copied(), br#"{"x":"},\"event\":{\u00e9"}"#);
            same(&leaf);
            for at in 0..=leaf.len() {
                same(&leaf[..at]);
                for bit in 0..8 {
                    let mut changed = leaf.clone();
                    changed.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << bit);
                    same(&changed);
                }
                for piece in PIECES {
                    for gone in 0..3 {
                        let rest = leaf.get(at + gone..).unwrap_or_default();
                        same(&[&leaf[..at], piece, rest].concat());
                    }
                }
                for other in at..leaf.len() {
                    let mut swapped = leaf.clone();
                    swapped.swap(at, other);
                    same(&swapped);
                    // A part again, or without it.
                    if other < at + 40 {
                        same(&[&leaf[..other], &leaf[at..]].concat());
                        same(&[&leaf[..at], &leaf[other..]].concat());
                    }
                }
            }
        }
        assert!(taken > 10_000 && refused > 100_000, "{taken} {refused}");
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            r#"{"position":01,"time":"t","previous":{},"event":{}}"#,
            r#"{"position":+1,"time":"t","previous":{},"event":{}}"#,
            r#"{"position":1,"time":"t","previous":{"b":1,"a":2},"event":{}}"#,
            r#"{"position":1,"time":"t","previous":{"a":1,"a":2},"event":{}}"#,
            r#"{"position":1,"time":"t","previous":{},"event":1}"#,
            r#"{"position":1,"time":"t","previous":{}, "event":{}}"#,
            r#"{"position":1,"time":"t","previous":{"a":1,},"event":{}}"#,
            r#"{"position":1,"time":"t","previous":{"a":1"b":1},"event":{}}"#,
            r#"{"position":1,"time":"t","previous":{,"a":1},"event":{}}"#,
            r#"{"position":1,"time":"t","previous":{"A":1},"event":{}}"#,
            r#"{"position":1,"time":"t","previous":{"a":},"event":{}}"#,
            r#"{"position":1,"time":"t","previous":{"a":nul},"event":{}}"#,
            r#"{"position":1,"time":"t","previous":{"a":1}"event":{}}"#,
            r#"{"position":1,"time":"t","previous":{},"event":{}"#,
        ] {
            assert_eq!(Leaf::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
