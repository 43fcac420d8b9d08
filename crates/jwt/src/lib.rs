//! Signed tokens (JSON Web Tokens, RFC 7519, as RFC 7515 signs them) of issuers that the site's settings name.
//!
//! Promises: a token is believed only when one of the keys of the one issuer that it was expected from signed it, by
//! the one algorithm of that key; when it says nothing in its header that the rules do not know; and when each claim
//! that is read is there, once, of its type, and good at the moment that the caller names. Nothing in a token leads to
//! a key: keys come from a file or an address of the settings. The specification is `docs/spec/jwt.md`.
//!
//! * [`verify`]: from a text and rules to claims
//! * [`keys`]: the public keys of an issuer (JWKS, RFC 7517)
//! * [`source`]: where these come from
//! * [`fresh`]: what somebody else says, for as long as it counts
//! * [`json`]: JSON that says each thing once
//!
//! This room deliberately lacks: making tokens, secrets, encrypted tokens, symmetric keys, and a clock of its own.

pub mod fresh;
pub mod json;
pub mod keys;
pub mod source;
pub mod verify;

mod error;

pub use error::Error;
pub use fresh::{FRESH, Fresh};
pub use keys::{Algorithm, Keys};
pub use source::Source;
pub use verify::{Audience, Claims, Rules, has_claim, issuer_named, key_named, verify};
