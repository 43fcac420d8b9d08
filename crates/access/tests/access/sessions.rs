//! Sessions: how long, how many, and what their end reaches.

use access::limits::Asked;
use access::thing::{Project, Site};
use access::verb::{Manage, View};
use access::{Action, Ask, Caller, Error, Limits, Permit, Source};
use audit::What;
use base::{Class, FixedClock, Id, RequestId, Role, SystemEntropy, Timestamp, UserId};
use std::sync::Arc;
use std::time::Duration;
use testkit::Spine;

fn request() -> RequestId {
    RequestId::mint(&SystemEntropy)
}

async fn spine() -> (Spine, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::at(Timestamp::from_second(1_900_000_000).unwrap()));
    (Spine::with_store(clock.clone(), None).await, clock)
}

/// A new account and one session of it.
async fn signed_in(spine: &Spine, name: &str) -> (UserId, String) {
    let account = invited(spine, name).await;
    let token = again(spine, &account).await;
    (account, token)
}

async fn invited(spine: &Spine, name: &str) -> UserId {
    let permit: Permit<Manage, Site> = spine.permit(&spine.admin, Action::ManageAccounts, &spine.site).await;
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    let (account, _) = spine.access.create_account(&permit, &tx, name).await.unwrap();
    tx.commit().await.unwrap();
    account.id
}

/// A further session of an account. A new one-time token ends those before, so it is written where tokens
/// are kept.
async fn again(spine: &Spine, account: &UserId) -> String {
    let once = testkit::token(spine, account).await;
    let session = spine.access.redeem_from(&once, Source::Socket, &request()).await.unwrap();
    session.expose().to_owned()
}

async fn caller(spine: &Spine, token: &str) -> Result<Caller, Error> {
    spine.access.authenticate(token).await
}

fn ends(spine: &Spine, account: &UserId) -> Vec<Option<String>> {
    let history = spine.audit.history(account.as_str()).unwrap();
    let mut causes: Vec<_> = history
        .events
        .into_iter()
        .filter_map(|recorded| match recorded.event.what {
            What::SessionEnded { cause } => Some((recorded.position, cause)),
            _ => None,
        })
        .collect();
    causes.sort();
    causes.into_iter().map(|(_, cause)| cause).collect()
}

#[tokio::test]
async fn a_session_ends_by_idleness_and_by_age() {
    let (spine, clock) = spine().await;
    let limits = Limits::of(Class::Sandbox, true);
    let seconds = |count: i64| Duration::from_secs(u64::try_from(count).unwrap());
    let (_, idle) = signed_in(&spine, "idle").await;
    let (_, used) = signed_in(&spine, "used").await;
    clock.advance(seconds(limits.idle_seconds - 1));
    caller(&spine, &used).await.unwrap();
    clock.advance(seconds(1));
    assert!(matches!(caller(&spine, &idle).await, Err(Error::NotSignedIn)));
    let mut age = limits.idle_seconds;
    while age + 3600 < limits.absolute_seconds {
        caller(&spine, &used).await.unwrap();
        clock.advance(seconds(3600));
        age += 3600;
    }
    caller(&spine, &used).await.unwrap();
    clock.advance(seconds(limits.absolute_seconds - age));
    assert!(matches!(caller(&spine, &used).await, Err(Error::NotSignedIn)), "used to the last, and over");
}

#[tokio::test]
async fn the_strictest_project_allows_less_and_settings_shorten_it_further() {
    let (spine, clock) = spine().await;
    let (_, token) = signed_in(&spine, "somebody").await;
    assert_eq!(spine.access.limits().await.unwrap(), Limits::of(Class::Sandbox, true));
    spine.project(Class::Clinical).await;
    clock.advance(Duration::from_secs(30));
    assert_eq!(spine.access.limits().await.unwrap(), Limits::of(Class::Clinical, true));
    spine.access.limit_sessions(Asked { idle_minutes: Some(5), hours: Some(999), parallel: None });
    let limits = spine.access.limits().await.unwrap();
    assert_eq!((limits.idle_seconds, limits.absolute_seconds), (300, 12 * 3600));
    caller(&spine, &token).await.unwrap();
    clock.advance(Duration::from_secs(300));
    assert!(matches!(caller(&spine, &token).await, Err(Error::NotSignedIn)));
}

#[tokio::test]
async fn what_is_under_way_goes_on_past_idleness_and_not_past_the_absolute_limit() {
    let (spine, clock) = spine().await;
    let limits = Limits::of(Class::Sandbox, true);
    let seconds = |count: i64| Duration::from_secs(u64::try_from(count).unwrap());
    let members = spine.project(Class::Research).await;
    let bound = caller(&spine, &spine.join(&members, Role::Viewer).await).await.unwrap();
    let ask = || Ask::<Project>::new(Action::ViewSamples, [members.project.clone()]);
    let run = bound.detached();
    clock.advance(seconds(limits.idle_seconds));
    let permit: Permit<View, Project> = spine.access.decide(&bound, ask()).await.unwrap();
    clock.advance(seconds(limits.absolute_seconds - limits.idle_seconds));
    let again = spine.access.renew::<View, Project>(&permit, Action::ViewSamples).await.err().unwrap();
    assert!(matches!(again, Error::NotSignedIn), "{again}");
    spine.access.decide::<View, Project>(&run, ask()).await.unwrap();
}

