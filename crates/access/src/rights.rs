//! Who may do what, before and after a change, by deciding all of it.
//!
//! Every account × action × project is decided with the facts of now and a reason, from each kind of network, with
//! and without a second factor, and at each hour, weekday and kind of thing that some policy asks for. What a policy
//! makes of a target, of a single thing or of the person acted for is not in it: [`Changes::untold`] says so.

use crate::account::{closed, usable};
use crate::grant::{Grant, fit_for, on_site};
use crate::thing::{Project, Site, Thing};
use crate::verb::{Manage, Verb};
use crate::{Access, Error, Permit, Place};
use base::{Id, ProjectId, Role, UserId};
use policy::action::Scope;
use policy::{Action, Actor, Asked, Context, Network, Policies, Request, Resource};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most decisions of one comparison; what is not compared by then is said to be missing.
const MOST_DECISIONS: usize = 8_000_000;
/// What a policy may ask about that is not varied, and what it is called.
const NOT_VARIED: &[(&[&str], &str)] = &[
    (&["target"], "whose rights are changed"),
    (&["same_person"], "whether an account is one's own"),
    (&["break_glass_open", "support_open"], "whether a break-glass or a support session is open"),
    (&["on_behalf_of"], "for whom a service acts"),
    (&["Service::", "is Service"], "what a service may do"),
    (&["purpose"], "the reason that is given"),
    (&["ProjectThing::", "SiteThing::"], "single things"),
];
/// Another account, which nobody has.
const SOMEBODY: &str = "usr_00000000000000000000";
const KINDS: &[&str] = &["project", "sample", "object", "run", "deletion", "break-glass", "support-session"];

/// One thing that an account may do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Whose.
    pub account: UserId,
    /// Where; none for the site as a whole.
    pub project: Option<ProjectId>,
    /// What.
    pub action: Action,
}

/// Sessions that a right is given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// All.
    Any,
    /// Those with a second, phishing-resistant factor.
    With,
    /// Those without.
    Without,
}

/// A right that a change gives or takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RightChange {
    /// The right.
    pub right: Right,
    /// Whether it is given.
    pub gained: bool,
    /// From where it is given or taken.
    pub from: Vec<Network>,
    /// To which sessions.
    pub factor: Factor,
    /// Whether it depends on more: the hour, the day of the week, the kind of the thing.
    pub sometimes: bool,
}

/// What a change gives and takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Right by right.
    pub changes: Vec<RightChange>,
    /// What policies ask about that was not tried, in words.
    pub untold: Vec<&'static str>,
    /// Whether all was compared.
    pub whole: bool,
}

/// A change of what one account holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It gets this role.
    Give(Role),
    /// This role is taken.
    Take(Role),
    /// All of its roles are taken: those in the project, or all there are when it is closed.
    TakeAll,
}

/// What one account holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Holder {
    site: BTreeSet<Role>,
    projects: BTreeMap<ProjectId, BTreeSet<Role>>,
}

/// What is compared. Deciding it takes a while, and needs nothing but the processor.
pub struct Comparison {
    access: Access,
    policies: [Arc<Policies>; 2],
    /// What the site's own policies of both sets ask about: what the shipped ones make of it is in their own tests.
    asked: Asked,
    people: Vec<(UserId, [Holder; 2])>,
    places: BTreeMap<ProjectId, Place>,
    site: bool,
}

impl Access {
    /// What `step` in the permit's project would give and take; changes nothing.
    pub async fn preview_member(
        &self,
        permit: &Permit<Manage, Project>,
        account: &UserId,
        step: Step,
    ) -> Result<Comparison, Error> {
        let project = permit.in_project()?;
        if let Step::Give(role) | Step::Take(role) = step
            && role.is_site_wide()
        {
            return Err(Error::RolePlace { role, expected: "on the site, not in a project" });
        }
        self.fits(account, step).await?;
        if let Step::Give(_) = step {
            fit_for(self.inner.db.reader(), account, permit.class()).await?;
        }
        let before = holders(self.live_grants(account).await?).remove(account).unwrap_or_default();
        let mut after = before.clone();
        step.apply(after.projects.entry(project.clone()).or_default());
        let places = self.places([project.clone()]).await?;
        Ok(self.compare_roles(account, [before, after], places, false))
    }

    /// What `step` on the site would give and take, projects included; changes nothing.
    pub async fn preview_site(
        &self,
        permit: &Permit<Manage, Site>,
        account: &UserId,
        step: Step,
    ) -> Result<Comparison, Error> {
        permit.live()?;
        if let Step::Give(role) | Step::Take(role) = step {
            on_site(role)?;
        }
        self.fits(account, step).await?;
        let all = self.all_live_grants().await?;
        let places = self.places(all.into_iter().filter_map(|grant| grant.project)).await?;
        let before = holders(self.live_grants(account).await?).remove(account).unwrap_or_default();
        let mut after = before.clone();
        step.apply(&mut after.site);
        if step == Step::TakeAll {
            after.projects.clear();
        }
        Ok(self.compare_roles(account, [before, after], places, true))
    }

