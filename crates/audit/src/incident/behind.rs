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
        let read = along(audit, thing, |recorded| {
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

    /// Everybody whom the project's events named until `last`.
    pub fn in_project(
        &mut self,
        audit: &Audit,
        project: &str,
        last: Timestamp,
    ) -> Result<BTreeSet<String>, Error> {
        let mut people = BTreeSet::new();
        let read = along(audit, project, |recorded| {
            let own = recorded.event.project.as_ref().is_some_and(|of| of.as_str() == project);
            if own && recorded.time <= last {
                people.extend(recorded.event.about.iter().filter(|id| is_person(id)).cloned());
            }
        })?;
        self.read = self.read.saturating_add(read);
        Ok(people)
    }
}

/// Along a chain to its beginning. Gives how many events it has.
fn along(audit: &Audit, chain: &str, mut each: impl FnMut(&Recorded)) -> Result<usize, Error> {
    let mut at = audit.ledger().head(chain).map_err(Error::Unreadable)?;
    let mut read = 0;
    while let Some(position) = at {
        let recorded = audit.recorded(position)?;
        at = recorded.before(chain)?;
        each(&recorded);
        read += 1;
    }
    Ok(read)
}
