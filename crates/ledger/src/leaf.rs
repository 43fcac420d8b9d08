//! The line that is hashed:
//! `{"position":12,"time":"2026-01-02T03:04:05.678901Z","previous":{"smp_…":3,"usr_…":null},"event":{…}}`

use crate::entry::is_chain;

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
        let Parts { position, time, event } = scan(bytes, |chain, before| previous.push((chain, before)))?;
        Some(Self { position, time, previous, event })
    }
}

/// A leaf without its predecessors.
pub(crate) struct Parts<'a> {
    pub position: u64,
    pub time: &'a str,
    pub event: &'a str,
}

/// As [`Leaf::parse`], handing over each chain and its predecessor in order. What was handed over
/// counts only if the whole leaf is of the one form.
pub(crate) fn scan<'a>(bytes: &'a [u8], mut link: impl FnMut(&'a str, Option<u64>)) -> Option<Parts<'a>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let rest = text.strip_prefix("{\"position\":")?;
    let (position, rest) = split(rest, b',')?;
    let (time, rest) = split(rest.strip_prefix("\"time\":\"")?, b'"')?;
    let mut rest = rest.strip_prefix(",\"previous\":{")?;
    let mut last = "";
    while let Some(pair) = rest.strip_prefix('"') {
        let (chain, after) = split(pair, b'"')?;
        let after = after.strip_prefix(':')?;
        // Sorted, and each once; the first is greater than nothing.
        (is_chain(chain) && chain > last).then_some(())?;
        let end = after.bytes().position(|byte| matches!(byte, b',' | b'}'))?;
        let (before, after) = after.split_at_checked(end)?;
        link(chain, if before == "null" { None } else { Some(number(before)?) });
        last = chain;
        match after.strip_prefix(',') {
            // A comma stands between two.
            Some(next) if next.starts_with('"') => rest = next,
            Some(_) => return None,
            None => {
                rest = after;
                break;
            }
        }
    }
    let event = rest.strip_prefix("},\"event\":")?.strip_suffix('}')?;
    let event_is_object = event.starts_with('{') && event.ends_with('}');
    event_is_object.then_some(())?;
    Some(Parts { position: number(position)?, time, event })
}

/// What stands before the first `stop`, and what behind it. A full check asks this several times of every leaf,
/// and `str::split_once` takes a few times as long.
fn split(text: &str, stop: u8) -> Option<(&str, &str)> {
    let (before, rest) = text.split_at_checked(memchr::memchr(stop, text.as_bytes())?)?;
    Some((before, rest.get(1..)?))
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