    /// What another set of policies would give and take, of everybody; changes nothing.
    pub async fn preview_policies<V: Verb, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        after: Policies,
    ) -> Result<Comparison, Error> {
        permit.live()?;
        let all = self.all_live_grants().await?;
        let places = self.places(all.iter().filter_map(|grant| grant.project.clone())).await?;
        let mut everybody = holders(all);
        let people = self.open_accounts().await?.into_iter().map(|account| {
            let holder = everybody.remove(&account).unwrap_or_default();
            (account, [holder.clone(), holder])
        });
        let people = people.collect();
        let policies = [self.policies(), Arc::new(after)];
        Ok(Comparison::new(self, policies, people, places, true))
    }

    /// Nothing is given to a closed account.
    async fn fits(&self, account: &UserId, step: Step) -> Result<(), Error> {
        if let Step::Give(_) = step {
            usable(self.inner.db.reader(), account.as_str()).await.map_err(closed)?;
        }
        Ok(())
    }

    fn compare_roles(
        &self,
        account: &UserId,
        holders: [Holder; 2],
        places: BTreeMap<ProjectId, Place>,
        site: bool,
    ) -> Comparison {
        let policies = self.policies();
        Comparison::new(self, [policies.clone(), policies], vec![(account.clone(), holders)], places, site)
    }

    /// The places of projects, each once. One whose place is not known counts for nothing: nothing can be done
    /// there.
    async fn places(
        &self,
        projects: impl IntoIterator<Item = ProjectId>,
    ) -> Result<BTreeMap<ProjectId, Place>, Error> {
        let mut places = BTreeMap::new();
        for project in projects.into_iter().collect::<BTreeSet<_>>() {
            if let Some(place) = self.place_of(project.as_str()).await? {
                places.insert(project, place);
            }
        }
        Ok(places)
    }

    /// The circumstances of now, with a reason and a second factor.
    pub(crate) fn circumstances(&self, place: Option<&Place>, network: Network) -> Context {
        let stated = Context {
            purpose: Some("stated".to_owned()),
            strong_authentication: true,
            network,
            ..Context::default()
        };
        self.here_and_now(place, stated)
    }
}

