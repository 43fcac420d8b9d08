//! Terminals that a passkey approves: what they get, and what nobody gets by them.

use crate::passkeys::{last, request, spine};
use access::thing::{Project, Site};
use access::verb::{Manage, View};
use access::{Action, Ask, Caller, Error, Network, Permit, Source};
use audit::What;
use base::{Class, Role};
use serde_json::json;
use std::time::Duration;
use testkit::{Authenticator, Spine, authenticator};

/// Approves the terminal that shows `code` by a passkey that is asked for it.
async fn approve(
    spine: &Spine,
    caller: &Caller,
    passkey: &mut Authenticator,
    code: &str,
) -> Result<String, Error> {
    approve_from(Source::Socket, spine, caller, passkey, code).await
}

async fn approve_from(
    source: Source,
    spine: &Spine,
    caller: &Caller,
    passkey: &mut Authenticator,
    code: &str,
) -> Result<String, Error> {
    let asked = spine.access.begin_approval(caller, code).await?;
    let answer = passkey.answer(&asked.options).unwrap();
    spine.access.approve_terminal(caller, code, (&asked.ceremony, answer), source).await
}

#[tokio::test]
async fn a_terminal_gets_a_session_for_the_answer_that_the_page_shows() {
    let (spine, clock) = spine().await;
    let (caller, _) = spine.account("somebody").await;
    let (mut passkey, strong) = spine.with_passkey(&caller).await;
    let here = Source::Network("192.0.2.7".parse().unwrap());
    let finish = async |secret: &str, answer: &str, source| {
        spine.access.finish_terminal(secret, answer, source, &request()).await
    };

    let terminal = spine.access.begin_terminal(here, None).unwrap();
    assert!(matches!(finish(&terminal.secret, "", here).await, Err(Error::NotApproved)));
    let shown = spine.access.asking(&strong, &terminal.code.to_lowercase()).unwrap();
    assert_eq!((shown.source.as_str(), shown.confirms), ("192.0.2.7", false));
    let answer = approve_from(here, &spine, &strong, &mut passkey, &terminal.code).await.unwrap();
    let again = approve_from(here, &spine, &strong, &mut passkey, &terminal.code).await;
    assert!(matches!(again, Err(Error::Code)), "once");
    assert!(matches!(finish(&terminal.secret, "WRONG", here).await, Err(Error::Code)));
    // Its secret is of no use from another address.
    assert!(finish(&terminal.secret, &answer, Source::Socket).await.is_err());
    let token = finish(&terminal.secret, &answer, here).await.unwrap().unwrap();
    let session = spine.access.authenticate(token.expose()).await.unwrap();
    assert_eq!(session.user(), strong.user());
    assert!(session.signed().unwrap().proof.resists_phishing());
    assert!(matches!(finish(&terminal.secret, &answer, here).await, Err(Error::Code)), "once");

    // Five wrong answers end it, and so do ten minutes and a refusal.
    let terminal = spine.access.begin_terminal(here, None).unwrap();
    let answer = approve(&spine, &strong, &mut passkey, &terminal.code).await.unwrap();
    for _ in 0..5 {
        assert!(matches!(finish(&terminal.secret, "ZZZZZZ", here).await, Err(Error::Code)));
    }
    assert!(matches!(finish(&terminal.secret, &answer, here).await, Err(Error::Code)));
    let terminal = spine.access.begin_terminal(here, None).unwrap();
    spine.access.refuse_terminal(&strong, &terminal.code).await.unwrap();
    assert_eq!(last(&spine), What::TerminalDecided { approved: false });
    assert!(matches!(finish(&terminal.secret, "", here).await, Err(Error::Code)));
    let terminal = spine.access.begin_terminal(here, None).unwrap();
    clock.advance(access::terminal::LIFE);
    let strong = spine.access.again(&strong).await.unwrap();
    assert!(matches!(spine.access.asking(&strong, &terminal.code), Err(Error::Code)));
}

