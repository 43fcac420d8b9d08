//! Data that is seen by way of exception: who may, until when, what they are kept from meanwhile, and who judges it.

use crate::rights::{DAY, spine_at_noon, variants};
use access::exception::Refused;
use access::thing::{self, Project};
use access::verb::{Manage, Release, View};
use access::{Action, Ask, BreakGlass, Caller, Ended, Ends, Error, Permit, Progress, Stands, Support};
use audit::{Actor, What};
use base::{
    BreakGlassId, Class, Clock, Fault, Id, Role, Sensitive, SupportId, SystemEntropy, Timestamp, UserId,
};
use db::sea_orm::ConnectionTrait;
use std::time::Duration;
use testkit::{Members, Spine};

const HOUR: Duration = Duration::from_secs(3600);
const WHY: &str = "unconscious in the emergency room";

fn words(text: &str) -> Sensitive<String> {
    Sensitive::new(text.to_owned())
}

async fn open(spine: &Spine, caller: &Caller, of: &Members, why: &str) -> Result<BreakGlass, Error> {
    let ask = Ask::<Project>::new(Action::BreakGlass, [of.project.clone()]).because(Some(words(why)));
    let permit: Permit<Manage, Project> = spine.access.decide(caller, ask).await?;
    spine.access.open_break_glass(&permit, &words(why)).await
}

async fn close(spine: &Spine, caller: &Caller, glass: &BreakGlassId) -> Result<BreakGlass, Error> {
    let ask = Ask::new(Action::EndException, [glass.clone()]);
    let permit: Permit<Manage, thing::BreakGlass> = spine.access.decide(caller, ask).await?;
    spine.access.close_break_glass(&permit).await
}

/// As the server does: asked of who holds it.
async fn review(spine: &Spine, caller: &Caller, glass: &BreakGlassId) -> Result<BreakGlass, Error> {
    let holder = spine.access.holder_of(glass.as_str()).await?.unwrap();
    review_as_of(spine, caller, glass, &holder).await
}

async fn review_as_of(
    spine: &Spine,
    caller: &Caller,
    glass: &BreakGlassId,
    holder: &UserId,
) -> Result<BreakGlass, Error> {
    let ask = Ask::new(Action::ReviewBreakGlass, [glass.clone()]).target(holder);
    let ask = ask.because(Some(words("it was one")));
    let permit: Permit<Manage, thing::BreakGlass> = spine.access.decide(caller, ask).await?;
    spine.access.review_break_glass(&permit, true, &words("it was one")).await
}

async fn ask(spine: &Spine, caller: &Caller, of: &Members) -> Result<Support, Error> {
    let ask = Ask::<Project>::new(Action::AskSupport, [of.project.clone()]).because(Some(words(WHY)));
    let permit: Permit<Manage, Project> = spine.access.decide(caller, ask).await?;
    spine.access.ask_support(&permit, &words(WHY)).await
}

async fn approve(
    spine: &Spine,
    caller: &Caller,
    id: &SupportId,
    until: Option<Timestamp>,
) -> Result<Support, Error> {
    let holder = spine.access.holder_of(id.as_str()).await?.unwrap();
    let ask = Ask::new(Action::ApproveSupport, [id.clone()]).target(&holder);
    let permit: Permit<Manage, thing::Support> = spine.access.decide(caller, ask).await?;
    spine.access.approve_support(&permit, until).await
}

async fn end(spine: &Spine, caller: &Caller, id: &SupportId) -> Result<Support, Error> {
    let ask = Ask::new(Action::EndException, [id.clone()]);
    let permit: Permit<Manage, thing::Support> = spine.access.decide(caller, ask).await?;
    spine.access.end_support(&permit).await
}

async fn download(spine: &Spine, caller: &Caller, of: &Members) -> Result<(), Error> {
    let ask = Ask::<Project>::new(Action::DownloadObject, [of.project.clone()]).because(Some(words(WHY)));
    spine.access.decide::<Release, Project>(caller, ask).await.map(drop)
}

