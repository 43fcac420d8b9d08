//! What came of the decisions of a request.

use crate::{Access, Caller, Error};
use audit::{Outcome, What};

/// Most ids that one outcome names. Each takes some sixty bytes of an event, of which the ledger
/// takes 65,535.
const NAMED_AT_ONCE: usize = 400;

/// How a request ended, for the outcome of its decisions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ended<'a> {
    /// The error's code, when it failed.
    pub code: Option<&'a str>,
    /// Bytes of protected data that left.
    pub released: Option<u64>,
    /// Ids of what it made.
    pub made: &'a [String],
}

impl Access {
    /// Records the outcome of every decision of the request that has none yet. An event has a size
    /// limit, so a long list of what was made is spread over several outcomes of the decision.
    pub async fn close(&self, caller: &Caller, ended: Ended<'_>) -> Result<(), Error> {
        // What left is told once, however often it was decided while it did.
        let mut bytes = ended.released;
        for act in caller.take() {
            let (result, code) = match ended.code {
                None => (Outcome::Done, None),
                Some(code) => (Outcome::Failed, Some(code.to_owned())),
            };
            let stored = self.inner.db.watermark().is_some_and(|position| position >= act.decision);
            let mut unwraps = Some(act.unwraps).filter(|count| *count > 0);
            let named: Vec<String> = act.about.into_iter().chain(ended.made.iter().cloned()).collect();
            for some in named.chunks(NAMED_AT_ONCE) {
                let (decision, code) = (act.decision, code.clone());
                let (bytes, unwraps) = (bytes.take(), unwraps.take());
                let what = What::Outcome { decision, result, stored, code, bytes, unwraps };
                let event = caller.event(what).in_project(act.project.clone()).about(some.iter().cloned());
                self.inner.audit.follow(&event).await?;
            }
        }
        Ok(())
    }
}