#[tokio::test]
async fn one_session_too_many_ends_the_one_that_was_unused_longest() {
    let (spine, clock) = spine().await;
    spine.access.limit_sessions(Asked { parallel: Some(3), ..Asked::default() });
    let account = invited(&spine, "somebody").await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        clock.advance(Duration::from_secs(60));
        tokens.push(again(&spine, &account).await);
    }
    clock.advance(Duration::from_secs(60));
    caller(&spine, &tokens[0]).await.unwrap();
    tokens.push(again(&spine, &account).await);
    let live = |token: String| {
        let spine = &spine;
        async move { caller(spine, &token).await.is_ok() }
    };
    let mut found = Vec::new();
    for token in tokens.clone() {
        found.push(live(token).await);
    }
    assert_eq!(found, [true, false, true, true]);
    assert_eq!(ends(&spine, &account), [Some("displaced".to_owned())]);
    let own = spine.access.own_sessions(&caller(&spine, &tokens[3]).await.unwrap()).await.unwrap();
    assert_eq!(own.len(), 3);
    assert!(own.iter().all(|one| one.source == "socket" && one.proof.as_str() == "one-time-token"));
}

#[tokio::test]
async fn a_session_that_was_ended_ends_what_it_has_under_way_and_no_other() {
    let (spine, clock) = spine().await;
    let members = spine.project(Class::Research).await;
    let token = spine.join(&members, Role::Viewer).await;
    let first = caller(&spine, &token).await.unwrap();
    let user = first.user().unwrap().clone();
    let second = caller(&spine, &again(&spine, &user).await).await.unwrap();
    let ask = || Ask::<Project>::new(Action::ViewSamples, [members.project.clone()]);
    let permit: Permit<View, Project> = spine.access.decide(&first, ask()).await.unwrap();
    let run = first.detached();

    // Nobody ends what is not theirs, and who it belongs to is told by nothing.
    let id = first.signed().unwrap().session.clone();
    let stranger = members.with(Role::Analyst);
    assert!(matches!(spine.access.revoke_own_session(stranger, &id).await, Err(Error::NotFound)));
    spine.access.revoke_own_session(&second, &id).await.unwrap();
    assert!(matches!(caller(&spine, &token).await, Err(Error::NotSignedIn)));

    // What began before goes on by its lease, and is not given another.
    permit.live().unwrap();
    clock.advance(access::permit::LEASE);
    assert!(matches!(permit.live(), Err(Error::PermitEnded)));
    let again = spine.access.renew::<View, Project>(&permit, Action::ViewSamples).await.err().unwrap();
    assert!(matches!(again, Error::NotSignedIn), "{again}");
    let other: Permit<View, Project> = spine.access.decide(&second, ask()).await.unwrap();
    other.live().unwrap();
    // A run is the account's, not the session's.
    spine.access.decide::<View, Project>(&run, ask()).await.unwrap();
}

#[tokio::test]
async fn a_closed_account_is_over_everywhere_and_for_good() {
    let (spine, clock) = spine().await;
    let members = spine.project(Class::Research).await;
    let token = spine.join(&members, Role::Viewer).await;
    let leaver = caller(&spine, &token).await.unwrap();
    let user = leaver.user().unwrap().clone();
    let once = testkit::token(&spine, &user).await;
    let ask = || Ask::<Project>::new(Action::ViewSamples, [members.project.clone()]);
    let run = leaver.detached();
    spine.access.decide::<View, Project>(&run, ask()).await.unwrap();

    let manage = Ask::<Site>::new(Action::ManageAccounts, [spine.site.clone()]).target(&user);
    let permit: Permit<Manage, Site> = spine.access.decide(&spine.admin, manage).await.unwrap();
    spine.access.close_account(&permit, &user).await.unwrap();
    assert!(matches!(caller(&spine, &token).await, Err(Error::NotSignedIn)));
    assert!(matches!(spine.access.redeem(&once, &request()).await, Err(Error::Token)));
    assert_eq!(ends(&spine, &user), [Some("account-closed".to_owned())]);
    clock.advance(access::permit::LEASE);
    for caller in [&leaver, &run] {
        let refused = spine.access.decide::<View, Project>(caller, ask()).await.err().unwrap();
        assert!(matches!(refused, Error::NotSignedIn), "{refused}");
    }
    // Not twice, no new token, and the name is not free again.
    let permit: Permit<Manage, Site> = spine.permit(&spine.admin, Action::ManageAccounts, &spine.site).await;
    let again = spine.access.close_account(&permit, &user).await.unwrap_err();
    assert_eq!(base::Fault::code(&again), "ACCESS-018");
    assert!(matches!(spine.access.renew_token(&permit, &user).await, Err(Error::Closed)));
    let name = spine.access.names_of(&[user]).await.unwrap().remove(0).name;
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    assert!(matches!(spine.access.create_account(&permit, &tx, &name).await, Err(Error::NameTaken)));
}

#[tokio::test]
async fn an_administrator_sees_and_ends_the_sessions_of_an_account() {
    let (spine, _) = spine().await;
    let account = invited(&spine, "somebody").await;
    let tokens = [again(&spine, &account).await, again(&spine, &account).await];
    let permit: Permit<Manage, Site> = spine.permit(&spine.admin, Action::ManageAccounts, &spine.site).await;
    assert_eq!(spine.access.sessions(&permit, &account).await.unwrap().len(), 2);
    assert_eq!(spine.access.revoke_sessions(&permit, &account).await.unwrap(), 2);
    for token in &tokens {
        assert!(matches!(caller(&spine, token).await, Err(Error::NotSignedIn)));
    }
    assert_eq!(ends(&spine, &account), [Some("revoked".to_owned()), Some("revoked".to_owned())]);
    assert_eq!(spine.access.revoke_sessions(&permit, &account).await.unwrap(), 0);
}
