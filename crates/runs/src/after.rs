//! What follows a run, done by whoever joins rooms that must not know each other: the variants
//! become a part of the lake, the case a report.

use crate::{Failure, Runs};
use access::Caller;
use base::{ObjectId, ReferenceId, RunId, SampleId};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A run whose results are in.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The run.
    pub run: RunId,
    /// The sample.
    pub sample: SampleId,
    /// The reference.
    pub reference: ReferenceId,
    /// The person, for decisions of their own; the run records the outcomes of what is left open.
    pub caller: Caller,
    /// What the run made: kind and object.
    pub results: Vec<(String, ObjectId)>,
}

/// The answer of [`AfterRun::after`].
pub type After<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// Does what follows a run.
///
/// Contract: called once for a run whose results are stored, before anyone sees the run as done;
/// all or nothing; a failure fails the run, whose own results stay.
pub trait AfterRun: Send + Sync {
    /// Does it.
    fn after<'a>(&'a self, ended: &'a Ended) -> After<'a>;
}

impl Runs {
    /// Attaches what follows a run. Once, when the site is opened; later calls change nothing.
    pub fn attach(&self, after: Arc<dyn AfterRun>) {
        let _ = self.inner.after.set(after);
    }
}
