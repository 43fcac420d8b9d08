//! Text that cannot drive a terminal, and figures for people.

use base::Timestamp;
use std::fmt::Write as _;

/// Whether a character must not reach a terminal from data: controls of every kind, and those that
/// reorder or hide what stands beside them.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// One line of text with every unsafe character shown as its escape.
pub fn clean(text: &str) -> String {
    if !text.chars().any(is_unsafe) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_unsafe(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// JSON whose strings hold no unsafe character either: the document means the same, since JSON
/// allows them nowhere but in strings, and there as escapes too.
pub fn clean_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = [0u16; 2];
    for c in json.chars() {
        if c == '\n' || !is_unsafe(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

/// At most `most` characters, with the number of all when some are left out.
pub fn short(text: &str, most: usize) -> String {
    let all = text.chars().count();
    if all <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}… ({all})")
}

/// A dash for nothing.
pub fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Thousands apart.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many of something, by the word for one and that for several.
pub fn many(number: u64, one: &str, several: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {several}", count(number)) }
}

/// The last day on which something holds that ends with a day, as it was typed; a moment within a day as it is.
pub fn until(end: Timestamp) -> String {
    let midnight = end.as_second().rem_euclid(24 * 3600) == 0 && end.subsec_nanosecond() == 0;
    let within = Timestamp::from_second(end.as_second().saturating_sub(1)).ok().filter(|_| midnight);
    match within.map(|within| within.to_string()) {
        Some(within) => within.split('T').next().unwrap_or_default().to_owned(),
        None => end.to_string(),
    }
}

/// Bytes in a unit that leaves few digits.
pub fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_escaped() {
        for (text, shown) in [
            ("plain — é 基", "plain — é 基"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\nerror: forged", "a\\nerror: forged"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}cba", "\\u{202e}cba"),
            ("\r\t\u{7f}", "\\r\\t\\u{7f}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(clean(text), shown);
            assert!(!clean(text).chars().any(is_unsafe));
        }
    }

    #[test]
    fn cleaned_json_means_the_same() {
        let value = serde_json::json!({"a": "x\u{9b}\u{202e}\u{7f}\u{e0041}\u{1b}\n", "b": [1, "é"]});
        let json = clean_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!json.chars().any(|c| c != '\n' && is_unsafe(c)), "{json}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
    }

    #[test]
    fn what_ends_with_a_day_is_shown_by_that_day() {
        for (end, shown) in [
            ("2031-05-02T00:00:00Z", "2031-05-01"),
            ("2032-03-01T00:00:00Z", "2032-02-29"),
            ("2031-05-02T00:00:00.5Z", "2031-05-02T00:00:00.5Z"),
            ("2031-05-01T23:59:59Z", "2031-05-01T23:59:59Z"),
        ] {
            assert_eq!(until(end.parse().unwrap()), shown);
        }
    }

    #[test]
    fn figures_are_readable() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"].map(str::to_owned)
        );
        assert_eq!(
            [0, 1, 2, 1000].map(|number| many(number, "person", "people")),
            ["0 people", "1 person", "2 people", "1,000 people"].map(str::to_owned)
        );
        assert_eq!(short("ACGT", 4), "ACGT");
        assert_eq!(short("ACGTA", 4), "ACG… (5)");
    }
}
