//! Cosignatures (C2SP tlog-cosignature, Ed25519): a witness's line below a checkpoint.

use crate::{Error, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use ledger::{SigningKey, VerifierKey};
use std::fmt;
use std::str::FromStr;

/// The type byte of cosignatures.
const COSIGNATURE: u8 = 4;

/// A witness's public key under its name. Its text is `name+hash+base64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    key: VerifierKey,
    id: u32,
}

impl WitnessKey {
    /// The key `public` of the witness `name`.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self> {
        let key = VerifierKey::new(name, public)?;
        let id = signed_note::key_id(name, &typed(&public));
        Ok(Self { key, id })
    }

    /// The witness's name.
    pub fn name(&self) -> &str {
        self.key.name()
    }

    /// The public key without its name, as text: two names of one key are one witness.
    pub fn public_text(&self) -> String {
        BASE64_STANDARD.encode(self.key.public())
    }

    /// The key's id, as its text has it.
    pub fn id(&self) -> String {
        format!("{:08x}", self.id)
    }

    /// The time of this witness's cosignature below `note`, in seconds since 1970; none if there
    /// is none that holds.
    pub fn cosigned(&self, note: &str) -> Option<u64> {
        let (body, lines) = parts(note)?;
        lines.lines().filter_map(|line| self.parse(line)).find_map(|(time, signature)| {
            self.key.verifies(message(&body, time).as_bytes(), &signature).then_some(time)
        })
    }

    /// Time and signature of a line, if it says that it is this witness's.
    fn parse(&self, line: &str) -> Option<(u64, Vec<u8>)> {
        let (name, bytes) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let bytes = BASE64_STANDARD.decode(bytes).ok()?;
        let (id, rest) = bytes.split_first_chunk::<4>()?;
        let (time, signature) = rest.split_first_chunk::<8>()?;
        let own = name == self.name() && u32::from_be_bytes(*id) == self.id;
        own.then(|| (u64::from_be_bytes(*time), signature.to_vec()))
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed = BASE64_STANDARD.encode(typed(self.key.public()));
        write!(f, "{}+{:08x}+{typed}", self.name(), self.id)
    }
}

impl FromStr for WitnessKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let mut parts = text.splitn(3, '+');
            let (name, _, key) = (parts.next()?, parts.next()?, parts.next()?);
            let typed = BASE64_STANDARD.decode(key).ok()?;
            let (kind, public) = typed.split_first()?;
            let key = Self::new(name, public.try_into().ok()?).ok()?;
            // One text a key: also catches a wrong hash.
            (*kind == COSIGNATURE && key.to_string() == text).then_some(key)
        };
        parse().ok_or(Error::BadKey)
    }
}

/// A witness's signing key under its name.
#[derive(Debug, Clone)]
pub struct Cosigner {
    key: SigningKey,
    public: WitnessKey,
}

impl Cosigner {
    /// The cosigner `name` with `key`.
    pub fn new(name: &str, key: SigningKey) -> Result<Self> {
        let public = WitnessKey::new(name, key.public()?)?;
        Ok(Self { key, public })
    }

    /// Its public key.
    pub fn public(&self) -> &WitnessKey {
        &self.public
    }

    /// The line, with its line feed, that says: at `time` this was the largest tree seen.
    pub(crate) fn line(&self, note: &str, time: u64) -> Option<String> {
        let (body, _) = parts(note)?;
        let mut bytes = self.public.id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&time.to_be_bytes());
        bytes.extend_from_slice(&self.key.sign(message(&body, time).as_bytes()));
        Some(format!("\u{2014} {} {}\n", self.public.name(), BASE64_STANDARD.encode(bytes)))
    }
}

/// A note's text, with its last line feed, and its signature lines.
fn parts(note: &str) -> Option<(String, &str)> {
    let (body, lines) = note.rsplit_once("\n\n")?;
    Some((format!("{body}\n"), lines))
}

fn message(body: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{body}")
}

fn typed(public: &[u8; 32]) -> Vec<u8> {
    let mut typed = vec![COSIGNATURE];
    typed.extend_from_slice(public);
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "site.example/ledger\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\u{2014} site.example/ledger AAAA\n";

    fn cosigner(seed: u8) -> Cosigner {
        Cosigner::new("witness.example/w1", SigningKey::from_seed(&[seed; 32]).unwrap()).unwrap()
    }

    #[test]
    fn a_cosignature_holds_for_its_text_time_and_key_alone() {
        let (one, other) = (cosigner(1), cosigner(2));
        let note = format!("{NOTE}{}", one.line(NOTE, 1_679_315_147).unwrap());
        assert_eq!(one.public().cosigned(&note), Some(1_679_315_147));
        assert_eq!(other.public().cosigned(&note), None);
        assert_eq!(one.public().cosigned(NOTE), None);
        assert_eq!(one.public().cosigned(&note.replacen("\n0\n", "\n1\n", 1)), None);
        // A later time under the same signature.
        let line = one.line(NOTE, 7).unwrap();
        let (_, base) = line.trim_end().rsplit_once(' ').unwrap();
        let mut bytes = BASE64_STANDARD.decode(base).unwrap();
        bytes[11] ^= 1;
        let forged = format!("{NOTE}\u{2014} witness.example/w1 {}\n", BASE64_STANDARD.encode(&bytes));
        assert_eq!(one.public().cosigned(&forged), None);
        // The signature that holds, under another key's id.
        bytes[11] ^= 1;
        bytes[0] ^= 1;
        let other_id = format!("{NOTE}\u{2014} witness.example/w1 {}\n", BASE64_STANDARD.encode(bytes));
        assert_eq!(one.public().cosigned(&other_id), None);
    }

    #[test]
    fn a_key_has_one_text_and_its_own_type() {
        let text = cosigner(1).public().to_string();
        assert_eq!(text.parse::<WitnessKey>().unwrap(), *cosigner(1).public());
        assert!(text.to_uppercase().parse::<WitnessKey>().is_err());
        // The same key as one that signs notes is another key.
        let note = SigningKey::from_seed(&[1; 32]).unwrap().verifier("witness.example/w1").unwrap();
        assert!(note.to_string().parse::<WitnessKey>().is_err());
        assert!(text.parse::<VerifierKey>().is_err());
    }
}
