//! Pure detectors: identifier columns and values, log redaction.
//!
//! Promises: a finding names row, column and reason and shows the shape of a value, never the value; what
//! laboratories need to keep (opaque codes, accessions of public archives, coordinates, HGVS) passes; a
//! redacted line holds no path, account, host, address, secret or read sequence that the rules know.
//!
//! Invariants: no input or output, no clock; every pattern is a constant that a test compiles; matching is
//! linear in the length of the text.
//!
//! Limits: a name that looks like a code, or a code that looks like a name, cannot be told by shape. What
//! the rules find and miss on a public corpus is measured in `tests/corpus.rs`.
//!
//! * [`finding`]: what a detector says
//! * [`column`]: column names that announce an identifier
//! * [`value`]: identifiers anywhere in a text
//! * [`label`]: names and record numbers that pose as sample labels
//! * [`table`], [`text`], [`vcf`], [`sam`], [`read_name`], [`parameter`], [`short`]: what is screened
//! * [`known`], [`redact`]: log lines made fit to show, by what the program knows first

mod check_digit;
mod clean;
pub mod column;
pub mod finding;
mod header;
mod keep;
pub mod known;
pub mod label;
pub mod parameter;
mod person;
pub mod read_name;
pub mod redact;
pub mod sam;
pub mod short;
pub mod table;
pub mod text;
pub mod value;
pub mod vcf;
mod words;

pub use finding::{Finding, Place, Reason};
pub use known::Known;
pub use parameter::screen_parameters;
pub use read_name::{ReadNames, screen_read_name};
pub use redact::{Redactor, redact};
pub use sam::screen_sam_header;
pub use short::{screen_file_name, screen_subject};
pub use table::screen_table;
pub use text::{screen_log, screen_text};
pub use vcf::screen_vcf_header;
