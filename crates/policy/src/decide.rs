//! The decision.

use crate::compiled::bit;
use crate::{Policies, Request, Resource};
use base::{Role, Sha256};
use cedar_policy::{
    Context, Decision as Verdict, Effect, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId,
    RestrictedExpression,
};
use std::collections::{HashMap, HashSet};

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether the actor may.
    pub allowed: bool,
    /// Why, in words that name the policies by id and repeat nothing of the request but its
    /// action. Never empty.
    pub reasons: Vec<String>,
    /// The digest of the set that decided.
    pub policy: Sha256,
}

impl Policies {
    /// Decides one request. It has no error: a missing or contradictory fact, an unknown action
    /// and a policy that fails to evaluate all deny, and the reasons say which it was.
    ///
    /// The compiled form answers what it can say exactly as Cedar would, and Cedar the rest.
    pub fn decide(&self, request: &Request) -> Decision {
        self.compiled(request).unwrap_or_else(|| self.interpret(request))
    }

    /// What the compiled form says by itself: none for facts that do not fit, and in the scope of a policy
    /// that has no compiled form.
    pub fn compiled(&self, request: &Request) -> Option<Decision> {
        let (allowed, reasons) = self.compiled.answer(request)?;
        Some(Decision { allowed, reasons, policy: self.digest() })
    }

    /// Decides one request by Cedar alone: what [`decide`](Self::decide) is checked against.
    pub fn interpret(&self, request: &Request) -> Decision {
        self.decide_named(request, request.action.as_str())
    }

    /// The roles that an actor can be in as a member of `kind`, as bits: what the schema says.
    pub(crate) fn held(&self, kind: &EntityTypeName) -> u16 {
        let can = |role: &&Role| {
            let parents = HashSet::from([uid(kind, role.as_str())]);
            let actor = Entity::new_no_attrs(uid(&self.names.person, "someone"), parents);
            Entities::from_entities([actor], Some(&self.schema)).is_ok()
        };
        Role::ALL.iter().filter(can).fold(0, |all, role| all | bit(*role))
    }

    fn decide_named(&self, request: &Request, action: &str) -> Decision {
        let (allowed, reasons) = match self.answer(request, action) {
            Ok(answer) => answer,
            Err(Unfit(what)) => (false, vec![format!("the facts do not fit: {what}")]),
        };
        Decision { allowed, reasons, policy: self.digest() }
    }

    fn answer(&self, request: &Request, action: &str) -> Result<(bool, Vec<String>), Unfit> {
        let principal = self.principal(request)?;
        let resource = self.resource(&request.resource)?;
        let cedar = cedar_policy::Request::new(
            principal.uid(),
            uid(&self.names.action, action),
            resource.uid(),
            self.context(request)?,
            Some(&self.schema),
        )
        .map_err(|_| Unfit("action, actor, thing and circumstances do not go together"))?;
        let entities = Entities::from_entities([principal, resource], Some(&self.schema))
            .map_err(|_| Unfit("a role or class is not one that can be held here"))?;

        let response = self.authorizer.is_authorized(&cedar, &self.policies, &entities);
        let diagnostics = response.diagnostics();
        // INVARIANT (errors deny): the engine skips a policy that fails; were it a `forbid`,
        // skipping it would allow.
        let failed: Vec<String> = diagnostics
            .errors()
            .map(|cedar_policy::AuthorizationError::PolicyEvaluationError(e)| {
                format!("policy `{}` could not be evaluated", e.policy_id())
            })
            .collect();
        if !failed.is_empty() {
            return Ok((false, failed));
        }
        let allowed = response.decision() == Verdict::Allow;
        let mut reasons: Vec<String> = diagnostics.reason().map(|id| self.reason(id)).collect();
        reasons.sort();
        if reasons.is_empty() {
            reasons.push(format!("no policy permits `{action}`"));
        }
        Ok((allowed, reasons))
    }

    fn principal(&self, request: &Request) -> Result<Entity, Unfit> {
        let actor = &request.actor;
        if actor.id.is_empty() {
            return Err(Unfit("no actor"));
        }
        if request.resource.project.is_none() && !actor.project_roles.is_empty() {
            return Err(Unfit("roles in a project for a thing of none"));
        }
        let names = &self.names;
        let on_site = actor.site_roles.iter().map(|role| uid(&names.site_role, role.as_str()));
        let in_project = actor.project_roles.iter().map(|role| uid(&names.project_role, role.as_str()));
        let kind = if actor.service { &names.service } else { &names.person };
        Ok(Entity::new_no_attrs(uid(kind, &actor.id), on_site.chain(in_project).collect()))
    }

