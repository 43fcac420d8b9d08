//! What the shipped policies say, and what happens to sets that are not as they should be.

#[cfg(test)]
mod limits;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod sets;
#[cfg(test)]
mod terms;

use base::{Class, Role};
use policy::action::Scope;
use policy::{Action, Actor, Context, Request, Resource};

/// A request by someone who holds `roles`, each where it can be held and counts for `action`.
pub fn request(roles: &[Role], action: Action, class: Class) -> Request {
    let on_site = |role: &Role| role.is_site_wide() || *role == Role::SupportObserver;
    let in_project = action.scope() == Scope::Project;
    Request {
        actor: Actor {
            id: "usr_actor".to_owned(),
            service: false,
            site_roles: roles.iter().copied().filter(on_site).collect(),
            project_roles: roles.iter().copied().filter(|r| in_project && !r.is_site_wide()).collect(),
        },
        action,
        resource: match action.scope() {
            Scope::Site => Resource::of_site("site", "sit_here"),
            Scope::Project => Resource::of_project("thing", "obj_thing", "prj_one", class),
        },
        context: Context {
            purpose: Some("asked by the treating clinician".to_owned()),
            ..Context::default()
        },
    }
}
