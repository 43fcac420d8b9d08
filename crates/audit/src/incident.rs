//! An incident: what the acts of somebody, or on something, touched; whose data that was, and who got it.
//!
//! From the ledger alone, so that it can be told when the database is lost or in doubt.

mod behind;

use crate::{Actor, Audit, Completeness, Cursor, Error, Question, Recorded, What};
use base::{RequestId, Timestamp, UserId};
use behind::Behind;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Events of one page of the walk.
const PAGE: usize = 10_000;
/// Kinds of events that let somebody in or give something on.
const GIVES: &[&str] = &[
    "administrator-proposed",
    "application-stands",
    "break-glass-opened",
    "credential-added",
    "dataset-stands",
    "policy-changed",
    "rights-changed",
    "service-changed",
    "support-approved",
    "visa-mapping-changed",
];

/// What acts on record touched.
#[derive(Debug)]
pub struct Incident {
    /// Allowed decisions.
    pub acts: u64,
    /// Denied ones.
    pub refused: u64,
    /// Whose data was touched, by subject.
    pub people: BTreeMap<String, Touched>,
    /// Samples, readsets, runs and objects.
    pub things: BTreeMap<String, Touched>,
    /// Projects of which everybody was listed, and who that was.
    pub lists: BTreeMap<String, Listed>,
    /// Who did it, and so got what it showed.
    pub recipients: Vec<Recipient>,
    /// The keys that objects were released to.
    pub keys: BTreeMap<String, Touched>,
    /// What let somebody in or gave something on meanwhile.
    pub given: Vec<Given>,
    /// Things that no link on record leads from to a person.
    pub of_nobody: BTreeSet<String>,
    /// Things whose people stand in the record of another project, which may not be told here.
    pub of_others: BTreeMap<String, String>,
    /// The events that all of it stands on.
    pub positions: BTreeSet<u64>,
    /// The ledger's size when the walk began.
    pub size: u64,
    /// What is known of acts that are not among these.
    pub completeness: Completeness,
}

/// How something was touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Allowed decisions.
    pub acts: u64,
    /// What was asked for.
    pub actions: BTreeSet<String>,
    /// The first time.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// Whether bytes left the site by one of them.
    pub left: bool,
}

/// A project of which everybody was listed.
#[derive(Debug, Clone)]
pub struct Listed {
    /// By which acts.
    pub touched: Touched,
    /// Everybody whom the project's events named by then.
    pub people: BTreeSet<String>,
}

/// Who did it.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The account.
    pub actor: Actor,
    /// The person that a service account acted for.
    pub on_behalf_of: Option<UserId>,
    /// By which acts.
    pub touched: Touched,
    /// Bytes that left the site.
    pub bytes: u64,
}

/// An event that let somebody in or gave something on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Where it stands.
    pub position: u64,
    /// When.
    pub time: Timestamp,
    /// Its kind.
    pub event: &'static str,
    /// To whom, and what.
    pub about: Vec<String>,
}

/// A search for what acts touched, in steps, so that whoever asks can be asked for their right in between.
pub struct Investigation {
    asked: Question,
    lists: fn(&str) -> bool,
    at_once: usize,
    step: Step,
    incident: Incident,
    recipients: BTreeMap<(String, Option<String>), Recipient>,
    /// By the decision's position, the outcome's and the bytes that left.
    outcomes: BTreeMap<u64, (u64, u64)>,
    /// Ledgers of before say the bytes of a request with each of its decisions.
    left: BTreeMap<(String, Option<RequestId>), u64>,
    behind: Behind,
}

/// What comes next.
enum Step {
    /// The acts, from the newest back.
    Acts(Option<Cursor>),
    /// Whose the things are from here on.
    People(Option<String>),
    /// Who is in the projects that were listed.
    Lists,
    Over,
}

impl Investigation {
    /// Begins with the acts that `asked` names; it names a thing, an account or a project, and no action or
    /// decision. `lists` tells of an action that names a project alone whether it shows who is in it.
    pub fn new(asked: Question, lists: fn(&str) -> bool) -> Self {
        let incident = Incident {
            acts: 0,
            refused: 0,
            people: BTreeMap::new(),
            things: BTreeMap::new(),
            lists: BTreeMap::new(),
            recipients: Vec::new(),
            keys: BTreeMap::new(),
            given: Vec::new(),
            of_nobody: BTreeSet::new(),
            of_others: BTreeMap::new(),
            positions: BTreeSet::new(),
            size: 0,
            completeness: Completeness::More,
        };
        let (step, behind) = (Step::Acts(None), Behind::new(asked.within.clone()));
        let (recipients, outcomes, left) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { asked, lists, at_once: PAGE, step, incident, recipients, outcomes, left, behind }
    }

    /// Reads some thousand events more. Gives whether there is more to read.
    pub fn go_on(&mut self, audit: &Audit) -> Result<bool, Error> {
        let next = match std::mem::replace(&mut self.step, Step::Over) {
            Step::Acts(cursor) => self.some_acts(audit, cursor),
            Step::People(after) => self.some_people(audit, after),
            Step::Lists => self.all_lists(audit).map(|()| Step::Over),
            Step::Over => Ok(Step::Over),
        };
        match next {
            Err(broken @ Error::Unknown { .. }) => {
                self.incident.completeness = Completeness::Broken(base::fault::chain(&broken));
            }
            next => self.step = next?,
        }
        Ok(!matches!(self.step, Step::Over))
    }

