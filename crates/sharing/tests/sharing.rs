//! What a project lends, who answers, and what ends it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use access::thing::Project;
use access::verb::{Manage, View};
use access::{Action, Ask, Permit};
use audit::What;
use base::{
    AgreementId, ApplicationId, Class, DatasetId, Fault, FixedClock, Id, Kind, Role, SampleId, Sensitive,
    Sha256, SystemEntropy, Timestamp, UserId,
};
use catalog::{Framework, Granularity, Purpose};
use db::sea_orm::{ConnectionTrait, Statement};
use policy::terms::Terms;
use sharing::{
    Application, Approval, Change, Contract, Dataset, Error, NewAgreement, NewApplication, NewDataset,
    Sharing, State,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use testkit::{Members, Spine};

const DAY: Duration = Duration::from_secs(24 * 3600);

struct Site {
    spine: Spine,
    home: Members,
    workspace: Members,
    sharing: Sharing,
    clock: Arc<FixedClock>,
    sample: SampleId,
    person: UserId,
}

impl Site {
    async fn new() -> Self {
        let spine = Spine::new(&[sharing::MIGRATIONS]).await;
        let (home, workspace) = (spine.project(Class::Research).await, spine.project(Class::Research).await);
        let clock = Arc::new(FixedClock::at(Timestamp::from_second(1_800_000_000).unwrap()));
        let sharing =
            Sharing::new(spine.db.clone(), spine.audit.clone(), clock.clone(), Arc::new(SystemEntropy));
        let (sample, person) = (SampleId::mint(&SystemEntropy), UserId::mint(&SystemEntropy));
        Self { spine, home, workspace, sharing, clock, sample, person }
    }

    async fn may(&self, of: &Members, role: Role, action: Action) -> Permit<Manage, Project> {
        let who = self.person.clone();
        let ask =
            Ask::<Project>::new(action, [of.project.clone()]).because(Some(Sensitive::new("test".into())));
        let ask = if action == Action::AnswerApplication { ask.target(&who) } else { ask };
        self.spine.access.decide(of.with(role), ask).await.unwrap()
    }

    async fn view(&self, of: &Members) -> Permit<View, Project> {
        self.spine.permit(of.with(Role::Analyst), Action::ViewProject, &of.project).await
    }

    async fn offer(&self, change: impl FnOnce(&mut NewDataset)) -> Result<Dataset, Error> {
        let mut new = NewDataset {
            name: "Quixotic cohort".into(),
            terms: Terms::parse("DUO:0000042").unwrap(),
            purposes: BTreeSet::from([Purpose::Research]),
            commercial: false,
            granularity: Granularity::Genome,
            frameworks: BTreeSet::from([Framework::Gdpr]),
            contract: None,
            class: Class::Research,
            region: "EU".into(),
            samples: BTreeSet::from([self.sample.clone()]),
            persons: 1,
        };
        change(&mut new);
        self.sharing
            .publish(&self.may(&self.home, Role::DataSteward, Action::PublishDataset).await, new)
            .await
    }

    fn in_days(&self, days: u32) -> Timestamp {
        use base::Clock;
        self.clock.now() + DAY * days
    }

    async fn apply(&self, dataset: &DatasetId) -> Result<Application, Error> {
        let new = NewApplication {
            dataset: dataset.clone(),
            party: "ror:05a28rw58".into(),
            people: BTreeSet::from([self.person.clone()]),
            until: self.in_days(100),
            why: Sensitive::new("a quixotic study".into()),
        };
        self.sharing
            .apply(&self.may(&self.workspace, Role::Analyst, Action::ApplyForDataset).await, new)
            .await
    }

    async fn approve(&self, id: &ApplicationId, days: u32) -> Result<Application, Error> {
        let permit = self.may(&self.home, Role::DataSteward, Action::AnswerApplication).await;
        self.sharing.answer(&permit, id, Some(self.yes(days))).await
    }

    fn yes(&self, days: u32) -> Approval {
        let reasons = BTreeSet::from(["an ethics approval [DUO:0000021]".to_owned()]);
        Approval { until: self.in_days(days), reasons, beside: BTreeSet::new() }
    }

    /// What the record says of an application, in its order.
    fn told(&self, id: &ApplicationId) -> Vec<String> {
        let events = self.spine.audit.history(id.as_str()).unwrap().events.into_iter();
        let state = |one: audit::Recorded| match one.event.what {
            What::ApplicationStands { state, .. } => Some(state),
            _ => None,
        };
        events.filter_map(state).collect()
    }

    async fn deny(&self, id: &ApplicationId) -> Result<Application, Error> {
        let permit = self.may(&self.home, Role::DataSteward, Action::AnswerApplication).await;
        self.sharing.answer(&permit, id, None).await
    }

    async fn change(&self, id: &ApplicationId, change: Change) -> Result<Application, Error> {
        let permit = self.may(&self.workspace, Role::Analyst, Action::ApplyForDataset).await;
        self.sharing.change(&permit, id, change).await
    }

    async fn agree(&self, party: &str, dataset: Option<&DatasetId>) -> Result<AgreementId, Error> {
        let permit = self.may(&self.home, Role::DataSteward, Action::KeepAgreements).await;
        let new = NewAgreement {
            contract: Contract::Use,
            party: party.into(),
            dataset: dataset.cloned(),
            document: Sha256([7; 32]),
            until: self.in_days(50),
        };
        Ok(self.sharing.agree(&permit, new).await?.id)
    }

    /// What stands against the use of the sample in the workspace: the rule, or nothing.
    async fn against(&self, by: &UserId) -> Option<&'static str> {
        use base::Clock;
        let loans = self.sharing.loans(&self.workspace.project, &self.sample).await.unwrap();
        let Some(loan) = loans.first() else { return Some("no loan") };
        loan.against(Some(by), self.clock.now()).map(|one| one.rule)
    }

    async fn lent(&self) -> (Dataset, Application) {
        let dataset = self.offer(|_| {}).await.unwrap();
        let asked = self.apply(&dataset.id).await.unwrap();
        (dataset, self.approve(&asked.id, 90).await.unwrap())
    }
}

