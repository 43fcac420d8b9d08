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

/// Why something was not let in. A file is told by its place in the sheet, such as `row 2, fastq_1`, never by
/// its name.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sheet breaks rules.
    #[error("the sheet is refused:\n  {}", list(.0))]
    Sheet(Vec<SheetFault>),
    /// Something in the sheet looks like a direct identifier; it may break other rules too.
    #[error("the sheet holds what looks like direct identifiers:\n  {}", list(.0))]
    Identifier(Vec<SheetFault>),
    /// The manifest is malformed, or does not list what the sheet names.
    #[error("the manifest is refused:\n  {}", list(.0))]
    Manifest(Vec<ManifestFault>),
    /// A file is not what the generator's digest says.
    #[error("the file of {file} does not have the digest that the manifest gives")]
    Digest {
        /// The file's place.
        file: String,
    },
    /// A FASTQ file is cut or damaged.
    #[error("the file of {file} is not a whole one")]
    Cut {
        /// The file's place.
        file: String,
        /// Why.
        #[source]
        fault: WrapFault,
    },
    /// A FASTQ file has a malformed record.
    #[error("the file of {file} is not well formed")]
    Record {
        /// The file's place.
        file: String,
        /// Where and why.
        #[source]
        fault: FastqFault,
    },
    /// A FASTQ file exceeds a cap.
    #[error("the file of {file} asks for too much")]
    Cap {
        /// The file's place.
        file: String,
        /// Which cap.
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
    #[error("the file of {file} is not a whole one of its form")]
    Whole {
        /// The file's place.
        file: String,
        /// Why.
        #[source]
        fault: WholeFault,
    },
    /// The process that checks a file ended without a verdict.
    #[error("the check of {file} ended without a verdict")]
    NoVerdict {
        /// The file's place.
        file: String,
    },
}

fn list(faults: &[impl std::fmt::Display]) -> String {
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    told.join("\n  ")
}

impl Error {
    /// The error for a FASTQ file at `file`, such as `row 2, fastq_1`.
    pub fn fastq(file: String, fault: FastqFault) -> Self {
        match fault {
            FastqFault::Wrap(
                WrapFault::TooLarge { .. }
                | WrapFault::Ratio { .. }
                | WrapFault::Members { .. }
                | WrapFault::SmallMembers { .. },
            )
            | FastqFault::Record { what: RecordFault::LongLine { .. }, .. } => Self::Cap { file, fault },
            FastqFault::Wrap(fault) => Self::Cut { file, fault },
            FastqFault::Record { .. } => Self::Record { file, fault },
        }
    }
}

/// The faults of a sheet; one that looks like an identifier decides what the error is.
impl From<Vec<SheetFault>> for Error {
    fn from(faults: Vec<SheetFault>) -> Self {
        if faults.iter().any(SheetFault::is_identifier) {
            Self::Identifier(faults)
        } else {
            Self::Sheet(faults)
        }
    }
}

impl From<Vec<ManifestFault>> for Error {
    fn from(faults: Vec<ManifestFault>) -> Self {
        Self::Manifest(faults)
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
            Self::Sheet(_) => "INTAKE-001",
            Self::Identifier(_) => "INTAKE-002",
            Self::Manifest(_) => "INTAKE-003",
            Self::Digest { .. } => "INTAKE-004",
            Self::Cut { .. } => "INTAKE-005",
            Self::Record { .. } => "INTAKE-006",
            Self::Cap { .. } => "INTAKE-007",
            Self::Pair { .. } => "INTAKE-008",
            Self::Whole { .. } => "INTAKE-009",
            Self::NoVerdict { .. } => "INTAKE-010",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Sheet(_) => "nothing was stored; correct the places named and send the package again",
            Self::Identifier(_) => {
                "nothing was stored; use opaque codes in the sheet and send the package again"
            }
            Self::Manifest(_) => {
                "list every file of the sheet once, as md5sum or sha256sum write it, and no other"
            }
            Self::Digest { .. } => {
                "the file changed since the manifest was made; copy it again from the sequencer"
            }
            Self::Cut { .. } => "the file was cut or damaged on its way; copy it again from the sequencer",
            Self::Record { .. } => "look at the record named; the file is not as a sequencer writes it",
            Self::Cap { .. } => {
                "a cap protects the site; if the file is right, ask an administrator to raise it"
            }
            Self::Pair { .. } => {
                "check that both files come from one run and lane and were not filtered one by one"
            }
            Self::Whole { .. } => "the file was cut, or is of another form; write it again",
            Self::NoVerdict { .. } => {
                "send the package again; if it fails again, the file needs more than the limits allow"
            }
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{manifest::Manifest, sheet::Sheet};

    #[test]
    fn codes_tell_reasons_apart() {
        let file = || "row 1, fastq_1".to_owned();
        let wrap = |fault| Error::fastq(file(), FastqFault::Wrap(fault));
        let record = |what| Error::fastq(file(), FastqFault::Record { record: 1, line: 2, what });
        for (error, code, kind) in [
            (Error::from(Sheet::parse(b"a\n1\n").unwrap_err()), "INTAKE-001", Kind::Invalid),
            (Error::from(Sheet::parse(b"mrn\n1\n").unwrap_err()), "INTAKE-002", Kind::Invalid),
            (Error::from(Manifest::parse(b"").unwrap_err()), "INTAKE-003", Kind::Invalid),
            (Error::Digest { file: file() }, "INTAKE-004", Kind::Integrity),
            (wrap(WrapFault::NoEof), "INTAKE-005", Kind::Invalid),
            (wrap(WrapFault::Ratio { limit: 100 }), "INTAKE-007", Kind::Invalid),
            (record(RecordFault::NoPlus), "INTAKE-006", Kind::Invalid),
            (record(RecordFault::LongLine { limit: 1 }), "INTAKE-007", Kind::Invalid),
            (Error::Pair { row: 1, fault: PairFault::Names { from: 1, to: 2 } }, "INTAKE-008", Kind::Invalid),
            (Error::Whole { file: file(), fault: WholeFault::NoEof }, "INTAKE-009", Kind::Invalid),
            (Error::NoVerdict { file: file() }, "INTAKE-010", Kind::Unavailable),
        ] {
            assert_eq!((error.code(), error.kind()), (code, kind), "{error}");
            assert!(error.hint().is_some());
        }
    }
}
