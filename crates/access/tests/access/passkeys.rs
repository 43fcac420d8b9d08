//! Passkeys: what counts, and the many answers that do not.

use access::thing::{Project, Site};
use access::verb::{Manage, Release, View};
use access::{Action, Ask, Error, Permit, Source};
use audit::{Actor, What};
use base::{Class, FixedClock, Id, RequestId, Role, SystemEntropy, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use testkit::{Authenticator, Spine, authenticator};

pub fn request() -> RequestId {
    RequestId::mint(&SystemEntropy)
}

pub async fn spine() -> (Spine, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::at(Timestamp::from_second(1_900_000_000).unwrap()));
    (Spine::with_store(clock.clone(), None).await, clock)
}

async fn count(spine: &Spine) -> u64 {
    let site = Actor::Site(spine.site.clone());
    spine.audit.flush_refused_sessions(&site).await.unwrap();
    spine.audit.gate(&audit::Event::new(site, What::SiteClosed { watermark: None })).await.unwrap();
    let recorded = spine.audit.recorded(spine.audit.ledger().size() - 2).unwrap();
    match recorded.event.what {
        What::SessionsRefused { count, .. } => count,
        _ => 0,
    }
}

pub fn last(spine: &Spine) -> What {
    spine.audit.recorded(spine.audit.ledger().size() - 1).unwrap().event.what
}

#[tokio::test]
async fn a_passkey_is_enrolled_on_record_and_signs_in_strongly() {
    let (spine, _) = spine().await;
    let (caller, user) = spine.account("somebody").await;
    let (mut passkey, strong) = spine.with_passkey(&caller).await;
    assert!(!caller.signed().unwrap().proof.resists_phishing());
    assert!(strong.signed().unwrap().proof.resists_phishing() && strong.signed().unwrap().confirmed);
    assert_eq!(last(&spine), What::SessionOpened { proof: Some("passkey".into()) });
    let kinds: Vec<&str> =
        spine.audit.history(user.as_str()).unwrap().events.iter().map(|e| e.event.what.kind()).collect();
    assert!(kinds.contains(&"credential-added"), "{kinds:?}");
    let own = spine.access.own_passkeys(&strong).await.unwrap();
    assert_eq!((own.len(), own[0].label.as_str()), (1, "made"));

    // The last one stays; of two the other may go, confirmed.
    let refused = spine.access.remove_passkey(&strong, &own[0].id).await.unwrap_err();
    assert!(matches!(refused, Error::LastPasskey));
    let mut second = authenticator();
    // A session without a passkey behind it adds none to an account that has one.
    assert!(matches!(spine.access.begin_enrolment(&caller).await, Err(Error::Confirm)));
    let asked = spine.access.begin_enrolment(&strong).await.unwrap();
    let answer = second.enrol(&asked.options);
    spine.access.finish_enrolment(&strong, &asked.ceremony, "second", answer).await.unwrap();
    assert!(matches!(spine.access.remove_passkey(&caller, &own[0].id).await, Err(Error::Confirm)));
    spine.access.remove_passkey(&strong, &own[0].id).await.unwrap();
    assert!(matches!(spine.passkey_session(&mut passkey).await, Err(Error::Passkey)));
    spine.passkey_session(&mut second).await.unwrap();
}

#[tokio::test]
async fn a_browser_begins_with_a_token_of_its_owners_own() {
    let (spine, clock) = spine().await;
    let (caller, user) = spine.account("somebody").await;
    let token = spine.access.invite_browser(&caller).await.unwrap();
    assert_eq!(last(&spine), What::CredentialAdded { proof: "one-time-token".into() });
    let session = spine.access.redeem(&token, &request()).await.unwrap();
    let browser = spine.access.authenticate(session.expose()).await.unwrap();
    assert_eq!(browser.user(), Some(&user));
    let late = spine.access.invite_browser(&caller).await.unwrap();
    // Who has a passkey does not get round it.
    let (_, strong) = spine.with_passkey(&browser).await;
    assert!(matches!(spine.access.invite_browser(&caller).await, Err(Error::Confirm)));
    spine.access.invite_browser(&strong).await.unwrap();
    clock.advance(Duration::from_secs(600));
    assert!(matches!(spine.access.redeem(&late, &request()).await, Err(Error::Token)));
}

