//! Why a package is refused: one error, with a stable code for each kind of reason.

use base::{Fault, Kind};

use crate::{
    fastq::{FastqFault, RecordFault},
    gzip::WrapFault,
    manifest::ManifestFault,
    pairing::PairFault,
    sheet::SheetFault,
    whole::WholeFault,
};

/// Why something was not let in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sheet breaks rules.
    #[error("the sheet is refused: {}", list(.0))]
    Sheet(Vec<SheetFault>),
    /// The manifest is malformed, or does not list what the sheet names.
    #[error("the manifest is refused: {}", list(.0))]
    Manifest(Vec<ManifestFault>),
    /// A file is not what the generator's digest says.
    #[error("`{file}` does not have the digest that the manifest gives")]
    Digest {
        /// The file's place, such as `row 2, fastq_1`; never its name.
        file: String,
    },
    /// A FASTQ file is cut, damaged, malformed or over a cap.
    #[error("`{file}` is refused")]
    Fastq {
        /// The file's place, such as `row 2, fastq_1`; never its name.
        file: String,
        /// Why.
        #[source]
        fault: FastqFault,
    },
    /// Two files are no pair.
    #[error("the files of row {row} are no pair")]
    Pair {
        /// The row of the sheet, from 1.
        row: usize,
        /// Why.
        #[source]
        fault: PairFault,
    },
    /// A BAM, CRAM, BCF or VCF is not whole.
    #[error("`{file}` is refused")]
    Whole {
        /// The file's place; never its name.
        file: String,
        /// Why.
        #[source]
        fault: WholeFault,
    },
    /// The process that checks a file ended without a verdict.
    #[error("the check of `{file}` ended without a verdict")]
    NoVerdict {
        /// The file's place; never its name.
        file: String,
    },
}

fn list(faults: &[impl std::fmt::Display]) -> String {
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    told.join("\n  ")
}

impl Error {
    /// The sheet's faults, split: whether any is about a direct identifier.
    pub fn is_identifier(&self) -> bool {
        matches!(self, Self::Sheet(faults) if faults.iter().any(SheetFault::is_identifier))
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Digest { .. } => Kind::Integrity,
            Self::NoVerdict { .. } => Kind::Unavailable,
            _ => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Sheet(_) if self.is_identifier() => "INTAKE-002",
            Self::Sheet(_) => "INTAKE-001",
            Self::Manifest(_) => "INTAKE-003",
            Self::Digest { .. } => "INTAKE-004",
            Self::Fastq { fault, .. } => match fault {
                FastqFault::Wrap(wrap) => wrap_code(wrap),
                FastqFault::Record { what: RecordFault::LongLine { .. }, .. } => "INTAKE-007",
                FastqFault::Record { .. } => "INTAKE-006",
            },
            Self::Pair { .. } => "INTAKE-008",
            Self::Whole { fault: WholeFault::Wrap(wrap), .. } => wrap_code(wrap),
            Self::Whole { .. } => "INTAKE-009",
            Self::NoVerdict { .. } => "INTAKE-010",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self.code() {
            "INTAKE-002" => "nothing was stored; use opaque codes in the sheet and send the package again",
            "INTAKE-001" => "nothing was stored; correct the places named and send the package again",
            "INTAKE-003" => {
                "list every file of the sheet once, as md5sum or sha256sum write it, and no other"
            }
            "INTAKE-004" => "the file changed since the manifest was made; copy it again from the sequencer",
            "INTAKE-005" => "the file was cut or damaged on its way; copy it again from the sequencer",
            "INTAKE-006" => "look at the record named; the file was not written by a sequencer as it is",
            "INTAKE-007" => "a cap protects the site; if the file is right, ask an administrator to raise it",
            "INTAKE-008" => {
                "check that both files come from one run and lane and were not filtered one by one"
            }
            "INTAKE-009" => "the file is not a whole one of its form; write it again",
            _ => "send the package again; if it fails again, the file may need more than the limits allow",
        };
        Some(hint.to_owned())
    }
}

fn wrap_code(fault: &WrapFault) -> &'static str {
    match fault {
        WrapFault::TooLarge { .. }
        | WrapFault::Ratio { .. }
        | WrapFault::Members { .. }
        | WrapFault::SmallMembers { .. } => "INTAKE-007",
        _ => "INTAKE-005",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{manifest::Manifest, sheet::Sheet};

    #[test]
    fn codes_tell_reasons_apart() {
        let file = || "row 1, fastq_1".to_owned();
        let wrap = |fault| Error::Fastq { file: file(), fault: FastqFault::Wrap(fault) };
        for (error, code, kind) in [
            (Error::Sheet(Sheet::parse(b"a\n1\n").unwrap_err()), "INTAKE-001", Kind::Invalid),
            (Error::Sheet(Sheet::parse(b"mrn\n1\n").unwrap_err()), "INTAKE-002", Kind::Invalid),
            (Error::Manifest(Manifest::parse(b"").unwrap_err()), "INTAKE-003", Kind::Invalid),
            (Error::Digest { file: file() }, "INTAKE-004", Kind::Integrity),
            (wrap(WrapFault::NoEof), "INTAKE-005", Kind::Invalid),
            (wrap(WrapFault::Ratio { limit: 100 }), "INTAKE-007", Kind::Invalid),
            (Error::Whole { file: file(), fault: WholeFault::NoEof }, "INTAKE-009", Kind::Invalid),
            (Error::NoVerdict { file: file() }, "INTAKE-010", Kind::Unavailable),
        ] {
            assert_eq!((error.code(), error.kind()), (code, kind), "{error}");
            assert!(error.hint().is_some());
        }
    }
}
