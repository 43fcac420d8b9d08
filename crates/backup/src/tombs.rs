//! What the ledger says about a restored database: what must not come back, and what is lost.
//!
//! INVARIANT (settled): what has its end on record below the set's `since` ended before the database was
//! copied, so the copy has it as it ended, and it is not done again: an act that was refused or failed then would
//! destroy what is alive. What ended later, or never, the copy may lack.

use crate::Error;
use crate::set::Set;
use archive::restored::Since;
use audit::search::Hit;
use audit::{Audit, Event, Outcome, Recorded, What};
use base::{CredentialId, Id, ObjectId, ProjectId, RequestId, ServiceId, SubjectId, Timestamp, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// Events read at once.
const ROUND: u64 = 4096;

/// What a ledger says about a set.
#[derive(Debug, Clone, Default)]
pub struct Tombs {
    /// Whether the set is on record.
    pub known: bool,
    /// Shreddings: the project or the subject, and the position of the decision.
    pub shreddings: Vec<(String, u64)>,
    /// Deletions, withdrawals, holds.
    pub objects: Since,
    /// Accounts about whose roles something was decided since, and where; none for the site.
    pub rights: BTreeSet<(UserId, Option<ProjectId>)>,
    /// Accounts that were closed.
    pub closed: BTreeSet<UserId>,
    /// How often other policies were approved since.
    pub policies: u64,
    /// What nobody signs in with any more.
    pub credentials: BTreeSet<String>,
    /// Service accounts that were closed.
    pub services: BTreeSet<ServiceId>,
    /// Service accounts that act for somebody no longer.
    pub withdrawn: BTreeSet<(ServiceId, UserId)>,
    /// Of whom something was said about the use of their data: where the newest consent or withdrawal stands, and when it was.
    pub consents: BTreeMap<(ProjectId, SubjectId), (u64, Timestamp)>,
    /// Projects of which the approvals were taken back: where that stands the last time, and when it was.
    pub revoked: BTreeMap<ProjectId, (u64, Timestamp)>,
    /// Every version that was sealed and not withdrawn or deleted.
    pub sealed: BTreeSet<(ObjectId, u32)>,
    /// Every epoch that a backup on record was made in: when the first was made, and when it ends.
    pub epochs: BTreeMap<u32, (Timestamp, Timestamp)>,
}

/// A shredding that was decided and whose end was not read yet.
struct Shredding {
    scope: String,
    request: Option<RequestId>,
    /// Whether it has a certificate. That is recorded in the transaction that destroys the keys, after
    /// everything that could forbid it was asked: without one, nothing was destroyed.
    certified: bool,
}

/// What was recorded before it was done, and when.
struct Act {
    position: u64,
    kind: Kind,
    objects: Vec<ObjectId>,
}

#[derive(Clone, Copy)]
enum Kind {
    Deleted(Timestamp),
    Withdrawn,
    Held,
    Lifted,
}

/// How something ended: where that stands, and whether the database may have it.
#[derive(Clone, Copy)]
struct End {
    /// None when it is not on record.
    at: Option<u64>,
    done: bool,
    /// Whether anything was committed since the decision. If not, nothing was done.
    stored: bool,
}

/// What was decided or begun and has no outcome yet.
#[derive(Default)]
struct Open {
    shreddings: BTreeMap<u64, Shredding>,
    rights: BTreeMap<u64, Vec<(UserId, Option<ProjectId>)>>,
    reopened: BTreeMap<u64, Vec<UserId>>,
    requests: BTreeMap<u64, RequestId>,
    acts: BTreeMap<RequestId, Vec<Act>>,
    /// Outcomes that are not known. The next opening says whether the database had got so far.
    unknown: Vec<(u64, u64)>,
}

/// The reading of a ledger for a set.
struct Reading<'a> {
    set: &'a Set,
    tombs: Tombs,
    open: Open,
    /// By object: the last change of its hold, and what it is; nothing when the copy has it.
    holds: BTreeMap<ObjectId, (u64, Option<bool>)>,
    /// Objects that are nowhere any more.
    gone: BTreeSet<ObjectId>,
}

impl Tombs {
    /// Reads the whole ledger for what a set must not bring back. Blocks.
    pub fn read(audit: &Audit, set: &Set) -> Result<Self, Error> {
        let (tombs, open) = (Self::default(), Open::default());
        let mut reading = Reading { set, tombs, open, holds: BTreeMap::new(), gone: BTreeSet::new() };
        each(audit, 0, |recorded| reading.take(recorded))?;
        Ok(reading.finish())
    }

