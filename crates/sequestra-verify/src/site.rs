//! `site.pub`: the public keys that an auditor gets from a site, once, by a way that they trust.

use crate::key::{Use, VerifierKey};
use crate::{Error, Result};

const HEAD: &str = "sequestra-site/v1";
/// What ids are written in: digits and lower-case letters without `i`, `l`, `o` and `u`.
const ALPHABET: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A site's public keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The site's id.
    pub id: String,
    /// Signs checkpoints; its name is the ledger's.
    pub ledger: VerifierKey,
    /// Signs receipts.
    pub receipts: VerifierKey,
}

impl Site {
    /// Parses the file, which has one text.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        parse(bytes)
            .ok_or_else(|| Error::Misuse("not a file of a site's public keys (`site.pub`)".to_owned()))
    }
}

fn parse(bytes: &[u8]) -> Option<Site> {
    let lines: Vec<&str> = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split('\n').collect();
    let [HEAD, id, ledger, receipts] = lines.as_slice() else { return None };
    let id = id.strip_prefix("site ")?;
    let word = |text: &str| text.len() == 20 && text.bytes().all(|b| ALPHABET.contains(&b));
    id.strip_prefix("sit_").filter(|rest| word(rest))?;
    let key = |line: &str, name: &str| -> Option<VerifierKey> { line.strip_prefix(name)?.parse().ok() };
    let (ledger, receipts) = (key(ledger, "ledger ")?, key(receipts, "receipts ")?);
    let both_notes = ledger.what() == Use::Note && receipts.what() == Use::Note;
    both_notes.then(|| Site { id: id.to_owned(), ledger, receipts })
}
