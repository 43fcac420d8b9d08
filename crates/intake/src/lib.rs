//! The controlled door: checks, screening and sealing of what arrives.
//!
//! Promises: what a sheet or a manifest says is believed only after all of it has been checked, and every
//! fault is told at once; a FASTQ file passes only when it is whole, well formed, within its caps, and
//! paired; no check holds more than a line of a file, or its header, and none quotes a label, a name or a read.
//!
//! Nothing is seen before all of a package is in; a file that fails leaves nothing.
//!
//! Invariants: names in a sheet are looked up beneath the package and used for nothing else; the verdict on
//! a file does not depend on the pieces in which it came.
//!
//! * [`sheet`], [`manifest`], [`name`]: what a package says of itself
//! * [`limits`]: how much a stream may ask of us
//! * [`gzip`]: the framing of gzip and BGZF
//! * [`fastq`]: one FASTQ file as it streams past
//! * [`pairing`]: whether two of them belong together
//! * [`whole`]: the ends of BAM, CRAM, BCF and compressed VCF, and what their headers say
//! * [`child`]: the FASTQ check as a filter for a capped process
//! * [`check`]: that process behind its walls
//! * [`split`]: a sheet that carries identifiers, taken apart
//! * [`offer`]: a sheet and a manifest together, judged before anything is stored
//! * [`door`]: a package from its beginning to the moment when it is seen
//! * [`receive`]: one file: streamed once, checked, sealed
//! * [`error`]: the one error, with its codes

mod beside;
pub mod check;
pub mod child;
mod claim;
pub mod door;
pub mod error;
pub mod fastq;
pub mod gzip;
mod header;
pub mod limits;
pub mod manifest;
pub mod name;
pub mod offer;
pub mod pairing;
pub mod receive;
pub mod sheet;
pub mod split;
#[cfg(test)]
mod testing;
pub mod whole;

pub use check::FastqCheck;
pub use child::{Outcome, check_stream, read_outcome};
pub use door::{Begun, Door, ReadsetSummary};
pub use error::{Error, Findings};
pub use fastq::{Checker, FastqFault, Verdict};
pub use limits::Limits;
pub use manifest::Manifest;
pub use pairing::check_pair;
pub use receive::{Lease, Received};
pub use sheet::{Row, Sheet};
