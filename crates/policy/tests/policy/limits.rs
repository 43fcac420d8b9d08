//! Limits that hold whatever roles come together.

use crate::request;
use base::{Class, Role};
use policy::{Action, Actor, Context, Policies, Request, Resource};

/// Decides `request` with the shipped policies; a denial must name `by`.
fn check(request: &Request, by: Option<&str>) {
    let decision = Policies::shipped().unwrap().decide(request);
    assert_eq!(decision.allowed, by.is_none(), "{request:?}\n{:?}", decision.reasons);
    if let Some(by) = by {
        let named = decision.reasons.iter().any(|r| r.starts_with(&format!("forbidden by `{by}`: ")));
        assert!(named, "`{by}` is not among {:?}", decision.reasons);
    }
}

const STRICT: [Class; 2] = [Class::Controlled, Class::Clinical];
const LENIENT: [Class; 2] = [Class::Sandbox, Class::Research];

#[test]
fn a_download_states_its_reason() {
    for class in Class::ALL {
        let mut asked = request(&[Role::DataExporter], Action::DownloadObject, *class);
        check(&asked, None);
        for purpose in [None, Some(String::new()), Some(" \t\n".to_owned())] {
            asked.context.purpose = purpose;
            check(&asked, Some("download-needs-a-reason"));
        }
    }
}

#[test]
fn asking_and_approving_do_not_meet_where_stakes_are_high() {
    let both = [Role::DataExporter, Role::DataSteward];
    for class in STRICT {
        check(&request(&both, Action::DownloadObject, class), Some("ask-apart-from-approve"));
        check(&request(&both, Action::ViewSamples, class), None);
    }
    for class in LENIENT {
        check(&request(&both, Action::DownloadObject, class), None);
    }
}

#[test]
fn administrators_reach_data_only_by_a_data_role_and_never_where_stakes_are_high() {
    for action in Action::ALL.iter().copied().filter(|a| a.touches_data()) {
        for class in Class::ALL {
            for role in [Role::PlatformAdministrator, Role::Auditor, Role::ProjectAdministrator] {
                check(&request(&[role], action, *class), Some("data-needs-a-data-role"));
            }
        }
    }
    let both = [Role::PlatformAdministrator, Role::Analyst];
    for class in LENIENT {
        check(&request(&both, Action::ViewVariants, class), None);
    }
    for class in STRICT {
        check(&request(&both, Action::ViewVariants, class), Some("platform-administrator-apart-from-data"));
        check(&request(&both, Action::CancelRun, class), None);
    }
}

#[test]
fn a_permit_written_by_mistake_gives_no_data() {
    let mut texts = crate::sets::shipped_texts();
    texts.insert(
        "mistake.cedar".to_owned(),
        "@id(\"mistake\") @why(\"everyone may do everything\") permit (principal, action, resource);"
            .to_owned(),
    );
    let policies = Policies::load(texts).unwrap();
    for action in Action::ALL.iter().copied().filter(|a| a.touches_data()) {
        for role in
            [Role::PlatformAdministrator, Role::Auditor, Role::ProjectAdministrator, Role::SupportObserver]
        {
            let decision = policies.decide(&request(&[role], action, Class::Research));
            assert!(!decision.allowed, "{role} may {action}: {:?}", decision.reasons);
        }
    }
    // The mistake does open what is not data, so the denials above are the limit's work.
    assert!(policies.decide(&request(&[Role::Auditor], Action::ViewRun, Class::Research)).allowed);
}

#[test]
fn nobody_raises_themselves() {
    let to = |who: &str| Context { target: Some(who.to_owned()), ..Context::default() };
    let mut site = request(&[Role::PlatformAdministrator], Action::ManageAccounts, Class::Research);
    site.context = to("usr_other");
    check(&site, None);
    site.context = to("usr_actor");
    check(&site, Some("nobody-raises-themselves"));
    // By another account of the same person.
    site.context = Context { same_person: true, ..to("usr_second") };
    check(&site, Some("nobody-raises-their-other-account"));
    for class in Class::ALL {
        let mut member = request(&[Role::ProjectAdministrator], Action::AdministerProject, *class);
        member.context = to("usr_other");
        check(&member, None);
        member.context = to("usr_actor");
        check(&member, (*class != Class::Sandbox).then_some("nobody-raises-themselves-in-a-project"));
        member.context = Context { same_person: true, ..to("usr_second") };
        let by = "nobody-raises-their-other-account-in-a-project";
        check(&member, (*class != Class::Sandbox).then_some(by));
    }
}

