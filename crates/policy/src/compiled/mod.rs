//! The same policies in a form that is quick to ask. Cedar stays the truth: see `docs/spec/policy.md`.
//!
//! INVARIANT (cedar-is-the-truth): what this form cannot say exactly as Cedar would, it does not say: it
//! gives no answer, and Cedar is asked. It holds tests that cannot fail to evaluate, so that a policy which
//! could fail is never compiled.
//!
//! * [`read`]: from one policy to a rule, or to the reason why it is none
//! * [`test`]: the closed form of conditions, and what they are asked about
//! * [`shelf`]: where the rules stand that can concern a request

pub(crate) mod read;
pub(crate) mod shelf;
pub(crate) mod test;

use crate::{Action, Policies, Request, action::Scope, set::SCHEMA};
use base::Role;
use read::Rule;
use shelf::{Says, Shelves};
use test::Facts;
#[cfg(test)]
use test::Test;

/// A policy that Cedar alone evaluates, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreted {
    /// The policy's id.
    pub policy: String,
    /// What in it has no compiled form.
    pub why: String,
}

/// A compiled set.
#[derive(Debug, Default, Clone)]
pub(crate) struct Compiled {
    /// What the rest was made of.
    #[cfg(test)]
    pub(crate) rules: Vec<Rule>,
    reasons: Reasons,
    pub(crate) shelves: Shelves,
    pub(crate) roles: Roles,
    interpreted: Vec<Interpreted>,
    /// Whether there is a compiled form at all.
    whole: bool,
}

/// The roles that the schema lets an actor hold, as bits.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Roles {
    pub(crate) site: u16,
    pub(crate) project: u16,
}

/// The rules' reasons in one text: of ten thousand, one is found without a walk through memory.
#[derive(Debug, Default, Clone)]
struct Reasons {
    text: String,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Reasons {
    fn of(rules: &[Rule]) -> Self {
        let mut all = Self::default();
        for rule in rules {
            all.text.push_str(&rule.reason);
            all.ends.push(shelf::count(all.text.len()));
        }
        all
    }

    fn of_rule(&self, number: u32) -> &str {
        let number = number as usize;
        let start =
            number.checked_sub(1).and_then(|before| self.ends.get(before).copied()).unwrap_or_default();
        let end = self.ends.get(number).copied().unwrap_or_default();
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// What the policies say: whether it is allowed, and the sorted reasons.
pub(crate) type Answer = (bool, Vec<String>);

impl Compiled {
    /// Compiles a set that was checked. A set under another schema has no compiled form.
    pub(crate) fn of(policies: &Policies, schema: &str) -> Self {
        if schema != SCHEMA {
            let interpreted = policies.policies.policies().map(|policy| Interpreted {
                policy: policy.id().to_string(),
                why: "the schema is not the shipped one".to_owned(),
            });
            return Self { interpreted: interpreted.collect(), ..Self::default() };
        }
        let groups = read::Groups::of(&policies.schema);
        let mut rules: Vec<Rule> =
            policies.policies.policies().map(|policy| read::rule(policy, &groups, policies)).collect();
        // An answer's reasons come out in this order.
        rules.sort_by(|a, b| a.reason.cmp(&b.reason));
        let interpreted = rules
            .iter()
            .filter_map(|rule| Some(Interpreted { policy: rule.id.clone(), why: rule.interpreted.clone()? }))
            .collect();
        let (reasons, shelves) = (Reasons::of(&rules), Shelves::of(&rules));
        let roles = Roles {
            site: policies.held(&policies.names.site_role),
            project: policies.held(&policies.names.project_role),
        };
        Self {
            #[cfg(test)]
            rules,
            reasons,
            shelves,
            roles,
            interpreted,
            whole: true,
        }
    }

    /// The policies that only Cedar evaluates.
    pub(crate) fn interpreted(&self) -> &[Interpreted] {
        &self.interpreted
    }

    /// The answer, or none when Cedar has to be asked: facts that do not fit, whose words are Cedar's
    /// to find, and requests in the scope of a policy that has no compiled form.
    pub(crate) fn answer(&self, request: &Request) -> Option<Answer> {
        if !self.whole {
            return None;
        }
        let facts = Facts::of(request);
        if !self.fits(request, &facts) {
            return None;
        }
        let mut permits = Vec::new();
        let mut forbids = Vec::new();
        let mut known = true;
        self.shelves.each(&facts, |rule, says| match says {
            Says::Permit => permits.push(rule),
            Says::Forbid => forbids.push(rule),
            Says::Cedar => known = false,
        });
        known.then(|| self.words(request.action, permits, forbids))
    }

    fn words(&self, action: Action, permits: Vec<u32>, forbids: Vec<u32>) -> Answer {
        let allowed = forbids.is_empty() && !permits.is_empty();
        let mut deciding = if forbids.is_empty() { permits } else { forbids };
        if deciding.is_empty() {
            return (false, vec![format!("no policy permits `{action}`")]);
        }
        deciding.sort_unstable();
        (allowed, deciding.iter().map(|number| self.reasons.of_rule(*number).to_owned()).collect())
    }

    /// The same checks of the facts that are made before Cedar is asked, and the schema's.
    fn fits(&self, request: &Request, facts: &Facts<'_>) -> bool {
        let resource = &request.resource;
        let place = match (&resource.project, resource.class) {
            (None, None) => request.actor.project_roles.is_empty() && request.action.scope() == Scope::Site,
            (Some(project), Some(_)) => !project.is_empty() && request.action.scope() == Scope::Project,
            _ => false,
        };
        place
            && !request.actor.id.is_empty()
            && !resource.id.is_empty()
            && facts.on_site & !self.roles.site == 0
            && facts.in_project & !self.roles.project == 0
    }
}

/// The bit of a role.
pub(crate) const fn bit(role: Role) -> u16 {
    1 << role as u16
}

#[cfg(test)]
mod tests;
