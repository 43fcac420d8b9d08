//! The generator's list of digests: what `md5sum`, `sha256sum` and their BSD kin write.

use std::collections::{BTreeMap, BTreeSet};

use base::{Md5, Sensitive, Sha256};
use serde::{Deserialize, Serialize};

use crate::name;

/// Most bytes of a manifest.
pub const MAX_BYTES: usize = 16 << 20;

/// A digest as the generator gave it; the algorithm follows from its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Digest {
    /// Finds accidents, proves nothing.
    Md5(Md5),
    /// SHA-256.
    Sha256(Sha256),
}

impl Digest {
    /// A hasher for the algorithm of this digest.
    pub fn hasher(&self) -> Hasher {
        match self {
            Self::Md5(_) => Hasher::Md5(md5::Md5::default()),
            Self::Sha256(_) => Hasher::Sha256(sha2::Sha256::default()),
        }
    }

    /// Reads hexadecimal text; its length decides the algorithm.
    pub fn parse(hex: &str) -> Option<Self> {
        match hex.len() {
            32 => hex.parse().ok().map(Self::Md5),
            64 => hex.parse().ok().map(Self::Sha256),
            _ => None,
        }
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Md5(digest) => digest.fmt(f),
            Self::Sha256(digest) => digest.fmt(f),
        }
    }
}

/// Computes the digest of a file as its bytes pass.
#[derive(Clone)]
pub enum Hasher {
    /// MD5.
    Md5(md5::Md5),
    /// SHA-256.
    Sha256(sha2::Sha256),
}

impl Hasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(h) => sha2::Digest::update(h, bytes),
            Self::Sha256(h) => sha2::Digest::update(h, bytes),
        }
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> Digest {
        match self {
            Self::Md5(h) => Digest::Md5(Md5(sha2::Digest::finalize(h).into())),
            Self::Sha256(h) => Digest::Sha256(Sha256(sha2::Digest::finalize(h).into())),
        }
    }
}

/// File names and the digests that the generator gave them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    files: BTreeMap<Sensitive<String>, Digest>,
}

/// One thing wrong with a manifest or with what it lists.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestFault {
    /// No lines.
    #[error("the manifest is empty")]
    Empty,
    /// Over [`MAX_BYTES`] or not UTF-8.
    #[error("the manifest is longer than 16 MiB or is not UTF-8 text")]
    NotText,
    /// A line of no known form.
    #[error("line {line}: not a digest and a file name")]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// A digest of another length or algorithm than MD5 or SHA-256.
    #[error("line {line}: neither an md5 nor a sha256 digest")]
    Algorithm {
        /// Counted from 1.
        line: usize,
    },
    /// A file name that would be refused in a sheet.
    #[error("line {line}: {fault}")]
    Name {
        /// Counted from 1.
        line: usize,
        /// Why.
        fault: name::NameFault,
    },
    /// The same file on two lines.
    #[error("line {line}: `{}` is listed already on line {first}", .file.reveal())]
    Duplicate {
        /// The later line.
        line: usize,
        /// The earlier line.
        first: usize,
        /// The file.
        file: Sensitive<String>,
    },
    /// The sheet names a file that the manifest does not list.
    #[error("{place}: `{}` is in the sheet and not in the manifest", .file.reveal())]
    Missing {
        /// Where the sheet names it, such as `row 2, fastq_1`.
        place: String,
        /// The file.
        file: Sensitive<String>,
    },
    /// The manifest lists a file that the sheet does not name.
    #[error("`{}` is in the manifest and not in the sheet", .0.reveal())]
    Extra(Sensitive<String>),
}

/// Prints without the file's name, which only the message to the sender shows.
impl std::fmt::Debug for ManifestFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { place, .. } => write!(f, "Missing({place})"),
            Self::Extra(_) => f.write_str("Extra"),
            Self::Duplicate { line, first, .. } => write!(f, "Duplicate({line}, {first})"),
            other => write!(f, "{other}"),
        }
    }
}

