//! The contract's routes and their handlers.

use crate::failure::{Error, Failure};
use crate::{Site, admit, attend, observe};
use crate::{
    backup, erase, export, history, keep, keys, object, package, pages, passkey, passport, password, people,
    policy, process, project, record, reference, rights, run, sample, scrub, service, session, tail,
    terminal, tool, variant, volume,
};
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Router, middleware};
use std::collections::BTreeMap;

/// Routes that concern whoever asks alone, so that there is nothing to decide.
#[cfg(test)]
const OWN: &[&str] = &[
    "session end",
    "whoami",
    "session list",
    "session revoke",
    "passkey invite",
    "passkey begin",
    "passkey add",
    "passkey list",
    "passkey remove",
    "confirm begin",
    "confirm passkey",
    "confirm terminal",
    "confirm password",
    "password begin",
    "password set",
    "password remove",
    "terminal show",
    "terminal challenge",
    "terminal approve",
    "terminal refuse",
    "service mine",
    "service allow",
    "service withdraw",
    "passport present",
];

/// Every route's handler under the contract's name for it.
fn handlers() -> BTreeMap<&'static str, MethodRouter<Site>> {
    let mut all = BTreeMap::new();
    let mut set = |name: &'static str, router: MethodRouter<Site>| drop(all.insert(name, router));
    of_people(&mut set);
    set("health", to("health", process::health));
    set("ready", to("ready", process::ready));
    set("openapi", to("openapi", process::openapi));
    set("site status", to("site status", process::status));
    set("site lock", to("site lock", process::lock));
    set("keys status", to("keys status", keys::status));
    set("keys rotate", to("keys rotate", keys::rotate));
    set("keys prepare", to("keys prepare", keys::prepare));
    set("keys complete", to("keys complete", keys::complete));
    set("keys shred", to("keys shred", erase::shred));
    set("account create", to("account create", people::create));
    set("account list", to("account list", people::list));
    set("account token", to("account token", people::token));
    set("account grant", to("account grant", people::grant));
    set("account sessions", to("account sessions", session::of_account));
    set("account sign-out", to("account sign-out", session::revoke_all));
    set("account close", to("account close", people::close));
    set("project create", to("project create", project::create));
    set("project list", to("project list", project::list));
    set("project show", to("project show", project::show));
    set("member list", to("member list", people::members));
    set("member add", to("member add", people::add_member));
    set("member remove", to("member remove", people::remove_member));
    set("package begin", to("package begin", package::begin));
    set("package file", to("package file", package::file));
    set("package commit", to("package commit", package::commit));
    set("sample list", to("sample list", sample::list));
    set("sample show", to("sample show", sample::show));
    set("object list", to("object list", object::list));
    set("object show", to("object show", object::show));
    set("object get", to("object get", object::release));
    set("object hold", to("object hold", keep::hold));
    set("object lift", to("object lift", keep::lift));
    set("object delete", to("object delete", keep::delete));
    set("archive stat", to("archive stat", scrub::stat));
    set("archive check", to("archive check", scrub::check));
    set("archive scrub", to("archive scrub", scrub::scrub));
    set("backup create", to("backup create", backup::create));
    set("backup verify", to("backup verify", backup::verify));
    set("tool add", to("tool add", tool::add));
    set("tool list", to("tool list", tool::list));
    set("reference begin", to("reference begin", reference::begin));
    set("reference file", to("reference file", reference::file));
    set("reference finish", to("reference finish", reference::finish));
    set("reference list", to("reference list", reference::list));
    set("run start", to("run start", run::start));
    set("run list", to("run list", run::list));
    set("run show", to("run show", run::show));
    set("run cancel", to("run cancel", run::cancel));
    set("variant query", to("variant query", variant::query));
    set("report show", to("report show", variant::report));
    set("receipt show", to("receipt show", run::receipt));
    set("audit search", to("audit search", history::search));
    set("audit export", to("audit export", export::export));
    set("audit volume", to("audit volume", volume::volume));
    set("ledger checkpoint", to("ledger checkpoint", record::checkpoint));
    set("ledger verify", to("ledger verify", record::check));
    set("ledger prove", to("ledger prove", record::prove));
    set("ledger watch", to("ledger watch", tail::watch));
    all.extend(rights_handlers());
    all.extend(visa_handlers());
    all
}

