//! What people say is on record, added to what was said before, and never changed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use access::thing::Subject;
use access::verb::{Manage, View};
use access::{Action, Permit};
use audit::What;
use base::{Class, Fault, Id, Kind, Role, Sha256, SubjectId, SystemClock, SystemEntropy, Timestamp};
use db::sea_orm::ConnectionTrait;
use policy::terms::Terms;
use std::sync::Arc;
use subjects::{Error, NewConsent, Said, Standing, Subjects};
use testkit::{Members, Spine};

struct Site {
    spine: Spine,
    members: Members,
    subjects: Subjects,
    subject: SubjectId,
}

impl Site {
    /// A project with one subject, of whom nothing was said.
    async fn new() -> Self {
        let spine = Spine::new(&[subjects::MIGRATIONS]).await;
        let members = spine.project(Class::Research).await;
        // As the first package of theirs leaves it.
        let subject = SubjectId::mint(&SystemEntropy);
        let row = format!(
            "INSERT INTO catalog_subject (id, project, label, sealed) VALUES ('{subject}', '{}', 'P-1', 0)",
            members.project
        );
        spine.db.reader().execute_unprepared(&row).await.unwrap();
        let subjects = Subjects::new(
            spine.db.clone(),
            spine.audit.clone(),
            Arc::new(SystemClock::default()),
            Arc::new(SystemEntropy),
        );
        Self { spine, members, subjects, subject }
    }

    async fn steward<V: access::verb::Verb>(&self, action: Action) -> Permit<V, Subject> {
        self.spine.permit(self.members.with(Role::DataSteward), action, &self.subject).await
    }

    async fn members_view(&self) -> Permit<View, access::thing::Project> {
        let viewer = self.members.with(Role::Viewer);
        self.spine.permit(viewer, Action::ViewProject, &self.members.project).await
    }

    async fn give(&self, terms: &str) -> Result<subjects::Consent, Error> {
        self.subjects.give(&self.steward(Action::RecordConsent).await, consent(terms)).await
    }

    async fn withdraw(&self) -> Result<Vec<subjects::Statement>, Error> {
        self.subjects.withdraw(&self.steward(Action::WithdrawConsent).await).await
    }

    async fn review(&self) -> Result<Vec<subjects::Statement>, Error> {
        let said = self.subjects.statements(&self.steward::<View>(Action::ViewConsents).await).await?;
        let newest = said.last().map_or(0, |one| one.position);
        self.subjects.review(&self.steward(Action::RecordConsent).await, newest).await
    }

    async fn standing(&self) -> Standing {
        self.subjects.standing(&self.members.project, &self.subject).await.unwrap()
    }
}

fn consent(terms: &str) -> NewConsent {
    NewConsent {
        form: "broad-2.1".into(),
        terms: Terms::parse(terms).unwrap(),
        document: Sha256([7; 32]),
        from: None,
        until: None,
    }
}

#[tokio::test]
async fn what_is_said_holds_in_its_order_and_stands_on_record() {
    let site = Site::new().await;
    assert_eq!(site.standing().await, Standing::Unasked);
    let first = site.give("DUO:0000006").await.unwrap();
    assert_eq!(site.standing().await, Standing::Given(first.clone()));
    // The same terms on a newer form change nothing that somebody would have to look at.
    let second = site.give("DUO:0000006").await.unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(site.standing().await, Standing::Given(second));
    let other = site.give("DUO:0000042").await.unwrap();
    assert_eq!(site.standing().await, Standing::UnderReview(other.clone()));
    site.review().await.unwrap();
    assert_eq!(site.standing().await, Standing::Given(other));
    assert!(matches!(site.review().await, Err(Error::NothingToReview)));

    site.withdraw().await.unwrap();
    assert_eq!(site.standing().await, Standing::Withdrawn);
    assert!(matches!(site.withdraw().await, Err(Error::Withdrawn)));
    assert!(
        matches!(site.review().await, Err(Error::NothingToReview)),
        "a withdrawal is no matter of review"
    );
    let again = site.give("DUO:0000042").await.unwrap();
    assert_eq!(site.standing().await, Standing::UnderReview(again));

    let said = site.subjects.statements(&site.steward::<View>(Action::ViewConsents).await).await.unwrap();
    let words: Vec<&str> = said
        .iter()
        .map(|one| match one.said {
            Said::Given(_) => "given",
            Said::Withdrawn => "withdrawn",
            Said::Reviewed => "reviewed",
        })
        .collect();
    assert_eq!(words, ["given", "given", "given", "reviewed", "withdrawn", "given"]);
    // Each statement is its event, about the subject, and before it was stored.
    for one in &said {
        let event = site.spine.audit.recorded(one.position).unwrap().event;
        assert!(event.about.contains(&site.subject.to_string()));
        assert_eq!(event.project.as_ref(), Some(&site.members.project));
        let same = match (&event.what, &one.said) {
            (What::ConsentGiven { document, .. }, Said::Given(consent)) => *document == consent.document,
            (What::ConsentWithdrawn {}, Said::Withdrawn) | (What::UseReviewed {}, Said::Reviewed) => true,
            _ => false,
        };
        assert!(same, "{event:?}");
    }
}

