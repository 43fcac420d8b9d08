//! What people agreed to is asked beside the policies: for what opens content, at each decision, and on record.

use access::facts::{PlaceAnswer, SubjectAnswer, UseAnswer};
use access::thing::Sample;
use access::verb::{Read, Verb, View};
use access::{Action, Ask, Error, Facts, Permit, Place, Unusable};
use audit::What;
use base::{Class, Id, ProjectId, Role, SampleId, SystemEntropy};
use std::sync::{Arc, Mutex};
use testkit::{Members, Spine};

/// What a test says of the use of any sample, which is of the project that it says.
#[derive(Default)]
struct Said {
    project: Mutex<Option<ProjectId>>,
    /// None: nobody can say.
    refusals: Mutex<Option<Vec<Unusable>>>,
}

/// Knows what the test said.
struct Told(Arc<Said>);

impl Facts for Told {
    fn place<'a>(&'a self, _: &'a str) -> PlaceAnswer<'a> {
        let project = self.0.project.lock().unwrap().clone();
        let place = Place { project, class: Some(Class::Research), ..Place::of_site() };
        Box::pin(async move { Ok(Some(place)) })
    }

    fn subject<'a>(&'a self, _: &'a str) -> SubjectAnswer<'a> {
        Box::pin(async { Ok(None) })
    }

    fn usable<'a>(&'a self, _: access::Using<'a>) -> UseAnswer<'a> {
        let refusals = self.0.refusals.lock().unwrap().clone();
        Box::pin(async move { refusals.ok_or_else(|| "a row that cannot be read".into()) })
    }
}

struct Site {
    spine: Spine,
    members: Members,
    said: Arc<Said>,
    sample: SampleId,
}

impl Site {
    async fn new() -> Self {
        let said = Arc::new(Said::default());
        let told = said.clone();
        let spine = Spine::with_facts(&[], move |_, _| Some(Arc::new(Told(told)) as Arc<dyn Facts>)).await;
        let members = spine.project(Class::Research).await;
        *said.project.lock().unwrap() = Some(members.project.clone());
        Self { spine, members, said, sample: SampleId::mint(&SystemEntropy) }
    }

    fn say(&self, rules: &[&'static str]) {
        let one = |rule: &&'static str| Unusable { rule, why: format!("because of {rule}") };
        *self.said.refusals.lock().unwrap() = Some(rules.iter().map(one).collect());
    }

    async fn ask<V: Verb>(&self, action: Action) -> Result<Permit<V, Sample>, Error> {
        let analyst = self.members.with(Role::Analyst);
        self.spine.access.decide(analyst, Ask::new(action, [self.sample.clone()])).await
    }

    /// The newest decision about the sample: whether it was allowed, and by what.
    fn newest(&self) -> (bool, Vec<String>) {
        let events = self.spine.audit.history(self.sample.as_str()).unwrap().events;
        let decided = events.into_iter().rev().find_map(|one| match one.event.what {
            What::Decision { allowed, policies, .. } => Some((allowed, policies)),
            _ => None,
        });
        decided.unwrap()
    }
}

#[tokio::test]
async fn what_refuses_stands_on_record_and_is_said() {
    let site = Site::new().await;
    site.say(&[]);
    assert!(site.ask::<Read>(Action::ViewVariants).await.is_ok());
    site.say(&["use-terms", "consent-withdrawn", "use-terms"]);
    let refused = site.ask::<Read>(Action::ViewVariants).await.err().unwrap();
    let said = "this may not be used: because of consent-withdrawn; because of use-terms";
    assert_eq!(refused.to_string(), said);
    assert_eq!(site.newest(), (false, vec!["consent-withdrawn".to_owned(), "use-terms".to_owned()]));
    // What only lists opens nothing.
    assert!(site.ask::<View>(Action::ViewSamples).await.is_ok());
}

#[tokio::test]
async fn what_nobody_can_say_allows_nothing_and_keeps_its_cause() {
    let site = Site::new().await;
    let refused = site.ask::<Read>(Action::ViewVariants).await.err().unwrap();
    assert!(
        matches!(&refused, Error::Facts(cause) if cause.to_string().contains("cannot be read")),
        "{refused:?}"
    );
    assert_eq!(site.newest(), (false, vec!["use-not-known".to_owned()]));
}

#[tokio::test]
async fn a_permit_is_renewed_as_long_as_the_data_may_be_used() {
    let site = Site::new().await;
    site.say(&[]);
    let permit = site.ask::<Read>(Action::ViewVariants).await.unwrap();
    let permit = site.spine.access.renew(&permit, Action::ViewVariants).await.unwrap();
    site.say(&["consent-withdrawn"]);
    let refused = site.spine.access.renew(&permit, Action::ViewVariants).await.err().unwrap();
    assert!(matches!(refused, Error::NotUsable(_)), "{refused:?}");
}