/// A further account of the same person.
async fn alias(spine: &Spine, of: &UserId) -> (Caller, UserId) {
    let (caller, id) = spine.account("alias").await;
    let sql = format!("UPDATE access_account SET person = '{of}' WHERE id = '{id}'");
    spine.db.reader().execute_unprepared(&sql).await.unwrap();
    (caller, id)
}

fn refused(result: Result<impl Sized, Error>) -> Refused {
    let error = result.err().unwrap();
    assert!(error.hint().is_some(), "{error:?} says nothing of what to do");
    match error {
        Error::Exception(refused) => refused,
        other => panic!("{other:?}"),
    }
}

fn denied_by(result: Result<impl Sized, Error>, policy: &str) {
    let error = result.err().unwrap();
    assert!(error.hint().is_some_and(|hint| hint.contains(policy)), "{error:?}: {:?}", error.hint());
}

fn last_decision(spine: &Spine, about: &str) -> (bool, Vec<String>) {
    let events = spine.audit.history(about).unwrap().events;
    let decided = events.into_iter().rev().find_map(|one| match one.event.what {
        What::Decision { allowed, policies, .. } => Some((allowed, policies)),
        _ => None,
    });
    decided.unwrap()
}

fn kinds(spine: &Spine, about: &str) -> Vec<&'static str> {
    let events = spine.audit.history(about).unwrap().events;
    let mut events: Vec<_> = events.into_iter().map(|one| (one.position, one.event.what.kind())).collect();
    events.sort_unstable();
    events.into_iter().map(|(_, kind)| kind).filter(|kind| !["decision", "outcome"].contains(kind)).collect()
}

/// Somebody of a sandbox, with a passkey.
async fn emergency(spine: &Spine, of: &Members) -> (Caller, UserId, testkit::Authenticator) {
    let (caller, id) = spine.account("doctor").await;
    spine.add(of, &id, Role::Emergency).await;
    let (passkey, strong) = spine.with_passkey(&caller).await;
    (strong.detached(), id, passkey)
}

#[tokio::test]
async fn the_glass_is_broken_with_a_role_a_reason_and_a_second_factor_and_nobody_elses_word() {
    let (spine, clock) = spine_at_noon().await;
    let members = spine.project(Class::Sandbox).await;
    // By a one-time token alone not even in a sandbox.
    let bare = members.with(Role::Emergency);
    assert_eq!(refused(open(&spine, bare, &members, WHY).await), Refused::NoSecondFactor);
    let expected = (false, vec!["second-factor-needed".to_owned()]);
    assert_eq!(last_decision(&spine, members.project.as_str()), expected);

    let (doctor, id, mut passkey) = emergency(&spine, &members).await;
    denied_by(open(&spine, &doctor, &members, "  ").await, "exceptions-need-a-reason");
    denied_by(open(&spine, members.with(Role::Analyst), &members, WHY).await, "no policy permits");
    let (stranger, _) = spine.account("stranger").await;
    assert!(matches!(open(&spine, &stranger, &members, WHY).await, Err(Error::NotFound)));
    // The role itself shows nothing.
    denied_by(variants(&spine, &doctor, &members.project).await, "data-needs-a-data-role");
    // Nor does a proof of more than five minutes ago.
    let token = spine.passkey_session(&mut passkey).await.unwrap();
    clock.advance(Duration::from_secs(301));
    let stale = spine.access.authenticate(&token).await.unwrap();
    assert!(matches!(open(&spine, &stale, &members, WHY).await, Err(Error::Confirm)));

    // Also while the site changes nothing.
    spine.access.set_read_only(Some("3 MiB are free".into()));
    let glass = open(&spine, &doctor, &members, WHY).await.unwrap();
    spine.access.set_read_only(None);
    variants(&spine, &doctor, &members.project).await.unwrap();
    assert_eq!(glass.until.as_second() - glass.opened.as_second(), 4 * 3600);
    assert_eq!(kinds(&spine, glass.id.as_str()), ["break-glass-opened", "rights-changed"]);
    let record = spine.audit.history(glass.id.as_str()).unwrap().events;
    let told = record.iter().find(|one| matches!(one.event.what, What::BreakGlassOpened { .. })).unwrap();
    assert_eq!((&told.event.actor, told.event.project.as_ref()), (&Actor::User(id), Some(&members.project)));
    let What::BreakGlassOpened { until, sealed_reason: Some(sealed) } = &told.event.what else { panic!() };
    assert!(*until == glass.until && !sealed.contains("emergency"), "{sealed}");
    assert_eq!(refused(open(&spine, &doctor, &members, WHY).await), Refused::IsOpen);
}

