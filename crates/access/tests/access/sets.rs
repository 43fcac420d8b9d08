//! A site's own policies: what they cannot do, what is shown of them, what a restart makes of them.

use crate::rights::{
    administrator, approve, approver, give, on_site, own, propose, sign_in, spine_at_noon, variants,
};
use access::thing::Site;
use access::verb::{Manage, View};
use access::{Access, Action, Ask, Caller, Changes, Error, Factor, Permit, Step};
use audit::What;
use base::{Class, Id, Role};
use db::sea_orm::ConnectionTrait;
use std::time::Duration;
use testkit::Spine;

async fn shown(spine: &Spine, caller: &Caller, text: &str) -> Changes {
    let permit: Permit<View, Site> = spine.permit(caller, Action::ViewPolicy, &spine.site).await;
    let candidate = access::proposal::with_shipped(&own(text)).unwrap();
    spine.access.preview_policies(&permit, candidate).await.unwrap().changes()
}

#[tokio::test]
async fn nobody_is_locked_out_of_changing_policies_back() {
    let (spine, _) = spine_at_noon().await;
    let (mut second, second_id) = approver(&spine, "second", None).await;
    let shipped = spine.access.policy_digest();
    for condition in ["", "unless { context.strong_authentication }", "when { context.hour < 24 }"] {
        let text =
            format!("@id(\"own\") @why(\"a mistake\") forbid (principal, action, resource) {condition};");
        // It is shown, also what it takes from the sessions that there are.
        let shown = shown(&spine, &second, &text).await;
        let lost = shown.changes.iter().filter(|change| !change.gained);
        let strong = condition.contains("strong");
        let factor = if strong { Factor::Without } else { Factor::Any };
        assert!(lost.clone().count() > 10 && lost.clone().all(|change| change.factor == factor), "{shown:?}");
        let back = [Action::ProposePolicy, Action::ApprovePolicy, Action::ManageAccounts];
        assert!(!lost.clone().any(|change| back.contains(&change.right.action)), "{shown:?}");
        let proposal = propose(&spine, &spine.admin, &own(&text)).await.unwrap();
        approve(&spine, &second, &proposal).await.unwrap();
        let ask = Ask::<Site>::new(Action::ViewSiteStatus, [spine.site.clone()]);
        assert!(spine.access.decide::<View, Site>(&spine.admin, ask).await.is_err(), "{condition}");
        // The record of who proposes names the set that decided: the shipped one.
        let back = propose(&spine, &spine.admin, &own("")).await.unwrap();
        match spine.audit.recorded(spine.audit.ledger().size() - 2).unwrap().event.what {
            What::Decision { policy, .. } => assert_eq!(policy, shipped),
            other => panic!("{other:?}"),
        }
        // Also when the approver's session is over: an administrator makes a new sign-in.
        let permit = on_site(&spine, &spine.admin, &second_id).await.unwrap();
        let token = spine.access.renew_token(&permit, &second_id).await.unwrap();
        second = sign_in(&spine, &token).await;
        approve(&spine, &second, &back).await.unwrap();
        let ask = Ask::<Site>::new(Action::ViewSiteStatus, [spine.site.clone()]);
        spine.access.decide::<View, Site>(&spine.admin, ask).await.unwrap();
    }
    // Nor does a set say who approves the next.
    let text =
        "@id(\"own\") @why(\"a trick\") permit (principal, action == Action::\"approve-policy\", resource);";
    let trick = propose(&spine, &spine.admin, &own(text)).await.unwrap();
    approve(&spine, &second, &trick).await.unwrap();
    let (third, _) = administrator(&spine, "third", None).await;
    let next = propose(&spine, &spine.admin, &own("")).await.unwrap();
    assert!(matches!(approve(&spine, &third, &next).await, Err(Error::Denied { .. })));
}