#[tokio::test]
async fn an_invitation_lengthens_nothing_and_ends_with_the_session_that_made_it() {
    let (spine, clock) = spine().await;
    let (caller, user) = spine.account("somebody").await;
    clock.advance(Duration::from_secs(200));
    let fresh = spine.access.again(&caller).await.unwrap();
    let token = spine.access.invite_browser(&fresh).await.unwrap();
    clock.advance(Duration::from_secs(100));
    let session = spine.access.redeem(&token, &request()).await.unwrap();
    let browser = spine.access.authenticate(session.expose()).await.unwrap();
    // As fresh as the sign-in that it comes from, and over with that one's days.
    assert!(matches!(spine.access.invite_browser(&browser).await, Err(Error::FirstPasskey)));
    assert!(matches!(spine.access.begin_enrolment(&browser).await, Err(Error::FirstPasskey)));
    let began = |session: &access::Session| session.created_at;
    let own = spine.access.own_sessions(&browser).await.unwrap();
    assert!(own.len() == 2 && began(&own[0]) == began(&own[1]), "{own:?}");

    // Ended by an administrator, by its owner, or together with what a passkey began.
    let (caller, _) = spine.account("another").await;
    let (mut passkey, strong) = spine.with_passkey(&caller).await;
    let token = spine.access.invite_browser(&strong).await.unwrap();
    let session = spine.access.redeem(&token, &request()).await.unwrap();
    let own = spine.access.own_sessions(&strong).await.unwrap();
    assert_eq!(own.iter().filter(|one| one.proof == access::Proof::OneTimeToken).count(), 2, "{own:?}");
    drop(session);
    let token = spine.access.invite_browser(&strong).await.unwrap();
    spine.access.sign_out(&strong).await.unwrap();
    assert!(matches!(spine.access.redeem(&token, &request()).await, Err(Error::Token)));
    let session = spine.passkey_session(&mut passkey).await.unwrap();
    let strong = spine.access.authenticate(&session).await.unwrap();
    let token = spine.access.invite_browser(&strong).await.unwrap();
    let owner = strong.user().unwrap().clone();
    assert_ne!(owner, user);
    let manage = Ask::<Site>::new(Action::ManageAccounts, [spine.site.clone()]).target(&owner);
    let permit: Permit<Manage, Site> = spine.access.decide(&spine.admin, manage).await.unwrap();
    spine.access.revoke_sessions(&permit, &owner).await.unwrap();
    assert!(matches!(spine.access.redeem(&token, &request()).await, Err(Error::Token)));
}

/// One answer that is changed in one way, which must not sign in, and must count.
async fn refused(
    spine: &Spine,
    passkey: &mut Authenticator,
    what: &str,
    change: impl FnOnce(&mut Authenticator),
) {
    count(spine).await;
    let before = passkey.counter;
    change(passkey);
    let result = spine.passkey_session(passkey).await;
    assert!(matches!(result, Err(Error::Passkey)), "{what}");
    assert_eq!(count(spine).await, 1, "{what} counts");
    passkey.origin = testkit::authenticator::ORIGIN.into();
    passkey.relying_party = "site.example".into();
    (passkey.verified, passkey.kind, passkey.challenge, passkey.spoil) = (true, None, None, false);
    passkey.counter = passkey.counter.max(before);
}

