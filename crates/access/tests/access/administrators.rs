//! Who administers projects, and how two people name somebody where nobody does.

use crate::rights::{DAY, administrator, on_site, spine_at_noon};
use access::naming::Refused;
use access::thing::Site;
use access::verb::Manage;
use access::{Action, Ask, Caller, Ended, Error, Grant, Naming, Permit};
use audit::What;
use base::{ApprovalId, Class, Fault, Id, ProjectId, Role, SystemEntropy, UserId};
use db::sea_orm::ConnectionTrait;
use std::slice;
use testkit::{Members, Spine};

async fn may(spine: &Spine, caller: &Caller, target: &UserId) -> Result<Permit<Manage, Site>, Error> {
    let ask = Ask::<Site>::new(Action::NameAdministrator, [spine.site.clone()]).target(target);
    spine.access.decide(caller, ask).await
}

async fn propose(spine: &Spine, caller: &Caller, of: &Members, account: &UserId) -> Result<Naming, Error> {
    let permit = may(spine, caller, account).await?;
    spine.access.propose_administrator(&permit, &of.project, account).await
}

/// As the server does: asked of who proposed it, and of who is named.
async fn approve(spine: &Spine, caller: &Caller, id: &ApprovalId) -> Result<Vec<Grant>, Error> {
    let proposed = spine.access.naming(id).await?;
    may(spine, caller, &proposed.by).await?;
    let permit = may(spine, caller, &proposed.account).await?;
    spine.access.approve_administrator(&permit, &proposed).await
}

async fn close(spine: &Spine, account: &UserId) -> Vec<ProjectId> {
    let permit = on_site(spine, &spine.admin, account).await.unwrap();
    spine.access.close_account(&permit, account).await.unwrap()
}

fn manager(members: &Members) -> UserId {
    members.with(Role::ProjectAdministrator).user().unwrap().clone()
}

fn gone(refused: Result<impl Sized, Error>) -> bool {
    matches!(refused, Err(Error::Naming(Refused::Gone)))
}

fn denied_by(refused: Result<impl Sized, Error>, policy: &str) {
    let refused = refused.err().unwrap();
    assert!(refused.hint().is_some_and(|hint| hint.contains(policy)), "{refused:?}");
}

#[tokio::test]
async fn two_people_name_an_administrator_where_nobody_is_and_neither_names_themselves() {
    let (spine, _) = spine_at_noon().await;
    let members = spine.project(Class::Research).await;
    let first = spine.admin.user().unwrap().clone();
    let (second, second_id) = administrator(&spine, "second", None).await;
    let (alias, _) = administrator(&spine, "alias", Some(&first)).await;
    let (lead, lead_id) = spine.account("lead").await;

    // Who acted on an account is somebody else than its owner, whatever they did since.
    on_site(&spine, &spine.admin, &second_id).await.unwrap();
    on_site(&spine, &second, &lead_id).await.unwrap();
    assert_eq!(spine.access.last_kept(&second_id).unwrap().map(|(who, _)| who), Some(first.clone()));
    // Nobody is named beside an administrator who is there.
    let refused = propose(&spine, &spine.admin, &members, &lead_id).await;
    assert!(matches!(refused, Err(Error::Naming(Refused::Administered))), "{refused:?}");
    assert_eq!(close(&spine, &manager(&members)).await, slice::from_ref(&members.project));
    assert!(spine.access.administrators().await.unwrap().is_empty());

    denied_by(propose(&spine, &spine.admin, &members, &first).await, "nobody-names-themselves");
    denied_by(propose(&spine, &alias, &members, &first).await, "nobody-names-themselves");
    denied_by(propose(&spine, &lead, &members, &second_id).await, "no role here");
    let proposed = propose(&spine, &spine.admin, &members, &lead_id).await.unwrap();
    let record = spine.audit.history(proposed.id.as_str()).unwrap();
    let told = record.events.iter().find(|one| one.event.what == What::AdministratorProposed {}).unwrap();
    assert_eq!(told.event.project.as_ref(), Some(&members.project));
    assert!(told.event.about.contains(&lead_id.to_string()));
    assert!(spine.access.administrators().await.unwrap().is_empty(), "it gives nothing yet");

    // Not by who proposed it, under whatever name, nor by who is proposed.
    denied_by(approve(&spine, &spine.admin, &proposed.id).await, "nobody-names-themselves");
    denied_by(approve(&spine, &alias, &proposed.id).await, "nobody-names-themselves");
    let theirs = propose(&spine, &spine.admin, &members, &second_id).await.unwrap();
    denied_by(approve(&spine, &second, &theirs.id).await, "nobody-names-themselves");
    // The newer proposal took the place of the first.
    assert!(gone(approve(&spine, &second, &proposed.id).await));

    let proposed = propose(&spine, &spine.admin, &members, &lead_id).await.unwrap();
    let given = approve(&spine, &second, &proposed.id).await.unwrap();
    assert_eq!((&given[0].account, given[0].role), (&lead_id, Role::ProjectAdministrator));
    assert_eq!(given[0].project.as_ref(), Some(&members.project));
    assert!(given[0].ends.until.is_some(), "it ends as any role does");
    assert_eq!(spine.access.administrators().await.unwrap()[&members.project], given);
    // Once.
    assert!(gone(approve(&spine, &second, &proposed.id).await));
}

