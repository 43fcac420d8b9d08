//! Who somebody is, for how long, and what they may.

pub mod accounts;
pub mod apart;
pub(crate) mod codes;
pub mod denied;
pub mod ended;
pub mod foreign;
pub mod fresh;
pub mod lapsed;
pub(crate) mod machine;
pub(crate) mod passkey;
pub mod service;
pub mod sessions;
pub mod split;
pub mod tokens;
pub mod withdrawn;

/// The shape of a public key; nobody has the other half.
pub(crate) const RECIPIENT: &str = "-----BEGIN CRYPT4GH PUBLIC KEY-----\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n\
    -----END CRYPT4GH PUBLIC KEY-----\n";
