//! Projects, samples, readsets, references, results, labels and lineage.
//!
//! Promises: people's labels live here and in no record, path or job, sealed one by one; no project exists without
//! class, purpose, data-use terms, region, retention class and consent reference; a sample is
//! listed only once its reads are whole, sealed and paired; each derived object names what it was
//! made from.
//!
//! * [`project`]: what a project states about itself
//! * [`scope`]: how far data may be shared, and whose agreement that stands on; [`stated`]: what it is used for
//! * [`package`]: what is on its way through the door
//! * [`abandon`]: a package that is given up
//! * [`sample`]: subjects, samples and readsets
//! * [`reference`]: references and their files
//! * [`lineage`]: results, and what they were made from
//! * [`place`]: where a thing belongs, for decisions
//! * inside: `sealed` (which columns are sealed, and rows from before they were)

pub mod abandon;
pub mod lineage;
pub mod package;
pub mod place;
pub mod project;
pub mod reference;
pub mod sample;
pub mod scope;
pub mod stated;

mod error;
mod sealed;
mod table;

pub use error::Error;
pub use lineage::{NewResult, Result as ResultRecord};
pub use package::{FileState, NewRow, Package, PackageFile};
pub use project::{NewProject, Project, Purpose};
pub use reference::{Reference, ReferenceFile};
pub use sample::{Readset, Sample, Subject, people_of};
pub use scope::{Basis, Framework, Granularity, Incidental, Scope};
pub use stated::{Stated, StatedUse};
pub use table::MIGRATIONS;

use base::{Clock, Entropy};
use db::Db;
use std::sync::Arc;

/// The catalog of a site. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    db: Db,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Catalog {
    /// The catalog kept in `db`.
    pub fn new(db: Db, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { db, clock, entropy }
    }
}
