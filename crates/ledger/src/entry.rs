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
    !text.is_empty()
        && text.len() <= CHAIN_LIMIT
        // Every byte is looked at, so that several are at once: a full check asks this of all chains of all leaves.
        && text.bytes().fold(true, |all, byte| {
            all & (byte.is_ascii_lowercase() | matches!(byte, b'0'..=b':' | b'-' | b'.' | b'_'))
        })
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
        for byte in 0..=255u8 {
            let known = b"abcdefghijklmnopqrstuvwxyz0123456789_.:-".contains(&byte);
            let text = format!("obj_{}aaaaaaaaaaaaaaaa", char::from(byte));
            assert_eq!(is_chain(&text), known, "{byte}");
        }
        for bad in ["", "a\"b", "A", "a b", &"x".repeat(65)] {
            assert!(Entry::new([bad], body()).is_err(), "{bad:?}");
        }
        let long = |n: usize| Body::parse(format!("{{\"a\":\"{}\"}}", "x".repeat(n)).into()).unwrap();
        assert!(Entry::new(["smp_a"], long(65_000)).is_ok());
        assert!(matches!(Entry::new(["smp_a"], long(65_500)), Err(Error::TooLarge { .. })));
    }
}
