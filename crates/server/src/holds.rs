//! Whether a retention floor forbids an erasure.

use access::Permit;
use access::thing::Project;
use access::verb::Manage;
use archive::Archive;
use base::{Clock, ObjectId, Timestamp};
use catalog::{Catalog, Retention};
use keys::shred::HoldAnswer;
use keys::{Erasure, Holds, Keys};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// The floors of a site's projects, by the records of its objects.
pub struct Floors {
    /// The retention class of each project.
    pub catalog: Catalog,
    /// When each object was sealed.
    pub archive: Archive,
    /// The time now.
    pub clock: Arc<dyn Clock>,
}

impl Floors {
    /// Has the keys ask these floors.
    pub fn attach(keys: &Keys, catalog: &Catalog, archive: &Archive, clock: &Arc<dyn Clock>) {
        let floors = Self { catalog: catalog.clone(), archive: archive.clone(), clock: clock.clone() };
        keys.attach_holds(Arc::new(floors));
    }
}

impl Holds for Floors {
    fn held<'a>(
        &'a self,
        permit: &'a Permit<Manage, Project>,
        erasure: &'a Erasure,
        objects: &'a [ObjectId],
    ) -> HoldAnswer<'a> {
        Box::pin(async move {
            let class = self.catalog.retention_of(erasure.project()).await?.ok_or("no such project")?;
            let records = self.archive.describe(permit, objects).await?;
            if records.len() != objects.len() {
                return Err("an object has no record".into());
            }
            for record in records {
                if floor(class, record.created_at.parse()?).is_none_or(|floor| self.clock.now() < floor) {
                    return Ok(Some("the retention floor of the project has not passed"));
                }
            }
            Ok(None)
        })
    }
}

/// Until when an object is kept at least; none for ever. Years are counted long.
fn floor(class: Retention, sealed: Timestamp) -> Option<Timestamp> {
    let days = match class {
        Retention::Days90 => 90,
        Retention::Years2 => 732,
        Retention::Years10 => 3_660,
        Retention::Years30 => 10_980,
        Retention::Permanent => return None,
    };
    Some(sealed.checked_add(DAY.saturating_mul(days)).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_never_shorter_than_its_class() {
        let day = |days: u64| Timestamp::UNIX_EPOCH + Duration::from_secs(days * 86_400);
        assert_eq!(floor(Retention::Days90, day(1)), Some(day(91)));
        assert!(floor(Retention::Years2, day(0)) >= Some(day(731)));
        assert!(floor(Retention::Years30, day(0)) >= Some(day(10_958)));
        assert_eq!(floor(Retention::Permanent, day(0)), None);
        assert_eq!(floor(Retention::Years30, Timestamp::MAX), Some(Timestamp::MAX));
    }
}
