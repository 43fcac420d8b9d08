//! The room's error.

use base::{Fault, Kind};

/// The room's result.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong between a variant file and an answer. Messages name places and counts,
/// never alleles, genotypes or sample labels.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The variant file ends without the BGZF end marker or in the middle of a line.
    #[error("{what} is cut: {how}")]
    Cut {
        /// Which file: `the variant file`, `the frequency file`, `the significance file`.
        what: &'static str,
        /// How that was noticed.
        how: &'static str,
    },
    /// The file is neither plain text nor BGZF.
    #[error("{what} is compressed in another way than BGZF")]
    NotBgzf {
        /// Which file.
        what: &'static str,
    },
    /// A line or header that the specification does not allow.
    #[error("{what} is not valid VCF at record {record}: {why}")]
    Malformed {
        /// Which file.
        what: &'static str,
        /// The record's number from 1; 0 is the header.
        record: u64,
        /// What is wrong, without the line's content.
        why: &'static str,
    },
    /// Reading failed below the format.
    #[error("{what} could not be read")]
    Read {
        /// Which file.
        what: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The count check failed.
    #[error("the variant file holds {found} records where {expected} were counted")]
    Count {
        /// Records that the caller counted.
        expected: u64,
        /// Records read.
        found: u64,
    },
    /// More rows than a part may hold.
    #[error("more than {limit} rows in one part")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// No sample column, or none that the plan names.
    #[error("the variant file has no sample column")]
    NoSamples,
    /// A sample column whose name is not an opaque id and was not given one.
    #[error("sample column {column} has no opaque id")]
    NoId {
        /// The column's number from 1: its name may be a label.
        column: usize,
    },
    /// Two sample columns would carry one id.
    #[error("two sample columns carry `{0}`")]
    TwiceTheSample(base::SampleId),
    /// Writing the part failed.
    #[error("the part could not be written")]
    Write(#[source] parquet::errors::ParquetError),
    /// The key does not open the part, or its bytes were changed.
    #[error("the part does not open: another key, or changed bytes")]
    Sealed,
    /// The part opens and is not what this room writes.
    #[error("the part is not a variant part of a known version: {0}")]
    Foreign(&'static str),
    /// A region that cannot be understood.
    #[error("`{text}` is not a region: {why}")]
    Region {
        /// As given.
        text: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A word that the filter does not know.
    #[error("`{text}` is not {what}: expected {known}")]
    Word {
        /// As given.
        text: String,
        /// What was expected.
        what: &'static str,
        /// The known words.
        known: String,
    },
    /// A number that is out of its range.
    #[error("`{text}` is not {what}")]
    Number {
        /// As given.
        text: String,
        /// What was expected, with its range.
        what: &'static str,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Cut { .. }
            | Self::NotBgzf { .. }
            | Self::Malformed { .. }
            | Self::TooMany { .. }
            | Self::NoSamples
            | Self::NoId { .. }
            | Self::TwiceTheSample(_)
            | Self::Region { .. }
            | Self::Word { .. }
            | Self::Number { .. } => Kind::Invalid,
            Self::Read { .. } | Self::Write(_) => Kind::Unavailable,
            Self::Count { .. } | Self::Sealed | Self::Foreign(_) => Kind::Integrity,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Cut { .. } => "VARIANTS-001",
            Self::NotBgzf { .. } => "VARIANTS-002",
            Self::Malformed { .. } => "VARIANTS-003",
            Self::Read { .. } => "VARIANTS-004",
            Self::Count { .. } => "VARIANTS-005",
            Self::TooMany { .. } => "VARIANTS-006",
            Self::NoSamples => "VARIANTS-007",
            Self::NoId { .. } => "VARIANTS-008",
            Self::TwiceTheSample(_) => "VARIANTS-009",
            Self::Write(_) => "VARIANTS-010",
            Self::Sealed => "VARIANTS-011",
            Self::Foreign(_) => "VARIANTS-012",
            Self::Region { .. } => "VARIANTS-013",
            Self::Word { .. } => "VARIANTS-014",
            Self::Number { .. } => "VARIANTS-015",
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Cut { .. } => {
                "send the whole file again; `bgzip -t` on the source tells whether it is whole"
            }
            Self::NotBgzf { .. } => "compress it with `bgzip`, not with `gzip`, so that a cut shows",
            Self::Malformed { .. } => "check the file with the tool that made it; nothing of it was loaded",
            Self::Count { .. } => "the tool that wrote the file stopped early or wrote twice; run it again",
            Self::TooMany { .. } => "split the file by contig and load one part for each",
            Self::NoSamples => {
                "load a file with genotypes; a sites-only file belongs to the annotation sources"
            }
            Self::NoId { .. } => "name the sample columns by their `smp_` ids, as the read groups do",
            Self::Region { .. } => "write `chr20`, `chr20:10,000` or `chr20:10,000-20,000`, counted from 1",
            Self::Word { .. } => "write one of the words named; case does not count",
            Self::Number { .. } => "write a plain number such as `0.01`, `1e-4` or `1%`",
            _ => return None,
        };
        Some(text.to_owned())
    }
}
