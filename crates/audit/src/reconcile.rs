//! What start-up compares between ledger and database.

use crate::{Actor, Audit, Error, Event, Outcome, What};
use std::collections::BTreeMap;

impl Audit {
    /// Compares the ledger with the database's `watermark`, closes decisions that a crash left
    /// open as unknown, and records that the site is open.
    ///
    /// 1. A watermark at or beyond the ledger's end: the ledger was rolled back. Refuse.
    /// 2. A completed state change above the watermark: the database was rolled back. Refuse.
    /// 3. Decisions since the last start without an outcome: record `unknown` for each.
    /// 4. Record the opening, with the watermark, as the anchor for the next start.
    ///
    /// Both rolled back together is not noticed here; a witness or a checkpoint kept elsewhere is
    /// needed for that.
    pub async fn reconcile(&self, site: &Actor, program: &str, watermark: Option<u64>) -> Result<(), Error> {
        let size = self.ledger().size();
        if let Some(position) = watermark.filter(|w| *w >= size) {
            return Err(Error::LedgerRolledBack(position));
        }
        let since = self.last_opening(site)?;
        let mut open = BTreeMap::new();
        for position in since.start..size {
            let recorded = self.recorded(position)?;
            match recorded.event.what {
                What::Decision { allowed: true, changes, .. } => {
                    open.insert(position, (changes, recorded.event.project, recorded.event.about));
                }
                What::Outcome { decision, result, .. } => {
                    let changed = open.remove(&decision).is_some_and(|(changes, ..)| changes);
                    if changed && result == Outcome::Done && watermark.is_none_or(|w| w < decision) {
                        return Err(Error::DatabaseRolledBack(decision));
                    }
                }
                _ => {}
            }
        }
        if let Some(anchor) = since.watermark.filter(|anchor| watermark.is_none_or(|w| w < *anchor)) {
            return Err(Error::DatabaseRolledBack(anchor));
        }
        for (decision, (_, project, about)) in open {
            let what = What::Outcome { decision, result: Outcome::Unknown, code: None, bytes: None };
            self.follow(&Event::new(site.clone(), what).in_project(project).about(about)).await?;
        }
        let what = What::SiteOpened { program: program.to_owned(), watermark };
        self.gate(&Event::new(site.clone(), what)).await?;
        Ok(())
    }

    fn last_opening(&self, site: &Actor) -> Result<Opening, Error> {
        let chain = site.to_string();
        let mut next = self.ledger().head(&chain);
        while let Some(position) = next {
            let recorded = self.recorded(position)?;
            if let What::SiteOpened { watermark, .. } = recorded.event.what {
                return Ok(Opening { start: position, watermark });
            }
            next = recorded.previous.get(&chain).copied().flatten();
        }
        Ok(Opening { start: 0, watermark: None })
    }
}

struct Opening {
    start: u64,
    watermark: Option<u64>,
}