    fn resource(&self, resource: &Resource) -> Result<Entity, Unfit> {
        if resource.id.is_empty() {
            return Err(Unfit("no thing"));
        }
        let names = &self.names;
        let kind = ("kind".to_owned(), RestrictedExpression::new_string(resource.kind.to_owned()));
        let region = resource.region().map(|region| RestrictedExpression::new_string(region.to_owned()));
        let (id, attributes, parents) = match (&resource.project, resource.class) {
            (None, None) => (uid(&names.site_thing, &resource.id), HashMap::from([kind]), HashSet::new()),
            (Some(project), Some(class)) if !project.is_empty() => {
                let class = RestrictedExpression::new_entity_uid(uid(&names.class, class.as_str()));
                let mut attributes = HashMap::from([kind, ("class".to_owned(), class)]);
                attributes.extend(region.map(|region| ("region".to_owned(), region)));
                let project = HashSet::from([uid(&names.project, project)]);
                (uid(&names.project_thing, &resource.id), attributes, project)
            }
            _ => return Err(Unfit("a thing's project and its class come together")),
        };
        Entity::new(id, attributes, parents).map_err(|_| Unfit("a thing that cannot be described"))
    }

    fn context(&self, request: &Request) -> Result<Context, Unfit> {
        let given = &request.context;
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let person = |account: &str| RestrictedExpression::new_entity_uid(uid(&self.names.person, account));
        let network = uid(&self.names.network, given.network.as_str());
        let always = [
            ("strong_authentication", RestrictedExpression::new_bool(given.strong_authentication)),
            ("same_person", RestrictedExpression::new_bool(given.same_person)),
            ("out_of_region", RestrictedExpression::new_bool(given.out_of_region)),
            ("break_glass_open", RestrictedExpression::new_bool(given.break_glass_open)),
            ("support_open", RestrictedExpression::new_bool(given.support_open)),
            ("network", RestrictedExpression::new_entity_uid(network)),
            ("hour", RestrictedExpression::new_long(given.hour.into())),
            ("weekday", RestrictedExpression::new_long(given.weekday.into())),
        ];
        let perhaps = [
            ("purpose", given.purpose().map(text)),
            ("on_behalf_of", given.on_behalf_of().map(person)),
            ("target", given.target().map(person)),
        ];
        let stated = perhaps.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let pairs = always.into_iter().chain(stated).map(|(key, value)| (key.to_owned(), value));
        Context::from_pairs(pairs).map_err(|_| Unfit("circumstances that cannot be described"))
    }

    pub(crate) fn reason(&self, id: &PolicyId) -> String {
        let why = self.policies.annotation(id, "why").unwrap_or_default();
        match self.policies.policy(id).map(cedar_policy::Policy::effect) {
            Some(Effect::Permit) => format!("permitted by `{id}`"),
            _ => format!("forbidden by `{id}`: {why}"),
        }
    }
}

/// Facts that make no request, in fixed words: they go into a record.
struct Unfit(&'static str);

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Actor};
    use base::Class;

    /// An analyst who looks at variants: allowed by the shipped policies.
    fn allowed() -> Request {
        Request {
            actor: Actor { id: "usr_a".into(), project_roles: [Role::Analyst].into(), ..Actor::default() },
            action: Action::ViewVariants,
            resource: Resource::of_project("sample", "smp_a", "prj_a", Class::Clinical),
            context: crate::Context::default(),
        }
    }

    /// Changes one fact and expects a denial whose reasons hold `word`.
    fn check(word: &str, change: impl Fn(&mut Request)) {
        let policies = Policies::shipped().unwrap();
        let mut request = allowed();
        assert!(policies.decide(&request).allowed);
        change(&mut request);
        let decision = policies.decide(&request);
        assert!(!decision.allowed, "{request:?}");
        assert!(decision.reasons.join("; ").contains(word), "{:?}", decision.reasons);
    }

    #[test]
    fn missing_and_contradictory_facts_deny() {
        check("no actor", |r| r.actor.id.clear());
        check("no thing", |r| r.resource.id.clear());
        check("come together", |r| r.resource.class = None);
        check("come together", |r| r.resource.project = Some(String::new()));
        check("for a thing of none", |r| r.resource.project = None);
        check("do not go together", |r| r.action = Action::ViewTools);
        check("can be held here", |r| r.actor.site_roles = [Role::Analyst].into());
        check("can be held here", |r| r.actor.project_roles = [Role::Auditor].into());
    }

    #[test]
    fn an_action_that_the_schema_lacks_is_denied() {
        let policies = Policies::shipped().unwrap();
        for action in ["no-such-action", "data", "administer", "", "View-Variants"] {
            let decision = policies.decide_named(&allowed(), action);
            assert!(!decision.allowed, "{action}");
            assert!(decision.reasons[0].starts_with("the facts do not fit"), "{:?}", decision.reasons);
        }
    }

    #[test]
    fn reasons_name_policies_and_the_set() {
        let policies = Policies::shipped().unwrap();
        let decision = policies.decide(&allowed());
        assert_eq!(decision.reasons, ["permitted by `analyst-runs`"]);
        assert_eq!(decision.policy, policies.digest());
    }
}
