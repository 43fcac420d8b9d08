//! The door on a real spine: signed in once, decided by the right verb, every outcome recorded.

// Tells clippy that the helpers are tests too.
#![cfg(test)]

mod administrators;
mod before;
mod exceptions;
mod oidc;
mod passkeys;
mod passwords;
mod provider;
mod rights;
mod services;
mod sessions;
mod sets;
mod steps;
mod terminals;
mod usable;
mod visas;

use access::thing::{Project, Site};
use access::verb::{Manage, Read, View};
use access::{Action, Ask, Ended, Error, Permit};
use audit::{Actor, Event, What};
use base::{Class, Clock, FixedClock, ForwardClock, Id, ReadsetId, RequestId, Role, SystemEntropy};
use std::sync::Arc;
use std::time::Duration;
use testkit::Spine;

#[tokio::test]
async fn a_one_time_token_signs_in_once() {
    let spine = Spine::new(&[]).await;
    let permit: Permit<Manage, Site> = spine.permit(&spine.admin, Action::ManageAccounts, &spine.site).await;
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    let (_, token) = spine.access.create_account(&permit, &tx, "newcomer").await.unwrap();
    tx.commit().await.unwrap();
    let request = RequestId::mint(&SystemEntropy);
    let session = spine.access.redeem(&token, &request).await.unwrap();
    let caller = spine.access.authenticate(session.expose()).await.unwrap();
    assert!(matches!(spine.access.redeem(&token, &request).await, Err(Error::Token)));
    spine.access.sign_out(&caller).await.unwrap();
    let last = spine.audit.recorded(spine.audit.ledger().size() - 1).unwrap().event;
    assert_eq!((&last.what, &last.actor), (&What::SessionEnded { cause: None }, caller.actor()));
    assert_eq!(last.request.as_ref(), Some(caller.request()));
    assert!(matches!(spine.access.authenticate(session.expose()).await, Err(Error::NotSignedIn)));
    // Used, malformed, unknown: each counts, and none is recorded one by one.
    let before = spine.audit.ledger().size();
    assert!(matches!(spine.access.one_time_token("once_short").err(), Some(Error::Token)));
    assert!(matches!(spine.access.authenticate("no token").await, Err(Error::NotSignedIn)));
    assert_eq!(spine.audit.ledger().size(), before);
    let site = Actor::Site(spine.site.clone());
    spine.audit.flush_refused_sessions(&site).await.unwrap();
    spine.audit.gate(&Event::new(site, What::SiteClosed { watermark: None })).await.unwrap();
    assert_eq!(spine.audit.recorded(before).unwrap().event.what, What::SessionsRefused { count: 4 });
}

/// What a door under a clock that never goes back, and one under the machine's, make of a clock set back.
#[tokio::test]
async fn a_clock_that_is_set_back_brings_no_session_and_no_token_back() {
    let day = Duration::from_secs(24 * 3600);
    for follows in [true, false] {
        let spine = Spine::new(&[]).await;
        let right = spine.clock.now();
        let machine = Arc::new(FixedClock::at(right));
        let clock: Arc<dyn Clock> =
            if follows { Arc::new(ForwardClock::new(machine.clone())) } else { machine.clone() };
        let (db, audit, entropy) = (spine.db.clone(), spine.audit.clone(), spine.entropy.clone());
        let access =
            access::Access::new(db, audit, policy::Policies::shipped().unwrap(), clock.clone(), entropy);
        let permit: Permit<Manage, Site> =
            spine.permit(&spine.admin, Action::ManageAccounts, &spine.site).await;
        let tx = spine.db.begin(permit.decision()).await.unwrap();
        let (_, first) = access.create_account(&permit, &tx, "first-one").await.unwrap();
        let (_, second) = access.create_account(&permit, &tx, "second-one").await.unwrap();
        tx.commit().await.unwrap();
        let request = RequestId::mint(&SystemEntropy);
        let session = access.redeem(&first, &request).await.unwrap();
        access.authenticate(session.expose()).await.unwrap();
        assert_eq!(access.last_use().await.unwrap().unwrap().as_second(), clock.now().as_second());

        machine.advance(day);
        assert!(access.authenticate(session.expose()).await.is_err());
        machine.set(right);
        let back = access.authenticate(session.expose()).await;
        assert_eq!(back.is_err(), follows, "the test sees what the clock is for");
        assert_eq!(access.redeem(&second, &request).await.is_err(), follows);
    }
}