#[tokio::test]
async fn nothing_is_lent_before_a_steward_of_the_home_says_so() {
    let site = Site::new().await;
    let dataset = site.offer(|_| {}).await.unwrap();
    let asked = site.apply(&dataset.id).await.unwrap();
    assert_eq!((asked.state, asked.home.clone()), (State::Asked, site.home.project.clone()));
    assert_eq!(site.against(&site.person).await, Some("no loan"));
    assert!(!site.sharing.was_lent(&site.workspace.project, &site.sample).await.unwrap());
    // The workspace does not answer itself, and its neighbour does not speak for it.
    let permit = site.may(&site.workspace, Role::DataSteward, Action::AnswerApplication).await;
    assert!(matches!(
        site.sharing.answer(&permit, &asked.id, Some(site.yes(10))).await,
        Err(Error::NotFound)
    ));
    let permit = site.may(&site.home, Role::Analyst, Action::ApplyForDataset).await;
    assert!(matches!(site.sharing.change(&permit, &asked.id, Change::End).await, Err(Error::NotFound)));
    let approved = site.approve(&asked.id, 90).await.unwrap();
    assert_eq!(approved.reasons.len(), 1);
    assert_eq!(site.against(&site.person).await, None);
    assert_eq!(site.against(&UserId::mint(&SystemEntropy)).await, Some("application-not-yours"));
    // Elsewhere it is not lent.
    assert!(site.sharing.loans(&site.home.project, &site.sample).await.unwrap().is_empty());
    let other = SampleId::mint(&SystemEntropy);
    assert!(!site.sharing.was_lent(&site.workspace.project, &other).await.unwrap());
    assert_eq!(site.told(&asked.id), ["asked", "approved"]);
    // The home is told to whom, and nobody else.
    let home = site.sharing.loans_out(&site.view(&site.home).await, &site.sample).await.unwrap();
    assert_eq!(home.iter().map(|loan| &loan.application.id).collect::<Vec<_>>(), [&asked.id]);
    let elsewhere = site.sharing.loans_out(&site.view(&site.workspace).await, &site.sample).await.unwrap();
    assert!(elsewhere.is_empty(), "another project learns who has it");
}

