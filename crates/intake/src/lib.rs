//! The controlled door: checks, screening and sealing of what arrives.
//!
//! Promises: what a sheet or a manifest says is believed only after all of it has been checked, and every
//! fault is told at once; a FASTQ file passes only when it is whole, well formed, within its caps, and
//! paired; no check holds more than a line of a file, and none quotes a label, a name or a read.
//!
//! Invariants: names in a sheet are looked up beneath the package and used for nothing else; the verdict on
//! a file does not depend on the pieces in which it came.
//!
//! * [`limits`]: how much a stream may ask of us
//! * [`gzip`]: the framing of gzip and BGZF
//! * [`fastq`]: one FASTQ file as it streams past
//! * [`pairing`]: whether two of them belong together
//! * [`whole`]: the ends of BAM, CRAM, BCF and compressed VCF
//! * [`child`]: the FASTQ check as a filter for a capped process

pub mod child;
pub mod fastq;
pub mod gzip;
pub mod limits;
pub mod pairing;
#[cfg(test)]
mod testing;
pub mod whole;
