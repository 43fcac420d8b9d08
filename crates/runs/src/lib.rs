//! Tools, references, workflows, sealed runs and their receipts.
//!
//! Promises: a tool is registered once with its whole closure and checked again before each use; a
//! run's inputs are decrypted into an encrypted scratch alone, its outputs are checked as whole
//! files and by their counts, sealed, and admitted all or none; a run whose permit is not renewed
//! is stopped; when a run ends, its scratch is gone and the ledger says so; each result has a
//! receipt that verifies offline.
//!
//! Invariants:
//! * *Nothing in clear on disk*: uploads and inputs are written inside a mounted scratch only.
//! * *No result without a receipt*: objects, lineage, receipt and state are one transaction.
//! * *No label inside*: jobs, log lines and this room's tables hold opaque ids alone; what headers say lies sealed.
//!
//! * [`tool`], [`recipe`]: tools with their closures, and how the shipped ones are found
//! * [`workflow`]: the shipped workflows and their parameters
//! * [`reference`](mod@reference): from uploaded files to a reference, through a sealed job
//! * [`start`](mod@start), [`show`]: the verbs on runs
//! * [`used`]: what runs took, by project
//! * `work`: a run from its decision to its receipt; `sealed`: one workflow in one sealed job
//! * [`progress`]: what is known of a run while it runs
//! * [`contract`], [`quality`]: what outputs must agree on, and the figures they give
//! * [`header`]: what headers of results say, kept to be looked through for identifiers
//! * [`after`]: what follows a run, done by others
//! * [`receipts`]: signed, recorded, stored
//! * `lease`: a permit that is decided anew while work goes on

pub mod after;
pub mod contract;
pub mod header;
pub mod progress;
pub mod quality;
pub mod receipts;
pub mod recipe;
pub mod reference;
pub mod show;
pub mod start;
pub mod tool;
pub mod used;
pub mod workflow;

mod error;
mod lease;
mod plaintext;
mod sealed;
mod site;
mod table;
mod work;

pub use after::{AfterRun, Ended};
pub use error::Error;
pub use header::Header;
pub use progress::{Progress, State, Task};
pub use quality::Quality;
pub use receipts::Receipts;
pub use recipe::Recipe;
pub use reference::{ReferenceUpload, Role as ReferenceRole};
pub use show::{Failure, Resources, RunView};
pub use site::{Runs, RunsParts, Settings, place};
pub use start::RunSpec;
pub use table::MIGRATIONS;
pub use tool::Tool;
pub use used::Used;
pub use workflow::Workflow;