#[tokio::test]
async fn each_condition_ends_it_by_itself() {
    let site = Site::new().await;
    let (_, lent) = site.lent().await;
    site.clock.advance(DAY * 90);
    assert_eq!(site.against(&site.person).await, Some("application-ended"));
    // A renewal is a new question, and the old answer holds to its day.
    let again = site.change(&lent.id, Change::Renew(site.in_days(300), Sensitive::default())).await.unwrap();
    assert_eq!(again.state, State::RenewalAsked);
    assert_eq!(site.against(&site.person).await, Some("application-ended"));
    site.approve(&lent.id, 366).await.unwrap();
    assert_eq!(site.against(&site.person).await, None);
    // 365 days after the first approval a report is due, and 30 days later nothing is given without one.
    site.clock.advance(DAY * 304);
    assert_eq!(site.against(&site.person).await, None);
    site.clock.advance(DAY);
    assert_eq!(site.against(&site.person).await, Some("report-overdue"));
    let reported = site.change(&lent.id, report()).await.unwrap();
    assert_eq!(
        reported.report.as_ref().map(|words| words.reveal().as_str()),
        Some("two papers, no incident")
    );
    let kept = site.sharing.applications(&site.view(&site.home).await).await.unwrap();
    assert_eq!(kept.iter().find(|one| one.id == lent.id).unwrap().report, reported.report);
    assert_eq!(site.against(&site.person).await, None);
    site.deny(&lent.id).await.unwrap();
    assert_eq!(site.against(&site.person).await, Some("dataset-not-lent"));
    assert!(matches!(site.deny(&lent.id).await, Err(Error::Stands { stands: "denied", .. })));
    for change in [Change::End, report(), Change::Renew(site.in_days(1), Sensitive::default())] {
        assert!(
            matches!(site.change(&lent.id, change.clone()).await, Err(Error::Stands { .. })),
            "{change:?}"
        );
    }
    assert!(matches!(site.approve(&lent.id, 1).await, Err(Error::Stands { .. })));
}

#[tokio::test]
async fn who_gives_it_up_or_closes_it_ends_it() {
    let site = Site::new().await;
    let (dataset, lent) = site.lent().await;
    assert!(matches!(site.apply(&dataset.id).await, Err(Error::Stands { .. })), "it is lent already");
    site.change(&lent.id, Change::End).await.unwrap();
    assert_eq!(site.against(&site.person).await, Some("dataset-not-lent"));
    let again = site.apply(&dataset.id).await.unwrap();
    site.approve(&again.id, 90).await.unwrap();
    assert_eq!(site.against(&site.person).await, None);
    let foreign = site.may(&site.workspace, Role::DataSteward, Action::PublishDataset).await;
    assert!(matches!(site.sharing.close(&foreign, &dataset.id).await, Err(Error::NotFound)));
    let permit = site.may(&site.home, Role::DataSteward, Action::PublishDataset).await;
    site.sharing.close(&permit, &dataset.id).await.unwrap();
    assert_eq!(site.against(&site.person).await, Some("dataset-closed"));
    let before = site.spine.audit.history(dataset.id.as_str()).unwrap().events.len();
    assert!(matches!(site.sharing.close(&permit, &dataset.id).await, Err(Error::Stands { .. })));
    assert_eq!(site.spine.audit.history(dataset.id.as_str()).unwrap().events.len(), before);
    let other = site.offer(|_| {}).await.unwrap();
    site.sharing.close(&permit, &other.id).await.unwrap();
    assert!(matches!(site.apply(&other.id).await, Err(Error::Stands { stands: "closed", .. })));
}

