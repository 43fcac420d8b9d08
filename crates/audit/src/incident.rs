//! An incident: what the acts of somebody, or on something, touched; whose data that was, and who got it.
//!
//! From the ledger alone, so that it can be told when the database is lost or in doubt.

mod behind;

use crate::walk::rank;
use crate::{Actor, Audit, Completeness, Cursor, Error, Outcome, Question, Recorded, What};
use base::{RequestId, Timestamp, UserId};
use behind::Behind;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Events of one page of the walk.
const PAGE: usize = 10_000;
/// What acts on record touched.
#[derive(Debug)]
pub struct Incident {
    /// Allowed decisions.
    pub acts: u64,
    /// Denied ones.
    pub refused: u64,
    /// Whose data was named, by subject.
    pub people: BTreeMap<String, Touched>,
    /// Samples, readsets, runs and objects.
    pub things: BTreeMap<String, Touched>,
    /// Projects of which everybody was listed, and who that was.
    pub lists: BTreeMap<String, Listed>,
    /// Who acted, and so got what it showed.
    pub accounts: Vec<Account>,
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
    /// What is known of acts that are not among these.
    pub completeness: Completeness,
}

/// How something was touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Where the allowed decisions stand.
    pub acts: BTreeSet<u64>,
    /// What was asked for.
    pub actions: BTreeSet<String>,
    /// The first time.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// Whether bytes left the site by one of them.
    pub left: Left,
}

/// Whether bytes left the site by an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// None did.
    No,
    /// It could, and its end is not on record: it is under way, or the process died.
    Unknown,
    /// Some did.
    Yes,
}

/// What an action does, as the policy knows it.
#[derive(Clone, Copy)]
pub struct Judge {
    /// Whether an act that names a project alone shows who is in it.
    pub lists: fn(&str) -> bool,
    /// Whether bytes leave the site by it.
    pub releases: fn(&str) -> bool,
}

/// A project of which everybody was listed.
#[derive(Debug, Clone)]
pub struct Listed {
    /// By which acts.
    pub touched: Touched,
    /// Everybody whom the project's events named by then.
    pub people: BTreeSet<String>,
}

/// Who acted.
#[derive(Debug, Clone)]
pub struct Account {
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
    judge: Judge,
    at_once: usize,
    step: Step,
    incident: Incident,
    accounts: BTreeMap<(String, Option<String>), Account>,
    /// By the decision's position, the outcome's and the bytes that left; only of decisions that come yet.
    outcomes: BTreeMap<u64, Ended>,
    /// Ledgers of before say the bytes of a request with each of its decisions.
    left: BTreeMap<(String, Option<RequestId>), u64>,
    behind: Behind,
}

/// How a decision ended.
struct Ended {
    position: u64,
    bytes: u64,
    is_known: bool,
}

/// What comes next.
enum Step {
    /// The acts, from the newest back.
    Acts(Option<Cursor>),
    /// Whose the things after this one are.
    People(Option<String>),
    /// Who is in the projects that were listed: those after this one, and where the chain of the next one goes on.
    Lists(Option<String>, Option<u64>),
    Over,
}

impl Investigation {
    /// Begins with the acts that `asked` names; it names a thing, an account or a project, and no action or
    /// decision.
    pub fn new(asked: Question, judge: Judge) -> Self {
        let incident = Incident {
            acts: 0,
            refused: 0,
            people: BTreeMap::new(),
            things: BTreeMap::new(),
            lists: BTreeMap::new(),
            accounts: Vec::new(),
            keys: BTreeMap::new(),
            given: Vec::new(),
            of_nobody: BTreeSet::new(),
            of_others: BTreeMap::new(),
            positions: BTreeSet::new(),
            completeness: Completeness::More,
        };
        let (step, behind) = (Step::Acts(None), Behind::new(asked.within.clone()));
        let (accounts, outcomes, left) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { asked, judge, at_once: PAGE, step, incident, accounts, outcomes, left, behind }
    }