#[test]
fn nobody_approves_what_they_asked_for() {
    let mut asked = request(&[Role::PipelineApprover], Action::ApprovePolicy, Class::Research);
    check(&asked, Some("approval-names-who-asked"));
    asked.context.target = Some("usr_other".to_owned());
    check(&asked, None);
    // Their own request, by this account or another of theirs.
    asked.context.same_person = true;
    check(&asked, Some("nobody-approves-their-own"));
    check(&request(&[Role::PlatformAdministrator], Action::ProposePolicy, Class::Research), None);
}

#[test]
fn nobody_names_themselves_nor_approves_whom_they_proposed() {
    let mut asked = request(&[Role::PlatformAdministrator], Action::NameAdministrator, Class::Research);
    check(&asked, Some("approval-names-who-asked"));
    asked.context.target = Some("usr_other".to_owned());
    check(&asked, None);
    asked.context.same_person = true;
    check(&asked, Some("nobody-names-themselves"));
}

#[test]
fn nobody_reviews_their_own_nor_lets_themselves_in() {
    for class in Class::ALL {
        for action in [Action::ReviewBreakGlass, Action::ApproveSupport, Action::AnswerApplication] {
            let mut asked = request(&[Role::DataSteward], action, *class);
            check(&asked, Some("approval-names-who-asked"));
            asked.context.target = Some("usr_other".to_owned());
            check(&asked, None);
            asked.context.same_person = true;
            check(&asked, Some("nobody-reviews-their-own"));
        }
    }
}

#[test]
fn an_exception_states_its_reason() {
    for (role, action) in [
        (Role::Emergency, Action::BreakGlass),
        (Role::DataSteward, Action::ReviewBreakGlass),
        (Role::SupportObserver, Action::AskSupport),
    ] {
        let mut asked = request(&[role], action, Class::Research);
        asked.context.target = Some("usr_other".to_owned());
        check(&asked, None);
        asked.context.purpose = Some(" ".to_owned());
        check(&asked, Some("exceptions-need-a-reason"));
    }
}

#[test]
fn what_is_seen_by_way_of_exception_is_not_carried_off_or_changed_by_whatever_role() {
    let all: Vec<Role> = Role::ALL.iter().copied().filter(|role| !role.is_site_wide()).collect();
    // Rights, keys, holds, objects; who people are; and judging of others.
    let under_glass = [
        Action::DownloadObject,
        Action::ReIdentify,
        Action::SplitIdentity,
        Action::AdministerProject,
        Action::MapVisas,
        Action::ApproveSupport,
        Action::ReviewBreakGlass,
        Action::ShredKeys,
        Action::SetHold,
        Action::LiftHold,
        Action::DeleteObject,
        Action::PublishDataset,
        Action::KeepAgreements,
        Action::ApplyForDataset,
        Action::AnswerApplication,
    ];
    for action in
        Action::ALL.iter().copied().filter(|action| action.scope() == policy::action::Scope::Project)
    {
        let mut asked = request(&all, action, Class::Research);
        asked.context.target = Some("usr_other".to_owned());
        check(&asked, None);
        asked.context.break_glass_open = true;
        check(&asked, under_glass.contains(&action).then_some("break-glass-shows-and-no-more"));
        asked.context.break_glass_open = false;
        asked.context.support_open = true;
        // Everything that changes the project, but for the session's end; and who people are.
        let shown = [Action::DownloadObject, Action::ReIdentify].contains(&action);
        let kept = (action.changes_state() && action != Action::EndException) || shown;
        check(&asked, kept.then_some("support-looks-and-no-more"));
    }
}

#[test]
fn data_that_may_not_lie_here_is_not_taken_in() {
    for class in Class::ALL {
        for action in [Action::Ingest, Action::StartRun] {
            let mut asked = request(&[Role::Analyst], action, *class);
            check(&asked, None);
            asked.context.out_of_region = true;
            check(&asked, Some("data-stays-in-its-region"));
        }
        // What is there already can be seen, and taken elsewhere.
        let mut asked = request(&[Role::DataExporter], Action::DownloadObject, *class);
        asked.context.out_of_region = true;
        check(&asked, None);
    }
}

