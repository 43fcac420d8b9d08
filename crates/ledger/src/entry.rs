//! What a caller appends: the event's body and the chains that it belongs to.

use crate::{Error, Result};

/// The longest leaf: an entry bundle of C2SP tlog-tiles prefixes each entry with 16 bits of length.
pub const LEAF_LIMIT: usize = 65_535;
/// The longest id of a chain.
const CHAIN_LIMIT: usize = 64;
/// Keys, punctuation, a position of 20 digits and a time, all at their longest.
const ENVELOPE: usize = 120;
/// Quotes, colon, comma and a position of 20 digits beside a chain's id.
const CHAIN_OVERHEAD: usize = 24;

/// One JSON object on one line, stored verbatim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body(Vec<u8>);

impl Body {
    /// The compact JSON of `event`.
    pub fn of<T: serde::Serialize + ?Sized>(event: &T) -> Result<Self> {
        let bytes = serde_json::to_vec(event).map_err(|_| Error::BadBody)?;
        // A type may carry raw JSON, whose white space may hold line ends.
        Self::on_one_line(bytes)
    }

    /// Checks that `bytes` are a JSON object without control characters between its tokens.
    pub fn parse(bytes: Vec<u8>) -> Result<Self> {
        serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).map_err(|_| Error::BadBody)?;
        Self::on_one_line(bytes)
    }

    fn on_one_line(bytes: Vec<u8>) -> Result<Self> {
        let object = bytes.first() == Some(&b'{') && bytes.last() == Some(&b'}');
        // INVARIANT (no control byte in a leaf): inside strings JSON escapes them. Recovery tells an
        // unwritten sector from a changed byte by it.
        if object && bytes.iter().all(|byte| *byte >= 0x20) { Ok(Self(bytes)) } else { Err(Error::BadBody) }
    }

    /// The bytes as stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// An event to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The chains, each with a line feed behind it, then the body: one piece of memory, which another
    /// thread frees.
    text: Vec<u8>,
    /// Where the body begins.
    body: usize,
    longest: usize,
}

impl Entry {
    /// An event on `chains`: ids such as `smp_…`, `usr_…`, `obj_…`; order and repeats do not matter.
    ///
    /// Each chain links the event to the one before it on that chain.
    pub fn new<I>(chains: I, body: Body) -> Result<Self>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let mut chains: Vec<String> = chains.into_iter().map(Into::into).collect();
        chains.sort_unstable();
        chains.dedup();
        if !chains.iter().all(|chain| is_chain(chain)) {
            return Err(Error::BadChain);
        }
        let ids: usize = chains.iter().map(|chain| chain.len() + CHAIN_OVERHEAD).sum();
        let size = ENVELOPE + ids + body.0.len();
        if size > LEAF_LIMIT {
            return Err(Error::TooLarge { size, limit: LEAF_LIMIT });
        }
        let length = chains.iter().map(|chain| chain.len() + 1).sum();
        let mut text = Vec::with_capacity(length + body.0.len());
        for chain in &chains {
            text.extend_from_slice(chain.as_bytes());
            text.push(b'\n');
        }
        text.extend_from_slice(&body.0);
        Ok(Self { text, body: length, longest: size })
    }

    /// The chains, sorted, each once.
    pub fn chains(&self) -> impl Iterator<Item = &str> {
        let joined = self.text.get(..self.body).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let mut rest = joined.unwrap_or_default();
        std::iter::from_fn(move || {
            let (chain, others) = rest.split_at_checked(memchr::memchr(b'\n', rest.as_bytes())?)?;
            rest = others.get(1..)?;
            Some(chain)
        })
    }

    /// The bytes of the body.
    pub fn body(&self) -> &[u8] {
        self.text.get(self.body..).unwrap_or_default()
    }

    /// The length of the leaf if every number in it were at its longest.
    pub(crate) fn longest_leaf(&self) -> usize {
        self.longest
    }
}

/// Whether `text` can name a chain: 1 to 64 of `a-z0-9_.:-`.
pub fn is_chain(text: &str) -> bool {
    names_chain(text.as_bytes())
}

/// As [`is_chain`]. A full check asks this of all chains of all leaves, so eight bytes are looked at at once.
#[inline]
pub(crate) fn names_chain(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    let mut last = *b"aaaaaaaa";
    last.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
    let known = words.iter().fold(of_chains(last), |known, word| known & of_chains(*word));
    known == HIGH && !text.is_empty() && text.len() <= CHAIN_LIMIT
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES * 0x80;

/// The highest bit of each byte that is one of `a-z0-9_.:-`.
#[inline]
fn of_chains(bytes: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(bytes);
    // Sums of bytes below 0x80 do not reach the next byte. A byte from 0x80 on is in no range, whatever comes over
    // from the one below it, so what it does to the one above does not matter.
    let within = |low: u64, high: u64| {
        word.wrapping_add(ONES * (0x80 - low)) & !word.wrapping_add(ONES * (0x7f - high))
    };
    // `0` to `9` and `:`; `-` and `.`.
    (within(0x61, 0x7a) | within(0x30, 0x3a) | within(0x5f, 0x5f) | within(0x2d, 0x2e)) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_one_object_on_one_line() {
        for good in [r#"{}"#, r#"{"a": [1, "x\ny"]}"#] {
            assert!(Body::parse(good.into()).is_ok(), "{good}");
        }
        for bad in ["", "1", "[]", "{", "{}\n", "{\n}", "{\"a\":1}{}", "{\"a\":\"\u{1}\"}", "null", " {}"] {
            assert!(Body::parse(bad.into()).is_err(), "{bad:?}");
        }
        let raw = serde_json::json!({"a": "line\nend"});
        assert_eq!(Body::of(&raw).unwrap().as_bytes(), br#"{"a":"line\nend"}"#);
    }

    #[test]
    fn chains_are_ids_and_leaves_fit_a_bundle() {
        let body = || Body::parse(b"{}".to_vec()).unwrap();
        let entry = Entry::new(["usr_b", "smp_a", "usr_b"], body()).unwrap();
        assert_eq!(entry.chains().collect::<Vec<_>>(), ["smp_a", "usr_b"]);
        for [one, other] in (0..=u16::MAX).map(u16::to_le_bytes) {
            let known = |byte: u8| is_chain(&char::from(byte).to_string()) && byte < 0x80;
            let text = [b'z', one, other, 0x2d, b'z', other, one, b'_', b'9', one];
            assert_eq!(names_chain(&text), known(one) && known(other), "{one} {other}");
        }
        for byte in 0..=255u8 {
            let known = b"abcdefghijklmnopqrstuvwxyz0123456789_.:-".contains(&byte);
            let text = format!("obj_{}aaaaaaaaaaaaaaaa", char::from(byte));
            assert_eq!(is_chain(&text), known, "{byte}");
            for (length, at) in (1..=64).flat_map(|length| (0..length).map(move |at| (length, at))) {
                let mut text = vec![b'x'; length];
                text[at] = byte;
                assert_eq!(names_chain(&text), known, "{byte} at {at} of {length}");
            }
        }
        for bad in ["", "a\"b", "A", "a b", &"x".repeat(65)] {
            assert!(Entry::new([bad], body()).is_err(), "{bad:?}");
        }
        let long = |n: usize| Body::parse(format!("{{\"a\":\"{}\"}}", "x".repeat(n)).into()).unwrap();
        assert!(Entry::new(["smp_a"], long(65_000)).is_ok());
        assert!(matches!(Entry::new(["smp_a"], long(65_500)), Err(Error::TooLarge { .. })));
    }
}