#[tokio::test]
async fn what_is_shown_is_tried_at_each_hour_day_and_kind_that_a_policy_asks_for() {
    let (spine, _) = spine_at_noon().await;
    let _members = spine.project(Class::Research).await;
    let (second, _) = approver(&spine, "second", None).await;
    let steward = |rest: &str| {
        format!(
            "@id(\"own\") @why(\"tried\") permit (principal in ProjectRole::\"data-steward\", action == \
             Action::\"view-variants\", resource) {rest};"
        )
    };
    for condition in [
        "when { context[\"h\\u{6f}ur\"] == 3 }",
        "when { context.weekday == 7 }",
        "when { resource [\"kind\"] == \"sample\" }",
        "when { context.hour == 3 && context.weekday == 7 && resource.kind == \"object\" }",
    ] {
        let shown = shown(&spine, &second, &steward(condition)).await;
        assert_eq!(shown.changes.len(), 1, "{condition}: {shown:?}");
        assert!(
            shown.changes[0].gained && shown.changes[0].sometimes && shown.whole,
            "{condition}: {shown:?}"
        );
    }
    let outside = shown(&spine, &second, &steward("unless { context.network == Network::\"inside\" }")).await;
    assert_eq!(outside.changes[0].from, [access::Network::Local, access::Network::Outside]);
    assert!(!outside.changes[0].sometimes && outside.untold.is_empty());
    // What is not tried is said.
    let told = shown(&spine, &second, &steward("when { context has target }")).await;
    assert!(told.changes.is_empty() && told.untold == ["whose rights are changed"], "{told:?}");
    let named = second.user().unwrap();
    let person = format!(
        "@id(\"own\") @why(\"tried\") permit (principal == Person :: \"{named}\", action == Action::\"view-storage\", resource);"
    );
    let told = shown(&spine, &second, &person).await;
    assert_eq!(told.changes.iter().map(|change| &change.right.account).collect::<Vec<_>>(), [named]);
}

#[tokio::test]
async fn what_would_be_approved_unread_is_no_policy() {
    let (spine, _) = spine_at_noon().await;
    for hidden in ['\r', '\u{1b}', '\u{202e}', '\u{200b}', '\u{85}', '\0', '\u{fe00}', '\u{3164}', '\u{430}']
    {
        let text = format!("// as before {hidden} permit (principal, action, resource);");
        let refused = propose(&spine, &spine.admin, &own(&text)).await.unwrap_err();
        assert_eq!(base::Fault::code(&refused), "ACCESS-024", "{hidden:?}");
    }
    // More than a parser can take at once is an error like another.
    let deep = format!("permit (principal, action, resource) when {{ {} }};", "(".repeat(100_000));
    let refused = propose(&spine, &spine.admin, &own(&deep)).await.unwrap_err();
    assert!(base::Fault::code(&refused).starts_with("POLICY-"), "{refused}");
}

#[tokio::test]
async fn a_set_in_force_is_in_force_after_a_restart_and_a_withdrawn_one_never() {
    let (spine, _) = spine_at_noon().await;
    let (second, _) = approver(&spine, "second", None).await;
    let text = "@id(\"own\") @why(\"kept\") forbid (principal, action == Action::\"make-backup\", resource);";
    let withdrawn = propose(&spine, &spine.admin, &own("")).await.unwrap();
    let permit: Permit<Manage, Site> = spine.permit(&spine.admin, Action::ProposePolicy, &spine.site).await;
    spine.access.withdraw(&permit, &withdrawn.id).await.unwrap();
    assert!(matches!(spine.access.withdraw(&permit, &withdrawn.id).await, Err(Error::NotOpen("withdrawn"))));
    assert!(matches!(approve(&spine, &second, &withdrawn).await, Err(Error::NotOpen("withdrawn"))));
    let proposal = propose(&spine, &spine.admin, &own(text)).await.unwrap();
    approve(&spine, &second, &proposal).await.unwrap();
    assert!(matches!(spine.access.withdraw(&permit, &proposal.id).await, Err(Error::PermitEnded)));
    let permit: Permit<Manage, Site> = spine.permit(&spine.admin, Action::ProposePolicy, &spine.site).await;
    assert!(matches!(spine.access.withdraw(&permit, &proposal.id).await, Err(Error::NotOpen("in-force"))));

    let shipped = policy::Policies::shipped().unwrap();
    let (db, audit, clock) = (spine.db.clone(), spine.audit.clone(), spine.clock.clone());
    let again = Access::new(db, audit, shipped, clock, spine.entropy.clone());
    assert_ne!(again.policy_digest(), spine.access.policy_digest());
    again.follow_policies().await.unwrap();
    assert_eq!(again.policy_digest(), spine.access.policy_digest());
}

