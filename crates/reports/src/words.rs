//! Numbers as people read them.

/// A whole number with its thousands apart: `1 234 567`, by a space that does not break.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let first = digits.len() % 3;
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && i % 3 == first {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A position with commas, as queries take it: `1,234,567`.
pub(crate) fn position(n: u64) -> String {
    count(n).replace('\u{202f}', ",")
}

/// Points of a score, with a true minus sign.
pub(crate) fn points(n: i32) -> String {
    if n < 0 { format!("−{}", n.unsigned_abs()) } else { n.to_string() }
}

/// A share as a percentage with one decimal; never `100.0 %` or `0.0 %` for what is not.
pub(crate) fn share(part: f64) -> String {
    let percent = part * 100.0;
    if part > 0.0 && percent < 0.05 {
        "< 0.1\u{202f}%".to_owned()
    } else if part < 1.0 && percent >= 99.95 {
        "> 99.9\u{202f}%".to_owned()
    } else {
        format!("{percent:.1}\u{202f}%")
    }
}

/// An allele frequency: two significant digits, as a plain number down to 0.0001.
pub(crate) fn frequency(f: f64) -> String {
    if f == 0.0 {
        "0".to_owned()
    } else if f >= 0.1 {
        format!("{f:.2}")
    } else if f >= 0.0001 {
        let decimals = (-f.log10().floor()) as usize + 1;
        format!("{f:.decimals$}")
    } else {
        format!("{f:.1e}")
    }
}

/// An allele, its middle left out when it is long.
pub(crate) fn allele(text: &str) -> String {
    const SHOWN: usize = 14;
    let length = text.chars().count();
    if length <= SHOWN {
        return text.to_owned();
    }
    let start: String = text.chars().take(6).collect();
    let end: String = text.chars().skip(length - 3).collect();
    format!("{start}…{end} ({length} bases)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let plain = |text: String| text.replace('\u{202f}', " ");
        assert_eq!(plain(count(0)), "0");
        assert_eq!(plain(count(999)), "999");
        assert_eq!(plain(count(1000)), "1 000");
        assert_eq!(plain(count(1_234_567)), "1 234 567");
        assert_eq!(position(1_234_567), "1,234,567");
        assert_eq!((points(-6), points(6)), ("−6".to_owned(), "6".to_owned()));
        assert_eq!(plain(share(0.9999)), "> 99.9 %");
        assert_eq!(plain(share(1.0)), "100.0 %");
        assert_eq!(plain(share(0.0001)), "< 0.1 %");
        assert_eq!(plain(share(0.0)), "0.0 %");
        assert_eq!(frequency(0.25), "0.25");
        assert_eq!(frequency(0.0123), "0.012");
        assert_eq!(frequency(0.00012), "0.00012");
        assert_eq!(frequency(0.0000123), "1.2e-5");
        assert_eq!(allele("ACGT"), "ACGT");
        assert_eq!(allele(&"A".repeat(20)), "AAAAAA…AAA (20 bases)");
    }
}