#[tokio::test]
async fn a_proposal_ends_with_its_days_its_author_its_need_and_what_the_record_does_not_say() {
    let (spine, clock) = spine_at_noon().await;
    let members = spine.project(Class::Research).await;
    let (second, second_id) = administrator(&spine, "second", None).await;
    let (third, _) = administrator(&spine, "third", None).await;
    // What follows takes longer than a session lasts.
    let (second, third) = (second.detached(), third.detached());
    let (_, lead) = spine.account("lead").await;
    let (_, other) = spine.account("other").await;
    close(&spine, &manager(&members)).await;

    let late = propose(&spine, &second, &members, &lead).await.unwrap();
    clock.advance(7 * DAY);
    assert!(gone(approve(&spine, &third, &late.id).await));

    // What is in the database is not what was proposed.
    let elsewhere = spine.project(Class::Research).await;
    close(&spine, &manager(&elsewhere)).await;
    let proposed = propose(&spine, &second, &members, &lead).await.unwrap();
    for (column, before, after) in [
        ("account", lead.as_str(), other.as_str()),
        ("project", members.project.as_str(), elsewhere.project.as_str()),
        ("proposer", second_id.as_str(), spine.admin.user().unwrap().as_str()),
    ] {
        let store = async |value: &str| {
            let sql = format!("UPDATE access_naming SET {column} = '{value}' WHERE id = '{}'", proposed.id);
            spine.db.reader().execute_unprepared(&sql).await.unwrap();
        };
        store(after).await;
        assert!(gone(approve(&spine, &third, &proposed.id).await), "{column}");
        store(before).await;
    }
    // Nor is it younger than the record says.
    clock.advance(7 * DAY);
    let sql = format!("UPDATE access_naming SET since = {}", spine.clock.now().as_second());
    spine.db.reader().execute_unprepared(&sql).await.unwrap();
    assert!(gone(approve(&spine, &third, &proposed.id).await));

    // Whom is proposed has gone, or who proposed it.
    let left = propose(&spine, &second, &members, &other).await.unwrap();
    close(&spine, &other).await;
    assert!(gone(approve(&spine, &third, &left.id).await));
    let proposed = propose(&spine, &second, &members, &lead).await.unwrap();
    let permit = on_site(&spine, &spine.admin, &second_id).await.unwrap();
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    spine.access.revoke_on_site(&permit, &tx, &second_id, Role::PlatformAdministrator).await.unwrap();
    tx.commit().await.unwrap();
    assert!(gone(approve(&spine, &third, &proposed.id).await), "no longer theirs to say");
    // Closed and opened again, neither brings a proposal back.
    close(&spine, &second_id).await;
    let permit = on_site(&spine, &spine.admin, &second_id).await.unwrap();
    spine.access.reopen_account(&permit, &second_id).await.unwrap();
    assert!(gone(approve(&spine, &third, &proposed.id).await));

    // Of two who are at it at once, one is named.
    let proposed = propose(&spine, &spine.admin, &members, &lead).await.unwrap();
    let permits = [may(&spine, &third, &lead).await.unwrap(), may(&spine, &third, &lead).await.unwrap()];
    let both = permits.each_ref().map(|permit| spine.access.approve_administrator(permit, &proposed));
    let [one, two] = both;
    let (one, two) = tokio::join!(one, two);
    assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|done| **done).count(), 1);
    let nowhere = ProjectId::mint(&SystemEntropy);
    let permit = may(&spine, &third, &lead).await.unwrap();
    let refused = spine.access.propose_administrator(&permit, &nowhere, &lead).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
}

