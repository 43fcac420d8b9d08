//! Whether a legal hold or a retention floor forbids an erasure.

use access::Permit;
use access::thing::Project;
use access::verb::Manage;
use archive::{Archive, Object};
use base::{Clock, ObjectId, Timestamp};
use keys::shred::HoldAnswer;
use keys::{Erasure, Holds, Keys};
use std::sync::Arc;

/// The holds and floors of a site's objects, by their records.
pub struct Floors {
    /// What holds and floors stand in.
    pub archive: Archive,
    /// The time now.
    pub clock: Arc<dyn Clock>,
}

impl Floors {
    /// Has the keys ask these floors.
    pub fn attach(keys: &Keys, archive: &Archive, clock: &Arc<dyn Clock>) {
        keys.attach_holds(Arc::new(Self { archive: archive.clone(), clock: clock.clone() }));
    }
}

impl Holds for Floors {
    fn held<'a>(
        &'a self,
        permit: &'a Permit<Manage, Project>,
        _: &'a Erasure,
        objects: &'a [ObjectId],
    ) -> HoldAnswer<'a> {
        Box::pin(async move {
            let records = self.archive.describe(permit, objects).await?;
            if records.len() != objects.len() {
                return Err("an object has no record".into());
            }
            Ok(records.iter().find_map(|record| forbids(record, self.clock.now())))
        })
    }
}

/// Why this object must stay readable at `now`, if it must. What has no floor on record is kept.
fn forbids(record: &Object, now: Timestamp) -> Option<&'static str> {
    let kept = record.kept_until.is_none_or(|until| now < until) && record.deleted_at.is_none();
    match (record.held, kept) {
        (true, _) => Some("an object is under a legal hold"),
        (_, true) => Some("the retention floor of the project has not passed"),
        _ => None,
    }
}
