//! Why an account can do a thing, or cannot, by the same decision.

use crate::rights::{about_another, asked};
use crate::thing::Thing;
use crate::verb::View;
use crate::{Access, Error, Grant, Permit};
use base::{Id, Role, Sha256, Timestamp, UserId};
use policy::action::Scope;
use policy::{Action, Decision, Network, Request};
use std::collections::BTreeSet;

/// Why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether it can, given a reason.
    pub allowed: bool,
    /// The policies that say so.
    pub reasons: Vec<String>,
    /// The roles that count, held now.
    pub roles: Vec<Role>,
    /// What is missing, or would have to go, in words.
    pub missing: Vec<String>,
    /// The digest of the set that decides.
    pub policy: Sha256,
}

impl Access {
    /// Decides what would be decided if `account` asked for `action` on the permit's thing from `network`, giving
    /// a reason, and looks for what would change the answer. The project's terms are asked, the consents of its people
    /// are not. Tells nothing of any other project.
    pub async fn explain<T: Thing>(
        &self,
        permit: &Permit<View, T>,
        account: &UserId,
        action: Action,
        network: Network,
    ) -> Result<Explanation, Error> {
        permit.live()?;
        let Some(thing) = permit.things().first() else { return Err(Error::NotFound) };
        let Some(place) = self.place_of(thing.as_str()).await? else { return Err(Error::NotFound) };
        let project = place.project.as_ref();
        let scope = if project.is_some() { Scope::Project } else { Scope::Site };
        if action.scope() != scope {
            return Err(Error::WrongPlace { action: action.as_str(), site: action.scope() == Scope::Site });
        }
        let closed = !self.open_accounts().await?.contains(account);
        let (mut site, mut inside) = (BTreeSet::new(), BTreeSet::new());
        let mut ended = Vec::new();
        for grant in self.grants_of(account).await? {
            let here = grant.project.is_none() || grant.project.as_ref() == project;
            match (here, grant.holds(self.judged_at()) && !closed) {
                (false, _) => {}
                (true, false) => ended.extend(lapse(&grant, self.judged_at())),
                (true, true) => {
                    if grant.project.is_none() {
                        site.insert(grant.role)
                    } else {
                        inside.insert(grant.role)
                    };
                }
            }
        }
        let at = project.map(|project| (project, &place));
        let mut request = asked(account, &site, &inside, action, at);
        request.resource.kind = T::KIND;
        request.resource.id = thing.as_str().to_owned();
        request.context = about_another(action, self.circumstances(Some(&place), network));
        let opened = self.opened_by(Some(account), &place).await?;
        (request.context.break_glass_open, request.context.support_open) =
            (opened.break_glass, opened.support);
        let policies = self.policies();
        let decide = |request: &Request| self.would(&policies, request);
        let decision = decide(&request);
        let mut missing = Vec::new();
        if !decision.allowed || closed {
            if closed {
                missing.push("the account is closed".to_owned());
            }
            missing.extend(ended);
            missing.extend(remedies(&decide, &request));
        } else {
            missing.extend(conditions(&decide, &request));
        }
        let roles = if project.is_some() {
            inside.into_iter().chain(site).collect()
        } else {
            site.into_iter().collect()
        };
        let (mut allowed, mut reasons) = (decision.allowed && !closed, decision.reasons);
        if allowed {
            // Of the project alone: what its people agreed to is for those who keep consents.
            for one in self.against_use(action, project, &[], None).await? {
                allowed = false;
                reasons.push(one.rule.to_owned());
                missing.push(one.why);
            }
        }
        Ok(Explanation { allowed, reasons, roles, missing, policy: decision.policy })
    }
}

fn lapse(grant: &Grant, now: Timestamp) -> Option<String> {
    let (role, (end, cause)) = (grant.role, grant.ends.first()?);
    if grant.by.is_some() && grant.lapsed && end > now {
        return Some(format!("the role {role} by a visa ended: nobody trusts its issuer any more"));
    }
    Some(format!("the role {role} ended at {end}, by its {cause}"))
}

/// What alone would turn the answer: each is tried by deciding again.
fn remedies(decide: &dyn Fn(&Request) -> Decision, request: &Request) -> Vec<String> {
    let would = |change: &dyn Fn(&mut Request)| {
        let mut other = request.clone();
        change(&mut other);
        decide(&other).allowed
    };
    let mut found = Vec::new();
    let in_project = request.resource.project.is_some();
    for role in Role::ALL {
        let roles = |request: &mut Request, on_site: bool, add: bool| {
            let roles =
                if on_site { &mut request.actor.site_roles } else { &mut request.actor.project_roles };
            if add {
                roles.insert(*role)
            } else {
                roles.remove(role)
            };
        };
        let held_on_site = role.is_site_wide();
        let holds = request.actor.site_roles.contains(role) || request.actor.project_roles.contains(role);
        if !holds && (held_on_site || in_project) && would(&|r| roles(r, held_on_site, true)) {
            let place = if held_on_site { "on the site" } else { "in the project" };
            found.push(format!("the role {role} {place} would give it"));
        }
        if holds && would(&|r| roles(r, held_on_site, false)) {
            found.push(format!("the role {role} stands in the way"));
        }
    }
    for network in Network::ALL.iter().filter(|network| **network != request.context.network) {
        if would(&|r| r.context.network = *network) {
            found.push(format!("from the network `{}` it is allowed", network.as_str()));
        }
    }
    if (0..24).any(|hour| would(&|r| r.context.hour = hour)) {
        found.push("at another hour it is allowed".to_owned());
    }
    if (1..=7).any(|day| would(&|r| r.context.weekday = day)) {
        found.push("on another day of the week it is allowed".to_owned());
    }
    if request.context.out_of_region && would(&|r| r.context.out_of_region = false) {
        found.push("the project's data may not lie where this site lies".to_owned());
    }
    if request.context.break_glass_open && would(&|r| r.context.break_glass_open = false) {
        found.push("a break-glass of theirs is open in the project".to_owned());
    }
    if request.context.support_open && would(&|r| r.context.support_open = false) {
        found.push("a support session of theirs is open in the project".to_owned());
    }
    if found.is_empty() {
        found.push("no single role, network or time would give it".to_owned());
    }
    found
}

/// What an allowed answer stands on beside the roles.
fn conditions(decide: &dyn Fn(&Request) -> Decision, request: &Request) -> Vec<String> {
    let without = |change: &dyn Fn(&mut Request)| {
        let mut other = request.clone();
        change(&mut other);
        !decide(&other).allowed
    };
    let mut found = Vec::new();
    if without(&|r| r.context.purpose = None) {
        found.push("it asks for a reason".to_owned());
    }
    if without(&|r| r.context.strong_authentication = false) {
        found.push("it asks for a session with a second, phishing-resistant factor".to_owned());
    }
    if without(&|r| r.context.target = Some(r.actor.id.clone())) || without(&|r| r.context.same_person = true)
    {
        found.push("not for an account of their own".to_owned());
    }
    found
}
