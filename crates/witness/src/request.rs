//! What a witness is asked (C2SP tlog-witness, `add-checkpoint`).
//!
//! ```text
//! old <size>
//! <hash>…
//!
//! <checkpoint>
//! ```

use ledger::Hash;
use std::fmt::Write as _;

/// Most lines of a proof.
pub const PROOF_LIMIT: usize = 63;
/// Most bytes of a request that are looked at: a proof, and a checkpoint with many signatures.
pub const REQUEST_LIMIT: usize = 64 << 10;

/// A request for a cosignature.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The size that the witness cosigned last, as far as the asker knows.
    pub old: u64,
    /// The consistency proof from there; empty for 0.
    pub proof: Vec<Hash>,
    /// The checkpoint.
    pub checkpoint: String,
}

impl Request {
    /// Parses a request; none if it is malformed.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = number(lines.next()?.strip_prefix("old ")?)?;
        let proof = lines.map(hash).collect::<Option<Vec<_>>>()?;
        (proof.len() <= PROOF_LIMIT).then(|| Self { old, proof, checkpoint: checkpoint.to_owned() })
    }

    /// Its text.
    pub fn encode(&self) -> String {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.proof {
            let _ = writeln!(text, "{hash}");
        }
        let _ = write!(text, "\n{}", self.checkpoint);
        text
    }

    /// The name of the ledger that the checkpoint says it is of.
    pub fn origin(&self) -> &str {
        self.checkpoint.split('\n').next().unwrap_or_default()
    }
}

fn hash(line: &str) -> Option<Hash> {
    Hash::parse_hash(line).ok().filter(|hash| hash.to_string() == line)
}

/// A decimal number without sign or leading zero.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|number| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_parses_back_and_other_texts_do_not() {
        let hash = Hash([7; 32]);
        for proof in [vec![], vec![hash], vec![hash; PROOF_LIMIT]] {
            let request = Request { old: 12, proof, checkpoint: "a\n1\nb\n\n\u{2014} c d\n".into() };
            assert_eq!(Request::parse(request.encode().as_bytes()), Some(request));
        }
        let many = Request { old: 12, proof: vec![hash; PROOF_LIMIT + 1], checkpoint: "a".into() };
        assert_eq!(Request::parse(many.encode().as_bytes()), None);
        for bad in
            ["", "old 1\n", "old 01\n\na", "old +1\n\na", "old  1\n\na", "old 1\nAA==\n\na", "new 1\n\na"]
        {
            assert_eq!(Request::parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
