//! Signed notes (C2SP signed-note): a text and signature lines.

use crate::key::is_name;
use crate::{Error, Result, refused, text};

/// Most signature lines of a note that is looked at.
const SIGNATURES: usize = 100;

/// A note. Nothing in it is to be believed before a signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What is signed, with its last line feed.
    pub text: String,
    /// Who is said to have signed.
    pub signatures: Vec<Signature>,
}

/// A signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The key's name.
    pub name: String,
    /// The key's id.
    pub id: [u8; 4],
    /// What follows: for Ed25519 the signature, for a cosignature time and signature.
    pub bytes: Vec<u8>,
}

impl Note {
    /// Parses a note.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let malformed = || Error::Refused("it is not a signed note".to_owned());
        let note = std::str::from_utf8(bytes).map_err(|_| malformed())?;
        if note.bytes().any(|b| b < 0x20 && b != b'\n') {
            return Err(malformed());
        }
        let (before, lines) = note.rsplit_once("\n\n").ok_or_else(malformed)?;
        let lines = lines.strip_suffix('\n').ok_or_else(malformed)?;
        let signatures: Option<Vec<_>> = lines.split('\n').take(SIGNATURES + 1).map(signature).collect();
        let signatures = signatures.ok_or_else(malformed)?;
        if signatures.len() > SIGNATURES {
            return refused("it has too many signatures");
        }
        Ok(Self { text: format!("{before}\n"), signatures })
    }
}

fn signature(line: &str) -> Option<Signature> {
    let (name, bytes) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = text::base64(bytes)?;
    let (id, rest) = bytes.split_first_chunk::<4>()?;
    is_name(name).then(|| Signature { name: name.to_owned(), id: *id, bytes: rest.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_ends_at_the_last_empty_line() {
        let note = Note::parse("a\n\nb\n\n\u{2014} n AAAAAQI=\n".as_bytes()).unwrap();
        assert_eq!(note.text, "a\n\nb\n");
        let one = Signature { name: "n".into(), id: [0, 0, 0, 1], bytes: vec![2] };
        assert_eq!(note.signatures, [one]);
    }

    #[test]
    fn what_is_no_note_is_refused() {
        for bad in [
            "",
            "a\n",
            "a\n\n",
            "a\n\n\u{2014} n AAAAAQI=",
            "a\n\n- n AAAAAQI=\n",
            "a\n\n\u{2014} n AAA=\n",
            "a\n\n\u{2014} n  AAAAAQI=\n",
            "a\n\n\u{2014} n+m AAAAAQI=\n",
            "a\tb\n\n\u{2014} n AAAAAQI=\n",
            "a\r\n\n\u{2014} n AAAAAQI=\n",
        ] {
            assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        let many = format!("a\n\n{}", "\u{2014} n AAAAAQI=\n".repeat(SIGNATURES + 1));
        assert!(Note::parse(many.as_bytes()).is_err());
    }
}
