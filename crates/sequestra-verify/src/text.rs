//! Small parsers that accept one text for one value.

use base64::prelude::{BASE64_STANDARD, Engine};

/// A decimal number without sign or leading zero.
pub(crate) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let shortest = text == "0" || !text.starts_with('0');
    if digits && shortest { text.parse().ok() } else { None }
}

/// Standard base64 with padding; the decoder refuses bits that nothing uses.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).ok()
}

/// Standard base64 of exactly `N` bytes.
pub(crate) fn base64_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    base64(text)?.try_into().ok()
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// As printed: what could drive a terminal is written as an escape.
pub(crate) fn clean(text: &str) -> String {
    let unsafe_to_print = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().fold(String::new(), |mut out, c| {
        if unsafe_to_print(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_text_for_a_number_and_for_bytes() {
        assert_eq!((number("0"), number("18446744073709551615")), (Some(0), Some(u64::MAX)));
        for bad in ["", "00", "01", "+1", "-1", " 1", "1 ", "18446744073709551616", "1e3"] {
            assert_eq!(number(bad), None, "{bad}");
        }
        assert_eq!(base64_of::<1>("AA=="), Some([0]));
        for bad in ["AB==", "AA=", "AA", "AAA=", "A A==", "AA==\n"] {
            assert_eq!(base64_of::<1>(bad), None, "{bad}");
        }
    }

    #[test]
    fn nothing_printed_drives_a_terminal() {
        assert_eq!(clean("a\u{1b}[31m\u{202e}ü"), "a\\u{1b}[31m\\u{202e}ü");
    }
}
