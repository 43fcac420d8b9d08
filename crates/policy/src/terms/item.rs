//! What the values of terms are: diseases, regions, names of users, projects and institutions.

use std::fmt;

/// A term for a disease, such as `MONDO:0005148`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Disease(Box<str>);

/// A user, a project or an institution, by the name that the site uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

/// A country of ISO 3166 by its two letters, or the European Union as `EU`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region([u8; 2]);

/// The members of the European Union since 1 February 2020, when the United Kingdom had left
/// (Article 52 of the Treaty on European Union, and OJ L 29, 31.1.2020).
const MEMBERS: [&[u8; 2]; 27] = [
    b"AT", b"BE", b"BG", b"CY", b"CZ", b"DE", b"DK", b"EE", b"ES", b"FI", b"FR", b"GR", b"HR", b"HU", b"IE",
    b"IT", b"LT", b"LU", b"LV", b"MT", b"NL", b"PL", b"PT", b"RO", b"SE", b"SI", b"SK",
];

impl Disease {
    /// The term that is written so, if it has the shape of one.
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, local) = text.split_once(':')?;
        let capitals = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        let shaped = text.len() <= 41
            && prefix.starts_with(|c: char| c.is_ascii_uppercase())
            && prefix.bytes().all(capitals)
            && !local.is_empty()
            && local.bytes().all(letters);
        // A digit too few is another disease, or none.
        let seven = local.len() == 7 && local.bytes().all(|b| b.is_ascii_digit());
        (shaped && (seven || !["MONDO", "HP"].contains(&prefix))).then(|| Self(text.into()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Name {
    /// The name that is written so, if it has the shape of one.
    pub fn parse(text: &str) -> Option<Self> {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"._:/-".contains(&b);
        ((1..=64).contains(&text.len()) && text.bytes().all(known)).then(|| Self(text.into()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Region {
    /// The European Union.
    pub const EU: Self = Self(*b"EU");

    /// The region that is written so. `UK` and `EL`, which ISO 3166 does not have, are none.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 2] = text.as_bytes().try_into().ok()?;
        let known = letters.iter().all(u8::is_ascii_uppercase) && letters != *b"UK" && letters != *b"EL";
        known.then_some(Self(letters))
    }

    /// Whether all of `self` lies in `other`.
    pub(super) fn is_in(self, other: Self) -> bool {
        self == other || (other == Self::EU && MEMBERS.contains(&&self.0))
    }
}

impl fmt::Display for Disease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0.map(char::from);
        write!(f, "{first}{second}")
    }
}
