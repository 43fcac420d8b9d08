//! Why a package is refused: one error, with a stable code for each kind of reason.

use base::{Fault, Kind, ObjectId};
use screen::Finding;

use crate::{
    fastq::{FastqFault, RecordFault},
    gzip::WrapFault,
    manifest::{Digest, ManifestFault},
    pairing::PairFault,
    sheet::SheetFault,
    split::SplitFault,
    whole::WholeFault,
};

/// Why something was not let in. A file is told by its place in the sheet, such as `row 2, fastq_1`. Only
/// the messages about a manifest repeat file names, for the sender's own screen: they are not for logs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sheet breaks rules.
    #[error("the sheet is refused:\n  {0}")]
    Sheet(Findings),
    /// Something in the sheet looks like a direct identifier; it may break other rules too.
    #[error("the sheet holds what looks like direct identifiers:\n  {0}")]
    Identifier(Findings),
    /// A sheet that was to be split is refused.
    #[error("the sheet is not split:\n  {}", split(.0))]
    Split(Vec<SplitFault>),
    /// The manifest is malformed, or does not list what the sheet names.
    #[error("the manifest is refused:\n  {0}")]
    Manifest(Findings),
    /// A file is not what the generator's digest says.
    #[error(
        "the file of {file} does not have the digest that the manifest gives: expected {expected}, found {found}"
    )]
    Digest {
        /// The file's place.
        file: String,
        /// What the manifest gives.
        expected: Digest,
        /// What arrived.
        found: Digest,
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
        /// The sealed objects of the package, which were taken back.
        withdrawn: Vec<ObjectId>,
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
    /// The names of a file's reads, or its header, hold what looks like direct identifiers.
    #[error("the file of {file} holds what looks like direct identifiers:\n  {}", listed(.findings))]
    Identified {
        /// The file's place.
        file: String,
        /// What, by place and kind; never a value.
        findings: Vec<Finding>,
    },
    /// Somebody whose reads are in the package forbids all use of their data in the project.
    #[error("the person of row {row} forbids all use of their data in this project")]
    Withdrawn {
        /// The row of the sheet, from 1.
        row: usize,
    },
    /// The process that checks a file ended without a verdict.
    #[error("the check of {file} ended without a verdict: {why}")]
    NoVerdict {
        /// The file's place.
        file: String,
        /// How the process ended.
        why: &'static str,
    },
    /// Fewer or more bytes came than were announced, or the connection broke.
    #[error("the upload of {file} ended after {got} bytes")]
    Interrupted {
        /// The file's place.
        file: String,
        /// Bytes that came.
        got: u64,
    },
    /// The same file, or the whole package, is being worked on by another request.
    #[error("another request is at work on this part of the package")]
    Busy,
    /// A number that no file of the package has.
    #[error("the package has no file {0}")]
    NoFile(u32),
    /// A stored verdict is not readable.
    #[error("the stored verdict of {file} is not readable")]
    Verdict {
        /// The file's place.
        file: String,
    },
    /// The work was cut off by a defect of the program.
    #[error("the work on the upload was cut off")]
    Task,
    /// The permit does not allow it, or ended and was not renewed.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The archive failed.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// The catalog refused or failed.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The identity map could not be asked.
    #[error(transparent)]
    Subjects(#[from] subjects::Error),
    /// Keys could not be used.
    #[error(transparent)]
    Keys(#[from] keys::Error),
    /// The check could not be started behind its walls.
    #[error(transparent)]
    Executor(#[from] executor::Error),
    /// The metadata database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

fn listed(findings: &[Finding]) -> String {
    let lines: Vec<String> =
        findings.iter().map(|finding| format!("{finding}: {}", finding.reason.advice())).collect();
    lines.join("\n  ")
}

fn split(faults: &[SplitFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

/// Everything found wrong with a sheet and its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// In the sheet, in its order.
    pub sheet: Vec<SheetFault>,
    /// In the manifest, or between the two.
    pub manifest: Vec<ManifestFault>,
}

impl std::fmt::Display for Findings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sheet = self.sheet.iter().map(ToString::to_string);
        let manifest = self.manifest.iter().map(|fault| format!("manifest: {fault}"));
        f.write_str(&sheet.chain(manifest).collect::<Vec<_>>().join("\n  "))
    }
}

impl Error {
    /// The sealed objects that were taken back with the refusal; they belong into the act's outcome.
    pub fn withdrawn(&self) -> &[ObjectId] {
        match self {
            Self::Pair { withdrawn, .. } => withdrawn,
            _ => &[],
        }
    }

    /// The error for a file of another form at `file`.
    pub fn whole(file: String, fault: WholeFault) -> Self {
        match fault {
            WholeFault::Identifier { findings } => Self::Identified { file, findings },
            fault => Self::Whole { file, fault },
        }
    }

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
            FastqFault::Identifier { findings, .. } => Self::Identified { file, findings },
            FastqFault::Wrap(fault) => Self::Cut { file, fault },
            FastqFault::Record { .. } => Self::Record { file, fault },
        }
    }
}

/// The faults of a package; one that looks like an identifier decides what the error is.
impl From<Findings> for Error {
    fn from(found: Findings) -> Self {
        if found.sheet.iter().any(SheetFault::is_identifier) {
            Self::Identifier(found)
        } else if found.sheet.is_empty() {
            Self::Manifest(found)
        } else {
            Self::Sheet(found)
        }
    }
}

impl From<Vec<SheetFault>> for Error {
    fn from(sheet: Vec<SheetFault>) -> Self {
        Findings { sheet, manifest: Vec::new() }.into()
    }
}

impl From<Vec<ManifestFault>> for Error {
    fn from(manifest: Vec<ManifestFault>) -> Self {
        Findings { sheet: Vec::new(), manifest }.into()
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Digest { .. } => Kind::Integrity,
            Self::NoVerdict { .. } | Self::Interrupted { .. } => Kind::Unavailable,
            Self::Busy | Self::Withdrawn { .. } => Kind::Conflict,
            Self::NoFile(_) => Kind::NotFound,
            Self::Verdict { .. } => Kind::Integrity,
            Self::Task => Kind::Internal,
            Self::Access(e) => e.kind(),
            Self::Archive(e) => e.kind(),
            Self::Catalog(e) => e.kind(),
            Self::Subjects(e) => e.kind(),
            Self::Keys(e) => e.kind(),
            Self::Executor(e) => e.kind(),
            Self::Db(e) => e.kind(),
            Self::Sheet(_)
            | Self::Identifier(_)
            | Self::Split(_)
            | Self::Manifest(_)
            | Self::Cut { .. }
            | Self::Record { .. }
            | Self::Cap { .. }
            | Self::Pair { .. }
            | Self::Whole { .. }
            | Self::Identified { .. } => Kind::Invalid,
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
            Self::Interrupted { .. } => "INTAKE-011",
            Self::Busy => "INTAKE-012",
            Self::NoFile(_) => "INTAKE-013",
            Self::Verdict { .. } => "INTAKE-014",
            Self::Task => "INTAKE-015",
            Self::Identified { .. } => "INTAKE-016",
            Self::Split(_) => "INTAKE-017",
            Self::Subjects(e) => e.code(),
            Self::Withdrawn { .. } => "INTAKE-018",
            Self::Access(e) => e.code(),
            Self::Archive(e) => e.code(),
            Self::Catalog(e) => e.code(),
            Self::Keys(e) => e.code(),
            Self::Executor(e) => e.code(),
            Self::Db(e) => e.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Sheet(_) => "nothing was stored; correct the places named and send the package again",
            Self::Identifier(_) => {
                "nothing was stored; use opaque codes in the sheet, or have a data steward take it apart with \
                 `intake split`, and send the package again"
            }
            Self::Split(_) => {
                "nothing was stored; correct the places named and split the sheet again; `--dry-run` tells where \
                 each column would go"
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
                "nothing of the package was kept: check that both files come from one run and lane and were \
                 not filtered one by one, then send it again"
            }
            Self::Whole { .. } => "the file was cut, or is of another form; write it again",
            Self::Identified { .. } => {
                "nothing of the file was stored; write it again with names that say nothing of a person: \
                 rename the reads, or the header with `samtools reheader` or `bcftools reheader`, and make the \
                 manifest anew"
            }
            Self::NoVerdict { .. } => {
                "send the package again; if it fails again, the file needs more than the limits allow"
            }
            Self::Interrupted { .. } => "run the same command again: it sends only what is missing",
            Self::Withdrawn { .. } => {
                "nothing of the package was kept; leave out the rows of that person and send the rest"
            }
            Self::Busy => "wait for the other upload of this package to end, then run the same command again",
            Self::NoFile(_) => "begin the package again: its files are numbered there",
            Self::Verdict { .. } => "restore the site's `metadata.db` from a backup",
            Self::Task => return None,
            Self::Access(e) => return e.hint(),
            Self::Archive(e) => return e.hint(),
            Self::Catalog(e) => return e.hint(),
            Self::Subjects(e) => return e.hint(),
            Self::Keys(e) => return e.hint(),
            Self::Executor(e) => return e.hint(),
            Self::Db(e) => return e.hint(),
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
        let digest = Digest::parse("d41d8cd98f00b204e9800998ecf8427e").unwrap();
        let names = PairFault::Names { from: 1, to: 2 };
        let wrap = |fault| Error::fastq(file(), FastqFault::Wrap(fault));
        let record = |what| Error::fastq(file(), FastqFault::Record { record: 1, line: 2, what });
        for (error, code, kind) in [
            (Error::from(Sheet::parse(b"a\n1\n").unwrap_err()), "INTAKE-001", Kind::Invalid),
            (Error::from(Sheet::parse(b"mrn\n1\n").unwrap_err()), "INTAKE-002", Kind::Invalid),
            (crate::split::SplitFault::whole(crate::split::SplitProblem::Empty), "INTAKE-017", Kind::Invalid),
            (Error::from(Manifest::parse(b"").unwrap_err()), "INTAKE-003", Kind::Invalid),
            (Error::Digest { file: file(), expected: digest, found: digest }, "INTAKE-004", Kind::Integrity),
            (wrap(WrapFault::NoEof), "INTAKE-005", Kind::Invalid),
            (wrap(WrapFault::Ratio { limit: 100 }), "INTAKE-007", Kind::Invalid),
            (record(RecordFault::NoPlus), "INTAKE-006", Kind::Invalid),
            (record(RecordFault::LongLine { limit: 1 }), "INTAKE-007", Kind::Invalid),
            (Error::Pair { row: 1, fault: names, withdrawn: vec![] }, "INTAKE-008", Kind::Invalid),
            (Error::Whole { file: file(), fault: WholeFault::NoEof }, "INTAKE-009", Kind::Invalid),
            (Error::NoVerdict { file: file(), why: "killed" }, "INTAKE-010", Kind::Unavailable),
            (Error::Interrupted { file: file(), got: 7 }, "INTAKE-011", Kind::Unavailable),
            (Error::Busy, "INTAKE-012", Kind::Conflict),
            (Error::Withdrawn { row: 2 }, "INTAKE-018", Kind::Conflict),
            (Error::NoFile(3), "INTAKE-013", Kind::NotFound),
            (Error::Verdict { file: file() }, "INTAKE-014", Kind::Integrity),
            (
                Error::fastq(file(), FastqFault::Identifier { record: 1, findings: vec![] }),
                "INTAKE-016",
                Kind::Invalid,
            ),
            (Error::whole(file(), WholeFault::Identifier { findings: vec![] }), "INTAKE-016", Kind::Invalid),
            (Error::whole(file(), WholeFault::NoEof), "INTAKE-009", Kind::Invalid),
        ] {
            assert_eq!((error.code(), error.kind()), (code, kind), "{error}");
            assert!(error.hint().is_some());
        }
    }
}