#[tokio::test]
async fn wrong_answers_sign_nobody_in_and_count() {
    let (spine, clock) = spine().await;
    let (caller, _) = spine.account("somebody").await;
    let (mut passkey, _) = spine.with_passkey(&caller).await;
    refused(&spine, &mut passkey, "another origin", |p| p.origin = "https://site.example.evil".into()).await;
    refused(&spine, &mut passkey, "a subdomain", |p| p.origin = "https://www.site.example".into()).await;
    refused(&spine, &mut passkey, "another port", |p| p.origin = "https://site.example:8443".into()).await;
    refused(&spine, &mut passkey, "no TLS", |p| p.origin = "http://site.example".into()).await;
    refused(&spine, &mut passkey, "another party", |p| p.relying_party = "other.example".into()).await;
    refused(&spine, &mut passkey, "user not verified", |p| p.verified = false).await;
    refused(&spine, &mut passkey, "an enrolment's answer", |p| p.kind = Some("webauthn.create")).await;
    refused(&spine, &mut passkey, "a spoilt signature", |p| p.spoil = true).await;
    refused(&spine, &mut passkey, "another challenge", |p| p.challenge = Some("AAAA".into())).await;
    let mut stranger = authenticator();
    let mine = spine.access.begin_enrolment(&spine.account("other").await.0).await.unwrap();
    stranger.enrol(&mine.options);
    refused(&spine, &mut stranger, "a passkey that nobody enrolled", |_| {}).await;

    // An answer counts once, for the question that it answers, and in time.
    let asked = spine.access.begin_passkey(Source::Socket).unwrap();
    let answer = passkey.answer(&asked.options).unwrap();
    let finish = async |ceremony: &str, answer: Value| {
        spine.access.finish_passkey(ceremony, answer, Source::Socket, &request()).await
    };
    let other = spine.access.begin_passkey(Source::Socket).unwrap();
    assert!(matches!(finish(&other.ceremony, answer.clone()).await, Err(Error::Passkey)));
    finish(&asked.ceremony, answer.clone()).await.unwrap();
    assert!(matches!(finish(&asked.ceremony, answer.clone()).await, Err(Error::Passkey)), "replayed");
    let late = spine.access.begin_passkey(Source::Socket).unwrap();
    let answer = passkey.answer(&late.options).unwrap();
    clock.advance(Duration::from_secs(300));
    assert!(matches!(finish(&late.ceremony, answer).await, Err(Error::Passkey)), "too late");
    for nonsense in [json!(null), json!({"id": 1}), json!("x")] {
        let asked = spine.access.begin_passkey(Source::Socket).unwrap();
        assert!(matches!(finish(&asked.ceremony, nonsense).await, Err(Error::Passkey)));
    }
    spine.passkey_session(&mut passkey).await.unwrap();
}

#[tokio::test]
async fn a_counter_that_went_back_takes_the_passkey_out_of_use() {
    let (spine, clock) = spine().await;
    let (caller, user) = spine.account("somebody").await;
    let (mut passkey, strong) = spine.with_passkey(&caller).await;
    for _ in 0..3 {
        spine.passkey_session(&mut passkey).await.unwrap();
    }
    passkey.counter = 0;
    clock.advance(Duration::from_secs(1));
    assert!(matches!(spine.passkey_session(&mut passkey).await, Err(Error::Passkey)));
    // The copy's session may be among those that are open: all end that a passkey began.
    assert_eq!(last(&spine), What::SessionEnded { cause: Some("passkey-copied".into()) });
    let own = spine.audit.history(user.as_str()).unwrap().events;
    assert!(own.iter().any(|one| one.event.what == What::CredentialSuspended {}));
    assert!(matches!(spine.access.again(&strong).await, Err(Error::NotSignedIn)));
    spine.access.again(&caller).await.unwrap();
    passkey.counter = 1000;
    assert!(matches!(spine.passkey_session(&mut passkey).await, Err(Error::Passkey)), "nor its owner");
    assert!(spine.access.own_passkeys(&strong).await.unwrap()[0].suspended);
    assert!(matches!(spine.access.begin_confirmation(&strong).await, Err(Error::NothingEnrolled)));
}

#[tokio::test]
async fn a_passkey_of_a_closed_account_or_of_somebody_else_opens_nothing() {
    let (spine, _) = spine().await;
    let (caller, user) = spine.account("leaver").await;
    let (mut passkey, strong) = spine.with_passkey(&caller).await;
    let (other, _) = spine.account("other").await;
    let (mut theirs, _) = spine.with_passkey(&other).await;
    // Confirming one's session with another's passkey.
    let asked = spine.access.begin_confirmation(&strong).await.unwrap();
    let answer = theirs.answer(&asked.options).unwrap();
    let refused = spine.access.finish_confirmation(&strong, &asked.ceremony, answer).await;
    assert!(matches!(refused, Err(Error::Passkey)));
    // A confirmation that was begun in one session does not confirm another.
    let asked = spine.access.begin_confirmation(&strong).await.unwrap();
    let answer = passkey.answer(&asked.options).unwrap();
    let refused = spine.access.finish_confirmation(&caller, &asked.ceremony, answer).await;
    assert!(matches!(refused, Err(Error::Passkey)));
    // Nor is an enrolment begun by one finished by another.
    let asked = spine.access.begin_enrolment(&strong).await.unwrap();
    let answer = authenticator().enrol(&asked.options);
    let refused = spine.access.finish_enrolment(&other, &asked.ceremony, "x", answer).await;
    assert!(matches!(refused, Err(Error::Passkey)));

    let manage = Ask::<Site>::new(Action::ManageAccounts, [spine.site.clone()]).target(&user);
    let permit: Permit<Manage, Site> = spine.access.decide(&spine.admin, manage).await.unwrap();
    spine.access.close_account(&permit, &user).await.unwrap();
    assert!(matches!(spine.passkey_session(&mut passkey).await, Err(Error::Passkey)));
}

