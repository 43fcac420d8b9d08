//! Digest values, named by their algorithm. This module holds values; rooms compute them.

use std::{fmt, str::FromStr};

/// A text that is not a digest of the expected length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {algorithm} digest: expected {length} hexadecimal characters")]
pub struct ParseDigestError {
    algorithm: &'static str,
    length: usize,
}

macro_rules! digest {
    ($($(#[$doc:meta])* $name:ident, $label:literal, $bytes:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}:{}", $label, self)
            }
        }
        impl FromStr for $name {
            type Err = ParseDigestError;
            fn from_str(text: &str) -> Result<Self, ParseDigestError> {
                let mut out = [0u8; $bytes];
                hex::decode_to_slice(text, &mut out)
                    .map_err(|_| ParseDigestError { algorithm: $label, length: $bytes * 2 })?;
                Ok(Self(out))
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

digest! {
    /// A SHA-256 value.
    Sha256, "sha256", 32;
    /// A BLAKE3 value of 32 bytes.
    Blake3, "blake3", 32;
    /// An MD5 value: what sequencers ship. It finds accidents, it proves nothing.
    Md5, "md5", 16;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_agree() {
        let text = "00112233445566778899aabbccddeeff";
        assert_eq!(text.parse::<Md5>().unwrap().to_string(), text);
        assert!(text.parse::<Sha256>().is_err());
        assert!("zz".parse::<Md5>().is_err());
    }
}