#[test]
fn a_service_names_its_person_and_never_administers() {
    let service = |roles: &[Role], action| {
        let mut asked = request(roles, action, Class::Research);
        asked.actor = Actor { id: "svc_robot".to_owned(), service: true, ..asked.actor };
        asked
    };
    for action in [Action::Ingest, Action::StartRun, Action::ViewVariants, Action::ViewSamples] {
        let mut asked = service(&[Role::Analyst], action);
        for nobody in [None, Some(String::new()), Some("  ".to_owned())] {
            asked.context.on_behalf_of = nobody;
            check(&asked, Some("service-names-its-person"));
        }
        asked.context.on_behalf_of = Some("usr_person".to_owned());
        check(&asked, None);
    }
    for (role, action) in [
        (Role::PlatformAdministrator, Action::ManageAccounts),
        (Role::PlatformAdministrator, Action::CreateProject),
        (Role::PlatformAdministrator, Action::LockSite),
        (Role::ProjectAdministrator, Action::AdministerProject),
    ] {
        check(&service(&[role], action), Some("service-never-administers"));
    }
}

#[test]
fn who_holds_the_link_states_a_reason_and_sees_no_data_where_stakes_are_high() {
    for class in Class::ALL {
        let mut asked = request(&[Role::HonestBroker], Action::ReIdentify, *class);
        check(&asked, None);
        for purpose in [None, Some(" ".to_owned())] {
            asked.context.purpose = purpose;
            check(&asked, Some("identify-needs-a-reason"));
        }
        for (role, action) in
            [(Role::HonestBroker, Action::ReIdentify), (Role::DataSteward, Action::SplitIdentity)]
        {
            let mut asked = request(&[role], action, *class);
            asked.actor = Actor { id: "svc_robot".to_owned(), service: true, ..asked.actor };
            asked.context.on_behalf_of = Some("usr_person".to_owned());
            check(&asked, Some("people-alone-know-people"));
        }
    }
    let mut asked = request(&[Role::DataSteward], Action::SplitIdentity, Class::Research);
    asked.context.purpose = None;
    // Of a sheet nobody is asked why; of one subject it is a correction.
    check(&asked, None);
    asked.resource.kind = "subject";
    check(&asked, Some("correct-needs-a-reason"));
    asked.context.purpose = Some("her letter".to_owned());
    check(&asked, None);
    for (other, by) in [
        (Role::Viewer, "identify-apart-from-data"),
        (Role::Analyst, "identify-apart-from-data"),
        (Role::DataExporter, "identify-apart-from-data"),
        (Role::SupportObserver, "identify-apart-from-exceptions"),
        (Role::Emergency, "identify-apart-from-exceptions"),
        (Role::DataSteward, "identify-apart-from-exceptions"),
        (Role::PlatformAdministrator, "platform-administrator-apart-from-identities"),
    ] {
        for class in STRICT {
            check(&request(&[Role::HonestBroker, other], Action::ReIdentify, class), Some(by));
        }
        for class in LENIENT {
            check(&request(&[Role::HonestBroker, other], Action::ReIdentify, class), None);
        }
    }
    let both = [Role::DataSteward, Role::PlatformAdministrator];
    for class in STRICT {
        let by = Some("platform-administrator-apart-from-identities");
        check(&request(&both, Action::SplitIdentity, class), by);
    }
    check(&request(&both, Action::SplitIdentity, Class::Research), None);
}

#[test]
fn a_permit_written_by_mistake_gives_nobody_the_link() {
    let mut texts = crate::sets::shipped_texts();
    texts.insert(
        "mistake.cedar".to_owned(),
        "@id(\"mistake\") @why(\"everyone may do everything\") permit (principal, action, resource);"
            .to_owned(),
    );
    let policies = Policies::load(texts).unwrap();
    for (action, own) in
        [(Action::ReIdentify, Role::HonestBroker), (Action::SplitIdentity, Role::DataSteward)]
    {
        for role in Role::ALL {
            let allowed = policies.decide(&request(&[*role], action, Class::Research)).allowed;
            assert_eq!(allowed, *role == own, "{role} {action}");
        }
    }
}

#[test]
fn roles_of_several_kinds_add_up() {
    let policies = Policies::shipped().unwrap();
    let roles = [Role::Viewer, Role::DataExporter];
    for action in Action::ALL {
        let each = roles.iter().any(|r| policies.decide(&request(&[*r], *action, Class::Clinical)).allowed);
        let both = policies.decide(&request(&roles, *action, Class::Clinical)).allowed;
        assert_eq!(each, both, "{action}");
    }
}

#[test]
fn a_thing_of_the_site_is_not_reached_by_roles_in_a_project() {
    let mut asked = request(&[Role::Analyst], Action::ViewVariants, Class::Sandbox);
    asked.resource = Resource::of_site("site", "sit_here");
    assert!(!Policies::shipped().unwrap().decide(&asked).allowed);
}
