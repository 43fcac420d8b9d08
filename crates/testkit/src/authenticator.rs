//! Passkeys in software for the pages of spines.

use evidence::Authenticator;

/// The origin of every spine's pages.
pub const ORIGIN: &str = "https://site.example";

/// A new one.
pub fn authenticator() -> Authenticator {
    Authenticator::at(ORIGIN, &base::SystemEntropy).expect("a passkey")
}
