//! What people hold, until when, who may change it, and why they can.

use access::thing::{Project, Site};
use access::verb::{Manage, Read, View};
use access::{Action, Ask, Caller, Changes, Ends, Error, Factor, Network, OneTimeToken, Permit, Step, Texts};
use audit::{Actor, What};
use base::{Class, FixedClock, RequestId, Role, SystemEntropy, Timestamp, UserId};
use base::{Clock, Id};
use std::sync::Arc;
use std::time::Duration;
use testkit::Spine;

pub const DAY: Duration = Duration::from_secs(24 * 3600);

pub async fn spine_at_noon() -> (Spine, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::at("2031-05-01T12:00:00Z".parse().unwrap()));
    (Spine::with_store(clock.clone(), None).await, clock)
}

fn last(spine: &Spine) -> What {
    spine.audit.recorded(spine.audit.ledger().size() - 1).unwrap().event.what
}

pub async fn variants(spine: &Spine, caller: &Caller, project: &base::ProjectId) -> Result<(), Error> {
    let ask = Ask::<Project>::new(Action::ViewVariants, [project.clone()]);
    spine.access.decide::<Read, Project>(caller, ask).await.map(drop)
}

/// Gives `account` the role of an analyst in the project.
pub async fn give(
    spine: &Spine,
    members: &testkit::Members,
    account: &UserId,
    ends: &Ends,
) -> Result<(), Error> {
    let manager = members.with(Role::ProjectAdministrator);
    let ask = Ask::<Project>::new(Action::AdministerProject, [members.project.clone()]).target(account);
    let permit: Permit<Manage, Project> = spine.access.decide(manager, ask).await?;
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    spine.access.add_member(&permit, &tx, account, Role::Analyst, ends).await?;
    tx.commit().await.unwrap();
    Ok(())
}

pub async fn on_site(spine: &Spine, caller: &Caller, target: &UserId) -> Result<Permit<Manage, Site>, Error> {
    let ask = Ask::<Site>::new(Action::ManageAccounts, [spine.site.clone()]).target(target);
    spine.access.decide(caller, ask).await
}

pub async fn sign_in(spine: &Spine, token: &OneTimeToken) -> Caller {
    let session = spine.access.redeem(token, &RequestId::mint(&SystemEntropy)).await.unwrap();
    spine.access.authenticate(session.expose()).await.unwrap()
}

/// Another platform administrator, perhaps by another account of the person who has `first`.
pub async fn administrator(spine: &Spine, name: &str, first: Option<&UserId>) -> (Caller, UserId) {
    with_role(spine, name, first, Role::PlatformAdministrator).await
}

pub async fn approver(spine: &Spine, name: &str, first: Option<&UserId>) -> (Caller, UserId) {
    with_role(spine, name, first, Role::PipelineApprover).await
}

async fn with_role(spine: &Spine, name: &str, first: Option<&UserId>, role: Role) -> (Caller, UserId) {
    let permit: Permit<Manage, Site> = spine.permit(&spine.admin, Action::ManageAccounts, &spine.site).await;
    let tx = spine.db.begin(permit.decision()).await.unwrap();
    let (account, token) = spine.access.create_account(&permit, &tx, name).await.unwrap();
    if let Some(first) = first {
        spine.access.link_person(&permit, &tx, &account.id, first).await.unwrap();
    }
    spine.access.grant_on_site(&permit, &tx, &account.id, role, &Ends::default()).await.unwrap();
    tx.commit().await.unwrap();
    (sign_in(spine, &token).await, account.id)
}

