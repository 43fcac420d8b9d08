//! Whether a legal hold or a retention floor forbids an erasure.

use access::Permit;
use access::thing::Project;
use access::verb::Manage;
use archive::{Archive, Keeps};
use base::ObjectId;
use keys::shred::HoldAnswer;
use keys::{Erasure, Holds, Keys};
use std::sync::Arc;

/// The holds and floors of a site's objects, by their records and by the store.
pub struct Floors {
    /// What holds and floors stand in.
    pub archive: Archive,
}

impl Floors {
    /// Has the keys ask these floors.
    pub fn attach(keys: &Keys, archive: &Archive) {
        keys.attach_holds(Arc::new(Self { archive: archive.clone() }));
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
            Ok(self.archive.keeps(permit, objects).await?.map(|keeps| match keeps {
                Keeps::Hold => "an object is under a legal hold",
                Keeps::Floor => "the retention floor of the project has not passed",
            }))
        })
    }
}