#[tokio::test]
async fn it_ends_by_itself_or_by_its_holder_and_takes_nothing_that_was_held_before() {
    let (spine, clock) = spine_at_noon().await;
    let members = spine.project(Class::Controlled).await;
    let doctor = members.with(Role::Emergency);
    spine.access.allow_exceptions(access::Exceptions { break_glass_hours: 2, ..Default::default() });
    let site = Actor::Site(spine.site.clone());
    let glass = open(&spine, doctor, &members, WHY).await.unwrap();
    clock.advance(2 * HOUR - Duration::from_secs(1));
    variants(&spine, doctor, &members.project).await.unwrap();
    assert_eq!(glass.stands(spine.clock.now()), Stands::Open);
    clock.advance(Duration::from_secs(1));
    denied_by(variants(&spine, doctor, &members.project).await, "data-needs-a-data-role");
    assert_eq!(glass.stands(spine.clock.now()), Stands::ToReview);
    assert_eq!(spine.access.record_lapses(&site).await.unwrap(), 1);
    let expected = ["break-glass-opened", "rights-changed", "grant-lapsed"];
    assert_eq!(kinds(&spine, glass.id.as_str()), expected);
    assert_eq!(refused(close(&spine, doctor, &glass.id).await), Refused::Over);

    // Somebody who is a viewer anyway stays one, and another closes nothing.
    spine.add(&members, doctor.user().unwrap(), Role::Viewer).await;
    let again = open(&spine, doctor, &members, WHY).await.unwrap();
    assert_eq!(refused(close(&spine, members.with(Role::DataSteward), &again.id).await), Refused::NotYours);
    let closed = close(&spine, doctor, &again.id).await.unwrap();
    assert_eq!(closed.stands(spine.clock.now()), Stands::ToReview);
    let expected = ["break-glass-opened", "rights-changed", "break-glass-closed", "rights-changed"];
    assert_eq!(kinds(&spine, again.id.as_str()), expected);
    variants(&spine, doctor, &members.project).await.unwrap();
    // Nor does a role that is given meanwhile take the place of the exception.
    let third = open(&spine, doctor, &members, WHY).await.unwrap();
    spine.add(&members, doctor.user().unwrap(), Role::Viewer).await;
    let held = spine.access.own_grants(doctor).await.unwrap();
    assert_eq!(held.iter().filter(|grant| grant.role == Role::Viewer).count(), 2);
    let under = held.iter().find_map(|grant| grant.under.as_ref()).unwrap();
    assert_eq!(under.as_str(), third.id.as_str());
    let nothing = BreakGlassId::mint(&SystemEntropy);
    assert!(matches!(close(&spine, doctor, &nothing).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn nothing_leaves_under_it_by_whatever_role_or_account() {
    let (spine, clock) = spine_at_noon().await;
    let members = spine.project(Class::Sandbox).await;
    let (doctor, id, _) = emergency(&spine, &members).await;
    let (other_self, alias) = alias(&spine, &id).await;
    let exporter = members.with(Role::DataExporter);
    for account in [&id, &alias] {
        for role in [Role::DataExporter, Role::DataSteward, Role::ProjectAdministrator] {
            spine.add(&members, account, role).await;
        }
    }
    download(&spine, &doctor, &members).await.unwrap();
    let glass = open(&spine, &doctor, &members, WHY).await.unwrap();
    let by = "break-glass-shows-and-no-more";
    for caller in [&doctor, &other_self] {
        denied_by(download(&spine, caller, &members).await, by);
        for action in [
            Action::AdministerProject,
            Action::MapVisas,
            Action::ShredKeys,
            Action::SetHold,
            Action::LiftHold,
            Action::DeleteObject,
        ] {
            let ask = Ask::<Project>::new(action, [members.project.clone()]).because(Some(words(WHY)));
            denied_by(spine.access.decide::<Manage, Project>(caller, ask).await, by);
        }
    }
    // Somebody else's work goes on, and their own elsewhere.
    download(&spine, exporter, &members).await.unwrap();
    let elsewhere = spine.project(Class::Sandbox).await;
    spine.add(&elsewhere, &id, Role::DataExporter).await;
    download(&spine, &doctor, &elsewhere).await.unwrap();
    close(&spine, &doctor, &glass.id).await.unwrap();
    download(&spine, &doctor, &members).await.unwrap();
    download(&spine, &other_self, &members).await.unwrap();
    // By its own end as well.
    let (stays, _, _) = emergency(&spine, &members).await;
    let id = stays.user().unwrap().clone();
    spine.add(&members, &id, Role::DataExporter).await;
    open(&spine, &stays, &members, WHY).await.unwrap();
    denied_by(download(&spine, &stays, &members).await, by);
    clock.advance(4 * HOUR);
    download(&spine, &stays.detached(), &members).await.unwrap();
}

#[tokio::test]
async fn somebody_else_reviews_it_when_it_has_ended_and_late_is_seen() {
    let (spine, clock) = spine_at_noon().await;
    let members = spine.project(Class::Controlled).await;
    let (doctor, steward) = (members.with(Role::Emergency), members.with(Role::DataSteward));
    let glass = open(&spine, doctor, &members, WHY).await.unwrap();
    assert_eq!(refused(review(&spine, steward, &glass.id).await), Refused::GoesOn);
    close(&spine, doctor, &glass.id).await.unwrap();
    denied_by(review(&spine, members.with(Role::Viewer), &glass.id).await, "no policy permits");
    // Whoever is both does not review their own, by whatever account.
    let id = doctor.user().unwrap();
    spine.add(&members, id, Role::DataSteward).await;
    denied_by(review(&spine, doctor, &glass.id).await, "nobody-reviews-their-own");
    let theirs = steward.user().unwrap();
    let link = |to: &str| format!("UPDATE access_account SET person = {to} WHERE id = '{theirs}'");
    spine.db.reader().execute_unprepared(&link(&format!("'{id}'"))).await.unwrap();
    denied_by(review(&spine, steward, &glass.id).await, "nobody-reviews-their-own");
    // Nor where the caller says that it is another's.
    denied_by(review_as_of(&spine, steward, &glass.id, theirs).await, "nobody-reviews-their-own");
    let (_, nobody) = spine.account("nobody").await;
    assert_eq!(refused(review_as_of(&spine, steward, &glass.id, &nobody).await), Refused::NotYours);
    spine.db.reader().execute_unprepared(&link("NULL")).await.unwrap();
    // Nor where the database says since that it is, also of somebody who stands on its record by what they were refused.
    let whose =
        |who: &UserId| format!("UPDATE access_exception SET account = '{who}' WHERE id = '{}'", glass.id);
    for other in [&nobody, members.with(Role::Viewer).user().unwrap()] {
        spine.db.reader().execute_unprepared(&whose(other)).await.unwrap();
        assert_eq!(refused(review(&spine, steward, &glass.id).await), Refused::NotYours);
    }
    spine.db.reader().execute_unprepared(&whose(id)).await.unwrap();

    let known = |all: Vec<BreakGlass>| all.into_iter().find(|one| one.id == glass.id).unwrap();
    clock.advance(3 * DAY - Duration::from_secs(1));
    let stands = known(spine.access.every_break_glass().await.unwrap()).stands(spine.clock.now());
    assert_eq!(stands, Stands::ToReview);
    clock.advance(Duration::from_secs(1));
    let waits = known(spine.access.every_break_glass().await.unwrap());
    assert_eq!(waits.stands(spine.clock.now()), Stands::Overdue);
    assert!(waits.is_of_late(spine.clock.now()));
    // A finding that the record does not have is none.
    let forged = format!("judge = '{nobody}', judged_at = since, justified = TRUE WHERE id = '{}'", glass.id);
    spine.db.reader().execute_unprepared(&format!("UPDATE access_exception SET {forged}")).await.unwrap();
    let reviewed = review(&spine, steward, &glass.id).await.unwrap();
    assert_eq!(reviewed.stands(spine.clock.now()), Stands::Reviewed);
    assert_eq!(reviewed.review.as_ref().map(|one| (&one.by, one.justified)), Some((theirs, true)));
    assert_eq!(refused(review(&spine, steward, &glass.id).await), Refused::Reviewed);
    // Nor is a finding replaced where the database does not have it any more, or has another: it comes back.
    for change in ["judge = NULL, judged_at = NULL, justified = NULL", "justified = NULL"] {
        let change = format!("UPDATE access_exception SET {change} WHERE id = '{}'", glass.id);
        spine.db.reader().execute_unprepared(&change).await.unwrap();
        assert_eq!(refused(review(&spine, steward, &glass.id).await), Refused::Reviewed);
        let back = known(spine.access.every_break_glass().await.unwrap()).review.unwrap();
        assert_eq!((&back.by, back.justified), (theirs, true));
    }
    let record = spine.audit.history(glass.id.as_str()).unwrap().events;
    let told =
        |what: &What| matches!(what, What::BreakGlassReviewed { justified: true, sealed_reason: Some(_) });
    assert_eq!(record.iter().filter(|one| told(&one.event.what)).count(), 1);
    clock.advance(27 * DAY);
    let view: Permit<View, Project> =
        spine.permit(members.with(Role::Viewer), Action::ViewProject, &members.project).await;
    let kept = known(spine.access.break_glasses(&view).await.unwrap());
    assert_eq!((kept.clone(), kept.is_of_late(spine.clock.now())), (reviewed, false));
}

#[tokio::test]
async fn support_is_let_in_by_somebody_else_looks_for_hours_and_no_more() {
    let (spine, clock) = spine_at_noon().await;
    let members = spine.project(Class::Controlled).await;
    let (helper, steward) = (members.with(Role::SupportObserver), members.with(Role::DataSteward));
    let manager = members.with(Role::ProjectAdministrator);
    let (stranger, _) = spine.account("stranger").await;
    assert!(matches!(ask(&spine, &stranger, &members).await, Err(Error::NotFound)));
    let session = ask(&spine, helper, &members).await.unwrap();
    assert_eq!(session.progress(spine.clock.now()), Progress::Asked);
    assert_eq!(refused(ask(&spine, helper, &members).await), Refused::IsAsked);
    denied_by(variants(&spine, helper, &members.project).await, "data-needs-a-data-role");
    // Not by who asked, nor by another account of theirs.
    denied_by(approve(&spine, members.with(Role::Viewer), &session.id, None).await, "no policy permits");
    denied_by(approve(&spine, helper, &session.id, None).await, "nobody-reviews-their-own");
    let theirs = manager.user().unwrap();
    let link = |to: &str| format!("UPDATE access_account SET person = {to} WHERE id = '{theirs}'");
    spine.db.reader().execute_unprepared(&link(&format!("'{}'", helper.user().unwrap()))).await.unwrap();
    denied_by(approve(&spine, manager, &session.id, None).await, "nobody-reviews-their-own");
    // Nor where the caller says that it is another's.
    let ask_as_of = Ask::new(Action::ApproveSupport, [session.id.clone()]).target(steward.user().unwrap());
    let permit: Permit<Manage, thing::Support> = spine.access.decide(manager, ask_as_of).await.unwrap();
    assert_eq!(refused(spine.access.approve_support(&permit, None).await), Refused::NotAsked);
    spine.db.reader().execute_unprepared(&link("NULL")).await.unwrap();
    let at = |hours: i64| Timestamp::from_second(clock.now().as_second() + hours * 3600).ok();
    assert_eq!(refused(approve(&spine, manager, &session.id, at(9)).await), Refused::TooLong { hours: 8 });
    let past = approve(&spine, manager, &session.id, at(0)).await;
    assert!(matches!(past, Err(Error::EndedBefore("time"))), "{past:?}");

    let let_in = approve(&spine, manager, &session.id, at(3)).await.unwrap();
    assert_eq!(refused(approve(&spine, steward, &session.id, at(3)).await), Refused::NotAsked);
    variants(&spine, helper, &members.project).await.unwrap();
    // By whatever else they hold.
    spine.add(&members, helper.user().unwrap(), Role::DataExporter).await;
    spine.add(&members, helper.user().unwrap(), Role::Analyst).await;
    denied_by(download(&spine, helper, &members).await, "support-looks-and-no-more");
    let run = Ask::<Project>::new(Action::StartRun, [members.project.clone()]);
    let run = spine.access.decide::<access::verb::Run, Project>(helper, run).await;
    denied_by(run, "support-looks-and-no-more");
    // To the second.
    clock.advance(3 * HOUR - Duration::from_secs(1));
    denied_by(download(&spine, helper, &members).await, "support-looks-and-no-more");
    clock.advance(Duration::from_secs(1));
    download(&spine, helper, &members).await.unwrap();
    assert_eq!(let_in.progress(spine.clock.now()), Progress::Ended);
    let site = Actor::Site(spine.site.clone());
    assert_eq!(spine.access.record_lapses(&site).await.unwrap(), 1);
    let expected = ["support-asked", "support-approved", "rights-changed", "grant-lapsed"];
    assert_eq!(kinds(&spine, session.id.as_str()), expected);
    assert_eq!(refused(end(&spine, helper, &session.id).await), Refused::Over);
}

#[tokio::test]
async fn a_support_session_ends_with_either_side_and_a_request_with_its_days() {
    let (spine, clock) = spine_at_noon().await;
    let members = spine.project(Class::Controlled).await;
    let helper = members.with(Role::SupportObserver);
    let (manager, steward) = (members.with(Role::ProjectAdministrator), members.with(Role::DataSteward));
    for ending in [helper, manager, steward] {
        let session = ask(&spine, helper, &members).await.unwrap();
        approve(&spine, manager, &session.id, None).await.unwrap();
        variants(&spine, helper, &members.project).await.unwrap();
        assert_eq!(refused(end(&spine, members.with(Role::Emergency), &session.id).await), Refused::NotYours);
        let ended = end(&spine, ending, &session.id).await.unwrap();
        assert_eq!(ended.progress(spine.clock.now()), Progress::Ended);
        denied_by(variants(&spine, helper, &members.project).await, "data-needs-a-data-role");
        clock.advance(Duration::from_secs(1));
    }
    // Taken back, or too old.
    let session = ask(&spine, helper, &members).await.unwrap();
    end(&spine, helper, &session.id).await.unwrap();
    assert_eq!(refused(approve(&spine, manager, &session.id, None).await), Refused::NotAsked);
    let session = ask(&spine, helper, &members).await.unwrap();
    clock.advance(7 * DAY);
    assert_eq!(refused(approve(&spine, manager, &session.id, None).await), Refused::NotAsked);
    // Of somebody who is no support observer any more, and of somebody who never asked.
    let session = ask(&spine, helper, &members).await.unwrap();
    let viewer = members.with(Role::Viewer).user().unwrap();
    let whose =
        |who: &UserId| format!("UPDATE access_exception SET account = '{who}' WHERE id = '{}'", session.id);
    spine.add(&members, viewer, Role::SupportObserver).await;
    spine.db.reader().execute_unprepared(&whose(viewer)).await.unwrap();
    assert_eq!(refused(approve(&spine, manager, &session.id, None).await), Refused::NotAsked);
    spine.db.reader().execute_unprepared(&whose(helper.user().unwrap())).await.unwrap();
    let gone = "UPDATE access_grant SET lapsed = TRUE WHERE role = 'support-observer' AND account = ";
    let gone = format!("{gone}'{}'", helper.user().unwrap());
    spine.db.reader().execute_unprepared(&gone).await.unwrap();
    assert_eq!(refused(approve(&spine, manager, &session.id, None).await), Refused::NotAsked);
}

#[tokio::test]
async fn when_data_was_seen_by_way_of_exception_is_known_by_positions() {
    let (spine, clock) = spine_at_noon().await;
    let members = spine.project(Class::Controlled).await;
    let doctor = members.with(Role::Emergency);
    let position = || spine.audit.ledger().size();
    let before = position();
    let glass = open(&spine, doctor, &members, WHY).await.unwrap();
    variants(&spine, doctor, &members.project).await.unwrap();
    let within = position() - 1;
    // All in one second: the end is the outcome of what ended it, not its time.
    close(&spine, doctor, &glass.id).await.unwrap();
    spine.access.close(doctor, Ended::default()).await.unwrap();
    denied_by(variants(&spine, doctor, &members.project).await, "data-needs-a-data-role");
    let after = position() - 1;
    let session = ask(&spine, members.with(Role::SupportObserver), &members).await.unwrap();
    let all = spine.access.seen_by_exception(&members.project).await.unwrap();
    // What nobody let in saw nothing.
    assert_eq!(all.iter().map(|seen| seen.id.as_str()).collect::<Vec<_>>(), [glass.id.as_str()]);
    let (actor, now) = (doctor.user().unwrap().as_str(), clock.now());
    let covers: Vec<bool> = [before, within, after].map(|at| all[0].covers(actor, at, now)).into();
    assert_eq!(covers, [false, true, false]);
    assert!(!all[0].covers(members.with(Role::Viewer).user().unwrap().as_str(), within, now));

    // One that ends by itself does so by the clock.
    approve(&spine, members.with(Role::DataSteward), &session.id, None).await.unwrap();
    let all = spine.access.seen_by_exception(&members.project).await.unwrap();
    let seen = all.iter().find(|seen| seen.id == session.id.as_str()).unwrap();
    let (actor, begun) = (session.account.as_str(), now.as_second());
    let at = |hours: i64| Timestamp::from_second(begun + hours * 3600 + i64::from(hours > 8)).unwrap();
    assert!(seen.covers(actor, position() + 1, at(8)) && !seen.covers(actor, position() + 1, at(9)));
    assert_eq!(all.len(), 2);
}

/// Between the decision and the act a role may go: each act asks once more, in its transaction.
#[tokio::test]
async fn who_loses_the_role_after_the_decision_opens_closes_and_reviews_nothing() {
    let (spine, _) = spine_at_noon().await;
    let members = spine.project(Class::Controlled).await;
    let (doctor, steward) = (members.with(Role::Emergency), members.with(Role::DataSteward));
    let glass = open(&spine, doctor, &members, WHY).await.unwrap();
    let asked = Ask::<Project>::new(Action::BreakGlass, [members.project.clone()]).because(Some(words(WHY)));
    let to_open: Permit<Manage, Project> = spine.access.decide(doctor, asked).await.unwrap();
    let to_close: Permit<Manage, thing::BreakGlass> =
        spine.permit(doctor, Action::EndException, &glass.id).await;
    let asked = Ask::new(Action::ReviewBreakGlass, [glass.id.clone()]).target(doctor.user().unwrap());
    let to_review: Permit<Manage, thing::BreakGlass> =
        spine.access.decide(steward, asked.because(Some(words("it was one")))).await.unwrap();
    spine.db.reader().execute_unprepared("DELETE FROM access_grant").await.unwrap();
    let ended =
        |result: Result<BreakGlass, Error>| assert!(matches!(result, Err(Error::PermitEnded)), "{result:?}");
    ended(spine.access.open_break_glass(&to_open, &words(WHY)).await);
    ended(spine.access.close_break_glass(&to_close).await);
    ended(spine.access.review_break_glass(&to_review, true, &words("it was one")).await);
}

#[tokio::test]
async fn a_role_that_people_give_is_under_nothing() {
    let (spine, _) = spine_at_noon().await;
    let members = spine.project(Class::Sandbox).await;
    let (_, id) = spine.account("worker").await;
    crate::rights::give(&spine, &members, &id, &Ends::default()).await.unwrap();
    let manager = members.with(Role::ProjectAdministrator);
    let view: Permit<View, Project> = spine.permit(manager, Action::ViewProject, &members.project).await;
    let all = spine.access.members(&view).await.unwrap();
    assert!(all.iter().any(|grant| grant.account == id));
    assert!(all.iter().all(|grant| grant.under.is_none()), "{all:?}");
}
