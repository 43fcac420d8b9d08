//! The encrypted variant lake: load, annotate, rank, query.
//!
//! Promises: a part is one Parquet file, every byte of it that says anything about a person
//! encrypted and authenticated under the part's own key; it holds opaque ids and no label; a
//! variant file that was cut, or that holds another number of records than the caller counted, is
//! refused whole; every rank comes with the reasons that add up to it.
//!
//! *Invariant:* nothing here opens a file, asks for a key or decides who may: the bytes and the
//! key of a part come from an opening that had a permit.
//!
//! The format is specified in `docs/spec/variant-lake.md`.
//!
//! * [`load`]: a VCF and its annotation sources become a part
//! * [`query`]: parts and a filter become ranked rows and counts
//! * [`filter`]: what to keep, written as people write it
//! * [`rank`]: the rule, its version and its reasons
//! * [`row`]: one variant in one sample, and the lake's words for it
//! * [`consequence`]: consequence terms in order of severity, and the BCSQ field
//! * [`significance`]: clinical significance terms
//! * `annotate`: frequencies and significance found by normalised allele
//! * `part`: the Parquet schema, writer and reader
//! * `vcf`: the only place that touches the VCF and BGZF codecs

mod annotate;
pub mod consequence;
mod error;
pub mod filter;
pub mod load;
mod part;
pub mod query;
pub mod rank;
pub mod row;
pub mod significance;
mod vcf;

pub use error::{Error, Result};
pub use filter::Filter;
pub use load::{Columns, Loaded, Plan, Skipped, Sources, load};
pub use part::{About, FORMAT, Part, SCHEMA_VERSION, about, verify};
pub use query::{Answer, Counts, Options, Order, Ranked, query};
pub use rank::{RULE, Rank, Reason, rank};
pub use row::{Row, Zygosity};