impl Manifest {
    /// Reads `<hex>  name`, `<hex> *name` and `MD5 (name) = <hex>`, also mixed, with or without carriage
    /// returns; lines that are empty or start with `#` are skipped.
    ///
    /// # Errors
    /// Every fault of every line.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<ManifestFault>> {
        let text = std::str::from_utf8(bytes).ok().filter(|_| bytes.len() <= MAX_BYTES);
        let Some(text) = text else { return Err(vec![ManifestFault::NotText]) };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (mut files, mut lines, mut faults) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let number = at + 1;
            match entry(line, number) {
                Ok((file, digest)) => {
                    if let Some(first) = lines.insert(file.clone(), number) {
                        faults.push(ManifestFault::Duplicate { line: number, first, file });
                    } else {
                        files.insert(file, digest);
                    }
                }
                Err(fault) => faults.push(fault),
            }
        }
        if files.is_empty() && faults.is_empty() {
            faults.push(ManifestFault::Empty);
        }
        if faults.is_empty() { Ok(Self { files }) } else { Err(faults) }
    }

    /// The digest given for a file.
    pub fn digest(&self, file: &str) -> Option<Digest> {
        self.files.get(&Sensitive::new(file.to_owned())).copied()
    }

    /// How many files are listed.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether no file is listed; a parsed manifest lists at least one.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Checks that the manifest lists the named files, each given with its place in the sheet, and no
    /// others.
    ///
    /// # Errors
    /// Every file that is missing on either side.
    pub fn match_files<'a>(
        &self,
        names: impl IntoIterator<Item = (String, &'a str)>,
    ) -> Result<(), Vec<ManifestFault>> {
        let named: Vec<(String, Sensitive<String>)> =
            names.into_iter().map(|(place, name)| (place, Sensitive::new(name.to_owned()))).collect();
        let known: BTreeSet<&Sensitive<String>> = named.iter().map(|(_, file)| file).collect();
        let missing = named.iter().filter(|(_, file)| !self.files.contains_key(file));
        let missing = missing.cloned().map(|(place, file)| ManifestFault::Missing { place, file });
        let extra = self.files.keys().filter(|n| !known.contains(n)).cloned().map(ManifestFault::Extra);
        let faults: Vec<_> = missing.chain(extra).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

fn entry(line: &str, number: usize) -> Result<(Sensitive<String>, Digest), ManifestFault> {
    let (hex, file, tag) = match line.split_once(" (") {
        Some((tag, rest)) if tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') => {
            let (file, hex) = rest.rsplit_once(") = ").ok_or(ManifestFault::Line { line: number })?;
            (hex.trim_end(), file, Some(tag))
        }
        _ => {
            let (hex, rest) = line.split_once([' ', '\t']).ok_or(ManifestFault::Line { line: number })?;
            let file = rest.strip_prefix([' ', '*']).unwrap_or(rest);
            (hex, file.trim_end(), None)
        }
    };
    if hex.is_empty() || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(ManifestFault::Line { line: number });
    }
    let digest = Digest::parse(hex).ok_or(ManifestFault::Algorithm { line: number })?;
    let right = match (tag, digest) {
        (None, _) => true,
        (Some(tag), Digest::Md5(_)) => tag == "MD5",
        (Some(tag), Digest::Sha256(_)) => tag == "SHA256" || tag == "SHA2-256",
    };
    if !right {
        return Err(ManifestFault::Algorithm { line: number });
    }
    let file = name::check(file).map_err(|fault| ManifestFault::Name { line: number, fault })?;
    Ok((Sensitive::new(file.to_owned()), digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";
    const SHA: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn at(name: &str) -> (String, &str) {
        ("row 7, fastq_1".to_owned(), name)
    }

    fn faults(text: &str) -> Vec<String> {
        Manifest::parse(text.as_bytes()).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_known_forms_are_read() {
        let text = format!(
            "# made by\n{MD5}  a.gz\n{SHA} *b.gz\r\nMD5 (c.gz) = {MD5}\nSHA256 (d.gz) = {SHA}\n\n{}\t./e/f.gz\n",
            MD5.to_uppercase()
        );
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(manifest.len(), 5);
        for file in ["a.gz", "b.gz", "c.gz", "d.gz", "e/f.gz"] {
            let digest = manifest.digest(file).unwrap();
            assert_eq!(digest.hasher().finish(), digest, "both are digests of nothing");
            let mut hasher = digest.hasher();
            hasher.update(b"x");
            assert_ne!(hasher.finish(), digest);
        }
        assert_eq!(manifest.match_files(["a.gz", "b.gz", "c.gz", "d.gz", "e/f.gz"].map(at)), Ok(()));
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let text = format!(
            "{MD5}  a.gz\n{MD5}  a.gz\nhello\n{MD5}0  b.gz\n{MD5}  ../c.gz\nSHA256 (d.gz) = {MD5}\nMD5 (e.gz {MD5}\n"
        );
        assert_eq!(
            faults(&text),
            [
                "line 2: `a.gz` is listed already on line 1",
                "line 3: not a digest and a file name",
                "line 4: neither an md5 nor a sha256 digest",
                "line 5: the name holds `.` or `..` as a part",
                "line 6: neither an md5 nor a sha256 digest",
                "line 7: not a digest and a file name",
            ]
        );
        assert_eq!(faults(""), ["the manifest is empty"]);
        assert!(Manifest::parse(b"\xff").is_err());
    }

    #[test]
    fn missing_and_extra_files_are_named() {
        let manifest = Manifest::parse(format!("{MD5}  a.gz\n{MD5}  b.gz\n").as_bytes()).unwrap();
        let faults = manifest.match_files(["a.gz", "c.gz"].map(at)).unwrap_err();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "row 7, fastq_1: `c.gz` is in the sheet and not in the manifest",
                "`b.gz` is in the manifest and not in the sheet"
            ]
        );
        assert_eq!(format!("{faults:?} {manifest:?}").matches("gz").count(), 0);
    }
}