#[tokio::test]
async fn codes_are_not_guessed_and_one_address_does_not_fill_the_room() {
    let (spine, _) = spine().await;
    let (caller, _) = spine.account("somebody").await;
    let (_, strong) = spine.with_passkey(&caller).await;
    let terminal = spine.access.begin_terminal(Source::Socket, None).unwrap();
    for _ in 0..5 {
        assert!(matches!(spine.access.asking(&strong, "BBBB-BBBB"), Err(Error::Code)));
    }
    assert!(matches!(spine.access.asking(&strong, &terminal.code), Err(Error::Code)), "no sixth try");
    let there = Source::Network("192.0.2.9".parse().unwrap());
    for _ in 0..50 {
        spine.access.begin_terminal(there, None).unwrap();
    }
    assert!(matches!(spine.access.begin_terminal(there, None), Err(Error::ManyWait)));
    spine.access.begin_terminal(Source::Socket, None).unwrap();
}

#[tokio::test]
async fn a_terminal_confirms_its_own_session_and_no_other() {
    let (spine, clock) = spine().await;
    let (caller, _) = spine.account("somebody").await;
    let (mut passkey, strong) = spine.with_passkey(&caller).await;
    let (other, _) = spine.account("other").await;
    let (mut theirs, stranger) = spine.with_passkey(&other).await;
    let terminal = spine.access.begin_terminal(Source::Socket, Some(&caller)).unwrap();
    assert!(spine.access.asking(&strong, &terminal.code).unwrap().confirms);
    assert!(matches!(approve(&spine, &stranger, &mut theirs, &terminal.code).await, Err(Error::Code)));
    let answer = approve(&spine, &strong, &mut passkey, &terminal.code).await.unwrap();
    let done = spine.access.finish_terminal(&terminal.secret, &answer, Source::Socket, &request()).await;
    assert!(done.unwrap().is_none(), "no new session");
    let confirmed = spine.access.again(&caller).await.unwrap();
    assert!(confirmed.signed().unwrap().confirmed);
    clock.advance(Duration::from_secs(300));
    assert!(!spine.access.again(&caller).await.unwrap().signed().unwrap().confirmed);
}

#[tokio::test]
async fn a_session_approves_nothing_without_an_answer_that_was_asked_for_this() {
    let (spine, _) = spine().await;
    let (caller, _) = spine.account("somebody").await;
    let (mut passkey, strong) = spine.with_passkey(&caller).await;
    let mine = spine.access.begin_terminal(Source::Socket, Some(&strong)).unwrap();
    let other = spine.access.begin_terminal(Source::Socket, None).unwrap();
    // However fresh the session is: an invented answer, that of a confirmation, and that for another terminal.
    let nothing =
        spine.access.approve_terminal(&strong, &mine.code, ("none", json!({})), Source::Socket).await;
    assert!(matches!(nothing, Err(Error::Passkey)));
    let asked = spine.access.begin_confirmation(&strong).await.unwrap();
    let answer = passkey.answer(&asked.options).unwrap();
    let refused =
        spine.access.approve_terminal(&strong, &mine.code, (&asked.ceremony, answer), Source::Socket).await;
    assert!(matches!(refused, Err(Error::Passkey)));
    let asked = spine.access.begin_approval(&strong, &other.code).await.unwrap();
    let answer = passkey.answer(&asked.options).unwrap();
    let refused =
        spine.access.approve_terminal(&strong, &mine.code, (&asked.ceremony, answer), Source::Socket).await;
    assert!(matches!(refused, Err(Error::Passkey)));
    // Nor does the answer to an approval confirm a session by itself.
    let asked = spine.access.begin_approval(&strong, &mine.code).await.unwrap();
    let answer = passkey.answer(&asked.options).unwrap();
    let refused = spine.access.finish_confirmation(&strong, &asked.ceremony, answer).await;
    assert!(matches!(refused, Err(Error::Passkey)));
    let early = spine.access.finish_terminal(&mine.secret, "", Source::Socket, &request()).await;
    assert!(matches!(early, Err(Error::NotApproved)));
}

