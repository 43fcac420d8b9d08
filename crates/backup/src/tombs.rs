//! What the ledger says about a restored database: what must not come back, and what is lost.

use crate::Error;
use crate::set::Set;
use archive::restored::Since;
use audit::search::Hit;
use audit::{Audit, Outcome, Recorded, What};
use base::{Id, ObjectId, ProjectId, RequestId, SubjectId, Timestamp, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// Events read at once.
const ROUND: u64 = 4096;

/// What a ledger says about a set.
#[derive(Debug, Clone, Default)]
pub struct Tombs {
    /// Whether the set is on record.
    pub known: bool,
    /// Shreddings.
    pub shreddings: Vec<Shredding>,
    /// Deletions, withdrawals, holds.
    pub objects: Since,
    /// Accounts about whose roles something was decided since, and where; none for the site.
    pub rights: BTreeSet<(UserId, Option<ProjectId>)>,
    /// Every version that was sealed and not withdrawn or deleted.
    pub sealed: BTreeSet<(ObjectId, u32)>,
}

/// A shredding on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shredding {
    /// The project, or the subject.
    pub scope: String,
    /// The decision's position.
    pub position: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// Whether it is on record as done. Else it may have been.
    pub done: bool,
}

/// What was decided or begun and has no outcome yet.
#[derive(Default)]
struct Open {
    shreddings: BTreeMap<u64, Shredding>,
    rights: BTreeMap<u64, Vec<(UserId, Option<ProjectId>)>>,
    deletions: BTreeMap<RequestId, Vec<ObjectId>>,
    lifts: BTreeMap<RequestId, Vec<ObjectId>>,
}

impl Tombs {
    /// Reads the whole ledger for what a set must not bring back. Blocks.
    pub fn read(audit: &Audit, set: &Set) -> Result<Self, Error> {
        let mut tombs = Self::default();
        let mut open = Open::default();
        each(audit, 0, |recorded| tombs.take(set, recorded, &mut open))?;
        // Decided and never ended: a crash came in between, and it may have been carried out.
        tombs.shreddings.extend(open.shreddings.into_values());
        tombs.rights.extend(open.rights.into_values().flatten());
        tombs.shreddings.sort_by_key(|one| one.position);
        for id in tombs.objects.deleted.keys().chain(&tombs.objects.withdrawn) {
            tombs.sealed.retain(|(object, _)| object != id);
        }
        Ok(tombs)
    }

    /// Whether the ledger vouches for a set. Blocks.
    pub fn knows(audit: &Audit, set: &Set) -> Result<bool, Error> {
        let mut known = false;
        each(audit, set.head.since.min(audit.ledger().size()), |recorded| known |= vouches(set, &recorded))?;
        Ok(known)
    }

    fn take(&mut self, set: &Set, recorded: Recorded, open: &mut Open) {
        self.known |= vouches(set, &recorded);
        let Recorded { position, time, event, .. } = recorded;
        let objects = || event.about.iter().filter_map(|id| id.parse::<ObjectId>().ok());
        match &event.what {
            What::Decision { allowed: true, action, .. } => match action.as_str() {
                "shred-keys" => {
                    if let Some(scope) = scope_of(&event.about, event.project.as_ref()) {
                        open.shreddings
                            .insert(position, Shredding { scope, position, at: time, done: false });
                    }
                }
                "administer-project" | "manage-accounts" => {
                    let accounts = event.about.iter().filter_map(|id| id.parse::<UserId>().ok());
                    let rights = accounts.map(|account| (account, event.project.clone())).collect();
                    open.rights.insert(position, rights);
                }
                _ => {}
            },
            What::Outcome { decision, result, stored, .. } => {
                // Nothing was committed since the decision: nothing was destroyed.
                let undone = *result == Outcome::Failed && !stored;
                let of = |map: &mut BTreeMap<RequestId, Vec<ObjectId>>| {
                    event.request.as_ref().and_then(|request| map.remove(request)).unwrap_or_default()
                };
                for object in of(&mut open.deletions) {
                    if undone {
                        self.objects.deleted.remove(&object);
                    }
                }
                for object in of(&mut open.lifts) {
                    // A hold ends when it is on record that it ended.
                    if *result == Outcome::Done {
                        self.objects.holds.insert(object, false);
                    }
                }
                let rights = open.rights.remove(decision).unwrap_or_default();
                if position >= set.head.since && !undone {
                    self.rights.extend(rights);
                }
                if let Some(mut ended) = open.shreddings.remove(decision).filter(|_| !undone) {
                    ended.done = *result == Outcome::Done;
                    self.shreddings.push(ended);
                }
            }
            What::ObjectSealed(manifest) => {
                self.sealed.insert((manifest.object.clone(), manifest.version));
            }
            What::ObjectsWithdrawn {} => self.objects.withdrawn.extend(objects()),
            What::ObjectDeleted { .. } => {
                self.objects.deleted.extend(objects().map(|id| (id, time)));
                open.deletions.extend(event.request.clone().map(|request| (request, objects().collect())));
            }
            What::HoldChanged { held: true } => self.objects.holds.extend(objects().map(|id| (id, true))),
            What::HoldChanged { held: false } => {
                open.lifts.extend(event.request.clone().map(|request| (request, objects().collect())));
            }
            _ => {}
        }
    }
}

/// A subject when one is named, else the project.
fn scope_of(about: &[String], project: Option<&ProjectId>) -> Option<String> {
    let subject = about.iter().find(|id| id.parse::<SubjectId>().is_ok()).cloned();
    subject.or_else(|| project.map(|project| project.as_str().to_owned()))
}

fn vouches(set: &Set, recorded: &Recorded) -> bool {
    matches!(&recorded.event.what, What::BackupMade { set: number, digest, .. }
        if *number == set.head.set && *digest == set.digest)
}

fn each(audit: &Audit, from: u64, mut take: impl FnMut(Recorded)) -> Result<(), Error> {
    let size = audit.ledger().size();
    let mut at = from;
    while at < size {
        let end = at.saturating_add(ROUND).min(size);
        for record in audit.ledger().range(at..end)? {
            take(Hit::parse(record.position, record.leaf)?.recorded);
        }
        at = end;
    }
    Ok(())
}