    /// What was found.
    pub fn end(self) -> Incident {
        let mut incident = self.incident;
        incident.recipients = self.recipients.into_values().collect();
        incident.given.reverse();
        incident.positions.extend(self.behind.links);
        incident
    }

    fn some_acts(&mut self, audit: &Audit, cursor: Option<Cursor>) -> Result<Step, Error> {
        // Of an act within the time, what left can be on record after it.
        let wide = Question { since: None, until: None, ..self.asked.clone() };
        let page = audit.search(&wide, cursor, self.at_once)?;
        let next = page.next;
        (self.incident.size, self.incident.completeness) = (page.size, page.completeness);
        for hit in page.hits {
            let recorded = hit.recorded;
            if let What::Outcome { decision, bytes, .. } = recorded.event.what {
                self.outcomes.insert(decision, (recorded.position, bytes.unwrap_or_default()));
            } else if self.asked.keeps(&recorded, &page.chains) {
                self.kept(&recorded, &page.chains);
            }
        }
        Ok(next.map_or(Step::People(None), |next| Step::Acts(Some(next))))
    }

    fn some_people(&mut self, audit: &Audit, after: Option<String>) -> Result<Step, Error> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let incident = &mut self.incident;
        let began = self.behind.read;
        for (thing, touched) in incident.things.range((from, Bound::Unbounded)) {
            let found = self.behind.of(audit, thing)?;
            for subject in &found.people {
                let known = incident.people.entry(subject.clone());
                known.and_modify(|known| known.join(touched)).or_insert_with(|| touched.clone());
            }
            if let Some(project) = found.elsewhere {
                incident.of_others.insert(thing.clone(), project);
            } else if found.people.is_empty() {
                incident.of_nobody.insert(thing.clone());
            }
            if self.behind.read.saturating_sub(began) >= self.at_once {
                return Ok(Step::People(Some(thing.clone())));
            }
        }
        Ok(Step::Lists)
    }

    fn all_lists(&mut self, audit: &Audit) -> Result<(), Error> {
        for (project, listed) in &mut self.incident.lists {
            listed.people = self.behind.in_project(audit, project, listed.touched.last)?;
        }
        Ok(())
    }

    fn kept(&mut self, recorded: &Recorded, chains: &BTreeSet<String>) {
        let Recorded { position, time, ref event, .. } = *recorded;
        let What::Decision { action, allowed, .. } = &event.what else {
            let kind = event.what.kind();
            if GIVES.contains(&kind) {
                self.incident.positions.insert(position);
                self.incident.given.push(Given { position, time, event: kind, about: event.about.clone() });
            }
            return;
        };
        self.incident.positions.insert(position);
        if !allowed {
            self.incident.refused += 1;
            return;
        }
        self.incident.acts += 1;
        let bytes = self.outcomes.remove(&position).map_or(0, |(outcome, bytes)| {
            self.incident.positions.insert(outcome);
            bytes
        });
        let one = Touched::once(action, time, bytes > 0);
        // Of a question about a thing, what else was in the same decision is another matter.
        let asked = |id: &String| self.asked.about.is_none() || chains.contains(id);
        let things: Vec<&String> = event.about.iter().filter(|id| is_thing(id) && asked(id)).collect();
        let keys = event.about.iter().filter(|id| id.starts_with("rcp_"));
        for id in things.iter().copied().chain(keys) {
            let into = match id.get(..4) {
                Some("sub_") => &mut self.incident.people,
                Some("rcp_") => &mut self.incident.keys,
                _ => &mut self.incident.things,
            };
            into.entry(id.clone()).and_modify(|touched| touched.join(&one)).or_insert_with(|| one.clone());
        }
        if let Some(project) = event.project.as_ref().filter(|_| things.is_empty() && (self.lists)(action)) {
            let listed = self.incident.lists.entry(project.to_string());
            listed
                .and_modify(|listed| listed.touched.join(&one))
                .or_insert_with(|| Listed { touched: one.clone(), people: BTreeSet::new() });
        }
        self.received(recorded, one, bytes);
    }

    fn received(&mut self, recorded: &Recorded, one: Touched, bytes: u64) {
        let event = &recorded.event;
        let key = (event.actor.to_string(), event.on_behalf_of.as_ref().map(ToString::to_string));
        let said = self.left.entry((key.0.clone(), event.request.clone())).or_default();
        let more = match event.request {
            Some(_) => bytes.saturating_sub(*said),
            None => bytes,
        };
        *said = (*said).max(bytes);
        let recipient = self.recipients.entry(key).or_insert_with(|| Recipient {
            actor: event.actor.clone(),
            on_behalf_of: event.on_behalf_of.clone(),
            touched: Touched { acts: 0, ..one.clone() },
            bytes: 0,
        });
        recipient.touched.join(&one);
        recipient.bytes = recipient.bytes.saturating_add(more);
    }
}

impl Touched {
    fn once(action: &str, time: Timestamp, left: bool) -> Self {
        Self { acts: 1, actions: BTreeSet::from([action.to_owned()]), first: time, last: time, left }
    }

    fn join(&mut self, other: &Self) {
        self.acts = self.acts.saturating_add(other.acts);
        self.actions.extend(other.actions.iter().cloned());
        (self.first, self.last) = (self.first.min(other.first), self.last.max(other.last));
        self.left |= other.left;
    }
}

fn is_person(id: &str) -> bool {
    id.starts_with("sub_")
}

fn is_thing(id: &str) -> bool {
    ["sub_", "smp_", "rds_", "run_", "obj_"].iter().any(|kind| id.starts_with(kind))
}

#[cfg(test)]
mod tests;
