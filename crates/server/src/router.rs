//! The contract's routes and their handlers.

use crate::failure::{Error, Failure};
use crate::{Site, admit, attend, observe};
use crate::{
    administrator, agreement, application, backup, break_glass, consent, dataset, discovered, erase, export,
    history, identity, incident, keep, keys, notify, object, oidc, package, pages, passkey, passport,
    password, people, policy, process, project, record, reference, rights, run, sample, scrub, seen, service,
    session, support_session, tail, terminal, tool, usage, variant, volume,
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
    "oidc depart",
    "oidc link",
    "oidc show",
    "oidc unlink",
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
#[derive(Default)]
struct Handlers(BTreeMap<&'static str, MethodRouter<Site>>);

impl Handlers {
    fn all() -> Self {
        let mut all = Self::default();
        all.of_people();
        all.of_rights();
        all.of_passports();
        all.of_work();
        all.of_uses();
        all.of_sharing();
        all.of_identities();
        all
    }

    /// Under the method that the contract gives the route of this name.
    fn set<H: Handler<T, Site>, T: 'static>(&mut self, name: &'static str, handler: H) {
        let method = match api::route::named(name).map(|route| route.method) {
            Some("POST") => MethodFilter::POST,
            Some("PUT") => MethodFilter::PUT,
            Some("DELETE") => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        self.0.insert(name, on(method, handler));
    }

    /// The handlers with which people and programs sign in.
    fn of_people(&mut self) {
        self.set("session create", session::redeem);
        self.set("session end", session::sign_out);
        self.set("whoami", people::me);
        self.set("session list", session::list);
        self.set("session revoke", session::revoke);
        self.set("passkey challenge", passkey::challenge);
        self.set("passkey login", passkey::sign_in);
        self.set("passkey invite", passkey::invite);
        self.set("passkey begin", passkey::begin);
        self.set("passkey add", passkey::add);
        self.set("passkey list", passkey::list);
        self.set("passkey remove", passkey::remove);
        self.set("confirm begin", passkey::ask_again);
        self.set("confirm passkey", passkey::confirm);
        self.set("confirm terminal", terminal::confirm);
        self.set("confirm password", password::confirm);
        self.set("password login", password::sign_in);
        self.set("password begin", password::begin);
        self.set("password set", password::set);
        self.set("password remove", password::remove);
        self.set("oidc begin", oidc::begin);
        self.set("oidc login", oidc::sign_in);
        self.set("oidc depart", oidc::begin_link);
        self.set("oidc link", oidc::link);
        self.set("oidc show", oidc::list);
        self.set("oidc unlink", oidc::unlink);
        self.set("terminal begin", terminal::begin);
        self.set("terminal finish", terminal::finish);
        self.set("terminal show", terminal::asking);
        self.set("terminal challenge", terminal::challenge);
        self.set("terminal approve", terminal::approve);
        self.set("terminal refuse", terminal::refuse);
        self.set("page enrol", pages::enrol);
        self.set("page password", pages::password);
        self.set("page sign-in", pages::sign_in);
        self.set("page oidc", pages::oidc);
        self.set("page device", pages::device);
        self.set("page sessions", pages::sessions);
        self.set("page script", pages::script);
        self.set("page style", pages::style);
        self.set("service create", service::create);
        self.set("service list", service::list);
        self.set("service token", service::token);
        self.set("service rotate", service::rotate);
        self.set("service close", service::close);
        self.set("service mine", service::mine);
        self.set("service allow", service::allow);
        self.set("service withdraw", service::withdraw);
    }

    /// What people hold, and what that lets them do.
    fn of_rights(&mut self) {
        self.set("account revoke", people::revoke);
        self.set("account preview", rights::preview_site);
        self.set("account reopen", people::reopen);
        self.set("member preview", rights::preview_member);
        self.set("administrator list", administrator::list);
        self.set("administrator propose", administrator::propose);
        self.set("administrator approve", administrator::approve);
        self.set("break-glass list", break_glass::list);
        self.set("break-glass open", break_glass::open);
        self.set("break-glass close", break_glass::close);
        self.set("break-glass review", break_glass::review);
        self.set("support list", support_session::list);
        self.set("support ask", support_session::ask);
        self.set("support approve", support_session::approve);
        self.set("support show", support_session::show);
        self.set("support end", support_session::end);
        self.set("policy list", policy::list);
        self.set("policy propose", policy::propose);
        self.set("policy show", policy::show);
        self.set("policy withdraw", policy::withdraw);
        self.set("policy approve", policy::approve);
        self.set("access explain", rights::explain);
        self.set("access explain-site", rights::explain_site);
    }

    /// Passports and what they count for.
    fn of_passports(&mut self) {
        self.set("passport present", passport::present);
        self.set("account link", passport::link);
        self.set("account identities", passport::identities);
        self.set("account unlink", passport::unlink);
        self.set("visa list", passport::list);
        self.set("visa map", passport::map);
        self.set("visa unmap", passport::unmap);
    }

    /// Who people are.
    fn of_identities(&mut self) {
        self.set("intake split", identity::split);
        self.set("subject identify", identity::identify);
        self.set("subject find", identity::find);
        self.set("subject correct", identity::correct);
    }

    /// What people agreed to, what data may be used for, and who saw it.
    fn of_uses(&mut self) {
        self.set("use show", consent::show_use);
        self.set("project screen", discovered::look);
        self.set("use approve", consent::approve_use);
        self.set("use revoke", consent::revoke_use);
        self.set("audit who-saw", seen::who_saw);
        self.set("subject report", seen::report);
        self.set("consent list", consent::list);
        self.set("consent show", consent::show);
        self.set("consent withdraw", consent::withdraw);
        self.set("consent record", consent::record);
        self.set("consent review", consent::review);
    }

    /// What projects let each other use.
    fn of_sharing(&mut self) {
        self.set("dataset list", dataset::list);
        self.set("dataset publish", dataset::publish);
        self.set("dataset close", dataset::close);
        self.set("dataset verify", dataset::verify);
        self.set("dataset samples", dataset::lent);
        self.set("application list", application::list);
        self.set("application make", application::make);
        self.set("application change", application::change);
        self.set("application answer", application::answer);
        self.set("application import", application::import);
        self.set("agreement list", agreement::list);
        self.set("agreement add", agreement::add);
        self.set("agreement end", agreement::end);
    }

    /// Projects and what is in them, and the site's own state.
    fn of_work(&mut self) {
        self.set("health", process::health);
        self.set("ready", process::ready);
        self.set("openapi", process::openapi);
        self.set("site status", process::status);
        self.set("site lock", process::lock);
        self.set("keys status", keys::status);
        self.set("keys rotate", keys::rotate);
        self.set("keys prepare", keys::prepare);
        self.set("keys complete", keys::complete);
        self.set("keys shred", erase::shred);
        self.set("account create", people::create);
        self.set("account list", people::list);
        self.set("account token", people::token);
        self.set("account grant", people::grant);
        self.set("account sessions", session::of_account);
        self.set("account sign-out", session::revoke_all);
        self.set("account close", people::close);
        self.set("project create", project::create);
        self.set("project list", project::list);
        self.set("project show", project::show);
        self.set("member list", people::members);
        self.set("member add", people::add_member);
        self.set("member remove", people::remove_member);
        self.set("package begin", package::begin);
        self.set("package file", package::file);
        self.set("package commit", package::commit);
        self.set("sample list", sample::list);
        self.set("sample show", sample::show);
        self.set("object list", object::list);
        self.set("object show", object::show);
        self.set("object get", object::release);
        self.set("object hold", keep::hold);
        self.set("object lift", keep::lift);
        self.set("object delete", keep::delete);
        self.set("usage show", usage::show);
        self.set("notify list", notify::list);
        self.set("notify test", notify::test);
        self.set("archive stat", scrub::stat);
        self.set("archive check", scrub::check);
        self.set("archive scrub", scrub::scrub);
        self.set("backup create", backup::create);
        self.set("backup verify", backup::verify);
        self.set("tool add", tool::add);
        self.set("tool list", tool::list);
        self.set("reference begin", reference::begin);
        self.set("reference file", reference::file);
        self.set("reference finish", reference::finish);
        self.set("reference list", reference::list);
        self.set("run start", run::start);
        self.set("run list", run::list);
        self.set("run show", run::show);
        self.set("run cancel", run::cancel);
        self.set("variant query", variant::query);
        self.set("report show", variant::report);
        self.set("receipt show", run::receipt);
        self.set("audit search", history::search);
        self.set("audit export", export::export);
        self.set("audit incident", incident::incident);
        self.set("audit volume", volume::volume);
        self.set("ledger checkpoint", record::checkpoint);
        self.set("ledger verify", record::check);
        self.set("ledger prove", record::prove);
        self.set("ledger watch", tail::watch);
    }
}

/// The contract, answered for `site`.
pub fn router(site: Site) -> Router {
    let mut open = Router::new();
    let mut signed = Router::new();
    for (name, handler) in Handlers::all().0 {
        let Some(route) = api::route::named(name) else { continue };
        if api::route::OPEN.contains(&name) {
            open = open.route(route.path, handler);
        } else {
            signed = signed.route(route.path, handler);
        }
    }
    signed
        .layer(middleware::from_fn_with_state(site.clone(), attend::attend))
        .merge(open.layer(middleware::from_fn(attend::apart)))
        .fallback(pages::elsewhere)
        .method_not_allowed_fallback(|| async { Failure::from(Error::Route) })
        .layer(middleware::from_fn_with_state(site.clone(), admit::admit))
        .layer(middleware::from_fn_with_state(site.clone(), observe::observe))
        .with_state(site)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn what_a_stranger_began_is_done_though_they_hang_up() {
        let (begun, done) = (Arc::new(tokio::sync::Notify::new()), Arc::new(AtomicBool::new(false)));
        let (tell, set) = (begun.clone(), done.clone());
        let handler = move || async move {
            tell.notify_one();
            // Long enough for the server to see that nobody is there any more.
            tokio::time::sleep(Duration::from_millis(200)).await;
            set.store(true, Ordering::Release);
        };
        let app: Router =
            Router::new().route("/", axum::routing::post(handler)).layer(middleware::from_fn(attend::apart));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        begun.notified().await;
        drop(stream);
        while !done.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    use std::collections::BTreeSet;

    #[test]
    fn contract_and_handlers_are_the_same_set() {
        let contract: BTreeSet<&str> = api::ROUTES.iter().map(|route| route.name).collect();
        let answered: BTreeSet<&str> = Handlers::all().0.into_keys().collect();
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
