//! Secrets that sign their owner in.

use crate::Error;
use base::Entropy;
use zeroize::Zeroizing;

macro_rules! secret_token {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        pub struct $name(Zeroizing<String>);

        impl $name {
            pub(crate) fn mint(entropy: &dyn Entropy) -> Self {
                use std::fmt::Write;
                let mut text = Zeroizing::new(String::with_capacity(80));
                text.push_str($prefix);
                for byte in base::entropy::bytes::<32>(entropy) {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "{byte:02x}");
                }
                Self(text)
            }

            /// Takes a token as its owner gave it.
            pub fn parse(text: &str) -> Result<Self, Error> {
                let text = text.trim();
                let hex = text.strip_prefix($prefix).ok_or(Error::Token)?;
                if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(Error::Token);
                }
                Ok(Self(Zeroizing::new(text.to_owned())))
            }

            /// The token in clear, to be given to its owner once.
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// What the database keeps: the token has 256 random bits, so a plain hash suffices.
            pub(crate) fn digest(&self) -> Vec<u8> {
                blake3::hash(self.0.as_bytes()).as_bytes().to_vec()
            }
        }
    };
}

secret_token!(
    /// Signs its owner in once.
    OneTimeToken,
    "once_"
);
secret_token!(
    /// Signs a service account's requests in for a quarter of an hour.
    ServiceToken,
    "svt_"
);
secret_token!(
    /// Signs its owner's commands in until it ends.
    SessionToken,
    "ses_"
);
