//! Who is behind a thing: the links of the record, from data back to people.

use super::{is_person, is_thing};
use crate::walk::rank;
use crate::{Audit, Error, Recorded, What};
use base::{Id, ProjectId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Links that were read, so that what many things share is walked once.
pub(super) struct Behind {
    within: Option<ProjectId>,
    known: BTreeMap<String, Before>,
    /// Where they stand.
    pub links: BTreeSet<u64>,
    /// Events that were read.
    pub read: usize,
}

/// What stands directly before a thing.
#[derive(Debug, Clone, Default)]
struct Before {
    people: BTreeSet<String>,
    things: BTreeSet<String>,
    elsewhere: Option<String>,
}

/// Who is behind a thing, and whether another project's record says more.
#[derive(Debug, Default)]
pub(super) struct People {
    pub people: BTreeSet<String>,
    pub elsewhere: Option<String>,
}

/// Some of those whom a project's events named, and where they go on.
pub(super) struct Named {
    pub people: BTreeSet<String>,
    pub next: Option<u64>,
}

impl Behind {
    /// Of those who may ask about one project, links of others tell that project alone.
    pub fn new(within: Option<ProjectId>) -> Self {
        Self { within, known: BTreeMap::new(), links: BTreeSet::new(), read: 0 }
    }

    /// Everybody from whom links lead to `thing`.
    pub fn of(&mut self, audit: &Audit, thing: &str) -> Result<People, Error> {
        let mut found = People::default();
        let mut seen = BTreeSet::from([thing.to_owned()]);
        let mut waiting = vec![thing.to_owned()];
        while let Some(thing) = waiting.pop() {
            if !self.known.contains_key(&thing) {
                let before = self.before(audit, &thing)?;
                self.known.insert(thing.clone(), before);
            }
            let Some(before) = self.known.get(&thing) else { continue };
            found.people.extend(before.people.iter().cloned());
            found.elsewhere = found.elsewhere.or_else(|| before.elsewhere.clone());
            waiting.extend(before.things.iter().filter(|id| seen.insert((*id).clone())).cloned());
        }
        Ok(found)
    }

    fn before(&mut self, audit: &Audit, thing: &str) -> Result<Before, Error> {
        let (mut linked, mut asked) = (Before::default(), Before::default());
        let mut is_linked = false;
        let within = self.within.as_ref();
        let mut links = BTreeSet::new();
        let from = audit.ledger().head(thing).map_err(Error::Unreadable)?;
        let (read, _) = along(audit, thing, from, usize::MAX, |recorded| {
            let event = &recorded.event;
            let link = matches!(event.what, What::Linked {});
            if !link && !matches!(event.what, What::Decision { allowed: true, .. }) {
                return;
            }
            is_linked |= link;
            let before = if link { &mut linked } else { &mut asked };
            let foreign = event.project.as_ref().filter(|of| within.is_some_and(|within| within != *of));
            if let Some(of) = foreign {
                if link {
                    before.elsewhere = Some(of.to_string());
                }
                return;
            }
            if link {
                links.insert(recorded.position);
            }
            let people: Vec<&String> = event.about.iter().filter(|id| is_person(id)).collect();
            if people.is_empty() {
                let nearer = |id: &&String| is_thing(id) && rank(id) < rank(thing);
                before.things.extend(event.about.iter().filter(nearer).cloned());
            }
            before.people.extend(people.into_iter().cloned());
        })?;
        self.links.extend(links);
        self.read = self.read.saturating_add(read);
        // A run that made nothing is linked to nothing: what it was asked for with says whose it was.
        Ok(if is_linked { linked } else { asked })
    }

    /// Everybody whom the project's events named until `last`: of at most `most` events, from `at` back or from the newest.
    pub fn in_project(
        &mut self,
        audit: &Audit,
        (project, last): (&str, Timestamp),
        at: Option<u64>,
        most: usize,
    ) -> Result<Named, Error> {
        let mut people = BTreeSet::new();
        let from = match at {
            Some(at) => Some(at),
            None => audit.ledger().head(project).map_err(Error::Unreadable)?,
        };
        let (read, next) = along(audit, project, from, most, |recorded| {
            let own = recorded.event.project.as_ref().is_some_and(|of| of.as_str() == project);
            if own && recorded.time <= last {
                people.extend(recorded.event.about.iter().filter(|id| is_person(id)).cloned());
            }
        })?;
        self.read = self.read.saturating_add(read);
        Ok(Named { people, next })
    }
}

/// Along a chain from a position back, at most so many events. Gives how many were read, and what comes next.
fn along(
    audit: &Audit,
    chain: &str,
    from: Option<u64>,
    most: usize,
    mut each: impl FnMut(&Recorded),
) -> Result<(usize, Option<u64>), Error> {
    let (mut at, mut read) = (from, 0);
    while let Some(position) = at.filter(|_| read < most) {
        let recorded = audit.recorded(position)?;
        at = recorded.before(chain)?;
        each(&recorded);
        read += 1;
    }
    Ok((read, at))
}