#[tokio::test]
async fn strict_projects_ask_for_a_passkey_and_what_leaves_for_a_fresh_one() {
    let (spine, clock) = spine().await;
    let members = spine.project(Class::Controlled).await;
    let exporter = members.with(Role::DataExporter);
    let view = || Ask::<Project>::new(Action::ViewSamples, [members.project.clone()]);
    let export = || {
        Ask::<Project>::new(Action::DownloadObject, [members.project.clone()])
            .because(Some(base::Sensitive::new("a second look".into())))
    };
    spine.access.decide::<View, Project>(exporter, view()).await.unwrap();
    spine.access.decide::<Release, Project>(exporter, export()).await.unwrap();

    // The same person by a one-time token: nothing there, and on record why.
    let weak = testkit::token(&spine, exporter.user().unwrap()).await;
    let weak = spine.access.redeem(&weak, &request()).await.unwrap();
    let weak = spine.access.authenticate(weak.expose()).await.unwrap();
    let refused = spine.access.decide::<View, Project>(&weak, view()).await.err().unwrap();
    assert!(matches!(refused, Error::PasskeyNeeded));
    match last(&spine) {
        What::Decision { allowed, policies, .. } => {
            assert_eq!((allowed, policies), (false, vec!["passkey-needed".to_owned()]));
        }
        other => panic!("{other:?}"),
    }

    // Six minutes later the session is good for looking, and not for what leaves.
    clock.advance(Duration::from_secs(301));
    let stale = spine.access.again(exporter).await.unwrap();
    let refused = spine.access.decide::<Release, Project>(&stale, export()).await.err().unwrap();
    assert!(matches!(refused, Error::Confirm), "{refused}");
    assert_eq!(base::Fault::code(&refused), "ACCESS-035");
    spine.access.decide::<View, Project>(&stale, view()).await.unwrap();
}

#[tokio::test]
async fn a_confirmation_lasts_five_minutes_and_is_for_those_who_can() {
    let (spine, clock) = spine().await;
    let manage = || Ask::<Site>::new(Action::ManageKeys, [spine.site.clone()]);
    // Somebody without a passkey acts with what they have.
    spine.access.decide::<Manage, Site>(&spine.admin, manage()).await.unwrap();
    let (mut passkey, strong) = spine.with_passkey(&spine.admin).await;
    let refused = spine.access.decide::<Manage, Site>(&spine.admin, manage()).await.err().unwrap();
    assert!(matches!(refused, Error::Confirm), "who has a passkey uses it");
    spine.access.decide::<Manage, Site>(&strong, manage()).await.unwrap();
    clock.advance(Duration::from_secs(300));
    let stale = spine.access.again(&strong).await.unwrap();
    assert!(matches!(spine.access.decide::<Manage, Site>(&stale, manage()).await, Err(Error::Confirm)));
    let asked = spine.access.begin_confirmation(&stale).await.unwrap();
    let answer = passkey.answer(&asked.options).unwrap();
    spine.access.finish_confirmation(&stale, &asked.ceremony, answer).await.unwrap();
    let fresh = spine.access.again(&stale).await.unwrap();
    spine.access.decide::<Manage, Site>(&fresh, manage()).await.unwrap();
    // What began while it was fresh goes on: its request said so.
    clock.advance(Duration::from_secs(301));
    spine.access.decide::<Manage, Site>(&fresh, manage()).await.unwrap();
}

#[tokio::test]
async fn the_keys_of_a_strict_site_are_for_passkeys() {
    let (spine, clock) = spine().await;
    let manage = || Ask::<Site>::new(Action::ManageKeys, [spine.site.clone()]);
    spine.access.decide::<Manage, Site>(&spine.admin, manage()).await.unwrap();
    spine.project(Class::Controlled).await;
    // How strict the site is, is asked again within half a minute.
    clock.advance(Duration::from_secs(30));
    let refused = spine.access.decide::<Manage, Site>(&spine.admin, manage()).await.err().unwrap();
    assert!(matches!(refused, Error::PasskeyNeeded), "{refused}");
    let (_, strong) = spine.with_passkey(&spine.admin).await;
    spine.access.decide::<Manage, Site>(&strong, manage()).await.unwrap();
}