    /// Whether the ledger vouches for a set. Blocks.
    pub fn knows(audit: &Audit, set: &Set) -> Result<bool, Error> {
        let mut known = false;
        each(audit, set.head.since.min(audit.ledger().size()), |recorded| known |= vouches(set, &recorded))?;
        Ok(known)
    }
}

impl Reading<'_> {
    fn take(&mut self, recorded: Recorded) {
        self.tombs.known |= vouches(self.set, &recorded);
        let Recorded { position, time, event, .. } = recorded;
        match &event.what {
            What::Decision { allowed: true, action, .. } => self.decided(position, action, &event),
            What::ReceiptIssued { .. } => {
                for one in self.open.shreddings.values_mut() {
                    one.certified |= one.request.is_some() && one.request == event.request;
                }
            }
            What::Outcome { decision, result, stored, .. } => {
                if let Some(request) = &event.request {
                    self.open.requests.entry(*decision).or_insert_with(|| request.clone());
                }
                match result {
                    Outcome::Unknown => self.open.unknown.push((*decision, position)),
                    _ => {
                        let (done, stored) = (*result == Outcome::Done, *stored);
                        self.ended(*decision, End { at: Some(position), done, stored: done || stored });
                    }
                }
            }
            What::SiteOpened { watermark, .. } => {
                for (decision, at) in std::mem::take(&mut self.open.unknown) {
                    let stored = watermark.is_some_and(|watermark| watermark >= decision);
                    self.ended(decision, End { at: Some(at), done: false, stored });
                }
            }
            What::ObjectSealed(manifest) => {
                self.tombs.sealed.insert((manifest.object.clone(), manifest.version));
            }
            What::CredentialRemoved { .. } | What::CredentialSuspended {} => {
                self.tombs
                    .credentials
                    .extend(event.about.iter().filter(|id| id.parse::<CredentialId>().is_ok()).cloned());
            }
            What::ServiceChanged { change } => self.changed(change, &event),
            What::AccountClosed {} => {
                self.tombs.closed.extend(event.about.iter().filter_map(|id| id.parse::<UserId>().ok()));
            }
            What::AccountReopened {} => {
                let accounts = event.about.iter().filter_map(|id| id.parse::<UserId>().ok());
                if let Some(decision) = self.decision_of(&event) {
                    self.open.reopened.entry(decision).or_default().extend(accounts);
                }
            }
            // Of roles in projects that closing an account took: the decision names no project.
            What::RightsChanged { given: false, .. } => {
                let accounts = event.about.iter().filter_map(|id| id.parse::<UserId>().ok());
                let rights: Vec<_> = accounts.map(|account| (account, event.project.clone())).collect();
                match self.decision_of(&event) {
                    Some(decision) => self.open.rights.entry(decision).or_default().extend(rights),
                    // Nobody's request, which has no end on record.
                    None => self.tombs.rights.extend(rights),
                }
            }
            What::ConsentGiven { .. } | What::ConsentWithdrawn {} => self.said(position, time, &event),
            What::UseRevoked {} => {
                self.tombs.revoked.extend(event.project.map(|project| (project, (position, time))));
            }
            What::PolicyChanged { .. } if position >= self.set.head.since => self.tombs.policies += 1,
            What::ObjectsWithdrawn {} => self.begun(position, Kind::Withdrawn, event),
            What::ObjectDeleted { .. } => self.begun(position, Kind::Deleted(time), event),
            What::HoldChanged { held: true } => self.begun(position, Kind::Held, event),
            What::HoldChanged { held: false } => self.begun(position, Kind::Lifted, event),
            What::BackupMade { epoch, expires, .. } => {
                let known = self.tombs.epochs.entry(*epoch).or_insert((time, *expires));
                known.1 = known.1.max(*expires);
            }
            _ => {}
        }
    }

    fn decided(&mut self, position: u64, action: &str, event: &Event) {
        self.open.requests.extend(event.request.clone().map(|request| (position, request)));
        match action {
            "shred-keys" => {
                if let Some(scope) = scope_of(&event.about, event.project.as_ref()) {
                    let request = event.request.clone();
                    self.open.shreddings.insert(position, Shredding { scope, request, certified: false });
                }
            }
            "administer-project" | "manage-accounts" => {
                let accounts = event.about.iter().filter_map(|id| id.parse::<UserId>().ok());
                let rights = accounts.map(|account| (account, event.project.clone())).collect();
                self.open.rights.insert(position, rights);
            }
            _ => {}
        }
    }

    /// The newest consent or withdrawal of somebody.
    fn said(&mut self, position: u64, time: Timestamp, event: &Event) {
        let subject = event.about.iter().find_map(|id| id.parse::<SubjectId>().ok());
        if let Some(whose) = event.project.clone().zip(subject) {
            self.tombs.consents.insert(whose, (position, time));
        }
    }

    /// The decision of the event's request that has no outcome yet.
    fn decision_of(&self, event: &Event) -> Option<u64> {
        let request = event.request.as_ref()?;
        self.open.requests.iter().rev().find(|(_, of)| *of == request).map(|(decision, _)| *decision)
    }

    /// What a service account was, and is no longer.
    fn changed(&mut self, change: &str, event: &Event) {
        let Some(service) = event.about.iter().find_map(|id| id.parse::<ServiceId>().ok()) else { return };
        let person = event.about.iter().find_map(|id| id.parse::<UserId>().ok());
        match (change, person) {
            ("closed", _) => drop(self.tombs.services.insert(service)),
            ("withdrawn", Some(person)) => drop(self.tombs.withdrawn.insert((service, person))),
            ("delegated", Some(person)) => drop(self.tombs.withdrawn.remove(&(service, person))),
            _ => {}
        }
    }

    fn begun(&mut self, position: u64, kind: Kind, event: Event) {
        let objects = event.about.iter().filter_map(|id| id.parse::<ObjectId>().ok()).collect();
        let act = Act { position, kind, objects };
        match event.request {
            Some(request) => self.open.acts.entry(request).or_default().push(act),
            // Nobody's request, which has no end on record.
            None => self.acted(act, END_UNKNOWN),
        }
    }

    fn ended(&mut self, decision: u64, end: End) {
        let settled = end.at.is_some_and(|at| at < self.set.head.since);
        let request = self.open.requests.remove(&decision);
        for act in request.and_then(|request| self.open.acts.remove(&request)).unwrap_or_default() {
            self.acted(act, end);
        }
        let rights = self.open.rights.remove(&decision).unwrap_or_default();
        let shredding = self.open.shreddings.remove(&decision);
        let reopened = self.open.reopened.remove(&decision).unwrap_or_default();
        // One that may not have been carried out leaves it closed.
        for account in reopened.iter().filter(|_| end.stored && end.done) {
            self.tombs.closed.remove(account);
        }
        if settled || !end.stored {
            return;
        }
        self.tombs.rights.extend(rights);
        if let Some(one) = shredding.filter(|one| end.done || one.certified) {
            self.tombs.shreddings.push((one.scope, decision));
        }
    }

    fn acted(&mut self, act: Act, end: End) {
        let settled = end.at.is_some_and(|at| at < self.set.head.since);
        for object in act.objects {
            match act.kind {
                Kind::Held | Kind::Lifted => {
                    let held = match act.kind {
                        // A hold stands when it may have been set, and ends when it is on record that it ended.
                        Kind::Held => Some(true),
                        _ => Some(false).filter(|_| end.done),
                    };
                    let change = (act.position, held.filter(|_| !settled));
                    // Holds change one after the other; their ends are not recorded in that order.
                    let later = self.holds.get(&object).is_none_or(|(at, _)| *at < act.position);
                    if (settled || held.is_some()) && later {
                        self.holds.insert(object, change);
                    }
                }
                _ if !end.stored => {}
                Kind::Deleted(time) => {
                    self.gone.insert(object.clone());
                    if !settled {
                        self.tombs.objects.deleted.insert(object, time);
                    }
                }
                Kind::Withdrawn => {
                    self.gone.insert(object.clone());
                    if !settled {
                        self.tombs.objects.withdrawn.insert(object);
                    }
                }
            }
        }
    }

    /// What never ended on record: a crash came in between, and it may have been done.
    fn finish(mut self) -> Tombs {
        for (decision, at) in std::mem::take(&mut self.open.unknown) {
            self.ended(decision, End { at: Some(at), ..END_UNKNOWN });
        }
        let decisions: BTreeSet<u64> =
            self.open.shreddings.keys().chain(self.open.rights.keys()).copied().collect();
        for decision in decisions {
            self.ended(decision, END_UNKNOWN);
        }
        for act in std::mem::take(&mut self.open.acts).into_values().flatten() {
            self.acted(act, END_UNKNOWN);
        }
        let held = self.holds.into_iter().filter_map(|(object, (_, held))| Some((object, held?)));
        self.tombs.objects.holds.extend(held);
        self.tombs.shreddings.sort_by_key(|(_, position)| *position);
        let gone = &self.gone;
        self.tombs.sealed.retain(|(object, _)| !gone.contains(object));
        self.tombs
    }
}

/// Something that may have been done.
const END_UNKNOWN: End = End { at: None, done: false, stored: true };

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