    /// Reads some thousand events more, or the chain of one thing. Gives whether there is more to read.
    pub fn go_on(&mut self, audit: &Audit) -> Result<bool, Error> {
        let next = match std::mem::replace(&mut self.step, Step::Over) {
            Step::Acts(cursor) => self.some_acts(audit, cursor),
            Step::People(after) => self.some_people(audit, after),
            Step::Lists(after, at) => self.some_of_lists(audit, after, at),
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

    /// How many events it stands on so far.
    pub fn events(&self) -> usize {
        self.incident.positions.len().saturating_add(self.behind.links.len())
    }

    /// What was found.
    pub fn end(self) -> Incident {
        let mut incident = self.incident;
        incident.accounts = self.accounts.into_values().collect();
        incident.given.reverse();
        incident.positions.extend(self.behind.links);
        incident
    }

    fn some_acts(&mut self, audit: &Audit, cursor: Option<Cursor>) -> Result<Step, Error> {
        // Of an act within the time, what left can be on record after it.
        let wide = Question { since: None, until: None, ..self.asked.clone() };
        let page = audit.search(&wide, cursor, self.at_once)?;
        let next = page.next;
        self.incident.completeness = page.completeness;
        for hit in page.hits {
            let recorded = hit.recorded;
            if let What::Outcome { decision, bytes, result, .. } = recorded.event.what {
                let (position, bytes) = (recorded.position, bytes.unwrap_or_default());
                let is_known = result != Outcome::Unknown;
                self.outcomes.insert(decision, Ended { position, bytes, is_known });
                continue;
            }
            let ended = self.outcomes.remove(&recorded.position);
            if self.asked.keeps(&recorded, &page.chains) {
                self.kept(&recorded, &page.chains, ended);
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
        Ok(Step::Lists(None, None))
    }

    fn some_of_lists(
        &mut self,
        audit: &Audit,
        after: Option<String>,
        at: Option<u64>,
    ) -> Result<Step, Error> {
        let from = after.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let Some((project, listed)) = self.incident.lists.range_mut((from, Bound::Unbounded)).next() else {
            return Ok(Step::Over);
        };
        let named = self.behind.in_project(audit, (project, listed.touched.last), at, self.at_once)?;
        listed.people.extend(named.people);
        Ok(match named.next {
            Some(next) => Step::Lists(after, Some(next)),
            None => Step::Lists(Some(project.clone()), None),
        })
    }

    fn kept(&mut self, recorded: &Recorded, chains: &BTreeSet<String>, ended: Option<Ended>) {
        let Recorded { position, time, ref event, .. } = *recorded;
        let What::Decision { action, allowed, .. } = &event.what else {
            if gives(&event.what) {
                let (about, event) = (event.about.clone(), event.what.kind());
                self.incident.positions.insert(position);
                self.incident.given.push(Given { position, time, event, about });
            }
            return;
        };
        self.incident.positions.insert(position);
        if !allowed {
            self.incident.refused += 1;
            return;
        }
        self.incident.acts += 1;
        self.incident.positions.extend(ended.iter().map(|ended| ended.position));
        let bytes = ended.as_ref().map_or(0, |ended| ended.bytes);
        let left = match &ended {
            _ if bytes > 0 => Left::Yes,
            Some(Ended { is_known: true, .. }) => Left::No,
            _ if (self.judge.releases)(action) => Left::Unknown,
            _ => Left::No,
        };
        let one = Touched {
            acts: BTreeSet::from([position]),
            actions: BTreeSet::from([action.clone()]),
            first: time,
            last: time,
            left,
        };
        let things: Vec<&String> = event.about.iter().filter(|id| is_thing(id)).collect();
        // Of a question about a thing, what else was in the same decision is another matter.
        let about_one = self.asked.about.as_deref().is_some_and(is_thing);
        let asked = things.iter().copied().filter(|id| !about_one || chains.contains(*id));
        for id in asked.chain(event.about.iter().filter(|id| id.starts_with("rcp_"))) {
            let into = match id.get(..4) {
                Some("sub_") => &mut self.incident.people,
                Some("rcp_") => &mut self.incident.keys,
                _ => &mut self.incident.things,
            };
            into.entry(id.clone()).and_modify(|touched| touched.join(&one)).or_insert_with(|| one.clone());
        }
        if let Some(project) =
            event.project.as_ref().filter(|_| things.is_empty() && (self.judge.lists)(action))
        {
            let listed = self.incident.lists.entry(project.to_string());
            listed
                .and_modify(|listed| listed.touched.join(&one))
                .or_insert_with(|| Listed { touched: one.clone(), people: BTreeSet::new() });
        }
        self.acted(recorded, &one, bytes);
    }

    fn acted(&mut self, recorded: &Recorded, one: &Touched, bytes: u64) {
        let event = &recorded.event;
        let key = (event.actor.to_string(), event.on_behalf_of.as_ref().map(ToString::to_string));
        let said = self.left.entry((key.0.clone(), event.request.clone())).or_default();
        let more = match event.request {
            Some(_) => bytes.saturating_sub(*said),
            None => bytes,
        };
        *said = (*said).max(bytes);
        let account = self.accounts.entry(key).or_insert_with(|| Account {
            actor: event.actor.clone(),
            on_behalf_of: event.on_behalf_of.clone(),
            touched: one.clone(),
            bytes: 0,
        });
        account.touched.join(one);
        account.bytes = account.bytes.saturating_add(more);
    }
}

/// Whether an event lets somebody in, or gives something on.
fn gives(what: &What) -> bool {
    match what {
        What::RightsChanged { given, .. } | What::VisaMappingChanged { given, .. } => *given,
        What::ServiceChanged { change } => !["closed", "withdrawn"].contains(&change.as_str()),
        What::DatasetStands { state, .. } => state == "published",
        What::ApplicationStands { state, .. } => ["approved", "people-changed"].contains(&state.as_str()),
        other => matches!(
            other,
            What::AccountReopened {}
                | What::AccountsLinked {}
                | What::AdministratorMade {}
                | What::AdministratorProposed {}
                | What::BreakGlassOpened { .. }
                | What::CredentialAdded { .. }
                | What::PolicyChanged { .. }
                | What::SupportApproved { .. }
                | What::VisaAccepted { .. }
        ),
    }
}

impl Touched {
    fn join(&mut self, other: &Self) {
        self.acts.extend(&other.acts);
        self.actions.extend(other.actions.iter().cloned());
        (self.first, self.last) = (self.first.min(other.first), self.last.max(other.last));
        self.left = self.left.max(other.left);
    }
}

fn is_person(id: &str) -> bool {
    rank(id) == 0
}

/// Whether it is somebody's data, or they themselves.
fn is_thing(id: &str) -> bool {
    rank(id) < 5
}

#[cfg(test)]
mod tests;