/// What people hold, and what that lets them do.
fn rights_handlers() -> [(&'static str, MethodRouter<Site>); 11] {
    [
        ("account revoke", to("account revoke", people::revoke)),
        ("account preview", to("account preview", rights::preview_site)),
        ("account reopen", to("account reopen", people::reopen)),
        ("member preview", to("member preview", rights::preview_member)),
        ("policy list", to("policy list", policy::list)),
        ("policy propose", to("policy propose", policy::propose)),
        ("policy show", to("policy show", policy::show)),
        ("policy withdraw", to("policy withdraw", policy::withdraw)),
        ("policy approve", to("policy approve", policy::approve)),
        ("access explain", to("access explain", rights::explain)),
        ("access explain-site", to("access explain-site", rights::explain_site)),
    ]
}

/// Passports and what they count for.
fn visa_handlers() -> [(&'static str, MethodRouter<Site>); 7] {
    [
        ("passport present", to("passport present", passport::present)),
        ("account link", to("account link", passport::link)),
        ("account identities", to("account identities", passport::identities)),
        ("account unlink", to("account unlink", passport::unlink)),
        ("visa list", to("visa list", passport::list)),
        ("visa map", to("visa map", passport::map)),
        ("visa unmap", to("visa unmap", passport::unmap)),
    ]
}

/// The handlers with which people and programs sign in.
fn of_people(set: &mut impl FnMut(&'static str, MethodRouter<Site>)) {
    set("session create", to("session create", session::redeem));
    set("session end", to("session end", session::sign_out));
    set("whoami", to("whoami", people::me));
    set("session list", to("session list", session::list));
    set("session revoke", to("session revoke", session::revoke));
    set("passkey challenge", to("passkey challenge", passkey::challenge));
    set("passkey login", to("passkey login", passkey::sign_in));
    set("passkey invite", to("passkey invite", passkey::invite));
    set("passkey begin", to("passkey begin", passkey::begin));
    set("passkey add", to("passkey add", passkey::add));
    set("passkey list", to("passkey list", passkey::list));
    set("passkey remove", to("passkey remove", passkey::remove));
    set("confirm begin", to("confirm begin", passkey::ask_again));
    set("confirm passkey", to("confirm passkey", passkey::confirm));
    set("confirm terminal", to("confirm terminal", terminal::confirm));
    set("confirm password", to("confirm password", password::confirm));
    set("password login", to("password login", password::sign_in));
    set("password begin", to("password begin", password::begin));
    set("password set", to("password set", password::set));
    set("password remove", to("password remove", password::remove));
    set("terminal begin", to("terminal begin", terminal::begin));
    set("terminal finish", to("terminal finish", terminal::finish));
    set("terminal show", to("terminal show", terminal::asking));
    set("terminal challenge", to("terminal challenge", terminal::challenge));
    set("terminal approve", to("terminal approve", terminal::approve));
    set("terminal refuse", to("terminal refuse", terminal::refuse));
    set("page enrol", to("page enrol", pages::enrol));
    set("page password", to("page password", pages::password));
    set("page sign-in", to("page sign-in", pages::sign_in));
    set("page device", to("page device", pages::device));
    set("page sessions", to("page sessions", pages::sessions));
    set("page script", to("page script", pages::script));
    set("page style", to("page style", pages::style));
    set("service create", to("service create", service::create));
    set("service list", to("service list", service::list));
    set("service token", to("service token", service::token));
    set("service rotate", to("service rotate", service::rotate));
    set("service close", to("service close", service::close));
    set("service mine", to("service mine", service::mine));
    set("service allow", to("service allow", service::allow));
    set("service withdraw", to("service withdraw", service::withdraw));
}

/// The contract, answered for `site`.
pub fn router(site: Site) -> Router {
    let mut open = Router::new();
    let mut signed = Router::new();
    for (name, handler) in handlers() {
        let Some(route) = api::route::named(name) else { continue };
        if api::route::OPEN.contains(&name) {
            open = open.route(route.path, handler);
        } else {
            signed = signed.route(route.path, handler);
        }
    }
    signed
        .layer(middleware::from_fn_with_state(site.clone(), attend::attend))
        .merge(open)
        .fallback(|| async { Failure::from(Error::Route) })
        .method_not_allowed_fallback(|| async { Failure::from(Error::Route) })
        .layer(middleware::from_fn_with_state(site.clone(), admit::admit))
        .layer(middleware::from_fn_with_state(site.clone(), observe::observe))
        .with_state(site)
}

/// The method that the contract gives the route of this name.
fn to<H: Handler<T, Site>, T: 'static>(name: &str, handler: H) -> MethodRouter<Site> {
    let method = match api::route::named(name).map(|route| route.method) {
        Some("POST") => MethodFilter::POST,
        Some("PUT") => MethodFilter::PUT,
        Some("DELETE") => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    on(method, handler)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn contract_and_handlers_are_the_same_set() {
        let contract: BTreeSet<&str> = api::ROUTES.iter().map(|route| route.name).collect();
        let answered: BTreeSet<&str> = handlers().into_keys().collect();
        assert_eq!(contract, answered);
    }

    #[test]
    fn every_rule_is_an_action_and_only_the_open_have_none() {
        for route in api::ROUTES {
            match route.action {
                Some(action) => assert!(action.parse::<access::Action>().is_ok(), "{action}"),
                None => assert!(
                    api::route::OPEN.contains(&route.name) || OWN.contains(&route.name),
                    "{} has no rule",
                    route.name
                ),
            }
        }
    }
}