/// Opens what a release before this one closed: with its roles and a session still in the tables.
#[tokio::test]
async fn a_reopened_account_has_nothing_whatever_closed_it() {
    let (spine, _) = spine_at_noon().await;
    let members = spine.project(Class::Clinical).await;
    let (caller, id) = spine.account("worker").await;
    let (mut passkey, caller) = spine.with_passkey(&caller).await;
    give(&spine, &members, &id, &Default::default()).await.unwrap();
    variants(&spine, &caller, &members.project).await.unwrap();
    let sql = format!("UPDATE access_account SET closed = TRUE WHERE id = '{id}'");
    spine.db.reader().execute_unprepared(&sql).await.unwrap();

    // A closed account is given nothing, on the site or in a project, nor shown as if it were.
    assert!(matches!(give(&spine, &members, &id, &Default::default()).await, Err(Error::Closed)));
    let ask = Ask::<Site>::new(Action::ManageAccounts, [spine.site.clone()]).target(&id);
    let permit: Permit<Manage, Site> = spine.access.decide(&spine.admin, ask).await.unwrap();
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    let refused = spine.access.grant_on_site(&permit, &tx, &id, Role::Auditor, &Default::default()).await;
    assert!(matches!(refused, Err(Error::Closed)));
    drop(tx);
    let refused = spine.access.preview_site(&permit, &id, Step::Give(Role::Auditor)).await;
    assert!(matches!(refused, Err(Error::Closed)));
    let misplaced = spine.access.preview_site(&permit, &id, Step::Give(Role::Viewer)).await;
    assert!(matches!(misplaced, Err(Error::RolePlace { .. })));

    spine.access.reopen_account(&permit, &id).await.unwrap();
    let taken = spine.audit.history(id.as_str()).unwrap().events;
    assert!(taken.iter().any(|one| matches!(one.event.what, What::RightsChanged { given: false, .. })));
    assert!(variants(&spine, &caller.detached(), &members.project).await.is_err());
    // Nor does what it signed in with.
    assert!(matches!(spine.passkey_session(&mut passkey).await, Err(Error::Passkey)));
    // Its session of before does not come back with it.
    let sessions = spine.access.sessions(&permit, &id).await.unwrap();
    assert!(sessions.is_empty(), "{sessions:?}");
}

#[tokio::test]
async fn a_role_on_record_as_ended_stays_ended_when_the_clock_goes_back() {
    let (spine, clock) = spine_at_noon().await;
    let members = spine.project(Class::Research).await;
    let (caller, id) = spine.account("worker").await;
    let (noon, day) = (base::Clock::now(&*clock), Duration::from_secs(24 * 3600));
    let ends = access::Ends { until: Some(noon.checked_add(day).unwrap()), ..Default::default() };
    give(&spine, &members, &id, &ends).await.unwrap();
    clock.advance(2 * day);
    let caller = caller.detached();
    // Ended, and not yet on record: a clock that was wrong takes nothing for good.
    assert!(variants(&spine, &caller, &members.project).await.is_err());
    clock.set(noon);
    variants(&spine, &caller, &members.project).await.unwrap();
    clock.set(noon.checked_add(2 * day).unwrap());
    spine.access.record_lapses(&audit::Actor::Site(spine.site.clone())).await.unwrap();
    clock.set(noon);
    assert!(variants(&spine, &caller, &members.project).await.is_err());
}