#[tokio::test]
async fn a_first_passkey_is_enrolled_just_after_the_sign_in() {
    let (spine, clock) = spine().await;
    let (caller, _) = spine.account("somebody").await;
    clock.advance(Duration::from_secs(299));
    let fresh = spine.access.again(&caller).await.unwrap();
    let asked = spine.access.begin_enrolment(&fresh).await.unwrap();
    clock.advance(Duration::from_secs(1));
    let found = spine.access.again(&caller).await.unwrap();
    assert!(matches!(spine.access.begin_enrolment(&found).await, Err(Error::FirstPasskey)));
    assert!(matches!(spine.access.invite_browser(&found).await, Err(Error::FirstPasskey)));
    // Nor is one finished that was begun in time.
    let answer = authenticator().enrol(&asked.options);
    let late = spine.access.finish_enrolment(&found, &asked.ceremony, "late", answer).await;
    assert!(matches!(late, Err(Error::FirstPasskey)));
    assert_eq!(spine.access.own_passkeys(&found).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_held_open_is_not_done_after_the_account_was_taken_back() {
    let (spine, _) = spine().await;
    let (caller, user) = spine.account("somebody").await;
    let (_, strong) = spine.with_passkey(&caller).await;
    let asked = spine.access.begin_enrolment(&strong).await.unwrap();
    let answer = authenticator().enrol(&asked.options);
    let manage = Ask::<Site>::new(Action::ManageAccounts, [spine.site.clone()]).target(&user);
    let permit: Permit<Manage, Site> = spine.access.decide(&spine.admin, manage).await.unwrap();
    spine.access.renew_token(&permit, &user).await.unwrap();
    // These requests were let in before, and their last byte comes now. They leave no record of what was not done.
    let before = spine.audit.ledger().size();
    let late = spine.access.finish_enrolment(&strong, &asked.ceremony, "late", answer).await;
    assert!(matches!(late, Err(Error::NotSignedIn)));
    assert_eq!(spine.access.own_passkeys(&strong).await.unwrap(), [], "and those of before are gone");
    assert_eq!(spine.audit.ledger().size(), before);
    assert!(matches!(spine.access.invite_browser(&caller).await, Err(Error::NotSignedIn)));
}

#[tokio::test]
async fn of_two_answers_that_come_at_once_one_signs_in() {
    let (spine, _) = spine().await;
    let (caller, _) = spine.account("somebody").await;
    let (mut passkey, _) = spine.with_passkey(&caller).await;
    let begin = || spine.access.begin_passkey(Source::Socket).unwrap();
    let (one, other) = (begin(), begin());
    let first = passkey.answer(&one.options).unwrap();
    passkey.counter -= 1;
    let second = passkey.answer(&other.options).unwrap();
    let requests = (request(), request());
    let before = spine.audit.ledger().size();
    let (one, other) = tokio::join!(
        spine.access.finish_passkey(&one.ceremony, first, Source::Socket, &requests.0),
        spine.access.finish_passkey(&other.ceremony, second, Source::Socket, &requests.1),
    );
    assert!(one.is_ok() != other.is_ok());
    let opened = (before..spine.audit.ledger().size())
        .filter(|at| matches!(spine.audit.recorded(*at).unwrap().event.what, What::SessionOpened { .. }));
    assert_eq!(opened.count(), 1, "of the other there is no record of a session");
}

#[tokio::test]
async fn of_two_passkeys_that_are_removed_at_once_the_last_stays_and_is_not_on_record() {
    let (spine, _) = spine().await;
    let (caller, _) = spine.account("somebody").await;
    let (_, strong) = spine.with_passkey(&caller).await;
    let asked = spine.access.begin_enrolment(&strong).await.unwrap();
    let answer = authenticator().enrol(&asked.options);
    spine.access.finish_enrolment(&strong, &asked.ceremony, "second", answer).await.unwrap();
    let own = spine.access.own_passkeys(&strong).await.unwrap();
    let before = spine.audit.ledger().size();
    let (one, other) = tokio::join!(
        spine.access.remove_passkey(&strong, &own[0].id),
        spine.access.remove_passkey(&strong, &own[1].id),
    );
    assert!(one.is_ok() != other.is_ok());
    let removed = (before..spine.audit.ledger().size())
        .filter(|at| matches!(spine.audit.recorded(*at).unwrap().event.what, What::CredentialRemoved { .. }));
    assert_eq!(removed.count(), 1, "a restore takes away what is on record as removed");
    assert_eq!(spine.access.own_passkeys(&strong).await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_answers_that_arrive_in_the_wrong_order_are_no_copy() {
    let (spine, clock) = spine().await;
    let (caller, _) = spine.account("somebody").await;
    let (mut passkey, strong) = spine.with_passkey(&caller).await;
    clock.advance(Duration::from_secs(1));
    let begin = || spine.access.begin_passkey(Source::Socket).unwrap();
    let (slow, quick) = (begin(), begin());
    let first = passkey.answer(&slow.options).unwrap();
    let second = passkey.answer(&quick.options).unwrap();
    clock.advance(Duration::from_secs(1));
    spine.access.finish_passkey(&quick.ceremony, second, Source::Socket, &request()).await.unwrap();
    let late = spine.access.finish_passkey(&slow.ceremony, first, Source::Socket, &request()).await;
    assert!(matches!(late, Err(Error::Passkey)));
    spine.access.again(&strong).await.unwrap();
    spine.passkey_session(&mut passkey).await.unwrap();
}

#[tokio::test]
async fn a_passkey_that_its_owner_removes_takes_sessions_elsewhere_along() {
    let (spine, clock) = spine().await;
    let (caller, _) = spine.account("somebody").await;
    let (mut lost, strong) = spine.with_passkey(&caller).await;
    clock.advance(Duration::from_secs(1));
    let asked = spine.access.begin_enrolment(&strong).await.unwrap();
    let answer = authenticator().enrol(&asked.options);
    spine.access.finish_enrolment(&strong, &asked.ceremony, "second", answer).await.unwrap();
    let elsewhere = spine.passkey_session(&mut lost).await.unwrap();
    let elsewhere = spine.access.authenticate(&elsewhere).await.unwrap();
    let first = spine.access.own_passkeys(&strong).await.unwrap().remove(0).id;
    spine.access.remove_passkey(&strong, &first).await.unwrap();
    assert_eq!(last(&spine), What::SessionEnded { cause: Some("passkey-removed".into()) });
    assert!(matches!(spine.access.again(&elsewhere).await, Err(Error::NotSignedIn)));
    spine.access.again(&strong).await.unwrap();
}

#[tokio::test]
async fn one_address_does_not_push_the_sign_ins_of_others_out() {
    let (spine, _) = spine().await;
    let from = |address: &str| Source::Network(address.parse().unwrap());
    for number in 0..500 {
        spine.access.begin_passkey(from(&format!("2001:db8::{number:x}"))).unwrap();
    }
    let more = spine.access.begin_passkey(from("2001:db8::ffff"));
    assert!(matches!(more, Err(Error::ManyWait)), "one subscriber has a /64");
    spine.access.begin_passkey(from("2001:db8:0:1::1")).unwrap();
}

#[tokio::test]
async fn no_session_is_chosen_by_whoever_comes_or_stays_the_same_over_a_sign_in() {
    let (spine, _) = spine().await;
    let (caller, _) = spine.account("somebody").await;
    let (mut passkey, strong) = spine.with_passkey(&caller).await;
    let one = spine.passkey_session(&mut passkey).await.unwrap();
    let other = spine.passkey_session(&mut passkey).await.unwrap();
    assert_ne!(one, other);
    // The session of before the passkey is as weak as it was, and is none of those after.
    let before = spine.access.again(&caller).await.unwrap();
    assert_eq!(before.signed().unwrap().proof, access::Proof::OneTimeToken);
    assert_ne!(before.signed().unwrap().session, strong.signed().unwrap().session);
    // A token that somebody made up opens nothing, before and after its owner signs in.
    let planted = format!("ses_{}", "0".repeat(64));
    assert!(matches!(spine.access.authenticate(&planted).await, Err(Error::NotSignedIn)));
    spine.passkey_session(&mut passkey).await.unwrap();
    assert!(matches!(spine.access.authenticate(&planted).await, Err(Error::NotSignedIn)));
}