#[tokio::test]
async fn a_loan_stands_on_the_agreement_that_its_dataset_asks_for() {
    let site = Site::new().await;
    let dataset = site.offer(|new| new.contract = Some(Contract::Use)).await.unwrap();
    let asked = site.apply(&dataset.id).await.unwrap();
    site.approve(&asked.id, 90).await.unwrap();
    assert_eq!(site.against(&site.person).await, Some("agreement-ended"));
    let other = site.offer(|_| {}).await.unwrap();
    site.agree("ror:someone", None).await.unwrap();
    site.agree("ror:05a28rw58", Some(&other.id)).await.unwrap();
    assert_eq!(site.against(&site.person).await, Some("agreement-ended"), "neither is about this");
    let own = site.agree("ror:05a28rw58", Some(&dataset.id)).await.unwrap();
    assert_eq!(site.against(&site.person).await, None);
    let permit = site.may(&site.home, Role::DataSteward, Action::KeepAgreements).await;
    site.sharing.end_agreement(&permit, &own).await.unwrap();
    assert_eq!(site.against(&site.person).await, Some("agreement-ended"));
    let before = site.spine.audit.history(own.as_str()).unwrap().events.len();
    assert!(matches!(site.sharing.end_agreement(&permit, &own).await, Err(Error::Stands { .. })));
    assert_eq!(site.spine.audit.history(own.as_str()).unwrap().events.len(), before, "nothing was ended");
    site.agree("ror:05a28rw58", None).await.unwrap();
    assert_eq!(site.against(&site.person).await, None);
    site.clock.advance(DAY * 50);
    assert_eq!(site.against(&site.person).await, Some("agreement-ended"));
    // Another project neither ends it nor names this one's dataset in its own.
    let foreign = site.may(&site.workspace, Role::DataSteward, Action::KeepAgreements).await;
    assert!(matches!(site.sharing.end_agreement(&foreign, &own).await, Err(Error::NotFound)));
    let new = NewAgreement {
        contract: Contract::Associate,
        party: "x".into(),
        dataset: Some(dataset.id.clone()),
        document: Sha256([7; 32]),
        until: site.in_days(1),
    };
    assert!(matches!(site.sharing.agree(&foreign, new).await, Err(Error::NotFound)));
    assert_eq!(site.sharing.agreements(&site.view(&site.home).await).await.unwrap().len(), 4);
    assert!(site.sharing.agreements(&site.view(&site.workspace).await).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_has_the_wrong_shape_is_refused() {
    let site = Site::new().await;
    let bad: [fn(&mut NewDataset); 6] = [
        |new| new.name = " ".into(),
        |new| new.name = "a\u{1b}[2J".into(),
        |new| new.purposes.clear(),
        |new| new.samples.clear(),
        |new| new.frameworks.clear(),
        |new| new.frameworks = BTreeSet::from([Framework::None, Framework::Gdpr]),
    ];
    for change in bad {
        assert_eq!(site.offer(change).await.unwrap_err().kind(), Kind::Invalid);
    }
    // Bulk genomes are lent under an agreement.
    let bulk = |persons| {
        move |new: &mut NewDataset| {
            new.persons = persons;
            new.frameworks = BTreeSet::from([Framework::Bulk]);
        }
    };
    assert!(matches!(site.offer(bulk(101)).await, Err(Error::Blocked(_))));
    site.offer(bulk(100)).await.unwrap();
    site.offer(|new| {
        bulk(101)(new);
        new.contract = Some(Contract::Use);
    })
    .await
    .unwrap();
    let dataset = site.offer(|_| {}).await.unwrap();
    let permit = site.may(&site.workspace, Role::Analyst, Action::ApplyForDataset).await;
    let good = NewApplication {
        dataset: dataset.id.clone(),
        party: "ror:05a28rw58".into(),
        people: BTreeSet::from([site.person.clone()]),
        until: site.in_days(366),
        why: Sensitive::default(),
    };
    let bad: [fn(&Site, &mut NewApplication); 5] = [
        |_, new| new.party = "two words".into(),
        |_, new| new.party = String::new(),
        |_, new| new.people.clear(),
        |site, new| new.until = site.in_days(0),
        |site, new| new.until = site.in_days(367),
    ];
    for change in bad {
        let mut new = good.clone();
        change(&site, &mut new);
        assert_eq!(site.sharing.apply(&permit, new).await.unwrap_err().kind(), Kind::Invalid);
    }
    let own = site.may(&site.home, Role::Analyst, Action::ApplyForDataset).await;
    assert_eq!(site.sharing.apply(&own, good.clone()).await.unwrap_err().kind(), Kind::Invalid);
    let asked = site.sharing.apply(&permit, good).await.unwrap();
    assert_eq!(site.approve(&asked.id, 0).await.unwrap_err().kind(), Kind::Invalid);
    assert_eq!(site.approve(&asked.id, 367).await.unwrap_err().kind(), Kind::Invalid);
    assert_eq!(site.against(&site.person).await, Some("no loan"));
}

#[tokio::test]
async fn people_are_named_by_the_home_as_others_authorize_them() {
    let site = Site::new().await;
    let (_, lent) = site.lent().await;
    let other = UserId::mint(&SystemEntropy);
    let foreign = site.may(&site.workspace, Role::DataSteward, Action::AnswerApplication).await;
    let named = BTreeMap::from([(other.clone(), None)]);
    assert!(matches!(
        site.sharing.name_people(&foreign, &lent.id, named.clone()).await,
        Err(Error::NotFound)
    ));
    let permit = site.may(&site.home, Role::DataSteward, Action::AnswerApplication).await;
    site.sharing.name_people(&permit, &lent.id, named).await.unwrap();
    assert_eq!(site.against(&site.person).await, Some("application-not-yours"));
    assert_eq!(site.against(&other).await, None);
    // Each until their own day, where the list has one.
    let named = BTreeMap::from([(other.clone(), Some(site.in_days(10))), (site.person.clone(), None)]);
    site.sharing.name_people(&permit, &lent.id, named).await.unwrap();
    site.clock.advance(DAY * 10);
    assert_eq!(site.against(&other).await, Some("application-ended"));
    assert_eq!(site.against(&site.person).await, None);
    // Nobody may be left: then nobody uses it.
    site.sharing.name_people(&permit, &lent.id, BTreeMap::new()).await.unwrap();
    assert_eq!(site.against(&other).await, Some("application-not-yours"));
}

#[tokio::test]
async fn nobody_lends_to_themselves() {
    let site = Site::new().await;
    let steward = site.home.with(Role::DataSteward).person().unwrap().clone();
    let dataset = site.offer(|_| {}).await.unwrap();
    let mut new = NewApplication {
        dataset: dataset.id.clone(),
        party: "ror:05a28rw58".into(),
        people: BTreeSet::from([site.person.clone(), steward.clone()]),
        until: site.in_days(100),
        why: Sensitive::default(),
    };
    let permit = site.may(&site.workspace, Role::Analyst, Action::ApplyForDataset).await;
    let asked = site.sharing.apply(&permit, new.clone()).await.unwrap();
    assert!(matches!(site.approve(&asked.id, 90).await, Err(Error::OwnUse)));
    // No is theirs to say.
    site.deny(&asked.id).await.unwrap();
    new.people.remove(&steward);
    let permit = site.may(&site.workspace, Role::Analyst, Action::ApplyForDataset).await;
    let asked = site.sharing.apply(&permit, new).await.unwrap();
    site.approve(&asked.id, 90).await.unwrap();
    let permit = site.may(&site.home, Role::DataSteward, Action::AnswerApplication).await;
    let named = BTreeMap::from([(steward.clone(), None)]);
    assert!(matches!(site.sharing.name_people(&permit, &asked.id, named).await, Err(Error::OwnUse)));
    assert_eq!(site.against(&steward).await, Some("application-not-yours"));
}

#[tokio::test]
async fn what_was_lent_meanwhile_is_looked_at_again() {
    let site = Site::new().await;
    let (first, second) = (site.offer(|_| {}).await.unwrap(), site.offer(|_| {}).await.unwrap());
    let (one, other) = (site.apply(&first.id).await.unwrap(), site.apply(&second.id).await.unwrap());
    site.approve(&one.id, 90).await.unwrap();
    assert!(matches!(site.approve(&other.id, 90).await, Err(Error::Stands { what: "workspace", .. })));
    let permit = site.may(&site.home, Role::DataSteward, Action::AnswerApplication).await;
    let seen = Approval { beside: BTreeSet::from([first.id.clone()]), ..site.yes(90) };
    site.sharing.answer(&permit, &other.id, Some(seen)).await.unwrap();
    // What has ended goes with nothing any more.
    site.clock.advance(DAY * 90);
    site.change(&other.id, Change::Renew(site.in_days(90), Sensitive::default())).await.unwrap();
    site.approve(&other.id, 90).await.unwrap();
}

#[tokio::test]
async fn what_falls_due_is_on_record_once() {
    let site = Site::new().await;
    let (_, lent) = site.lent().await;
    let actor = audit::Actor::Site(site.spine.site.clone());
    let due = || site.sharing.record_due(&actor);
    assert_eq!(due().await.unwrap(), 0);
    site.clock.advance(DAY * 90);
    assert_eq!((due().await.unwrap(), due().await.unwrap()), (1, 0));
    site.change(&lent.id, Change::Renew(site.in_days(366), Sensitive::default())).await.unwrap();
    site.approve(&lent.id, 366).await.unwrap();
    assert_eq!(due().await.unwrap(), 0, "another day has another end");
    site.clock.advance(DAY * 244);
    assert_eq!(due().await.unwrap(), 0);
    site.clock.advance(DAY);
    assert_eq!((due().await.unwrap(), due().await.unwrap()), (1, 0), "30 days before");
    site.change(&lent.id, report()).await.unwrap();
    assert_eq!(due().await.unwrap(), 0);
    let told = ["asked", "approved", "lapsed", "renewal-asked", "approved", "report-due", "reported"];
    assert_eq!(site.told(&lent.id), told);
    site.change(&lent.id, Change::End).await.unwrap();
    site.clock.advance(DAY * 400);
    assert_eq!(due().await.unwrap(), 0, "what was given up is due no more");
}

fn report() -> Change {
    Change::Report(Sensitive::new("two papers, no incident".to_owned()))
}

#[tokio::test]
async fn a_restored_copy_asks_again() {
    let site = Site::new().await;
    let (dataset, lent) = site.lent().await;
    site.agree("ror:05a28rw58", None).await.unwrap();
    let permit = site.may(&site.home, Role::DataSteward, Action::PublishDataset).await;
    let tx = site.spine.db.begin(permit.decision()).await.unwrap();
    assert_eq!(sharing::restored::ask_again(&tx, site.in_days(0)).await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(site.against(&site.person).await, Some("dataset-not-lent"));
    let agreements = site.sharing.agreements(&site.view(&site.home).await).await.unwrap();
    assert!(agreements.iter().all(|one| one.ended.is_some()));
    site.approve(&lent.id, 10).await.unwrap();
    assert_eq!(site.against(&site.person).await, None);
    let kept = site.sharing.dataset(&dataset.id).await.unwrap();
    assert_eq!(kept, dataset);
}

#[tokio::test]
async fn names_and_reasons_lie_sealed_and_what_was_changed_lends_nothing() {
    let site = Site::new().await;
    let (dataset, lent) = site.lent().await;
    let rows = "SELECT name AS text FROM sharing_dataset UNION ALL SELECT reasons FROM sharing_application \
                UNION ALL SELECT why FROM sharing_application";
    let reader = site.spine.db.reader();
    let asked = Statement::from_string(reader.get_database_backend(), rows);
    let found = reader.query_all_raw(asked).await.unwrap();
    let found: Vec<String> = found.iter().map(|row| row.try_get("", "text").unwrap()).collect();
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|text| !text.contains("uixotic") && !text.contains("ethics")), "{found:?}");
    let why = site.sharing.application(&lent.id).await.unwrap().why.unwrap();
    assert_eq!(why.reveal(), "a quixotic study");
    let spoil = "UPDATE sharing_dataset SET terms = 'DUO:0000004 DUO:0000042'";
    site.spine.db.reader().execute_unprepared(spoil).await.unwrap();
    assert_eq!(site.sharing.dataset(&dataset.id).await.unwrap().terms, None);
    let spoil = "UPDATE sharing_application SET reasons = 'x'";
    site.spine.db.reader().execute_unprepared(spoil).await.unwrap();
    let read = site.sharing.loans(&site.workspace.project, &site.sample).await;
    assert!(matches!(read, Err(Error::Record)));
}