/// What somebody with the database in hand writes into it is not approved by that.
#[tokio::test]
async fn a_text_that_was_not_approved_decides_nothing() {
    let (spine, _) = spine_at_noon().await;
    let (second, _) = approver(&spine, "second", None).await;
    let text = "@id(\"own\") @why(\"kept\") forbid (principal, action == Action::\"make-backup\", resource);";
    let proposal = propose(&spine, &spine.admin, &own(text)).await.unwrap();
    let before = spine.access.policy_digest();
    let write = async |column: &str, value: &str| {
        let sql = format!("UPDATE access_proposal SET {column} = '{value}' WHERE id = '{}'", proposal.id);
        spine.db.reader().execute_unprepared(&sql).await.unwrap();
    };
    write("state", "in-force").await;
    let refused = spine.access.follow_policies().await.unwrap_err();
    assert_eq!(base::Fault::code(&refused), "ACCESS-024");
    assert_eq!(spine.access.policy_digest(), before);
    // Nor is it approved in the place of what was proposed, or as another's.
    write("state", "open").await;
    for (column, other) in [("texts", "{\"own.cedar\": \"\"}"), ("account", second.user().unwrap().as_str())]
    {
        let ask = Ask::<Site>::new(Action::ApprovePolicy, [spine.site.clone()]).target(&proposal.by);
        let permit: Permit<Manage, Site> = spine.access.decide(&second, ask).await.unwrap();
        write(column, other).await;
        let refused = spine.access.approve(&permit, &proposal.id).await.unwrap_err();
        assert_eq!(base::Fault::code(&refused), "ACCESS-024", "{column}");
        write("texts", &serde_json::to_string(&proposal.texts).unwrap()).await;
        write("account", proposal.by.as_str()).await;
    }
    // What cannot be read is heard of, like what was not approved.
    write("replaces", "none").await;
    write("state", "in-force").await;
    assert_eq!(base::Fault::code(&spine.access.follow_policies().await.unwrap_err()), "ACCESS-024");
    write("replaces", &before.to_string()).await;
    write("state", "open").await;
    approve(&spine, &second, &proposal).await.unwrap();
    let approved = spine.access.policy_digest();
    write("texts", "{\"own.cedar\": \"\"}").await;
    assert!(spine.access.follow_policies().await.is_err());
    assert_eq!(spine.access.policy_digest(), approved);
    // Nor does a start go on with it.
    let (db, audit, clock) = (spine.db.clone(), spine.audit.clone(), spine.clock.clone());
    let again = Access::new(db, audit, policy::Policies::shipped().unwrap(), clock, spine.entropy.clone());
    assert!(again.follow_policies().await.is_err());
}

#[tokio::test]
async fn of_two_administrators_who_close_each_other_at_once_one_does() {
    let (spine, _) = spine_at_noon().await;
    let (one, one_id) = administrator(&spine, "one", None).await;
    let (two, two_id) = administrator(&spine, "two", None).await;
    // Both are decided, and both signed in just now.
    let first = on_site(&spine, &one, &two_id).await.unwrap();
    let second = on_site(&spine, &two, &one_id).await.unwrap();
    spine.access.close_account(&first, &two_id).await.unwrap();
    assert!(matches!(spine.access.close_account(&second, &one_id).await, Err(Error::NotSignedIn)));
    let (three, three_id) = administrator(&spine, "three", None).await;
    let first = on_site(&spine, &one, &three_id).await.unwrap();
    let second = on_site(&spine, &three, &one_id).await.unwrap();
    let tx = spine.db.begin(first.decision()).await.unwrap();
    let role = Role::PlatformAdministrator;
    spine.access.revoke_on_site(&first, &tx, &three_id, role).await.unwrap();
    tx.commit().await.unwrap();
    let tx = spine.db.begin(second.decision()).await.unwrap();
    assert!(matches!(
        spine.access.revoke_on_site(&second, &tx, &one_id, role).await,
        Err(Error::PermitEnded)
    ));
}