#[tokio::test]
async fn a_role_ends_with_the_first_thing_it_stands_on_and_that_is_on_record() {
    let (spine, clock) = spine_at_noon().await;
    let members = spine.project(Class::Research).await;
    let site = Actor::Site(spine.site.clone());
    type Made = fn(&dyn Fn(u32) -> Option<Timestamp>) -> Ends;
    let cases: [(Made, &str); 4] = [
        (|at| Ends { until: at(2), ..Ends::default() }, "time"),
        (|at| Ends { training_until: at(2), until: at(9), ..Ends::default() }, "training"),
        (|at| Ends { agreement_until: at(2), ..Ends::default() }, "agreement"),
        (|at| Ends { approval_until: at(2), training_until: at(3), ..Ends::default() }, "approval"),
    ];
    for (ends, cause) in cases {
        let ends = ends(&|days| Some(clock.now().checked_add(DAY * days).unwrap()));
        let (caller, id) = spine.account("worker").await;
        give(&spine, &members, &id, &ends).await.unwrap();
        assert_eq!(spine.access.record_lapses(&site).await.unwrap(), 0);
        clock.advance(2 * DAY - Duration::from_secs(1));
        // A session lasts a day at most; who signs in again later is the same person.
        let caller = caller.detached();
        variants(&spine, &caller, &members.project).await.unwrap();
        clock.advance(Duration::from_secs(1));
        assert!(matches!(variants(&spine, &caller, &members.project).await, Err(Error::NotFound)), "{cause}");
        assert_eq!(spine.access.record_lapses(&site).await.unwrap(), 1);
        assert_eq!(last(&spine), What::GrantLapsed { role: Role::Analyst, cause: cause.into() });
        assert_eq!(spine.access.record_lapses(&site).await.unwrap(), 0);
        // Given again, it is held again.
        give(&spine, &members, &id, &Ends::default()).await.unwrap();
        variants(&spine, &caller, &members.project).await.unwrap();
        clock.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn no_role_is_given_for_longer_than_the_site_allows_or_for_the_past() {
    let (spine, clock) = spine_at_noon().await;
    let members = spine.project(Class::Research).await;
    let (caller, id) = spine.account("worker").await;
    let at = |days: i64| Some(Timestamp::from_second(clock.now().as_second() + days * 86_400).unwrap());
    let refused = give(&spine, &members, &id, &Ends { until: at(366), ..Ends::default() }).await;
    assert!(matches!(refused, Err(Error::TooLong { days: 365 })));
    for ends in [Ends { until: at(0), ..Ends::default() }, Ends { training_until: at(-1), ..Ends::default() }]
    {
        assert!(matches!(give(&spine, &members, &id, &ends).await, Err(Error::EndedBefore(_))));
    }
    give(&spine, &members, &id, &Ends::default()).await.unwrap();
    clock.advance(365 * DAY - Duration::from_secs(1));
    variants(&spine, &caller, &members.project).await.unwrap();
    clock.advance(Duration::from_secs(1));
    assert!(variants(&spine, &caller, &members.project).await.is_err());
    // The first administrator could not be given the role again by anybody.
    on_site(&spine, &spine.admin, &id).await.unwrap();
}

#[tokio::test]
async fn a_closed_account_can_nothing_and_comes_back_with_nothing() {
    let (spine, _) = spine_at_noon().await;
    let members = spine.project(Class::Research).await;
    let (caller, id) = spine.account("worker").await;
    give(&spine, &members, &id, &Ends::default()).await.unwrap();
    variants(&spine, &caller, &members.project).await.unwrap();
    let permit = on_site(&spine, &spine.admin, &id).await.unwrap();
    spine.access.close_account(&permit, &id).await.unwrap();
    let taken = spine.audit.history(id.as_str()).unwrap().events;
    let taken = taken.iter().any(|one| matches!(one.event.what, What::RightsChanged { given: false, .. }));
    assert!(taken, "its role was taken, on record");
    // Work that goes on without signing in again is refused as well.
    assert!(variants(&spine, &caller.detached(), &members.project).await.is_err());
    assert!(matches!(spine.access.close_account(&permit, &id).await, Err(Error::Closed)));
    assert!(matches!(spine.access.renew_token(&permit, &id).await, Err(Error::Closed)));
    let token = spine.access.reopen_account(&permit, &id).await.unwrap();
    assert!(matches!(spine.access.reopen_account(&permit, &id).await, Err(Error::Open)));
    let caller = sign_in(&spine, &token).await;
    assert!(variants(&spine, &caller, &members.project).await.is_err());
    assert!(spine.access.own_grants(&caller).await.unwrap().is_empty());
}

#[tokio::test]
async fn nobody_acts_for_another_account_of_their_own() {
    let (spine, _) = spine_at_noon().await;
    let first = spine.admin.user().unwrap().clone();
    let (second, second_id) = administrator(&spine, "second", Some(&first)).await;
    let (third, third_id) = administrator(&spine, "third", Some(&second_id)).await;
    let (other, other_id) = administrator(&spine, "other", None).await;
    for (caller, target) in
        [(&spine.admin, &second_id), (&second, &first), (&third, &first), (&second, &third_id)]
    {
        let refused = on_site(&spine, caller, target).await.err().unwrap();
        assert!(
            base::Fault::hint(&refused).unwrap().contains("nobody-raises-their-other-account"),
            "{refused:?}"
        );
    }
    on_site(&spine, &second, &other_id).await.unwrap();
    on_site(&spine, &other, &first).await.unwrap();
    // Without the link the two would count as two people, and the refusals above would not be there.
    let (unlinked, _) = administrator(&spine, "unlinked", None).await;
    on_site(&spine, &unlinked, &first).await.unwrap();
}

pub fn own(text: &str) -> Texts {
    Texts::from([("own.cedar".to_owned(), text.to_owned())])
}

const STEWARD_RUNS: &str = "@id(\"own\") @why(\"tried\") permit (principal in ProjectRole::\"data-steward\", \
                            action == Action::\"view-variants\", resource);";

pub async fn propose(spine: &Spine, caller: &Caller, texts: &Texts) -> Result<access::Proposal, Error> {
    let permit: Permit<Manage, Site> = spine.permit(caller, Action::ProposePolicy, &spine.site).await;
    spine.access.propose(&permit, texts).await
}

pub async fn approve(
    spine: &Spine,
    caller: &Caller,
    proposal: &access::Proposal,
) -> Result<access::Proposal, Error> {
    let found = spine.access.proposal(&proposal.id).await?;
    let ask = Ask::<Site>::new(Action::ApprovePolicy, [spine.site.clone()]).target(&found.by);
    let permit: Permit<Manage, Site> = spine.access.decide(caller, ask).await?;
    spine.access.approve(&permit, &proposal.id).await
}

#[tokio::test]
async fn policies_change_by_two_people_and_end_the_permits_before() {
    let (spine, _) = spine_at_noon().await;
    let members = spine.project(Class::Research).await;
    let first = spine.admin.user().unwrap().clone();
    let (second, _) = approver(&spine, "second", None).await;
    let (alias, _) = approver(&spine, "alias", Some(&first)).await;
    let steward = members.with(Role::DataSteward);
    assert!(variants(&spine, steward, &members.project).await.is_err());
    let before = spine.access.policy_digest();
    let proposal = propose(&spine, &spine.admin, &own(STEWARD_RUNS)).await.unwrap();

    // It is shown to everybody who may see it, and changes nothing yet.
    let view: Permit<View, Site> = spine.permit(&second, Action::ViewPolicy, &spine.site).await;
    let candidate = access::proposal::with_shipped(&proposal.texts).unwrap();
    let digest = candidate.digest();
    let compared = spine.access.preview_policies(&view, candidate).await.unwrap().changes();
    let Changes { changes, untold, whole } = compared;
    assert!(whole && untold.is_empty(), "{untold:?}");
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((changes[0].factor, changes[0].sometimes, changes[0].from.len()), (Factor::Any, false, 3));
    assert_eq!(Some(&changes[0].right.account), steward.user());
    assert_eq!((changes[0].right.action, changes[0].gained), (Action::ViewVariants, true));
    assert_eq!(spine.access.policy_digest(), before);

    // Whoever may propose holds no role that approves, and another account of theirs that does is theirs.
    let refused = approve(&spine, &spine.admin, &proposal).await.unwrap_err();
    assert!(matches!(refused, Error::Denied { .. }), "{refused:?}");
    let refused = approve(&spine, &alias, &proposal).await.unwrap_err();
    assert!(base::Fault::hint(&refused).unwrap().contains("nobody-approves-their-own"), "{refused:?}");
    let ask = Ask::<Site>::new(Action::ProposePolicy, [spine.site.clone()]);
    assert!(spine.access.decide::<Manage, Site>(&second, ask).await.is_err());
    let viewer = members.with(Role::Viewer);
    let running: Permit<View, Project> = spine.permit(viewer, Action::ViewSamples, &members.project).await;
    running.live().unwrap();
    approve(&spine, &second, &proposal).await.unwrap();
    assert_eq!(spine.access.policy_digest(), digest);
    assert!(matches!(running.live(), Err(Error::PermitEnded)) && running.is_superseded());
    spine.access.renew(&running, Action::ViewSamples).await.unwrap().live().unwrap();
    variants(&spine, steward, &members.project).await.unwrap();
    match last(&spine) {
        What::Decision { policy, .. } => assert_eq!(policy, digest),
        other => panic!("{other:?}"),
    }
    assert!(matches!(approve(&spine, &second, &proposal).await, Err(Error::NotOpen("in-force"))));

    // A second proposal that was compared with another set than the one in force.
    let one = propose(&spine, &spine.admin, &Texts::new()).await.unwrap();
    let other = propose(&spine, &spine.admin, &own(&STEWARD_RUNS.replace("tried", "again"))).await.unwrap();
    approve(&spine, &second, &one).await.unwrap();
    assert_eq!(spine.access.policy_digest(), before);
    assert!(matches!(approve(&spine, &second, &other).await, Err(Error::Overtaken)));
    assert!(variants(&spine, steward, &members.project).await.is_err());
}

#[tokio::test]
async fn own_policies_cannot_replace_shipped_ones_and_a_broken_set_changes_nothing() {
    let (spine, _) = spine_at_noon().await;
    let before = spine.access.policy_digest();
    let named = |name: &str, text: &str| Texts::from([(name.to_owned(), text.to_owned())]);
    let twice = STEWARD_RUNS.replace("\"own\"", "\"viewer-views\"");
    for (texts, code) in [
        (named("limits.cedar", ""), "ACCESS-024"),
        (named("sequestra.cedarschema", "entity A;"), "ACCESS-024"),
        (named("../own.cedar", STEWARD_RUNS), "ACCESS-024"),
        (named("own.cedar", &" ".repeat(2 << 20)), "ACCESS-024"),
        (own("permit (principal"), "POLICY-003"),
        (own(&twice), "POLICY-004"),
        (own(&STEWARD_RUNS.replace("data-steward", "data-stuart")), "POLICY-005"),
    ] {
        let refused = propose(&spine, &spine.admin, &texts).await.unwrap_err();
        assert_eq!(base::Fault::code(&refused), code, "{refused}");
        assert!(base::Fault::hint(&refused).is_some());
    }
    spine.access.follow_policies().await.unwrap();
    assert_eq!(spine.access.policy_digest(), before);
}

#[tokio::test]
async fn an_explanation_names_what_is_missing() {
    let (spine, clock) = spine_at_noon().await;
    let members = spine.project(Class::Clinical).await;
    let (worker, id) = spine.account("worker").await;
    spine.with_passkey(&worker).await;
    let steward = members.with(Role::DataSteward);
    let explain = async |action| {
        let permit: Permit<View, Project> =
            spine.permit(steward, Action::ExplainAccess, &members.project).await;
        spine.access.explain(&permit, &id, action, Network::Local).await
    };
    let why = explain(Action::StartRun).await.unwrap();
    assert!(!why.allowed && why.roles.is_empty());
    assert!(why.missing.contains(&"the role analyst in the project would give it".to_owned()), "{why:?}");
    assert!(why.reasons[0].starts_with("forbidden by `data-needs-a-data-role`"), "{why:?}");
    let until = clock.now().checked_add(DAY).unwrap();
    give(&spine, &members, &id, &Ends { training_until: Some(until), ..Ends::default() }).await.unwrap();
    let why = explain(Action::StartRun).await.unwrap();
    assert!(why.allowed && why.roles == [Role::Analyst], "{why:?}");
    assert_eq!(why.reasons, ["permitted by `analyst-runs`"]);
    let why = explain(Action::DownloadObject).await.unwrap();
    assert!(
        why.missing.contains(&"the role data-exporter in the project would give it".to_owned()),
        "{why:?}"
    );
    clock.advance(2 * DAY);
    let why = explain(Action::StartRun).await.unwrap();
    assert!(!why.allowed && why.missing[0].starts_with("the role analyst ended at"), "{why:?}");
    assert!(why.missing[0].ends_with("by its training"), "{why:?}");
    assert!(matches!(explain(Action::ManageKeys).await, Err(Error::WrongPlace { site: true, .. })));
    // Whoever may not ask is told nothing, and it is on record.
    let ask = Ask::<Project>::new(Action::ExplainAccess, [members.project.clone()]);
    let refused = spine.access.decide::<View, Project>(members.with(Role::Viewer), ask).await.err().unwrap();
    assert!(matches!(refused, Error::Denied { .. }));
}

#[tokio::test]
async fn a_change_of_a_role_is_shown_and_not_made() {
    let (spine, _) = spine_at_noon().await;
    let members = spine.project(Class::Research).await;
    let (caller, id) = spine.account("worker").await;
    let manager = members.with(Role::ProjectAdministrator);
    let ask = Ask::<Project>::new(Action::AdministerProject, [members.project.clone()]).target(&id);
    let permit: Permit<Manage, Project> = spine.access.decide(manager, ask).await.unwrap();
    let step = Step::Give(Role::SupportObserver);
    let changes = spine.access.preview_member(&permit, &id, step).await.unwrap().changes().changes;
    let told: Vec<_> = changes.iter().map(|c| (c.right.action, c.gained, c.from.len())).collect();
    let given = [Action::EndException, Action::AskSupport, Action::ViewRun];
    assert_eq!(told, given.map(|action| (action, true, 3)));
    assert!(spine.access.own_grants(&caller).await.unwrap().is_empty());
    give(&spine, &members, &id, &Ends::default()).await.unwrap();
    let changes = spine.access.preview_member(&permit, &id, Step::TakeAll).await.unwrap().changes().changes;
    assert!(changes.iter().all(|c| !c.gained) && changes.iter().any(|c| c.right.action == Action::StartRun));
    let permit = on_site(&spine, &spine.admin, &id).await.unwrap();
    let closing = spine.access.preview_site(&permit, &id, Step::TakeAll).await.unwrap().changes().changes;
    assert_eq!(closing.len(), changes.len());
    let given = spine.access.preview_site(&permit, &id, Step::Give(Role::PipelineApprover)).await;
    let given = given.unwrap().changes().changes;
    assert!(given.iter().any(|c| c.gained && c.right.action == Action::ApprovePolicy), "{given:?}");
    let why: Permit<View, Site> = spine.permit(&spine.admin, Action::ExplainAccessSite, &spine.site).await;
    let why = spine.access.explain(&why, &id, Action::ApprovePolicy, Network::Local).await.unwrap();
    assert_eq!(why.missing, ["the role pipeline-approver on the site would give it"]);
    // The audit of any project comes with a role on the site.
    let given =
        spine.access.preview_site(&permit, &id, Step::Give(Role::Auditor)).await.unwrap().changes().changes;
    assert!(given.iter().any(|c| c.right.action == Action::SearchAudit && c.right.project.is_some()));
}