#[tokio::test]
async fn a_year_later_nobody_administers_and_a_strict_project_gets_somebody_with_a_passkey() {
    let (spine, clock) = spine_at_noon().await;
    let members = spine.project(Class::Controlled).await;
    let (_, lead_id) = spine.account("lead").await;
    // Nobody gets a role there in which they could do nothing, by whatever way.
    let spared = members.with(Role::ProjectAdministrator);
    let ask = Ask::new(Action::AdministerProject, [members.project.clone()]).target(&lead_id);
    let permit: Permit<Manage, access::thing::Project> = spine.access.decide(spared, ask).await.unwrap();
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    let refused = spine.access.add_member(&permit, &tx, &lead_id, Role::Viewer, &Default::default()).await;
    assert!(matches!(refused, Err(Error::WithoutPasskey)), "{refused:?}");
    drop(tx);
    let (mut own, _) = spine.with_passkey(&spine.admin).await;
    clock.advance(366 * DAY);
    let (second, _) = administrator(&spine, "second", None).await;
    // Who opens a strict project proves who they are as whoever acts in one.
    let refused = may(&spine, &second, &lead_id).await.err();
    assert!(matches!(refused, Some(Error::PasskeyNeeded)), "{refused:?}");
    let (_, second) = spine.with_passkey(&second).await;
    let first = spine.access.authenticate(&spine.passkey_session(&mut own).await.unwrap()).await.unwrap();
    assert!(spine.access.administrators().await.unwrap().is_empty());
    let refused = propose(&spine, &first, &members, &lead_id).await;
    assert!(matches!(refused, Err(Error::WithoutPasskey)), "{refused:?}");
    let token = testkit::token(&spine, &lead_id).await;
    let fresh = crate::rights::sign_in(&spine, &token).await;
    spine.with_passkey(&fresh).await;
    // What lets somebody become another is seen by who approves, from the making of the account on.
    let (_, new) = spine.account("new").await;
    let made = [new.to_string()];
    spine.access.close(&spine.admin, Ended { made: &made, ..Ended::default() }).await.unwrap();
    // Outcomes follow; what is decided after them is recorded after them.
    on_site(&spine, &second, second.user().unwrap()).await.err();
    assert_eq!(spine.access.last_kept(&new).unwrap().unwrap().0, *spine.admin.user().unwrap());
    let (who, _) = spine.access.last_kept(&lead_id).unwrap().unwrap_or((lead_id.clone(), spine.clock.now()));
    assert_eq!(who, lead_id, "nobody touched the account yet");
    on_site(&spine, &second, &lead_id).await.unwrap();
    assert_eq!(spine.access.last_kept(&lead_id).unwrap().unwrap().0, *second.user().unwrap());
    let proposed = propose(&spine, &first, &members, &lead_id).await.unwrap();
    approve(&spine, &second, &proposed.id).await.unwrap();
}

#[tokio::test]
async fn who_is_closed_leaves_the_projects_without_anybody_that_they_alone_administered() {
    let (spine, clock) = spine_at_noon().await;
    let members = [spine.project(Class::Research).await, spine.project(Class::Research).await];
    let (_, both) = spine.account("both").await;
    for members in &members {
        spine.add(members, &both, Role::ProjectAdministrator).await;
    }
    assert!(close(&spine, &manager(&members[0])).await.is_empty(), "another one is there");
    // Whose role has ended is none.
    clock.advance(364 * DAY);
    let administer = members[1].with(Role::ProjectAdministrator);
    let ask = Ask::new(Action::AdministerProject, [members[1].project.clone()]).target(&both);
    let permit: Permit<Manage, access::thing::Project> = spine.access.decide(administer, ask).await.unwrap();
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    spine
        .access
        .add_member(&permit, &tx, &both, Role::ProjectAdministrator, &Default::default())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    clock.advance(2 * DAY);
    assert_eq!(close(&spine, &both).await, slice::from_ref(&members[1].project));
}

#[tokio::test]
async fn a_site_is_as_strict_as_the_project_that_was_made_just_now() {
    let (spine, _) = spine_at_noon().await;
    let (_, lead) = spine.account("lead").await;
    may(&spine, &spine.admin, &lead).await.unwrap();
    spine.project(Class::Controlled).await;
    let refused = may(&spine, &spine.admin, &lead).await.err();
    assert!(matches!(refused, Some(Error::PasskeyNeeded)), "{refused:?}");
}