#[tokio::test]
async fn what_a_terminal_gets_is_as_old_as_its_approval() {
    let (spine, clock) = spine().await;
    let (caller, _) = spine.account("somebody").await;
    let (mut passkey, strong) = spine.with_passkey(&caller).await;
    for confirms in [None, Some(&caller)] {
        let terminal = spine.access.begin_terminal(Source::Socket, confirms).unwrap();
        let strong = spine.access.again(&strong).await.unwrap();
        let answer = approve(&spine, &strong, &mut passkey, &terminal.code).await.unwrap();
        clock.advance(Duration::from_secs(299));
        let done = spine.access.finish_terminal(&terminal.secret, &answer, Source::Socket, &request()).await;
        let session = match done.unwrap() {
            Some(token) => spine.access.authenticate(token.expose()).await.unwrap(),
            None => spine.access.again(&caller).await.unwrap(),
        };
        assert!(session.signed().unwrap().confirmed);
        clock.advance(Duration::from_secs(1));
        let session = spine.access.again(&session).await.unwrap();
        assert!(!session.signed().unwrap().confirmed, "{}", confirms.is_some());
    }
}

#[tokio::test]
async fn an_approved_terminal_ends_with_what_approved_it() {
    let (spine, clock) = spine().await;
    for end in ["sign-out", "every session", "a new token", "the account", "the passkey", "a copy"] {
        let (caller, user) = spine.account("somebody").await;
        let (mut passkey, strong) = spine.with_passkey(&caller).await;
        clock.advance(Duration::from_secs(1));
        let mut second = authenticator();
        let asked = spine.access.begin_enrolment(&strong).await.unwrap();
        let answer = second.enrol(&asked.options);
        spine.access.finish_enrolment(&strong, &asked.ceremony, "second", answer).await.unwrap();
        let terminal = spine.access.begin_terminal(Source::Socket, None).unwrap();
        let answer = approve(&spine, &strong, &mut passkey, &terminal.code).await.unwrap();
        let manage = Ask::<Site>::new(Action::ManageAccounts, [spine.site.clone()]).target(&user);
        let permit: Permit<Manage, Site> = spine.access.decide(&spine.admin, manage).await.unwrap();
        match end {
            "sign-out" => spine.access.sign_out(&strong).await.unwrap(),
            "every session" => drop(spine.access.revoke_sessions(&permit, &user).await.unwrap()),
            "a new token" => drop(spine.access.renew_token(&permit, &user).await.unwrap()),
            "the account" => drop(spine.access.close_account(&permit, &user).await.unwrap()),
            "the passkey" => {
                let first = spine.access.own_passkeys(&strong).await.unwrap().remove(0).id;
                spine.access.remove_passkey(&strong, &first).await.unwrap();
            }
            _ => {
                passkey.counter = 0;
                clock.advance(Duration::from_secs(1));
                assert!(spine.passkey_session(&mut passkey).await.is_err());
            }
        }
        let done = spine.access.finish_terminal(&terminal.secret, &answer, Source::Socket, &request()).await;
        let refused = done.err();
        assert!(matches!(refused, Some(Error::Code | Error::NotSignedIn)), "{end}: {refused:?}");
    }
}