#[tokio::test]
async fn a_name_that_no_account_has_is_told_to_those_who_manage_accounts() {
    let spine = Spine::new(&[]).await;
    let permit: Permit<Manage, Site> = spine.permit(&spine.admin, Action::ManageAccounts, &spine.site).await;
    let refused = spine.access.account_named(&permit, "nobody\u{1b}[2J").await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no account `nobody[2J`");
    assert_eq!(base::Fault::code(&refused), "ACCESS-015");
    assert!(base::Fault::hint(&refused).unwrap().contains("account list"));
}

#[tokio::test]
async fn an_action_gives_its_own_verb_alone() {
    let spine = Spine::new(&[]).await;
    let members = spine.project(Class::Research).await;
    let ask = Ask::<Project>::new(Action::ViewSamples, [members.project.clone()]);
    let refused = spine.access.decide::<Read, Project>(members.with(Role::Viewer), ask).await.err().unwrap();
    assert!(matches!(refused, Error::Verb { action: "view-samples", verb: "read" }));
}

#[tokio::test]
async fn a_long_list_of_what_was_made_is_on_record_whole() {
    let spine = Spine::new(&[]).await;
    let members = spine.project(Class::Research).await;
    let viewer = members.with(Role::Viewer);
    let permit: Permit<View, Project> = spine.permit(viewer, Action::ViewSamples, &members.project).await;
    let made: Vec<String> = (0..3000).map(|_| ReadsetId::mint(&SystemEntropy).to_string()).collect();
    spine.access.close(viewer, Ended { made: &made, ..Ended::default() }).await.unwrap();
    // A gate event waits for everything queued before it, so the outcomes are durable after this.
    let _: Permit<View, Project> = spine.permit(viewer, Action::ViewSamples, &members.project).await;
    for id in &made {
        let history = spine.audit.history(id).unwrap();
        let outcomes = history.events.iter().filter(
            |e| matches!(e.event.what, What::Outcome { decision, .. } if decision == permit.decision()),
        );
        assert_eq!(outcomes.count(), 1, "{id}");
    }
}

#[tokio::test]
async fn a_site_that_changes_nothing_denies_changes_on_record_and_goes_on_showing() {
    let spine = Spine::new(&[]).await;
    let members = spine.project(Class::Research).await;
    let viewer = members.with(Role::Viewer);
    let manage = || Ask::<Site>::new(Action::ManageAccounts, [spine.site.clone()]);
    let begun: Permit<Manage, Site> = spine.access.decide(&spine.admin, manage()).await.unwrap();
    spine.access.set_read_only(Some("3 MiB are free".into()));
    let before = spine.audit.ledger().size();
    let refused = spine.access.decide::<Manage, Site>(&spine.admin, manage()).await.err().unwrap();
    assert_eq!(
        (base::Fault::code(&refused), base::Fault::kind(&refused)),
        ("ACCESS-016", base::Kind::Unavailable)
    );
    match spine.audit.recorded(before).unwrap().event.what {
        What::Decision { allowed, policies, .. } => {
            assert_eq!((allowed, policies), (false, vec!["site-read-only".to_owned()]));
        }
        other => panic!("{other:?}"),
    }
    // Whoever may not do it anyway is told that, and nothing of the site.
    let refused = spine.access.decide::<Manage, Site>(viewer, manage()).await.err().unwrap();
    assert!(matches!(refused, Error::Denied { .. }), "{refused}");
    // What shows, what ends and what was begun goes on.
    let _: Permit<View, Project> = spine.permit(viewer, Action::ViewSamples, &members.project).await;
    let _: Permit<Manage, Site> = spine.permit(&spine.admin, Action::LockSite, &spine.site).await;
    spine.access.renew(&begun, Action::ManageAccounts).await.unwrap();
    spine.access.set_read_only(None);
    let _: Permit<Manage, Site> = spine.access.decide(&spine.admin, manage()).await.unwrap();
}