/// A question that is asked of both sides, under each of these circumstances.
type Tried = Vec<(&'static str, Context)>;
/// What changes at one place for whoever holds certain roles.
type Found = Vec<RightChange>;

impl Comparison {
    fn new(
        access: &Access,
        policies: [Arc<Policies>; 2],
        people: Vec<(UserId, [Holder; 2])>,
        places: BTreeMap<ProjectId, Place>,
        site: bool,
    ) -> Self {
        let own = policies.iter().map(|set| set.asked(access.inner.judge.shipped()));
        let asked = own.fold(Asked::default(), Asked::and);
        Self { access: access.clone(), policies, asked, people, places, site }
    }

    /// Decides it all. Keeps a processor busy: not for a thread that others wait for.
    pub fn changes(self) -> Changes {
        let untold = NOT_VARIED.iter().filter(|(facts, _)| facts.iter().any(|fact| self.asked.has(fact)));
        let untold = untold.map(|(_, words)| *words).collect();
        let places: Vec<Option<(&ProjectId, &Place)>> =
            self.site.then_some(None).into_iter().chain(self.places.iter().map(Some)).collect();
        let (mut changes, mut left) = (Vec::new(), MOST_DECISIONS);
        for place in places {
            let tried = self.tried(place.map(|(_, place)| place));
            // Who holds the same has the same rights, unless a policy names a person.
            let mut known: BTreeMap<[[BTreeSet<Role>; 2]; 2], Found> = BTreeMap::new();
            for (account, holders) in &self.people {
                let held = [0, 1].map(|side| holders.get(side).map(|one| one.at(place)).unwrap_or_default());
                let again = known.get(&held).filter(|_| !self.asked.has("Person::"));
                let found = match again {
                    Some(found) => found.clone(),
                    None => match self.at(account, place, &held, &tried, &mut left) {
                        Some(found) => found,
                        None => return Changes { changes, untold, whole: false },
                    },
                };
                changes.extend(found.iter().cloned().map(|mut change| {
                    change.right.account = account.clone();
                    change
                }));
                known.insert(held, found);
            }
        }
        changes.sort_by(|a, b| a.right.cmp(&b.right));
        Changes { changes, untold, whole: true }
    }

    fn tried(&self, place: Option<&Place>) -> Tried {
        let now = self.access.circumstances(place, Network::Local);
        let hours = if self.asked.has("hour") { (0..24).collect() } else { vec![now.hour] };
        let days = if self.asked.has("weekday") { (1..=7).collect() } else { vec![now.weekday] };
        let kinds = match (place, self.asked.has("kind")) {
            (None, _) => &["site"],
            (Some(_), true) => KINDS,
            (Some(_), false) => &["project"],
        };
        let mut tried = Vec::new();
        // The outermost two are told apart in what is told.
        for network in Network::ALL {
            for strong_authentication in [true, false] {
                for (hour, weekday) in hours.iter().flat_map(|hour| days.iter().map(move |day| (*hour, *day)))
                {
                    let context =
                        Context { network: *network, strong_authentication, hour, weekday, ..now.clone() };
                    tried.extend(kinds.iter().map(|kind| (*kind, context.clone())));
                }
            }
        }
        tried
    }

    /// Everything that whoever holds this gains and loses at one place; nothing when there was too much to decide.
    fn at(
        &self,
        account: &UserId,
        place: Option<(&ProjectId, &Place)>,
        held: &[[BTreeSet<Role>; 2]; 2],
        tried: &Tried,
        left: &mut usize,
    ) -> Option<Found> {
        let scope = if place.is_some() { Scope::Project } else { Scope::Site };
        let mut found = Vec::new();
        for action in Action::ALL.iter().filter(|action| action.scope() == scope) {
            *left = left.checked_sub(tried.len().saturating_mul(2))?;
            let mut sides = self.policies.iter().zip(held).map(|(policies, [site, inside])| {
                let mut request = asked(account, site, inside, *action, place);
                let mut answers = Vec::with_capacity(tried.len());
                for (kind, context) in tried {
                    request.resource.kind = kind;
                    request.context = about_another(*action, context.clone());
                    answers.push(self.access.would(policies, &request).allowed);
                }
                answers
            });
            let (before, after) = (sides.next()?, sides.next()?);
            let right =
                Right { account: account.clone(), project: place.map(|(id, _)| id.clone()), action: *action };
            for gained in [true, false] {
                let turned = before.iter().zip(&after).map(|(had, has)| *had != *has && *has == gained);
                let turned: Vec<bool> = turned.collect();
                found.extend(told(&right, gained, &turned));
            }
        }
        Some(found)
    }
}

/// The changes that these answers are: one for each kind of session that they concern alike.
fn told(right: &Right, gained: bool, turned: &[bool]) -> Vec<RightChange> {
    // By network, then by factor, as they were tried.
    let part = turned.len() / (Network::ALL.len() * 2);
    let mut by: BTreeMap<(bool, bool, bool), Vec<Network>> = BTreeMap::new();
    for (network, both) in Network::ALL.iter().zip(turned.chunks(part * 2)) {
        let (with, without) = both.split_at(part.min(both.len()));
        let any = |some: &[bool]| some.contains(&true);
        let all = |some: &[bool]| !some.contains(&false);
        let whole = (!any(with) || all(with)) && (!any(without) || all(without));
        if any(with) || any(without) {
            by.entry((any(with), any(without), whole)).or_default().push(*network);
        }
    }
    let change = |((with, without, whole), from): ((bool, bool, bool), _)| RightChange {
        right: right.clone(),
        gained,
        from,
        factor: match (with, without) {
            (true, false) => Factor::With,
            (false, true) => Factor::Without,
            _ => Factor::Any,
        },
        sometimes: !whole,
    };
    by.into_iter().map(change).collect()
}

impl Holder {
    /// The roles on the site, and those in the project.
    fn at(&self, place: Option<(&ProjectId, &Place)>) -> [BTreeSet<Role>; 2] {
        let inside = place.and_then(|(project, _)| self.projects.get(project)).cloned().unwrap_or_default();
        [self.site.clone(), inside]
    }
}

impl Step {
    fn apply(self, roles: &mut BTreeSet<Role>) {
        match self {
            Self::Give(role) => {
                roles.insert(role);
            }
            Self::Take(role) => {
                roles.remove(&role);
            }
            Self::TakeAll => roles.clear(),
        }
    }
}

/// An approval is of what somebody else asked for, and who is named is somebody else; without that it is nobody's.
pub(crate) fn about_another(action: Action, stated: Context) -> Context {
    let of_another = [
        Action::ApprovePolicy,
        Action::NameAdministrator,
        Action::ReviewBreakGlass,
        Action::ApproveSupport,
        Action::AnswerApplication,
    ];
    let target = of_another.contains(&action).then(|| SOMEBODY.to_owned());
    Context { target, ..stated }
}

/// The question about a project as a whole, or about the site.
pub(crate) fn asked(
    account: &UserId,
    site: &BTreeSet<Role>,
    in_project: &BTreeSet<Role>,
    action: Action,
    project: Option<(&ProjectId, &Place)>,
) -> Request {
    let resource = match project {
        None => Resource::of_site("site", "site"),
        Some((id, place)) => Resource {
            kind: "project",
            id: id.to_string(),
            project: Some(id.to_string()),
            class: place.class,
            region: place.region.clone(),
        },
    };
    let actor = Actor {
        id: account.to_string(),
        service: false,
        site_roles: site.clone(),
        project_roles: in_project.clone(),
    };
    Request { actor, action, resource, context: Context::default() }
}

fn holders(grants: Vec<Grant>) -> BTreeMap<UserId, Holder> {
    let mut holders: BTreeMap<UserId, Holder> = BTreeMap::new();
    for grant in grants {
        let holder = holders.entry(grant.account).or_default();
        match grant.project {
            None => holder.site.insert(grant.role),
            Some(project) => holder.projects.entry(project).or_default().insert(grant.role),
        };
    }
    holders
}