#[tokio::test]
async fn a_terminal_elsewhere_than_its_approver_is_no_passkey() {
    let (spine, _) = spine().await;
    let members = spine.project(Class::Controlled).await;
    let (there, here) = ("192.0.2.7", "198.51.100.3");
    let [there, here] = [there, here].map(|address| Source::Network(address.parse().unwrap()));
    let (caller, user) = spine.account("viewer").await;
    let (mut passkey, strong) = spine.with_passkey(&caller).await;
    spine.add(&members, &user, Role::Viewer).await;
    let view = || Ask::<Project>::new(Action::ViewSamples, [members.project.clone()]);
    for (from, proof) in [(there, "terminal"), (here, "passkey"), (Source::Socket, "passkey")] {
        let terminal = spine.access.begin_terminal(from, None).unwrap();
        let answer = approve_from(here, &spine, &strong, &mut passkey, &terminal.code).await.unwrap();
        let token = spine.access.finish_terminal(&terminal.secret, &answer, from, &request()).await;
        let event = spine.audit.recorded(spine.audit.ledger().size() - 1).unwrap().event;
        assert_eq!(event.what, What::SessionOpened { proof: Some(proof.into()) });
        let session = strong.signed().unwrap().session.to_string();
        assert!(event.about.contains(&session), "the record leads from one session to the other");
        let session = spine.access.authenticate(token.unwrap().unwrap().expose()).await.unwrap();
        let outside = session.speaking_from(Network::Outside);
        let allowed = spine.access.decide::<View, Project>(&outside, view()).await;
        assert_eq!(allowed.is_ok(), proof == "passkey", "{proof}");
        let inside = session.speaking_from(Network::Inside);
        spine.access.decide::<View, Project>(&inside, view()).await.unwrap();
        // Whoever was let in by a terminal elsewhere adds nothing to sign in with.
        let adds = spine.access.begin_enrolment(&inside).await;
        assert_eq!(adds.is_ok(), proof == "passkey", "{proof}");
    }
}

#[tokio::test]
async fn a_confirmation_from_elsewhere_makes_no_session_weaker() {
    let (spine, clock) = spine().await;
    let [there, here] =
        ["192.0.2.7", "198.51.100.3"].map(|address| Source::Network(address.parse().unwrap()));
    let (caller, _) = spine.account("somebody").await;
    let (mut passkey, strong) = spine.with_passkey(&caller).await;
    clock.advance(Duration::from_secs(300));
    for (from, good) in [(there, false), (here, true)] {
        let stale = spine.access.again(&strong).await.unwrap();
        let terminal = spine.access.begin_terminal(from, Some(&stale)).unwrap();
        let answer = approve_from(here, &spine, &stale, &mut passkey, &terminal.code).await.unwrap();
        clock.advance(Duration::from_secs(1));
        let before = spine.audit.ledger().size();
        let done = spine.access.finish_terminal(&terminal.secret, &answer, from, &request()).await;
        assert!(if good { done.is_ok() } else { matches!(done, Err(Error::Weaker)) }, "{from}");
        assert_eq!(spine.audit.ledger().size(), before + u64::from(good), "only what was done is on record");
        let after = spine.access.again(&strong).await.unwrap();
        assert_eq!(after.signed().unwrap().proof, access::Proof::Passkey, "{from}");
    }
}

#[tokio::test]
async fn a_session_has_one_terminal_that_confirms_it_and_takes_no_strangers_place() {
    let (spine, _) = spine().await;
    let (caller, _) = spine.account("somebody").await;
    let (_, strong) = spine.with_passkey(&caller).await;
    let from = |address: String| Source::Network(address.parse().unwrap());
    // As many strangers as there is room for, all over the world.
    for number in 0..1000u16 {
        let [high, low] = number.to_be_bytes();
        spine.access.begin_terminal(from(format!("198.{high}.{low}.1")), None).unwrap();
    }
    let more = spine.access.begin_terminal(from("203.0.113.9".into()), None);
    assert!(matches!(more, Err(Error::ManyWait)));
    let first = spine.access.begin_terminal(Source::Socket, Some(&strong)).unwrap();
    let second = spine.access.begin_terminal(Source::Socket, Some(&strong)).unwrap();
    assert!(matches!(spine.access.asking(&strong, &first.code), Err(Error::Code)));
    assert!(spine.access.asking(&strong, &second.code).unwrap().confirms);
}
