//! Whether a legal hold or a retention floor forbids an erasure.

use access::Permit;
use access::thing::Project;
use access::verb::Manage;
use archive::{Archive, Keeps};
use base::{ObjectId, SubjectId};
use catalog::Catalog;
use keys::shred::Answer;
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
        people: &'a BTreeSet<SubjectId>,
        objects: &'a [ObjectId],
    ) -> Answer<'a, Option<&'static str>> {
        Box::pin(async move {
            // What other projects made of these people is asked about as well: their holds and floors count.
            Ok(self.archive.keeps(permit, objects, people).await?.map(|keeps| match keeps {
                Keeps::Hold => "an object is under a legal hold",
                Keeps::Floor => "the retention floor of the project has not passed",
            }))
        })
    }

    fn people<'a>(&'a self, erasure: &'a Erasure) -> Answer<'a, BTreeSet<SubjectId>> {
        Box::pin(async move {
            Ok(match erasure {
                Erasure::Project(project) => self.catalog.people(project).await?,
                Erasure::Subject { project, subject } => {
                    match self.catalog.has_subject(project, subject).await? {
                        true => [subject.clone()].into(),
                        false => BTreeSet::new(),
                    }
                }
            })
        })
    }
}