#[tokio::test]
async fn somebody_without_a_consent_can_forbid_all_use() {
    let site = Site::new().await;
    site.withdraw().await.unwrap();
    assert_eq!(site.standing().await, Standing::Withdrawn);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_anything_is_on_record() {
    let site = Site::new().await;
    let before = site.spine.audit.history(site.subject.as_str()).unwrap().events.len();
    let changes: [fn(&mut NewConsent); 4] = [
        |new| new.form = String::new(),
        |new| new.form = "of Erika Mustermann".into(),
        |new| new.form = "x".repeat(33),
        |new| new.until = Some(Timestamp::UNIX_EPOCH),
    ];
    for change in changes {
        let mut new = consent("DUO:0000042");
        change(&mut new);
        let permit: Permit<Manage, Subject> = site.steward(Action::RecordConsent).await;
        let refused = site.subjects.give(&permit, new).await.unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (Kind::Invalid, "SUBJECTS-002"));
    }
    let events = site.spine.audit.history(site.subject.as_str()).unwrap().events;
    let said = events.iter().filter(|one| matches!(one.event.what, What::ConsentGiven { .. })).count();
    assert_eq!((said, events.len()), (0, before + 4), "decisions alone");
    assert_eq!(site.standing().await, Standing::Unasked);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_an_error_and_no_consent() {
    for change in
        ["terms = 'DUO:0000042'", "said = 'perhaps'", "document = NULL", "valid_from = NULL", "form = 'f'"]
    {
        let site = Site::new().await;
        site.give("DUO:0000042").await.unwrap();
        let sql = format!("UPDATE subjects_statement SET {change}");
        site.spine.db.reader().execute_unprepared(&sql).await.unwrap();
        let read = site.subjects.standing(&site.members.project, &site.subject).await;
        assert!(matches!(read, Err(Error::Record)), "{change}: {read:?}");
    }
}

#[tokio::test]
async fn a_review_covers_what_was_looked_at_and_no_more() {
    let site = Site::new().await;
    site.give("DUO:0000006").await.unwrap();
    site.give("DUO:0000042").await.unwrap();
    let said = site.subjects.statements(&site.steward::<View>(Action::ViewConsents).await).await.unwrap();
    site.give("DUO:0000004").await.unwrap();
    let seen = said.last().unwrap().position;
    let refused = site.subjects.review(&site.steward(Action::RecordConsent).await, seen).await;
    assert!(matches!(refused, Err(Error::OtherReasons)), "{refused:?}");
    assert!(matches!(site.standing().await, Standing::UnderReview(_)));
}

#[tokio::test]
async fn nobody_has_said_too_much_to_withdraw() {
    let site = Site::new().await;
    site.give("DUO:0000042").await.unwrap();
    let many: Vec<String> = (0..1_000)
        .map(|at| {
            format!("({}, '{}', '{}', 'reviewed', 0)", 1_000_000 + at, site.members.project, site.subject)
        })
        .collect();
    let sql = format!(
        "INSERT INTO subjects_statement (position, project, subject, said, at) VALUES {}",
        many.join(", ")
    );
    site.spine.db.reader().execute_unprepared(&sql).await.unwrap();
    assert_eq!(site.give("DUO:0000042").await.unwrap_err().code(), "SUBJECTS-002");
    site.withdraw().await.unwrap();
}

#[tokio::test]
async fn an_approval_covers_its_reasons_until_its_day() {
    let site = Site::new().await;
    let project = &site.members.project;
    let steward = site.members.with(Role::DataSteward);
    let ask = || {
        access::Ask::<access::thing::Project>::new(Action::ApproveUse, [project.clone()])
            .because(Some(base::Sensitive::new("seen".to_owned())))
    };
    let permit: Permit<Manage, access::thing::Project> =
        site.spine.access.decide(steward, ask()).await.unwrap();
    let reasons =
        std::collections::BTreeSet::from(["one [DUO:0000021]".to_owned(), "two [DUO:0000020]".to_owned()]);
    let later = Timestamp::from_second(Timestamp::now().as_second() + 3).unwrap();
    assert!(site.subjects.approve_use(&permit, &Default::default(), later).await.is_err());
    assert!(site.subjects.approve_use(&permit, &reasons, Timestamp::UNIX_EPOCH).await.is_err());
    site.subjects.approve_use(&permit, &reasons, later).await.unwrap();
    assert_eq!(site.subjects.approved(project).await.unwrap(), reasons);
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert!(site.subjects.approved(project).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_approved_is_taken_back_also_in_a_restored_copy() {
    let site = Site::new().await;
    let project = &site.members.project;
    let permit = || async {
        let ask = access::Ask::<access::thing::Project>::new(Action::ApproveUse, [project.clone()])
            .because(Some(base::Sensitive::new("seen".to_owned())));
        let steward = site.members.with(Role::DataSteward);
        site.spine.access.decide::<Manage, _>(steward, ask).await.unwrap()
    };
    let later = Timestamp::from_second(Timestamp::now().as_second() + 1_000).unwrap();
    let approve = |reason: &str| {
        let reasons = std::collections::BTreeSet::from([reason.to_owned()]);
        async { site.subjects.approve_use(&permit().await, &{ reasons }, later).await.unwrap() }
    };
    assert!(matches!(site.subjects.revoke_use(&permit().await).await, Err(Error::NothingToRevoke)));
    approve("one").await;
    approve("two").await;
    let held = site.subjects.approvals(&site.members_view().await).await.unwrap();
    assert_eq!(held.iter().map(|one| (one.reasons.len(), one.until)).collect::<Vec<_>>(), [(1, later); 2]);
    site.subjects.revoke_use(&permit().await).await.unwrap();
    assert!(site.subjects.approved(project).await.unwrap().is_empty());
    assert!(matches!(site.subjects.revoke_use(&permit().await).await, Err(Error::NothingToRevoke)));

    // A copy that lacks it: those from before are ended, one from after holds.
    approve("three").await;
    approve("four").await;
    let held = site.subjects.approvals(&site.members_view().await).await.unwrap();
    let revoked = std::collections::BTreeMap::from([(project.clone(), (held[1].position, Timestamp::now()))]);
    for ended in [1, 0] {
        let tx = site.spine.db.begin(0).await.unwrap();
        assert_eq!(subjects::restored::revoke_again(&tx, &revoked).await.unwrap(), ended);
        tx.commit().await.unwrap();
    }
    let left = site.subjects.approved(project).await.unwrap();
    assert_eq!(left, std::collections::BTreeSet::from(["four".to_owned()]));
}

#[tokio::test]
async fn a_restored_copy_without_the_newest_statement_lets_nothing_be_used() {
    let site = Site::new().await;
    site.give("DUO:0000042").await.unwrap();
    let said = site.subjects.statements(&site.steward::<View>(Action::ViewConsents).await).await.unwrap();
    let whose = (site.members.project.clone(), site.subject.clone());
    let there = std::collections::BTreeMap::from([(whose.clone(), (said[0].position, said[0].at))]);
    let lacks = std::collections::BTreeMap::from([(whose, (said[0].position + 100, said[0].at))]);
    for (newest, lost) in [(&there, 0), (&lacks, 1), (&lacks, 0)] {
        let tx = site.spine.db.begin(0).await.unwrap();
        assert_eq!(subjects::restored::withdraw_again(&tx, newest).await.unwrap(), lost);
        tx.commit().await.unwrap();
    }
    assert_eq!(site.standing().await, Standing::Withdrawn);
}

#[tokio::test]
async fn stewards_alone_say_what_people_agreed_to() {
    let site = Site::new().await;
    for role in
        [Role::Viewer, Role::Analyst, Role::DataExporter, Role::ProjectAdministrator, Role::SupportObserver]
    {
        let caller = site.members.with(role);
        for action in [Action::RecordConsent, Action::WithdrawConsent] {
            let ask = access::Ask::<Subject>::new(action, [site.subject.clone()]);
            assert!(site.spine.access.decide::<Manage, _>(caller, ask).await.is_err(), "{role} {action}");
        }
        let ask = access::Ask::<Subject>::new(Action::ViewConsents, [site.subject.clone()]);
        assert!(site.spine.access.decide::<View, _>(caller, ask).await.is_err(), "{role}");
    }
}
