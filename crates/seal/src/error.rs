//! What can go wrong with a sealed object, a header or a key file.

use base::{Fault, Kind};
use std::io;

/// A result of this room.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a body, a header or a key file was refused. No message carries a key or a data byte.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stream below failed.
    #[error("reading or writing the stream below failed")]
    Io(#[source] io::Error),
    /// The stored body ends where a segment should go on.
    #[error("the body ends inside segment `{segment}`")]
    Truncated {
        /// Index of the segment, from 0.
        segment: u64,
    },
    /// The stored bytes of a segment are not those that the tree was built over.
    #[error("segment `{segment}` is not what was stored")]
    Leaf {
        /// Index of the segment, from 0.
        segment: u64,
    },
    /// The tag of a segment does not fit its bytes and key.
    #[error("segment `{segment}` does not open with this key")]
    Tag {
        /// Index of the segment, from 0.
        segment: u64,
    },
    /// A segment opened, but under the nonce of another place.
    #[error("segment `{segment}` carries the nonce of another place")]
    Nonce {
        /// Index of the segment, from 0.
        segment: u64,
    },
    /// The stored body is longer or shorter than its record says.
    #[error("the body holds `{found}` bytes and its record says `{expected}`")]
    BodyLength {
        /// Bytes by the record.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// Plaintext length, body length and tree do not belong to one object.
    #[error("the record and the tree of the object disagree about its length")]
    Lengths,
    /// The tree does not lead to the expected root.
    #[error("the integrity tree does not lead to the expected root")]
    Root,
    /// The serialised tree is malformed.
    #[error("the integrity tree is malformed: {0}")]
    TreeForm(&'static str),
    /// The stream does not start as a Crypt4GH file.
    #[error("not a Crypt4GH file")]
    NotCrypt4gh,
    /// A Crypt4GH version that this room does not know.
    #[error("Crypt4GH version `{0}` is not supported")]
    Version(u32),
    /// A malformed Crypt4GH header.
    #[error("the Crypt4GH header is malformed: {0}")]
    HeaderForm(&'static str),
    /// A header that uses an optional part of Crypt4GH that this room does not read.
    #[error("the Crypt4GH header asks for something unsupported: {0}")]
    HeaderUnsupported(&'static str),
    /// No packet of the header opens with this key.
    #[error("no packet of the Crypt4GH header opens with this key")]
    NotRecipient,
    /// A header for nobody.
    #[error("a Crypt4GH header needs at least one recipient")]
    NoRecipients,
    /// A public key that leads every secret key to the same shared secret.
    #[error("the public key is a point of low order")]
    LowOrder,
    /// A malformed key file.
    #[error("the key file is malformed: {0}")]
    KeyFile(&'static str),
    /// A key file of a kind that this room does not read.
    #[error("the key file uses something unsupported: {0}")]
    KeyFileUnsupported(&'static str),
    /// The key file is locked and no passphrase was given.
    #[error("the key file is locked by a passphrase and none was given")]
    PassphraseNeeded,
    /// The passphrase does not open the key file.
    #[error("the passphrase does not open the key file")]
    WrongPassphrase,
    /// A writer that failed before and cannot go on without reusing a nonce, or a reader of a
    /// foreign stream that failed before and has lost its place.
    #[error("the stream failed earlier and cannot go on")]
    Spent,
    /// More bytes than lengths can count.
    #[error("the object is too long")]
    TooLong,
    /// The cryptographic library refused something that it should accept.
    #[error("the cryptographic library failed")]
    Library,
}

impl Error {
    /// The room's own error inside `error`, when it came through `Read`, `Write` or `Seek`.
    pub fn from_io(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Io)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(inner) => inner,
            Error::Truncated { .. } => Self::new(io::ErrorKind::UnexpectedEof, error),
            Error::Spent | Error::TooLong | Error::Library => Self::other(error),
            _ => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Io(_) => Kind::Unavailable,
            Self::Truncated { .. }
            | Self::Leaf { .. }
            | Self::Tag { .. }
            | Self::Nonce { .. }
            | Self::BodyLength { .. }
            | Self::Lengths
            | Self::Root
            | Self::TreeForm(_) => Kind::Integrity,
            Self::NotRecipient | Self::WrongPassphrase => Kind::Denied,
            Self::Spent => Kind::Conflict,
            Self::Library => Kind::Internal,
            _ => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "SEAL-001",
            Self::Truncated { .. } => "SEAL-002",
            Self::Leaf { .. } => "SEAL-003",
            Self::Tag { .. } => "SEAL-004",
            Self::Nonce { .. } => "SEAL-005",
            Self::BodyLength { .. } => "SEAL-006",
            Self::Lengths => "SEAL-007",
            Self::Root => "SEAL-008",
            Self::TreeForm(_) => "SEAL-009",
            Self::NotCrypt4gh => "SEAL-010",
            Self::Version(_) => "SEAL-011",
            Self::HeaderForm(_) => "SEAL-012",
            Self::HeaderUnsupported(_) => "SEAL-013",
            Self::NotRecipient => "SEAL-014",
            Self::NoRecipients => "SEAL-015",
            Self::LowOrder => "SEAL-016",
            Self::KeyFile(_) => "SEAL-017",
            Self::KeyFileUnsupported(_) => "SEAL-018",
            Self::PassphraseNeeded => "SEAL-019",
            Self::WrongPassphrase => "SEAL-020",
            Self::Spent => "SEAL-021",
            Self::TooLong => "SEAL-022",
            Self::Library => "SEAL-023",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Truncated { .. }
            | Self::Leaf { .. }
            | Self::Tag { .. }
            | Self::Nonce { .. }
            | Self::BodyLength { .. }
            | Self::Lengths
            | Self::Root
            | Self::TreeForm(_) => {
                "restore the object from a backup and look into how the stored copy changed"
            }
            Self::NotRecipient => "ask the sender to make the file for your public key",
            Self::KeyFile(_) | Self::LowOrder => "make a new key pair with `crypt4gh-keygen`",
            Self::KeyFileUnsupported(_) => {
                "make a key pair with `crypt4gh-keygen`, which locks it with scrypt"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_way_through_io() {
        let io: io::Error = Error::Leaf { segment: 7 }.into();
        assert_eq!(io.kind(), io::ErrorKind::InvalidData);
        assert!(matches!(Error::from_io(io), Error::Leaf { segment: 7 }));
        assert_eq!(Error::from_io(io::Error::other("disk")).code(), "SEAL-001");
    }
}
