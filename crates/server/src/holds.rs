//! Whether a legal hold or a retention floor forbids an erasure.

use access::Permit;
use access::thing::Project;
use access::verb::Manage;
use archive::{Archive, Keeps};
use base::{ObjectId, ProjectId, SubjectId};
use catalog::Catalog;
use keys::shred::{HoldAnswer, OwnAnswer};
use keys::{Erasure, Holds, Keys};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The holds and floors of a site's objects, by their records and by the store.
pub struct Floors {
    /// What holds and floors stand in.
    pub archive: Archive,
    /// Whose people subjects are.
    pub catalog: Catalog,
}

impl Floors {
    /// Has the keys ask these floors.
    pub fn attach(keys: &Keys, archive: &Archive, catalog: &Catalog) {
        keys.attach_holds(Arc::new(Self { archive: archive.clone(), catalog: catalog.clone() }));
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
            // What other projects made of these people is asked about as well: their holds and floors count.
            let mut people = BTreeSet::new();
            for object in objects {
                if let Some(subject) = self.archive.subject_of(object).await?
                    && self.catalog.has_subject(erasure.project(), &subject).await?
                {
                    people.insert(subject);
                }
            }
            Ok(self.archive.keeps(permit, objects, &people).await?.map(|keeps| match keeps {
                Keeps::Hold => "an object is under a legal hold",
                Keeps::Floor => "the retention floor of the project has not passed",
            }))
        })
    }

    fn is_own<'a>(&'a self, project: &'a ProjectId, subject: &'a SubjectId) -> OwnAnswer<'a> {
        Box::pin(async move { Ok(self.catalog.has_subject(project, subject).await?) })
    }
}
